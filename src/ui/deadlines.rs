//! What is due, soonest first.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::glance::{Glance, decide_by, hold_begins, holding, until, window_closes};
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{age, between, filled, stopwatch, wall_minute};
use super::theme::Theme;
use crate::app::App;
use crate::run::progress::RunState;

/// So many open steps with a time of their own are listed.
const MAXIMUM_STEPS: usize = 8;

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
}

/// Draws the deadlines.
///
/// ```text
/// ┌─ Deadlines ───────────────────────┐
/// │    2:40 HOLD and poll 1.5         │
/// │    4:10 status update (c)   15:51 │
/// │   27:40 T-0                 16:15 │
/// └───────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: "Deadlines",
            ..Titles::default()
        },
    );
    for (row, deadline) in (0..inner.height).zip(deadlines(app, glance)) {
        let left = deadline.at.duration_since(app.now.wall).unsigned_abs();
        let is_late = deadline.at < app.now.wall;
        let style = if is_late { theme.warning } else { theme.text };
        let mut pen = Pen::new(buffer, inner, row);
        if inner.width >= 36 {
            pen.right_column(&wall_minute(deadline.at), 6, theme.dim);
        }
        pen.column_right(&countdown(left), 8, style).skip(1);
        pen.put(if is_late { "LATE " } else { "" }, style)
            .put(&deadline.what, style);
    }
}

fn countdown(time: Duration) -> String {
    if time < Duration::from_hours(10) {
        stopwatch(time)
    } else {
        age(time)
    }
}

/// Everything that is due, soonest first.
pub fn deadlines(app: &App, glance: &Glance) -> Vec<Deadline> {
    let mut list = Vec::new();
    let mut add =
        |at: Option<Timestamp>, what: String| list.extend(at.map(|at| Deadline { at, what }));
    let now = app.now.wall;
    let runbook = app.run.runbook();
    for trigger in app.run.pending_triggers() {
        add(
            app.run.decision_due(trigger),
            format!("decide: {}", runbook.triggers[trigger].title),
        );
    }
    if let (Some(state), Some(budget)) = (
        &app.run.rollback,
        glance.way_back.and_then(|way| way.budget),
    ) {
        if state.closed.is_none() {
            add(
                state.started.checked_add(budget).ok(),
                "rollback budget ends".to_owned(),
            );
        }
    }
    if let Some((lasted, Some(planned), _)) = holding(app) {
        let left = SignedDuration::try_from(planned).unwrap_or_default()
            - SignedDuration::try_from(lasted).unwrap_or_default();
        add(now.checked_add(left).ok(), "planned hold ends".to_owned());
    } else if let Some((gate, before)) = next_gate(app, glance) {
        add(
            now.checked_add(before).ok(),
            format!("HOLD and poll {}", runbook.section(gate).number),
        );
    }
    if let Some((message, due)) = message_due(app) {
        add(
            Some(due),
            format!("{} (c)", runbook.messages[message].title),
        );
    }
    for (&step, soak) in &app.live.soaks {
        let time = runbook
            .step(step)
            .soak
            .filter(|_| !app.run.is_settled(step));
        add(
            time.and_then(|time| now.checked_add(time.saturating_sub(soak.clean)).ok()),
            format!("soak {} ends", runbook.step(step).number),
        );
    }
    if matches!(
        glance.state,
        RunState::PreLaunch | RunState::Launch | RunState::Holding | RunState::PostLaunch
    ) {
        let zero = app.run.clock.wall_of(SignedDuration::ZERO, now);
        add((zero > now).then_some(zero), "T-0".to_owned());
        add(
            decide_by(app, glance.way_back).filter(|&at| at > now),
            "last safe rollback decision".to_owned(),
        );
        add(
            window_closes(app).filter(|&at| at > now),
            "window closes".to_owned(),
        );
        list.extend(steps_due(app));
    }
    list.sort_by_key(|deadline| deadline.at);
    list
}

fn next_gate(app: &App, glance: &Glance) -> Option<(crate::runbook::SectionIndex, Duration)> {
    let gate = glance.next_gate?;
    Some((gate, until(app, hold_begins(app, gate)?)?))
}

fn steps_due(app: &App) -> Vec<Deadline> {
    let run = &app.run;
    let steps = run.forward_steps().filter_map(|step| {
        let definition = run.runbook().step(step);
        let due = definition.at.filter(|_| !run.is_settled(step))?;
        let title = filled(&definition.title, &run.variables);
        Some(Deadline {
            at: run.clock.wall_of(due, app.now.wall),
            what: format!("{} {title}", definition.number),
        })
    });
    steps.take(MAXIMUM_STEPS).collect()
}

/// The status message that is owed next, and when.
fn message_due(app: &App) -> Option<(usize, Timestamp)> {
    if app.run.ended.is_some() {
        return None;
    }
    let messages = app.run.runbook().messages.iter().enumerate();
    let due = messages.filter_map(|(position, message)| {
        let last = app
            .run
            .messages_sent
            .get(&message.id)
            .copied()
            .or(app.run.opened)?;
        Some((position, last.checked_add(message.every?).ok()?))
    });
    due.min_by_key(|(_, at)| *at)
}

/// How long until the next status message is owed, or since when it has been: `(time, is late)`.
pub fn next_message(app: &App) -> Option<(Duration, bool)> {
    let (_, due) = message_due(app)?;
    let is_late = due < app.now.wall;
    let time = if is_late {
        between(due, app.now.wall)
    } else {
        between(app.now.wall, due)
    };
    Some((time, is_late))
}
