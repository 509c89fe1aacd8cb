//! What was really done in this run and can be taken back, step by step.
//!
//! A rollback is written before the launch and goes back as a whole; this list is made from the journal and knows
//! what was run today. Steps of a rollback aren't in it: taking those back would be going forward.

use super::{Attempt, Run};
use crate::journal::{Direction, Outcome};
use crate::runbook::{Home, StepIndex};

/// A step that ran and says how it is taken back.
#[derive(Clone, Copy, Debug)]
pub struct Undoable<'run> {
    /// The step.
    pub step: StepIndex,
    /// The latest execution of its command.
    pub ran: &'run Attempt,
    /// The latest execution of its undo since then.
    pub undo: Option<&'run Attempt>,
}

impl Undoable<'_> {
    /// Whether it has been taken back.
    pub fn is_undone(&self) -> bool {
        let outcome = self.undo.and_then(|undo| undo.outcome.as_ref());
        outcome.is_some_and(Outcome::is_success)
    }
}

impl Run {
    /// Every step of the way forward that ran and has an undo, the newest first.
    ///
    /// One whose command failed or got lost is among them: it may have done half of its work.
    pub fn undoable(&self) -> Vec<Undoable<'_>> {
        let mut found: Vec<Undoable<'_>> = Vec::new();
        for attempt in self.attempts.iter().rev() {
            let Some(step) = attempt.step.filter(|&step| self.can_be_undone(step)) else {
                continue;
            };
            let is_newest = found.iter().all(|undoable| undoable.step != step);
            if is_newest && attempt.direction == Direction::Run && has_begun(attempt) {
                let undo = self.undo_since(attempt, step);
                found.push(Undoable {
                    step,
                    ran: attempt,
                    undo,
                });
            }
        }
        found
    }

    /// What there is to take back of one step.
    pub fn undoable_step(&self, step: StepIndex) -> Option<Undoable<'_>> {
        let ran = self.attempts.iter().rev().find(|attempt| {
            attempt.step == Some(step) && attempt.direction == Direction::Run && has_begun(attempt)
        })?;
        let undo = self.undo_since(ran, step);
        Some(Undoable { step, ran, undo })
    }

    /// What ran after a step and hasn't been taken back, the newest first: usually that goes first.
    pub fn done_on_top(&self, step: StepIndex) -> Vec<StepIndex> {
        let list = self.undoable();
        let newer = list.iter().position(|undoable| undoable.step == step);
        list[..newer.unwrap_or(0)]
            .iter()
            .filter(|undoable| !undoable.is_undone())
            .map(|undoable| undoable.step)
            .collect()
    }

    fn can_be_undone(&self, step: StepIndex) -> bool {
        let definition = self.runbook().step(step);
        let command = definition.command.as_ref();
        command.is_some_and(|command| command.undo.is_some())
            && !matches!(definition.home, Home::Rollback(_))
    }

    fn undo_since(&self, ran: &Attempt, step: StepIndex) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| {
            attempt.step == Some(step)
                && attempt.direction == Direction::Undo
                && attempt.number > ran.number
        })
    }
}

fn has_begun(attempt: &Attempt) -> bool {
    !matches!(attempt.outcome, Some(Outcome::NotStarted { .. }))
}
