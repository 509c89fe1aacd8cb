//! Checks and metrics as they are now, and when to look again.
//!
//! The core decides *when* to look, so that a drill can run the same schedule on a faster clock. Missed ticks are
//! skipped, never caught up, and there is at most one look in flight per check: a target that hangs costs one task.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Effect;
use super::sentinel::{Sentinel, Sight};
use crate::check::{
    Caveats, CheckState, Judgement, MetricState, Now, PastSample, Reading, Verdict,
};
use crate::run::Run;
use crate::runbook::{Proof, Runbook, StepIndex};

/// When something is looked at next.
#[derive(Clone, Copy, Debug)]
struct Turn {
    every: Duration,
    next: Duration,
    in_flight: bool,
    /// Whether what is in flight was asked before everything was forgotten: its answer says nothing about now.
    outdated: bool,
}

impl Turn {
    /// Spreads the first looks over one interval, so that a thousand checks don't all start at once.
    fn spread(every: Duration, position: usize, count: usize, now: Now) -> Self {
        let share = every.mul_f64(position as f64 / count.max(1) as f64);
        Self {
            every,
            next: now.monotonic + share.min(Duration::from_secs(1)),
            in_flight: false,
            outdated: false,
        }
    }

    /// Takes in that an answer came; whether it counts.
    fn answered(&mut self) -> bool {
        self.in_flight = false;
        !std::mem::take(&mut self.outdated)
    }

    /// What is asked already doesn't count, and it is this one's turn.
    fn forget(&mut self, now: Now) {
        self.outdated = self.in_flight;
        self.next = now.monotonic;
    }

    fn take(&mut self, now: Now) -> bool {
        if self.in_flight || now.monotonic < self.next {
            return false;
        }
        self.in_flight = true;
        self.next += self.every;
        if self.next <= now.monotonic {
            self.next = now.monotonic + self.every;
        }
        true
    }

    fn deadline(&self) -> Option<Duration> {
        (!self.in_flight).then_some(self.next)
    }
}

/// A period in which everything a step names has to stay in band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Soak {
    /// Time in band so far.
    pub clean: Duration,
    /// When it was last counted (monotonic); `None` while it is paused.
    pub counted: Option<Duration>,
    /// How often a breach started it over.
    pub restarts: u32,
}

/// Checks and metrics as they are now.
#[derive(Debug)]
pub struct Live {
    runbook: Arc<Runbook>,
    checks: Vec<(CheckState, Turn)>,
    metrics: Vec<(MetricState, Turn)>,
    /// Whether we can see at all.
    pub sentinel: Sentinel,
    /// Soaks that are on, by step.
    pub soaks: BTreeMap<StepIndex, Soak>,
    /// Since when everything a rollback has to prove holds (monotonic).
    pub verified_since: Option<Duration>,
    /// Since when each trigger's terms hold (monotonic): one list per trigger.
    pub terms_since: Vec<Vec<Option<Duration>>>,
}

impl Live {
    /// Nothing has been looked at yet.
    pub fn new(runbook: &Arc<Runbook>, now: Now) -> Self {
        let total = runbook.checks.len() + runbook.metrics.len();
        let checks = runbook.checks.iter().enumerate();
        let metrics = runbook.metrics.iter().enumerate();
        let first_metric = runbook.checks.len();
        let terms = |trigger: &crate::runbook::Trigger| {
            vec![
                None;
                trigger
                    .condition
                    .as_ref()
                    .map_or(0, |condition| condition.terms().len())
            ]
        };
        Self {
            checks: checks
                .map(|(at, check)| {
                    (
                        CheckState::new(check),
                        Turn::spread(check.every, at, total, now),
                    )
                })
                .collect(),
            metrics: metrics
                .map(|(at, metric)| {
                    (
                        MetricState::new(metric),
                        Turn::spread(metric.every, first_metric + at, total, now),
                    )
                })
                .collect(),
            sentinel: Sentinel::new(runbook, now),
            soaks: BTreeMap::new(),
            verified_since: None,
            terms_since: runbook.triggers.iter().map(terms).collect(),
            runbook: Arc::clone(runbook),
        }
    }

    /// A check as it is now.
    pub fn check(&self, check: usize) -> &CheckState {
        &self.checks[check].0
    }

    /// A metric as it is now.
    pub fn metric(&self, metric: usize) -> &MetricState {
        &self.metrics[metric].0
    }

    /// Baselines that were recorded in an earlier session.
    pub fn restore_baselines(&mut self, run: &Run) {
        for (&metric, &baseline) in &run.baselines {
            self.metrics[metric].0.set_baseline(baseline);
        }
    }

    /// The looks whose turn it is.
    pub fn due(&mut self, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (position, (_, turn)) in self.checks.iter_mut().enumerate() {
            if turn.take(now) {
                effects.push(Effect::Look(position));
            }
        }
        for (position, (_, turn)) in self.metrics.iter_mut().enumerate() {
            if turn.take(now) {
                effects.push(Effect::Sample(position));
            }
        }
        let (checks, metrics) = (&self.checks, &self.metrics);
        let believed = |proof| match proof {
            Proof::Check(check) => checks[check].0.verdict(now),
            Proof::Metric(metric) => metrics[metric].0.verdict(now),
        };
        if self.sentinel.take(now, believed) {
            effects.push(Effect::LookAtOurselves);
        }
        effects
    }

    /// Takes in whether we can see at all. After blindness triggers' terms have to hold anew, and everything is
    /// looked at again.
    pub(super) fn sighted(&mut self, now: Now, answer: Result<(), String>) -> Option<Sight> {
        let sight = self.sentinel.answered(answer);
        if sight == Some(Sight::Back) {
            self.restart_terms();
            self.hurry(now);
        }
        sight
    }

    /// When the next look is due (monotonic).
    pub fn deadline(&self) -> Option<Duration> {
        let checks = self.checks.iter().filter_map(|(_, turn)| turn.deadline());
        let metrics = self.metrics.iter().filter_map(|(_, turn)| turn.deadline());
        checks.chain(metrics).min()
    }

    /// Makes it everything's turn now.
    pub fn hurry(&mut self, now: Now) {
        let turns = self.checks.iter_mut().map(|(_, turn)| turn);
        for turn in turns.chain(self.metrics.iter_mut().map(|(_, turn)| turn)) {
            turn.next = now.monotonic;
        }
    }

    /// Takes in a look at a check; the verdict before and after when the believed one changed.
    pub fn checked(
        &mut self,
        check: usize,
        now: Now,
        judgement: Judgement,
    ) -> Option<(Verdict, Verdict)> {
        let (state, turn) = &mut self.checks[check];
        let flip = turn
            .answered()
            .then(|| state.observe(now, judgement))
            .flatten();
        flip.map(|flip| (flip.from, flip.to))
    }

    /// Takes in a sample of a metric; the verdict before and after when the believed one changed.
    pub fn sampled(
        &mut self,
        metric: usize,
        now: Now,
        reading: Reading,
    ) -> Option<(Verdict, Verdict)> {
        let (state, turn) = &mut self.metrics[metric];
        let flip = turn.answered().then(|| state.read(now, reading)).flatten();
        flip.map(|flip| (flip.from, flip.to))
    }

    /// Takes in what a metric's source remembers of the time before we looked.
    pub fn remember(&mut self, metric: usize, now: Now, past: &[PastSample]) {
        self.metrics[metric].0.remember(now, past);
    }

    /// Takes a metric's baseline from what was sampled so far.
    pub fn capture_baseline(&mut self, metric: usize, now: Now) -> Option<crate::check::Baseline> {
        self.metrics[metric].0.capture_baseline(now)
    }

    /// Everything measured so far no longer counts.
    pub fn forget(&mut self, now: Now) {
        for (state, turn) in &mut self.checks {
            state.reset();
            turn.forget(now);
        }
        for (state, turn) in &mut self.metrics {
            state.reset();
            turn.forget(now);
        }
        self.verified_since = None;
        self.restart_terms();
        for soak in self.soaks.values_mut() {
            soak.counted = None;
        }
    }

    /// Triggers' terms have to hold anew from now on.
    pub fn restart_terms(&mut self) {
        for terms in &mut self.terms_since {
            terms.fill(None);
        }
    }

    /// The believed verdict of something that proves.
    pub fn verdict(&self, proof: Proof, now: Now) -> Verdict {
        match proof {
            Proof::Check(check) => self.checks[check].0.verdict(now),
            Proof::Metric(metric) => self.metrics[metric].0.verdict(now),
        }
    }

    /// Whether something that proves was looked at in this session, whatever came of it.
    pub fn was_seen(&self, proof: Proof) -> bool {
        match proof {
            Proof::Check(check) => self.checks[check].0.latest().is_some(),
            Proof::Metric(metric) => {
                let state = &self.metrics[metric].0;
                state.value().is_some() || state.blind().is_some()
            }
        }
    }

    /// What was last seen of something that proves, in a few words.
    pub fn observed(&self, proof: Proof) -> String {
        match proof {
            Proof::Check(check) => self.checks[check]
                .0
                .latest()
                .map_or_else(String::new, |(judgement, _)| judgement.observed.clone()),
            Proof::Metric(metric) => {
                let unit = &self.runbook.metrics[metric].unit;
                let state = &self.metrics[metric].0;
                let value = state.value();
                value.map_or_else(String::new, |value| {
                    format_reading(value, unit, state.caveats())
                })
            }
        }
    }

    /// When something that proves was seen last, by the wall clock of that moment.
    pub fn seen_at(&self, proof: Proof) -> Option<jiff::Timestamp> {
        let at = match proof {
            Proof::Check(check) => self.checks[check].0.latest().map(|(_, at)| at),
            Proof::Metric(metric) => self.metrics[metric].0.sampled_at(),
        };
        at.map(|at| at.wall)
    }

    /// How something that proves is named in evidence.
    pub fn source(&self, proof: Proof) -> String {
        match proof {
            Proof::Check(check) => format!("check {}", self.runbook.checks[check].id),
            Proof::Metric(metric) => format!("metric {}", self.runbook.metrics[metric].id),
        }
    }

    /// Everything that a step names as its proof.
    pub fn proofs(&self, step: StepIndex) -> Vec<Proof> {
        let step = self.runbook.step(step);
        let checks = step.checks.iter().map(|&check| Proof::Check(check));
        checks
            .chain(step.metrics.iter().map(|&metric| Proof::Metric(metric)))
            .collect()
    }

    /// How many checks and metrics have a verdict like this.
    pub fn count(&self, now: Now, wanted: impl Fn(Verdict) -> bool) -> usize {
        let checks = self.checks.iter().map(|(state, _)| state.verdict(now));
        let metrics = self.metrics.iter().map(|(state, _)| state.verdict(now));
        checks
            .chain(metrics)
            .filter(|&verdict| wanted(verdict))
            .count()
    }
}

/// A number with its unit, short enough for a panel: three significant digits below a thousand, none behind the
/// point above.
pub fn format_value(value: f64, unit: &str) -> String {
    let magnitude = value.abs();
    let number = if magnitude >= 100.0 || magnitude == 0.0 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    match unit {
        "" => number,
        unit => format!("{number} {unit}"),
    }
}

/// The same for a number that may be less than it looks: `≥1.00 s` for a lower bound.
pub fn format_reading(value: f64, unit: &str, caveats: &Caveats) -> String {
    let bound = if caveats.at_least { "≥" } else { "" };
    format!("{bound}{}", format_value(value, unit))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::check::Reason;
    use crate::runbook;

    fn at(milliseconds: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            monotonic: Duration::from_millis(milliseconds),
        }
    }

    /// So many checks, each looked at every second.
    fn live(checks: usize) -> Live {
        let mut text = "format = 1\ntitle = 'Many'\n".to_owned();
        for number in 0..checks {
            text += &format!(
                "[[check]]\nid = 'c{number}'\nenv = {{ name = 'X' }}\nexpect = ['set']\n\
                 every = '1s'\ntimeout = '500ms'\n"
            );
        }
        let loaded = runbook::load("many.toml", text.as_bytes());
        Live::new(&Arc::new(loaded.runbook.unwrap()), at(0))
    }

    fn looks(effects: &[Effect]) -> usize {
        let looks = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Look(_)));
        looks.count()
    }

    fn seen() -> Judgement {
        Judgement {
            verdict: Verdict::Unknown(Reason::NoData),
            observed: String::new(),
            because: String::new(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn rule_12_one_look_is_in_flight_however_long_it_takes() {
        let mut live = live(1);
        assert_eq!(looks(&live.due(at(0))), 1);
        for second in 1..100 {
            assert_eq!(looks(&live.due(at(second * 1000))), 0);
        }
        live.checked(0, at(100_000), seen());
        assert_eq!(looks(&live.due(at(100_000))), 1);
    }

    #[test]
    fn rule_4_what_was_asked_before_everything_was_forgotten_is_not_believed() {
        let passed = || Judgement {
            verdict: Verdict::Pass,
            ..seen()
        };
        let mut live = live(1);
        live.due(at(0));
        live.forget(at(600_000));
        assert_eq!(looks(&live.due(at(600_000))), 0, "one is still on its way");
        live.checked(0, at(600_001), passed());
        assert!(live.verdict(Proof::Check(0), at(600_001)).is_unknown());
        assert_eq!(
            looks(&live.due(at(600_001))),
            1,
            "it is asked again at once"
        );
        live.checked(0, at(600_002), passed());
        assert_eq!(live.verdict(Proof::Check(0), at(600_002)), Verdict::Pass);
    }

    #[test]
    fn rule_12_missed_ticks_are_skipped() {
        let mut live = live(1);
        live.due(at(0));
        live.checked(0, at(20), seen());
        assert_eq!(
            looks(&live.due(at(60_500))),
            1,
            "a minute late is one look late"
        );
        live.checked(0, at(60_520), seen());
        assert_eq!(looks(&live.due(at(60_530))), 0);
        assert_eq!(looks(&live.due(at(61_500))), 1);
    }

    #[test]
    fn rule_12_a_thousand_first_looks_are_spread_over_their_second() {
        let mut live = live(1000);
        let mut started = 0;
        for millisecond in 0..1000 {
            let now = looks(&live.due(at(millisecond)));
            assert!(now <= 2, "{now} at {millisecond} ms");
            started += now;
        }
        assert_eq!(started, 1000);
    }

    #[test]
    fn rule_12_every_one_of_a_thousand_is_looked_at_every_second() {
        let mut live = live(1000);
        let mut count = vec![0; 1000];
        for millisecond in (0..10_000).step_by(5) {
            for effect in live.due(at(millisecond)) {
                if let Effect::Look(check) = effect {
                    count[check] += 1;
                    live.checked(check, at(millisecond), seen());
                }
            }
        }
        // The last turns of those that start late in a second lie beyond the ten.
        assert!(
            count.iter().all(|count| (9..=10).contains(count)),
            "{count:?}"
        );
    }
}
