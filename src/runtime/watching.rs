//! Looking, when the core says so: runs probes, judges what they bring home, and answers with messages.
//!
//! Judging happens here, off the loop, because a body of a megabyte takes time to parse; how to judge is the pure
//! `check` module's business.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::probe::{Fetched, Prober};
use crate::app::Msg;
use crate::check::scrape::ScrapeState;
use crate::check::{self, Blind, MetricSource, Now};
use crate::runbook::Runbook;

/// Looks at a runbook's checks and metrics.
#[derive(Debug)]
pub struct Watcher {
    runbook: Arc<Runbook>,
    prober: Arc<Prober>,
    scrapes: Vec<Option<Arc<Mutex<ScrapeState>>>>,
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
        let scrapes = runbook.metrics.iter().map(|metric| match &metric.source {
            MetricSource::Scrape(scrape) => {
                Some(Arc::new(Mutex::new(ScrapeState::new(scrape, metric.min_events))))
            }
            _ => None,
        });
        Self {
            scrapes: scrapes.collect(),
            prober: Arc::new(Prober::new(folder, environment)),
            runbook: Arc::clone(runbook),
            answers,
        }
    }

    /// Looks at a check in a task of its own.
    pub fn look(&self, check: usize) {
        let (runbook, prober, answers) = (Arc::clone(&self.runbook), Arc::clone(&self.prober), self.answers.clone());
        tokio::spawn(async move {
            let definition = &runbook.checks[check];
            let observation = prober.look(&definition.probe, definition.timeout).await;
            let judgement = check::judge(&definition.expect, &observation);
            let _ = answers.send(Msg::Checked { check, judgement });
        });
    }

    /// Samples a metric in a task of its own. `now` is when it was asked for.
    pub fn sample(&self, metric: usize, now: Now) {
        let (runbook, prober, answers) = (Arc::clone(&self.runbook), Arc::clone(&self.prober), self.answers.clone());
        let scrape = self.scrapes[metric].clone();
        tokio::spawn(async move {
            let definition = &runbook.metrics[metric];
            let fetched = prober.fetch(&definition.source, definition.timeout).await;
            let sample = fetched.and_then(|fetched| number(&definition.source, scrape.as_deref(), now, &fetched));
            let _ = answers.send(Msg::Sampled { metric, sample });
        });
    }
}

/// The number in what a metric's source answered.
fn number(
    source: &MetricSource,
    scrape: Option<&Mutex<ScrapeState>>,
    now: Now,
    fetched: &Fetched,
) -> Result<f64, Blind> {
    match (source, scrape) {
        (MetricSource::Scrape(_), Some(scrape)) => {
            // A poisoned lock only means that an earlier parse panicked; the next page stands on its own.
            let mut state = scrape.lock().unwrap_or_else(PoisonError::into_inner);
            let at = Now { monotonic: now.monotonic + fetched.took, ..now };
            state.observe(at, &fetched.text)
        }
        (MetricSource::Json { path, .. }, _) => check::json_path::number(&fetched.text, path),
        (MetricSource::Prometheus { .. }, _) => check::prometheus::decode(&fetched.text),
        _ => check::metric::number(&fetched.text),
    }
}
