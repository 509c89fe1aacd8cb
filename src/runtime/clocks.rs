//! The wall clock and the monotonic one, read together, and what it means when time didn't pass as it should.
//!
//! The monotonic clock stands still while a machine sleeps and runs on while a program is stopped; the wall clock does
//! the opposite and can be set besides. So neither is enough: a gap is when they part, and when a loop that wakes every
//! second didn't.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::check::Now;

/// Clocks may part, or a turn be late, by so much before nothing measured counts any more.
const SLACK: Duration = Duration::from_secs(5);

/// The monotonic time at which a session begins: what was sampled before it, by others, needs a time too.
const BEGINNING: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Reads both clocks.
#[derive(Debug)]
pub struct Clocks {
    started: Instant,
    last: Now,
}

impl Clocks {
    /// Monotonic time is a week now, whatever the machine's says.
    pub fn start() -> Self {
        let mut clocks = Self {
            started: Instant::now(),
            last: Now {
                wall: Timestamp::UNIX_EPOCH,
                monotonic: Duration::ZERO,
            },
        };
        clocks.last = clocks.now();
        clocks
    }

    /// The time.
    pub fn now(&self) -> Now {
        let (wall, monotonic) = shift();
        Now {
            wall: Timestamp::now()
                .saturating_add(wall)
                .unwrap_or(Timestamp::MAX),
            monotonic: BEGINNING + self.started.elapsed() + monotonic,
        }
    }

    /// The time of the latest turn.
    pub fn last(&self) -> Now {
        self.last
    }

    /// Begins a turn: its time, and whether nobody looked for too long before it.
    pub fn turn(&mut self) -> (Now, bool) {
        let now = self.now();
        let gap = is_gap(self.last, now);
        self.last = now;
        (now, gap)
    }

    /// When it is this time (monotonic) for who sleeps until an instant.
    pub fn instant(&self, monotonic: Duration) -> Instant {
        self.started + monotonic.saturating_sub(BEGINNING + shift().1)
    }
}

/// Whether the clocks parted between two turns, or so much time passed that nobody can have looked.
fn is_gap(earlier: Now, later: Now) -> bool {
    let wall = later.wall.duration_since(earlier.wall);
    let monotonic = later.monotonic.saturating_sub(earlier.monotonic);
    let apart = wall.saturating_sub(SignedDuration::try_from(monotonic).unwrap_or_default());
    apart.unsigned_abs() > SLACK || monotonic > SLACK
}

/// Seconds that a test adds to both clocks, from a file that it names; no test can wait for an hour.
#[cfg(debug_assertions)]
fn shift() -> (SignedDuration, Duration) {
    let Some(path) = std::env::var_os("TMINUS_TEST_CLOCKS") else {
        return Default::default();
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut seconds = text.split_whitespace().map_while(|word| word.parse().ok());
    let wall = SignedDuration::from_secs(seconds.next().unwrap_or_default());
    let monotonic = seconds
        .next()
        .and_then(|seconds: i64| u64::try_from(seconds).ok());
    (wall, Duration::from_secs(monotonic.unwrap_or_default()))
}

#[cfg(not(debug_assertions))]
fn shift() -> (SignedDuration, Duration) {
    Default::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall: i64, monotonic: u64) -> Now {
        Now {
            wall: Timestamp::from_second(1_000_000 + wall).unwrap(),
            monotonic: Duration::from_secs(monotonic),
        }
    }

    #[test]
    fn rule_4_time_that_passes_on_both_clocks_is_no_gap() {
        for seconds in 0..=5_u32 {
            assert!(!is_gap(
                at(0, 0),
                at(i64::from(seconds), u64::from(seconds))
            ));
        }
        assert!(!is_gap(at(0, 0), at(4, 1)), "a clock that is being slewed");
    }

    #[test]
    fn rule_4_a_sleep_is_a_gap() {
        assert!(is_gap(at(0, 0), at(600, 0)));
        assert!(is_gap(at(0, 0), at(6, 0)));
    }

    #[test]
    fn rule_4_a_clock_that_is_set_is_a_gap_whichever_way() {
        assert!(is_gap(at(0, 0), at(3600, 1)));
        assert!(is_gap(at(0, 0), at(-3600, 1)));
        assert!(is_gap(at(0, 0), at(-5, 1)));
    }

    #[test]
    fn rule_4_a_program_that_was_stopped_is_a_gap_though_both_clocks_ran_on() {
        assert!(is_gap(at(0, 0), at(600, 600)));
    }

    #[test]
    fn a_gap_is_told_once() {
        let mut clocks = Clocks::start();
        clocks.last.monotonic = Duration::ZERO;
        clocks.last.wall = Timestamp::UNIX_EPOCH;
        assert!(clocks.turn().1);
        assert!(!clocks.turn().1);
    }
}
