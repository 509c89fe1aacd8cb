//! The line under the cursor in full: why it matters, what it runs, what proves it, what came of it.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::glance::Glance;
use super::items::{gate_state, section_titles};
use super::page::{LABEL_CELLS, Page, wrapped};
use super::panel::{Titles, panel};
use super::proof::evidence_words;
use super::text::{filled, sample_age, short_duration, stopwatch, visible, wall, width};
use super::theme::{Theme, verdict_mark};
use super::unseen;
use crate::app::App;
use crate::app::command::explain;
use crate::app::view::Row;
use crate::check::{Expectation, Verdict};
use crate::journal::{Answer, Direction};
use crate::run::Status;
use crate::runbook::text::{count, format_duration};
use crate::runbook::{Proof, SectionIndex, Step, StepIndex};

/// The most lines of one text; the step's own screen shows all of it.
const MAXIMUM_LINES: usize = 6;

/// Draws what is under the cursor.
///
/// ```text
/// ┌─ 1.4.5 Error rate < 0.1% ─────────────── MUST ─┐
/// │ blocked  read-do: 1.4.4 comes first            │
/// │ why      gate for the canary                   │
/// │ proof    [!] errors  0.14 %            4s      │
/// │ record   error rate in %, < 0.1                │
/// │ note     15:47:05 bo  spike matches batch job  │
/// └────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    match app.row_under_cursor() {
        Some(Row::Step(step)) => draw_step(app, theme, step, area, buffer),
        Some(Row::Gate(at)) => draw_gate(app, theme, at, area, buffer),
        Some(Row::Section(at) | Row::Choice(at)) => {
            draw_section(app, theme, glance, at, area, buffer)
        }
        Some(Row::Phase(_)) | None => {
            panel(theme, area, buffer, Titles::default());
        }
    }
}

/// A page on which facts are written with their labels.
struct Sheet<'a> {
    app: &'a App,
    theme: &'a Theme,
    page: Page<'a>,
}

impl Sheet<'_> {
    /// A fact with its label; continued lines stand below the words, not below the label.
    fn fact(&mut self, label: &str, text: &str, style: Style) {
        let cells = self.page.cells().saturating_sub(LABEL_CELLS + 1);
        let text = filled(text, &self.app.run.variables);
        for (at, line) in wrapped(&text, cells).iter().take(MAXIMUM_LINES).enumerate() {
            if self.page.left() == 0 {
                return;
            }
            let label = if at == 0 { label } else { "" };
            self.page.labelled(self.theme, label).put(line, style);
        }
    }

    fn maybe(&mut self, label: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.fact(label, text, self.theme.text);
        }
    }

    /// Mark, name, value and age of something that proves the step.
    fn proof(&mut self, label: &str, proof: Proof) {
        let (app, theme) = (self.app, self.theme);
        let verdict = app.live.verdict(proof, app.now);
        let runbook = app.run.runbook();
        let (title, age_now) = match proof {
            Proof::Check(check) => (
                &runbook.checks[check].title,
                app.live.check(check).age(app.now),
            ),
            Proof::Metric(metric) => (
                &runbook.metrics[metric].title,
                app.live.metric(metric).age(app.now),
            ),
        };
        let style = if verdict == Verdict::Pass {
            theme.text
        } else {
            theme.verdict(verdict)
        };
        let mut pen = self.page.labelled(theme, label);
        pen.put(verdict_mark(verdict), theme.verdict(verdict))
            .skip(1);
        match verdict {
            Verdict::Unknown(reason) => pen.right(&unseen::words(app, proof, reason), style),
            _ => pen
                .right(&age_now.map(sample_age).unwrap_or_default(), theme.dim)
                .right(&app.live.observed(proof), style),
        };
        pen.put(&filled(title, &app.run.variables), style);
        if let Some(detail) = unseen::detail(app, proof) {
            self.fact("", &detail, theme.dim);
        }
    }

    fn expectations(&mut self, proof: Proof) {
        let runbook = self.app.run.runbook();
        let words = match proof {
            Proof::Check(check) => runbook.checks[check]
                .expect
                .iter()
                .map(Expectation::text)
                .collect::<Vec<_>>()
                .join(", "),
            Proof::Metric(metric) => {
                let metric = &runbook.metrics[metric];
                let limits = [("warns", metric.warn), ("fails", metric.fail)];
                let words = limits
                    .iter()
                    .filter_map(|(name, limit)| Some(format!("{name} {}", limit.as_ref()?)));
                words.collect::<Vec<_>>().join(", ")
            }
        };
        if !words.is_empty() {
            self.fact("", &words, self.theme.dim);
        }
    }
}

fn draw_step(app: &App, theme: &Theme, step: StepIndex, area: Rect, buffer: &mut Buffer) {
    let definition = app.run.runbook().step(step);
    let title = format!(
        "{} {}",
        definition.number,
        filled(&definition.title, &app.run.variables)
    );
    let level = definition
        .command
        .as_ref()
        .map(|command| command.level.name());
    let must = definition.must.then_some("MUST");
    let right = [must, level]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: &title,
            right: &right,
            ..Titles::default()
        },
    );
    let inner = Rect {
        x: inner.x + 1.min(inner.width),
        width: inner.width.saturating_sub(2),
        ..inner
    };
    let mut sheet = Sheet {
        app,
        theme,
        page: Page::new(buffer, inner),
    };
    draw_state(&mut sheet, step);
    draw_evidence(&mut sheet, step);
    sheet.maybe("if", definition.condition.as_deref());
    sheet.maybe("why", definition.why.as_deref());
    draw_command(&mut sheet, step, definition);
    for (at, proof) in app.live.proofs(step).into_iter().enumerate() {
        sheet.proof(if at == 0 { "proof" } else { "" }, proof);
        sheet.expectations(proof);
    }
    draw_asked(&mut sheet, definition);
    sheet.maybe("text", definition.text.as_deref());
    sheet.maybe("link", definition.link.as_deref());
    draw_notes(&mut sheet, step);
    draw_output(&mut sheet, step);
}

/// Where the step stands, and what keeps it from being worked on.
fn draw_state(sheet: &mut Sheet<'_>, step: StepIndex) {
    let (app, theme) = (sheet.app, sheet.theme);
    let status = app.run.status(step);
    let state = app.run.state(step);
    if status == Status::Todo {
        if let Some(obstacle) = app.obstacle(step) {
            sheet.fact("blocked", &obstacle, theme.dim);
        }
    } else {
        let basis = app
            .run
            .basis(step)
            .map(|basis| format!(" {}", basis.name()))
            .unwrap_or_default();
        let by = state
            .by
            .as_ref()
            .map(|by| format!(" by {by}"))
            .unwrap_or_default();
        let at = state
            .at
            .map(|at| format!(" {}", wall(at)))
            .unwrap_or_default();
        let value = state
            .value
            .as_ref()
            .map(|value| format!("  = {value}"))
            .unwrap_or_default();
        sheet.fact(
            "state",
            &format!("{}{basis}{by}{at}{value}", status.mark()),
            theme.status(status),
        );
    }
}

/// The sample behind its state, the reason given, and how its last attempt ended.
fn draw_evidence(sheet: &mut Sheet<'_>, step: StepIndex) {
    let (app, theme) = (sheet.app, sheet.theme);
    let state = app.run.state(step);
    if let Some(evidence) = &state.evidence {
        sheet.fact("evidence", &evidence_words(evidence), theme.text);
    }
    if let Some(red) = app.overruled(step) {
        let words = format!("OVER RED {}", evidence_words(&red));
        sheet.fact("against", &words, theme.alarm);
    }
    sheet.maybe("reason", state.reason.as_deref());
    let attempt = app.run.latest_attempt(step);
    if let Some((attempt, outcome)) =
        attempt.and_then(|attempt| Some((attempt, attempt.outcome.as_ref()?)))
    {
        let took = match outcome.was_seen() {
            true => format!(" in {}", stopwatch(Duration::from_millis(attempt.took_ms))),
            false => String::new(),
        };
        let style = if outcome.is_success() {
            theme.text
        } else {
            theme.alarm
        };
        sheet.fact(
            "last run",
            &format!("#{} {}{took}", attempt.number, explain(outcome)),
            style,
        );
    }
}

fn draw_command(sheet: &mut Sheet<'_>, step: StepIndex, definition: &Step) {
    let Some(command) = &definition.command else {
        return;
    };
    let theme = sheet.theme;
    // Shell text is shown as it runs: variables reach it through its environment.
    for (at, line) in wrapped(
        &command.run,
        sheet.page.cells().saturating_sub(LABEL_CELLS + 1),
    )
    .iter()
    .enumerate()
    {
        if at < MAXIMUM_LINES && sheet.page.left() > 0 {
            sheet
                .page
                .labelled(theme, if at == 0 { "runs" } else { "" })
                .put(line, theme.strong);
        }
    }
    sheet.maybe("undo", command.undo.as_deref());
    let usual = sheet
        .app
        .run
        .usual_time(step, Direction::Run)
        .map(|usual| format!("usually {}", short_duration(usual.time)));
    let timeout = command
        .timeout
        .map(|time| format!("stopped after {}", short_duration(time)));
    let times = [usual, timeout]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ");
    if !times.is_empty() {
        sheet.fact("time", &times, theme.dim);
    }
}

/// What recording it asks for.
fn draw_asked(sheet: &mut Sheet<'_>, definition: &Step) {
    if let Some(record) = &definition.record {
        let unit = if record.unit.is_empty() {
            String::new()
        } else {
            format!(" in {}", record.unit)
        };
        let want = record
            .want
            .as_ref()
            .map(|want| format!(", {want}"))
            .unwrap_or_default();
        sheet.fact(
            "record",
            &format!("{}{unit}{want}", record.label),
            sheet.theme.text,
        );
    }
    if let Some(time) = definition.soak {
        sheet.fact(
            "soak",
            &format!("in band for {} without a breach", format_duration(time)),
            sheet.theme.text,
        );
    }
    sheet.maybe("signs", definition.sign.as_deref());
    if definition.second {
        sheet.fact(
            "second",
            "needs the initials of a second person",
            sheet.theme.text,
        );
    }
}

fn draw_notes(sheet: &mut Sheet<'_>, step: StepIndex) {
    let run = &sheet.app.run;
    let remarks = [("note", &run.notes), ("to-do", &run.todos)];
    for (label, remarks) in remarks {
        for remark in remarks.iter().filter(|remark| remark.step == Some(step)) {
            let words = format!("{} {}: {}", wall(remark.at), remark.by, remark.text);
            sheet.fact(label, &words, sheet.theme.text);
        }
    }
}

/// The newest lines its command printed, in the rows that are left.
fn draw_output(sheet: &mut Sheet<'_>, step: StepIndex) {
    let app = sheet.app;
    let output = app
        .run
        .latest_attempt(step)
        .and_then(|attempt| app.outputs.get(attempt.number));
    let Some(output) = output else { return };
    let rows = sheet.page.left().saturating_sub(1);
    if rows < 2 || output.lines.is_empty() {
        return;
    }
    let theme = sheet.theme;
    sheet.page.pen().put(
        &format!("output, {}", count(output.total(), "line", "lines")),
        theme.dim,
    );
    let start = output.lines.len().saturating_sub(rows);
    for line in output.lines.range(start..) {
        sheet.page.pen().put(&line.text(), theme.text);
    }
}

fn draw_gate(app: &App, theme: &Theme, at: SectionIndex, area: Rect, buffer: &mut Buffer) {
    let section = app.run.runbook().section(at);
    let Some(gate) = &section.gate else { return };
    let (state, style) = gate_state(app, theme, at);
    let left = format!("{} GO/NO-GO", section.number);
    let titles = Titles {
        left: &left,
        right: &state,
        right_style: Some(style),
        focused: false,
    };
    let inner = panel(theme, area, buffer, titles);
    let inner = Rect {
        x: inner.x + 1.min(inner.width),
        width: inner.width.saturating_sub(2),
        ..inner
    };
    let mut sheet = Sheet {
        app,
        theme,
        page: Page::new(buffer, inner),
    };
    sheet.fact("asks", &gate.question, theme.strong);
    if let Some(hold) = gate.hold {
        sheet.fact(
            "hold",
            &format!("planned for {}", format_duration(hold)),
            theme.text,
        );
    }
    if !app.run.is_passed(at) {
        for (at, blocker) in app.gate_blockers(at).iter().enumerate() {
            sheet.fact(if at == 0 { "needs" } else { "" }, blocker, theme.warning);
        }
    }
    let answers = app.run.gates.get(&at);
    for role in &gate.roles {
        let given = answers.and_then(|state| state.answers.get(role));
        let (word, style) = match given.map(|given| given.answer) {
            Some(Answer::Go) => ("GO", theme.text),
            Some(Answer::NoGo) => ("NO-GO", theme.alarm),
            Some(Answer::Absent) => ("absent", theme.warning),
            None => ("......", theme.dim),
        };
        let mut pen = sheet.page.labelled(theme, &role.to_uppercase());
        pen.column(word, 7, style)
            .put(app.run.operator_of(role).unwrap_or_default(), theme.text);
    }
}

fn draw_section(
    app: &App,
    theme: &Theme,
    glance: &Glance,
    at: SectionIndex,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (left, right) = section_titles(app, glance, at);
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: &left,
            right: &right,
            ..Titles::default()
        },
    );
    let inner = Rect {
        x: inner.x + 1.min(inner.width),
        width: inner.width.saturating_sub(2),
        ..inner
    };
    let section = app.run.runbook().section(at);
    let mut sheet = Sheet {
        app,
        theme,
        page: Page::new(buffer, inner),
    };
    sheet.maybe("text", section.text.as_deref());
    if let Some(choice) = &section.choice {
        let longest = choice
            .options
            .iter()
            .map(|option| width(&visible(&option.title)))
            .max()
            .unwrap_or(0);
        for option in &choice.options {
            let mut pen = sheet.page.labelled(theme, "option");
            pen.column(&option.title, longest + 2, theme.text)
                .put(&count(option.steps.len(), "step", "steps"), theme.dim);
        }
        sheet.fact(
            "",
            "enter chooses; only the chosen option's steps exist in this run",
            theme.dim,
        );
    }
}
