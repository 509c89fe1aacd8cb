//! The demo's service without its sockets: versions, customers, counters.
//!
//! Time comes in, luck comes from a seed, so that a test can live through two minutes of it in a millisecond.

use std::time::Duration;

use super::behaviour::Behaviour;
use super::exposition::Counters;

/// The version that works, and that a rollback returns to.
pub const STABLE: &str = "v2.40.3";

/// Traffic comes in portions of so much time.
pub const TICK: Duration = Duration::from_millis(100);

/// Requests in a tick when all customers are let in: fifty a second.
const REQUESTS_A_TICK: f64 = 5.0;

/// The share of customers that is let in before anybody changes it, in percent.
const FIRST_SHARE: u8 = 80;

/// So much of the way to the depth it tends to the queue goes in a tick.
const QUEUE_INERTIA: f64 = 0.02;

/// The state of the service.
#[derive(Clone, Debug)]
pub struct Simulation {
    version: String,
    deployed_at: Duration,
    share: u8,
    /// Requests that are due but not whole yet.
    owed: f64,
    queue_depth: f64,
    counters: Counters,
    luck: Luck,
}

impl Simulation {
    /// The stable version with most of its customers, and nothing counted yet.
    pub fn new(seed: u64) -> Self {
        Self {
            version: STABLE.to_owned(),
            deployed_at: Duration::ZERO,
            share: FIRST_SHARE,
            owed: 0.0,
            queue_depth: Behaviour::HEALTHY.queue_depth,
            counters: Counters::default(),
            luck: Luck(seed),
        }
    }

    /// The version that is live.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the service is like now; `now` is the time since it started.
    pub fn behaviour(&self, now: Duration) -> Behaviour {
        if self.version == STABLE {
            Behaviour::HEALTHY
        } else {
            Behaviour::since_deploy(now.saturating_sub(self.deployed_at))
        }
    }

    /// Makes another version live. Every one but the stable one goes bad.
    pub fn deploy(&mut self, version: &str, now: Duration) {
        version.clone_into(&mut self.version);
        self.deployed_at = now;
    }

    /// Lets in another share of the customers, in percent.
    pub fn let_in(&mut self, percent: u8) {
        self.share = percent.min(100);
    }

    /// Lives through one [`TICK`] that ends now.
    pub fn tick(&mut self, now: Duration) {
        let behaviour = self.behaviour(now);
        self.owed += REQUESTS_A_TICK * f64::from(self.share) / 100.0;
        while self.owed >= 1.0 {
            self.owed -= 1.0;
            let failed = self.luck.draw() < behaviour.error_ratio;
            let seconds = behaviour.latency(self.luck.draw());
            self.counters.count(failed, seconds);
        }
        self.queue_depth += (behaviour.queue_depth - self.queue_depth) * QUEUE_INERTIA;
    }

    /// The `/metrics` page.
    pub fn metrics_page(&self) -> String {
        self.counters.page(&self.version, self.queue_depth)
    }
}

/// Evenly distributed draws from a seed: `SplitMix64` of Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators" (2014). Three lines, where a crate would be another dependency for a demo.
#[derive(Clone, Debug)]
struct Luck(u64);

impl Luck {
    /// From 0, included, to 1, excluded.
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A simulation with its clock.
    struct Story {
        simulation: Simulation,
        now: Duration,
    }

    impl Story {
        fn begin() -> Self {
            Self {
                simulation: Simulation::new(7),
                now: Duration::ZERO,
            }
        }

        /// Lives through some seconds; returns requests a second and the share of errors in that time.
        fn live(&mut self, seconds: u32) -> (f64, f64) {
            let before = self.simulation.counters.requests();
            for _ in 0..seconds * 10 {
                self.now += TICK;
                self.simulation.tick(self.now);
            }
            let after = self.simulation.counters.requests();
            let [requests, failed] =
                [after.0 - before.0, after.1 - before.1].map(|count| count as f64);
            (requests / f64::from(seconds), failed / requests)
        }
    }

    #[test]
    fn the_bad_version_hurts_after_a_while_and_the_rollback_heals() {
        let mut story = Story::begin();
        let (_, errors) = story.live(30);
        assert!(errors < 0.01, "healthy: {errors}");
        story.simulation.deploy("v2.41.0", story.now);
        let (_, errors) = story.live(30);
        assert!(errors < 0.01, "just deployed: {errors}");
        story.live(15);
        let (_, errors) = story.live(15);
        assert!((0.05..0.11).contains(&errors), "gone bad: {errors}");
        assert!(!story.simulation.behaviour(story.now).ready);
        story.simulation.deploy(STABLE, story.now);
        assert!(story.simulation.behaviour(story.now).ready);
        let (_, errors) = story.live(30);
        assert!(errors < 0.01, "rolled back: {errors}");
        assert!(
            story.simulation.queue_depth < 20.0,
            "the queue drains: {}",
            story.simulation.queue_depth
        );
    }

    #[test]
    fn the_share_of_customers_shows_in_the_requests() {
        let mut story = Story::begin();
        assert!((story.live(10).0 - 40.0).abs() < 0.2);
        story.simulation.let_in(100);
        assert!((story.live(10).0 - 50.0).abs() < 0.2);
    }

    #[test]
    fn the_same_seed_tells_the_same_story() {
        let [mut one, mut other] = [Story::begin(), Story::begin()];
        one.live(20);
        other.live(20);
        assert_eq!(
            one.simulation.metrics_page(),
            other.simulation.metrics_page()
        );
    }
}
