//! The one rule, watched from outside: the world is acted on only in reaction to a recorded event.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tminus::app::command::GRACE;
use tminus::app::unattended::NOTICE;
use tminus::app::{Effect, Msg, Spawn, Stop};
use tminus::journal::{AUTO, Event};

/// The part of a message that can justify an effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// The intent to run a command is on disk.
    Started {
        /// The attempt.
        attempt: u64,
        /// What was recorded to be run.
        command: String,
    },
    /// The wish to stop a command is on disk.
    Interrupted(u64),
    /// That a rollback begins by itself is on disk.
    Announced,
    /// Nothing that may lead to a command or a signal.
    Other,
}

impl From<&Msg> for Cause {
    fn from(msg: &Msg) -> Self {
        let Msg::Recorded(entry) = msg else {
            return Self::Other;
        };
        match &entry.event {
            Event::AttemptStarted {
                attempt, command, ..
            } => Self::Started {
                attempt: *attempt,
                command: command.clone(),
            },
            Event::AttemptInterrupted { attempt } => Self::Interrupted(*attempt),
            Event::RollbackAnnounced { .. } => Self::Announced,
            _ => Self::Other,
        }
    }
}

/// What was done so far, and when.
#[derive(Debug, Default)]
pub struct Law {
    spawned: BTreeSet<u64>,
    /// Attempts that got TERM and no KILL yet.
    terminated: BTreeMap<u64, Duration>,
    /// When it was announced last that a rollback begins by itself.
    announced: Option<Duration>,
}

impl Law {
    /// The program was started again: what was announced before it doesn't count any more.
    pub fn forget_announcements(&mut self) {
        self.announced = None;
    }

    /// Judges what a message led to; an error names the breach.
    ///
    /// `acts` says whether the session may act at all: a read-only one sees what others recorded and follows nothing up.
    pub fn judge(
        &mut self,
        now: Duration,
        acts: bool,
        cause: &Cause,
        effects: &[Effect],
    ) -> Result<(), String> {
        if *cause == Cause::Announced {
            self.announced = Some(now);
        }
        for effect in effects {
            match effect {
                Effect::Record { .. } | Effect::Spawn(_) | Effect::Signal { .. } if !acts => {
                    return Err(format!("a read-only session asked for {effect:?}"));
                }
                Effect::Record {
                    by,
                    event: Event::RollbackStarted { .. },
                } if by == AUTO => self.judge_beginning(now)?,
                Effect::Spawn(spawn) => self.judge_spawn(cause, spawn)?,
                Effect::Signal {
                    attempt,
                    stop: Stop::Terminate,
                } => self.judge_term(now, cause, *attempt)?,
                Effect::Signal {
                    attempt,
                    stop: Stop::Kill,
                } => self.judge_kill(now, *attempt)?,
                _ => {}
            }
        }
        match cause {
            Cause::Started { attempt, .. } if acts && !self.spawned.contains(attempt) => {
                Err(format!("attempt {attempt} was recorded and not started"))
            }
            _ => Ok(()),
        }
    }

    /// A rollback begins by itself only when this session announced it, and long enough ago.
    fn judge_beginning(&mut self, now: Duration) -> Result<(), String> {
        match self.announced.take() {
            Some(at) if now >= at + NOTICE => Ok(()),
            at => Err(format!(
                "a rollback began by itself at {now:?}, announced {at:?}"
            )),
        }
    }

    fn judge_spawn(&mut self, cause: &Cause, spawn: &Spawn) -> Result<(), String> {
        let recorded = Cause::Started {
            attempt: spawn.attempt,
            command: spawn.command.clone(),
        };
        if *cause != recorded {
            return Err(format!(
                "attempt {} was started because of {cause:?}",
                spawn.attempt
            ));
        }
        if !self.spawned.insert(spawn.attempt) {
            return Err(format!("attempt {} was started twice", spawn.attempt));
        }
        Ok(())
    }

    fn judge_term(&mut self, now: Duration, cause: &Cause, attempt: u64) -> Result<(), String> {
        if *cause != Cause::Interrupted(attempt) {
            return Err(format!("attempt {attempt} got TERM because of {cause:?}"));
        }
        if self.terminated.insert(attempt, now).is_some() {
            return Err(format!("attempt {attempt} got TERM twice before its KILL"));
        }
        Ok(())
    }

    /// A KILL needs no record of its own: it is the announced end of the recorded interruption, and comes once for it.
    fn judge_kill(&mut self, now: Duration, attempt: u64) -> Result<(), String> {
        let asked = self.terminated.remove(&attempt);
        if asked.is_none_or(|asked| now < asked + GRACE) {
            return Err(format!(
                "attempt {attempt} got KILL at {now:?}, TERM was at {asked:?}"
            ));
        }
        Ok(())
    }
}
