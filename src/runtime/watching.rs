//! Looking, when the core says so: runs probes, judges what they bring home, and answers with messages.
//!
//! Judging happens here, off the loop, because a body of a megabyte takes time to parse; how to judge is the pure
//! `check` module's business.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::probe::{Fetched, Prober};
use super::redaction::{self, Redactor};
use crate::app::Msg;
use crate::check::json_path::{JsonPath, json_number};
use crate::check::scrape::ScrapeState;
use crate::check::{self, Blind, MetricSource, Now, Reason};
use crate::runbook::Runbook;

/// How the number is found in what a metric's source answered.
#[derive(Debug)]
enum Reader {
    Scrape(Mutex<ScrapeState>),
    Json(JsonPath),
    Prometheus,
    Command,
    /// What the runbook asks for can't be read; says why.
    Unreadable(String),
}

/// Looks at a runbook's checks and metrics.
#[derive(Debug)]
pub struct Watcher {
    runbook: Arc<Runbook>,
    prober: Arc<Prober>,
    readers: Vec<Arc<Reader>>,
    answers: UnboundedSender<Msg>,
    /// What targets send back may hold what was sent to them.
    redactor: Redactor,
}

impl Watcher {
    /// A watcher whose commands see these variables and whose relative paths start at this folder.
    pub fn new(
        runbook: &Arc<Runbook>,
        folder: &Path,
        environment: BTreeMap<String, String>,
        answers: UnboundedSender<Msg>,
    ) -> Self {
        let readers = runbook
            .metrics
            .iter()
            .map(|metric| Arc::new(Reader::of(&metric.source, metric.min_events)));
        Self {
            readers: readers.collect(),
            prober: Arc::new(Prober::new(folder, environment)),
            runbook: Arc::clone(runbook),
            answers,
            redactor: redaction::declared(),
        }
    }

    /// Looks at a check in a task of its own.
    pub fn look(&self, check: usize) {
        let (runbook, prober, answers) = (
            Arc::clone(&self.runbook),
            Arc::clone(&self.prober),
            self.answers.clone(),
        );
        let redactor = self.redactor.clone();
        tokio::spawn(async move {
            let definition = &runbook.checks[check];
            let observation = prober.look(&definition.probe, definition.timeout).await;
            let mut judgement = check::judge(&definition.expect, &observation);
            // The words and not the facts: masking what is judged could change the verdict.
            judgement.observed = redactor.redact(&judgement.observed);
            judgement.because = redactor.redact(&judgement.because);
            let _ = answers.send(Msg::Checked { check, judgement });
        });
    }

    /// Samples a metric in a task of its own. `now` is when it was asked for.
    pub fn sample(&self, metric: usize, now: Now) {
        let (runbook, prober, answers) = (
            Arc::clone(&self.runbook),
            Arc::clone(&self.prober),
            self.answers.clone(),
        );
        let reader = Arc::clone(&self.readers[metric]);
        let redactor = self.redactor.clone();
        tokio::spawn(async move {
            let definition = &runbook.metrics[metric];
            let fetched = prober.fetch(&definition.source, definition.timeout).await;
            let sample = fetched.and_then(|fetched| reader.number(now, &fetched));
            let sample = sample.map_err(|blind| Blind {
                detail: redactor.redact(&blind.detail),
                ..blind
            });
            let _ = answers.send(Msg::Sampled { metric, sample });
        });
    }
}

impl Reader {
    fn of(source: &MetricSource, min_events: Option<f64>) -> Self {
        let unreadable =
            |error: check::expectation::SyntaxError| Self::Unreadable(error.to_string());
        match source {
            MetricSource::Scrape(scrape) => {
                Self::Scrape(Mutex::new(ScrapeState::new(scrape, min_events)))
            }
            MetricSource::Json { path, .. } => {
                JsonPath::parse(path).map_or_else(unreadable, Self::Json)
            }
            MetricSource::Prometheus { .. } => Self::Prometheus,
            MetricSource::Command { .. } => Self::Command,
        }
    }

    fn number(&self, asked: Now, fetched: &Fetched) -> Result<f64, Blind> {
        match self {
            Self::Scrape(state) => {
                // A poisoned lock only means that an earlier parse panicked; the next page stands on its own.
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.observe(
                    Now {
                        monotonic: asked.monotonic + fetched.took,
                        ..asked
                    },
                    &fetched.text,
                )
            }
            Self::Json(path) => json_number(fetched.text.as_bytes(), path),
            Self::Prometheus => check::prometheus::decode(&fetched.text),
            Self::Command => check::metric::number(&fetched.text),
            Self::Unreadable(detail) => Err(Blind {
                reason: Reason::Parse,
                detail: detail.clone(),
            }),
        }
    }
}
