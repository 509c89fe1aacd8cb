//! How far a run has come: counts, what is next, what it is called.

use jiff::Timestamp;

use super::{Run, Status};
use crate::journal::Ending;
use crate::runbook::{Home, Order, SectionIndex, Stage, StepIndex};

/// Done of total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    /// Resolved: done, waived or not applicable.
    pub done: usize,
    /// All.
    pub total: usize,
}

impl Count {
    fn add(&mut self, resolved: bool) {
        self.total += 1;
        self.done += usize::from(resolved);
    }
}

/// Where a run stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Before T-0.
    PreLaunch,
    /// At T-0.
    Launch,
    /// After it.
    PostLaunch,
    /// The procedure clock is stopped.
    Holding,
    /// A rollback is on its way.
    RollingBack,
    /// A rollback is done, the run is still open.
    RolledBack,
    /// Closed: launched.
    Launched,
    /// Closed: given up.
    Scrubbed,
}

impl RunState {
    /// The state as JSON and screens spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreLaunch => "pre-launch",
            Self::Launch => "launch",
            Self::PostLaunch => "post-launch",
            Self::Holding => "holding",
            Self::RollingBack => "rolling-back",
            Self::RolledBack => "rolled-back",
            Self::Launched => "launched",
            Self::Scrubbed => "scrubbed",
        }
    }
}

impl Run {
    /// Steps of the way forward as this run has them (no rollback, no option that wasn't taken).
    pub fn forward_steps(&self) -> impl Iterator<Item = StepIndex> + '_ {
        self.runbook().step_indices().filter(|&index| {
            matches!(
                self.runbook().step(index).home,
                Home::Section(_) | Home::Option(..)
            ) && self.is_present(index)
        })
    }

    /// Whether nothing more is owed for a step, be it by itself or by a step above it.
    pub fn is_settled(&self, step: StepIndex) -> bool {
        self.status(step).is_resolved() || self.within_resolved_parent(step)
    }

    /// Progress over the way forward, substeps counted.
    pub fn progress(&self) -> Count {
        self.count(|_| true)
    }

    /// Progress over MUST steps.
    pub fn must_progress(&self) -> Count {
        self.count(|step| self.runbook().step(step).must)
    }

    /// Progress within a phase.
    pub fn phase_progress(&self, phase: usize) -> Count {
        self.count(|step| self.section_of(step).is_some_and(|at| at.phase == phase))
    }

    /// Progress within a section.
    pub fn section_progress(&self, section: SectionIndex) -> Count {
        self.count(|step| self.section_of(step) == Some(section))
    }

    /// How many present steps stand like this.
    pub fn count_status(&self, status: Status) -> usize {
        let rollback = self.rollback_steps();
        self.forward_steps()
            .chain(rollback)
            .filter(|&step| self.status(step) == status)
            .count()
    }

    /// The section a step belongs to, if it is on the way forward.
    pub fn section_of(&self, step: StepIndex) -> Option<SectionIndex> {
        match self.runbook().step(step).home {
            Home::Section(at) | Home::Option(at, _) => Some(at),
            Home::Rollback(_) | Home::Upkeep(_) => None,
        }
    }

    /// The first open step of the way forward.
    pub fn next_step(&self) -> Option<StepIndex> {
        self.forward_steps()
            .find(|&step| !self.is_settled(step) && !self.runbook().step(step).is_group())
    }

    /// All steps, substeps included, of the rollback that is being walked.
    pub fn rollback_steps(&self) -> Vec<StepIndex> {
        let Some(state) = &self.rollback else {
            return Vec::new();
        };
        let home = Home::Rollback(state.rollback);
        self.runbook()
            .step_indices()
            .filter(|&step| self.runbook().step(step).home == home)
            .collect()
    }

    /// The only step that takes input where order matters: the first that is neither settled nor passed over.
    ///
    /// `None` where any order will do, and when nothing is open.
    pub fn read_do_next(&self, home: Home) -> Option<StepIndex> {
        if self.order_of(home) != Order::ReadDo {
            return None;
        }
        let members = self
            .runbook()
            .step_indices()
            .filter(|&step| self.runbook().step(step).home == home);
        let mut open =
            members.filter(|&step| !self.is_settled(step) && !self.runbook().step(step).is_group());
        open.find(|&step| !self.state(step).skipped)
    }

    /// The order of steps that stand here.
    pub fn order_of(&self, home: Home) -> Order {
        match home {
            Home::Section(at) | Home::Option(at, _) => self.runbook().section(at).order,
            Home::Rollback(index) => self.runbook().rollbacks[index].order,
            Home::Upkeep(_) => Order::DoConfirm,
        }
    }

    /// The stage the run is in: launch begins with the first launch step that is acted on, or when T passes zero with
    /// every gate open; post-launch when the last launch step is settled.
    pub fn stage(&self, now: Timestamp) -> Stage {
        let mut launch = self
            .forward_steps()
            .filter(|&step| self.stage_of(step) == Some(Stage::Launch))
            .peekable();
        let has_launch_steps = launch.peek().is_some();
        let (mut begun, mut settled) = (false, true);
        for step in launch {
            begun |= self.status(step) != Status::Todo;
            settled &= self.is_settled(step);
        }
        let gates_open = self
            .next_gate()
            .is_none_or(|at| self.runbook().phases[at.phase].stage != Stage::PreLaunch);
        let past_zero = !self.clock.t(now).is_negative();
        match (
            has_launch_steps,
            settled,
            begun || (past_zero && gates_open),
        ) {
            (true, true, _) | (false, _, true) => Stage::PostLaunch,
            (true, false, true) => Stage::Launch,
            (_, _, false) => Stage::PreLaunch,
        }
    }

    /// Where the run stands, in one word.
    pub fn run_state(&self, now: Timestamp) -> RunState {
        match (&self.ended, &self.rollback) {
            (Some((Ending::Launched, _)), _) => RunState::Launched,
            (Some((Ending::Scrubbed, _)), _) => RunState::Scrubbed,
            (Some((Ending::RolledBack, _)), _) => RunState::RolledBack,
            (None, Some(rollback)) if rollback.closed.is_none() => RunState::RollingBack,
            (None, Some(_)) => RunState::RolledBack,
            (None, None) if self.clock.hold_now().is_some() => RunState::Holding,
            (None, None) => match self.stage(now) {
                Stage::PreLaunch => RunState::PreLaunch,
                Stage::Launch => RunState::Launch,
                Stage::PostLaunch => RunState::PostLaunch,
            },
        }
    }

    fn stage_of(&self, step: StepIndex) -> Option<Stage> {
        self.section_of(step)
            .map(|at| self.runbook().phases[at.phase].stage)
    }

    fn count(&self, wanted: impl Fn(StepIndex) -> bool) -> Count {
        let mut count = Count::default();
        for step in self.forward_steps().filter(|&step| wanted(step)) {
            count.add(self.is_settled(step));
        }
        count
    }
}
