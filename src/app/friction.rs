//! How much is asked before a command starts: more when it is more dangerous, less on the way back.
//!
//! The runbook's level says how dangerous a command is when its time has come. Long before T-0, or while the clock is
//! held, the same command is more dangerous than that, so it costs one degree more and says why.

use std::time::Duration;

use jiff::SignedDuration;

use super::App;
use super::keys::Action;
use super::view::Ask;
use crate::journal::Direction;
use crate::runbook::{Home, Level, SectionIndex, Stage, StepIndex};

/// People start a launch's first command a few seconds early; nobody should have to type a name for that.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// A GO older than this is about a system that nobody has looked at since.
pub const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// Why it is too soon for a command of the launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Haste {
    /// T-0 is this far away.
    Early(Duration),
    /// The clock is held, for this reason.
    Held(String),
}

impl App {
    /// Why this step's command would run before its time; nothing on the way back, where nothing is too soon.
    pub fn haste(&self, step: StepIndex, direction: Direction) -> Option<Haste> {
        let section = self.run.section_of(step)?;
        let phase = &self.run.runbook().phases[section.phase];
        if direction == Direction::Undo || phase.stage == Stage::PreLaunch {
            return None;
        }
        if let Some(hold) = self.run.clock.hold_now() {
            return Some(Haste::Held(hold.reason.clone()));
        }
        let due = self.run.runbook().step(step).at.or(phase.at);
        let due = due.unwrap_or_default().min(SignedDuration::ZERO);
        let t = self.run.clock.t(self.now.wall);
        let early = t < due.saturating_sub(LEEWAY);
        early.then(|| Haste::Early(t.unsigned_abs()))
    }

    /// What is asked before a command of this level starts, one degree more when it is in haste.
    ///
    /// Inside a decided rollback `changes` and `destructive` ask only `y`: friction falls towards safety.
    pub(super) fn asks(
        &self,
        level: Level,
        step: Option<StepIndex>,
        direction: Direction,
    ) -> Vec<Ask> {
        let definition = step.map(|step| self.run.runbook().step(step));
        let second = definition.is_some_and(|step| step.second);
        let leads_back = definition.is_some_and(|step| matches!(step.home, Home::Rollback(_)))
            || (direction == Direction::Undo && self.run.is_rolling_back());
        let hasty = step.is_some_and(|step| self.haste(step, direction).is_some());
        let target = Ask::Target(self.run.target.clone());
        let countdown = Ask::Countdown(Duration::MAX);
        let mut asks = match level {
            Level::Safe => Vec::new(),
            Level::Ponr => vec![Ask::SecondPerson, target, countdown],
            Level::Changes | Level::Destructive if leads_back => vec![Ask::Yes],
            Level::Changes if hasty => vec![target],
            Level::Changes => vec![Ask::Yes],
            Level::Destructive if hasty => vec![target, countdown],
            Level::Destructive => vec![target],
        };
        if second && level != Level::Ponr {
            asks.insert(0, Ask::SecondPerson);
        }
        asks
    }

    /// A point of no return needs a fresh GO from everyone and no MUST check that can't be seen.
    ///
    /// In a rollback the decision stands for the poll: nobody is called together in the worst minutes. A command of no
    /// step is judged by the last poll that passed.
    pub(super) fn ponr_obstacle(&self, step: Option<StepIndex>) -> Option<String> {
        let blind = self.run.forward_steps().find(|&index| {
            self.run.runbook().step(index).must
                && step.is_none_or(|step| index <= step)
                && self
                    .live
                    .proofs(index)
                    .iter()
                    .any(|&proof| self.live.verdict(proof, self.now).is_unknown())
        });
        if let Some(blind) = blind {
            let number = &self.run.runbook().step(blind).number;
            return Some(format!(
                "point of no return: MUST {number} can't be seen now"
            ));
        }
        let section = step.map(|step| self.run.section_of(step));
        if section == Some(None) {
            return None;
        }
        let Some(poll) = self.poll_before(section.flatten()) else {
            return Some("point of no return: no go/no-go poll before it has passed".to_owned());
        };
        (!self.is_fresh(poll)).then(|| {
            let number = &self.run.runbook().section(poll).number;
            let key = self.bindings.shown(Action::Poll);
            format!("point of no return: the GO of {number} is too old, {key} asks everyone again")
        })
    }

    /// The last poll that passed before this section, or at all.
    fn poll_before(&self, section: Option<SectionIndex>) -> Option<SectionIndex> {
        let polls = self.run.gate_sections().map(|(at, _)| at);
        polls
            .filter(|&at| section.is_none_or(|section| at < section) && self.run.is_passed(at))
            .last()
    }

    /// Whether everyone's answer to a poll is recent enough for a point of no return.
    pub(super) fn is_fresh(&self, poll: SectionIndex) -> bool {
        self.stale_role(poll).is_none()
    }

    /// The first role of a poll whose answer is too old to be relied on.
    pub(super) fn stale_role(&self, poll: SectionIndex) -> Option<String> {
        let gate = self.run.runbook().section(poll).gate.as_ref()?;
        let answers = &self.run.gates.get(&poll)?.answers;
        let stale = |role: &&String| {
            answers
                .get(*role)
                .is_some_and(|given| self.now.wall.duration_since(given.at) > FRESH)
        };
        gate.roles.iter().find(stale).cloned()
    }

    /// The poll that a point of no return under the cursor waits for.
    pub(super) fn stale_poll(&self) -> Option<SectionIndex> {
        let step = self.current_step()?;
        let command = self.run.runbook().step(step).command.as_ref()?;
        let section = self.run.section_of(step)?;
        let poll = self
            .poll_before(Some(section))
            .filter(|_| command.level == Level::Ponr)?;
        (!self.is_fresh(poll)).then_some(poll)
    }
}
