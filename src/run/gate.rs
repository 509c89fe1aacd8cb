//! Gates: polls that a planned hold waits for, and what stands in their way.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Run, Status};
use crate::journal::{Answer, Entry, Event};
use crate::runbook::{Gate, Home, SectionIndex, StepIndex};

/// The role that answers last and decides.
pub const DECIDING_ROLE: &str = "ic";

/// One role's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The answer.
    pub answer: Answer,
    /// Who recorded it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, for no-go.
    pub reason: Option<String>,
}

/// The answers of one poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateState {
    /// Answers by role.
    pub answers: BTreeMap<String, Given>,
}

impl GateState {
    /// Whether every role of the gate said GO.
    pub fn is_go(&self, gate: &Gate) -> bool {
        gate.roles.iter().all(|role| {
            self.answers
                .get(role)
                .is_some_and(|given| given.answer == Answer::Go)
        })
    }

    /// The role to ask next; the deciding one comes last.
    pub fn next_role<'gate>(&self, gate: &'gate Gate) -> Option<&'gate str> {
        let open = |role: &&String| !self.answers.contains_key(role.as_str());
        let others = gate
            .roles
            .iter()
            .filter(|role| role.as_str() != DECIDING_ROLE)
            .find(open);
        others
            .or_else(|| gate.roles.iter().find(open))
            .map(String::as_str)
    }
}

impl Run {
    /// The gates in document order.
    pub fn gate_sections(&self) -> impl Iterator<Item = (SectionIndex, &Gate)> {
        self.runbook()
            .sections()
            .filter_map(|(at, section)| Some((at, section.gate.as_ref()?)))
    }

    /// Whether a gate lets later sections begin: its poll is GO and its hold, if on, was released.
    pub fn is_passed(&self, at: SectionIndex) -> bool {
        let Some(gate) = &self.runbook().section(at).gate else {
            return true;
        };
        let holding = self
            .clock
            .hold_now()
            .is_some_and(|hold| hold.gate == Some(at));
        !holding && self.gates.get(&at).is_some_and(|state| state.is_go(gate))
    }

    /// The first gate that hasn't passed.
    pub fn next_gate(&self) -> Option<SectionIndex> {
        self.gate_sections()
            .map(|(at, _)| at)
            .find(|&at| !self.is_passed(at))
    }

    /// The gate that keeps this step from being worked on.
    pub fn gate_before(&self, step: StepIndex) -> Option<SectionIndex> {
        let (Home::Section(home) | Home::Option(home, _)) = self.runbook().step(step).home else {
            return None;
        };
        let gates = self.gate_sections().map(|(at, _)| at);
        gates
            .take_while(|&at| at < home)
            .find(|&at| !self.is_passed(at))
    }

    /// MUST steps before a gate that aren't resolved.
    pub fn open_musts(&self, gate: SectionIndex) -> Vec<StepIndex> {
        self.open_before(gate)
            .filter(|&step| self.runbook().step(step).must)
            .collect()
    }

    /// All steps before a gate, its own section included, that aren't resolved and aren't optional.
    pub fn open_before(&self, gate: SectionIndex) -> impl Iterator<Item = StepIndex> + '_ {
        self.runbook().step_indices().filter(move |&index| {
            let step = self.runbook().step(index);
            let (Home::Section(home) | Home::Option(home, _)) = step.home else {
                return false;
            };
            home <= gate
                && self.is_present(index)
                && !step.optional
                && !self.within_resolved_parent(index)
                && !self.status(index).is_resolved()
        })
    }

    /// Whether a step above this one was waived or doesn't apply, which settles this one too.
    pub fn within_resolved_parent(&self, step: StepIndex) -> bool {
        let mut parent = self.runbook().step(step).parent;
        while let Some(index) = parent {
            if matches!(
                self.state(index).status,
                Status::Waived | Status::NotApplicable
            ) {
                return true;
            }
            parent = self.runbook().step(index).parent;
        }
        false
    }

    pub(super) fn apply_gate(&mut self, entry: &Entry) {
        match &entry.event {
            Event::GateAnswered {
                gate,
                role,
                answer,
                reason,
            } => {
                let Some(at) = self.section_by_id(gate) else {
                    return;
                };
                let given = Given {
                    answer: *answer,
                    by: entry.by.clone(),
                    at: entry.at,
                    reason: reason.clone(),
                };
                if let Some(state) = self.gates.get_mut(&at) {
                    state.answers.insert(role.clone(), given);
                }
                if self.is_passed(at) {
                    self.clock.forgo(at);
                }
            }
            Event::GateReset { gate } => {
                if let Some(at) = self.section_by_id(gate) {
                    self.gates.insert(at, GateState::default());
                }
            }
            _ => {}
        }
    }

    pub(super) fn reset_gates(&mut self) {
        for state in self.gates.values_mut() {
            *state = GateState::default();
        }
    }
}
