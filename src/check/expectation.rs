//! Expectations: the one small grammar in which a runbook says what an answer has to be.
//!
//! They are parsed once, at load, into a `Test` with its regular expressions and jq paths compiled, so that a
//! mistake is found in review and judging a thousand checks a second costs little. The grammar is in `grammar`,
//! what holds and what doesn't in `judging`.

pub(in crate::check) mod cursor;
mod grammar;
mod judging;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use regex::bytes::Regex;

use super::json_path::{Found, JsonPath};
use super::{Comparison, Verdict};

pub use judging::judge;

/// A mistake in an expectation or a limit, with its place inside that string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Byte range inside the parsed string.
    pub at: Range<usize>,
    /// What is wrong, and what was expected.
    pub message: String,
    /// A likely correction.
    pub help: Option<String>,
}

/// One expectation, parsed at load.
#[derive(Clone)]
pub struct Expectation {
    text: String,
    kind: Kind,
    test: Test,
}

impl Expectation {
    /// Parses `text` for a probe of this kind (see [`super::Probe::kind`]).
    ///
    /// # Errors
    /// When the text isn't of the grammar or asks for something this kind of probe doesn't see.
    pub fn parse(text: &str, probe_kind: &str) -> Result<Self, SyntaxError> {
        let kind = Kind::find(probe_kind).ok_or_else(|| SyntaxError {
            at: 0..text.len(),
            message: format!("`{probe_kind}` is not a kind of probe"),
            help: None,
        })?;
        Ok(Self {
            text: text.trim().to_owned(),
            kind,
            test: grammar::parse(text, kind)?,
        })
    }

    /// The same test in other words: what an author wrote before variables were filled in.
    #[must_use]
    pub fn written_as(mut self, text: &str) -> Self {
        text.trim().clone_into(&mut self.text);
        self
    }

    /// The author's words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The TLS version that has to be refused, for `refuses 1.1`: the probe has to try it.
    pub fn refused_version(&self) -> Option<&str> {
        match &self.test {
            Test::Fact(Fact::Refuses(version)) => Some(version),
            _ => None,
        }
    }
}

/// What is expected of a probe of this kind when the runbook says nothing; empty for an unknown kind.
pub fn defaults(probe_kind: &str) -> Vec<Expectation> {
    let expected = Kind::find(probe_kind).map(Kind::default_text);
    expected
        .into_iter()
        .filter_map(|text| Expectation::parse(text, probe_kind).ok())
        .collect()
}

/// The text and the kind stand for the test, which is parsed from nothing else.
impl PartialEq for Expectation {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.kind) == (&other.text, other.kind)
    }
}

impl fmt::Debug for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expectation").field(&self.text).finish()
    }
}

/// What the expectations say of an observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict of this one look.
    pub verdict: Verdict,
    /// What was seen, in a few words, e.g. `200 · 34ms`; never a secret.
    pub observed: String,
    /// When not pass: which expectation failed, or why nothing was seen.
    pub because: String,
    /// How long the look took.
    pub took: Duration,
}

/// The kinds of probe, as far as expectations differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Tcp,
    Tls,
    Dns,
    Env,
    File,
    Command,
    Alerts,
    Grpc,
    WebSocket,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Http,
        Self::Tcp,
        Self::Tls,
        Self::Dns,
        Self::Env,
        Self::File,
        Self::Command,
        Self::Alerts,
        Self::Grpc,
        Self::WebSocket,
    ];

    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Dns => "dns",
            Self::Env => "env",
            Self::File => "file",
            Self::Command => "command",
            Self::Alerts => "alerts",
            Self::Grpc => "grpc",
            Self::WebSocket => "websocket",
        }
    }

    /// The words an expectation of this kind may start with.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["status", "latency", "header", "body", "json"],
            Self::Tcp => &["connects", "refused", "banner", "latency"],
            Self::Tls => &["trusted", "version", "refuses", "expires_in", "latency"],
            Self::Dns => &["resolves", "latency"],
            Self::Env => &["set", "absent", "length", "==", "!=", "contains", "matches"],
            Self::File => &[
                "exists", "absent", "contains", "matches", "mode", "age", "size",
            ],
            Self::Command => &["exit", "stdout", "stderr", "json", "latency"],
            Self::Alerts => &["none", "firing", "latency"],
            Self::Grpc => &["serving", "connects", "latency"],
            Self::WebSocket => &["connects", "latency"],
        }
    }

    fn default_text(self) -> &'static str {
        match self {
            Self::Http => "status in 200..299",
            Self::Tcp | Self::WebSocket => "connects",
            Self::Tls => "trusted",
            Self::Dns => "resolves",
            Self::Env => "set",
            Self::File => "exists",
            Self::Command => "exit == 0",
            Self::Alerts => "none firing",
            Self::Grpc => "serving",
        }
    }
}

/// What an expectation asks for.
#[derive(Clone)]
enum Test {
    /// A number is within bounds.
    Number(Quantity, Bounds),
    /// A text is, holds or matches something.
    Text(Place, TextTest),
    /// Every value at a path of a JSON document is as wanted.
    Json(JsonPath, JsonTest),
    /// Something is so or isn't.
    Fact(Fact),
}

/// The numbers that probes bring home.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Status,
    Latency,
    Version,
    ExpiresIn,
    Exit,
    Length,
    Mode,
    Age,
    Size,
}

#[derive(Clone, Copy)]
enum Bounds {
    Compare(Comparison, f64),
    /// Both ends belong to it.
    Within(f64, f64),
}

impl Bounds {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Compare(comparison, bound) => comparison.holds(value, bound),
            Self::Within(low, high) => (low..=high).contains(&value),
        }
    }
}

/// Where a text is looked for.
#[derive(Clone)]
enum Place {
    /// A response header, by its name in lower case.
    Header(String),
    Body,
    Banner,
    Stdout,
    Stderr,
    /// The value of an environment variable.
    Value,
    /// A file's content.
    Content,
}

#[derive(Clone)]
enum TextTest {
    Is(String),
    IsNot(String),
    /// `matches`, and `contains` as the regular expression of its text: its search is much faster than ours.
    Finds(Regex),
}

#[derive(Clone)]
enum JsonTest {
    /// Ordered comparisons have a number on their right side.
    Compare(Comparison, Found),
    Within(f64, f64),
    /// See [`TextTest::Finds`].
    Finds(Regex),
    Exists,
    Absent,
}

#[derive(Clone, PartialEq, Eq)]
enum Fact {
    HeaderExists(String),
    HeaderAbsent(String),
    Trusted,
    Refuses(String),
    Resolves,
    ResolvesTo(String),
    Refused,
    Connects,
    Set,
    Exists,
    Absent,
    NoneFiring,
    Firing(String),
    Serving,
}
