//! Sees a command through to its end.
//!
//! The end is that of the leader, not of the output: what the command left in the background may hold the pipe for
//! days. But when a command is stopped, its leader is often the first to go (a shell doesn't wait for what it runs),
//! while the tool that it ran is still tidying up: then the end is that of the whole group, or the kill.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Child;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::Group;
use super::feed::Feed;
use crate::app::Stop;
use crate::journal::Outcome;

/// How long after its leader's end a command's last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How often is looked whether a stopped group has gone: nobody tells the end of a group.
const TURN: Duration = Duration::from_millis(50);

/// How far stopping a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// Nobody asked for it.
    No,
    /// It was asked to terminate, and is killed at this moment.
    Asked(Instant),
    /// It was killed.
    Killed,
}

/// Whoever waits for the leader also sends the signals, so that none can hit a number that was given to others.
#[derive(Debug)]
pub(super) struct Attendant {
    pub(super) child: Child,
    pub(super) group: Group,
    /// Ends with the output.
    pub(super) pump: JoinHandle<()>,
    pub(super) orders: UnboundedReceiver<Stop>,
    pub(super) feed: Arc<Feed>,
    /// What lies between asking and killing.
    pub(super) grace: Duration,
    pub(super) stopping: Stopping,
}

impl Attendant {
    /// Waits for the end, stopping the command after `limit`. Returns how its leader ended, and after how long.
    pub(super) async fn see_through(mut self, limit: Option<Duration>) -> (Outcome, Duration) {
        let started = Instant::now();
        let outcome = self.await_leader(started, limit).await;
        let took = started.elapsed();
        self.await_rest().await;
        (outcome, took)
    }

    async fn await_leader(&mut self, started: Instant, mut limit: Option<Duration>) -> Outcome {
        loop {
            let kill_at = self.kill_at();
            tokio::select! {
                biased;
                status = self.child.wait() => return outcome(status),
                Some(stop) = self.orders.recv() => self.stop(stop),
                () = at(kill_at) => self.kill(),
                Some(limit) = passed(&mut limit, started) => {
                    self.feed.note(&format!("stopped: it ran longer than its timeout of {limit:?}"));
                    self.terminate();
                }
            }
        }
    }

    /// Waits for the last output; and for the rest of the group, if it was stopped.
    async fn await_rest(&mut self) {
        let mut is_pumping = true;
        let mut patience = Instant::now() + LAST_WORDS;
        while is_pumping || self.is_asked() && !self.group.is_gone() {
            let kill_at = self.kill_at();
            tokio::select! {
                biased;
                _ = &mut self.pump, if is_pumping => is_pumping = false,
                Some(stop) = self.orders.recv() => self.stop(stop),
                () = at(kill_at) => self.kill(),
                () = sleep(TURN), if kill_at.is_some() => {}
                () = sleep_until(patience), if kill_at.is_none() => break,
            }
            if kill_at.is_some() {
                patience = Instant::now() + LAST_WORDS;
            }
        }
        if is_pumping && self.stopping == Stopping::Killed {
            self.feed
                .note("something that it started still holds its output, and may still run");
        }
    }

    fn is_asked(&self) -> bool {
        self.kill_at().is_some()
    }

    fn kill_at(&self) -> Option<Instant> {
        match self.stopping {
            Stopping::Asked(kill_at) => Some(kill_at),
            Stopping::No | Stopping::Killed => None,
        }
    }

    fn stop(&mut self, stop: Stop) {
        match stop {
            Stop::Terminate => self.terminate(),
            Stop::Kill => self.kill(),
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

fn outcome(status: std::io::Result<ExitStatus>) -> Outcome {
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
