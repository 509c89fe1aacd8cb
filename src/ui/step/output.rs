//! What a command printed: the newest lines, or older ones when scrolled back.
//!
//! Only the lines that are seen are built, so that ten thousand kept lines cost nothing.

use std::ops::Range;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use super::{direction_word, elapsed, key, usual_time};
use crate::app::App;
use crate::app::keys::Action;
use crate::app::output::{Colour, Line, Look, Output};
use crate::journal::{Direction, Outcome};
use crate::run::Attempt;
use crate::runbook::text::count;
use crate::ui::page::{Page, padded, wrapped};
use crate::ui::panel::{Titles, panel};
use crate::ui::pen::Pen;
use crate::ui::text::{age, stopwatch, visible, width};
use crate::ui::theme::{ColourDepth, Theme};

/// A running command that has been silent for so long is flagged, never killed: some have nothing to say.
const SILENCE: Duration = Duration::from_secs(60);

/// Where it is known what a command usually takes, silence for longer than all of that is flagged; but not before so
/// long, because a command of half a second may once take two.
const SHORTEST_SILENCE: Duration = Duration::from_secs(10);

/// Draws the output of an attempt into all that is left of the page.
///
/// ```text
/// ┌─ Output ─────────────────────────── RUNNING 1:12  pid 48113 ─┐
/// │ deployment.apps/api image updated                            │
/// │ following   last line 4s ago   18 lines                      │
/// └──────────────────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, page: &mut Page<'_>, attempt: &Attempt) {
    let area = page.rest();
    let (state, style) = state(app, theme, attempt);
    let title = if attempt.direction == Direction::Undo {
        "Output of the undo"
    } else {
        "Output"
    };
    let titles = Titles {
        left: title,
        right: &state,
        right_style: Some(style),
        focused: true,
    };
    let inner = if area.height > 4 {
        panel(theme, area, page.buffer(), titles)
    } else {
        area
    };
    let inner = padded(inner);
    let Some((last, lines)) = inner.height.checked_sub(1).map(|lines| {
        (
            Rect {
                y: inner.y + lines,
                height: 1,
                ..inner
            },
            Rect {
                height: lines,
                ..inner
            },
        )
    }) else {
        return;
    };
    match app.outputs.get(attempt.number) {
        Some(output) => {
            draw_lines(app, theme, page.buffer(), lines, output);
            draw_status(
                app,
                theme,
                &mut Pen::new(page.buffer(), last, 0),
                attempt,
                output,
            );
        }
        None => draw_forgotten(theme, &mut page.part(inner), attempt),
    }
}

/// What the panel's corner says of the attempt.
fn state(app: &App, theme: &Theme, attempt: &Attempt) -> (String, Style) {
    let time = stopwatch(elapsed(app, attempt));
    let undo = direction_word(attempt.direction);
    match &attempt.outcome {
        None if attempt.interrupted => {
            let kill = app
                .kill_in(attempt.number)
                .map_or_else(String::new, |left| {
                    // Rounded up, so that the last second reads 1 and never 0.
                    format!("  KILL in {} s", left.as_millis().div_ceil(1_000))
                });
            (format!("{undo}STOPPING {time}{kill}"), theme.warning)
        }
        None => {
            let pid = app
                .pids
                .get(&attempt.number)
                .map_or_else(String::new, |pid| format!("  pid {pid}"));
            (format!("{undo}RUNNING {time}{pid}"), theme.accent)
        }
        Some(outcome) => {
            let style = if outcome.is_success() {
                theme.good
            } else {
                theme.alarm
            };
            let time = match outcome.was_seen() {
                true => format!(" after {time}"),
                false => String::new(),
            };
            (format!("{undo}{}{time}", in_short(outcome)), style)
        }
    }
}

/// An outcome for a panel's corner; what it means stands with the facts.
fn in_short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code } => format!("exit {code}"),
        Outcome::Signalled { signal } => format!("signal {signal}"),
        Outcome::NotStarted { .. } => "not started".to_owned(),
        Outcome::Stopped => "stopped".to_owned(),
        Outcome::Unknown { .. } => "UNKNOWN".to_owned(),
    }
}

fn draw_lines(app: &App, theme: &Theme, buffer: &mut Buffer, area: Rect, output: &Output) {
    let rows = usize::from(area.height);
    let kept = output.lines.len();
    // While following, the unfinished line is the last one; scrolled back, whole lines only, as the search counts.
    let partial = output
        .partial
        .as_ref()
        .filter(|_| app.view.scroll_back == 0);
    let whole_rows = rows.saturating_sub(usize::from(partial.is_some()));
    let end = kept
        .saturating_sub(app.view.scroll_back)
        .max(whole_rows.min(kept));
    let start = end.saturating_sub(whole_rows);
    let needle = app.view.search.to_lowercase();
    let lines = output.lines.range(start..end).chain(partial);
    let mut folded: Vec<Row> = lines
        .flat_map(|line| fold(theme, line, &needle, usize::from(area.width)))
        .collect();
    // A line may take several rows; the end is what is read first. Scrolled to the very start, its start is.
    let too_many = folded.len().saturating_sub(rows);
    if start == 0 && app.view.scroll_back > 0 && app.view.scroll_back + whole_rows >= kept {
        folded.truncate(rows);
    } else {
        folded.drain(..too_many);
    }
    for (row, cells) in (0..).zip(&folded) {
        let mut pen = Pen::new(buffer, area, row);
        for (text, style) in cells {
            pen.put(text, *style);
        }
    }
}

/// What one row of the screen shows of a line.
type Row = Vec<(String, Style)>;

/// Breaks a line into rows of so many cells, with what is searched marked; nothing of it is cut off, because the end of
/// an error's line is where its reason stands.
fn fold(theme: &Theme, line: &Line, needle: &str, cells: usize) -> Vec<Row> {
    let marks = found(line, needle);
    let mark = theme.selection.add_modifier(Modifier::BOLD);
    let mut rows = vec![Row::new()];
    let (mut taken, mut at) = (0, 0);
    for piece in &line.pieces {
        let style = style_of(theme, piece.look);
        for grapheme in visible(&piece.text).graphemes(true) {
            let wide = width(grapheme);
            if taken + wide > cells.max(1) && taken > 0 {
                rows.push(Row::new());
                taken = 0;
            }
            let is_found = marks.iter().any(|range| range.contains(&at));
            let style = if is_found { style.patch(mark) } else { style };
            push_styled(&mut rows, grapheme, style);
            taken += wide;
            at += grapheme.len();
        }
    }
    rows
}

/// Adds to the last piece of the last row where it looks the same.
fn push_styled(rows: &mut [Row], grapheme: &str, style: Style) {
    let Some(row) = rows.last_mut() else { return };
    match row.last_mut() {
        Some((text, last)) if *last == style => text.push_str(grapheme),
        _ => row.push((grapheme.to_owned(), style)),
    }
}

/// Where the searched text stands in a line as it is shown, in bytes.
fn found(line: &Line, needle: &str) -> Vec<Range<usize>> {
    if needle.is_empty() {
        return Vec::new();
    }
    let text: String = line
        .pieces
        .iter()
        .map(|piece| visible(&piece.text))
        .collect();
    let lowered = text.to_lowercase();
    // Few letters change their length with their case; a line that has one goes without marks rather than with
    // marks at the wrong place.
    if lowered.len() != text.len() {
        return Vec::new();
    }
    let starts = lowered.match_indices(needle).map(|(at, _)| at);
    starts.map(|at| at..at + needle.len()).collect()
}

fn draw_status(app: &App, theme: &Theme, pen: &mut Pen<'_>, attempt: &Attempt, output: &Output) {
    let follow = key(app, Action::Follow);
    match app.view.scroll_back {
        0 if attempt.is_running() => pen.put("following", theme.dim),
        0 => pen.put("ended", theme.dim),
        lines => pen.put(
            &format!(
                "{} before the end, {follow} follows",
                count(lines, "line", "lines")
            ),
            theme.accent,
        ),
    };
    if let Some(last) = output.last.filter(|_| attempt.is_running()) {
        let silent = app.now.monotonic.saturating_sub(last);
        let usual = usual_time(app, attempt);
        let patience = usual.map_or(SILENCE, |usual| usual.max(SHORTEST_SILENCE));
        if silent >= patience {
            let than = usual.map_or("", |_| ", longer than it usually takes");
            pen.put(
                &format!("   silent for {}{than}", age(silent)),
                theme.warning,
            );
        } else {
            pen.put(&format!("   last line {} ago", age(silent)), theme.dim);
        }
    }
    pen.put(
        &format!("   {}", count(output.total(), "line", "lines")),
        theme.dim,
    );
    if output.skipped > 0 {
        pen.put(
            &format!("   the first {} not kept here", output.skipped),
            theme.warning,
        );
    }
    if !app.view.search.is_empty() {
        pen.put(&format!("   search: {}", app.view.search), theme.dim);
    }
}

/// An attempt of an earlier session, or one too old to be kept in memory.
fn draw_forgotten(theme: &Theme, page: &mut Page<'_>, attempt: &Attempt) {
    if let Some(line) = &attempt.last_line {
        page.pen().put("its last line:", theme.dim);
        for line in wrapped(line, page.cells()) {
            page.pen().put(&line, theme.text);
        }
    }
    let words = if attempt.is_running() {
        "nothing printed yet"
    } else {
        "its output isn't held in memory: the run's folder has all of it"
    };
    page.pen().put(words, theme.dim);
}

/// How a piece of foreign output looks here: its own colours where the terminal has them, never our background.
fn style_of(theme: &Theme, look: Look) -> Style {
    let flags = [
        (look.bold, Modifier::BOLD),
        (look.dim, Modifier::DIM),
        (look.italic, Modifier::ITALIC),
        (look.underline, Modifier::UNDERLINED),
        (look.reverse, Modifier::REVERSED),
    ];
    let mut style = Style::new();
    for (_, modifier) in flags.into_iter().filter(|(on, _)| *on) {
        style = style.add_modifier(modifier);
    }
    let depth = theme.palette.depth;
    style.fg = look.foreground.and_then(|colour| colour_at(depth, colour));
    style.bg = look.background.and_then(|colour| colour_at(depth, colour));
    style
}

/// The colour if the terminal has it. A missing one is left out rather than replaced: nothing depends on it.
fn colour_at(depth: ColourDepth, colour: Colour) -> Option<Color> {
    match (depth, colour) {
        (ColourDepth::None, _) => None,
        (_, Colour::Indexed(index @ 0..=15)) => Some(Color::Indexed(index)),
        (ColourDepth::Ansi16, _) => None,
        (_, Colour::Indexed(index)) => Some(Color::Indexed(index)),
        (ColourDepth::TrueColour, Colour::Rgb(red, green, blue)) => {
            Some(Color::Rgb(red, green, blue))
        }
        (ColourDepth::Indexed256, Colour::Rgb(..)) => None,
    }
}
