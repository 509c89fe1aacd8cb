//! Looking at many things once, without a screen and without a run.
//!
//! `tminus check` is called by pipelines, so nothing here believes in streaks: one look is one verdict. Everything
//! is looked at together, a few dozen at a time, and every look is bounded by its own `timeout`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::session::{SessionError, start_runtime};
use super::watching::Sight;
use crate::app::live::format_reading;
use crate::check::metric::judge_alone;
use crate::check::{
    Baseline, Caveats, Formula, Metric, MetricSource, Now, Reading, Reason, Verdict,
};
use crate::runbook::{Proof, Runbook};

/// So many looks go out together: enough to be quick, few enough not to be an attack on a target.
const AT_ONCE: usize = 32;

/// A rate needs a second look; it comes after the metric's `every`, and after so much at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What one look came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// What was looked at.
    pub of: Proof,
    /// What it says.
    pub verdict: Verdict,
    /// What was seen, in a few words.
    pub observed: String,
    /// When not pass: what was wrong, or why nothing was seen.
    pub because: String,
    /// A metric's number.
    pub value: Option<f64>,
    /// How long it took; for a rate, its pause included.
    pub took: Duration,
}

/// Somebody pressed ctrl-c, or asked the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// Looks at what a runbook's checks and metrics point at.
#[derive(Debug)]
pub struct Survey {
    /// `None` only while it is dropped.
    tasks: Option<Runtime>,
    eyes: Eyes,
}

#[derive(Debug)]
struct Eyes {
    runbook: Arc<Runbook>,
    baselines: BTreeMap<usize, Baseline>,
    sight: Sight,
    turns: Semaphore,
    started: Instant,
}

impl Survey {
    /// A survey whose commands see these variables and whose relative paths start at this folder. Relative limits
    /// are measured by the baselines, which are by the metric's position.
    ///
    /// # Errors
    /// When the machinery for tasks can't be started.
    pub fn new(
        runbook: &Arc<Runbook>,
        folder: &Path,
        environment: BTreeMap<String, String>,
        baselines: BTreeMap<usize, Baseline>,
    ) -> Result<Self, SessionError> {
        Ok(Self {
            tasks: Some(start_runtime()?),
            eyes: Eyes {
                sight: Sight::new(runbook, folder, environment),
                runbook: Arc::clone(runbook),
                baselines,
                turns: Semaphore::new(AT_ONCE),
                started: Instant::now(),
            },
        })
    }

    /// Looks at everything that is wanted, once; what came of it in the same order. `told` hears how many are done.
    ///
    /// # Errors
    /// When it is interrupted; looks that are on are ended then.
    pub fn look(
        &self,
        wanted: &[Proof],
        mut told: impl FnMut(usize),
    ) -> Result<Vec<Look>, Interrupted> {
        self.unless_interrupted(async {
            let looks = wanted.iter().enumerate();
            let mut looks: FuturesUnordered<_> = looks
                .map(async |(place, &of)| (place, self.eyes.look(of).await))
                .collect();
            let mut done = BTreeMap::new();
            while let Some((place, look)) = looks.next().await {
                done.insert(place, look);
                told(done.len());
            }
            done.into_values().collect()
        })
    }

    /// Waits.
    ///
    /// # Errors
    /// When it is interrupted.
    pub fn pause(&self, time: Duration) -> Result<(), Interrupted> {
        self.unless_interrupted(async { tokio::time::sleep(time).await })
    }

    fn unless_interrupted<T>(&self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        let Some(tasks) = &self.tasks else {
            return Err(Interrupted);
        };
        tasks.block_on(async {
            tokio::select! {
                done = work => Ok(done),
                _ = tokio::signal::ctrl_c() => Err(Interrupted),
            }
        })
    }
}

impl Drop for Survey {
    /// A lookup that hangs in the system's resolver can't be cancelled; it is left behind.
    fn drop(&mut self) {
        if let Some(tasks) = self.tasks.take() {
            tasks.shutdown_background();
        }
    }
}

impl Eyes {
    async fn look(&self, of: Proof) -> Look {
        let started = Instant::now();
        match of {
            Proof::Check(check) => self.check(check).await,
            Proof::Metric(metric) => {
                let sample = self.sample(metric).await;
                self.judged(metric, sample, started.elapsed())
            }
        }
    }

    async fn check(&self, check: usize) -> Look {
        // The semaphore is never closed; without a turn there would merely be one more look at once.
        let _turn = self.turns.acquire().await;
        let judgement = self.sight.look(check).await;
        let severity = self.runbook.checks[check].severity;
        Look {
            of: Proof::Check(check),
            verdict: severity.temper(judgement.verdict),
            observed: judgement.observed,
            because: judgement.because,
            value: None,
            took: judgement.took,
        }
    }

    async fn sample(&self, metric: usize) -> Reading {
        let first = self.sample_now(metric).await;
        let definition = &self.runbook.metrics[metric];
        match &first.value {
            Err(blind) if blind.reason == Reason::NoData && needs_two_looks(definition) => {
                tokio::time::sleep(definition.every.min(LONGEST_PAUSE)).await;
                self.sample_now(metric).await
            }
            _ => first,
        }
    }

    async fn sample_now(&self, metric: usize) -> Reading {
        let _turn = self.turns.acquire().await;
        let now = Now {
            wall: Timestamp::now(),
            monotonic: self.started.elapsed(),
        };
        self.sight.sample(metric, now).await
    }

    fn judged(&self, metric: usize, reading: Reading, took: Duration) -> Look {
        let definition = &self.runbook.metrics[metric];
        let baseline = self.baselines.get(&metric).copied();
        let verdict = judge_alone(definition, baseline, reading.clone());
        let value = reading.value.as_ref().ok().copied();
        let value = value.filter(|value| !value.is_nan());
        Look {
            of: Proof::Metric(metric),
            verdict,
            observed: value.map_or_else(String::new, |value| {
                observed(value, &definition.unit, &reading.caveats)
            }),
            because: because(definition, verdict, &reading),
            value,
            took,
        }
    }
}

fn needs_two_looks(metric: &Metric) -> bool {
    match &metric.source {
        MetricSource::Scrape(scrape) => !matches!(scrape.formula, Formula::Value(_)),
        _ => false,
    }
}

/// The number, and what its source warns of.
fn observed(value: f64, unit: &str, caveats: &Caveats) -> String {
    let number = format_reading(value, unit, caveats);
    match caveats.warnings.as_slice() {
        [] => number,
        warnings => format!("{number} (its source warns: {})", warnings.join("; ")),
    }
}

/// What was wrong with a sample, or why there is none.
fn because(metric: &Metric, verdict: Verdict, reading: &Reading) -> String {
    let beyond = |verb, limit: Option<_>| {
        limit.map_or_else(String::new, |limit| format!("{verb} at {limit}"))
    };
    match (verdict, &reading.value) {
        (Verdict::Pass, _) => String::new(),
        (Verdict::Warn, _) => beyond("warns", metric.warn),
        (Verdict::Fail, _) => beyond("fails", metric.fail),
        (Verdict::Unknown(_), Err(blind)) if !blind.detail.is_empty() => blind.detail.clone(),
        (Verdict::Unknown(Reason::NoData), Ok(_)) if reading.caveats.at_least => {
            "the limit lies above the histogram's top bucket: add larger buckets".to_owned()
        }
        (Verdict::Unknown(Reason::NoData), Ok(_)) => {
            "no baseline to measure it by: a run takes it at T-0".to_owned()
        }
        (Verdict::Unknown(reason), _) => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::runbook::load;

    /// A server with the routes, alive as long as the runtime, and its base URL.
    fn serve(routes: Router) -> (Runtime, String) {
        let runtime = start_runtime().unwrap();
        let url = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, routes).await });
            format!("http://{address}")
        });
        (runtime, url)
    }

    fn survey(runbook: &str) -> Survey {
        let text = format!("format = 1\ntitle = 'Sample'\n{runbook}");
        let loaded = load("sample.toml", text.as_bytes());
        let rendered = loaded.render(false);
        let runbook = Arc::new(loaded.runbook.expect(&rendered));
        Survey::new(&runbook, Path::new("."), BTreeMap::new(), BTreeMap::new()).unwrap()
    }

    #[test]
    fn a_rate_is_looked_at_twice_and_a_value_once() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let page = get(move || {
            let count = counted.fetch_add(1, Ordering::SeqCst);
            async move { format!("requests_total {}\n", 1_000 * count) }
        });
        let (_server, url) = serve(Router::new().route("/metrics", page));
        let survey = survey(&format!(
            "[[metric]]\nid = 'rate'\nscrape = {{ url = '{url}/metrics', rate = 'requests_total' }}\n\
             every = '100ms'\ntimeout = '90ms'\nfail = '< 1'\n\
             [[metric]]\nid = 'value'\nscrape = {{ url = '{url}/metrics', value = 'requests_total' }}\nwarn = '>= 0'"
        ));
        let seen = survey.look(&[Proof::Metric(0)], |_| ()).unwrap();
        assert_eq!(looks.load(Ordering::SeqCst), 2);
        assert_eq!(
            (seen[0].verdict, seen[0].because.as_str()),
            (Verdict::Pass, "")
        );
        assert!(seen[0].value.unwrap() > 1.0);
        let seen = survey.look(&[Proof::Metric(1)], |_| ()).unwrap();
        assert_eq!(looks.load(Ordering::SeqCst), 3);
        assert_eq!(
            (seen[0].verdict, seen[0].because.as_str()),
            (Verdict::Warn, "warns at >= 0")
        );
    }

    #[test]
    fn looks_come_back_in_the_order_they_were_asked_for_and_are_counted() {
        let survey = survey(
            "[[check]]\nid = 'first'\ncommand = { run = 'exit 1' }\nexpect = 'exit == 0'\nseverity = 'warn'\n\
             [[check]]\nid = 'second'\nfile = { path = 'Cargo.toml' }\nexpect = 'exists'",
        );
        let mut told = Vec::new();
        let wanted = [Proof::Check(0), Proof::Check(1)];
        let seen = survey.look(&wanted, |done| told.push(done)).unwrap();
        let verdicts: Vec<_> = seen.iter().map(|look| (look.of, look.verdict)).collect();
        assert_eq!(
            verdicts,
            [(wanted[0], Verdict::Warn), (wanted[1], Verdict::Pass)]
        );
        assert_eq!(told, [1, 2]);
    }

    #[test]
    fn a_relative_limit_without_a_baseline_is_unknown_and_says_why() {
        let survey = survey(
            "[[metric]]\nid = 'p95'\ncommand = { run = 'echo 5' }\nfail = '> 1.5 * baseline'\nbaseline = '15m'",
        );
        let seen = survey.look(&[Proof::Metric(0)], |_| ()).unwrap();
        assert_eq!(seen[0].verdict, Verdict::Unknown(Reason::NoData));
        assert!(
            seen[0].because.starts_with("no baseline"),
            "{}",
            seen[0].because
        );
    }
}
