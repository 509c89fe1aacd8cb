//! The list of sections: the whole launch at a glance, with its gates and its ways back.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::glance::Glance;
use super::items::gate_state;
use super::page::window;
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{filled, stopwatch};
use super::theme::Theme;
use crate::app::App;
use crate::run::Status;
use crate::run::rollback::RollbackStage;
use crate::runbook::SectionIndex;

/// A line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Phase(usize),
    Section(SectionIndex),
    Gate(SectionIndex),
    WaysBack,
    Rollback(usize),
}

/// Draws the sections around the one under the cursor.
///
/// ```text
/// ┌─ Sections ───────── [ ] ─┐
/// │ PRE-LAUNCH               │
/// │  1.3 Config    [x]  6/6  │
/// │ >1.4 Final     [~]  4/7  │
/// │ == 1.4 P polls ==        │
/// │ ROLLBACK                 │
/// │  R1 k8s        4:10      │
/// └──────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: "Sections",
            right: "[ ]",
            ..Titles::default()
        },
    );
    let lines = lines(app);
    let here = app.section_under_cursor();
    let cursor = lines
        .iter()
        .position(|line| here.map(Line::Section) == Some(*line))
        .unwrap_or(0);
    let visible = window(cursor, lines.len(), usize::from(inner.height));
    for (row, line) in (0..).zip(&lines[visible]) {
        let mut pen = Pen::new(buffer, inner, row);
        match *line {
            Line::Phase(phase) => {
                let title = filled(&app.run.runbook().phases[phase].title, &app.run.variables)
                    .to_uppercase();
                pen.skip(1).put(&title, theme.title);
            }
            Line::Section(at) => draw_section(app, theme, glance, at, here == Some(at), &mut pen),
            Line::Gate(at) => {
                let (state, style) = gate_state(app, theme, at);
                pen.skip(1).put(&format!("== GO/NO-GO: {state} =="), style);
            }
            Line::WaysBack => {
                pen.skip(1).put("ROLLBACK", theme.title);
            }
            Line::Rollback(rollback) => draw_rollback(app, theme, rollback, &mut pen),
        }
    }
}

fn lines(app: &App) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, section) in app.run.runbook().sections() {
        if at.section == 0 {
            lines.push(Line::Phase(at.phase));
        }
        lines.push(Line::Section(at));
        if section.gate.is_some() {
            lines.push(Line::Gate(at));
        }
    }
    let offered = app.run.offered_rollbacks();
    if !offered.is_empty() {
        lines.push(Line::WaysBack);
    }
    lines.extend(offered.into_iter().map(Line::Rollback));
    lines
}

fn draw_section(
    app: &App,
    theme: &Theme,
    glance: &Glance,
    at: SectionIndex,
    is_here: bool,
    pen: &mut Pen<'_>,
) {
    let section = app.run.runbook().section(at);
    let (count, status) = (glance.section(at), glance.section_status(app, at));
    let style = match status {
        _ if is_here => theme.strong,
        _ if glance.is_behind_gate(at) => theme.dim,
        Status::Done => theme.dim,
        _ => theme.text,
    };
    if is_here {
        pen.shade(theme.selection);
    }
    pen.column(if is_here { ">" } else { "" }, 1, theme.accent);
    let progress = if count.total > 0 {
        format!("{}/{}", count.done, count.total)
    } else {
        String::new()
    };
    pen.right_column(&format!("{progress:>5}"), 5, theme.dim);
    // Where nothing has happened yet the figures say so, and the title has the room.
    if status != Status::Todo {
        pen.right_column(status.mark(), 3, theme.status(status));
    }
    pen.put(&section.number, style)
        .skip(1)
        .put(&filled(&section.title, &app.run.variables), style);
}

fn draw_rollback(app: &App, theme: &Theme, rollback: usize, pen: &mut Pen<'_>) {
    let definition = &app.run.runbook().rollbacks[rollback];
    let walking = app
        .run
        .rollback
        .as_ref()
        .is_some_and(|state| state.rollback == rollback);
    let stage = app.run.rollback_stage().filter(|_| walking);
    let (state, style) = match stage {
        Some(RollbackStage::Steps { done, total }) => (format!("{done}/{total}"), theme.alarm),
        Some(RollbackStage::Verify) => ("verify".to_owned(), theme.alarm),
        Some(RollbackStage::Closed { .. }) => ("closed".to_owned(), theme.text),
        None => (
            app.run
                .rollback_estimate(rollback)
                .map(stopwatch)
                .unwrap_or_default(),
            theme.dim,
        ),
    };
    pen.skip(1).right_column(&format!("{state:>5}"), 5, style);
    pen.put(&format!("R{} ", rollback + 1), theme.text)
        .put(&filled(&definition.title, &app.run.variables), theme.text);
}
