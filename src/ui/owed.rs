//! What is owed after the launch. Nothing here disappears until it is answered.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::glance::Glance;
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::filled;
use super::theme::Theme;
use crate::app::App;
use crate::runbook::text::format_offset;
use crate::runbook::{Stage, StepIndex};

/// Draws open steps of the time after the launch, then to-dos.
///
/// ```text
/// ┌─ Owed ─────────────── 6 open, 1 to do later ─┐
/// │ T+4h   [ ] Review metrics                ops │
/// │ T+24h  [ ] No memory leak                ops │
/// │ later  why did the batch overlap?         cy │
/// └──────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, _glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let run = &app.run;
    let steps: Vec<StepIndex> = run
        .forward_steps()
        .filter(|&step| is_owed(app, step))
        .collect();
    let right = format!("{} open, {} to do later", steps.len(), run.todos.len());
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: "Owed",
            right: &right,
            ..Titles::default()
        },
    );
    let inner = Rect {
        width: inner.width.saturating_sub(1),
        ..inner
    };
    let todo_rows = run.todos.len().min(usize::from(inner.height) / 3);
    let step_rows = usize::from(inner.height) - todo_rows;
    let t = run.clock.t(app.now.wall);
    for (row, &step) in (0..).zip(steps.iter().take(step_rows)) {
        let definition = run.runbook().step(step);
        let is_late = definition.at.is_some_and(|due| due < t);
        let style = if is_late { theme.warning } else { theme.text };
        let due = definition.at.map(format_offset).unwrap_or_default();
        let mut pen = Pen::new(buffer, inner, row);
        pen.right(definition.role.as_deref().unwrap_or_default(), theme.dim);
        pen.skip(1)
            .column(&due, 7, style)
            .put(run.status(step).mark(), style)
            .skip(1);
        pen.put(&filled(&definition.title, &run.variables), style);
    }
    let first_todo = u16::try_from(steps.len().min(step_rows)).unwrap_or(u16::MAX);
    for (row, todo) in (first_todo..).zip(run.todos.iter().rev().take(todo_rows)) {
        let mut pen = Pen::new(buffer, inner, row);
        pen.right(&todo.by, theme.dim)
            .skip(1)
            .column("later", 7, theme.dim)
            .put(&todo.text, theme.text);
    }
}

fn is_owed(app: &App, step: StepIndex) -> bool {
    let run = &app.run;
    let stage = run
        .section_of(step)
        .map(|at| run.runbook().phases[at.phase].stage);
    stage == Some(Stage::PostLaunch)
        && !run.is_settled(step)
        && !run.runbook().step(step).is_group()
}
