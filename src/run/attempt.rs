//! Attempts: one execution of one command, from its recorded intent to its recorded end.

use jiff::Timestamp;

use super::Run;
use crate::journal::{Direction, Entry, Event, Outcome};
use crate::runbook::{StepId, StepIndex};

/// One execution of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Number in this run, from 1.
    pub number: u64,
    /// The step; `None` for a quick command.
    pub step: Option<StepIndex>,
    /// The step's command or its undo.
    pub direction: Direction,
    /// The exact shell text.
    pub command: String,
    /// Who started it.
    pub by: String,
    /// When its intent was recorded.
    pub started: Timestamp,
    /// Whether it was asked to stop.
    pub interrupted: bool,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// How long it ran, in milliseconds.
    pub took_ms: u64,
    /// The last line it printed.
    pub last_line: Option<String>,
}

impl Attempt {
    /// Whether no end has been recorded.
    pub fn is_running(&self) -> bool {
        self.outcome.is_none()
    }

    /// What an end means for this attempt: one that was asked to stop and didn't end well was stopped.
    pub fn judged(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Exited { code } if self.interrupted && code != 0 => Outcome::Stopped,
            Outcome::Signalled { .. } if self.interrupted => Outcome::Stopped,
            outcome => outcome,
        }
    }
}

impl Run {
    /// The attempt with this number.
    pub fn attempt(&self, number: u64) -> Option<&Attempt> {
        // Numbers are given out in order, but a journal of a later version may leave some out.
        self.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.number == number)
    }

    /// The number the next attempt gets.
    pub fn next_attempt(&self) -> u64 {
        self.attempts
            .last()
            .map_or(1, |attempt| attempt.number.saturating_add(1))
    }

    /// Attempts without a recorded end.
    pub fn running_attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.is_running())
    }

    /// The latest attempt of a step.
    pub fn latest_attempt(&self, step: StepIndex) -> Option<&Attempt> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.step == Some(step))
    }

    pub(super) fn apply_attempt(&mut self, entry: &Entry) {
        match &entry.event {
            Event::AttemptStarted {
                attempt,
                step,
                direction,
                command,
                ..
            } => {
                self.apply_started(entry, *attempt, step.as_ref(), *direction, command);
            }
            Event::AttemptInterrupted { attempt } => {
                if let Some(attempt) = self.attempt_mut(*attempt) {
                    attempt.interrupted = true;
                }
            }
            Event::AttemptEnded {
                attempt,
                outcome,
                took_ms,
                last_line,
            } => {
                let Some(ended) = self.attempt_mut(*attempt) else {
                    return;
                };
                ended.outcome = Some(outcome.clone());
                ended.took_ms = *took_ms;
                ended.last_line.clone_from(last_line);
                let (step, direction) = (ended.step, ended.direction);
                if let Some(step) = step {
                    self.settle_step(entry, step, direction, outcome);
                }
            }
            _ => {}
        }
    }

    fn apply_started(
        &mut self,
        entry: &Entry,
        number: u64,
        step: Option<&StepId>,
        direction: Direction,
        command: &str,
    ) {
        let step = step.and_then(|id| self.find(id));
        self.attempts.push(Attempt {
            number,
            step,
            direction,
            command: command.to_owned(),
            by: entry.by.clone(),
            started: entry.at,
            interrupted: false,
            outcome: None,
            took_ms: 0,
            last_line: None,
        });
        if let Some(step) = step {
            self.start_step(entry, step, number);
        }
    }

    fn attempt_mut(&mut self, number: u64) -> Option<&mut Attempt> {
        self.attempts
            .iter_mut()
            .rev()
            .find(|attempt| attempt.number == number)
    }
}
