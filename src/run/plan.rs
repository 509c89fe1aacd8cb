//! Whether the plan fits into the time there is until T-0.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Run;
use crate::journal::Direction;
use crate::runbook::{Stage, StepIndex};

/// A plan that needs more time than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Time until T-0.
    pub lead: Duration,
    /// What the planned holds take.
    pub holds: Duration,
    /// What the open pre-launch steps usually take, as far as they say so.
    pub steps: Duration,
}

impl Run {
    /// What the plan needs, when that is more than the time until T-0.
    pub fn shortfall(&self, now: Timestamp) -> Option<Shortfall> {
        let lead = SignedDuration::ZERO.saturating_sub(self.clock.l(now));
        let lead = Duration::try_from(lead).unwrap_or_default();
        let runbook = self.runbook();
        let in_time = |phase: usize| runbook.phases[phase].stage == Stage::PreLaunch;
        let holds = runbook
            .sections()
            .filter(|(at, _)| in_time(at.phase))
            .filter_map(|(_, section)| section.gate.as_ref()?.hold)
            .fold(Duration::ZERO, Duration::saturating_add);
        let steps = self
            .forward_steps()
            .filter(|&step| self.section_of(step).is_some_and(|at| in_time(at.phase)))
            .filter(|&step| !self.is_settled(step))
            .map(|step| self.planned_time(step))
            .fold(Duration::ZERO, Duration::saturating_add);
        let needed = holds.saturating_add(steps);
        (needed > lead).then_some(Shortfall { lead, holds, steps })
    }

    /// What the author allows for the step, else what its command usually takes, else how long it watches.
    fn planned_time(&self, step: StepIndex) -> Duration {
        let definition = self.runbook().step(step);
        let usual = self.usual_time(step, Direction::Run);
        let takes = definition.takes.or(usual.map(|expected| expected.time));
        takes.or(definition.soak).unwrap_or_default()
    }
}
