//! What is known about a step, as labelled lines in order of what an operator asks first.

use ratatui::text::Span;

use super::{due_words, is_plain, key, owner, time_lines};
use crate::app::App;
use crate::app::command::explain;
use crate::app::keys::Action;
use crate::journal::{Basis, Outcome};
use crate::run::{Attempt, Status};
use crate::runbook::{Proof, Step, StepIndex};
use crate::ui::page::{LABEL_CELLS, Page, bar, put_spans, span, wrapped};
use crate::ui::proof;
use crate::ui::text::{filled, stopwatch, wall};
use crate::ui::theme::Theme;

/// One line.
enum Fact {
    Words(&'static str, Vec<Span<'static>>),
    Proof(&'static str, Proof),
    /// One whose complaint stands on the lines below it.
    Explained(&'static str, Proof),
}

/// The lines about one step.
pub struct Facts<'a> {
    app: &'a App,
    theme: &'a Theme,
    step: StepIndex,
    definition: &'a Step,
    cells: usize,
    lines: Vec<Fact>,
}

impl<'a> Facts<'a> {
    /// Everything there is to say, for lines of so many cells.
    pub fn of(app: &'a App, theme: &'a Theme, step: StepIndex, cells: usize) -> Self {
        let definition = app.run.runbook().step(step);
        let cells = cells.saturating_sub(LABEL_CELLS);
        let mut facts = Self {
            app,
            theme,
            step,
            definition,
            cells,
            lines: Vec::new(),
        };
        facts.add_attempt();
        facts.add_state();
        facts.add_obstacle();
        facts.add_condition();
        facts.add_record();
        facts.add_proofs();
        facts.add_soak();
        facts.add_people();
        facts.add_next();
        facts.add_texts();
        facts.add_remarks();
        facts
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Writes the lines from so many on; says how many are left out below.
    pub fn draw(&self, app: &App, theme: &Theme, page: &mut Page<'_>, from: usize) {
        let from = from.min(self.lines.len().saturating_sub(page.left()));
        let mut lines = self.lines.iter().skip(from);
        let hidden = self.lines.len().saturating_sub(from + page.left());
        for _ in 0..page.left().saturating_sub(usize::from(hidden > 0)) {
            let Some(fact) = lines.next() else { return };
            fact.draw(app, theme, page);
        }
        if hidden > 0 {
            page.labelled(theme, "")
                .put(&format!("… {} more lines", hidden + 1), theme.dim);
        }
    }

    fn add(&mut self, label: &'static str, spans: Vec<Span<'static>>) {
        self.lines.push(Fact::Words(label, spans));
    }

    /// Adds a text over as many lines as it needs.
    fn add_wrapped(&mut self, label: &'static str, text: &str, style: ratatui::style::Style) {
        for (row, line) in wrapped(text, self.cells).into_iter().enumerate() {
            self.add(if row == 0 { label } else { "" }, vec![span(line, style)]);
        }
    }

    fn latest(&self) -> Option<&'a Attempt> {
        self.app.run.latest_attempt(self.step)
    }

    fn add_attempt(&mut self) {
        let (Some(command), Some(attempt)) = (&self.definition.command, self.latest()) else {
            return;
        };
        if attempt.outcome.as_ref().is_none_or(Outcome::was_seen) {
            let lines = time_lines(self.app, self.theme, command, attempt, self.cells);
            for (row, spans) in lines.into_iter().enumerate() {
                self.add(if row == 0 { "time" } else { "" }, spans);
            }
        }
        if let Some(outcome) = &attempt.outcome {
            let style = if outcome.is_success() {
                self.theme.good
            } else {
                self.theme.alarm
            };
            let attempts = self
                .app
                .run
                .attempts
                .iter()
                .filter(|other| other.step == Some(self.step))
                .count();
            let count = if attempts > 1 {
                format!(" (attempt {attempts} of this step)")
            } else {
                String::new()
            };
            self.add_wrapped("result", &format!("{}{count}", explain(outcome)), style);
        }
    }

    /// How it stands, by whose word or which evidence.
    fn add_state(&mut self) {
        let status = self.app.run.status(self.step);
        let state = self.app.run.state(self.step);
        if is_plain(status) && !state.skipped && state.reason.is_none() {
            return;
        }
        let word = match (status, self.app.run.basis(self.step)) {
            (Status::Done, Some(Basis::Verified)) => "done, verified",
            (Status::Done, _) if self.app.overruled(self.step).is_some() => {
                "done, attested OVER RED"
            }
            (Status::Done, _) => "done, attested",
            (Status::Failed, _) => "failed",
            (Status::Unknown, _) => "UNKNOWN",
            (Status::Waived, _) => "waived",
            (Status::NotApplicable, _) => "doesn't apply",
            (_, _) if state.skipped => "passed over for now",
            (_, _) => "open again",
        };
        let mut spans = vec![span(word, self.theme.status(status))];
        if let (Some(by), Some(at)) = (&state.by, state.at) {
            spans.push(span(format!("   {by} {}Z", wall(at)), self.theme.dim));
        }
        self.add("state", spans);
        if let Some(reason) = &state.reason {
            self.add_wrapped("because", reason, self.theme.text);
        }
        if let Some(evidence) = &state.evidence {
            self.add_wrapped(
                "evidence",
                &proof::evidence_words(evidence),
                self.theme.text,
            );
        }
        if let Some(red) = self.app.overruled(self.step) {
            self.add_wrapped("against", &proof::evidence_words(&red), self.theme.alarm);
        }
    }

    fn add_obstacle(&mut self) {
        if self.app.run.is_settled(self.step) || self.app.run.status(self.step) == Status::Running {
            return;
        }
        if let Some(obstacle) = self.app.obstacle(self.step) {
            self.add_wrapped("blocked", &obstacle, self.theme.warning);
        }
    }

    fn add_condition(&mut self) {
        let Some(condition) = &self.definition.condition else {
            return;
        };
        let answer = match self.app.run.state(self.step).applies {
            None => span(
                format!("   not answered: {} asks", key(self.app, Action::Record)),
                self.theme.warning,
            ),
            Some(true) => span("   it applies", self.theme.dim),
            Some(false) => span("   it doesn't", self.theme.dim),
        };
        self.add("only if", vec![span(condition, self.theme.text), answer]);
    }

    fn add_record(&mut self) {
        let Some(record) = &self.definition.record else {
            return;
        };
        let unit = if record.unit.is_empty() {
            String::new()
        } else {
            format!(" {}", record.unit)
        };
        let value = match &self.app.run.state(self.step).value {
            Some(value) => span(format!(" = {value}"), self.theme.strong),
            None => span(format!(" = ___{unit}"), self.theme.dim),
        };
        let want = record
            .want
            .map_or_else(String::new, |want| format!("   want {want}"));
        self.add(
            "record",
            vec![
                span(&record.label, self.theme.text),
                value,
                span(want, self.theme.dim),
            ],
        );
    }

    fn add_proofs(&mut self) {
        for (row, proof) in self.app.live.proofs(self.step).into_iter().enumerate() {
            let label = if row == 0 { "proof" } else { "" };
            match proof::complaint_below(self.app, proof, self.cells) {
                None => self.lines.push(Fact::Proof(label, proof)),
                Some(complaint) => {
                    self.lines.push(Fact::Explained(label, proof));
                    self.add_wrapped("", &complaint, self.theme.dim);
                }
            }
        }
        if let (Some(_), None, true) = (
            &self.definition.command,
            self.latest(),
            self.lines.is_empty(),
        ) {
            self.add("expect", vec![span("exit 0", self.theme.text)]);
        }
    }

    fn add_soak(&mut self) {
        let Some(time) = self.definition.soak else {
            return;
        };
        let soak = self
            .app
            .live
            .soaks
            .get(&self.step)
            .copied()
            .unwrap_or_default();
        let share = soak.clean.as_secs_f64() / time.as_secs_f64().max(0.001);
        let mut spans = vec![
            span(
                bar(self.theme, share, (self.cells / 3).clamp(4, 24)),
                self.theme.text,
            ),
            span(
                format!(" {} of {} in band", stopwatch(soak.clean), stopwatch(time)),
                self.theme.text,
            ),
        ];
        if soak.counted.is_none() && !self.app.run.is_settled(self.step) {
            spans.push(span("   paused", self.theme.unknown));
        }
        if soak.restarts > 0 {
            spans.push(span(
                match soak.restarts {
                    1 => "   started over once".to_owned(),
                    times => format!("   started over {times} times"),
                },
                self.theme.warning,
            ));
        }
        self.add("soak", spans);
    }

    fn add_people(&mut self) {
        if let Some(role) = &self.definition.sign {
            let who = self
                .app
                .run
                .operator_of(role)
                .map_or_else(String::new, |who| format!(" ({who})"));
            let signed = self.app.run.state(self.step).signed.clone();
            let signed = signed.map_or_else(
                || span("   not yet", self.theme.dim),
                |who| span(format!("   by {who}"), self.theme.text),
            );
            self.add(
                "signed",
                vec![span(format!("{role}{who}"), self.theme.text), signed],
            );
        }
        let state = self.app.run.state(self.step);
        let second = match self.definition.sign {
            Some(_) => &state.second,
            None => &state.signed,
        };
        if let Some(second) = second {
            self.add("second", vec![span(second, self.theme.text)]);
        }
        if let Some(at) = self.definition.at {
            let (words, late) = due_words(self.app, at);
            let late = late && !self.app.run.is_settled(self.step);
            self.add(
                "due",
                vec![span(
                    words,
                    if late {
                        self.theme.warning
                    } else {
                        self.theme.text
                    },
                )],
            );
        }
        if let Some(undo) = self
            .definition
            .command
            .as_ref()
            .and_then(|command| command.undo.clone())
        {
            self.add_wrapped("undo", &undo, self.theme.text);
        }
    }

    /// The step that comes after this one where it stands.
    fn add_next(&mut self) {
        let runbook = self.app.run.runbook();
        let mut after = runbook.step_indices().skip(self.step.0 + 1);
        let next = after.find(|&step| {
            runbook.step(step).home == self.definition.home
                && !runbook.step(step).is_group()
                && !self.app.run.is_settled(step)
        });
        let Some(next) = next else { return };
        let definition = runbook.step(next);
        let title = filled(&definition.title, &self.app.run.variables);
        let mut spans = vec![span(
            format!("{} {title}", definition.number),
            self.theme.text,
        )];
        if let Some(owner) = owner(self.app, next) {
            spans.push(span(format!("   {owner}"), self.theme.dim));
        }
        self.add("next", spans);
    }

    fn add_texts(&mut self) {
        let variables = &self.app.run.variables;
        if let Some(why) = &self.definition.why {
            self.add_wrapped("why", &filled(why, variables), self.theme.text);
        }
        if let Some(link) = &self.definition.link {
            let opens = format!("   {} opens", key(self.app, Action::OpenLink));
            self.add(
                "link",
                vec![
                    span(filled(link, variables), self.theme.accent),
                    span(opens, self.theme.dim),
                ],
            );
        }
        if let Some(text) = &self.definition.text {
            self.add_wrapped("text", &filled(text, variables), self.theme.text);
        }
    }

    fn add_remarks(&mut self) {
        let remarks = |list: &'a [crate::run::Remark]| {
            list.iter().filter(|remark| remark.step == Some(self.step))
        };
        let notes: Vec<_> = remarks(&self.app.run.notes)
            .map(|remark| ("note", remark))
            .collect();
        let todos: Vec<_> = remarks(&self.app.run.todos)
            .map(|remark| ("to-do", remark))
            .collect();
        for (label, remark) in notes.into_iter().chain(todos) {
            let words = format!("{}Z {}: {}", wall(remark.at), remark.by, remark.text);
            self.add_wrapped(label, &words, self.theme.text);
        }
    }
}

impl Fact {
    fn draw(&self, app: &App, theme: &Theme, page: &mut Page<'_>) {
        match self {
            Self::Words(label, spans) => put_spans(&mut page.labelled(theme, label), spans),
            Self::Proof(label, proof) => {
                proof::draw(app, theme, *proof, &mut page.labelled(theme, label))
            }
            Self::Explained(label, proof) => {
                proof::draw_reading(app, theme, *proof, &mut page.labelled(theme, label))
            }
        }
    }
}
