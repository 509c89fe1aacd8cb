//! From single looks to a verdict that can be believed: streaks, staleness.
//!
//! One failed look is noise, so a check fails at the third in a row and recovers at the second pass
//! (`fail_after`, `recover_after`). What we can't see is shown at once and ends both streaks: blindness is no
//! evidence of either.

use std::time::Duration;

use super::{Check, Judgement, Now, Reason, Severity, Verdict};

/// A believed verdict that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// What was believed before.
    pub from: Verdict,
    /// What is believed now.
    pub to: Verdict,
}

impl Flip {
    /// The change between two verdicts, if it is one.
    pub(super) fn between(from: Verdict, to: Verdict) -> Option<Self> {
        (from != to).then_some(Self { from, to })
    }
}

/// Looks in a row that point away from the believed verdict: "1 of 3 failures".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// What will be believed when it is complete.
    pub toward: Verdict,
    /// So many in a row.
    pub count: u32,
    /// So many are needed.
    pub needed: u32,
}

/// The state of one check in a run.
///
/// Leaving "unknown" takes the evidence that the last definite verdict asks for: the first pass is enough when
/// nothing spoke against the target, `recover_after` passes are needed when it was failing. A first failure alone
/// isn't enough to say "fails", so until then the check stays unknown; [`CheckState::latest`] shows the failure.
/// A check of severity `warn` takes the same looks, and then warns.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckState {
    stale_after: Duration,
    fail_after: u32,
    recover_after: u32,
    severity: Severity,
    believed: Verdict,
    /// The last verdict that wasn't unknown.
    definite: Option<Verdict>,
    failures: u32,
    passes: u32,
    latest: Option<(Judgement, Now)>,
}

impl CheckState {
    /// Nothing was looked at yet.
    pub fn new(check: &Check) -> Self {
        Self {
            stale_after: stale_after(check.every, check.timeout),
            fail_after: check.fail_after.max(1),
            recover_after: check.recover_after.max(1),
            severity: check.severity,
            believed: Verdict::Unknown(Reason::NoData),
            definite: None,
            failures: 0,
            passes: 0,
            latest: None,
        }
    }

    /// Takes in a look; the flip when the believed verdict changed with it.
    pub fn observe(&mut self, now: Now, mut judgement: Judgement) -> Option<Flip> {
        judgement.verdict = self.severity.temper(judgement.verdict);
        let from = self.verdict(now);
        // Asked of the age, not of the verdict: a check that was stale stays believed so while its streak grows, and
        // clearing the streak at each look would keep it blind for ever.
        if self.age(now).is_some_and(|age| age > self.stale_after) {
            self.go_blind(Reason::Stale);
        }
        match judgement.verdict {
            Verdict::Pass => self.pass(),
            Verdict::Warn | Verdict::Fail => self.fail(),
            Verdict::Unknown(reason) => self.go_blind(reason),
        }
        self.latest = Some((judgement, now));
        Flip::between(from, self.believed)
    }

    fn pass(&mut self) {
        self.failures = 0;
        self.passes = self.passes.saturating_add(1);
        if self.passes >= self.passes_needed() {
            self.believe(Verdict::Pass);
        }
    }

    fn fail(&mut self) {
        self.passes = 0;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.failures_needed() {
            self.believe(self.broken());
        }
    }

    /// What is believed of a target whose answers are wrong.
    fn broken(&self) -> Verdict {
        self.severity.temper(Verdict::Fail)
    }

    fn believe(&mut self, verdict: Verdict) {
        self.believed = verdict;
        self.definite = Some(verdict);
    }

    fn go_blind(&mut self, reason: Reason) {
        self.passes = 0;
        self.failures = 0;
        self.believed = Verdict::Unknown(reason);
    }

    fn passes_needed(&self) -> u32 {
        match self.definite {
            Some(Verdict::Fail | Verdict::Warn) => self.recover_after,
            _ => 1,
        }
    }

    fn failures_needed(&self) -> u32 {
        match self.definite {
            Some(Verdict::Fail | Verdict::Warn) => 1,
            _ => self.fail_after,
        }
    }

    /// What can be believed now; [`Reason::Stale`] when the last look is older than `2 × every + timeout`.
    pub fn verdict(&self, now: Now) -> Verdict {
        match self.age(now) {
            Some(age) if age > self.stale_after => Verdict::Unknown(Reason::Stale),
            _ => self.believed,
        }
    }

    /// The last look, and when it was.
    pub fn latest(&self) -> Option<(&Judgement, Now)> {
        self.latest.as_ref().map(|(judgement, at)| (judgement, *at))
    }

    /// How long ago the last look was.
    pub fn age(&self, now: Now) -> Option<Duration> {
        let (_, at) = self.latest.as_ref()?;
        Some(now.monotonic.saturating_sub(at.monotonic))
    }

    /// The streak that hasn't flipped the verdict yet.
    pub fn streak(&self) -> Option<Streak> {
        let failing = Streak {
            toward: self.broken(),
            count: self.failures,
            needed: self.failures_needed(),
        };
        let passing = Streak {
            toward: Verdict::Pass,
            count: self.passes,
            needed: self.passes_needed(),
        };
        [failing, passing]
            .into_iter()
            .find(|streak| streak.count > 0 && streak.toward != self.believed)
    }

    /// The streak, unless its last look is too old to be believed.
    pub fn fresh_streak(&self, now: Now) -> Option<Streak> {
        let fresh = self.age(now).is_some_and(|age| age <= self.stale_after);
        self.streak().filter(|_| fresh)
    }

    /// Starts over, after the machine slept or a rollback: what was seen before says nothing about now.
    pub fn reset(&mut self) {
        self.definite = None;
        self.go_blind(if self.latest.is_some() {
            Reason::Stale
        } else {
            Reason::NoData
        });
    }
}

/// When a result is too old to be believed: two looks were missed, and a third had time to answer.
pub(super) fn stale_after(every: Duration, timeout: Duration) -> Duration {
    every.saturating_mul(2).saturating_add(timeout)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::check::Probe;

    const PASS: Verdict = Verdict::Pass;
    const FAIL: Verdict = Verdict::Fail;
    const NO_DATA: Verdict = Verdict::Unknown(Reason::NoData);
    const TIMEOUT: Verdict = Verdict::Unknown(Reason::Timeout);
    const STALE: Verdict = Verdict::Unknown(Reason::Stale);

    fn at(seconds: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            monotonic: Duration::from_secs(seconds),
        }
    }

    fn judged(verdict: Verdict) -> Judgement {
        Judgement {
            verdict,
            observed: String::new(),
            because: String::new(),
            took: Duration::ZERO,
        }
    }

    fn state() -> CheckState {
        CheckState::new(&Check {
            id: "api".to_owned(),
            title: "API".to_owned(),
            probe: Probe::Env {
                name: "X".to_owned(),
            },
            expect: Vec::new(),
            every: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            fail_after: 3,
            recover_after: 2,
            severity: Severity::Fail,
            span: 0..0,
        })
    }

    /// One look every ten seconds; what is believed after each.
    fn believed(state: &mut CheckState, looks: &[Verdict]) -> Vec<Verdict> {
        let start = state
            .latest()
            .map_or(0, |(_, at)| at.monotonic.as_secs() + 10);
        let times = (start..).step_by(10);
        let look = |(seconds, verdict): (u64, &Verdict)| {
            state.observe(at(seconds), judged(*verdict));
            state.verdict(at(seconds))
        };
        times.zip(looks).map(look).collect()
    }

    #[test]
    fn rule_3_the_third_failure_and_the_second_pass_flip() {
        let mut state = state();
        let looks = [PASS, FAIL, FAIL, FAIL, PASS, PASS];
        assert_eq!(
            believed(&mut state, &looks),
            [PASS, PASS, PASS, FAIL, FAIL, PASS]
        );
    }

    #[test]
    fn rule_3_the_flip_is_told_once() {
        let mut state = state();
        assert_eq!(
            state.observe(at(0), judged(PASS)),
            Some(Flip {
                from: NO_DATA,
                to: PASS
            })
        );
        assert_eq!(state.observe(at(10), judged(FAIL)), None);
        assert_eq!(state.observe(at(20), judged(FAIL)), None);
        assert_eq!(
            state.observe(at(30), judged(FAIL)),
            Some(Flip {
                from: PASS,
                to: FAIL
            })
        );
        assert_eq!(state.observe(at(40), judged(FAIL)), None);
    }

    #[test]
    fn a_check_that_only_warns_takes_the_same_looks() {
        let mut state = CheckState {
            severity: Severity::Warn,
            ..state()
        };
        let looks = [PASS, FAIL, FAIL, FAIL, PASS, PASS];
        let warned = Verdict::Warn;
        assert_eq!(
            believed(&mut state, &looks),
            [PASS, PASS, PASS, warned, warned, PASS]
        );
        assert_eq!(believed(&mut state, &[FAIL]), [PASS]);
        assert_eq!(
            state.latest().unwrap().0.verdict,
            warned,
            "never shown as a failure"
        );
        assert_eq!(state.streak().unwrap().toward, warned);
    }

    #[test]
    fn rule_3_a_pass_between_failures_starts_over() {
        let looks = [PASS, FAIL, FAIL, PASS, FAIL, FAIL];
        assert_eq!(believed(&mut state(), &looks), [PASS; 6]);
    }

    #[test]
    fn a_first_failure_is_not_enough_and_shown_as_a_streak() {
        let mut state = state();
        assert_eq!(believed(&mut state, &[FAIL]), [NO_DATA]);
        assert_eq!(
            state.streak(),
            Some(Streak {
                toward: FAIL,
                count: 1,
                needed: 3
            })
        );
        assert_eq!(state.latest().unwrap().0.verdict, FAIL);
        assert_eq!(
            believed(&mut state, &[FAIL, FAIL, PASS]),
            [NO_DATA, FAIL, FAIL]
        );
        assert_eq!(
            state.streak(),
            Some(Streak {
                toward: PASS,
                count: 1,
                needed: 2
            })
        );
        assert_eq!(believed(&mut state, &[PASS]), [PASS]);
        assert_eq!(state.streak(), None);
    }

    #[test]
    fn rule_2_unknown_shows_at_once_and_breaks_both_streaks() {
        let mut failing = state();
        let looks = [PASS, FAIL, FAIL, TIMEOUT, FAIL, FAIL, FAIL];
        let expected = [PASS, PASS, PASS, TIMEOUT, TIMEOUT, TIMEOUT, FAIL];
        assert_eq!(believed(&mut failing, &looks), expected);
        let recovering = [PASS, TIMEOUT, PASS, PASS];
        assert_eq!(
            believed(&mut failing, &recovering),
            [FAIL, TIMEOUT, TIMEOUT, PASS]
        );
    }

    #[test]
    fn rule_4_a_check_that_went_stale_is_believed_again_after_its_usual_looks() {
        let mut failing = state();
        believed(&mut failing, &[FAIL, FAIL, FAIL]);
        assert_eq!(failing.verdict(at(90)), STALE);
        let after = |state: &mut CheckState, verdict| {
            [100, 110, 120].map(|seconds| {
                state.observe(at(seconds), judged(verdict));
                state.verdict(at(seconds))
            })
        };
        assert_eq!(after(&mut failing, PASS), [STALE, PASS, PASS]);
        let mut woken = state();
        believed(&mut woken, &[PASS]);
        woken.reset();
        assert_eq!(
            after(&mut woken, FAIL),
            [STALE, STALE, FAIL],
            "an outage after a sleep is seen"
        );
    }

    #[test]
    fn rule_2_after_unknown_the_last_definite_verdict_needs_one_look() {
        let mut state = state();
        assert_eq!(
            believed(&mut state, &[PASS, TIMEOUT, PASS]),
            [PASS, TIMEOUT, PASS]
        );
        assert_eq!(
            believed(&mut state, &[FAIL, FAIL, FAIL, TIMEOUT, FAIL]),
            [PASS, PASS, FAIL, TIMEOUT, FAIL]
        );
    }

    #[test]
    fn rule_4_an_old_result_is_stale() {
        let mut state = state();
        assert_eq!(state.verdict(at(1_000)), NO_DATA, "nothing can't be stale");
        state.observe(at(0), judged(PASS));
        assert_eq!(state.verdict(at(23)), PASS);
        assert_eq!(state.verdict(at(24)), STALE);
        assert_eq!(state.age(at(24)), Some(Duration::from_secs(24)));
    }

    #[test]
    fn rule_4_staleness_breaks_streaks() {
        let mut state = state();
        state.observe(at(0), judged(PASS));
        state.observe(at(10), judged(FAIL));
        state.observe(at(20), judged(FAIL));
        assert_eq!(state.observe(at(100), judged(FAIL)), None);
        assert_eq!(
            state.verdict(at(100)),
            STALE,
            "two old failures and a new one are no streak"
        );
        let flip = state.observe(at(110), judged(PASS));
        assert_eq!(
            flip,
            Some(Flip {
                from: STALE,
                to: PASS
            })
        );
    }

    #[test]
    fn rule_4_and_7_after_sleep_or_rollback_everything_starts_over() {
        let mut state = state();
        believed(&mut state, &[FAIL, FAIL, FAIL]);
        state.reset();
        assert_eq!(state.verdict(at(20)), STALE);
        assert_eq!(believed(&mut state, &[PASS]), [PASS]);
        let mut untouched = super::tests::state();
        untouched.reset();
        assert_eq!(untouched.verdict(at(0)), NO_DATA);
    }

    fn any_look() -> impl Strategy<Value = Verdict> {
        prop_oneof![Just(PASS), Just(FAIL), Just(TIMEOUT)]
    }

    proptest! {
        #[test]
        fn fail_needs_three_failures_in_a_row_and_pass_a_pass(looks in proptest::collection::vec(any_look(), 1..60)) {
            let verdicts = believed(&mut state(), &looks);
            for (index, verdict) in verdicts.iter().enumerate() {
                let before = if index == 0 { NO_DATA } else { verdicts[index - 1] };
                match (looks[index], before, *verdict) {
                    (TIMEOUT, _, after) => prop_assert_eq!(after, TIMEOUT),
                    (look, PASS, FAIL) => {
                        prop_assert_eq!(look, FAIL);
                        prop_assert_eq!(&looks[index - 2..=index], &[FAIL; 3]);
                    }
                    (look, FAIL, PASS) => {
                        prop_assert_eq!(look, PASS);
                        prop_assert_eq!(&looks[index - 1..=index], &[PASS; 2]);
                    }
                    (FAIL, Verdict::Unknown(_), PASS) => prop_assert!(false, "a failure made it pass"),
                    _ => {}
                }
            }
        }
    }
}
