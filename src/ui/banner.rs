//! What stays on every screen until it is answered. Banners take their rows from the log, never from the items.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::Pen;
use super::text::{between, filled, stopwatch, visible, width};
use super::theme::Theme;
use crate::app::keys::Action;
use crate::app::unattended::Doing;
use crate::app::{App, Saving};
use crate::runbook::TriggerMode;

/// One banner.
#[derive(Clone, Debug, PartialEq)]
pub struct Banner {
    /// What has happened.
    pub text: String,
    /// More about it, where there is room for more than its beginning.
    pub detail: String,
    /// What to do, at the right end; kept when the line is short.
    pub answer: String,
    /// How it looks.
    pub style: Style,
}

/// The banners in force, the most urgent first.
pub fn banners(app: &App, theme: &Theme) -> Vec<Banner> {
    let mut banners: Vec<Banner> = app
        .doing()
        .map(|doing| unasked(app, doing, theme))
        .into_iter()
        .collect();
    match &app.saving {
        Saving::Saved => {}
        Saving::Failed(message) => banners.push(not_saved(message, "try again", theme)),
        Saving::Lost(message) => {
            let key = app.bindings.key_of(Action::WriteElsewhere);
            let key = key.map_or_else(String::new, |key| format!("  {key} writes elsewhere"));
            let answer = format!("nothing more is recorded{key}");
            banners.push(not_saved(message, &answer, theme));
        }
    }
    banners.extend(app.live.sentinel.blind().map(|why| blind(why, theme)));
    banners.extend(
        app.run
            .pending_triggers()
            .map(|trigger| fired(app, theme, trigger)),
    );
    banners
}

fn not_saved(message: &str, answer: &str, theme: &Theme) -> Banner {
    Banner {
        text: format!("NOT SAVED: {message}"),
        detail: String::new(),
        answer: answer.to_owned(),
        style: theme.banner,
    }
}

/// `BLIND our resolver doesn't answer: nothing beyond this machine is seen        triggers disarmed`
fn blind(why: &str, theme: &Theme) -> Banner {
    Banner {
        text: format!("BLIND {why}: nothing beyond this machine is seen"),
        detail: String::new(),
        answer: "triggers disarmed".to_owned(),
        style: theme.banner,
    }
}

/// `ROLLBACK IN 7 s  Kubernetes rollback begins by itself: error rate above 1 %           ctrl-c stops it`, and then
/// `ROLLING BACK BY ITSELF  R1.2 Wait for the rollout                                     ctrl-c takes over`
fn unasked(app: &App, doing: Doing, theme: &Theme) -> Banner {
    let runbook = app.run.runbook();
    let title = |text: &str| filled(text, &app.run.variables).into_owned();
    let (text, detail, verb) = match doing {
        Doing::Counting {
            trigger,
            rollback,
            left,
        } => {
            let seconds = left.as_secs_f64().ceil();
            let rollback = title(&runbook.rollbacks[rollback].title);
            let trigger = title(&runbook.triggers[trigger].title);
            let text = format!("ROLLBACK IN {seconds} s  {rollback} begins by itself");
            (text, trigger, "stops it")
        }
        Doing::Walking { step, waits } => {
            let step = runbook.step(step);
            let waits = if waits { "waits for you at " } else { "" };
            let words = format!("{waits}{} {}", step.number, title(&step.title));
            let text = format!("ROLLING BACK BY ITSELF  {words}");
            (text, String::new(), "takes over")
        }
    };
    let answer = if app.options.read_only {
        String::new()
    } else {
        format!("{} {verb}", app.stop_key())
    };
    Banner {
        text,
        detail,
        answer,
        style: theme.banner,
    }
}

/// `TRIGGER error rate: errors fail for 2m                    decide within 3:41  B`
fn fired(app: &App, theme: &Theme, trigger: usize) -> Banner {
    let definition = &app.run.runbook().triggers[trigger];
    let title = filled(&definition.title, &app.run.variables);
    let because = app.run.triggers[trigger]
        .fired
        .as_ref()
        .map(|fired| fired.because.as_str())
        .unwrap_or_default();
    let key = app
        .bindings
        .key_of(Action::Rollback)
        .map(|key| key.to_string())
        .unwrap_or_default();
    let now = app.now.wall;
    let advises = definition.mode == TriggerMode::Advise;
    let (word, time) = match app.run.decision_due(trigger) {
        _ if advises => ("ADVICE", "nothing is owed".to_owned()),
        Some(due) if due < now => ("OVERDUE", overdue(app, between(due, now))),
        Some(due) => (
            "TRIGGER",
            format!("decide within {}", stopwatch(between(now, due))),
        ),
        None => ("TRIGGER", "decide".to_owned()),
    };
    let style = if advises { theme.warning } else { theme.banner };
    Banner {
        text: format!("{word} {title}"),
        detail: because.to_owned(),
        answer: format!("{time}  {key}"),
        style,
    }
}

/// `late by 2:10, call Duty manager (+44 20 7946 0000)`
fn overdue(app: &App, late: Duration) -> String {
    let late = format!("late by {}", stopwatch(late));
    match app.escalation_contact() {
        Some(contact) => format!("{late}, call {} ({})", contact.name, contact.reach),
        None => format!("decision {late}"),
    }
}

/// With fewer cells the beginning of a longer detail says nothing.
const LEAST_DETAIL: usize = 24;

/// Draws as many banners as there are rows; the last row says how many more there are.
pub fn draw(banners: &[Banner], area: Rect, buffer: &mut Buffer) {
    let rows = usize::from(area.height);
    for (row, (position, banner)) in (0..area.height).zip(banners.iter().enumerate()) {
        let hidden = banners.len().saturating_sub(rows);
        let more = if hidden > 0 && position + 1 == rows {
            format!("+{hidden} more  ")
        } else {
            String::new()
        };
        let mut pen = Pen::new(buffer, area, row);
        pen.shade(banner.style)
            .right(&format!("{more}{} ", banner.answer), banner.style);
        pen.skip(1).put(&banner.text, banner.style);
        let cells = width(&visible(&banner.detail));
        if cells > 0 && pen.room() > (cells + 2).min(LEAST_DETAIL) {
            pen.put(": ", banner.style)
                .put(&banner.detail, banner.style);
        }
    }
}
