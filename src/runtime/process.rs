//! The commands of steps, as the session sees them: started, looked at, stopped.
//!
//! A command must not notice that anyone watches it, nor that nobody does. So what runs it is a process of its own
//! (`runtime::supervisor`), and all that is done here could as well not be done: one task per attempt reads what it
//! left in the attempt's directory, as a person with `tail -f` would, and hands it on. What the screen can't keep up
//! with is dropped from the screen, never held back.
//!
//! When the session ends, its commands go on; the next one finds them by [`Processes::attend`].

mod attendance;
mod feed;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::supervisor::place::{Brief, Fate, Place, Spec};
use crate::app::command::GRACE;
use crate::app::{Msg, Spawn, Stop};
use crate::journal::Outcome;
use attendance::{Attendance, Supervisor};
use feed::Feed;

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

/// What all commands of a session have in common.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The program that supervises them when it is called with `supervise DIR`; see [`this_program`].
    pub program: PathBuf,
    /// Where they run.
    pub folder: PathBuf,
    /// Where each attempt has its directory.
    pub attempts: PathBuf,
    /// The runbook's variables, secrets included; on top of the few that are inherited.
    pub variables: BTreeMap<String, String>,
    /// Values that must not be seen in the output.
    pub secrets: Vec<String>,
    /// What lies between asking a command to terminate and killing it.
    pub grace: Duration,
    /// Only looks on: nothing is settled that somebody else drives.
    pub looks_on: bool,
}

impl Surroundings {
    /// Commands that run in `folder` and are kept in `attempts`, with nothing else to know.
    pub fn new(folder: PathBuf, attempts: PathBuf) -> Self {
        Self {
            program: this_program(),
            folder,
            attempts,
            variables: BTreeMap::new(),
            secrets: Vec::new(),
            grace: GRACE,
            looks_on: false,
        }
    }
}

/// This program, as something that can be started: where the system allows, by what runs and not by its name, which
/// may be another version's by now.
pub fn this_program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        running
    } else {
        std::env::current_exe().unwrap_or_else(|_| PathBuf::from("tminus"))
    }
}

/// What is known of a command that a run says is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It runs, or nobody can tell better.
    Running,
    /// It is over, and nobody has recorded it yet.
    Over {
        /// How its leader ended, or that this isn't known.
        outcome: Outcome,
        /// From its start to its leader's end; zero when it isn't known.
        took: Duration,
    },
}

/// Finds out what became of an attempt of the run in `run_dir` without changing anything.
///
/// `is_driven` says that somebody drives the run: what can't be found yet is then about to be there.
pub fn look_at(run_dir: &Path, attempt: u64, is_driven: bool) -> Found {
    let place = Place::of(&run_dir.join("attempts"), attempt);
    match place.look() {
        Fate::Ended(ended) => Found::Over {
            took: ended.took(),
            outcome: ended.outcome,
        },
        Fate::Lost(outcome) if !is_driven => Found::Over {
            outcome,
            took: Duration::ZERO,
        },
        Fate::Attended | Fate::Lost(_) => Found::Running,
    }
}

/// The commands of a session. They go on when it is dropped.
#[derive(Debug)]
pub struct Processes {
    surroundings: Arc<Surroundings>,
    events: UnboundedSender<Happening>,
    attempts: BTreeMap<u64, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    feed: Arc<Feed>,
    orders: UnboundedSender<Stop>,
    task: JoinHandle<()>,
}

impl Processes {
    /// No commands yet. What happens to them is told to `events`.
    pub fn new(surroundings: Surroundings, events: UnboundedSender<Happening>) -> Self {
        Self {
            surroundings: Arc::new(surroundings),
            events,
            attempts: BTreeMap::new(),
        }
    }

    /// Starts a command. Answers with [`Happening::Spawned`] and later [`Happening::Ended`], or only the latter
    /// when it can't be started. Has to be called inside of a tokio runtime.
    pub fn spawn(&mut self, spawn: Spawn) {
        let surroundings = Arc::clone(&self.surroundings);
        self.see_to(spawn.attempt, |attendance| async move {
            match start(&surroundings, spawn, attendance.place.clone()).await {
                Ok(supervisor) => attendance.see_through(Some(supervisor)).await,
                // An attempt that has its place already was started before: what became of that is to be found out.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    attendance.see_through(None).await;
                }
                Err(error) => attendance.could_not_start(&error),
            }
        });
    }

    /// Finds out what became of an attempt whose end nobody recorded, and goes on watching it. Answers as
    /// [`spawn`](Self::spawn) does.
    pub fn attend(&mut self, attempt: u64) {
        if !self.attempts.contains_key(&attempt) {
            self.see_to(attempt, |attendance| attendance.see_through(None));
        }
    }

    fn see_to<F>(&mut self, number: u64, see: impl FnOnce(Attendance) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.attempts.retain(|_, attempt| !attempt.is_over());
        let feed = Arc::new(Feed::new(number, self.events.clone()));
        let (orders, incoming) = unbounded_channel();
        let attendance = Attendance::new(
            number,
            Place::of(&self.surroundings.attempts, number),
            Arc::clone(&feed),
            self.events.clone(),
            incoming,
            self.surroundings.looks_on,
        );
        let task = tokio::spawn(see(attendance));
        let attempt = Attempt { feed, orders, task };
        self.attempts.insert(number, attempt);
    }

    /// What an attempt printed since the last time, as [`Msg::Output`].
    pub fn drain(&mut self, attempt: u64) -> Option<Msg> {
        self.attempts.get(&attempt)?.feed.drain()
    }

    /// Stops a command together with everything in its process group. One that was asked to terminate is killed
    /// ten seconds later. Does nothing for one that has ended.
    pub fn signal(&mut self, attempt: u64, stop: Stop) {
        if let Some(attempt) = self.attempts.get(&attempt) {
            // An error says that it has ended.
            let _ = attempt.orders.send(stop);
        }
    }
}

impl Attempt {
    /// Whether nothing more can come of it: neither its end nor output.
    fn is_over(&self) -> bool {
        self.task.is_finished() && self.feed.is_drained()
    }
}

/// Makes the attempt's place and starts its supervisor, off the loop: both wait for the disk.
async fn start(
    surroundings: &Arc<Surroundings>,
    spawn: Spawn,
    place: Place,
) -> io::Result<Supervisor> {
    let surroundings = Arc::clone(surroundings);
    let made = tokio::task::spawn_blocking(move || {
        let dir = match &spawn.dir {
            Some(dir) => surroundings.folder.join(dir),
            None => surroundings.folder.clone(),
        };
        let dir = std::path::absolute(dir)?;
        let spec = Spec::new(dir, spawn.timeout, surroundings.grace, spawn.tty);
        place.create(&spec, &spawn.command)?;
        let brief = Brief {
            variables: surroundings.variables.clone().into_iter().collect(),
            secrets: surroundings.secrets.clone(),
        };
        Supervisor::start(&surroundings.program, &place, &brief)
    });
    made.await.map_err(io::Error::other)?
}
