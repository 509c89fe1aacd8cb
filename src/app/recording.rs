//! Recording: ticks, values, waivers, notes, holds, and the end of a run.

use jiff::Timestamp;
use tui_input::Input as TextInput;

use super::keys::Action;
use super::view::{Menu, MenuChoice, MenuItem, OverlayKind, Purpose, Row, Said, Screen, Tone};
use super::{App, Effect};
use crate::check::Verdict;
use crate::journal::{Basis, Ending, Event, Evidence};
use crate::run::Status;
use crate::runbook::variables::fill;
use crate::runbook::{Proof, SectionIndex, StepIndex, text};

impl App {
    pub(super) fn act_recording(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Record => self.start_recording(),
            Action::Waive => self.ask_about_step(Purpose::Waive, "Waive", "why is it left undone?"),
            Action::Skip => self.ask_about_step(Purpose::Skip, "Pass over for now", "why not now?"),
            Action::TakeBack => self.take_back(),
            Action::Note => {
                let step = self.current_step();
                self.prompt(Purpose::Note(step), "Note", self.about(step), "");
                Vec::new()
            }
            Action::Todo => {
                let step = self.current_step();
                self.prompt(Purpose::Todo(step), "To-do", self.about(step), "");
                Vec::new()
            }
            Action::StatusMessage => self.ask_message(),
            Action::Hold => self.toggle_hold(),
            Action::MoveTarget => {
                let hint = "a time such as 2025-06-05T16:15:00Z, or `in 20m`".to_owned();
                self.prompt(Purpose::MoveTarget, "Move T-0 to", hint, "");
                Vec::new()
            }
            Action::TakeRole => self.ask_role(),
            Action::Recycle => {
                let hint = "items marked recheck open again, polls start over".to_owned();
                self.prompt(Purpose::Recycle, "Recycle: why?", hint, "");
                Vec::new()
            }
            Action::Scrub => {
                let hint = "ends the run; nothing is executed".to_owned();
                self.prompt(Purpose::Scrub, "Scrub this run: why?", hint, "");
                Vec::new()
            }
            Action::CloseRun => self.ask_close(),
            _ => Vec::new(),
        }
    }

    fn about(&self, step: Option<StepIndex>) -> String {
        step.map_or_else(
            || "about the run".to_owned(),
            |step| {
                let step = self.run.runbook().step(step);
                format!("about {} {}", step.number, step.title)
            },
        )
    }

    fn ask_about_step(
        &mut self,
        purpose: fn(StepIndex) -> Purpose,
        verb: &str,
        hint: &str,
    ) -> Vec<Effect> {
        let Some(step) = self.current_step() else {
            return self.refuse("put the cursor on a step first");
        };
        if self.run.state(step).status == Status::Running {
            return self.refuse("its command is running: ctrl-c interrupts it");
        }
        let title = format!("{verb}: {}", self.run.runbook().step(step).title);
        self.prompt(purpose(step), &title, hint.to_owned(), "");
        Vec::new()
    }

    /// Why a step can't be worked on now, if so.
    pub fn obstacle(&self, step: StepIndex) -> Option<String> {
        if self.run.ended.is_some() {
            return Some("this run is closed".to_owned());
        }
        if !self.run.is_present(step) {
            return Some(
                "this step isn't part of the run: its option or rollback wasn't taken".to_owned(),
            );
        }
        if let Some(gate) = self.run.gate_before(step) {
            return Some(self.closed_gate(gate));
        }
        let home = self.run.runbook().step(step).home;
        let next = self.run.read_do_next(home)?;
        let is_next_or_above = next == step || self.run.runbook().step(next).parent == Some(step);
        if is_next_or_above || self.run.is_settled(step) || self.run.state(step).skipped {
            return None;
        }
        let number = &self.run.runbook().step(next).number;
        Some(format!(
            "read-do: {number} comes first (. goes there, S passes over it with a reason)"
        ))
    }

    fn closed_gate(&self, at: SectionIndex) -> String {
        let section = self.run.runbook().section(at);
        let is_go = section
            .gate
            .as_ref()
            .zip(self.run.gates.get(&at))
            .is_some_and(|(gate, state)| state.is_go(gate));
        if is_go {
            let key = self.bindings.shown(Action::Hold);
            format!(
                "GO, but the hold of {} is on: {key} releases it",
                section.number
            )
        } else {
            let key = self.bindings.shown(Action::Poll);
            format!(
                "gate {} hasn't passed: {key} opens the poll",
                section.number
            )
        }
    }

    /// `space`: asks for what this step needs, or records it at once.
    fn start_recording(&mut self) -> Vec<Effect> {
        let step = match (self.view.screen, self.row_under_cursor()) {
            (Screen::Board, Some(Row::Gate(at))) => {
                self.open_poll(at);
                return Vec::new();
            }
            (Screen::Board, Some(Row::Choice(at))) => {
                self.ask_option(at);
                return Vec::new();
            }
            _ => self.current_step(),
        };
        let Some(step) = step else {
            return self.refuse("put the cursor on a step first");
        };
        if let Some(obstacle) = self.obstacle(step) {
            return self.refuse(&obstacle);
        }
        match self.run.state(step).status {
            Status::Done => return self.refuse("already recorded: u takes it back"),
            Status::Running => {
                return self.refuse("its command is running: its exit code records it");
            }
            Status::Waived | Status::NotApplicable => {
                return self.refuse("already answered: u takes it back");
            }
            _ => {}
        }
        self.ask_what_is_missing(step)
    }

    fn ask_what_is_missing(&mut self, step: StepIndex) -> Vec<Effect> {
        let definition = self.run.runbook().step(step).clone();
        let state = self.run.state(step);
        if definition.condition.is_some() && state.applies.is_none() {
            self.ask_applicability(step);
            return Vec::new();
        }
        if definition.is_group() {
            return self.refuse("this step is its substeps: record those");
        }
        if definition.command.is_some() {
            return self.record_command_step(step);
        }
        if let Some(record) = &definition.record {
            let (hint, prefill) = self.prefill(step);
            let want = record
                .want
                .map_or_else(String::new, |want| format!("  want {want}"));
            let title = format!(
                "{}: {} {}{want}",
                definition.title,
                record.label,
                bracketed(&record.unit)
            );
            self.prompt(Purpose::Value(step), &title, hint, &prefill);
            return Vec::new();
        }
        if definition.sign.is_some() {
            self.ask_signature(step, None);
            return Vec::new();
        }
        if !self.live.proofs(step).is_empty() {
            return self.record_proved_step(step);
        }
        self.finish_recording(step, Said::default())
    }

    fn ask_signature(&mut self, step: StepIndex, value: Option<String>) {
        let definition = self.run.runbook().step(step);
        let role = definition.sign.clone().unwrap_or_default();
        let title = format!("{}: signed by ({role})", definition.title);
        let who = self.run.operator_of(&role).unwrap_or_default().to_owned();
        let hint = "the name of who signs".to_owned();
        self.prompt(Purpose::Signature(step, value), &title, hint, &who);
    }

    /// A step with a command is done by its exit code; a person may only speak for one whose outcome was lost.
    fn record_command_step(&mut self, step: StepIndex) -> Vec<Effect> {
        match self.run.state(step).status {
            Status::Unknown | Status::Failed => {
                self.ask_lost(step);
                Vec::new()
            }
            _ => self
                .refuse("this step is done by its command: x runs it, W waives it with a reason"),
        }
    }

    /// A step with checks is done by them; a person may say it is done while they can't be seen, with a reason.
    fn record_proved_step(&mut self, step: StepIndex) -> Vec<Effect> {
        let proofs = self.live.proofs(step);
        let now = self.now;
        let missing: Vec<String> = proofs
            .iter()
            .filter(|&&proof| self.live.verdict(proof, now) != Verdict::Pass)
            .map(|&proof| {
                format!(
                    "{} {}",
                    self.live.source(proof),
                    self.live.verdict(proof, now).name()
                )
            })
            .collect();
        let definition = self.run.runbook().step(step);
        if missing.is_empty() && definition.soak.is_none() {
            return if definition.second {
                self.finish_recording(step, Said::default())
            } else {
                self.verify(step).into_iter().collect()
            };
        }
        let title = format!(
            "{}: say it is done without proof?",
            self.run.runbook().step(step).title
        );
        let hint = if missing.is_empty() {
            "its soak isn't over".to_owned()
        } else {
            missing.join(", ")
        };
        self.prompt(
            Purpose::Override(step),
            &title,
            format!("{hint}: how do you know?"),
            "",
        );
        Vec::new()
    }

    /// What a value is prefilled with: what its metric or check saw last.
    fn prefill(&self, step: StepIndex) -> (String, String) {
        let now = self.now;
        for proof in self.live.proofs(step) {
            let seen = match proof {
                Proof::Metric(metric) => {
                    let state = self.live.metric(metric);
                    state
                        .value()
                        .zip(state.age(now))
                        .map(|(value, age)| (trimmed(value), age))
                }
                Proof::Check(_) => None,
            };
            if let Some((value, age)) = seen {
                let age = text::format_duration(std::time::Duration::from_secs(age.as_secs()));
                return (
                    format!("from {}, {age} ago", self.live.source(proof)),
                    value,
                );
            }
        }
        ("type what you measured".to_owned(), String::new())
    }

    /// The answer to a prompt about a step; the error keeps the prompt open.
    pub(super) fn answer_value(
        &mut self,
        step: StepIndex,
        typed: &str,
    ) -> Result<Vec<Effect>, String> {
        let definition = self.run.runbook().step(step).clone();
        let Some(record) = &definition.record else {
            return Ok(Vec::new());
        };
        if typed.trim().is_empty() {
            return Err("a value is needed: W waives the step instead".to_owned());
        }
        if let Some(want) = &record.want {
            let number = leading_number(typed).ok_or_else(|| {
                format!("`{typed}` has no number to compare with {want} (no comma: write 0.5)")
            })?;
            if want.holds(number, None) == Some(false) {
                return Err(format!(
                    "{number} isn't {want}: fix it and measure again, or W waives it with a reason"
                ));
            }
        }
        let value = with_unit(typed.trim(), &record.unit);
        if definition.sign.is_some() {
            self.ask_signature(step, Some(value));
            return Ok(Vec::new());
        }
        let value = Some(value);
        let said = Said {
            value,
            ..Said::default()
        };
        Ok(self.finish_recording(step, said))
    }

    /// Proves a step by what its checks and metrics say now.
    pub(super) fn verify(&mut self, step: StepIndex) -> Option<Effect> {
        let proofs = self.live.proofs(step);
        let evidence = self.evidence(&proofs);
        let value = proofs
            .iter()
            .find(|proof| matches!(proof, Proof::Metric(_)))
            .map(|&proof| self.live.observed(proof));
        let id = self.run.runbook().step(step).id.clone();
        let name = format!("verify {id}");
        let basis = Basis::Verified;
        self.record_auto(
            name,
            Event::StepDone {
                step: id,
                basis,
                value,
                signed: None,
                second: None,
                evidence: Some(evidence),
                against: None,
            },
        )
    }

    /// What several proofs say now, as one piece of evidence.
    pub(super) fn evidence(&self, proofs: &[Proof]) -> Evidence {
        let join = |part: &dyn Fn(Proof) -> String| {
            proofs
                .iter()
                .map(|&proof| part(proof))
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join(", ")
        };
        Evidence {
            source: join(&|proof| self.live.source(proof)),
            observed: join(&|proof| self.live.observed(proof)),
            at: self.seen_since(proofs),
        }
    }

    /// Evidence is as old as the oldest sample in it. A clock that was set since makes none of it younger than now.
    fn seen_since(&self, proofs: &[Proof]) -> jiff::Timestamp {
        let seen = proofs.iter().filter_map(|&proof| self.live.seen_at(proof));
        seen.fold(self.now.wall, jiff::Timestamp::min)
    }

    fn take_back(&mut self) -> Vec<Effect> {
        let Some(step) = self.current_step() else {
            return self.refuse("put the cursor on a step first");
        };
        match self.run.state(step).status {
            Status::Todo if !self.run.state(step).skipped => {
                self.refuse("nothing was recorded here")
            }
            Status::Running => self.refuse("its command is running: ctrl-c interrupts it"),
            _ if self.run.ended.is_some() => self.refuse("this run is closed"),
            _ => {
                let ran = self.run.latest_attempt(step).is_some();
                if ran {
                    self.say(Tone::Warning, "taken back on the list only: what its command did stands (U runs the undo)");
                }
                let step = self.run.runbook().step(step).id.clone();
                self.record(Event::StepReopened {
                    step,
                    reason: String::new(),
                })
            }
        }
    }

    fn toggle_hold(&mut self) -> Vec<Effect> {
        if self.run.ended.is_some() {
            return self.refuse("this run is closed");
        }
        let Some(hold) = self.run.clock.hold_now().cloned() else {
            self.prompt(
                Purpose::Hold,
                "Hold: why?",
                "T stops; L goes on".to_owned(),
                "",
            );
            return Vec::new();
        };
        if let Some(why) = hold.gate.and_then(|gate| self.why_held(gate)) {
            return self.refuse(&why);
        }
        self.record(Event::HoldReleased {})
    }

    pub(super) fn answer_target(&mut self, typed: &str) -> Result<Vec<Effect>, String> {
        let typed = typed.trim();
        let t0 = match typed.strip_prefix("in ") {
            Some(duration) => {
                let duration =
                    text::parse_duration(duration.trim()).map_err(|error| error.to_string())?;
                self.now
                    .wall
                    .checked_add(duration)
                    .map_err(|_| "that is too far away".to_owned())?
            }
            None => typed
                .parse::<Timestamp>()
                .map_err(|_| "write a time such as 2025-06-05T16:15:00Z, or `in 20m`".to_owned())?,
        };
        Ok(self.record(Event::TargetMoved {
            t0,
            reason: "moved by hand".to_owned(),
        }))
    }

    fn ask_message(&mut self) -> Vec<Effect> {
        let messages = self.run.runbook().messages.iter().enumerate();
        let items: Vec<MenuItem> = messages
            .map(|(position, message)| {
                let detail = self.render_message(position);
                MenuItem::plain(
                    message.title.clone(),
                    detail,
                    MenuChoice::SendMessage(position),
                )
            })
            .collect();
        if items.is_empty() {
            return self.refuse("this runbook has no [[message]]");
        }
        let text = "enter copies the text and records that it went out".to_owned();
        self.open_overlay(OverlayKind::Menu(Menu {
            title: "Status message".to_owned(),
            text,
            items,
            cursor: 0,
        }));
        Vec::new()
    }

    /// A message's text with the run's state filled in.
    pub fn render_message(&self, message: usize) -> String {
        let now = self.now.wall;
        let clock = &self.run.clock;
        let whole = |time: jiff::SignedDuration| {
            text::format_offset(jiff::SignedDuration::from_secs(time.as_secs()))
        };
        let (t, l, slip) = (
            whole(clock.t(now)),
            whole(clock.l(now)),
            whole(clock.slip(now)),
        );
        let utc = now.strftime("%H:%M:%S UTC").to_string();
        let value = |name: &str| match name {
            "TITLE" => Some(self.run.title.as_str()),
            "STATE" => Some(self.run.run_state(now).name()),
            "RUN" => Some(self.run.id.as_str()),
            "UTC" => Some(utc.as_str()),
            "T" => Some(t.as_str()),
            "L" => Some(l.as_str()),
            "SLIP" => Some(slip.as_str()),
            _ => None,
        };
        fill(&self.run.runbook().messages[message].text, value)
    }

    pub(super) fn send_message(&mut self, message: usize) -> Vec<Effect> {
        let text = self.render_message(message);
        let id = self.run.runbook().messages[message].id.clone();
        let mut effects = vec![Effect::Copy(text.clone())];
        effects.extend(self.record(Event::StatusSent { message: id, text }));
        effects
    }

    fn ask_role(&mut self) -> Vec<Effect> {
        let roles = self.run.runbook().roles.iter();
        let items = roles
            .map(|role| {
                let label = format!("{} ({})", role.title, role.id);
                let who = self
                    .run
                    .operator_of(&role.id)
                    .unwrap_or("nobody yet")
                    .to_owned();
                MenuItem::plain(label, who, MenuChoice::TakeRole(role.id.clone()))
            })
            .collect();
        let text = "who plays it is asked next".to_owned();
        self.open_overlay(OverlayKind::Menu(Menu {
            title: "Take a role".to_owned(),
            text,
            items,
            cursor: 0,
        }));
        Vec::new()
    }

    fn ask_applicability(&mut self, step: StepIndex) {
        let definition = self.run.runbook().step(step);
        let condition = definition.condition.clone().unwrap_or_default();
        let items = vec![
            MenuItem::keyed(
                'y',
                "it applies",
                "the step opens",
                MenuChoice::Applies(step),
            ),
            MenuItem::keyed(
                'n',
                "it doesn't",
                "asks why; appears in the report",
                MenuChoice::AppliesNot(step),
            ),
        ];
        let title = format!("{}: does this apply?", definition.title);
        self.open_overlay(OverlayKind::Menu(Menu {
            title,
            text: format!("if {condition}"),
            items,
            cursor: 0,
        }));
    }

    pub(super) fn ask_option(&mut self, at: SectionIndex) {
        let Some(choice) = self.run.runbook().section(at).choice.clone() else {
            return;
        };
        let options = choice.options.iter().enumerate();
        let items = options
            .map(|(position, option)| {
                let detail = text::count(option.steps.len(), "step", "steps");
                MenuItem::plain(
                    option.title.clone(),
                    detail,
                    MenuChoice::TakeOption(at, position),
                )
            })
            .collect();
        let text = "only the chosen option's steps exist in this run".to_owned();
        let title = format!("Choose: {}", choice.name);
        self.open_overlay(OverlayKind::Menu(Menu {
            title,
            text,
            items,
            cursor: 0,
        }));
    }

    fn ask_lost(&mut self, step: StepIndex) {
        let definition = self.run.runbook().step(step);
        let items = vec![
            MenuItem::keyed(
                'd',
                "it is done",
                "you looked, and it did its work; asks how you know",
                MenuChoice::LostIsDone(step),
            ),
            MenuItem::keyed(
                'n',
                "it is not done",
                "the step opens again; nothing is re-run",
                MenuChoice::LostIsNotDone(step),
            ),
        ];
        let title = format!("{}: what do you know of it?", definition.title);
        let text =
            "its exit code doesn't say that it did its work: look at the system, then answer"
                .to_owned();
        self.open_overlay(OverlayKind::Menu(Menu {
            title,
            text,
            items,
            cursor: 0,
        }));
    }

    fn ask_close(&mut self) -> Vec<Effect> {
        if self.run.ended.is_some() {
            return self.refuse("this run is closed already");
        }
        let owed = self.owed();
        if let Some(first) = owed.first() {
            let more = if owed.len() > 1 {
                format!(" and {} more", owed.len() - 1)
            } else {
                String::new()
            };
            return self.refuse(&format!(
                "still owed: {first}{more}. Answer or waive, or scrub the run"
            ));
        }
        let hint = "ends the run for good; the journal stays".to_owned();
        self.prompt(Purpose::CloseRun, "Close this run: remark", hint, "");
        Vec::new()
    }

    /// What keeps the run from being closed: open steps, an open rollback, a running command, an open decision.
    pub fn owed(&self) -> Vec<String> {
        let mut owed = Vec::new();
        if self.run.is_rolling_back() {
            owed.push("the rollback isn't verified".to_owned());
        }
        owed.extend(
            self.run
                .running_attempts()
                .map(|attempt| format!("attempt {} runs", attempt.number)),
        );
        let triggers = self.run.owed_decisions();
        owed.extend(
            triggers
                .map(|at| format!("a decision about {}", self.run.runbook().triggers[at].title)),
        );
        if self.run.rollback.is_none() {
            let steps = self.run.forward_steps().filter(|&step| {
                let definition = self.run.runbook().step(step);
                !self.run.is_settled(step) && !definition.is_group() && !definition.optional
            });
            owed.extend(steps.map(|step| {
                let step = self.run.runbook().step(step);
                format!("{} {}", step.number, step.title)
            }));
        }
        owed
    }

    pub(super) fn close_run(&mut self, ending: Ending, reason: &str) -> Vec<Effect> {
        self.record(Event::RunClosed {
            ending,
            reason: reason.to_owned(),
        })
    }

    /// The steps that a recycle opens again.
    pub(super) fn recycle(&mut self, reason: &str) -> Vec<Effect> {
        let marked = self
            .run
            .forward_steps()
            .filter(|&step| self.run.runbook().step(step).recheck);
        let steps = marked
            .filter(|&step| self.run.status(step) != Status::Todo)
            .map(|step| self.run.runbook().step(step).id.clone())
            .collect();
        self.record(Event::Recycled {
            steps,
            reason: reason.to_owned(),
        })
    }

    pub(super) fn prompt(&mut self, purpose: Purpose, title: &str, hint: String, prefill: &str) {
        let input = TextInput::new(prefill.to_owned());
        let prompt = super::view::Prompt {
            purpose,
            title: title.to_owned(),
            hint,
            input,
            error: None,
        };
        self.open_overlay(OverlayKind::Prompt(prompt));
    }
}

fn bracketed(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!("({unit})")
    }
}

/// A number without needless digits, for prefilling.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The number at the start of what was typed, so that `22 min` and `4.5%` can be compared.
///
/// A comma right after a digit is no number at all: read up to it, `0,9` would be 0 and `1,200` would be 1, and
/// both could slip below a limit that they break.
fn leading_number(typed: &str) -> Option<f64> {
    let typed = typed.trim();
    let end = typed
        .find(|character: char| {
            !(character.is_ascii_digit() || matches!(character, '.' | ',' | '-' | '+'))
        })
        .unwrap_or(typed.len());
    typed[..end].parse().ok()
}

fn with_unit(typed: &str, unit: &str) -> String {
    if unit.is_empty() || typed.ends_with(unit) || leading_number(typed).is_none() {
        return typed.to_owned();
    }
    format!("{typed} {unit}")
}
