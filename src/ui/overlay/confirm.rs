//! A command before it starts: exactly what will run, against what, how it is taken back, and what is asked now.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Content, Words, badge, inner_cells, keys, paragraph, popup};
use crate::app::App;
use crate::app::view::{Ask, Confirm};
use crate::journal::Direction;
use crate::run::usual::Expected;
use crate::runbook::{Home, Level};
use crate::ui::page::{span, wrapped};
use crate::ui::panel::Titles;
use crate::ui::step::level_style;
use crate::ui::text::{filled, short_duration};
use crate::ui::theme::Theme;

/// The most lines of a command that a dialog shows; a longer one says so, loudly.
const MOST_COMMAND_LINES: usize = 12;

/// Cells of the labels in front of what is known of the command.
const LABEL: usize = 9;

/// ```text
/// ┌─ Run 2.1.2 Roll out to 25% ─────────────────────────────┐
/// │  LIVE prod-eu   changes: reversible, has an undo        │
/// │                                                         │
/// │ $ kubectl -n kestrel set image deploy/api …             │
/// │                                                         │
/// │ target   prod-eu                                        │
/// │ undo     kubectl -n kestrel rollout undo deploy/api     │
/// │ takes    2m30s (measured 3 times), stopped after 10m    │
/// │                                                         │
/// │ y runs it   any other key: nothing runs                 │
/// └─────────────────────────────────────────────────────────┘
/// ```
pub fn draw(
    app: &App,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
    confirm: &Confirm,
) -> Option<Position> {
    let cells = inner_cells(area);
    let mut content = Content {
        about: about(app, theme, confirm, cells),
        ..Content::default()
    };
    ask(app, theme, confirm, cells, &mut content);
    let verb = match confirm.direction {
        Direction::Run => "Run",
        Direction::Undo => "Undo",
    };
    let title = format!("{verb} {}", filled(&confirm.title, &app.run.variables));
    let titles = Titles {
        left: &title,
        ..Titles::default()
    };
    let inner = popup(theme, area, buffer, content.lines(), titles);
    content.draw(theme, buffer, inner)
}

fn about(app: &App, theme: &Theme, confirm: &Confirm, cells: usize) -> Vec<Words> {
    let command = &confirm.command;
    let mut lines = vec![vec![
        badge(app, theme),
        span("  ", theme.text),
        span(command.level.name(), level_style(theme, command.level)),
        span(
            format!(": {}", level_words(command.level, command.level_written)),
            theme.text,
        ),
    ]];
    lines.push(Vec::new());
    lines.extend(command_lines(theme, &confirm.text, cells));
    lines.push(Vec::new());
    lines.push(labelled(theme, "target", &app.run.target));
    if let Some(dir) = &command.dir {
        lines.push(labelled(theme, "in", dir));
    }
    match (&command.undo, confirm.direction) {
        (_, Direction::Undo) => lines.push(labelled(theme, "this is", "the step's undo")),
        (Some(undo), _) => {
            let undo = wrapped(undo, cells.saturating_sub(LABEL));
            let labels = std::iter::once("undo").chain(std::iter::repeat(""));
            lines.extend(
                labels
                    .zip(undo)
                    .map(|(label, line)| labelled(theme, label, &line)),
            );
        }
        (None, _) if command.level == Level::Safe || is_rollback_step(app, confirm) => {}
        (None, _) if command.level == Level::Ponr => lines.push(labelled(theme, "undo", "none")),
        (None, _) => lines.push(labelled(theme, "undo", "none: only a rollback goes back")),
    }
    lines.push(labelled(
        theme,
        "takes",
        &time_words(usual(app, confirm), command.timeout),
    ));
    lines.push(Vec::new());
    lines
}

/// A rollback's steps are themselves the way back.
fn is_rollback_step(app: &App, confirm: &Confirm) -> bool {
    confirm
        .step
        .is_some_and(|step| matches!(app.run.runbook().step(step).home, Home::Rollback(_)))
}

/// The exact text, each of its own lines marked, so that a wrapped line isn't taken for two.
fn command_lines(theme: &Theme, text: &str, cells: usize) -> Vec<Words> {
    let cells = cells.saturating_sub(2);
    let mut lines: Vec<Words> = text
        .trim_end()
        .lines()
        .flat_map(|line| {
            let leads = std::iter::once("$ ").chain(std::iter::repeat("  "));
            leads
                .zip(wrapped(line, cells))
                .map(|(lead, part)| vec![span(lead, theme.dim), span(part, theme.strong)])
        })
        .collect();
    if lines.len() > MOST_COMMAND_LINES {
        let hidden = lines.len() - MOST_COMMAND_LINES + 1;
        lines.truncate(MOST_COMMAND_LINES - 1);
        lines.push(vec![span(
            format!("  … {hidden} MORE LINES are not shown: read them in the runbook first"),
            theme.alarm,
        )]);
    }
    lines
}

fn labelled(theme: &Theme, label: &str, words: &str) -> Words {
    vec![
        span(format!("{label:LABEL$}"), theme.dim),
        span(words, theme.text),
    ]
}

fn level_words(level: Level, written: bool) -> &'static str {
    match (level, written) {
        (Level::Safe, _) => "reads only",
        (Level::Changes, _) => "reversible",
        (Level::Destructive, true) => "no cheap way back",
        (Level::Destructive, false) => "taken for it, because the runbook doesn't say",
        (Level::Ponr, _) => "POINT OF NO RETURN",
    }
}

fn usual(app: &App, confirm: &Confirm) -> Option<Expected> {
    match confirm.step {
        Some(step) => app.run.usual_time(step, confirm.direction),
        None => confirm
            .command
            .takes
            .map(|time| Expected { time, measured: 0 }),
    }
}

/// `2m30s (measured 3 times), stopped after 10m`
fn time_words(usual: Option<Expected>, timeout: Option<Duration>) -> String {
    let takes = match usual {
        None => "not known".to_owned(),
        Some(Expected { time, measured: 0 }) => short_duration(time),
        Some(Expected { time, measured: 1 }) => {
            format!("{} (measured once)", short_duration(time))
        }
        Some(Expected { time, measured }) => {
            format!("{} (measured {measured} times)", short_duration(time))
        }
    };
    let timeout = timeout.map_or_else(
        || "no time limit".to_owned(),
        |timeout| format!("stopped after {}", short_duration(timeout)),
    );
    format!("{takes}, {timeout}")
}

/// What is asked now, and below it what will be asked after.
fn ask<'a>(
    app: &App,
    theme: &Theme,
    confirm: &'a Confirm,
    cells: usize,
    content: &mut Content<'a>,
) {
    match confirm.asks.first() {
        None => {}
        Some(Ask::Yes) => {
            content.asked.push(keys(
                theme,
                &[("y", "runs it"), ("any other key", "nothing runs")],
            ));
        }
        Some(Ask::Target(target)) => {
            let words = vec![
                span("type ", theme.text),
                span(target, theme.strong),
                span(" and press enter to run it; esc: nothing runs", theme.text),
            ];
            content.asked.push(words);
            content.input = Some((vec![span("> ", theme.accent)], &confirm.input));
        }
        Some(Ask::SecondPerson) => {
            let words = format!(
                "initials of a second person (not {}) and enter; esc: nothing runs",
                app.options.operator
            );
            content.asked.push(vec![span(words, theme.text)]);
            content.input = Some((vec![span("> ", theme.accent)], &confirm.input));
        }
        Some(Ask::Countdown(until)) => {
            // Rounded up, so that the last second reads 1 and never 0.
            let left = until
                .saturating_sub(app.now.monotonic)
                .as_millis()
                .div_ceil(1000);
            content.asked.push(vec![
                span(format!(" STARTS IN {left} s "), theme.banner),
                span("   any key stops it", theme.strong),
            ]);
        }
    }
    if let Some(error) = &confirm.error {
        content.after.extend(paragraph(error, cells, theme.alarm));
    }
    let later: Vec<&str> = confirm.asks.iter().skip(1).map(ask_words).collect();
    if !later.is_empty() {
        content.after.push(vec![span(
            format!("after that: {}", later.join(", then ")),
            theme.dim,
        )]);
    }
}

fn ask_words(ask: &Ask) -> &'static str {
    match ask {
        Ask::Yes => "y",
        Ask::Target(_) => "the target's name",
        Ask::SecondPerson => "a second person's initials",
        Ask::Countdown(_) => "a countdown of 10 s",
    }
}
