//! Rollbacks that begin by themselves (`mode = "auto"`): announced, counted down, walked; one key hands them to people.
//!
//! A program that goes back without being asked has to earn that every time, so each guard here fails towards people:
//! it is asked again at every turn of the countdown, and whatever it can't tell counts as a no. The announcement and
//! the beginning are entries like any other, and only an announcement of this session leads to a beginning: a program
//! that was started again finds out anew.

use std::time::Duration;

use super::keys::{Action, Key};
use super::triggers::Arming;
use super::view::Tone;
use super::{App, Effect, Saving};
use crate::journal::{Direction, Event};
use crate::run::Status;
use crate::run::rollback::RollbackStage;
use crate::runbook::{Condition, Level, StepIndex, TriggerMode};

/// How long an announcement can be stopped before the rollback begins.
pub const NOTICE: Duration = Duration::from_secs(10);

/// At most so much of a countdown passes between two turns of the program: what nobody could see didn't count down.
const LONGEST_TURN: Duration = Duration::from_secs(2);

/// The names of what is asked to be recorded here; see [`App::record_auto`].
const ANNOUNCING: &str = "announce a rollback";
const BEGINNING: &str = "begin a rollback";
const HANDING_OVER: &str = "hand over";

/// What goes on in this session without being asked.
#[derive(Debug, Default)]
pub(super) struct Unattended {
    countdown: Option<Countdown>,
    /// Whether the steps of the rollback start by themselves.
    walks: bool,
    /// The firing for which somebody stopped it, by its entry's time; it counts before the disk has it.
    stopped: Option<(usize, jiff::Timestamp)>,
}

#[derive(Clone, Copy, Debug)]
struct Countdown {
    trigger: usize,
    rollback: usize,
    left: Duration,
    /// When it was last counted (monotonic).
    counted: Duration,
}

/// What goes on without being asked, for the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// A rollback begins in so long.
    Counting {
        /// Position in the runbook's triggers.
        trigger: usize,
        /// Position in the runbook's rollbacks.
        rollback: usize,
        /// The time that is left.
        left: Duration,
    },
    /// Its steps start by themselves; this one is next, runs, or waits for a person.
    Walking {
        /// The step.
        step: StepIndex,
        /// Whether it is for a person to do.
        waits: bool,
    },
}

impl App {
    /// What goes on without being asked. Who only looks on sees it by the wall clock.
    pub fn doing(&self) -> Option<Doing> {
        let walks = if self.options.read_only {
            let state = self.run.rollback.as_ref();
            state.is_some_and(|state| state.unattended && state.closed.is_none())
        } else {
            self.unattended.walks
        };
        if walks {
            let step = self.next_of_rollback()?;
            let running = self.run.status(step) == Status::Running;
            let waits = !running && !self.may_start(step);
            return Some(Doing::Walking { step, waits });
        }
        if self.options.read_only {
            return self.announced_by_others();
        }
        self.unattended.countdown.map(|countdown| Doing::Counting {
            trigger: countdown.trigger,
            rollback: countdown.rollback,
            left: countdown.left,
        })
    }

    fn announced_by_others(&self) -> Option<Doing> {
        let announced = self.run.announced?;
        let passed = self.now.wall.duration_since(announced.at);
        let left = NOTICE.checked_sub(Duration::try_from(passed).unwrap_or_default())?;
        Some(Doing::Counting {
            trigger: announced.trigger,
            rollback: announced.rollback,
            left,
        })
    }

    /// When the countdown ends if nothing comes between (monotonic).
    pub(super) fn countdown_ends(&self) -> Option<Duration> {
        let countdown = self.unattended.countdown?;
        (!self.is_beginning_by_itself()).then_some(countdown.counted + countdown.left)
    }

    /// Whether a rollback is about to be recorded as begun by itself.
    pub(super) fn is_beginning_by_itself(&self) -> bool {
        self.is_requested(BEGINNING)
    }

    /// Announces, counts down, begins and walks, one thing at a time.
    pub(super) fn tend_unattended(&mut self) -> Option<Effect> {
        if let Some(countdown) = self.unattended.countdown {
            self.count_down(countdown)
        } else if self.unattended.walks {
            self.walk()
        } else {
            self.announce()
        }
    }

    fn announce(&mut self) -> Option<Effect> {
        let pending: Vec<usize> = self.run.pending_triggers().collect();
        let trigger = pending
            .into_iter()
            .find(|&trigger| self.forbids(trigger).is_none())?;
        let rollback = self.automatic_rollback(trigger)?;
        let runbook = self.run.runbook();
        let event = Event::RollbackAnnounced {
            rollback: runbook.rollbacks[rollback].id.clone(),
            trigger: runbook.triggers[trigger].id.clone(),
        };
        self.record_auto(ANNOUNCING.to_owned(), event)
    }

    /// The first of a trigger's rollbacks that fits the options that were taken and may begin by itself.
    fn automatic_rollback(&self, trigger: usize) -> Option<usize> {
        let offered = self.run.offered_rollbacks();
        let runbook = self.run.runbook();
        let named = runbook.triggers[trigger].rollbacks.iter().copied();
        let mut allowed = named.filter(|&rollback| runbook.rollbacks[rollback].auto);
        allowed.find(|rollback| offered.contains(rollback))
    }

    /// Why a trigger may not begin a rollback by itself now.
    fn forbids(&self, trigger: usize) -> Option<&'static str> {
        let definition = &self.run.runbook().triggers[trigger];
        if definition.mode != TriggerMode::Auto {
            return Some("it only asks");
        }
        if self.run.rollback.is_some() {
            return Some("the way back was taken already");
        }
        if self.is_stopped(trigger) {
            return Some("somebody stopped it");
        }
        if self.saving != Saving::Saved {
            return Some("it can't be recorded");
        }
        match self.arming(trigger) {
            Arming::Armed => {}
            Arming::Blind => return Some("we are blind"),
            Arming::Unseen => return Some("what fired it can't be seen"),
            _ => return Some("it isn't armed any more"),
        }
        if !self.condition_holds(trigger) {
            return Some("what fired it doesn't hold any more");
        }
        if self.something_changes() {
            return Some("a command is running");
        }
        self.automatic_rollback(trigger)
            .is_none()
            .then_some("none of its rollbacks fits this run")
    }

    fn is_stopped(&self, trigger: usize) -> bool {
        let fired = self.run.triggers[trigger].fired.as_ref();
        fired.is_none_or(|fired| {
            fired.stopped || self.unattended.stopped == Some((trigger, fired.at))
        })
    }

    /// Whether its condition is measured to hold at this moment; that it once did isn't enough.
    fn condition_holds(&self, trigger: usize) -> bool {
        let held = self.outlooks(trigger);
        match &self.run.runbook().triggers[trigger].condition {
            Some(Condition::Any(_)) => held.iter().any(|outlook| outlook.holds),
            Some(Condition::All(_)) => held.iter().all(|outlook| outlook.holds),
            None => false,
        }
    }

    /// Whether a command that does more than look is running: going back over it is for people to decide.
    fn something_changes(&self) -> bool {
        let mut running = self.run.running_attempts();
        running.any(|attempt| {
            let command = self.command_of(attempt.step, &attempt.command);
            command.is_none_or(|command| command.level != Level::Safe)
        })
    }

    /// What follows when the announcement is on disk: from now on it can be stopped.
    pub(super) fn after_announcement(&mut self) -> Vec<Effect> {
        let Some(announced) = self.run.announced else {
            return Vec::new();
        };
        self.unattended.countdown = Some(Countdown {
            trigger: announced.trigger,
            rollback: announced.rollback,
            left: NOTICE,
            counted: self.now.monotonic,
        });
        let title = &self.run.runbook().rollbacks[announced.rollback].title;
        let words = format!("{title} begins by itself: {} stops it", self.stop_key());
        self.say(Tone::Alarm, words);
        vec![Effect::Bell]
    }

    fn count_down(&mut self, countdown: Countdown) -> Option<Effect> {
        let trigger = countdown.trigger;
        // On its way to the disk it has begun.
        if self.is_beginning_by_itself() {
            return None;
        }
        if !self.run.triggers[trigger].is_pending() || self.run.rollback.is_some() {
            self.unattended.countdown = None;
            return None;
        }
        if let Some(why) = self.forbids(trigger) {
            return self.hand_over(trigger, why.to_owned());
        }
        self.live.sentinel.insist();
        let now = self.now.monotonic;
        let passed = now.saturating_sub(countdown.counted).min(LONGEST_TURN);
        let left = countdown.left.saturating_sub(passed);
        self.unattended.countdown = Some(Countdown {
            left,
            counted: now,
            ..countdown
        });
        if !left.is_zero() || self.is_awaiting() {
            return None;
        }
        let runbook = self.run.runbook();
        let event = Event::RollbackStarted {
            rollback: runbook.rollbacks[countdown.rollback].id.clone(),
            typed: String::new(),
            trigger: Some(runbook.triggers[trigger].id.clone()),
        };
        self.record_auto(BEGINNING.to_owned(), event)
    }

    /// The program itself calls it off; people go on from here.
    fn hand_over(&mut self, trigger: usize, reason: String) -> Option<Effect> {
        self.unattended.countdown = None;
        self.unattended.walks = false;
        self.say(
            Tone::Alarm,
            format!("nothing goes on by itself: {reason}. B decides"),
        );
        let trigger = self.run.runbook().triggers[trigger].id.clone();
        let event = Event::RollbackHandedOver { trigger, reason };
        self.record_auto(HANDING_OVER.to_owned(), event)
    }

    /// What follows when a rollback's beginning is on disk.
    pub(super) fn after_beginning(&mut self, by_itself: bool) {
        let announced = self.unattended.countdown.take();
        self.unattended.walks = by_itself && announced.is_some();
        if self.unattended.walks {
            let words = format!("rolling back by itself: {} takes over", self.stop_key());
            self.say(Tone::Alarm, words);
        } else {
            self.say(Tone::Alarm, "rollback decided: x runs each step");
        }
    }

    /// The first step of the rollback that is open and wasn't passed over.
    fn next_of_rollback(&self) -> Option<StepIndex> {
        let steps = self.run.rollback_steps().into_iter();
        let mut open = steps.filter(|&step| {
            !self.run.is_settled(step) && !self.run.runbook().step(step).is_group()
        });
        open.find(|&step| !self.run.state(step).skipped)
    }

    /// Starts the next step, or waits for a person to do theirs.
    fn walk(&mut self) -> Option<Effect> {
        let state = self.run.rollback.as_ref()?;
        let trigger = state.trigger?;
        if !matches!(self.run.rollback_stage(), Some(RollbackStage::Steps { .. })) {
            self.unattended.walks = false;
            return None;
        }
        let step = self.next_of_rollback()?;
        match self.run.status(step) {
            Status::Todo => {}
            Status::Failed | Status::Unknown => {
                let number = &self.run.runbook().step(step).number;
                let reason = format!("{number} didn't end well");
                return self.hand_over(trigger, reason);
            }
            _ => return None,
        }
        if self.may_start(step) && !self.is_awaiting() && self.saving == Saving::Saved {
            self.start_by_itself(step)
        } else {
            None
        }
    }

    /// Whether a step of the rollback may start without a person.
    fn may_start(&self, step: StepIndex) -> bool {
        let definition = self.run.runbook().step(step);
        let level = definition.command.as_ref().map(|command| command.level);
        level.is_some_and(|level| level < Level::Ponr)
            && !definition.second
            && self.cannot_run(step, Direction::Run).is_none()
    }

    /// Whether a key is the one that stops what goes on by itself. It works under every overlay, since whoever is
    /// typing a note must not have to finish it first.
    pub(super) fn stops_unattended(&self, key: Key) -> bool {
        let goes_on = self.unattended.countdown.is_some() || self.unattended.walks;
        let bound = || self.bindings.action(self.view.screen.place(), key);
        goes_on
            && (key == Key::ctrl('c')
                || (self.view.overlay.is_none() && bound() == Some(Action::Interrupt)))
    }

    /// Stops it at once; that somebody did is recorded, but not waited for.
    pub(super) fn stop_unattended(&mut self) -> Vec<Effect> {
        let walking = self.unattended.walks;
        let countdown = self.unattended.countdown.take();
        self.unattended.walks = false;
        let begun = || self.run.rollback.as_ref().and_then(|state| state.trigger);
        let trigger = countdown.map(|countdown| countdown.trigger).or_else(begun);
        let Some(trigger) = trigger else {
            return Vec::new();
        };
        let fired = self.run.triggers[trigger].fired.as_ref();
        self.unattended.stopped = fired.map(|fired| (trigger, fired.at));
        let (words, reason) = if walking {
            ("it is yours: x runs each step", "taken over")
        } else {
            ("stopped: nothing begins by itself, B decides", "stopped")
        };
        self.say(Tone::Warning, words);
        let trigger = self.run.runbook().triggers[trigger].id.clone();
        self.record(Event::RollbackHandedOver {
            trigger,
            reason: reason.to_owned(),
        })
    }

    /// The key that stops it, as it is bound.
    pub fn stop_key(&self) -> String {
        let key = self.bindings.key_of(Action::Interrupt);
        key.map_or_else(|| "ctrl-c".to_owned(), |key| key.to_string())
    }
}
