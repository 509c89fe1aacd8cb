//! What several panels need to know of the run, worked out once per frame.
//!
//! The run answers each question by walking its steps. A panel that asked per line would walk them thousands of
//! times a frame, so counts are taken here in one pass.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::text::between;
use crate::app::App;
use crate::check::Verdict;
use crate::run::Status;
use crate::run::progress::{Count, RunState};
use crate::runbook::{Level, SectionIndex, Stage, StepIndex};

/// A digest of the run at one moment.
#[derive(Clone, Debug)]
pub struct Glance {
    /// Where the run stands.
    pub state: RunState,
    /// Progress per phase.
    pub phases: Vec<Count>,
    /// Progress per section, by phase.
    pub sections: Vec<Vec<Count>>,
    /// What most needs attention in each section, by phase: failed, unknown or running steps.
    pub worst: Vec<Vec<Status>>,
    /// Progress over MUST steps.
    pub must: Count,
    /// How many steps, checks and metrics are wrong.
    pub failed: usize,
    /// How many steps, checks and metrics can't be known.
    pub unknown: usize,
    /// The first gate that hasn't passed.
    pub next_gate: Option<SectionIndex>,
    /// The first step of no return that is still ahead.
    pub no_return: Option<StepIndex>,
    /// The way back and its time.
    pub way_back: Option<WayBack>,
}

/// The rollback that would be taken, or is being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// Position in the runbook's rollbacks.
    pub rollback: usize,
    /// What its steps usually take; `None` when that isn't known.
    pub estimate: Option<Duration>,
    /// Within this it has to be done.
    pub budget: Option<Duration>,
}

impl WayBack {
    /// Whether the estimate is beyond the budget.
    pub fn is_too_slow(self) -> bool {
        matches!((self.estimate, self.budget), (Some(estimate), Some(budget)) if estimate > budget)
    }
}

impl Glance {
    /// Looks at the run as it is at [`App::now`].
    pub fn new(app: &App) -> Self {
        let run = &app.run;
        let runbook = run.runbook();
        let mut glance = Self {
            state: run.run_state(app.now.wall),
            phases: vec![Count::default(); runbook.phases.len()],
            sections: runbook
                .phases
                .iter()
                .map(|phase| vec![Count::default(); phase.sections.len()])
                .collect(),
            worst: runbook
                .phases
                .iter()
                .map(|phase| vec![Status::Done; phase.sections.len()])
                .collect(),
            must: Count::default(),
            failed: app.live.count(app.now, |verdict| verdict == Verdict::Fail),
            unknown: app.live.count(app.now, Verdict::is_unknown),
            next_gate: run.next_gate(),
            no_return: None,
            way_back: way_back(app),
        };
        for step in run.forward_steps() {
            glance.count(app, step);
        }
        for step in run.rollback_steps() {
            glance.count_trouble(run.status(step));
        }
        glance
    }

    fn count(&mut self, app: &App, step: StepIndex) {
        let run = &app.run;
        let status = run.status(step);
        let settled = status.is_resolved() || run.within_resolved_parent(step);
        let definition = run.runbook().step(step);
        if let Some(at) = run.section_of(step) {
            add(&mut self.phases[at.phase], settled);
            add(&mut self.sections[at.phase][at.section], settled);
            let worst = &mut self.worst[at.phase][at.section];
            if attention(status) > attention(*worst) {
                *worst = status;
            }
        }
        if definition.must {
            add(&mut self.must, settled);
        }
        if !settled
            && definition
                .command
                .as_ref()
                .is_some_and(|command| command.level == Level::Ponr)
        {
            self.no_return = self.no_return.or(Some(step));
        }
        self.count_trouble(status);
    }

    fn count_trouble(&mut self, status: Status) {
        self.failed += usize::from(status == Status::Failed);
        self.unknown += usize::from(status == Status::Unknown);
    }

    /// Progress within the phases of a stage.
    pub fn stage(&self, app: &App, stage: Stage) -> Count {
        let phases = app.run.runbook().phases.iter().zip(&self.phases);
        let counts = phases
            .filter(|(phase, _)| phase.stage == stage)
            .map(|(_, count)| count);
        counts.fold(Count::default(), |sum, count| Count {
            done: sum.done + count.done,
            total: sum.total + count.total,
        })
    }

    /// Progress within a section.
    pub fn section(&self, at: SectionIndex) -> Count {
        self.sections[at.phase][at.section]
    }

    /// The mark of a section: what most needs attention in it, else how far it is.
    ///
    /// A section without steps is as open as its gate or its choice.
    pub fn section_status(&self, app: &App, at: SectionIndex) -> Status {
        let count = self.section(at);
        if count.total == 0 {
            let section = app.run.runbook().section(at);
            let is_over = app.run.is_passed(at)
                && (section.choice.is_none() || app.run.choices.contains_key(&at));
            return if is_over { Status::Done } else { Status::Todo };
        }
        match self.worst[at.phase][at.section] {
            worst @ (Status::Failed | Status::Unknown | Status::Running) => worst,
            _ if count.done == count.total => Status::Done,
            _ if count.done > 0 => Status::Running,
            _ => Status::Todo,
        }
    }

    /// Whether a section stands behind a gate that hasn't passed.
    pub fn is_behind_gate(&self, at: SectionIndex) -> bool {
        self.next_gate.is_some_and(|gate| gate < at)
    }
}

fn attention(status: Status) -> u8 {
    match status {
        Status::Failed => 3,
        Status::Unknown => 2,
        Status::Running => 1,
        _ => 0,
    }
}

fn add(count: &mut Count, settled: bool) {
    count.total += 1;
    count.done += usize::from(settled);
}

fn way_back(app: &App) -> Option<WayBack> {
    let run = &app.run;
    let walking = run.rollback.as_ref().map(|state| state.rollback);
    let rollback = walking.or_else(|| run.offered_rollbacks().first().copied())?;
    Some(WayBack {
        rollback,
        estimate: run.rollback_estimate(rollback),
        budget: run.runbook().rollbacks[rollback]
            .within
            .or(run.runbook().window.rollback_budget),
    })
}

/// When the launch window closes.
pub fn window_closes(app: &App) -> Option<Timestamp> {
    let closes = app.run.runbook().window.closes?;
    app.run.clock.target().checked_add(closes).ok()
}

/// The last moment at which a rollback still ends within the window.
pub fn decide_by(app: &App, way_back: Option<WayBack>) -> Option<Timestamp> {
    let time = way_back.and_then(|way| way.budget.or(way.estimate))?;
    window_closes(app)?.checked_sub(time).ok()
}

/// The procedure time at which a gate's planned hold begins: that of the phase behind it, at the latest zero. `None` for
/// gates after the launch, which stop no clock.
pub fn hold_begins(app: &App, gate: SectionIndex) -> Option<SignedDuration> {
    let phases = &app.run.runbook().phases;
    let is_before_launch = phases[gate.phase].stage == Stage::PreLaunch;
    is_before_launch.then(|| {
        phases
            .get(gate.phase + 1)
            .and_then(|phase| phase.at)
            .unwrap_or(SignedDuration::ZERO)
    })
}

/// How long it is until T reads this, `None` when it has.
pub fn until(app: &App, t: SignedDuration) -> Option<Duration> {
    Duration::try_from(t.saturating_sub(app.run.clock.t(app.now.wall))).ok()
}

/// How long a hold that is on has lasted, and how long it may last when it was planned.
pub fn holding(app: &App) -> Option<(Duration, Option<Duration>, &str)> {
    let hold = app.run.clock.hold_now()?;
    let planned = hold
        .gate
        .and_then(|gate| app.run.runbook().section(gate).gate.as_ref()?.hold);
    Some((between(hold.since, app.now.wall), planned, &hold.reason))
}
