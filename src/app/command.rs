//! Commands: what is asked before one starts, what its output and end mean, how it is stopped.

use std::time::Duration;

use tui_input::Input as TextInput;

use super::keys::{Action, Key, KeyCode};
use super::output::{Line, Output};
use super::view::{Ask, Confirm, Menu, MenuChoice, MenuItem, OverlayKind, Screen, Tone};
use super::{App, Effect, Stop};
use crate::check::Verdict;
use crate::journal::{Direction, Event, Outcome};
use crate::run::Status;
use crate::runbook::{Command, Level, StepId, StepIndex};

/// How long a stopped command has before it is killed.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long a point of no return is announced before it is passed.
pub const COUNTDOWN: Duration = Duration::from_secs(10);

impl App {
    pub(super) fn act_command(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::RunCommand => self.ask_to_run_here(),
            Action::UndoCommand => self.ask_to_run(Direction::Undo),
            _ => self.interrupt(),
        }
    }

    /// `x`: in the list of what was done it takes back, and in a rollback it goes on to the next step.
    fn ask_to_run_here(&mut self) -> Vec<Effect> {
        let Some(step) = self.current_step() else {
            return self.refuse("put the cursor on a step first");
        };
        if self.view.screen == Screen::Rollback && !self.is_rollback_step(step) {
            return self.ask_to_run(Direction::Undo);
        }
        let is_over =
            self.run.is_rolling_back() && self.is_rollback_step(step) && self.run.is_settled(step);
        if is_over {
            return self.ask_next_of_rollback();
        }
        self.ask_to_run(Direction::Run)
    }

    /// Walking back is read-do: after a step that is done `x` means the one that follows.
    fn ask_next_of_rollback(&mut self) -> Vec<Effect> {
        self.show(Screen::Rollback);
        self.go_to_next();
        let next = self
            .current_step()
            .filter(|&step| !self.run.is_settled(step));
        let Some(next) = next else {
            return self.refuse("every step of the rollback is done: now its checks have to hold");
        };
        let definition = self.run.runbook().step(next);
        if definition.command.is_some() {
            return self.ask_to_run(Direction::Run);
        }
        let key = self.bindings.shown(Action::Record);
        let words = format!("{} is next: {key} records it", definition.number);
        self.refuse(&words)
    }

    fn ask_to_run(&mut self, direction: Direction) -> Vec<Effect> {
        let Some(step) = self.current_step() else {
            return self.refuse("put the cursor on a step first");
        };
        let definition = self.run.runbook().step(step).clone();
        let Some(command) = definition.command.clone() else {
            return self.refuse("this step has no command: space records it");
        };
        if let Some(why) = self.cannot_run(step, direction) {
            return self.refuse(&why);
        }
        let (text, level) = match direction {
            Direction::Run => (command.run.clone(), command.level),
            Direction::Undo => match &command.undo {
                Some(undo) => (undo.clone(), command.level.min(Level::Destructive)),
                None => return self.refuse("this step has no undo: B shows the rollbacks"),
            },
        };
        let title = format!("{} {}", definition.number, definition.title);
        let asks = self.asks(level, Some(step), direction);
        self.confirm(Confirm {
            step: Some(step),
            title,
            direction,
            command,
            text,
            second: None,
            asks,
            input: TextInput::default(),
            error: None,
        })
    }

    pub(super) fn cannot_run(&self, step: StepIndex, direction: Direction) -> Option<String> {
        let state = self.run.state(step);
        if self.is_requested(&starting(&self.run.runbook().step(step).id)) {
            return Some("it is starting by itself".to_owned());
        }
        if state.status == Status::Running {
            return Some("it is running: ctrl-c interrupts it".to_owned());
        }
        if direction == Direction::Undo {
            return match self.run.undoable_step(step) {
                None => Some("nothing was run here that could be undone".to_owned()),
                Some(undoable) if undoable.is_undone() => Some("it is undone already".to_owned()),
                Some(_) => None,
            };
        }
        let definition = self.run.runbook().step(step);
        let is_safe = definition
            .command
            .as_ref()
            .is_some_and(|command| command.level == Level::Safe);
        if state.status == Status::Done && !is_safe {
            return Some("it is done: u takes that back first, if it has to run again".to_owned());
        }
        if definition.condition.is_some() && state.applies.is_none() {
            return Some("say first whether it applies: space asks".to_owned());
        }
        let is_ponr = definition
            .command
            .as_ref()
            .is_some_and(|command| command.level == Level::Ponr);
        self.obstacle(step).or_else(|| {
            if is_ponr {
                self.ponr_obstacle(Some(step))
            } else {
                None
            }
        })
    }

    pub(super) fn ask_quick_command(&mut self, position: usize) -> Vec<Effect> {
        let quick = self.run.runbook().quick_commands[position].clone();
        let obstacle = (quick.command.level == Level::Ponr).then(|| self.ponr_obstacle(None));
        if let Some(why) = obstacle.flatten() {
            return self.refuse(&why);
        }
        let asks = self.asks(quick.command.level, None, Direction::Run);
        self.confirm(Confirm {
            step: None,
            title: quick.title,
            direction: Direction::Run,
            text: quick.command.run.clone(),
            command: quick.command,
            second: None,
            asks,
            input: TextInput::default(),
            error: None,
        })
    }

    fn confirm(&mut self, confirm: Confirm) -> Vec<Effect> {
        if confirm.asks.is_empty() {
            return self.start_command(&confirm);
        }
        self.open_overlay(OverlayKind::Confirm(Box::new(confirm)));
        Vec::new()
    }

    /// Asks for the intent to be recorded. What stood in the way is asked once more: a dialog may have been open for
    /// long, and a countdown lasts ten seconds in which a check can vanish.
    fn start_command(&mut self, confirm: &Confirm) -> Vec<Effect> {
        if let Some(why) = confirm
            .step
            .and_then(|step| self.cannot_run(step, confirm.direction))
        {
            return self.refuse(&why);
        }
        self.issued_attempts = self.issued_attempts.max(self.run.next_attempt() - 1) + 1;
        let step = confirm
            .step
            .map(|step| self.run.runbook().step(step).id.clone());
        let (attempt, direction, command) = (
            self.issued_attempts,
            confirm.direction,
            confirm.text.clone(),
        );
        if let Some(step) = confirm.step {
            self.show(Screen::Step(step));
        }
        let second = confirm.second.clone();
        self.record(Event::AttemptStarted {
            attempt,
            step,
            direction,
            command,
            second,
        })
    }

    /// A key while a command waits for its confirmation.
    pub(super) fn confirm_key(&mut self, mut confirm: Box<Confirm>, key: Key) -> Vec<Effect> {
        if key.code == KeyCode::Esc || key == Key::ctrl('c') {
            self.say(Tone::Calm, "nothing was run");
            return Vec::new();
        }
        match self.answer(&mut confirm, key) {
            Answered::No => {
                self.say(Tone::Calm, "nothing was run");
                Vec::new()
            }
            Answered::NotYet => self.reopen_confirm(confirm),
            Answered::Yes => {
                confirm.asks.remove(0);
                confirm.input.reset();
                confirm.error = None;
                match confirm.asks.first_mut() {
                    None => self.start_command(&confirm),
                    Some(next) => {
                        if let Ask::Countdown(until) = next {
                            *until = self.now.monotonic + COUNTDOWN;
                        }
                        self.reopen_confirm(confirm)
                    }
                }
            }
        }
    }

    fn reopen_confirm(&mut self, confirm: Box<Confirm>) -> Vec<Effect> {
        // The dead time belongs to the opening of the dialog, not to each of its questions.
        self.view.overlay = Some(super::view::Overlay {
            opened: self.now.monotonic.saturating_sub(super::overlay::DEAD_TIME),
            kind: OverlayKind::Confirm(confirm),
        });
        Vec::new()
    }

    fn answer(&self, confirm: &mut Confirm, key: Key) -> Answered {
        let Some(ask) = confirm.asks.first().cloned() else {
            return Answered::Yes;
        };
        let typed_in_full = key.code == KeyCode::Enter;
        match ask {
            Ask::Yes if key == Key::char('y') => Answered::Yes,
            Ask::Yes | Ask::Countdown(_) => Answered::No,
            Ask::Target(target) if typed_in_full => {
                if confirm.input.value().trim() == target {
                    return Answered::Yes;
                }
                confirm.error = Some(format!("that isn't `{target}`: nothing is run until it is"));
                Answered::NotYet
            }
            Ask::SecondPerson if typed_in_full => {
                match self.check_second_person(confirm.input.value()) {
                    Ok(initials) => {
                        confirm.second = Some(initials);
                        Answered::Yes
                    }
                    Err(error) => {
                        confirm.error = Some(error);
                        Answered::NotYet
                    }
                }
            }
            Ask::Target(_) | Ask::SecondPerson => {
                confirm.error = None;
                super::overlay::edit(&mut confirm.input, key);
                Answered::NotYet
            }
        }
    }

    /// A countdown that has run out starts its command.
    pub(super) fn tend_countdown(&mut self) -> Vec<Effect> {
        let over = match &self.view.overlay {
            Some(super::view::Overlay {
                kind: OverlayKind::Confirm(confirm),
                ..
            }) => {
                matches!(confirm.asks.first(), Some(Ask::Countdown(until)) if self.now.monotonic >= *until)
            }
            _ => false,
        };
        if !over {
            return Vec::new();
        }
        match self.view.overlay.take().map(|overlay| overlay.kind) {
            Some(OverlayKind::Confirm(confirm)) => self.start_command(&confirm),
            _ => Vec::new(),
        }
    }

    /// `ctrl-c`: asks whether to stop what runs, else whether to leave.
    fn interrupt(&mut self) -> Vec<Effect> {
        let here = self
            .current_step()
            .and_then(|step| self.run.latest_attempt(step));
        let running = here
            .filter(|attempt| attempt.is_running())
            .or_else(|| self.run.running_attempts().next());
        let Some(attempt) = running.filter(|_| !self.options.read_only) else {
            return self.ask_to_leave();
        };
        let number = attempt.number;
        let command = attempt.command.clone();
        let items = vec![
            MenuItem::keyed(
                'y',
                "stop it",
                "TERM now, KILL after 10 s; what it did stays done",
                MenuChoice::StopAttempt(number),
            ),
            nothing("let it run"),
        ];
        let title = "Interrupt the running command?".to_owned();
        self.open_overlay(OverlayKind::Menu(Menu {
            title,
            text: command,
            items,
            cursor: 1,
        }));
        Vec::new()
    }

    fn ask_to_leave(&mut self) -> Vec<Effect> {
        let items = vec![
            MenuItem::keyed(
                'y',
                "leave",
                "the run stays open; `tminus resume` comes back to this line",
                MenuChoice::Leave,
            ),
            nothing("stay"),
        ];
        let title = "Leave?".to_owned();
        self.open_overlay(OverlayKind::Menu(Menu {
            title,
            text: String::new(),
            items,
            cursor: 1,
        }));
        Vec::new()
    }

    pub(super) fn stop_attempt(&mut self, attempt: u64) -> Vec<Effect> {
        if self
            .run
            .attempt(attempt)
            .is_none_or(|attempt| !attempt.is_running())
        {
            return self.refuse("it has ended already");
        }
        if self.kill_at.iter().any(|(asked, _)| *asked == attempt) {
            return self.refuse("it was asked to stop already: KILL follows");
        }
        self.record(Event::AttemptInterrupted { attempt })
    }

    /// How long until a command that was asked to stop is killed; `None` when this session didn't ask it.
    pub fn kill_in(&self, attempt: u64) -> Option<Duration> {
        let mut asked = self.kill_at.iter();
        let (_, at) = asked.find(|(asked, _)| *asked == attempt)?;
        Some(at.saturating_sub(self.now.monotonic))
    }

    /// Kills what was asked to stop and didn't.
    pub(super) fn tend_stopping(&mut self) -> Vec<Effect> {
        let now = self.now.monotonic;
        let run = &self.run;
        self.kill_at.retain(|(attempt, _)| {
            run.attempt(*attempt)
                .is_some_and(|attempt| attempt.is_running())
        });
        let due: Vec<u64> = self
            .kill_at
            .iter()
            .filter(|(_, at)| now >= *at)
            .map(|(attempt, _)| *attempt)
            .collect();
        self.kill_at.retain(|(_, at)| now < *at);
        due.into_iter()
            .map(|attempt| Effect::Signal {
                attempt,
                stop: Stop::Kill,
            })
            .collect()
    }

    pub(super) fn on_output(
        &mut self,
        attempt: u64,
        lines: Vec<Line>,
        partial: Option<Line>,
        skipped: u64,
    ) {
        let grown = lines.len();
        let now = self.now.monotonic;
        self.outputs
            .entry(attempt)
            .extend(lines, partial, skipped, now);
        let shown = self
            .current_step()
            .and_then(|step| self.run.latest_attempt(step));
        if self.view.scroll_back > 0 && shown.is_some_and(|shown| shown.number == attempt) {
            // What is being read stays in place while more arrives below it.
            self.view.scroll_back =
                (self.view.scroll_back + grown).min(super::output::MAXIMUM_LINES);
        }
    }

    fn shown_attempt(&self) -> Option<u64> {
        let attempt = self.run.latest_attempt(self.current_step()?)?;
        Some(attempt.number)
    }

    /// Shows all of the output, also what isn't in memory any more.
    pub(super) fn open_output(&mut self) -> Vec<Effect> {
        match self.shown_attempt() {
            Some(attempt) => vec![Effect::Page(attempt)],
            None => self.refuse("nothing was run here that could have printed something"),
        }
    }

    /// Copies the newest lines of the output, as many as terminals take.
    pub(super) fn copy_output(&mut self) -> Vec<Effect> {
        let output = self
            .shown_attempt()
            .and_then(|attempt| self.outputs.get(attempt));
        let Some((text, lines)) = output.map(Output::newest) else {
            return self.refuse("there is no output to copy");
        };
        let said = format!("{lines} lines copied, if your terminal allows it (OSC 52)");
        self.say(Tone::Calm, said);
        vec![Effect::Copy(text)]
    }

    pub(super) fn on_ended(&mut self, attempt: u64, outcome: Outcome, took: Duration) {
        // The first end counts.
        let Some(running) = self
            .run
            .attempt(attempt)
            .filter(|attempt| attempt.is_running())
        else {
            return;
        };
        let outcome = running.judged(outcome);
        self.pids.remove(&attempt);
        let last_line = self.outputs.get(attempt).and_then(|output| {
            let last = output
                .partial
                .iter()
                .chain(output.lines.iter().rev())
                .map(Line::text);
            last.into_iter().find(|text| !text.trim().is_empty())
        });
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.ends.entry(attempt).or_insert(Event::AttemptEnded {
            attempt,
            outcome,
            took_ms,
            last_line,
        });
    }

    /// Asks for every end to be recorded until it is.
    pub(super) fn tend_ends(&mut self) -> Vec<Effect> {
        let run = &self.run;
        self.ends.retain(|attempt, _| {
            run.attempt(*attempt)
                .is_some_and(|attempt| attempt.is_running())
        });
        let ends = self.ends.clone();
        ends.into_iter()
            .filter_map(|(attempt, end)| self.record_auto(format!("end {attempt}"), end))
            .collect()
    }

    /// Starts the `safe` command of a step marked `auto` when its turn comes; never once the way leads back.
    pub(super) fn tend_automatic(&mut self) -> Vec<Effect> {
        if self.run.rollback.is_some() {
            return Vec::new();
        }
        let Some(step) = self.run.next_step() else {
            return Vec::new();
        };
        let definition = self.run.runbook().step(step);
        let Some(command) = definition.command.as_ref() else {
            return Vec::new();
        };
        let wanted = command.auto && command.level == Level::Safe;
        if !wanted
            || self.is_awaiting()
            || self.run.state(step).attempt.is_some()
            || self.cannot_run(step, Direction::Run).is_some()
        {
            return Vec::new();
        }
        self.start_by_itself(step).into_iter().collect()
    }

    /// Asks for the intent to be recorded that a step's command runs without anybody's key. The caller sees to it that
    /// no operator's act is on its way: it could be the same.
    pub(super) fn start_by_itself(&mut self, step: StepIndex) -> Option<Effect> {
        let definition = self.run.runbook().step(step);
        let (id, command) = (
            definition.id.clone(),
            definition.command.as_ref()?.run.clone(),
        );
        let attempt = self.issued_attempts.max(self.run.next_attempt() - 1) + 1;
        let event = Event::AttemptStarted {
            attempt,
            step: Some(id.clone()),
            direction: Direction::Run,
            command,
            second: None,
        };
        let effect = self.record_auto(starting(&id), event)?;
        self.issued_attempts = attempt;
        Some(effect)
    }

    /// The command a recorded attempt runs, as the runbook has it.
    pub(super) fn command_of(&self, step: Option<StepIndex>, text: &str) -> Option<&Command> {
        match step {
            Some(step) => self.run.runbook().step(step).command.as_ref(),
            None => {
                let quick = self.run.runbook().quick_commands.iter();
                quick
                    .map(|quick| &quick.command)
                    .find(|command| command.run == text)
            }
        }
    }

    /// Whether every MUST check that stands before this moment can be seen.
    pub fn unseen_musts(&self) -> usize {
        let musts = self
            .run
            .forward_steps()
            .filter(|&step| self.run.runbook().step(step).must);
        musts
            .filter(|&step| {
                let proofs = self.live.proofs(step);
                proofs
                    .iter()
                    .any(|&proof| matches!(self.live.verdict(proof, self.now), Verdict::Unknown(_)))
            })
            .count()
    }
}

/// The name under which the start of a step's command is asked to be recorded without anybody's key.
fn starting(step: &StepId) -> String {
    format!("auto {step}")
}

enum Answered {
    Yes,
    No,
    NotYet,
}

pub(super) fn nothing(label: &str) -> MenuItem {
    MenuItem::keyed('n', label, "", MenuChoice::Nothing)
}

/// What an outcome means, in words.
pub fn explain(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code: 0 } => "exit 0".to_owned(),
        Outcome::Exited { code: 126 } => "exit 126: found, but not executable".to_owned(),
        Outcome::Exited { code: 127 } => "exit 127: command not found".to_owned(),
        Outcome::Exited {
            code: code @ 129..=192,
        } => {
            format!(
                "exit {code}: something it ran was ended by {}",
                signal_name(code - 128)
            )
        }
        Outcome::Exited { code } => format!("exit {code}"),
        Outcome::Signalled { signal } => format!("ended by {}", signal_name(*signal)),
        Outcome::NotStarted { why } => format!("not started: {why}"),
        Outcome::Stopped => "stopped, effects unknown".to_owned(),
        Outcome::Unknown { why } => format!("UNKNOWN: {why}"),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "HUP (its terminal went away)",
        2 => "INT (interrupted)",
        6 => "ABRT (it gave up on itself)",
        9 => "KILL (somebody, or the kernel short of memory)",
        11 => "SEGV (it crashed)",
        13 => "PIPE (nobody read its output)",
        15 => "TERM (asked to stop)",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal}, {name}")
}
