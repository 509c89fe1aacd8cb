//! What happened, newest at the bottom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::deadlines::{next_message, time_left};
use super::glance::Glance;
use super::page::{Page, wrapped_within};
use super::panel::{Titles, panel};
use super::text::{stopwatch, visible, wall, width};
use super::theme::Theme;
use crate::app::App;
use crate::app::sentence::sentence;
use crate::app::view::{Panel, Screen};
use crate::check::Verdict;
use crate::journal::{AUTO, Entry, Event};
use crate::runbook::text::count;

/// Draws the log: with a frame, or as its last line where there is no room for one.
///
/// ```text
/// ┌─ Log ────────────────────────────────── update due in 4:10 (c) ─┐
/// │ 15:46:58 ana    [-] waived 1.4.4 Maintenance page: no DDL       │
/// │ 15:47:02 auto   metric errors: fail, 0.14 %                     │
/// └─────────────────────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, _glance: &Glance, area: Rect, buffer: &mut Buffer) {
    if area.height < 3 {
        draw_lines(app, theme, area, buffer);
        return;
    }
    let (right, late) = titles(app);
    let focused = app.view.screen == Screen::Log || app.view.panel == Panel::Log;
    let right_style = late.then_some(theme.warning);
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: "Log",
            right: &right,
            right_style,
            focused,
        },
    );
    draw_lines(app, theme, inner, buffer);
}

fn titles(app: &App) -> (String, bool) {
    let mut words = Vec::new();
    if app.view.people_only {
        words.push("people only (f)".to_owned());
    }
    if is_scrolled(app) {
        words.push(format!(
            "{} back",
            count(app.view.scroll_back, "line", "lines")
        ));
    }
    let mut late = false;
    if let Some((due, is_late)) = next_message(app) {
        late = is_late;
        words.push(if is_late {
            format!("update LATE by {} (c)", stopwatch(due))
        } else {
            format!("update due in {} (c)", time_left(due))
        });
    }
    (words.join("  "), late)
}

/// Scrolling belongs to whichever panel or screen has the keys.
fn is_scrolled(app: &App) -> bool {
    app.view.scroll_back > 0 && (app.view.screen == Screen::Log || app.view.panel == Panel::Log)
}

fn draw_lines(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let rows = usize::from(area.height);
    let back = if is_scrolled(app) {
        app.view.scroll_back
    } else {
        0
    };
    let entries = app
        .run
        .log
        .iter()
        .rev()
        .filter(|entry| !app.view.people_only || entry.by != AUTO);
    let newest: Vec<_> = entries.skip(back).take(rows).collect();
    let names = newest.iter().map(|entry| width(&visible(&entry.by))).max();
    let name_cells = names.unwrap_or(0).clamp(NAME_CELLS.0, NAME_CELLS.1);
    let cells = usize::from(area.width).saturating_sub(TIME_CELLS + name_cells + 1);
    let mut room = rows;
    let mut shown: Vec<(&Entry, Vec<String>)> = Vec::new();
    for entry in newest {
        let words = wrapped_within(&sentence(&app.run, entry), cells, room);
        room -= words.len();
        shown.push((entry, words));
        if room == 0 {
            break;
        }
    }
    let mut page = Page::new(buffer, area);
    for (entry, words) in shown.iter().rev() {
        draw_entry(theme, entry, words, name_cells, &mut page);
    }
}

fn draw_entry(
    theme: &Theme,
    entry: &Entry,
    words: &[String],
    name_cells: usize,
    page: &mut Page<'_>,
) {
    let style = entry_style(theme, entry);
    for (at, line) in words.iter().enumerate() {
        let mut pen = page.pen();
        if at == 0 {
            pen.skip(1)
                .put(&wall(entry.at), theme.dim)
                .skip(1)
                .column(&entry.by, name_cells, theme.dim);
        }
        pen.to(TIME_CELLS + name_cells + 1).put(line, style);
    }
}

/// Cells of a name: at least, so that few names don't move the words, and at most.
const NAME_CELLS: (usize, usize) = (6, 14);

/// ` 15:46:58 `
const TIME_CELLS: usize = 10;

fn entry_style(theme: &Theme, entry: &Entry) -> Style {
    match &entry.event {
        Event::VerdictChanged {
            to: Verdict::Pass, ..
        } => theme.text,
        Event::VerdictChanged { to, .. } => theme.verdict(*to),
        Event::TriggerFired { .. }
        | Event::DecisionOverdue { .. }
        | Event::RollbackAnnounced { .. }
        | Event::RollbackStarted { .. } => theme.alarm,
        Event::AttemptEnded { outcome, .. } if !outcome.is_success() => theme.alarm,
        Event::StepContradicted { .. } => theme.unknown,
        Event::StepDone {
            against: Some(_), ..
        } => theme.warning,
        Event::HoldStarted { .. } | Event::StepWaived { .. } | Event::StepSkipped { .. } => {
            theme.warning
        }
        _ if entry.by == AUTO => theme.dim,
        _ => theme.text,
    }
}
