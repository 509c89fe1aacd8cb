//! The rollback that was started: its clock, its stage, its proof.

use jiff::{SignedDuration, Timestamp};

use super::Run;
use crate::journal::{Direction, Entry};

/// A rollback on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackState {
    /// Position in the runbook's rollbacks.
    pub rollback: usize,
    /// When it was decided: the rollback clock's zero.
    pub started: Timestamp,
    /// Who decided.
    pub by: String,
    /// What was typed.
    pub typed: String,
    /// When it was closed, and whether by proof.
    pub closed: Option<(Timestamp, bool)>,
}

/// How far a rollback has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackStage {
    /// Steps are open.
    Steps {
        /// Steps resolved.
        done: usize,
        /// Steps in all.
        total: usize,
    },
    /// All steps are resolved; the proof is awaited.
    Verify,
    /// Closed.
    Closed {
        /// By proof, not by word.
        verified: bool,
    },
}

impl RollbackState {
    pub(super) fn started(rollback: usize, entry: &Entry, typed: &str) -> Self {
        Self {
            rollback,
            started: entry.at,
            by: entry.by.clone(),
            typed: typed.to_owned(),
            closed: None,
        }
    }

    /// Time since the decision; stops when the rollback is closed.
    pub fn elapsed(&self, now: Timestamp) -> SignedDuration {
        let until = self.closed.map_or(now, |(at, _)| at);
        until.duration_since(self.started)
    }
}

impl Run {
    /// How far the started rollback has come.
    pub fn rollback_stage(&self) -> Option<RollbackStage> {
        let state = self.rollback.as_ref()?;
        if let Some((_, verified)) = state.closed {
            return Some(RollbackStage::Closed { verified });
        }
        let steps = &self.runbook().rollbacks[state.rollback].steps;
        let done = steps
            .iter()
            .filter(|&&step| self.status(step).is_resolved())
            .count();
        Some(if done == steps.len() {
            RollbackStage::Verify
        } else {
            RollbackStage::Steps {
                done,
                total: steps.len(),
            }
        })
    }

    /// Whether a rollback was started and isn't closed.
    pub fn is_rolling_back(&self) -> bool {
        self.rollback
            .as_ref()
            .is_some_and(|state| state.closed.is_none())
    }

    /// Positions of the rollbacks that can be taken in this run: those of an option only when it was taken.
    pub fn offered_rollbacks(&self) -> Vec<usize> {
        let taken: Vec<&str> = self
            .choices
            .iter()
            .filter_map(|(&at, &option)| {
                let choice = self.runbook().section(at).choice.as_ref()?;
                Some(choice.options[option].id.as_str())
            })
            .collect();
        let rollbacks = self.runbook().rollbacks.iter().enumerate();
        rollbacks
            .filter(|(_, rollback)| {
                rollback
                    .option
                    .as_deref()
                    .is_none_or(|option| taken.contains(&option))
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// What is expected of a rollback's time: the sum of what its steps usually take, where all that run something
    /// say so.
    pub fn rollback_estimate(&self, rollback: usize) -> Option<std::time::Duration> {
        let steps = &self.runbook().rollbacks[rollback].steps;
        let commands = steps
            .iter()
            .filter(|&&step| self.runbook().step(step).command.is_some());
        let mut times = commands
            .map(|&step| Some(self.usual_time(step, Direction::Run)?.time))
            .peekable();
        times.peek()?;
        times.sum()
    }

    pub(super) fn close_rollback(&mut self, rollback: &str, at: Timestamp, verified: bool) {
        let index = self.runbook().find_rollback(rollback);
        if let Some(state) = self
            .rollback
            .as_mut()
            .filter(|state| Some(state.rollback) == index)
        {
            state.closed = Some((at, verified));
        }
    }
}
