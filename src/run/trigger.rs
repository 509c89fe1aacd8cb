//! Triggers, decisions and rollbacks: what has fired, what was decided, and how far the way back has come.

use jiff::Timestamp;

use super::{Run, rollback::RollbackState};
use crate::journal::{Decision, Entry, Event};

/// A trigger that fired and waits for, or got, a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// When.
    pub at: Timestamp,
    /// The terms that held, or the operator's reason.
    pub because: String,
    /// What was decided, and when.
    pub decision: Option<(Decision, Timestamp)>,
    /// Whether nobody decided in time.
    pub overdue: bool,
}

/// The state of one trigger. It latches: only a decision answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriggerState {
    /// The latest firing.
    pub fired: Option<Fired>,
}

impl TriggerState {
    /// Fired, and nobody has decided yet.
    pub fn is_pending(&self) -> bool {
        self.fired
            .as_ref()
            .is_some_and(|fired| fired.decision.is_none())
    }
}

impl Run {
    /// Positions of the triggers that wait for a decision, in the runbook's order.
    pub fn pending_triggers(&self) -> impl Iterator<Item = usize> + '_ {
        self.triggers
            .iter()
            .enumerate()
            .filter(|(_, state)| state.is_pending())
            .map(|(index, _)| index)
    }

    /// When a decision about a fired trigger is due.
    pub fn decision_due(&self, trigger: usize) -> Option<Timestamp> {
        let fired = self.triggers[trigger].fired.as_ref()?;
        let within = self.runbook().triggers[trigger].decide_within?;
        fired.at.checked_add(within).ok()
    }

    pub(super) fn apply_trouble(&mut self, entry: &Entry) {
        match &entry.event {
            Event::TriggerFired { trigger, because } => {
                if let Some(index) = self.runbook().find_trigger(trigger) {
                    let because = because.clone();
                    self.triggers[index].fired = Some(Fired {
                        at: entry.at,
                        because,
                        decision: None,
                        overdue: false,
                    });
                }
            }
            Event::DecisionOverdue { trigger } => {
                if let Some(fired) = self.fired_mut(trigger) {
                    fired.overdue = true;
                }
            }
            Event::Decided {
                triggers, decision, ..
            } => {
                self.decision = Some((*decision, entry.at));
                for trigger in triggers {
                    if let Some(fired) = self.fired_mut(trigger) {
                        fired.decision = Some((*decision, entry.at));
                    }
                }
            }
            Event::RollbackStarted { rollback, typed } => {
                if let Some(index) = self.runbook().find_rollback(rollback) {
                    self.reopen_rollback(index);
                    self.rollback = Some(RollbackState::started(index, entry, typed));
                }
            }
            Event::RollbackVerified { rollback, .. } => {
                self.close_rollback(rollback, entry.at, true)
            }
            Event::RollbackAttested { rollback, .. } => {
                self.close_rollback(rollback, entry.at, false)
            }
            _ => {}
        }
    }

    fn fired_mut(&mut self, trigger: &str) -> Option<&mut Fired> {
        let index = self.runbook().find_trigger(trigger)?;
        self.triggers[index].fired.as_mut()
    }
}
