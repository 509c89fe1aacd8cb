//! Telling "everything is red" from "we are blind".
//!
//! When nothing on the network looks well, it may be the network at our own end. A look that failed on our side is
//! unknown and fires nothing by itself; but a command exits with 1 without a network, and a proxy or a firewall near
//! us may refuse connections in the targets' name. So before such a picture may ask for a rollback, one question is
//! put to what is ours: the resolver and the route.

use std::time::Duration;

use crate::check::{MetricSource, Now, Probe, Reason, Verdict};
use crate::runbook::{Proof, Runbook};

/// Between two questions. A trigger that should be obeyed waits for longer than that.
const EVERY: Duration = Duration::from_secs(5);

/// Fewer looks than this that go wrong together are a coincidence.
const TOGETHER: usize = 2;

/// What is known of our own eyes.
#[derive(Debug)]
pub struct Sentinel {
    /// What looks beyond this machine.
    outside: Vec<Proof>,
    /// Whether it ever said that all is well. One that never did can't tell: behind some firewalls there is neither
    /// a resolver nor a route to the world, and the targets are seen all the same.
    proven: bool,
    blind: Option<String>,
    /// Whether to ask even though something is seen well.
    insists: bool,
    in_flight: bool,
    next: Duration,
}

/// News of our own eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// We can't see any more.
    Lost,
    /// We can see again.
    Back,
}

impl Sentinel {
    pub(super) fn new(runbook: &Runbook, now: Now) -> Self {
        let checks = runbook.checks.iter().enumerate();
        let metrics = runbook.metrics.iter().enumerate();
        let checks = checks.filter(|(_, check)| goes_out(&check.probe));
        let metrics = metrics.filter(|(_, metric)| is_fetched(&metric.source));
        Self {
            outside: checks
                .map(|(at, _)| Proof::Check(at))
                .chain(metrics.map(|(at, _)| Proof::Metric(at)))
                .collect(),
            proven: false,
            blind: None,
            insists: false,
            in_flight: false,
            next: now.monotonic,
        }
    }

    /// Why we are blind; `None` while we see, or can't tell.
    pub fn blind(&self) -> Option<&str> {
        self.blind.as_deref()
    }

    /// Asks at the next turn whatever is seen, for who is about to act on it.
    pub(super) fn insist(&mut self) {
        self.insists = true;
    }

    /// Whether to ask now.
    pub(super) fn take(&mut self, now: Now, verdict: impl Fn(Proof) -> Verdict) -> bool {
        if self.in_flight || now.monotonic < self.next || self.outside.len() < TOGETHER {
            return false;
        }
        self.next = now.monotonic + EVERY;
        let insists = std::mem::take(&mut self.insists);
        self.in_flight =
            insists || !self.proven || self.blind.is_some() || self.sees_nothing(verdict);
        self.in_flight
    }

    fn sees_nothing(&self, verdict: impl Fn(Proof) -> Verdict) -> bool {
        let mut dark = 0;
        for &proof in &self.outside {
            match verdict(proof) {
                Verdict::Pass | Verdict::Warn => return false,
                Verdict::Fail
                | Verdict::Unknown(Reason::Dns | Reason::Connect | Reason::Timeout) => dark += 1,
                Verdict::Unknown(_) => {}
            }
        }
        dark >= TOGETHER
    }

    /// Takes in the answer: all is well, or what isn't.
    pub(super) fn answered(&mut self, answer: Result<(), String>) -> Option<Sight> {
        self.in_flight = false;
        match answer {
            Ok(()) => {
                self.proven = true;
                self.blind.take().map(|_| Sight::Back)
            }
            Err(why) if self.proven => self.blind.replace(why).is_none().then_some(Sight::Lost),
            Err(_) => None,
        }
    }
}

fn goes_out(probe: &Probe) -> bool {
    match probe {
        Probe::Http(http) => is_elsewhere(&http.url),
        Probe::Tcp { host, .. } | Probe::Tls { host, .. } => is_elsewhere(host),
        Probe::Alerts { url, .. } | Probe::Grpc { url, .. } | Probe::WebSocket { url } => {
            is_elsewhere(url)
        }
        Probe::Dns { .. } => true,
        Probe::Env { .. } | Probe::File { .. } | Probe::Command { .. } => false,
    }
}

fn is_fetched(source: &MetricSource) -> bool {
    match source {
        MetricSource::Prometheus { url, .. } | MetricSource::Json { url, .. } => is_elsewhere(url),
        MetricSource::Scrape(scrape) => is_elsewhere(&scrape.url),
        MetricSource::Command { .. } => false,
    }
}

/// Whether a URL or a host is another machine than this one.
fn is_elsewhere(target: &str) -> bool {
    let host = target.rsplit("://").next().unwrap_or(target);
    let here = ["localhost", "127.", "[::1]", "::1"];
    !here.iter().any(|name| host.starts_with(name))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            monotonic: Duration::from_secs(seconds),
        }
    }

    /// A sentinel over so many checks, which was asked once and said that all is well.
    fn proven(checks: usize) -> Sentinel {
        let mut sentinel = Sentinel {
            outside: (0..checks).map(Proof::Check).collect(),
            proven: false,
            blind: None,
            insists: false,
            in_flight: false,
            next: Duration::ZERO,
        };
        assert!(sentinel.take(at(0), |_| Verdict::Pass));
        assert_eq!(sentinel.answered(Ok(())), None);
        sentinel
    }

    const LOST: Verdict = Verdict::Unknown(Reason::Dns);

    /// Whether it asks about these verdicts.
    fn asks(verdicts: &[Verdict]) -> bool {
        proven(verdicts.len()).take(at(10), |proof| match proof {
            Proof::Check(at) => verdicts[at],
            Proof::Metric(_) => Verdict::Pass,
        })
    }

    #[test]
    fn rule_13_it_asks_when_nothing_is_seen_well_and_not_before() {
        assert!(asks(&[LOST, LOST]));
        assert!(asks(&[Verdict::Fail, Verdict::Fail]));
        assert!(asks(&[
            Verdict::Fail,
            Verdict::Unknown(Reason::Timeout),
            Verdict::Unknown(Reason::NoData)
        ]));
        assert!(!asks(&[LOST, LOST, Verdict::Pass]));
        assert!(!asks(&[LOST, Verdict::Unknown(Reason::NoData)]));
        assert!(!asks(&[Verdict::Unknown(Reason::Stale); 3]));
    }

    #[test]
    fn rule_13_one_question_at_a_time_and_five_seconds_apart() {
        let mut sentinel = proven(2);
        assert!(!sentinel.take(at(4), |_| LOST));
        assert!(sentinel.take(at(5), |_| LOST));
        assert!(!sentinel.take(at(60), |_| LOST), "it wasn't answered yet");
    }

    #[test]
    fn rule_13_blindness_is_told_once_and_lasts_until_it_is_over() {
        let mut sentinel = proven(2);
        assert_eq!(
            sentinel.answered(Err("no route".to_owned())),
            Some(Sight::Lost)
        );
        assert_eq!(sentinel.answered(Err("no answer".to_owned())), None);
        assert_eq!(sentinel.blind(), Some("no answer"));
        assert!(
            sentinel.take(at(20), |_| Verdict::Pass),
            "it goes on asking"
        );
        assert_eq!(sentinel.answered(Ok(())), Some(Sight::Back));
        assert_eq!(sentinel.blind(), None);
    }

    #[test]
    fn rule_13_who_is_about_to_act_has_it_asked_whatever_is_seen() {
        let mut sentinel = proven(2);
        sentinel.insist();
        assert!(!sentinel.take(at(4), |_| Verdict::Pass));
        assert!(sentinel.take(at(5), |_| Verdict::Pass));
        sentinel.answered(Ok(()));
        assert!(!sentinel.take(at(10), |_| Verdict::Pass), "once");
    }

    #[test]
    fn rule_13_a_sentinel_that_never_saw_cannot_tell() {
        let mut sentinel = proven(2);
        sentinel.proven = false;
        assert_eq!(sentinel.answered(Err("no route".to_owned())), None);
        assert_eq!(sentinel.blind(), None);
    }

    #[test]
    fn this_machine_is_not_elsewhere() {
        for here in [
            "http://127.0.0.1:8080/",
            "localhost",
            "ws://[::1]:1/",
            "::1",
            "127.0.0.1",
        ] {
            assert!(!is_elsewhere(here), "{here}");
        }
        for there in ["https://api.kestrel.example/", "10.0.0.1", "db:5432"] {
            assert!(is_elsewhere(there), "{there}");
        }
    }
}
