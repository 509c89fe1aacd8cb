//! The checklist: one line per phase, section, step, choice and gate.
//!
//! Columns stand at the same place in every line, so that a column can be read downwards: the mark, the title, what
//! kind of step or what came of it, who, when. Only what is abnormal has a colour of its own.

mod facts;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::glance::{Glance, holding};
use super::page::window;
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{age, filled, fit, short_duration, visible, wall_minute, width};
use super::theme::Theme;
use crate::app::App;
use crate::app::view::{Panel, Row};
use crate::journal::{Answer, Basis};
use crate::run::{Status, StepState};
use crate::runbook::text::format_offset;
use crate::runbook::{Home, Order, SectionIndex, Step, StepIndex};

/// Draws the checklist around the cursor.
///
/// ```text
/// ┌─ 1.4 Final checks ───────────────────── READ-DO 4/7 ─┐
/// │ ─ PRE-LAUNCH ──────────────────────────────── 28/36 ─│
/// │ 1.4 Final checks                        READ-DO 4/7  │
/// │   [x] CI green on v2.41.0        = 412/412  verified │
/// │   [x] Rollback dry-run           = 4:10     said bo  │
/// │   [-] Maintenance page     waived: no DDL   ana      │
/// │>* [ ] Error rate < 0.1%      0.14 % ! MUST  ops      │
/// │   [ ] Canary 5%               changes MUST  ops      │
/// │ === HOLD 15m: GO/NO-GO  Launch v2.41.0? ============ │
/// └──────────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let section = app.section_under_cursor();
    let (left, right) = section
        .map(|at| section_titles(app, glance, at))
        .unwrap_or_default();
    let focused = app.view.panel == Panel::Items;
    let titles = Titles {
        left: &left,
        right: &right,
        focused,
        ..Titles::default()
    };
    let inner = panel(theme, area, buffer, titles);
    draw_rows(app, theme, glance, inner, buffer);
}

/// Draws the checklist's lines without a frame.
pub fn draw_rows(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let mut list = List {
        app,
        theme,
        glance,
        columns: Columns::of(usize::from(area.width)),
        next: Vec::new(),
    };
    let visible = window(
        app.view.cursor,
        app.view.rows.len(),
        usize::from(area.height),
    );
    for (row, position) in (0..).zip(visible) {
        let mut pen = Pen::new(buffer, area, row);
        let is_cursor = position == app.view.cursor;
        if is_cursor {
            pen.shade(theme.selection);
        }
        // One cell of air before the frame, where lines are long enough to spare it.
        pen.right_column("", usize::from(list.columns.who > 0), theme.text)
            .column(if is_cursor { ">" } else { "" }, 1, theme.accent);
        list.draw(app.view.rows[position], &mut pen);
    }
}

/// A section's name, and its order and progress.
pub fn section_titles(app: &App, glance: &Glance, at: SectionIndex) -> (String, String) {
    let section = app.run.runbook().section(at);
    let title = filled(&section.title, &app.run.variables);
    let chosen = section
        .choice
        .as_ref()
        .zip(app.run.choices.get(&at))
        .map(|(choice, &option)| &choice.options[option]);
    let left = match chosen {
        Some(option) => format!("{} {title}: {}", section.number, option.title),
        None => format!("{} {title}", section.number),
    };
    let order = match section.order {
        Order::ReadDo => "READ-DO",
        Order::DoConfirm => "DO-CONFIRM",
    };
    let count = glance.section(at);
    // A section that is only a gate, or whose option hasn't been taken, has nothing to count.
    let right = if count.total > 0 {
        format!("{order} {}/{}", count.done, count.total)
    } else {
        String::new()
    };
    (left, right)
}

/// Cells that a title keeps against everything else on its line.
const TITLE_CELLS: usize = 14;

/// With fewer cells for title and all, `MUST` gives way; the header has its count.
const LEAST_FOR_MUST: usize = 26;

/// Facts cut to less say nothing.
const LEAST_FACTS: usize = 3;

/// How wide the columns at the right are.
#[derive(Clone, Copy, Debug)]
struct Columns {
    /// Who, and how we know.
    who: usize,
    /// When; none in narrow lists.
    when: usize,
}

impl Columns {
    fn of(cells: usize) -> Self {
        match cells {
            0..44 => Self { who: 0, when: 0 },
            44..60 => Self { who: 8, when: 0 },
            60..90 => Self { who: 9, when: 6 },
            _ => Self { who: 14, when: 8 },
        }
    }
}

/// A list on its way to the screen. Which step is next is asked once per section, not once per line.
struct List<'a> {
    app: &'a App,
    theme: &'a Theme,
    glance: &'a Glance,
    columns: Columns,
    next: Vec<(Home, Option<StepIndex>)>,
}

impl List<'_> {
    fn draw(&mut self, row: Row, pen: &mut Pen<'_>) {
        match row {
            Row::Phase(phase) => self.draw_phase(phase, pen),
            Row::Section(at) => self.draw_section(at, pen),
            Row::Choice(at) => self.draw_choice(at, pen),
            Row::Step(step) => self.draw_step(step, pen),
            Row::Gate(at) => self.draw_gate(at, pen),
        }
    }

    fn draw_phase(&self, phase: usize, pen: &mut Pen<'_>) {
        let definition = &self.app.run.runbook().phases[phase];
        let count = self.glance.phases[phase];
        let rule = self.theme.border_set.horizontal_top;
        let at = definition
            .at
            .map(|at| format!("{}  ", format_offset(at)))
            .unwrap_or_default();
        let title = filled(&definition.title, &self.app.run.variables).to_uppercase();
        pen.put(rule, self.theme.border).skip(1);
        pen.right(
            &format!("{at}{}/{}", count.done, count.total),
            self.theme.dim,
        );
        pen.put(&title, self.theme.title).skip(1);
        let rest = pen.room().saturating_sub(1);
        pen.put(&rule.repeat(rest), self.theme.border);
    }

    fn draw_section(&self, at: SectionIndex, pen: &mut Pen<'_>) {
        let (left, right) = section_titles(self.app, self.glance, at);
        let count = self.glance.section(at);
        let is_quiet = count.done == count.total || self.glance.is_behind_gate(at);
        let style = if is_quiet {
            self.theme.dim
        } else {
            self.theme.strong
        };
        pen.right(&right, self.theme.dim).put(&left, style);
    }

    fn draw_choice(&self, at: SectionIndex, pen: &mut Pen<'_>) {
        let Some(choice) = &self.app.run.runbook().section(at).choice else {
            return;
        };
        let options: Vec<&str> = choice
            .options
            .iter()
            .map(|option| option.title.as_str())
            .collect();
        let style = if self.glance.is_behind_gate(at) {
            self.theme.dim
        } else {
            self.theme.accent
        };
        pen.skip(1).right("enter chooses", self.theme.dim);
        pen.put(&format!("( ) choose {}: ", choice.name), style)
            .put(&options.join(" | "), style);
    }

    /// `=== HOLD 15m: GO/NO-GO  Launch v2.41.0? ========`
    fn draw_gate(&self, at: SectionIndex, pen: &mut Pen<'_>) {
        let Some(gate) = &self.app.run.runbook().section(at).gate else {
            return;
        };
        let (state, style) = gate_state(self.app, self.theme, at);
        let hold = gate
            .hold
            .map(|hold| format!("HOLD {}: ", age(hold)))
            .unwrap_or_default();
        let question = filled(&gate.question, &self.app.run.variables);
        pen.right(&format!("{state} ==="), style);
        pen.put(&format!("=== {hold}GO/NO-GO  "), style)
            .put(&question, style)
            .skip(1);
        let rest = pen.room();
        pen.put(&"=".repeat(rest), style);
    }

    fn draw_step(&mut self, step: StepIndex, pen: &mut Pen<'_>) {
        let app = self.app;
        let definition = app.run.runbook().step(step);
        let status = app.run.status(step);
        let turn = self.turn(step, definition, status);
        let title_style = self.title_style(turn);
        let quiet = if turn == Turn::Later {
            self.theme.dim
        } else {
            self.theme.text
        };
        let mark_style = if turn == Turn::Later {
            self.theme.dim
        } else {
            self.theme.status(status)
        };
        pen.column(
            if turn == Turn::Next { "*" } else { "" },
            2,
            self.theme.accent,
        );
        pen.skip(definition.depth * 2)
            .put(status.mark(), mark_style)
            .skip(1);
        self.draw_when(step, definition, status, pen);
        let (who, who_style) = self.who(step, definition, status);
        if self.columns.who > 0 {
            pen.right_column(&who, self.columns.who, who_style);
        }
        let title = filled(&definition.title, &app.run.variables);
        self.draw_facts(step, definition, status, (quiet, width(&title)), pen);
        pen.put(&title, title_style);
    }

    fn title_style(&self, turn: Turn) -> Style {
        match turn {
            Turn::Next => self.theme.strong,
            Turn::Open => self.theme.text,
            Turn::Later | Turn::Over => self.theme.dim,
        }
    }

    fn turn(&mut self, step: StepIndex, definition: &Step, status: Status) -> Turn {
        let run = &self.app.run;
        if status.is_resolved() || run.within_resolved_parent(step) {
            // What is done stays readable; what was left out steps back.
            return if status == Status::Done {
                Turn::Open
            } else {
                Turn::Over
            };
        }
        if run
            .section_of(step)
            .is_some_and(|at| self.glance.is_behind_gate(at))
        {
            return Turn::Later;
        }
        if run.order_of(definition.home) == Order::DoConfirm || run.state(step).skipped {
            return Turn::Open;
        }
        match self.next_in(definition.home) {
            Some(next) if next == step => Turn::Next,
            Some(next)
                if definition.is_group() && run.runbook().step(next).parent == Some(step) =>
            {
                Turn::Open
            }
            _ if matches!(status, Status::Todo) => Turn::Later,
            _ => Turn::Open,
        }
    }

    fn next_in(&mut self, home: Home) -> Option<StepIndex> {
        if let Some((_, next)) = self.next.iter().find(|(known, _)| *known == home) {
            return *next;
        }
        let next = self.app.run.read_do_next(home);
        self.next.push((home, next));
        next
    }

    /// When it happened, or when it is due.
    fn draw_when(&self, step: StepIndex, definition: &Step, status: Status, pen: &mut Pen<'_>) {
        if self.columns.when == 0 {
            return;
        }
        let (text, style) = match (status, self.app.run.state(step).at, definition.at) {
            (Status::Todo, _, Some(due)) => {
                let is_late = due < self.app.run.clock.t(self.app.now.wall);
                (
                    format_offset(due),
                    if is_late {
                        self.theme.warning
                    } else {
                        self.theme.dim
                    },
                )
            }
            (Status::Todo, _, None) | (_, None, _) => (String::new(), self.theme.dim),
            (_, Some(at), _) => (wall_minute(at), self.theme.dim),
        };
        pen.right_column(&text, self.columns.when, style);
    }

    /// Who did it and how we know, or who is to do it.
    fn who(&self, step: StepIndex, definition: &Step, status: Status) -> (String, Style) {
        let run = &self.app.run;
        let state = run.state(step);
        let by = state.by.as_deref().unwrap_or_default();
        match (status, run.basis(step)) {
            (Status::Todo, _) => {
                let section = run
                    .section_of(step)
                    .and_then(|at| run.runbook().section(at).role.as_deref());
                (
                    definition
                        .role
                        .as_deref()
                        .or(section)
                        .unwrap_or_default()
                        .to_owned(),
                    self.theme.dim,
                )
            }
            (Status::Done, Some(Basis::Verified)) => ("verified".to_owned(), self.theme.good),
            (Status::Done, _) => (said(state, by), self.theme.dim),
            _ => (by.to_owned(), self.theme.dim),
        }
    }

    fn draw_facts(
        &self,
        step: StepIndex,
        definition: &Step,
        status: Status,
        (quiet, title_cells): (Style, usize),
        pen: &mut Pen<'_>,
    ) {
        let facts = match status {
            Status::Todo => self.facts_of_open(step, definition, quiet),
            _ => Some(self.facts_of_begun(step, definition, status)),
        };
        let must = if definition.must && !status.is_resolved() {
            "MUST"
        } else {
            ""
        };
        // Next to the name, so that it is found in one column, and a line without facts leaves all else to its title.
        if !must.is_empty() && pen.room() >= LEAST_FOR_MUST {
            pen.right_column(must, 4, quiet);
        }
        let Some(facts) = facts else { return };
        let is_crowded = title_cells + 1 + width(&visible(&facts.text)) > pen.room();
        let text = match &facts.brief {
            Some(brief) if is_crowded => brief,
            _ => &facts.text,
        };
        let most = if facts.is_long {
            pen.room() / 2
        } else {
            pen.room() * 2 / 3
        };
        let most = most.min(pen.room().saturating_sub(TITLE_CELLS.min(title_cells + 1)));
        let cells = width(&visible(text)).min(most);
        if cells >= LEAST_FACTS {
            pen.right_column(&fit(&visible(text), cells), cells, facts.style);
        }
    }
}

/// Whether a step is to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The one that is next where order matters.
    Next,
    /// May be worked on, or is done.
    Open,
    /// Its turn comes later.
    Later,
    /// Nothing is owed for it any more.
    Over,
}

fn said(state: &StepState, by: &str) -> String {
    let mut people = vec![by];
    for name in [&state.signed, &state.second].into_iter().flatten() {
        if !people.contains(&name.as_str()) {
            people.push(name);
        }
    }
    format!("said {}", people.join("+"))
}

/// How far a gate's poll has come, and how that looks.
pub fn gate_state(app: &App, theme: &Theme, at: SectionIndex) -> (String, Style) {
    let Some(gate) = &app.run.runbook().section(at).gate else {
        return (String::new(), theme.dim);
    };
    let state = app.run.gates.get(&at);
    let no_go = state.and_then(|state| {
        state
            .answers
            .iter()
            .find(|(_, given)| given.answer == Answer::NoGo)
    });
    let answered = state.map_or(0, |state| state.answers.len());
    let is_holding = app
        .run
        .clock
        .hold_now()
        .is_some_and(|hold| hold.gate == Some(at));
    if app.run.is_passed(at) {
        return ("GO".to_owned(), theme.dim);
    }
    if let Some((role, _)) = no_go {
        return (format!("NO-GO {role}"), theme.alarm);
    }
    let answers = if answered > 0 {
        format!(" {answered}/{}", gate.roles.len())
    } else {
        String::new()
    };
    match holding(app) {
        Some((lasted, _, _)) if is_holding => (
            format!("HOLDING {}{answers}", short_duration(lasted)),
            theme.warning,
        ),
        _ if answered > 0 => (format!("poll{answers}"), theme.accent),
        _ => ("P polls".to_owned(), theme.text),
    }
}
