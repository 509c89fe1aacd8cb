//! The core: a message comes in, effects come out.
//!
//! [`App::update`] is the only way in and it touches nothing: what is to be done to the world comes back as
//! [`Effect`]s for the runtime to perform. The one rule is kept here: an operator's key never leads to
//! [`Effect::Spawn`] or [`Effect::Signal`]; it leads to [`Effect::Record`], and only the recorded entry's return as
//! [`Msg::Recorded`] lets the rest happen ([`react`]). So nothing runs that is not in the journal.

pub mod board;
pub mod coach;
pub mod command;
pub mod deciding;
pub mod describe;
pub mod firing;
pub mod friction;
pub mod keys;
pub mod live;
pub mod output;
pub mod overlay;
pub mod overruled;
pub mod picker;
pub mod polling;
pub mod react;
pub mod recording;
pub mod rescue;
pub mod search;
pub mod sentence;
pub mod sentinel;
pub mod triggers;
pub mod unattended;
pub mod view;
pub mod witness;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::check::{Baseline, Judgement, Now, PastSample, Reading};
use crate::journal::{AUTO, Entry, Event, Outcome};
use crate::run::{Run, Usual};
use crate::runbook::{Runbook, StepIndex, text};

use keys::{Action, Bindings, Key};
use live::Live;
use output::{Line, Outputs};
use view::{Notice, Screen, Tone, View};

/// Something that happened outside.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The wheel turned, in lines; positive is down.
    Wheel(i32),
    /// A row of the checklist was clicked: position in [`View::rows`].
    Click(usize),
    /// The terminal has this many columns and rows.
    Resize(u16, u16),
    /// An entry is safely in the journal.
    Recorded(Entry),
    /// An event could not be recorded; with the reason and what to do.
    RecordFailed {
        /// The sentence for the operator.
        message: String,
        /// Whether trying again can't help.
        fatal: bool,
    },
    /// A check was looked at.
    Checked {
        /// Position in the runbook's checks.
        check: usize,
        /// What it says.
        judgement: Judgement,
    },
    /// A metric was sampled.
    Sampled {
        /// Position in the runbook's metrics.
        metric: usize,
        /// The number, or why there is none.
        sample: Reading,
    },
    /// A metric's source told what it remembers.
    LookedBack {
        /// Position in the runbook's metrics.
        metric: usize,
        /// Its samples, oldest first.
        past: Vec<PastSample>,
    },
    /// A command runs.
    Spawned {
        /// The attempt.
        attempt: u64,
        /// Its process id, for display.
        pid: u32,
    },
    /// A command printed something.
    Output {
        /// The attempt.
        attempt: u64,
        /// Complete lines since the last time.
        lines: Vec<Line>,
        /// The line that hasn't ended yet.
        partial: Option<Line>,
        /// Lines that were dropped because too many came at once.
        skipped: u64,
    },
    /// A command ended.
    Ended {
        /// The attempt.
        attempt: u64,
        /// How.
        outcome: Outcome,
        /// How long it ran.
        took: Duration,
    },
    /// A deadline came; see [`App::deadline`].
    Tick,
    /// Whether this machine can look at others at all, or what is wrong at our own end.
    Sighted(Result<(), String>),
    /// The pager has given the terminal back; with why it couldn't be used, if so.
    PagerLeft(Result<(), String>),
    /// What commands took in earlier runs.
    Remembered(Usual),
    /// Whether the run is in another directory now.
    WrittenElsewhere {
        /// The directory.
        dir: String,
        /// The sentence for the operator, when it isn't.
        result: Result<(), String>,
    },
    /// The machine slept, a clock was set or the program stopped: nothing measured before counts.
    Slept,
}

/// How hard a command is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// TERM to its process group.
    Terminate,
    /// KILL to its process group.
    Kill,
}

/// A command to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spawn {
    /// Number of the attempt.
    pub attempt: u64,
    /// The exact shell text.
    pub command: String,
    /// Working directory, relative to the runbook's folder.
    pub dir: Option<String>,
    /// When it is stopped.
    pub timeout: Option<Duration>,
    /// Whether it needs a terminal.
    pub tty: bool,
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Append to the journal and sync; answers with [`Msg::Recorded`] or [`Msg::RecordFailed`].
    Record {
        /// Who.
        by: String,
        /// What.
        event: Event,
    },
    /// Start a command whose intent is recorded.
    Spawn(Spawn),
    /// Find out what became of an attempt whose end isn't recorded, and go on watching it; answers as for a command
    /// that was started, with its end if it has one.
    Attend(u64),
    /// Stop a command; recorded before.
    Signal {
        /// The attempt.
        attempt: u64,
        /// How hard.
        stop: Stop,
    },
    /// Look at a check; answers with [`Msg::Checked`].
    Look(usize),
    /// Sample a metric; answers with [`Msg::Sampled`].
    Sample(usize),
    /// See whether this machine's resolver and route work; answers with [`Msg::Sighted`].
    LookAtOurselves,
    /// Write the whole run to another disk, because its own has failed; answers with [`Msg::WrittenElsewhere`].
    WriteElsewhere {
        /// The state directory to make.
        dir: String,
        /// Everything that happened.
        entries: Vec<Arc<Entry>>,
    },
    /// Ring the terminal's bell.
    Bell,
    /// Put text on the clipboard (OSC 52).
    Copy(String),
    /// Show all that an attempt printed in the operator's pager, which has the terminal until it is left.
    Page(u64),
    /// Open a URL with the desktop's opener.
    OpenLink(String),
    /// Leave the program.
    Leave,
}

/// Whether what was done is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Saving {
    /// All of it.
    #[default]
    Saved,
    /// Something isn't, and trying again may help.
    Failed(String),
    /// The journal can't be trusted any more: nothing further is recorded.
    Lost(String),
}

/// How the program was started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name entries are recorded under.
    pub operator: String,
    /// Nothing may be recorded or run.
    pub read_only: bool,
    /// Whether a line says what is next.
    pub coach: bool,
    /// Name of the environment, for the badge; the target when empty.
    pub environment: String,
}

/// The state of the program.
#[derive(Debug)]
pub struct App {
    /// The run.
    pub run: Run,
    /// Checks and metrics as they are now.
    pub live: Live,
    /// What is being looked at.
    pub view: View,
    /// What commands print.
    pub outputs: Outputs,
    /// Process ids of running attempts, for display.
    pub pids: BTreeMap<u64, u32>,
    /// How the program was started.
    pub options: Options,
    /// The bindings in force.
    pub bindings: Bindings,
    /// Whether what was done is on disk.
    pub saving: Saving,
    /// The directory to suggest when the journal's disk has failed.
    pub elsewhere: String,
    /// The directory that the run goes on in, since its own disk has failed.
    pub moved_to: Option<String>,
    /// The time of the latest message; screens are drawn for this moment.
    pub now: Now,
    /// What is on its way to the disk, oldest first; it is answered in this order.
    in_flight: VecDeque<Request>,
    /// The names of those in flight that the program found out: a thousand checks look them up with every message.
    requested: BTreeSet<String>,
    /// What came while an operator's act was on its way.
    deferred: VecDeque<Msg>,
    /// Automatic events are held back until then (monotonic), after the disk refused something: asked for again at
    /// once, they would be refused again at once, without end.
    quiet_until: Duration,
    /// Ends of attempts that aren't recorded yet. They are told once, so they are kept until the disk takes them.
    ends: BTreeMap<u64, Event>,
    /// The highest attempt number given out, recorded or not.
    issued_attempts: u64,
    /// When running attempts that were asked to stop are killed (monotonic).
    kill_at: Vec<(u64, Duration)>,
    /// Whether this session has seen the run before its launch: only then it can know what was so before it.
    before_launch: bool,
    /// Baselines that were taken and aren't recorded yet.
    unrecorded_baselines: BTreeMap<usize, Baseline>,
    /// When the bell rings again for a decision that is overdue (monotonic).
    bell_at: Option<Duration>,
    /// What goes on without being asked.
    unattended: unattended::Unattended,
    dirty: bool,
}

/// Something on its way to the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    /// An operator's act. Keys wait for it, so that two fast keys can't both act on a state that the first is about to
    /// change.
    Act,
    /// What the program found out, by a name that makes it unique.
    Found(String),
}

/// How long automatic events are held back after the disk refused something.
const QUIET: Duration = Duration::from_secs(5);

/// The most messages that wait for a slow disk; further ones are dropped, with a notice.
const MAXIMUM_DEFERRED: usize = 1_000;

impl App {
    /// The program at the start of a session: state from the journal, nothing looked at yet.
    pub fn new(runbook: Arc<Runbook>, entries: Vec<Entry>, options: Options, now: Now) -> Self {
        let live = Live::new(&runbook, now);
        let run = Run::replay(runbook, entries);
        let mut app = Self {
            live,
            view: View {
                size: (80, 24),
                ..View::default()
            },
            outputs: Outputs::default(),
            pids: BTreeMap::new(),
            options,
            bindings: Bindings::default(),
            saving: Saving::Saved,
            elsewhere: String::new(),
            moved_to: None,
            now,
            in_flight: VecDeque::new(),
            requested: BTreeSet::new(),
            deferred: VecDeque::new(),
            quiet_until: Duration::ZERO,
            ends: BTreeMap::new(),
            issued_attempts: run.next_attempt() - 1,
            kill_at: Vec::new(),
            before_launch: false,
            unrecorded_baselines: BTreeMap::new(),
            bell_at: None,
            unattended: unattended::Unattended::default(),
            dirty: true,
            run,
        };
        app.live.restore_baselines(&app.run);
        app.rebuild_rows();
        app.go_to_next();
        app
    }

    /// What to do first: look at everything, and find out what became of attempts whose end nobody recorded.
    pub fn start(&mut self) -> Vec<Effect> {
        let unended = self.run.running_attempts();
        let mut effects: Vec<Effect> = unended
            .map(|attempt| Effect::Attend(attempt.number))
            .collect();
        if self.run.seq == 1 {
            self.warn_of_shortfall();
        }
        effects.extend(self.live.due(self.now));
        effects
    }

    /// A plan that can't be kept is said at once, beside whatever else is to be known at the start.
    fn warn_of_shortfall(&mut self) {
        let Some(short) = self.run.shortfall(self.now.wall) else {
            return;
        };
        let mut takes = Vec::new();
        for (what, time) in [("holds take", short.holds), ("steps usually", short.steps)] {
            if !time.is_zero() {
                takes.push(format!("{what} {}", whole(time)));
            }
        }
        let mut words = format!(
            "T-0 in {} is too soon: {}; it will slip",
            whole(short.lead),
            takes.join(", ")
        );
        if let Some(before) = self.view.notice.take() {
            words = format!("{words} · {}", before.text);
        }
        self.say(Tone::Warning, words);
    }

    /// Takes in one message and says what is to be done.
    pub fn update(&mut self, now: Now, msg: Msg) -> Vec<Effect> {
        let second_passed = now.wall.as_second() != self.now.wall.as_second();
        self.now = now;
        let mut effects = self.handle(msg);
        effects.extend(self.tend());
        while !self.is_awaiting() {
            let Some(msg) = self.deferred.pop_front() else {
                break;
            };
            effects.extend(self.handle(msg));
        }
        self.dirty |= second_passed;
        effects
    }

    /// Whether something on the screen may have changed since the last time this was asked.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    fn handle(&mut self, msg: Msg) -> Vec<Effect> {
        // Stopping waits for no disk: what isn't done needs no record first.
        if matches!(msg, Msg::Key(key) if self.stops_unattended(key)) {
            return self.stop_unattended();
        }
        if self.is_awaiting()
            && matches!(
                msg,
                Msg::Key(_) | Msg::Paste(_) | Msg::Click(_) | Msg::Wheel(_)
            )
        {
            self.defer(msg);
            return Vec::new();
        }
        match msg {
            Msg::Key(key) => self.on_key(key),
            Msg::Paste(text) => self.on_paste(&text),
            Msg::Wheel(lines) => self.on_wheel(lines),
            Msg::Click(row) => self.on_click(row),
            Msg::Resize(columns, rows) => {
                self.dirty = true;
                self.view.size = (columns, rows);
                Vec::new()
            }
            Msg::Recorded(entry) => self.on_recorded(entry),
            Msg::RecordFailed { message, fatal } => self.on_record_failed(message, fatal),
            Msg::Checked { check, judgement } => self.on_checked(check, judgement),
            Msg::Sampled { metric, sample } => self.on_sampled(metric, sample),
            Msg::LookedBack { metric, past } => self.on_looked_back(metric, &past),
            Msg::Spawned { attempt, pid } => {
                self.dirty = true;
                self.pids.insert(attempt, pid);
                Vec::new()
            }
            Msg::Output {
                attempt,
                lines,
                partial,
                skipped,
            } => {
                self.dirty = true;
                self.on_output(attempt, lines, partial, skipped);
                Vec::new()
            }
            Msg::Ended {
                attempt,
                outcome,
                took,
            } => {
                self.on_ended(attempt, outcome, took);
                Vec::new()
            }
            Msg::Tick => Vec::new(),
            Msg::Sighted(answer) => self.on_sighted(answer),
            Msg::Remembered(usual) => {
                self.dirty = true;
                self.run.usual = usual;
                Vec::new()
            }
            Msg::WrittenElsewhere { dir, result } => self.on_written_elsewhere(&dir, result),
            Msg::PagerLeft(left) => {
                self.dirty = true;
                left.err().map_or_else(Vec::new, |why| self.refuse(&why))
            }
            Msg::Slept => {
                self.dirty = true;
                self.live.forget(self.now);
                self.say(
                    Tone::Warning,
                    "time jumped (sleep, clock set, stopped): all is being looked at again",
                );
                Vec::new()
            }
        }
    }

    fn defer(&mut self, msg: Msg) {
        if self.deferred.len() < MAXIMUM_DEFERRED {
            self.deferred.push_back(msg);
        } else {
            self.say(Tone::Warning, "the disk is slow: keys are being dropped");
        }
    }

    fn on_key(&mut self, key: Key) -> Vec<Effect> {
        self.dirty = true;
        if self.view.overlay.is_some() {
            return self.overlay_key(key);
        }
        match self.bindings.action(self.view.screen.place(), key) {
            Some(action) => self.act(action),
            None => Vec::new(),
        }
    }

    /// Does what a key or a line of the palette asks for.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        self.dirty = true;
        if changes_run(action)
            && let Some(why) = self.unchangeable(action)
        {
            return self.refuse(why);
        }
        match action {
            Action::Record
            | Action::Waive
            | Action::Skip
            | Action::TakeBack
            | Action::Note
            | Action::Todo
            | Action::StatusMessage
            | Action::Hold
            | Action::MoveTarget
            | Action::TakeRole
            | Action::Recycle
            | Action::Scrub
            | Action::CloseRun => self.act_recording(action),
            Action::RunCommand | Action::UndoCommand | Action::Interrupt => {
                self.act_command(action)
            }
            Action::Poll | Action::AnswerGo | Action::AnswerNoGo | Action::AnswerAbsent => {
                self.act_poll(action)
            }
            Action::Rollback | Action::AttestRollback | Action::FireTrigger => {
                self.act_deciding(action)
            }
            Action::Search | Action::NextMatch | Action::PreviousMatch => self.act_search(action),
            Action::Palette | Action::Help => self.act_overlay(action),
            Action::Recheck => {
                let effects = self.recheck();
                self.say(Tone::Calm, "looking again");
                effects
            }
            Action::WriteElsewhere => self.ask_elsewhere(),
            Action::Leave => vec![Effect::Leave],
            _ => self.act_looking(action),
        }
    }

    /// Why nothing about the run may be changed; after its end only words may be added.
    fn unchangeable(&self, action: Action) -> Option<&'static str> {
        let adds_words = matches!(action, Action::Note | Action::Todo | Action::StatusMessage);
        if self.options.read_only {
            Some("this run is open read-only: leave, and `tminus resume` it to act")
        } else if self.run.ended.is_some() && !adds_words {
            Some("this run is closed: only notes, to-dos and status messages can be added")
        } else {
            None
        }
    }

    /// Asks for an operator's act to be recorded. Keys wait until it is.
    fn record(&mut self, event: Event) -> Vec<Effect> {
        if let Saving::Lost(message) = &self.saving {
            let message = message.clone();
            return self.refuse(&message);
        }
        self.in_flight.push_back(Request::Act);
        vec![Effect::Record {
            by: self.options.operator.clone(),
            event,
        }]
    }

    /// Asks for something the program found out to be recorded, once per name until it is.
    fn record_auto(&mut self, name: String, event: Event) -> Option<Effect> {
        let silent = self.options.read_only || matches!(self.saving, Saving::Lost(_));
        if silent || self.now.monotonic < self.quiet_until || self.is_requested(&name) {
            return None;
        }
        self.requested.insert(name.clone());
        self.in_flight.push_back(Request::Found(name));
        Some(Effect::Record {
            by: AUTO.to_owned(),
            event,
        })
    }

    /// Whether an operator's act is on its way to the disk.
    fn is_awaiting(&self) -> bool {
        self.in_flight.contains(&Request::Act)
    }

    fn is_requested(&self, name: &str) -> bool {
        self.requested.contains(name)
    }

    /// The disk answered: takes out what the answer is for. Nothing is, when it is somebody else's run.
    fn answered(&mut self) -> Option<Request> {
        let request = self.in_flight.pop_front();
        if let Some(Request::Found(name)) = &request {
            self.requested.remove(name);
        }
        request
    }

    fn refuse(&mut self, why: &str) -> Vec<Effect> {
        self.say(Tone::Warning, why);
        Vec::new()
    }

    /// Says something on the message line.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.dirty = true;
        self.view.notice = Some(Notice {
            text: text.into(),
            tone,
            at: self.now.monotonic,
        });
    }

    /// The step that keys act on: the one under the cursor, or the one whose screen is open.
    pub fn current_step(&self) -> Option<StepIndex> {
        match self.view.screen {
            Screen::Step(step) => Some(step),
            Screen::Rollback => self.rollback_step_under_cursor(),
            _ => self.board_step_under_cursor(),
        }
    }
}

/// A duration without fractions of a second.
fn whole(time: Duration) -> String {
    text::format_duration(Duration::from_secs(time.as_secs()))
}

/// Whether an action is out of the question in a read-only session and after the run's end.
fn changes_run(action: Action) -> bool {
    !matches!(
        action,
        Action::Down
            | Action::Up
            | Action::Top
            | Action::Bottom
            | Action::HalfPageDown
            | Action::HalfPageUp
            | Action::PreviousSection
            | Action::NextSection
            | Action::GoToNext
            | Action::ShowPreLaunch
            | Action::ShowLaunch
            | Action::ShowPostLaunch
            | Action::ShowRollback
            | Action::ShowLog
            | Action::ShowTimeline
            | Action::NextPanel
            | Action::Coach
            | Action::Open
            | Action::Back
            | Action::Recheck
            | Action::Details
            | Action::Copy
            | Action::CopyOutput
            | Action::OpenOutput
            | Action::OpenLink
            | Action::Follow
            | Action::Zoom
            | Action::Search
            | Action::NextMatch
            | Action::PreviousMatch
            | Action::Palette
            | Action::Help
            | Action::Interrupt
            | Action::WriteElsewhere
            | Action::Leave
            | Action::Poll
            // Shows the screen; what it asks there knows by itself when not to.
            | Action::Rollback
    )
}
