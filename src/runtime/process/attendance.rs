//! Watches one attempt by what its supervisor leaves on disk, and hands on what the operator wants.
//!
//! Files are looked at in turns. The system could tell of changes, but differently on every system and not on every
//! file system, and what is saved by it is nothing: a turn without news costs three calls.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::sleep;

use super::Happening;
use super::feed::Feed;
use crate::app::Stop;
use crate::journal::Outcome;
use crate::runtime::environment;
use crate::runtime::output::{Backlog, Decoder};
use crate::runtime::supervisor::place::{Brief, Fate, Place};
use crate::runtime::supervisor::{KILL_NOW, LogReader, MOST_KEPT, Next};

/// How often is looked while something comes; as often as the loop takes over output.
const TURN: Duration = Duration::from_millis(33);

/// How often is looked while nothing comes.
const CALM_TURN: Duration = Duration::from_millis(200);

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// How much is read in a turn; a command that prints faster than it can be read must not keep an order waiting.
const TURN_BYTES: usize = 4 << 20;

/// What came in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Printed {
    /// Nothing.
    Nothing,
    /// All there was.
    All,
    /// There is more.
    More,
}

/// A supervisor that this process started.
#[derive(Debug)]
pub(super) struct Supervisor(Child);

impl Supervisor {
    /// Starts the supervisor of this place, and tells it what must not stand on disk.
    pub(super) fn start(program: &Path, place: &Place, brief: &Brief) -> io::Result<Self> {
        let brief = serde_json::to_vec(brief)?;
        let mut child = Command::new(program)
            .arg0("tminus")
            .arg("supervise")
            .arg(std::path::absolute(place.dir())?)
            .current_dir("/")
            .env_clear()
            .envs(environment::inherited())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // One that has ended shows by what it leaves.
            let _ = input.write_all(&brief);
        }
        Ok(Self(child))
    }

    /// Its process id, which is nobody else's until its end was taken notice of.
    fn id(&self) -> u32 {
        self.0.id()
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

/// The loop's eyes and hands at one attempt.
#[derive(Debug)]
pub(super) struct Attendance {
    attempt: u64,
    pub(super) place: Place,
    feed: Arc<Feed>,
    events: UnboundedSender<Happening>,
    orders: UnboundedReceiver<Stop>,
    /// What was asked for before there was anybody to hand it to.
    pending: Option<Stop>,
    looks_on: bool,
    log: LogReader,
    decoder: Decoder,
    knows_pid: bool,
    /// Whether there is trouble that was told.
    is_troubled: bool,
}

impl Attendance {
    pub(super) fn new(
        attempt: u64,
        place: Place,
        feed: Arc<Feed>,
        events: UnboundedSender<Happening>,
        orders: UnboundedReceiver<Stop>,
        looks_on: bool,
    ) -> Self {
        Self {
            log: LogReader::new(place.dir()),
            attempt,
            place,
            feed,
            events,
            orders,
            pending: None,
            looks_on,
            decoder: Decoder::default(),
            knows_pid: false,
            is_troubled: false,
        }
    }

    /// Tells everything until nothing more can come. `supervisor` is this process's own, if it has one.
    pub(super) async fn see_through(mut self, mut supervisor: Option<Supervisor>) {
        let mut was_told = false;
        let mut turn = TURN;
        loop {
            self.tell_pid();
            // In this order, so that all of the output comes before the end.
            let fate = self.fate(supervisor.as_mut());
            let printed = match fate {
                Fate::Attended => self.take_in(TURN_BYTES).await,
                // What is kept ends somewhere; what something in the background prints need not.
                _ => self.take_in(MOST_KEPT).await,
            };
            let is_lost = matches!(fate, Fate::Lost(_));
            if !was_told {
                was_told = self.tell_fate(fate);
            }
            if is_lost || was_told && self.is_alone(supervisor.as_mut()) {
                return self.finish().await;
            }
            self.hand_on(supervisor.as_ref());
            turn = match printed {
                Printed::Nothing => (turn + TURN).min(CALM_TURN),
                Printed::All => TURN,
                Printed::More => Duration::ZERO,
            };
            self.pause(turn, supervisor.is_some() && !was_told).await;
        }
    }

    /// What is known of it now.
    fn fate(&mut self, own: Option<&mut Supervisor>) -> Fate {
        let is_expected = own.is_some_and(|own| !own.has_ended());
        if self.looks_on || is_expected {
            return self.place.ended().map_or(Fate::Attended, Fate::Ended);
        }
        self.place.settle().unwrap_or_else(|error| {
            self.note_trouble(&format!("failed to find out what became of it: {error}"));
            Fate::Attended
        })
    }

    /// Tells how it ended, if it did.
    fn tell_fate(&mut self, fate: Fate) -> bool {
        match fate {
            Fate::Attended => return false,
            Fate::Ended(ended) => {
                self.note_all(&ended.notes);
                self.tell(ended.outcome.clone(), ended.took());
            }
            Fate::Lost(outcome) => self.tell(outcome, Duration::ZERO),
        }
        true
    }

    /// Adds lines of our own below everything that was printed, also below a last line without an end.
    fn note_all(&mut self, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        self.end_line();
        for note in notes {
            self.feed.note(note);
        }
    }

    fn end_line(&mut self) {
        let mut lines = Backlog::default();
        std::mem::take(&mut self.decoder).finish(&mut lines);
        self.feed.publish(lines, None);
    }

    /// Whether nobody reads any more what something in the background may print.
    fn is_alone(&self, own: Option<&mut Supervisor>) -> bool {
        self.looks_on || own.map_or_else(|| self.place.is_unattended(), Supervisor::has_ended)
    }

    /// Waits for the next turn, or an order. An own command's end is awaited by somebody who looks on.
    async fn pause(&mut self, turn: Duration, is_awaited: bool) {
        let turn = if is_awaited { turn.min(TURN) } else { turn };
        tokio::select! {
            Some(stop) = self.orders.recv() => self.pending = Some(stop),
            () = sleep(turn) => {}
        }
    }

    fn tell_pid(&mut self) {
        if self.knows_pid {
            return;
        }
        if let Some(pid) = self.place.pid() {
            self.knows_pid = true;
            let attempt = self.attempt;
            self.send(Happening::Spawned { attempt, pid });
        }
    }

    /// Takes in what was printed by now, up to about so many bytes.
    async fn take_in(&mut self, most: usize) -> Printed {
        let mut chunk = vec![0; CHUNK];
        let mut taken = 0;
        while taken < most {
            match self.log.read(&mut chunk) {
                Ok(Next::Bytes(length)) => {
                    // Decoded into a backlog of its own, so that the loop never waits for the decoding.
                    let mut lines = Backlog::default();
                    self.decoder.feed(&chunk[..length], &mut lines);
                    self.feed.publish(lines, self.decoder.partial());
                    taken += length;
                }
                Ok(Next::Missing(bytes)) => {
                    self.feed
                        .note(&format!("{bytes} bytes in between are not kept"));
                }
                Ok(Next::Nothing) if taken == 0 => return Printed::Nothing,
                Ok(Next::Nothing) => return Printed::All,
                Err(error) => {
                    self.note_trouble(&format!("failed to read its output: {error}"));
                    return Printed::Nothing;
                }
            }
            tokio::task::yield_now().await;
        }
        Printed::More
    }

    async fn finish(mut self) {
        self.take_in(MOST_KEPT).await;
        self.end_line();
    }

    /// Tells that nothing was started.
    pub(super) fn could_not_start(&self, error: &io::Error) {
        let why = format!("failed to start it: {error}");
        self.tell(Outcome::NotStarted { why }, Duration::ZERO);
    }

    fn tell(&self, outcome: Outcome, took: Duration) {
        if !self.looks_on {
            self.send(Happening::Ended {
                attempt: self.attempt,
                outcome,
                took,
            });
        }
    }

    fn send(&self, happening: Happening) {
        // An error says that the loop has ended, which nobody needs to know any more.
        let _ = self.events.send(happening);
    }

    fn note_trouble(&mut self, text: &str) {
        if !std::mem::replace(&mut self.is_troubled, true) {
            self.feed.note(text);
        }
    }

    /// Hands an order to the supervisor, once there is one that can be told from others.
    fn hand_on(&mut self, own: Option<&Supervisor>) {
        let Some(stop) = self.pending.filter(|_| !self.looks_on) else {
            return;
        };
        let signal = match stop {
            Stop::Terminate => Signal::TERM,
            Stop::Kill => KILL_NOW,
        };
        let id = match own {
            Some(own) => Some(own.id()),
            None => self.foreign_supervisor(),
        };
        let pid = id.and_then(|id| Pid::from_raw(id.cast_signed()));
        if pid.is_some_and(|pid| kill_process(pid, signal).is_ok()) {
            self.pending = None;
        }
    }

    /// The supervisor that an earlier session started. While it holds its lock, its number is nobody else's.
    fn foreign_supervisor(&mut self) -> Option<u32> {
        let started = self.place.started()?;
        let id = started.supervisor_here();
        if id.is_none() {
            self.note_trouble("it was started on another machine, and can only be stopped there");
        }
        id.filter(|_| !self.place.is_unattended())
    }
}
