//! The state of a step: what was recorded of it, and what follows from its substeps.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::Run;
use crate::journal::{Basis, Direction, Entry, Event, Evidence, Outcome};
use crate::runbook::{Home, Step, StepId, StepIndex};

/// Where a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Open.
    #[default]
    Todo,
    /// Its command runs.
    Running,
    /// Done.
    Done,
    /// Its command failed.
    Failed,
    /// It can't be known: contradicted evidence, or a command that got lost.
    Unknown,
    /// Left undone on purpose.
    Waived,
    /// It doesn't apply to this run.
    NotApplicable,
}

impl Status {
    /// Nothing more is owed for this step.
    pub fn is_resolved(self) -> bool {
        matches!(self, Self::Done | Self::Waived | Self::NotApplicable)
    }

    /// The mark on the board.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Todo => "[ ]",
            Self::Running => "[~]",
            Self::Done => "[x]",
            Self::Failed => "[!]",
            Self::Unknown => "[?]",
            Self::Waived => "[-]",
            Self::NotApplicable => "[/]",
        }
    }
}

/// What was recorded of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// Where it stands by its own records.
    pub status: Status,
    /// How we know that it is done.
    pub basis: Option<Basis>,
    /// The recorded value.
    pub value: Option<String>,
    /// Who signed; for a step that nobody signs, the initials of the second person.
    pub signed: Option<String>,
    /// Initials of the second person for a step that was signed too.
    pub second: Option<String>,
    /// Who recorded the present state.
    pub by: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// The sample behind it.
    pub evidence: Option<Evidence>,
    /// What was red when a person said that it is done.
    pub against: Option<Evidence>,
    /// Why it was waived, skipped, reopened or doesn't apply.
    pub reason: Option<String>,
    /// Passed over for now in a read-do section.
    pub skipped: bool,
    /// The answer to its condition, once given.
    pub applies: Option<bool>,
    /// The number of its latest attempt.
    pub attempt: Option<u64>,
}

impl Step {
    /// Whether the step is nothing but its substeps: it is done when they are.
    pub fn is_group(&self) -> bool {
        !self.children.is_empty()
            && self.command.is_none()
            && self.record.is_none()
            && self.sign.is_none()
            && self.checks.is_empty()
            && self.metrics.is_empty()
    }
}

impl Run {
    /// Where a step stands, substeps included.
    pub fn status(&self, step: StepIndex) -> Status {
        let own = self.state(step).status;
        let definition = self.runbook().step(step);
        if own.is_resolved() || !definition.is_group() {
            return own;
        }
        let mut worst = Status::Done;
        for &child in &definition.children {
            match self.status(child) {
                Status::Failed => return Status::Failed,
                status @ (Status::Unknown | Status::Running | Status::Todo)
                    if rank(status) > rank(worst) =>
                {
                    worst = status;
                }
                _ => {}
            }
        }
        worst
    }

    /// How we know that a step is done; a parent is only verified when all its substeps are.
    pub fn basis(&self, step: StepIndex) -> Option<Basis> {
        if self.status(step) != Status::Done {
            return None;
        }
        let definition = self.runbook().step(step);
        if self.state(step).basis.is_some() || !definition.is_group() {
            return self.state(step).basis;
        }
        let counts = |child: &&StepIndex| self.status(**child) != Status::NotApplicable;
        let mut children = definition.children.iter().filter(counts).peekable();
        // A waiver proves nothing, and neither does a group of which nothing applies.
        let verified = children.peek().is_some()
            && children.all(|&child| self.basis(child) == Some(Basis::Verified));
        Some(if verified {
            Basis::Verified
        } else {
            Basis::Attested
        })
    }

    pub(super) fn apply_step(&mut self, entry: &Arc<Entry>) {
        match &entry.event {
            Event::StepDone {
                step,
                basis,
                value,
                signed,
                second,
                evidence,
                against,
            } => self.change(entry, step, |state| {
                state.status = Status::Done;
                state.basis = Some(*basis);
                state.value.clone_from(value);
                state.signed.clone_from(signed);
                state.second.clone_from(second);
                state.evidence.clone_from(evidence);
                state.against.clone_from(against);
                state.reason = None;
                state.skipped = false;
            }),
            Event::StepContradicted { step, evidence } => self.change(entry, step, |state| {
                state.status = Status::Unknown;
                state.basis = None;
                state.evidence = Some(evidence.clone());
            }),
            Event::StepWaived { step, reason } => self.change(entry, step, |state| {
                state.status = Status::Waived;
                state.basis = None;
                state.reason = Some(reason.clone());
                state.skipped = false;
            }),
            Event::StepSkipped { step, reason } => self.change(entry, step, |state| {
                state.skipped = true;
                state.reason = Some(reason.clone());
            }),
            Event::ApplicabilityAnswered {
                step,
                applies,
                reason,
            } => self.change(entry, step, |state| {
                state.applies = Some(*applies);
                state.status = if *applies {
                    Status::Todo
                } else {
                    Status::NotApplicable
                };
                state.basis = None;
                state.reason.clone_from(reason);
            }),
            Event::StepReopened { step, reason } => {
                self.change(entry, step, |state| state.reopen(reason))
            }
            Event::Recycled { steps, reason } => {
                for step in steps {
                    self.change(entry, step, |state| state.reopen(reason));
                }
                self.reset_gates();
            }
            _ => {}
        }
    }

    /// An attempt's end speaks for its step.
    pub(super) fn settle_step(
        &mut self,
        entry: &Entry,
        step: StepIndex,
        direction: Direction,
        outcome: &Outcome,
    ) {
        let attempt = self.steps[step.0].attempt;
        let state = &mut self.steps[step.0];
        state.by = Some(entry.by.clone());
        state.at = Some(entry.at);
        state.basis = None;
        state.against = None;
        state.status = match (direction, outcome) {
            (Direction::Run, Outcome::Exited { code: 0 }) => {
                state.basis = Some(Basis::Verified);
                state.skipped = false;
                state.evidence = Some(Evidence {
                    source: attempt.map_or_else(
                        || "command".to_owned(),
                        |number| format!("attempt {number}"),
                    ),
                    observed: "exit 0".to_owned(),
                    at: entry.at,
                });
                Status::Done
            }
            (Direction::Undo, Outcome::Exited { code: 0 }) | (_, Outcome::NotStarted { .. }) => {
                Status::Todo
            }
            (_, Outcome::Exited { .. } | Outcome::Signalled { .. }) => Status::Failed,
            (_, Outcome::Stopped | Outcome::Unknown { .. }) => Status::Unknown,
        };
    }

    pub(super) fn start_step(&mut self, entry: &Entry, step: StepIndex, attempt: u64) {
        let state = &mut self.steps[step.0];
        state.status = Status::Running;
        state.basis = None;
        state.attempt = Some(attempt);
        state.by = Some(entry.by.clone());
        state.at = Some(entry.at);
    }

    /// Going back a second time walks the same steps again.
    pub(super) fn reopen_rollback(&mut self, rollback: usize) {
        let runbook = Arc::clone(self.runbook());
        let members = runbook
            .step_indices()
            .filter(|&step| runbook.step(step).home == Home::Rollback(rollback));
        members.for_each(|step| self.steps[step.0].reopen(""));
    }

    fn change(&mut self, entry: &Entry, id: &StepId, change: impl FnOnce(&mut StepState)) {
        let Some(index) = self.find(id) else { return };
        let state = &mut self.steps[index.0];
        change(state);
        state.by = Some(entry.by.clone());
        state.at = Some(entry.at);
    }
}

impl StepState {
    /// Back to open; that it was asked whether it applies is kept only when it does.
    fn reopen(&mut self, reason: &str) {
        let applies = self.applies.filter(|&applies| applies);
        *self = Self {
            applies,
            attempt: self.attempt,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            ..Self::default()
        };
    }
}

/// Which of two substeps' states says more about their parent.
fn rank(status: Status) -> u8 {
    match status {
        Status::Running => 3,
        Status::Unknown => 2,
        Status::Todo => 1,
        _ => 0,
    }
}
