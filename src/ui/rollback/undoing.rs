//! What was really done in this run and can be taken back, the newest first.
//!
//! It stands on the rollback's screen beside the named ways back, because who wants to go back has to see both: what
//! was written before the launch, and what was run today.

use std::time::Duration;

use ratatui::style::Style;

use crate::app::App;
use crate::app::command::explain;
use crate::app::keys::Action;
use crate::run::Undoable;
use crate::ui::page::{Page, window};
use crate::ui::panel::{Titles, panel};
use crate::ui::pen::Pen;
use crate::ui::step::{key, level_style};
use crate::ui::text::{filled, stopwatch, wall};
use crate::ui::theme::Theme;

/// Rows of the panel with its border, at most so many; none while there is nothing to take back.
pub fn rows(app: &App, most: usize) -> usize {
    match app.run.undoable().len() {
        0 => 0,
        _ if most < 3 => 0,
        steps => (steps + 2).min(most),
    }
}

/// ```text
/// ┌─ Done in this run, newest first ──────── U takes one back ─┐
/// │>[x] 2.1.3 Let every customer in   ran 16:24:10Z in 0:01    │
/// │ [ ] 2.1.1 Roll out v2.41.0        undone 16:26:02Z         │
/// └────────────────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, page: &mut Page<'_>) {
    let area = page.rest();
    if area.height < 3 {
        return;
    }
    let does = format!("{} takes one back", key(app, Action::UndoCommand));
    let steps = app.run.undoable();
    let cursor = app
        .view
        .rollback_cursor
        .checked_sub(app.run.rollback_steps().len())
        .map(|cursor| cursor.min(steps.len().saturating_sub(1)));
    let titles = Titles {
        left: "Done in this run, newest first",
        right: &does,
        focused: cursor.is_some(),
        ..Titles::default()
    };
    let inner = panel(theme, area, page.buffer(), titles);
    let mut page = Page::new(page.buffer(), inner);
    let shown = window(cursor.unwrap_or(0), steps.len(), usize::from(inner.height));
    for position in shown {
        let pointed = cursor == Some(position);
        draw_step(app, theme, &mut page.pen(), &steps[position], pointed);
    }
}

fn draw_step(app: &App, theme: &Theme, pen: &mut Pen<'_>, undoable: &Undoable<'_>, pointed: bool) {
    if pointed {
        pen.shade(theme.selection);
    }
    let definition = app.run.runbook().step(undoable.step);
    let status = app.run.status(undoable.step);
    let room = pen.room();
    let (words, style) = words(theme, undoable);
    pen.column(if pointed { ">" } else { "" }, 1, theme.accent)
        .put(status.mark(), theme.status(status))
        .put(" ", theme.text)
        .put(&definition.number, theme.dim)
        .put(" ", theme.dim);
    if let Some(command) = definition.command.as_ref().filter(|_| room > 90) {
        pen.right(" ", theme.dim)
            .right(command.level.name(), level_style(theme, command.level));
    }
    let title = filled(&definition.title, &app.run.variables);
    let title_style = if undoable.is_undone() {
        theme.dim
    } else {
        theme.text
    };
    pen.put_within(&title, (room * 2 / 5).max(12), title_style)
        .to(room / 2)
        .skip(1)
        .put(&words, style);
}

fn words(theme: &Theme, undoable: &Undoable<'_>) -> (String, Style) {
    let ran = undoable.ran;
    match (undoable.undo, &ran.outcome) {
        (Some(undo), _) => match &undo.outcome {
            None => ("being undone".to_owned(), theme.accent),
            Some(outcome) if outcome.is_success() => {
                (format!("undone {}Z", wall(undo.started)), theme.dim)
            }
            Some(outcome) => (format!("undo: {}", explain(outcome)), theme.alarm),
        },
        (None, None) => (format!("runs since {}Z", wall(ran.started)), theme.accent),
        (None, Some(outcome)) if outcome.is_success() => {
            let took = stopwatch(Duration::from_millis(ran.took_ms));
            (format!("ran {}Z in {took}", wall(ran.started)), theme.text)
        }
        (None, Some(outcome)) => (
            format!("ran {}Z: {}", wall(ran.started), explain(outcome)),
            theme.warning,
        ),
    }
}
