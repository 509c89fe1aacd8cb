//! What the looks say: lines for people, a document for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::check::{Reason, Verdict};
use crate::runbook::{Proof, Runbook};
use crate::runtime::looking::Look;
use crate::ui::text::{visible, width};

/// A secret shorter than this is none, and masking it would only make the rest unreadable.
const SHORTEST_SECRET: usize = 4;

/// So much of the beginning of a long secret gives it away.
const MOST_SHOWN: usize = 8;

/// Titles are aligned up to this width; longer ones stand out by themselves.
const WIDEST_TITLE: usize = 48;

/// All looks, in the runbook's order, with no secret in them.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The runbook's title.
    #[serde(skip)]
    pub title: String,
    /// The checks.
    pub checks: Vec<Line>,
    /// The metrics.
    pub metrics: Vec<Line>,
}

/// One look.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Id in the runbook.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// `pass`, `warn`, `fail` or `unknown`.
    pub verdict: &'static str,
    /// Why it isn't a pass; `null` when it is.
    pub reason: Option<String>,
    /// The kind of reason that nothing was seen, e.g. `timeout`.
    pub unknown: Option<Reason>,
    /// What was seen, in a few words.
    pub observed: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// A metric's number; `null` when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Option<f64>>,
    /// A metric's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(skip)]
    pub(super) full: Verdict,
}

impl Report {
    /// From looks at a runbook; `secrets` are masked wherever a target sends them back.
    pub fn new(runbook: &Runbook, looks: &[Look], secrets: &[String]) -> Self {
        let masked = |text: &str| mask(text, secrets);
        let line = |look: &Look| match look.of {
            Proof::Check(check) => {
                let check = &runbook.checks[check];
                Line::new(look, &check.id, &check.title, None, &masked)
            }
            Proof::Metric(metric) => {
                let metric = &runbook.metrics[metric];
                Line::new(look, &metric.id, &metric.title, Some(&metric.unit), &masked)
            }
        };
        let lines = |of_checks: bool| {
            let looks = looks.iter();
            let looks = looks.filter(|look| matches!(look.of, Proof::Check(_)) == of_checks);
            looks.map(line).collect()
        };
        Self {
            title: runbook.title.clone(),
            checks: lines(true),
            metrics: lines(false),
        }
    }

    /// Checks and metrics.
    pub fn all(&self) -> impl Iterator<Item = &Line> {
        self.checks.iter().chain(&self.metrics)
    }

    /// How many have a verdict of this name.
    pub fn count(&self, verdict: &str) -> usize {
        self.all().filter(|line| line.verdict == verdict).count()
    }

    /// A line each, as a person reads them.
    pub fn lines(&self, color: bool) -> String {
        let titles = self.all().map(|line| width(&visible(&line.title)));
        let column = titles.filter(|&width| width <= WIDEST_TITLE).max();
        let mut text = String::new();
        for line in self.all() {
            text.push_str(&line.words(column.unwrap_or(0), color));
            text.push('\n');
        }
        text
    }

    /// The counts in a sentence.
    pub fn summary(&self) -> String {
        let counts = [
            ("pass", "ok"),
            ("warn", "warn"),
            ("fail", "fail"),
            ("unknown", "unknown"),
        ];
        let words = counts.map(|(verdict, word)| format!("{} {word}", self.count(verdict)));
        words.join(", ")
    }
}

impl Line {
    fn new(
        look: &Look,
        id: &str,
        title: &str,
        unit: Option<&String>,
        masked: &impl Fn(&str) -> String,
    ) -> Self {
        Self {
            id: id.to_owned(),
            title: masked(title),
            verdict: look.verdict.name(),
            reason: (look.verdict != Verdict::Pass).then(|| masked(&look.because)),
            unknown: match look.verdict {
                Verdict::Unknown(reason) => Some(reason),
                _ => None,
            },
            observed: masked(&look.observed),
            took_ms: u64::try_from(look.took.as_millis()).unwrap_or(u64::MAX),
            // JSON has no infinity; the words have.
            value: unit.map(|_| look.value.filter(|value| value.is_finite())),
            unit: unit.cloned(),
            full: look.verdict,
        }
    }

    /// `OK       TITLE  observed  12ms`, and why when it isn't ok.
    fn words(&self, column: usize, color: bool) -> String {
        let (word, paint) = mark(self.full);
        let title = visible(&self.title);
        let gap = column.saturating_sub(width(&title));
        let mut words = if color {
            format!("{paint}{word:<8}\x1b[0m{title}{}", " ".repeat(gap))
        } else {
            format!("{word:<8}{title}{}", " ".repeat(gap))
        };
        let reason = self.reason.as_deref().unwrap_or_default();
        for part in [self.observed.as_str(), reason] {
            if !part.is_empty() {
                let _ = write!(words, "  {}", visible(part));
            }
        }
        let _ = write!(words, "  {}", took(Duration::from_millis(self.took_ms)));
        words
    }
}

/// The word for a verdict, and what paints it.
fn mark(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Pass => ("OK", ""),
        Verdict::Warn => ("WARN", "\x1b[33m"),
        Verdict::Fail => ("FAIL", "\x1b[1;31m"),
        Verdict::Unknown(_) => ("UNKNOWN", "\x1b[35m"),
    }
}

fn took(time: Duration) -> String {
    match time.as_millis() {
        milliseconds if milliseconds < 1_000 => format!("{milliseconds}ms"),
        milliseconds => format!("{:.1}s", milliseconds as f64 / 1_000.0),
    }
}

fn mask(text: &str, secrets: &[String]) -> String {
    let long = secrets
        .iter()
        .filter(|secret| secret.len() >= SHORTEST_SECRET);
    long.fold(text.to_owned(), |text, secret| mask_one(&text, secret))
}

/// Masks a secret wherever it or its beginning stands: a quotation may have been cut in the middle of it.
fn mask_one(text: &str, secret: &str) -> String {
    let head: String = secret.chars().take(MOST_SHOWN).collect();
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(&head) {
        let (before, found) = rest.split_at(start);
        let same = found.chars().zip(secret.chars());
        let length = same
            .take_while(|(here, there)| here == there)
            .map(|(here, _)| here.len_utf8())
            .sum();
        masked.push_str(before);
        masked.push_str("***");
        rest = &found[length..];
    }
    masked + rest
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::runbook::load;

    pub(in crate::cli::check) fn report() -> Report {
        let text = "format = 1\ntitle = 'Sample'\n\
            [[check]]\nid = 'api'\ntitle = 'API <answers>'\ntcp = { host = 'h', port = 1 }\n\
            [[check]]\nid = 'late'\ntcp = { host = 'h', port = 1 }\n\
            [[check]]\nid = 'mode'\ntcp = { host = 'h', port = 1 }\n\
            [[metric]]\nid = 'p95'\ntitle = 'p95'\nunit = 's'\ncommand = { run = 'x' }\nfail = '> 5'";
        let runbook = load("sample.toml", text.as_bytes()).runbook.unwrap();
        let look = |of, verdict, observed: &str, because: &str, took| Look {
            of,
            verdict,
            observed: observed.to_owned(),
            because: because.to_owned(),
            value: matches!(of, Proof::Metric(_)).then_some(7.0),
            took: Duration::from_millis(took),
        };
        let looks = [
            look(Proof::Check(0), Verdict::Pass, "200 · 12ms", "", 12),
            look(
                Proof::Check(1),
                Verdict::Unknown(Reason::Timeout),
                "",
                "no answer within 3s",
                3_000,
            ),
            look(
                Proof::Check(2),
                Verdict::Warn,
                "set",
                "wanted \"a\", got \"s3cret-key\"",
                0,
            ),
            look(
                Proof::Metric(0),
                Verdict::Fail,
                "7.00 s",
                "fails at > 5",
                40,
            ),
        ];
        Report::new(&runbook, &looks, &["s3cret-key".to_owned()])
    }

    #[test]
    fn a_line_says_what_was_seen_why_and_how_long_it_took() {
        assert_eq!(
            report().lines(false),
            "OK      API <answers>  200 · 12ms  12ms\n\
             UNKNOWN late           no answer within 3s  3.0s\n\
             WARN    mode           set  wanted \"a\", got \"***\"  0ms\n\
             FAIL    p95            7.00 s  fails at > 5  40ms\n"
        );
        assert_eq!(report().summary(), "1 ok, 1 warn, 1 fail, 1 unknown");
    }

    #[test]
    fn a_secret_is_masked_even_where_a_quotation_was_cut_in_it() {
        let secrets = ["s3cret-token-of-many-letters".to_owned(), "abc".to_owned()];
        for (text, masked) in [
            ("got s3cret-token-of-many-letters!", "got ***!"),
            ("got s3cret-tok…", "got ***…"),
            ("s3cret-token-of-many-letterss3cret-to", "******"),
            ("got s3c and abc", "got s3c and abc"),
        ] {
            assert_eq!(mask(text, &secrets), masked);
        }
    }

    #[test]
    fn the_document_has_the_promised_fields() {
        let document = serde_json::to_value(report()).unwrap();
        assert_eq!(
            document["checks"][1],
            serde_json::json!({
                "id": "late", "title": "late", "verdict": "unknown", "reason": "no answer within 3s",
                "unknown": "timeout", "observed": "", "took_ms": 3_000,
            })
        );
        assert_eq!(document["checks"][0]["reason"], serde_json::Value::Null);
        assert_eq!(document["metrics"][0]["value"], 7.0);
        assert_eq!(document["metrics"][0]["unit"], "s");
    }
}
