//! Triggers, decisions and rollbacks: what has fired, what was decided, and how far the way back has come.

use jiff::Timestamp;

use super::{Run, rollback::RollbackState};
use crate::journal::{AUTO, Decision, Entry, Event};
use crate::runbook::TriggerMode;

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
    /// Whether somebody stopped the rollback that it began by itself: then nothing begins again for this firing.
    pub stopped: bool,
}

/// A rollback that begins by itself unless somebody stops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Position in the runbook's triggers.
    pub trigger: usize,
    /// Position in the runbook's rollbacks.
    pub rollback: usize,
    /// When it was announced.
    pub at: Timestamp,
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

    /// Positions of the triggers that somebody owes a decision: one that only advises asks for none.
    pub fn owed_decisions(&self) -> impl Iterator<Item = usize> + '_ {
        let triggers = &self.runbook().triggers;
        self.pending_triggers()
            .filter(|&at| triggers[at].mode != TriggerMode::Advise)
    }

    /// When a decision about a fired trigger is due; never for one that only advises.
    pub fn decision_due(&self, trigger: usize) -> Option<Timestamp> {
        if self.runbook().triggers[trigger].mode == TriggerMode::Advise {
            return None;
        }
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
                        stopped: false,
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
                self.announced = None;
                self.decision = Some((*decision, entry.at));
                for trigger in triggers {
                    if let Some(fired) = self.fired_mut(trigger) {
                        fired.decision = Some((*decision, entry.at));
                    }
                }
            }
            Event::RollbackAnnounced { rollback, trigger } => {
                self.announced = self.announcement(entry.at, trigger, rollback);
            }
            Event::RollbackHandedOver { trigger, .. } => self.apply_handed_over(entry, trigger),
            Event::RollbackStarted {
                rollback,
                typed,
                trigger,
            } => self.apply_rollback_started(entry, rollback, typed, trigger.as_deref()),
            Event::RollbackVerified { rollback, .. } => {
                self.close_rollback(rollback, entry.at, true)
            }
            Event::RollbackAttested { rollback, .. } => {
                self.close_rollback(rollback, entry.at, false)
            }
            _ => {}
        }
    }

    fn announcement(&self, at: Timestamp, trigger: &str, rollback: &str) -> Option<Announced> {
        Some(Announced {
            trigger: self.runbook().find_trigger(trigger)?,
            rollback: self.runbook().find_rollback(rollback)?,
            at,
        })
    }

    fn apply_rollback_started(
        &mut self,
        entry: &Entry,
        rollback: &str,
        typed: &str,
        trigger: Option<&str>,
    ) {
        self.announced = None;
        let Some(index) = self.runbook().find_rollback(rollback) else {
            return;
        };
        self.reopen_rollback(index);
        let mut state = RollbackState::started(index, entry, typed);
        state.trigger = trigger.and_then(|trigger| self.runbook().find_trigger(trigger));
        state.unattended = trigger.is_some();
        self.rollback = Some(state);
        if trigger.is_some() {
            self.answer_by_rollback(entry.at);
        }
    }

    /// A rollback that began by itself answers everything that waits.
    fn answer_by_rollback(&mut self, at: Timestamp) {
        self.decision = Some((Decision::RollBack, at));
        let fired = self
            .triggers
            .iter_mut()
            .filter_map(|state| state.fired.as_mut());
        for fired in fired.filter(|fired| fired.decision.is_none()) {
            fired.decision = Some((Decision::RollBack, at));
        }
    }

    fn apply_handed_over(&mut self, entry: &Entry, trigger: &str) {
        self.forget_unattended();
        if let Some(fired) = self.fired_mut(trigger).filter(|_| entry.by != AUTO) {
            fired.stopped = true;
        }
    }

    /// Nothing that was announced or goes by itself goes on: in a later session people take it up.
    pub(super) fn forget_unattended(&mut self) {
        self.announced = None;
        if let Some(state) = &mut self.rollback {
            state.unattended = false;
        }
    }

    fn fired_mut(&mut self, trigger: &str) -> Option<&mut Fired> {
        let index = self.runbook().find_trigger(trigger)?;
        self.triggers[index].fired.as_mut()
    }
}
