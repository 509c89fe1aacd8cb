//! The commands of steps: started, listened to, stopped.
//!
//! A command must not notice that anyone watches it. So its output is read as fast as it comes, whatever the screen
//! or the disk do; what the screen can't keep up with is dropped from the screen, never held back. Three tasks see
//! to an attempt: the pump reads and keeps its output (`pump`), the attendant stops it in time and sees its end
//! (`attendant`), and the loop takes over what is new when it has time ([`Processes::drain`]).
//!
//! Commands end with the program that started them: what outlives it can't be watched, and a command nobody watches
//! is worse than one that was stopped.

mod attendant;
mod feed;
mod log;
mod pump;
mod shell;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::app::command::GRACE;
use crate::app::{Msg, Spawn, Stop};
use crate::journal::Outcome;
use attendant::{Attendant, Stopping};
use feed::Feed;
use log::Log;
use shell::{Shell, Started};

/// How long the kernel may take to end what was killed. Longer is only taken by a process stuck in a device, and
/// nobody can end that one.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What became of a command, for the loop to hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It runs.
    Spawned {
        /// The attempt.
        attempt: u64,
        /// Process id of its leader, which is the number of its process group too.
        pid: u32,
    },
    /// It printed something. Said once; again only after [`Processes::drain`].
    Grew {
        /// The attempt.
        attempt: u64,
    },
    /// It ended. What it printed is there to be drained, and belongs before this.
    Ended {
        /// The attempt.
        attempt: u64,
        /// How its leader ended.
        outcome: Outcome,
        /// From its start to its leader's end.
        took: Duration,
    },
}

/// The commands of a session. Dropping it kills what still runs.
#[derive(Debug)]
pub struct Processes {
    shell: Shell,
    out_dir: PathBuf,
    events: UnboundedSender<Happening>,
    /// What lies between asking a command to terminate and killing it.
    grace: Duration,
    attempts: BTreeMap<u64, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    feed: Arc<Feed>,
    /// `None` when it never started.
    attended: Option<Attended>,
}

/// The loop's side of an [`Attendant`].
#[derive(Debug)]
struct Attended {
    group: Group,
    orders: UnboundedSender<Stop>,
    task: JoinHandle<()>,
}

impl Processes {
    /// No commands yet. They will run in `folder` with these variables on top of the few that are inherited; their
    /// output is kept in `out_dir`, one `ATTEMPT.log` each. What happens to them is told to `events`.
    pub fn new(
        folder: PathBuf,
        out_dir: PathBuf,
        environment: BTreeMap<String, String>,
        events: UnboundedSender<Happening>,
    ) -> Self {
        Self {
            shell: Shell {
                folder,
                environment,
            },
            out_dir,
            events,
            grace: GRACE,
            attempts: BTreeMap::new(),
        }
    }

    /// Starts a command. Answers with [`Happening::Spawned`] and later [`Happening::Ended`], or only the latter
    /// when it can't be started. Has to be called inside of a tokio runtime.
    pub fn spawn(&mut self, spawn: Spawn) {
        self.attempts.retain(|_, attempt| !attempt.is_over());
        let number = spawn.attempt;
        let feed = Arc::new(Feed::new(number, self.events.clone()));
        if spawn.tty {
            feed.note("it asks for a terminal (`tty = true`), which this version can't give it");
        }
        let attended = match self.shell.start(&spawn) {
            Ok(started) => Some(self.attend(&spawn, started, &feed)),
            Err(why) => {
                self.tell(Happening::Ended {
                    attempt: number,
                    outcome: Outcome::NotStarted { why },
                    took: Duration::ZERO,
                });
                None
            }
        };
        self.attempts.insert(number, Attempt { feed, attended });
    }

    fn attend(&self, spawn: &Spawn, started: Started, feed: &Arc<Feed>) -> Attended {
        let attempt = spawn.attempt;
        let group = started.group;
        self.tell(Happening::Spawned {
            attempt,
            pid: group.number(),
        });
        let log = Log::create(&self.out_dir, attempt).unwrap_or_else(|error| {
            feed.note(&format!("its output is not kept on disk: {error}"));
            Log::nowhere()
        });
        let (orders, incoming) = unbounded_channel();
        let attendant = Attendant {
            child: started.child,
            group,
            pump: tokio::spawn(pump::run(started.output, log, Arc::clone(feed))),
            orders: incoming,
            feed: Arc::clone(feed),
            grace: self.grace,
            stopping: Stopping::No,
        };
        let (limit, events) = (spawn.timeout, self.events.clone());
        let task = tokio::spawn(async move {
            let (outcome, took) = attendant.see_through(limit).await;
            // An error says that the loop has ended, which nobody needs to know any more.
            let _ = events.send(Happening::Ended {
                attempt,
                outcome,
                took,
            });
        });
        Attended {
            group,
            orders,
            task,
        }
    }

    /// What an attempt printed since the last time, as [`Msg::Output`].
    pub fn drain(&mut self, attempt: u64) -> Option<Msg> {
        self.attempts.get(&attempt)?.feed.drain()
    }

    /// Stops a command together with everything in its process group. One that was asked to terminate is killed
    /// ten seconds later. Does nothing for one that has ended.
    pub fn signal(&mut self, attempt: u64, stop: Stop) {
        let attempt = self.attempts.get(&attempt);
        if let Some(attended) = attempt.and_then(|attempt| attempt.attended.as_ref()) {
            // An error says that it has ended.
            let _ = attended.orders.send(stop);
        }
    }

    /// Terminates everything, kills after `grace` what is left, and waits for its end. The ends are told as
    /// [`Happening::Ended`] before this returns.
    pub async fn stop_all(&mut self, grace: Duration) {
        let running = self.attempts.values_mut().filter_map(Attempt::running);
        join_all(running.map(|attended| attended.stop(grace))).await;
    }

    fn tell(&self, happening: Happening) {
        // An error says that the loop has ended, which nobody needs to know any more.
        let _ = self.events.send(happening);
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for attended in self.attempts.values_mut().filter_map(Attempt::running) {
            attended.group.signal(Signal::KILL);
        }
    }
}

impl Attempt {
    fn running(&mut self) -> Option<&mut Attended> {
        self.attended
            .as_mut()
            .filter(|attended| !attended.task.is_finished())
    }

    /// Whether nothing more can come of it: neither its end nor output.
    fn is_over(&self) -> bool {
        let is_attended = |attended: &Attended| !attended.task.is_finished();
        !self.attended.as_ref().is_some_and(is_attended)
            && self.feed.is_drained()
            && Arc::strong_count(&self.feed) == 1
    }
}

impl Attended {
    async fn stop(&mut self, grace: Duration) {
        // Errors say that it has ended.
        let _ = self.orders.send(Stop::Terminate);
        if timeout(grace, &mut self.task).await.is_err() {
            let _ = self.orders.send(Stop::Kill);
            let _ = timeout(LAST_WAIT, &mut self.task).await;
        }
    }
}

/// A process group, by the number of its leader.
///
/// The number can't become anyone else's while the leader hasn't been waited for or anything of the group is left.
/// Signals are sent then, and for seconds after; the kernel hands numbers out in turn and doesn't come round in that
/// time.
#[derive(Clone, Copy, Debug)]
struct Group(Pid);

impl Group {
    fn number(self) -> u32 {
        self.0.as_raw_nonzero().get().unsigned_abs()
    }

    fn signal(self, signal: Signal) {
        // An error says that nothing is left of the group.
        let _ = kill_process_group(self.0, signal);
    }

    fn is_gone(self) -> bool {
        test_kill_process_group(self.0).is_err()
    }
}

#[cfg(test)]
mod tests;
