//! How long commands usually take: what earlier runs of the same runbook measured, else what its author says.
//!
//! An operator who waits wants to know whether this is still normal. What was measured counts more than what was
//! written down before anybody had tried it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Run;
use crate::journal::{Direction, Entry, Event, Mode, Outcome};
use crate::runbook::{StepId, StepIndex};

/// So many of the latest times are looked at: what a command took years ago says little.
const MOST_TIMES: usize = 9;

/// What earlier runs measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    times: BTreeMap<(StepId, Direction), Times>,
}

/// Milliseconds, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Times {
    live: Vec<u64>,
    /// Only counted where nothing was measured live.
    drilled: Vec<u64>,
}

/// What a command usually takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The median of what was measured, or the author's figure.
    pub time: Duration,
    /// How many executions it was measured in; 0 for the author's figure.
    pub measured: usize,
}

impl Usual {
    /// Takes in an earlier run. The latest has to come first.
    ///
    /// Only what went well counts: a command that failed at once, or was stopped, says nothing about the next.
    pub fn add_earlier(&mut self, entries: &[Entry]) {
        let is_drill = entries.iter().any(|entry| {
            let Event::RunOpened { mode, .. } = entry.event else {
                return false;
            };
            mode == Mode::Drill
        });
        for (command, time) in times_of(entries) {
            let times = self.times.entry(command).or_default();
            let times = if is_drill {
                &mut times.drilled
            } else {
                &mut times.live
            };
            if times.len() < MOST_TIMES {
                times.push(time);
            }
        }
    }

    /// The middle of what was measured.
    pub fn of(&self, step: &StepId, direction: Direction) -> Option<Expected> {
        let times = self.times.get(&(step.clone(), direction))?;
        let measured = if times.live.is_empty() {
            &times.drilled
        } else {
            &times.live
        };
        let mut sorted = measured.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len().checked_sub(1)? / 2)?;
        Some(Expected {
            time: Duration::from_millis(*median),
            measured: sorted.len(),
        })
    }
}

/// What each command of a run took, the latest first.
fn times_of(entries: &[Entry]) -> Vec<((StepId, Direction), u64)> {
    let mut started = BTreeMap::new();
    let mut times = Vec::new();
    for entry in entries {
        match &entry.event {
            Event::AttemptStarted {
                attempt,
                step: Some(step),
                direction,
                ..
            } => {
                started.insert(*attempt, (step.clone(), *direction));
            }
            Event::AttemptEnded {
                attempt,
                outcome: Outcome::Exited { code: 0 },
                took_ms,
                ..
            } => times.extend(started.remove(attempt).map(|command| (command, *took_ms))),
            _ => {}
        }
    }
    times.reverse();
    times
}

impl Run {
    /// What a step's command, or its undo, usually takes.
    pub fn usual_time(&self, step: StepIndex, direction: Direction) -> Option<Expected> {
        let definition = self.runbook().step(step);
        let written = definition
            .command
            .as_ref()
            .filter(|_| direction == Direction::Run)
            .and_then(|command| command.takes)
            .map(|time| Expected { time, measured: 0 });
        self.usual.of(&definition.id, direction).or(written)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn entries(events: Vec<Event>) -> Vec<Entry> {
        let entry = |(seq, event)| Entry {
            seq,
            at: Timestamp::UNIX_EPOCH,
            by: "ana".to_owned(),
            event,
        };
        (1..).zip(events).map(entry).collect()
    }

    fn executed(attempt: u64, direction: Direction, code: i32, took_ms: u64) -> [Event; 2] {
        let started = Event::AttemptStarted {
            attempt,
            step: Some(roll_out()),
            direction,
            command: "rollout".to_owned(),
            second: None,
        };
        let ended = Event::AttemptEnded {
            attempt,
            outcome: Outcome::Exited { code },
            took_ms,
            last_line: None,
        };
        [started, ended]
    }

    fn roll_out() -> StepId {
        StepId("launch/deploy/roll-out".to_owned())
    }

    fn opened(mode: Mode) -> Event {
        Event::RunOpened {
            format: 1,
            run: "kestrel-1".to_owned(),
            runbook: "kestrel".to_owned(),
            runbook_hash: String::new(),
            title: "Kestrel".to_owned(),
            mode,
            target: "prod".to_owned(),
            t0: Timestamp::UNIX_EPOCH,
            variables: BTreeMap::new(),
            roles: BTreeMap::new(),
            host: "1@here".to_owned(),
        }
    }

    fn usual(runs: &[(Mode, &[u64])]) -> Option<(u128, usize)> {
        let mut usual = Usual::default();
        for (mode, times) in runs {
            let executions = (1..)
                .zip(times.iter())
                .flat_map(|(attempt, &took)| executed(attempt, Direction::Run, 0, took));
            let run = std::iter::once(opened(*mode)).chain(executions).collect();
            usual.add_earlier(&entries(run));
        }
        let expected = usual.of(&roll_out(), Direction::Run)?;
        Some((expected.time.as_millis(), expected.measured))
    }

    #[test]
    fn one_slow_day_does_not_move_what_is_usual() {
        assert_eq!(usual(&[]), None);
        assert_eq!(usual(&[(Mode::Live, &[20])]), Some((20, 1)));
        assert_eq!(usual(&[(Mode::Live, &[20, 9_000, 30])]), Some((30, 3)));
        let many: Vec<u64> = (1..=50).collect();
        let latest = usual(&[(Mode::Live, &many), (Mode::Live, &[1_000])]);
        assert_eq!(latest, Some((46, MOST_TIMES)));
    }

    #[test]
    fn a_drill_counts_where_nothing_was_measured_live() {
        assert_eq!(usual(&[(Mode::Drill, &[5])]), Some((5, 1)));
        let both = usual(&[(Mode::Drill, &[5, 6]), (Mode::Live, &[70])]);
        assert_eq!(both, Some((70, 1)));
    }

    #[test]
    fn what_failed_says_nothing_and_an_undo_is_another_command() {
        let mut usual = Usual::default();
        let mut events = vec![opened(Mode::Live)];
        events.extend(executed(1, Direction::Run, 1, 3));
        events.extend(executed(2, Direction::Undo, 0, 40));
        usual.add_earlier(&entries(events));
        assert_eq!(usual.of(&roll_out(), Direction::Run), None);
        let undo = usual.of(&roll_out(), Direction::Undo).expect("measured");
        assert_eq!(undo.time, Duration::from_millis(40));
    }
}
