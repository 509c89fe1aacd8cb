//! The loop: drain what has happened, let the core decide, perform what it asks for, draw once.
//!
//! ```text
//! loop
//!   perform effects in order              Record → the recorder's thread, Spawn → a process, Look → a task
//!   draw if something changed             never a frame per message: everything queued is taken in first
//!   wait for input, an answer, output, a signal or the core's next deadline
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{Event, EventStream};
use crossterm::execute;
use futures_util::future::poll_immediate;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::clocks::Clocks;
use super::history::History;
use super::pager::Pager;
use super::process::{Happening, Processes, Surroundings};
use super::recorder::Recorder;
use super::redaction;
use super::rescue::{self, Rescue};
use super::store::{Follower, Journal};
use super::supervisor::logout;
use super::term::{self, TerminalGuard};
use super::watching::Watcher;
use crate::app::keys::Bindings;
use crate::app::picker::{Picker, PickerOutcome};
use crate::app::{App, Effect, Msg, Options};
use crate::journal::Entry;
use crate::runbook::Runbook;
use crate::ui::{self, theme::Theme};

/// Frames that nobody's key asked for come at most this often.
const CALM_FRAME: Duration = Duration::from_millis(50);

/// How often a command's output is taken over while it prints.
const OUTPUT_TURN: Duration = Duration::from_millis(33);

/// How often a watched run's journal is looked at.
const WATCH_TURN: Duration = Duration::from_millis(250);

/// Everything an interactive session needs.
#[derive(Debug)]
pub struct Session {
    /// The runbook with its variables filled in, but for the secrets: what is shown can't leak what it doesn't hold.
    pub runbook: Arc<Runbook>,
    /// The same with its secrets, for probes; `None` for a session that contacts nothing.
    pub probed: Option<Arc<Runbook>>,
    /// The journal; `None` for a session that only watches.
    pub journal: Option<Journal>,
    /// The run's directory; `None` for a run that isn't kept.
    pub run_dir: Option<PathBuf>,
    /// The frozen runbook, to be written elsewhere when the journal's disk fails.
    pub frozen: Vec<u8>,
    /// Earlier runs, for what is usual.
    pub history: Option<History>,
    /// New entries of a run that somebody else drives.
    pub follower: Option<Follower>,
    /// What has happened so far.
    pub entries: Vec<Entry>,
    /// The runbook's folder, for relative paths.
    pub folder: PathBuf,
    /// All variables, secrets included, for commands and probes.
    pub environment: BTreeMap<String, String>,
    /// How the program was started.
    pub options: Options,
    /// The bindings in force.
    pub bindings: Bindings,
    /// Colours and characters.
    pub theme: Theme,
    /// Things to say at the start.
    pub notices: Vec<String>,
}

impl Session {
    fn surroundings(&self) -> Surroundings {
        let run_dir = self.run_dir.as_deref().unwrap_or(Path::new("/nonexistent"));
        let secret = self
            .runbook
            .variables
            .iter()
            .filter(|variable| variable.secret);
        Surroundings {
            variables: self.environment.clone(),
            secrets: secret
                .filter_map(|variable| self.environment.get(&variable.name).cloned())
                .collect(),
            looks_on: self.journal.is_none(),
            ..Surroundings::new(self.folder.clone(), run_dir.join("attempts"))
        }
    }
}

/// Why a session ended in failure.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The terminal can't be used.
    #[error(
        "failed to use the terminal; run tminus in an interactive one, or use its commands with --json"
    )]
    Terminal(#[source] io::Error),
    /// The machinery for tasks and signals can't be started.
    #[error(
        "failed to start the program's tasks; free some memory or file descriptors, then try again"
    )]
    Start(#[source] io::Error),
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The operator left.
    Asked,
    /// A signal, or the terminal went away.
    Signalled,
}

/// What a session leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// How it ended.
    pub left: Left,
    /// The directory that the run goes on in, if its own disk has failed.
    pub moved_to: Option<String>,
}

/// Runs a session until the operator leaves.
///
/// # Errors
/// When the terminal can't be used, or tasks can't be started. What was recorded is safe in either case.
pub fn drive(session: Session) -> Result<Parting, SessionError> {
    let runtime = start_runtime()?;
    term::install_panic_hook();
    let left = runtime.block_on(async {
        let mut turn = Turn::start(session)?;
        turn.run().await
    });
    // A lookup that hangs in the system's resolver can't be cancelled; it is left behind.
    runtime.shutdown_background();
    left
}

/// Lets the operator pick a run or a runbook.
///
/// # Errors
/// As for [`drive`].
pub fn pick(mut picker: Picker, theme: &Theme) -> Result<PickerOutcome, SessionError> {
    let runtime = start_runtime()?;
    term::install_panic_hook();
    runtime.block_on(async {
        let mut guard = TerminalGuard::enter().map_err(SessionError::Terminal)?;
        let mut signals = Signals::listen().map_err(SessionError::Start)?;
        let mut input = EventStream::new();
        loop {
            guard
                .terminal
                .draw(|frame| ui::picker::draw(&picker, theme, frame))
                .map_err(SessionError::Terminal)?;
            let event = tokio::select! {
                event = term::next_event(&mut input) => event,
                _ = signals.next() => None,
            };
            let Some(Ok(event)) = event else {
                return Ok(PickerOutcome::Quit);
            };
            if let Some(Msg::Key(key)) = term::message(event, |_, _| None)
                && let Some(outcome) = picker.update(key)
            {
                return Ok(outcome);
            }
        }
    })
}

pub(super) fn start_runtime() -> Result<tokio::runtime::Runtime, SessionError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(SessionError::Start)
}

/// What the loop is woken by.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time lives on the stack; a box per message would cost more than the copy"
)]
enum Woken {
    Message(Msg),
    Happened(Happening),
    Time,
    Stopped,
    /// `ctrl-c` outside of raw mode: it is meant for the pager, if there is one.
    Interrupted,
    Continued,
}

/// Signals that end or wake the program.
struct Signals {
    ends: [Signal; 3],
    continued: Signal,
    /// A file-size limit would otherwise kill the program in the middle of a write; as an error it is handled.
    _file_size: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            ends: [
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::interrupt())?,
            ],
            continued: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    async fn next(&mut self) -> Woken {
        let [terminate, hangup, interrupt] = &mut self.ends;
        tokio::select! {
            _ = terminate.recv() => Woken::Stopped,
            _ = hangup.recv() => Woken::Stopped,
            _ = interrupt.recv() => Woken::Interrupted,
            _ = self.continued.recv() => Woken::Continued,
        }
    }
}

/// A running session.
struct Turn {
    app: App,
    theme: Theme,
    guard: Option<TerminalGuard>,
    /// `None` while somebody else reads it.
    input: Option<EventStream>,
    /// Has the terminal while it is there.
    pager: Option<Pager>,
    /// Where what commands printed is kept.
    attempts: PathBuf,
    signals: Signals,
    answer: UnboundedSender<Msg>,
    answers: UnboundedReceiver<Msg>,
    happenings: UnboundedReceiver<Happening>,
    recorder: Option<Recorder>,
    /// The way out when the recorder's disk fails.
    rescue: Option<Arc<Rescue>>,
    /// `None` when nothing is contacted.
    watcher: Option<Watcher>,
    processes: Processes,
    clocks: Clocks,
    last_frame: Option<Instant>,
    urgent: bool,
    undrawn: bool,
    printing: BTreeSet<u64>,
    next_output: Instant,
    leaving: bool,
}

impl Turn {
    fn start(session: Session) -> Result<Self, SessionError> {
        let clocks = Clocks::start();
        let now = clocks.last();
        let surroundings = session.surroundings();
        let attempts = surroundings.attempts.clone();
        let records = session.journal.is_some();
        let (answer, answers) = unbounded_channel();
        let (happen, happenings) = unbounded_channel();
        if let Some(history) = session.history {
            remember(history, answer.clone());
        }
        if let Some(follower) = session.follower {
            follow(follower, answer.clone());
        }
        let watcher = session.probed.map(|probed| {
            let (folder, environment) = (&session.folder, session.environment);
            let watcher = Watcher::new(&probed, folder, environment, answer.clone());
            watcher.look_back();
            watcher
        });
        let processes = Processes::new(surroundings, happen);
        let frozen = session.frozen;
        let rescue = session.journal.as_ref().map(|journal| Rescue {
            header: journal.header().clone(),
            runbook: frozen,
            run_dir: journal.dir().to_owned(),
        });
        let recorder = session
            .journal
            .map(|journal| Recorder::start(journal, answer.clone()));
        let mut app = App::new(session.runbook, session.entries, session.options, now);
        app.bindings = session.bindings;
        if let Some(rescue) = &rescue {
            let suggested = rescue::suggestion(&rescue.run_dir, &rescue.header.run);
            app.elsewhere = suggested.to_string_lossy().into_owned();
        }
        let logout = logout::warning().filter(|_| records);
        let notices: Vec<String> = logout.into_iter().chain(session.notices).collect();
        if !notices.is_empty() {
            // One line has room for all of them, or for what comes first.
            let notices = redaction::declared().redact(&notices.join(" · "));
            app.say(crate::app::view::Tone::Warning, notices);
        }
        let signals = Signals::listen().map_err(SessionError::Start)?;
        let guard = TerminalGuard::enter().map_err(SessionError::Terminal)?;
        Ok(Self {
            app,
            theme: session.theme,
            guard: Some(guard),
            input: Some(EventStream::new()),
            pager: None,
            attempts,
            signals,
            answer,
            answers,
            happenings,
            recorder,
            rescue: rescue.map(Arc::new),
            watcher,
            processes,
            clocks,
            last_frame: None,
            urgent: true,
            undrawn: true,
            printing: BTreeSet::new(),
            next_output: Instant::now(),
            leaving: false,
        })
    }

    async fn run(&mut self) -> Result<Parting, SessionError> {
        // A terminal that can't be drawn on any more is gone: what became known is recorded all the same.
        let left = self.turn_until_left().await.unwrap_or(Left::Signalled);
        if let Some(pager) = self.pager.take() {
            pager.close().await;
        }
        self.leave();
        let moved_to = self.app.moved_to.take();
        Ok(Parting { left, moved_to })
    }

    async fn turn_until_left(&mut self) -> Result<Left, SessionError> {
        if let Ok((columns, rows)) = crossterm::terminal::size() {
            let (now, _) = self.clocks.turn();
            let effects = self.app.update(now, Msg::Resize(columns, rows));
            self.perform(effects);
        }
        self.draw()?;
        let effects = self.app.start();
        self.perform(effects);
        #[cfg(debug_assertions)]
        if let Ok(words) = std::env::var("TMINUS_TEST_PANIC") {
            panic!("asked for by the environment, to see what a panic leaves behind: {words}");
        }
        loop {
            self.draw_if_due()?;
            let woken = self.wait().await;
            if let Some(left) = self.take_in(woken).await? {
                return Ok(left);
            }
        }
    }

    /// Waits for the next thing; input first, so that a flood of output can't starve the keys.
    async fn wait(&mut self) -> Woken {
        let until = tokio::time::Instant::from_std(self.wake_at());
        tokio::select! {
            biased;
            woken = self.signals.next() => woken,
            event = next_input(&mut self.input) => match event {
                Some(Ok(event)) => {
                    self.urgent = true;
                    self.meaning(event)
                }
                // The terminal is gone: going on would spin on its end of file.
                Some(Err(_)) | None => Woken::Stopped,
            },
            left = left(&mut self.pager) => Woken::Message(Msg::PagerLeft(left)),
            Some(msg) = self.answers.recv() => Woken::Message(msg),
            Some(happening) = self.happenings.recv() => Woken::Happened(happening),
            () = tokio::time::sleep_until(until) => Woken::Time,
        }
    }

    fn wake_at(&self) -> Instant {
        let mut until = self.clocks.instant(self.app.deadline());
        if !self.printing.is_empty() {
            until = until.min(self.next_output);
        }
        if self.undrawn {
            until = until.min(self.next_frame());
        }
        until
    }

    fn next_frame(&self) -> Instant {
        self.last_frame
            .map_or_else(Instant::now, |last| last + CALM_FRAME)
    }

    /// Takes in what woke the loop, and everything else that is queued by now.
    async fn take_in(&mut self, first: Woken) -> Result<Option<Left>, SessionError> {
        let mut next = Some(first);
        while let Some(woken) = next {
            match woken {
                Woken::Interrupted if self.pager.is_some() => {}
                Woken::Stopped | Woken::Interrupted => return Ok(Some(Left::Signalled)),
                Woken::Continued => {
                    if let Some(guard) = &mut self.guard {
                        guard.again().map_err(SessionError::Terminal)?;
                    }
                    (self.urgent, self.undrawn) = (true, true);
                }
                Woken::Message(msg) => {
                    if matches!(msg, Msg::PagerLeft(_)) {
                        self.take_terminal_back()?;
                    }
                    self.update(msg);
                }
                Woken::Happened(happening) => self.happened(happening),
                Woken::Time => self.update(Msg::Tick),
            }
            if self.leaving {
                return Ok(Some(Left::Asked));
            }
            next = self.queued().await;
        }
        self.take_output();
        Ok(None)
    }

    /// The next thing that is there already.
    ///
    /// Asked with this task's own waker: the stream of events keeps the one that it was asked with first, and with one
    /// that wakes nobody a key would wait for the next tick of the clock.
    async fn queued(&mut self) -> Option<Woken> {
        if let Some(Some(Ok(event))) = poll_immediate(next_input(&mut self.input)).await {
            self.urgent = true;
            return Some(self.meaning(event));
        }
        if let Ok(msg) = self.answers.try_recv() {
            return Some(Woken::Message(msg));
        }
        self.happenings.try_recv().ok().map(Woken::Happened)
    }

    fn meaning(&self, event: crossterm::event::Event) -> Woken {
        let row_at = |column, row| ui::row_at(&self.app, &self.theme, column, row);
        term::message(event, row_at).map_or(Woken::Time, Woken::Message)
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Grew { attempt } => {
                self.printing.insert(attempt);
            }
            Happening::Spawned { attempt, pid } => self.update(Msg::Spawned { attempt, pid }),
            Happening::Ended {
                attempt,
                outcome,
                took,
            } => {
                // What it printed last belongs before its end.
                self.printing.remove(&attempt);
                if let Some(msg) = self.processes.drain(attempt) {
                    self.update(msg);
                }
                self.update(Msg::Ended {
                    attempt,
                    outcome,
                    took,
                });
            }
        }
    }

    fn take_output(&mut self) {
        let now = Instant::now();
        if self.printing.is_empty() || now < self.next_output {
            return;
        }
        self.next_output = now + OUTPUT_TURN;
        for attempt in std::mem::take(&mut self.printing) {
            if let Some(msg) = self.processes.drain(attempt) {
                self.update(msg);
            }
        }
    }

    fn update(&mut self, msg: Msg) {
        let (now, gap) = self.clocks.turn();
        if gap {
            let effects = self.app.update(now, Msg::Slept);
            self.perform(effects);
        }
        self.urgent |= matches!(msg, Msg::Recorded(_) | Msg::RecordFailed { .. });
        let effects = self.app.update(now, msg);
        self.undrawn |= self.app.take_dirty();
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Record { by, event } => {
                    if let Some(recorder) = &self.recorder {
                        recorder.record(by, event);
                    }
                }
                Effect::Spawn(spawn) => self.processes.spawn(spawn),
                Effect::Attend(attempt) => self.processes.attend(attempt),
                Effect::Signal { attempt, stop } => self.processes.signal(attempt, stop),
                Effect::Look(check) => {
                    if let Some(watcher) = &self.watcher {
                        watcher.look(check);
                    }
                }
                Effect::Sample(metric) => {
                    if let Some(watcher) = &self.watcher {
                        watcher.sample(metric, self.clocks.last());
                    }
                }
                Effect::LookAtOurselves => {
                    if let Some(watcher) = &self.watcher {
                        watcher.look_at_ourselves();
                    }
                }
                Effect::WriteElsewhere { dir, entries } => self.write_elsewhere(dir, entries),
                Effect::Bell => print(b"\x07"),
                Effect::Copy(text) => {
                    let text = redaction::declared().redact(&text);
                    let _ = execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text));
                }
                Effect::Page(attempt) => self.open_pager(attempt),
                Effect::OpenLink(url) => open_link(&url),
                Effect::Leave => self.leaving = true,
            }
        }
    }

    /// Hands the terminal to the pager. The loop goes on without it: what runs is watched, and the bell rings.
    fn open_pager(&mut self, attempt: u64) {
        // Whoever reads input would take keys from the pager.
        self.input = None;
        self.guard = None;
        match Pager::open(&self.attempts.join(attempt.to_string())) {
            Ok(pager) => self.pager = Some(pager),
            Err(error) => {
                let why = format!("failed to start the pager: {error}");
                let _ = self.answer.send(Msg::PagerLeft(Err(why)));
            }
        }
    }

    /// Takes the terminal back.
    fn take_terminal_back(&mut self) -> Result<(), SessionError> {
        self.pager = None;
        self.guard = Some(TerminalGuard::enter().map_err(SessionError::Terminal)?);
        self.input = Some(EventStream::new());
        if let Ok((columns, rows)) = crossterm::terminal::size() {
            self.update(Msg::Resize(columns, rows));
        }
        (self.urgent, self.undrawn) = (true, true);
        Ok(())
    }

    fn write_elsewhere(&self, dir: String, entries: Vec<Arc<Entry>>) {
        let Some(rescue) = self.rescue.clone() else {
            return;
        };
        let answer = self.answer.clone();
        tokio::task::spawn_blocking(move || {
            let written = rescue.write(Path::new(&dir), &entries);
            let result = written.map_err(|error| error.to_string());
            // An error says that the session is over.
            let _ = answer.send(Msg::WrittenElsewhere { dir, result });
        });
    }

    /// Draws at once for a key or a record; anything else waits for its turn, so that a thousand samples a second
    /// cost twenty frames.
    fn draw_if_due(&mut self) -> Result<(), SessionError> {
        if self.undrawn && (self.urgent || Instant::now() >= self.next_frame()) {
            self.draw()?;
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), SessionError> {
        let Some(guard) = &mut self.guard else {
            // Whoever gives the terminal back asks for a frame.
            (self.urgent, self.undrawn) = (false, false);
            return Ok(());
        };
        let (app, theme) = (&self.app, &self.theme);
        guard
            .terminal
            .draw(|frame| ui::draw(app, theme, frame))
            .map_err(SessionError::Terminal)?;
        self.last_frame = Some(Instant::now());
        (self.urgent, self.undrawn) = (false, false);
        Ok(())
    }

    /// Gives the terminal back first, then says what goes on without it, and records what became known.
    fn leave(&mut self) {
        self.guard = None;
        if let Some(recorder) = self.recorder.take() {
            for attempt in self.app.run.running_attempts() {
                let step = attempt.step.map(|step| self.app.run.runbook().step(step));
                let what = step.map_or_else(
                    || "a quick command".to_owned(),
                    |step| format!("{} {}", step.number, step.title),
                );
                // A terminal that is gone shows nobody anything.
                let _ = writeln!(
                    io::stderr(),
                    "still running, and goes on by itself: {}",
                    ui::text::visible(&what)
                );
            }
            recorder.finish();
        }
    }
}

/// The next event of the terminal; waits for ever while somebody else has it.
async fn next_input(input: &mut Option<EventStream>) -> Option<io::Result<Event>> {
    match input {
        Some(input) => term::next_event(input).await,
        None => std::future::pending().await,
    }
}

/// Waits until the pager is left; for ever, if there is none.
async fn left(pager: &mut Option<Pager>) -> Result<(), String> {
    match pager {
        Some(pager) => pager.closed().await,
        None => std::future::pending().await,
    }
}

/// Looks up what commands usually take, which nothing waits for.
fn remember(history: History, answers: UnboundedSender<Msg>) {
    tokio::task::spawn_blocking(move || {
        // An error says that the session is over.
        let _ = answers.send(Msg::Remembered(history.usual()));
    });
}

/// Hands on what somebody else's run records.
fn follow(mut follower: Follower, answers: UnboundedSender<Msg>) {
    tokio::task::spawn_blocking(move || {
        while !answers.is_closed() {
            match follower.poll() {
                Ok(entries) => {
                    for entry in entries {
                        let _ = answers.send(Msg::Recorded(entry));
                    }
                }
                Err(error) => {
                    let message = error.to_string();
                    let _ = answers.send(Msg::RecordFailed {
                        message,
                        fatal: false,
                    });
                    return;
                }
            }
            std::thread::sleep(WATCH_TURN);
        }
    });
}

/// Writes to the terminal; one that is gone shows itself as the end of input.
fn print(bytes: &[u8]) {
    let mut out = io::stdout();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Hands a URL to the desktop; there may be none, over SSH there mostly isn't, so failing is silent. Nothing but web
/// addresses: what a desktop does with a path or an option is anybody's guess.
fn open_link(url: &str) {
    if !["http://", "https://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return;
    }
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let null = std::process::Stdio::null;
    let child = tokio::process::Command::new(opener)
        .arg(url)
        .stdin(null())
        .stdout(null())
        .stderr(null())
        .spawn();
    if let Ok(mut child) = child {
        tokio::spawn(async move { child.wait().await });
    }
}
