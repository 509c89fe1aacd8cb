//! One step with everything that belongs to it: what it runs, what that printed, what proves it, what is next.
//!
//! The command and its output have the room; what is known about the step stands below them, or beside them where
//! the screen is wide. A step that runs nothing is all facts.

mod facts;
mod output;

use std::time::Duration;

use jiff::SignedDuration;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::page::{Page, bar, padded, put_spans, span, wrapped};
use super::panel::{Titles, panel};
use super::text::{between, filled, short_duration, signed_clock, stopwatch, wall, width};
use super::theme::Theme;
use crate::app::App;
use crate::app::keys::Action;
use crate::journal::Direction;
use crate::run::{Attempt, Status};
use crate::runbook::{Command, Home, Level, StepIndex};

use facts::Facts;

/// From so many columns on the facts stand beside the output.
const WIDE: u16 = 110;

/// Below so many rows the command loses its border.
const TALL: u16 = 12;

/// Below so many cells a line of facts is broken in two.
const NARROW_FACTS: usize = 56;

/// The most lines of a command that are shown above its output.
const COMMAND_LINES: usize = 4;

/// The fewest rows that the output keeps against the facts, border included.
const OUTPUT_ROWS: usize = 6;

/// Draws one step.
///
/// ```text
/// [~] 2.1.2 Roll out to 25%          step 2 of 6  bo  changes  undo: U
/// ┌─ Command ─────────────────────────────────────── x runs  y copies ─┐
/// │ kubectl -n kestrel set image deploy/api api=reg/kestrel:v2.41.0    │
/// └────────────────────────────────────────────────────────────────────┘
/// ┌─ Output ───────────────────────────────────── RUNNING 1:12  pid 48 ─┐
/// │ deployment.apps/api image updated                                   │
/// │ following  last line 4s ago  18 lines                               │
/// └─────────────────────────────────────────────────────────────────────┘
/// time     [##########..............] 1:12   usual 2m30s   timeout 10m
/// expect   [ok] Three replicas ready  3                                2s
/// next     2.1.3 Wait 5 min at 25%
/// ```
pub fn draw(app: &App, theme: &Theme, area: Rect, frame: &mut Frame<'_>, step: StepIndex) {
    let mut page = Page::new(frame.buffer_mut(), area);
    draw_title(app, theme, &mut page, step);
    let attempt = app.run.latest_attempt(step);
    let command = app.run.runbook().step(step).command.as_ref();
    match (command, attempt) {
        (Some(_), Some(attempt)) if app.view.zoomed => output::draw(app, theme, &mut page, attempt),
        (Some(command), _) if area.width >= WIDE && area.height >= TALL => {
            draw_wide(app, theme, &mut page, step, command, attempt);
        }
        (Some(command), _) => draw_narrow(app, theme, &mut page, step, command, attempt),
        (None, _) => draw_facts_panel(app, theme, &mut page, step),
    }
}

fn draw_wide(
    app: &App,
    theme: &Theme,
    page: &mut Page<'_>,
    step: StepIndex,
    command: &Command,
    attempt: Option<&Attempt>,
) {
    let rest = page.rest();
    let left = Rect {
        width: rest.width * 3 / 5,
        ..rest
    };
    let right = Rect {
        x: rest.x + left.width,
        width: rest.width - left.width,
        ..rest
    };
    draw_facts_panel(app, theme, &mut page.part(right), step);
    let mut page = Page::new(page.buffer(), left);
    draw_command(app, theme, &mut page, command, COMMAND_LINES * 2);
    draw_output_or_hint(app, theme, &mut page, attempt);
}

fn draw_narrow(
    app: &App,
    theme: &Theme,
    page: &mut Page<'_>,
    step: StepIndex,
    command: &Command,
    attempt: Option<&Attempt>,
) {
    if page.left() < usize::from(TALL) {
        page.labelled(theme, "command")
            .put(&command.run, theme.strong);
    } else {
        draw_command(app, theme, page, command, COMMAND_LINES);
    }
    let facts = Facts::of(app, theme, step, usize::from(page.rest().width));
    if let Some(attempt) = attempt {
        let kept = facts
            .len()
            .min(page.left().saturating_sub(OUTPUT_ROWS).max(page.left() / 2));
        let rows = page.left() - kept;
        let area = page.take(rows);
        output::draw(app, theme, &mut page.part(area), attempt);
    }
    facts.draw(app, theme, page, 0);
}

fn draw_output_or_hint(app: &App, theme: &Theme, page: &mut Page<'_>, attempt: Option<&Attempt>) {
    match attempt {
        Some(attempt) => output::draw(app, theme, page, attempt),
        None => {
            let area = page.rest();
            let inner = panel(
                theme,
                area,
                page.buffer(),
                Titles {
                    left: "Output",
                    ..Titles::default()
                },
            );
            let hint = format!(
                "nothing has run yet: {} shows what will run and asks first",
                key(app, Action::RunCommand)
            );
            Page::new(page.buffer(), inner)
                .pen()
                .skip(1)
                .put(&hint, theme.dim);
        }
    }
}

fn draw_facts_panel(app: &App, theme: &Theme, page: &mut Page<'_>, step: StepIndex) {
    let area = page.rest();
    let inner = panel(
        theme,
        area,
        page.buffer(),
        Titles {
            left: "This step",
            ..Titles::default()
        },
    );
    let inner = padded(inner);
    let facts = Facts::of(app, theme, step, usize::from(inner.width));
    let has_output = app.run.latest_attempt(step).is_some();
    // Without output the scrolled lines are these; counted from the end as everywhere, but the start is shown first.
    let scrolled = if has_output { 0 } else { app.view.scroll_back };
    facts.draw(app, theme, &mut page.part(inner), scrolled);
}

/// ```text
/// [~] 2.1.2 Roll out to 25%          step 2 of 6  bo (ops)  changes  MUST
/// ```
fn draw_title(app: &App, theme: &Theme, page: &mut Page<'_>, step: StepIndex) {
    let definition = app.run.runbook().step(step);
    let status = app.run.status(step);
    let title = filled(&definition.title, &app.run.variables);
    let badges = badges(app, theme, step);
    let badges_width: usize = badges.iter().map(|badge| width(&badge.content)).sum();
    let title_width = 5 + width(&definition.number) + width(&title);
    let fits_one_line = title_width + 2 + badges_width <= page.cells();
    let mut pen = page.pen();
    pen.put(status.mark(), theme.status(status))
        .put(" ", theme.text);
    pen.put(&definition.number, theme.accent)
        .put(" ", theme.text)
        .put(&title, theme.strong);
    if fits_one_line {
        pen.skip(pen.room() - badges_width);
        put_spans(&mut pen, &badges);
    } else {
        let mut pen = page.pen();
        pen.skip(4);
        put_spans(&mut pen, &badges);
    }
}

/// Where the step stands, whose it is, and what it takes: what to know before touching it.
fn badges(app: &App, theme: &Theme, step: StepIndex) -> Vec<Span<'static>> {
    let definition = app.run.runbook().step(step);
    let mut badges = vec![span(place(app, step), theme.dim)];
    if let Some(owner) = owner(app, step) {
        badges.push(span(owner, theme.text));
    }
    if let Some(command) = &definition.command {
        badges.push(span(
            level_words(command),
            level_style(theme, command.level),
        ));
        let undo = if command.undo.is_some() {
            format!("undo: {}", key(app, Action::UndoCommand))
        } else {
            "no undo".to_owned()
        };
        badges.push(span(undo, theme.dim));
    }
    if definition.must {
        badges.push(span("MUST", theme.strong));
    }
    if definition.optional {
        badges.push(span("optional", theme.dim));
    }
    if definition.second {
        badges.push(span("second person", theme.strong));
    }
    let gap = span("  ", theme.text);
    badges
        .into_iter()
        .flat_map(|badge| [gap.clone(), badge])
        .skip(1)
        .collect()
}

/// `step 2 of 6` among those it stands with.
fn place(app: &App, step: StepIndex) -> String {
    let runbook = app.run.runbook();
    let definition = runbook.step(step);
    let siblings = runbook.step_indices().filter(|&other| {
        let other = runbook.step(other);
        other.home == definition.home && other.parent == definition.parent
    });
    let (before, count) = siblings.fold((0, 0), |(before, count), other| {
        (before + usize::from(other < step), count + 1)
    });
    format!("step {} of {count}", before + 1)
}

/// Who does a step: the operator, with the role that makes it theirs.
pub(super) fn owner(app: &App, step: StepIndex) -> Option<String> {
    let runbook = app.run.runbook();
    let definition = runbook.step(step);
    let of_section = match definition.home {
        Home::Section(at) | Home::Option(at, _) => runbook.section(at).role.as_ref(),
        Home::Rollback(_) | Home::Upkeep(_) => None,
    };
    let role = definition.role.as_ref().or(of_section)?;
    Some(
        app.run
            .operator_of(role)
            .map_or_else(|| role.clone(), |who| format!("{who} ({role})")),
    )
}

fn level_words(command: &Command) -> String {
    let unlabelled = if command.level_written {
        ""
    } else {
        " (unlabelled)"
    };
    format!("{}{unlabelled}", command.level.name())
}

/// How the level of a command looks: the less it can be taken back, the louder.
pub(super) fn level_style(theme: &Theme, level: Level) -> Style {
    match level {
        Level::Safe => theme.dim,
        Level::Changes => theme.text,
        Level::Destructive => theme.warning,
        Level::Ponr => theme.alarm,
    }
}

/// The first key of an action, or how it is reached without one.
pub(super) fn key(app: &App, action: Action) -> String {
    app.bindings
        .key_of(action)
        .map_or_else(|| ":".to_owned(), |key| key.to_string())
}

fn draw_command(app: &App, theme: &Theme, page: &mut Page<'_>, command: &Command, most: usize) {
    let cells = usize::from(page.rest().width).saturating_sub(4);
    let mut lines = wrapped(&command.run, cells);
    let hidden = lines.len().saturating_sub(most);
    lines.truncate(most);
    let extras = usize::from(command.dir.is_some()) + usize::from(hidden > 0);
    let area = page.take(lines.len() + extras + 2);
    let keys = format!(
        "{} runs  {} copies",
        key(app, Action::RunCommand),
        key(app, Action::Copy)
    );
    let inner = panel(
        theme,
        area,
        page.buffer(),
        Titles {
            left: "Command",
            right: &keys,
            ..Titles::default()
        },
    );
    let mut page = Page::new(page.buffer(), inner);
    for line in &lines {
        page.pen().skip(1).put(line, theme.strong);
    }
    if hidden > 0 {
        let more = format!(
            "… {hidden} more lines: {} copies all of it",
            key(app, Action::Copy)
        );
        page.pen().skip(1).put(&more, theme.dim);
    }
    if let Some(dir) = &command.dir {
        page.pen()
            .skip(1)
            .put("in ", theme.dim)
            .put(dir, theme.text);
    }
}

/// How long an attempt has been running, or ran.
pub(super) fn elapsed(app: &App, attempt: &Attempt) -> Duration {
    if attempt.is_running() {
        between(attempt.started, app.now.wall)
    } else {
        Duration::from_millis(attempt.took_ms)
    }
}

/// What an attempt of this command usually takes.
pub(super) fn usual_time(app: &App, attempt: &Attempt) -> Option<Duration> {
    match attempt.step {
        Some(step) => Some(app.run.usual_time(step, attempt.direction)?.time),
        None => None,
    }
}

/// `[######......] 1:12   usual 2m30s   limit 10m`, the limits on a line of their own where it is narrow.
fn time_lines(
    app: &App,
    theme: &Theme,
    command: &Command,
    attempt: &Attempt,
    cells: usize,
) -> Vec<Vec<Span<'static>>> {
    let elapsed = elapsed(app, attempt);
    let usual = usual_time(app, attempt);
    let expected = usual.or(command.timeout);
    let late = expected.is_some_and(|expected| elapsed > expected + expected / 10);
    let style = if late { theme.warning } else { theme.text };
    let mut clock = Vec::new();
    if let Some(expected) = expected {
        let share = elapsed.as_secs_f64() / expected.as_secs_f64().max(0.001);
        clock.push(span(bar(theme, share, (cells / 3).clamp(4, 24)), style));
        clock.push(span(" ", theme.text));
    }
    clock.push(span(stopwatch(elapsed), style));
    let mut limits = Vec::new();
    if let Some(usual) = usual {
        let over = elapsed.saturating_sub(usual);
        // Less than a tenth more is as usual.
        let (over, style) = if over > usual / 10 && over >= Duration::from_secs(1) {
            (format!(", {} over", short_duration(over)), theme.warning)
        } else {
            (String::new(), theme.dim)
        };
        limits.push(span(
            format!("usual {}{over}   ", short_duration(usual)),
            style,
        ));
    }
    let timeout = command.timeout.map_or_else(
        || "no time limit".to_owned(),
        |timeout| format!("limit {}", short_duration(timeout)),
    );
    limits.push(span(timeout, theme.dim));
    if cells < NARROW_FACTS {
        return vec![clock, limits];
    }
    clock.push(span("   ", theme.text));
    clock.extend(limits);
    vec![clock]
}

/// `due T+24:00:00, about 16:15:00Z (in 22m)`
fn due_words(app: &App, at: SignedDuration) -> (String, bool) {
    let moment = app.run.clock.wall_of(at, app.now.wall);
    let ahead = moment.duration_since(app.now.wall);
    let late = ahead.is_negative();
    let distance = short_duration(Duration::from_secs(ahead.as_secs().unsigned_abs()));
    let relation = if late {
        format!("{distance} ago")
    } else {
        format!("in {distance}")
    };
    (
        format!(
            "{}, about {}Z ({relation})",
            signed_clock("T", at),
            wall(moment)
        ),
        late,
    )
}

/// What an attempt was, when it wasn't the step's command itself.
fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Run => "",
        Direction::Undo => "undo, ",
    }
}

/// Whether nothing more is to be said about how a step stands than its mark.
fn is_plain(status: Status) -> bool {
    matches!(status, Status::Todo | Status::Running)
}
