//! Sees a command through to its end.
//!
//! The end is that of the leader, not of the output: what the command left in the background may hold the pipe for
//! days. But when a command is stopped, its leader is often the first to go (a shell doesn't wait for what it runs),
//! while the tool that it ran is still tidying up: then the end is that of the whole group, or the kill.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use super::place::{Ended, Place};
use super::pump::Pumping;
use crate::journal::Outcome;

/// How long after its leader's end a command's last words, and the end of what it started, are waited for.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How often is looked whether what was started has gone: nobody tells that.
const TURN: Duration = Duration::from_millis(10);

/// The signal that asks a supervisor to kill its command at once. TERM asks it to stop the command.
pub(in crate::runtime) const KILL_NOW: Signal = Signal::USR1;

/// What others ask of a supervisor.
#[derive(Debug)]
pub(super) struct Orders {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    kill: unix::Signal,
    /// These would end it.
    _ignored: [unix::Signal; 2],
}

impl Orders {
    /// Listens from now on.
    pub(super) fn listen() -> io::Result<Self> {
        let from = |signal: Signal| SignalKind::from_raw(signal.as_raw());
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            kill: signal(from(KILL_NOW))?,
            // A file-size limit would kill it in the middle of a write.
            _ignored: [signal(SignalKind::hangup())?, signal(from(Signal::XFSZ))?],
        })
    }

    /// The next order.
    pub(super) async fn next(&mut self) -> Order {
        tokio::select! {
            biased;
            _ = self.kill.recv() => Order::Kill,
            _ = self.terminate.recv() => Order::Terminate,
            _ = self.interrupt.recv() => Order::Terminate,
        }
    }
}

/// What is asked of a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Ask the command to stop; kill it if it doesn't.
    Terminate,
    /// Kill it.
    Kill,
}

/// A process group, by the number of its leader.
///
/// The number can't become anyone else's while the leader hasn't been waited for or anything of the group is left.
/// Signals are sent then, and for seconds after; the kernel hands numbers out in turn and doesn't come round in that
/// time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group(pub(super) Pid);

impl Group {
    fn signal(self, signal: Signal) {
        // An error says that nothing is left of the group.
        let _ = kill_process_group(self.0, signal);
    }

    fn is_gone(self) -> bool {
        test_kill_process_group(self.0).is_err()
    }
}

/// How far stopping a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    /// Nobody asked for it.
    No,
    /// It was asked to terminate, and is killed at this moment.
    Asked(Instant),
    /// It was killed.
    Killed,
}

/// Whoever waits for the leader also sends the signals, so that none can hit a number that was given to others.
pub(super) struct Attendant<'a> {
    place: &'a Place,
    child: Child,
    group: Group,
    pumping: Pumping,
    orders: &'a mut Orders,
    /// Tells that a child ended.
    ends: &'a mut unix::Signal,
    /// What lies between asking and killing.
    grace: Duration,
    stopping: Stopping,
    notes: Vec<String>,
}

impl<'a> Attendant<'a> {
    /// Sees to this command, which is stopped on `orders`; `ends` tells of every child that ended since before it
    /// was started.
    pub(super) fn new(
        place: &'a Place,
        (child, group): (Child, Group),
        pumping: Pumping,
        (orders, ends): (&'a mut Orders, &'a mut unix::Signal),
        grace: Duration,
    ) -> Self {
        Self {
            place,
            child,
            group,
            pumping,
            orders,
            ends,
            grace,
            stopping: Stopping::No,
            notes: Vec::new(),
        }
    }

    /// Waits for the end, stopping the command after `limit`; what it printed is kept by then, unless something that
    /// it started still prints. Returns how its leader ended, and the pump that may go on.
    pub(super) async fn see_through(mut self, limit: Option<Duration>) -> (Ended, Pumping) {
        let started = Instant::now();
        let outcome = self.await_leader(started, limit).await;
        let took = started.elapsed();
        let is_pumping = self.await_rest().await;
        if self.place.is_tree_alive() || is_pumping {
            self.note("something that it started still runs");
        }
        if let Some(trouble) = self.pumping.trouble.get().cloned() {
            self.note(&format!("not all of its output is kept on disk: {trouble}"));
        }
        (Ended::new(outcome, took, self.notes), self.pumping)
    }

    async fn await_leader(&mut self, started: Instant, mut limit: Option<Duration>) -> Outcome {
        loop {
            if let Some(ended) = self.child.try_wait().transpose() {
                return outcome(ended);
            }
            let kill_at = self.kill_at();
            tokio::select! {
                biased;
                _ = self.ends.recv() => {}
                order = self.orders.next() => self.stop(order),
                () = at(kill_at) => self.kill(),
                Some(limit) = passed(&mut limit, started) => {
                    self.note(&format!("stopped: it ran longer than its timeout of {limit:?}"));
                    self.terminate();
                }
            }
        }
    }

    /// Waits for the last output and the last process; longer if they were asked to stop. Returns whether somebody
    /// may still print.
    async fn await_rest(&mut self) -> bool {
        let mut is_pumping = true;
        let mut patience = Instant::now() + LAST_WORDS;
        while is_pumping || !self.is_quiet() {
            let kill_at = self.kill_at();
            tokio::select! {
                biased;
                _ = &mut self.pumping.drained, if is_pumping => is_pumping = false,
                order = self.orders.next() => self.stop(order),
                () = at(kill_at) => self.kill(),
                () = sleep_until(patience), if kill_at.is_none() => break,
                () = sleep(TURN) => {}
            }
            if kill_at.is_some() {
                if self.group.is_gone() {
                    // Nothing is left that the kill could reach.
                    self.stopping = Stopping::Killed;
                }
                patience = Instant::now() + LAST_WORDS;
            }
        }
        is_pumping
    }

    /// Whether nothing runs any more, as far as can be seen.
    fn is_quiet(&self) -> bool {
        !self.place.is_tree_alive() && (self.kill_at().is_none() || self.group.is_gone())
    }

    fn kill_at(&self) -> Option<Instant> {
        match self.stopping {
            Stopping::Asked(kill_at) => Some(kill_at),
            Stopping::No | Stopping::Killed => None,
        }
    }

    fn stop(&mut self, order: Order) {
        match order {
            Order::Terminate => self.terminate(),
            Order::Kill => self.kill(),
        }
    }

    fn terminate(&mut self) {
        self.group.signal(Signal::TERM);
        if self.stopping == Stopping::No {
            self.stopping = Stopping::Asked(Instant::now() + self.grace);
        }
    }

    fn kill(&mut self) {
        self.group.signal(Signal::KILL);
        self.stopping = Stopping::Killed;
    }

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}

/// Waits until the limit has passed, and takes it: it passes once.
async fn passed(limit: &mut Option<Duration>, started: Instant) -> Option<Duration> {
    at(limit.map(|limit| started + limit)).await;
    limit.take()
}

/// Waits for a moment; for ever, if there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn outcome(status: io::Result<ExitStatus>) -> Outcome {
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            let why = format!("failed to wait for its end: {error}");
            return Outcome::Unknown { why };
        }
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => Outcome::Exited { code },
        (None, Some(signal)) => Outcome::Signalled { signal },
        (None, None) => Outcome::Unknown {
            why: format!("it ended with {status}, which is neither an exit nor a signal"),
        },
    }
}
