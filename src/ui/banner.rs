//! What stays on every screen until it is answered. Banners take their rows from the log, never from the items.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::Pen;
use super::text::{between, filled, stopwatch};
use super::theme::Theme;
use crate::app::keys::Action;
use crate::app::{App, Saving};
use crate::runbook::TriggerMode;

/// One banner.
#[derive(Clone, Debug, PartialEq)]
pub struct Banner {
    /// What has happened.
    pub text: String,
    /// What to do, at the right end; kept when the line is short.
    pub answer: String,
    /// How it looks.
    pub style: Style,
}

/// The banners in force, the most urgent first.
pub fn banners(app: &App, theme: &Theme) -> Vec<Banner> {
    let mut banners = Vec::new();
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
        answer: answer.to_owned(),
        style: theme.banner,
    }
}

/// `BLIND our resolver doesn't answer: nothing beyond this machine is seen        triggers disarmed`
fn blind(why: &str, theme: &Theme) -> Banner {
    Banner {
        text: format!("BLIND {why}: nothing beyond this machine is seen"),
        answer: "triggers disarmed".to_owned(),
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
    let (word, time) = match app.run.decision_due(trigger) {
        Some(due) if due < now => (
            "OVERDUE",
            format!("decision late by {}", stopwatch(between(due, now))),
        ),
        Some(due) => (
            "TRIGGER",
            format!("decide within {}", stopwatch(between(now, due))),
        ),
        None => ("TRIGGER", "decide".to_owned()),
    };
    let style = if definition.mode == TriggerMode::Advise {
        theme.warning
    } else {
        theme.banner
    };
    Banner {
        text: format!("{word} {title}: {because}"),
        answer: format!("{time}  {key}"),
        style,
    }
}

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
    }
}
