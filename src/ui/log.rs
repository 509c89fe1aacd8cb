//! What happened, newest at the bottom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::deadlines::next_message;
use super::glance::Glance;
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{filled, stopwatch, wall};
use super::theme::Theme;
use crate::app::App;
use crate::app::react::describe;
use crate::app::view::{Panel, Screen};
use crate::check::Verdict;
use crate::journal::{AUTO, Entry, Event};
use crate::run::Run;
use crate::runbook::StepId;
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
        let time = stopwatch(due);
        words.push(if is_late {
            format!("update LATE by {time} (c)")
        } else {
            format!("update due in {time} (c)")
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
    for (row, entry) in (0..).zip(newest.into_iter().rev()) {
        draw_entry(app, theme, entry, &mut Pen::new(buffer, area, row));
    }
}

fn draw_entry(app: &App, theme: &Theme, entry: &Entry, pen: &mut Pen<'_>) {
    let style = entry_style(theme, entry);
    pen.skip(1)
        .put(&wall(entry.at), theme.dim)
        .skip(1)
        .column(&entry.by, 6, theme.dim)
        .skip(1);
    pen.put(&sentence(&app.run, entry), style);
}

/// An entry in words, with steps named as the checklist names them.
pub fn sentence(run: &Run, entry: &Entry) -> String {
    let words = describe(&entry.event);
    let step = step_of(&entry.event).and_then(|id| Some((id, run.find(id)?)));
    match step {
        Some((id, step)) => {
            let step = run.runbook().step(step);
            let title = filled(&step.title, &run.variables);
            words.replacen(&id.0, &format!("{} {title}", step.number), 1)
        }
        None => words,
    }
}

fn step_of(event: &Event) -> Option<&StepId> {
    match event {
        Event::StepDone { step, .. }
        | Event::StepContradicted { step, .. }
        | Event::StepWaived { step, .. }
        | Event::StepSkipped { step, .. }
        | Event::StepReopened { step, .. }
        | Event::ApplicabilityAnswered { step, .. } => Some(step),
        Event::AttemptStarted { step, .. } => step.as_ref(),
        _ => None,
    }
}

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
