//! Looking, when the core says so: runs probes, judges what they bring home, and answers with messages.
//!
//! Judging happens here, off the loop, because a body of a megabyte takes time to parse; how to judge is the pure
//! `check` module's business.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::probe::{Fetched, Prober, sight};
use super::redaction::{self, Redactor};
use crate::app::Msg;
use crate::check::json_path::{JsonPath, json_number};
use crate::check::scrape::ScrapeState;
use crate::check::{
    self, Blind, Caveats, Judgement, Metric, MetricSource, Now, PastSample, Reading, Reason,
};
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

/// How far back pictures reach at least.
const PAST: Duration = Duration::from_secs(15 * 60);

/// More samples than this are not asked for: charts are narrower.
const MOST_PAST_SAMPLES: u32 = 1_000;

/// Looks at a runbook's checks and metrics, one look at a time.
#[derive(Debug)]
pub struct Sight {
    runbook: Arc<Runbook>,
    prober: Prober,
    readers: Vec<Reader>,
    /// What targets send back may hold what was sent to them.
    redactor: Redactor,
}

impl Sight {
    /// Commands of probes see these variables, and relative paths start at this folder.
    pub fn new(
        runbook: &Arc<Runbook>,
        folder: &Path,
        environment: BTreeMap<String, String>,
    ) -> Self {
        let metrics = runbook.metrics.iter();
        let readers = metrics.map(|metric| Reader::of(&metric.source, metric.min_events));
        Self {
            readers: readers.collect(),
            prober: Prober::new(folder, environment),
            runbook: Arc::clone(runbook),
            redactor: redaction::declared(),
        }
    }

    /// Looks at a check once, and judges what was seen.
    pub async fn look(&self, check: usize) -> Judgement {
        let definition = &self.runbook.checks[check];
        let observation = self
            .prober
            .look(&definition.probe, definition.timeout)
            .await;
        let judgement = check::judge(&definition.expect, &observation);
        // The words and not the facts: masking what is judged could change the verdict.
        Judgement {
            observed: self.redactor.redact(&judgement.observed),
            because: self.redactor.redact(&judgement.because),
            ..judgement
        }
    }

    /// What a metric's source remembers; `None` when that is nothing, or can't be had.
    pub async fn look_back(&self, metric: usize) -> Option<Vec<PastSample>> {
        let definition = &self.runbook.metrics[metric];
        let (window, step) = past_of(definition);
        let past = self
            .prober
            .look_back(&definition.source, window, step, definition.timeout);
        past.await.ok().filter(|past| !past.is_empty())
    }

    /// Samples a metric once. `now` is when it was asked for. There is no number when the source can't be seen, or what it says isn't one.
    pub async fn sample(&self, metric: usize, now: Now) -> Reading {
        let definition = &self.runbook.metrics[metric];
        let fetched = self.prober.fetch(&definition.source, definition.timeout);
        let mut reading = match fetched.await {
            Ok(fetched) => self.readers[metric].read(now, &fetched),
            Err(blind) => Err(blind).into(),
        };
        if let Err(blind) = &mut reading.value {
            blind.detail = self.redactor.redact(&blind.detail);
        }
        for warning in &mut reading.caveats.warnings {
            *warning = self.redactor.redact(warning);
        }
        reading
    }
}

/// How much of a metric's past is asked for, and how far apart its samples are.
fn past_of(metric: &Metric) -> (Duration, Duration) {
    let window = metric.baseline.unwrap_or_default().max(PAST);
    (window, metric.every.max(window / MOST_PAST_SAMPLES))
}

/// Looks when it is told to, and answers with messages.
#[derive(Debug)]
pub struct Watcher {
    sight: Arc<Sight>,
    answers: UnboundedSender<Msg>,
}

impl Watcher {
    /// A watcher whose commands see these variables and whose relative paths start at this folder.
    pub fn new(
        runbook: &Arc<Runbook>,
        folder: &Path,
        environment: BTreeMap<String, String>,
        answers: UnboundedSender<Msg>,
    ) -> Self {
        let sight = Arc::new(Sight::new(runbook, folder, environment));
        Self { sight, answers }
    }

    /// Looks at a check in a task of its own.
    pub fn look(&self, check: usize) {
        let (sight, answers) = (Arc::clone(&self.sight), self.answers.clone());
        tokio::spawn(async move {
            let judgement = sight.look(check).await;
            let _ = answers.send(Msg::Checked { check, judgement });
        });
    }

    /// Looks at our own end of the network in a task of its own.
    pub fn look_at_ourselves(&self) {
        let answers = self.answers.clone();
        tokio::spawn(async move {
            let _ = answers.send(Msg::Sighted(sight().await));
        });
    }

    /// Asks what metrics' sources remember, one after the other in a task of its own: at the start there is more to do
    /// than pictures. Who can't tell shows no past; why stands beside its first sample.
    pub fn look_back(&self) {
        let (sight, answers) = (Arc::clone(&self.sight), self.answers.clone());
        tokio::spawn(async move {
            for metric in 0..sight.runbook.metrics.len() {
                if let Some(past) = sight.look_back(metric).await {
                    let _ = answers.send(Msg::LookedBack { metric, past });
                }
            }
        });
    }

    /// Samples a metric in a task of its own. `now` is when it was asked for.
    pub fn sample(&self, metric: usize, now: Now) {
        let (sight, answers) = (Arc::clone(&self.sight), self.answers.clone());
        tokio::spawn(async move {
            let sample = sight.sample(metric, now).await;
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

    fn read(&self, asked: Now, fetched: &Fetched) -> Reading {
        match self {
            Self::Scrape(state) => {
                // A poisoned lock only means that an earlier parse panicked; the next page stands on its own.
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Now {
                    monotonic: asked.monotonic + fetched.took,
                    ..asked
                };
                let value = state.observe(now, &fetched.text);
                let at_least = state.at_least();
                let warnings = Vec::new();
                Reading {
                    value,
                    caveats: Caveats { at_least, warnings },
                }
            }
            Self::Json(path) => json_number(fetched.text.as_bytes(), path).into(),
            Self::Prometheus => {
                let answer = check::prometheus::answer(&fetched.text);
                let (at_least, warnings) = (false, answer.warnings);
                Reading {
                    value: answer.value,
                    caveats: Caveats { at_least, warnings },
                }
            }
            Self::Command => check::metric::number(&fetched.text).into(),
            Self::Unreadable(detail) => Err(Blind {
                reason: Reason::Parse,
                detail: detail.clone(),
            })
            .into(),
        }
    }
}
