//! A person's word over something red.
//!
//! Whoever is there may know better than a check, so nothing forbids it. But a tick over a failing check must never
//! look like any other tick: what spoke against it is recorded with it, and it stays marked.

use super::App;
use super::command::explain;
use crate::check::Verdict;
use crate::journal::{Basis, Evidence};
use crate::run::Status;
use crate::runbook::{Proof, StepIndex};

impl App {
    /// What speaks against a person who says now that this step is done: failing proofs, or a failed command.
    pub(super) fn against(&self, step: StepIndex) -> Option<Evidence> {
        let red = self.red_proofs(step);
        if !red.is_empty() {
            return Some(self.evidence(&red));
        }
        let attempt = self.run.latest_attempt(step)?;
        let outcome = attempt.outcome.as_ref()?;
        (self.run.state(step).status == Status::Failed).then(|| Evidence {
            source: format!("attempt {}", attempt.number),
            observed: explain(outcome),
            at: self.now.wall,
        })
    }

    /// What is or was red behind a step that is done because a person said so: as it is now, else as it was when
    /// they said it.
    pub fn overruled(&self, step: StepIndex) -> Option<Evidence> {
        if self.run.status(step) != Status::Done || self.run.basis(step) != Some(Basis::Attested) {
            return None;
        }
        let red = self.red_proofs(step);
        if red.is_empty() {
            return self.run.state(step).against.clone();
        }
        Some(self.evidence(&red))
    }

    fn red_proofs(&self, step: StepIndex) -> Vec<Proof> {
        let mut proofs = self.live.proofs(step);
        proofs.retain(|&proof| self.live.verdict(proof, self.now) == Verdict::Fail);
        proofs
    }
}
