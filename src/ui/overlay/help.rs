//! Help for the present screen, made from the table of bindings that the keys are read from.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Words, inner_cells, popup};
use crate::app::App;
use crate::app::keys::{Binding, Group, Key, Place};
use crate::run::Status;
use crate::ui::page::{Page, put_spans, span};
use crate::ui::panel::Titles;
use crate::ui::text::{pad, width};
use crate::ui::theme::Theme;

/// Cells of the keys in front of what they do.
const KEY_CELLS: usize = 16;

/// Cells around an entry's keys and words.
const ENTRY_GAPS: usize = 3;

const GROUPS: [Group; 6] = [
    Group::Act,
    Group::Count,
    Group::Move,
    Group::Write,
    Group::See,
    Group::Leave,
];

/// What each level asks for, as the dialogs do.
const LEVELS: [(&str, &str); 4] = [
    ("safe", "reads only: runs at once"),
    ("changes", "reversible: y"),
    (
        "destructive",
        "no cheap way back, and every unlabelled command: type the target's name",
    ),
    (
        "ponr",
        "point of no return: fresh GO, a second person, the target's name, 10 s",
    ),
];

/// What the header says in few letters.
const CLOCKS: [(&str, &str); 9] = [
    (
        "T",
        "procedure time: T-0 is the launch; stands still in a hold",
    ),
    ("L", "wall time to the launch; never stands still"),
    (
        "slip",
        "how much later than planned T-0 comes, holds taken in",
    ),
    ("UTC", "the time of day; every time of day here is in UTC"),
    (
        "HOLD in",
        "until the next planned hold, which waits for a GO",
    ),
    (
        "rollback est",
        "what going back takes, of the time it may take",
    ),
    ("decide by", "the last moment to go back within the window"),
    ("MUST a/b", "settled of those no launch goes without"),
    (
        "[!] [?]",
        "steps and checks that are wrong, that nobody can see",
    ),
];

const MARKS: [(Status, &str); 7] = [
    (Status::Todo, "to do"),
    (Status::Running, "running"),
    (Status::Done, "done"),
    (Status::Failed, "failed"),
    (Status::Unknown, "can't be known"),
    (Status::Waived, "waived"),
    (Status::NotApplicable, "doesn't apply"),
];

/// ```text
/// ┌─ Keys here: board ────────────── j k scroll, any other key closes ─┐
/// │ act                                                                │
/// │   space         record the item       x             run the command│
/// │ …                                                                  │
/// │ levels                                                             │
/// │   safe          reads only: runs at once                           │
/// └────────────────────────────────────────────────────────────────────┘
/// ```
pub fn draw(
    app: &App,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
    scrolled: usize,
) -> Option<Position> {
    let place = app.view.screen.place();
    let lines = lines(app, theme, place, inner_cells(area));
    let title = format!("Keys here: {}", place_name(place));
    let titles = Titles {
        left: &title,
        right: "j k scroll, any other key closes",
        ..Titles::default()
    };
    let inner = popup(theme, area, buffer, lines.len(), titles);
    let mut page = Page::new(buffer, inner);
    let from = scrolled.min(lines.len().saturating_sub(page.left()));
    let hidden = lines.len().saturating_sub(from + page.left());
    let shown = page.left().saturating_sub(usize::from(hidden > 0));
    for line in lines.iter().skip(from).take(shown) {
        put_spans(&mut page.pen(), line);
    }
    if hidden > 0 {
        page.pen()
            .put(&format!("… {} more lines below", hidden + 1), theme.dim);
    }
    None
}

fn place_name(place: Place) -> &'static str {
    match place {
        Place::Board => "board",
        Place::Step => "step",
        Place::Poll => "poll",
        Place::Rollback => "rollback",
        Place::Log => "log",
        Place::Timeline => "timeline",
    }
}

fn lines(app: &App, theme: &Theme, place: Place, cells: usize) -> Vec<Words> {
    let mut lines = Vec::new();
    for group in GROUPS {
        let members: Vec<&Binding> = app
            .bindings
            .at(place)
            .filter(|binding| binding.group == group)
            .collect();
        if members.is_empty() {
            continue;
        }
        lines.push(vec![span(group.title(), theme.title)]);
        lines.extend(entry_lines(theme, &members, cells));
    }
    lines.push(vec![
        span("header", theme.title),
        span("  the clocks and counts above every screen", theme.dim),
    ]);
    let clocks = CLOCKS.iter();
    lines.extend(clocks.map(|(word, means)| entry(theme, word, means, cells)));
    lines.push(vec![
        span("levels", theme.title),
        span("  what a command asks before it runs", theme.dim),
    ]);
    lines.extend(
        LEVELS
            .iter()
            .map(|(level, asks)| entry(theme, level, asks, cells)),
    );
    lines.push(vec![
        span("marks", theme.title),
        span("  colour repeats them, it never replaces them", theme.dim),
    ]);
    lines.extend(mark_lines(theme, cells));
    lines
}

/// Two bindings on a line where both are short enough, else one: nothing is cut for the sake of columns.
fn entry_lines(theme: &Theme, bindings: &[&Binding], cells: usize) -> Vec<Words> {
    let half = cells / 2;
    let is_short = |binding: &Binding| width(binding.name) + KEY_CELLS + ENTRY_GAPS <= half;
    let mut lines = Vec::new();
    let mut rest = bindings;
    while let [first, others @ ..] = rest {
        let mut line = entry(
            theme,
            &keys_of(first),
            first.name,
            if is_short(first) { half } else { cells },
        );
        rest = others;
        if let [second, others @ ..] = others
            && is_short(first)
            && is_short(second)
        {
            line.extend(entry(theme, &keys_of(second), second.name, half));
            rest = others;
        }
        lines.push(line);
    }
    lines
}

/// The keys of a binding; one without any is reached through the palette.
fn keys_of(binding: &Binding) -> String {
    if binding.keys.is_empty() {
        return ": palette".to_owned();
    }
    binding
        .keys
        .iter()
        .map(Key::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

fn entry(theme: &Theme, key: &str, does: &str, cells: usize) -> Words {
    let rest = cells.saturating_sub(KEY_CELLS + ENTRY_GAPS);
    vec![
        span("  ", theme.text),
        span(pad(key, KEY_CELLS), theme.key),
        span(pad(does, rest), theme.text),
        span(" ", theme.text),
    ]
}

fn mark_lines(theme: &Theme, cells: usize) -> Vec<Words> {
    let marks = MARKS.iter().map(|(status, word)| {
        [
            span(format!("  {}", status.mark()), theme.status(*status)),
            span(pad(&format!(" {word}"), 16), theme.text),
        ]
    });
    let per_line = (cells / 21).max(1);
    let marks: Vec<_> = marks.collect();
    marks
        .chunks(per_line)
        .map(|row| row.iter().flatten().cloned().collect())
        .collect()
}
