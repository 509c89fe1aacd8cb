//! How the service behaves, given for how long the bad version has been live.
//!
//! The story is one that rollouts really have: the new version is fine while it is cold, then something fills up.
//! Errors and latency climb together, the health endpoint goes on saying yes because it asks nothing of the part
//! that suffers, and readiness gives up last. Whoever watches `/health` alone learns of it from the customers.

use std::time::Duration;

/// For so long after its deploy the bad version is as good as the old one.
pub const GOOD_FOR: Duration = Duration::from_secs(30);

/// Then it takes so long to get as bad as it gets.
pub const CLIMB: Duration = Duration::from_secs(15);

/// So long after its deploy it no longer says that it is ready.
pub const UNREADY_AFTER: Duration = Duration::from_secs(50);

/// No request is faster than this; in seconds.
const FASTEST: f64 = 0.02;

/// What the service is like at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// The share of requests that end in a server error, from 0 to 1.
    pub error_ratio: f64,
    /// The latency that 95 of 100 requests stay below, in seconds.
    pub p95: f64,
    /// The depth that the job queue tends to.
    pub queue_depth: f64,
    /// Whether `/ready` says yes.
    pub ready: bool,
}

impl Behaviour {
    /// What the old version is like, always.
    pub const HEALTHY: Self = Self {
        error_ratio: 0.001,
        p95: 0.08,
        queue_depth: 4.0,
        ready: true,
    };

    /// What the bad version is like at its worst.
    pub const BROKEN: Self = Self {
        error_ratio: 0.08,
        p95: 1.5,
        queue_depth: 240.0,
        ready: false,
    };

    /// What the bad version is like so long after its deploy.
    pub fn since_deploy(elapsed: Duration) -> Self {
        let harm = (elapsed.saturating_sub(GOOD_FOR).as_secs_f64() / CLIMB.as_secs_f64()).min(1.0);
        let between = |from: f64, to: f64| from + (to - from) * harm;
        Self {
            error_ratio: between(Self::HEALTHY.error_ratio, Self::BROKEN.error_ratio),
            p95: between(Self::HEALTHY.p95, Self::BROKEN.p95),
            queue_depth: between(Self::HEALTHY.queue_depth, Self::BROKEN.queue_depth),
            ready: elapsed < UNREADY_AFTER,
        }
    }

    /// The latency in seconds of a request that drew `luck`, evenly from 0 to 1.
    ///
    /// A cubic through the fastest request and the p95: most requests are quick, few are slow, and the quantile
    /// that the runbook watches comes out exactly.
    pub fn latency(&self, luck: f64) -> f64 {
        FASTEST + (self.p95 - FASTEST) * (luck / 0.95).powi(3)
    }

    /// Whether a smoke test passes now. It looks harder than `/health` and sees what customers see.
    pub fn passes_smoke_test(&self) -> bool {
        self.ready && self.error_ratio < 0.02
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_story_is_good_then_climbing_then_not_ready() {
        let at = |seconds| Behaviour::since_deploy(Duration::from_secs(seconds));
        assert_eq!(at(0), Behaviour::HEALTHY);
        assert_eq!(at(30), Behaviour::HEALTHY);
        assert!(at(38).error_ratio > 0.04 && at(38).error_ratio < 0.05);
        assert!(at(49).ready && !at(50).ready);
        assert_eq!(at(1_000_000), Behaviour::BROKEN);
    }

    #[test]
    fn the_smoke_test_passes_after_the_deploy_and_fails_once_it_hurts() {
        assert!(Behaviour::HEALTHY.passes_smoke_test());
        assert!(!Behaviour::BROKEN.passes_smoke_test());
    }

    proptest! {
        #[test]
        fn it_only_ever_gets_worse(earlier in 0_u64..200_000, later in 0_u64..200_000) {
            let (earlier, later) = (earlier.min(later), earlier.max(later));
            let [before, after] = [earlier, later].map(|at| Behaviour::since_deploy(Duration::from_millis(at)));
            prop_assert!(before.error_ratio <= after.error_ratio && before.p95 <= after.p95);
            prop_assert!(before.ready || !after.ready);
        }

        #[test]
        fn ninety_five_of_a_hundred_draws_stay_below_the_p95(at in 0_u64..200, luck in 0.0..1.0_f64) {
            let behaviour = Behaviour::since_deploy(Duration::from_secs(at));
            let latency = behaviour.latency(luck);
            prop_assert!(latency >= FASTEST);
            prop_assert_eq!(latency <= behaviour.p95 + 1e-9, luck <= 0.95 + 1e-9);
        }
    }
}
