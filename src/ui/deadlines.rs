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
/// │     27m T-0                 16:15 │
/// └───────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: "Deadlines",
            right: if area.width >= 38 { "UTC" } else { "" },
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
        pen.column_right(&time_left(left), 8, style).skip(1);
        pen.put(if is_late { "LATE " } else { "" }, style)
            .put(&deadline.what, style);
    }
}

impl Deadline {
    fn new(at: Timestamp, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
        }
    }
}

/// Seconds count only for what is near; what is far away stands still, or nothing would be found in the list.
pub fn time_left(time: Duration) -> String {
    if time < Duration::from_mins(10) {
        stopwatch(time)
    } else {
        age(Duration::from_mins(time.as_secs() / 60))
    }
}

/// Everything that is due, soonest first.
pub fn deadlines(app: &App, glance: &Glance) -> Vec<Deadline> {
    let mut list = trouble(app, glance);
    list.extend(hold(app, glance));
    list.extend(message_due(app).map(|(message, at)| {
        let title = &app.run.runbook().messages[message].title;
        Deadline::new(at, format!("{title} (c)"))
    }));
    list.extend(soaks(app));
    let is_ahead = matches!(
        glance.state,
        RunState::PreLaunch | RunState::Launch | RunState::Holding | RunState::PostLaunch
    );
    if is_ahead {
        list.extend(countdown(app, glance));
        list.extend(steps_due(app));
    }
    list.sort_by_key(|deadline| deadline.at);
    list
}

/// Decisions that are awaited, and the end of the time for a rollback.
fn trouble(app: &App, glance: &Glance) -> Vec<Deadline> {
    let run = &app.run;
    let decisions = run.pending_triggers().filter_map(|trigger| {
        let title = &run.runbook().triggers[trigger].title;
        Some(Deadline::new(
            run.decision_due(trigger)?,
            format!("decide: {title}"),
        ))
    });
    let mut list: Vec<Deadline> = decisions.collect();
    let budget = glance.way_back.and_then(|way| way.budget);
    let open = run.rollback.as_ref().filter(|state| state.closed.is_none());
    let ends = open
        .zip(budget)
        .and_then(|(state, budget)| state.started.checked_add(budget).ok());
    list.extend(ends.map(|at| Deadline::new(at, "rollback budget ends")));
    list
}

/// The end of the planned hold that is on, or the beginning of the next.
fn hold(app: &App, glance: &Glance) -> Option<Deadline> {
    let now = app.now.wall;
    if let Some((_, Some(planned), _)) = holding(app) {
        let since = app.run.clock.hold_now()?.since;
        return Some(Deadline::new(
            since.checked_add(planned).ok()?,
            "planned hold ends",
        ));
    }
    let gate = glance.next_gate?;
    let before = until(app, hold_begins(app, gate)?)?;
    let number = &app.run.runbook().section(gate).number;
    Some(Deadline::new(
        now.checked_add(before).ok()?,
        format!("HOLD and poll {number}"),
    ))
}

fn soaks(app: &App) -> Vec<Deadline> {
    let open = app
        .live
        .soaks
        .iter()
        .filter(|(step, _)| !app.run.is_settled(**step));
    let ends = open.filter_map(|(&step, soak)| {
        let definition = app.run.runbook().step(step);
        let left = definition.soak?.saturating_sub(soak.clean);
        let at = app.now.wall.checked_add(left).ok()?;
        Some(Deadline::new(
            at,
            format!("soak {} ends", definition.number),
        ))
    });
    ends.collect()
}

/// T-0, the last moment to turn back, the end of the window; those that are past are no news.
fn countdown(app: &App, glance: &Glance) -> Vec<Deadline> {
    let now = app.now.wall;
    let moments = [
        (
            Some(app.run.clock.wall_of(SignedDuration::ZERO, now)),
            "T-0",
        ),
        (
            decide_by(app, glance.way_back),
            "last safe rollback decision",
        ),
        (window_closes(app), "window closes"),
    ];
    let ahead = moments
        .into_iter()
        .filter_map(|(at, what)| Some((at.filter(|&at| at > now)?, what)));
    ahead.map(|(at, what)| Deadline::new(at, what)).collect()
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
