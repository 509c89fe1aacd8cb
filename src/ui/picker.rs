//! The picker: open runs, runbooks, closed runs.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::page::{Page, put_spans, span, window};
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{age, between, pad, signed_clock, visible, wall, width};
use super::theme::Theme;
use crate::app::picker::{Picker, PickerRow, PickerRun, PickerRunbook};
use crate::journal::{Ending, Mode};
use crate::run::progress::RunState;

/// Below this many columns or rows everything is one list without borders.
const SMALLEST_PANELS: (u16, u16) = (50, 16);

/// The most cells that names of runs and runbooks take.
const MOST_NAME_CELLS: usize = 24;

/// Draws the whole screen of the picker.
///
/// ```text
/// tminus 0.1.0                                           15:31:02 UTC
/// ┌─ Open runs ──────────────────────────────────── enter resumes ─┐
/// │ > k41  kestrel v2.41.0  prod-eu  T-00:28:00 pre-launch  6s bo   │
/// └─────────────────────────────────────────────────────────────────┘
/// ┌─ Runbooks ─────────────────────── n starts a run, d a drill ─┐
/// │   kestrel  Kestrel launch   36+9+18 steps   4 drills          │
/// └───────────────────────────────────────────────────────────────┘
/// enter open  n new  d drill  w watch  / filter  q quit  ? help
/// ```
pub fn draw(picker: &Picker, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let mut page = Page::new(buffer, area);
    draw_head(picker, theme, &mut page.pen());
    let body = page.take(page.left().saturating_sub(2));
    let rows = picker.rows();
    if picker.help {
        draw_help(theme, &mut page.part(body));
    } else if rows.is_empty() {
        draw_nothing(picker, theme, &mut page.part(body));
    } else if body.width < SMALLEST_PANELS.0 || area.height < SMALLEST_PANELS.1 {
        draw_list(picker, theme, page.buffer(), body, &rows, 0);
    } else {
        draw_panels(picker, theme, page.buffer(), body, &rows);
    }
    draw_message(picker, theme, &mut page.pen());
    draw_keys(theme, &mut page.pen());
    theme.finish(frame.buffer_mut());
}

fn draw_head(picker: &Picker, theme: &Theme, pen: &mut Pen<'_>) {
    pen.right(&format!("{} UTC", wall(picker.now)), theme.dim);
    pen.put(concat!("tminus ", env!("CARGO_PKG_VERSION")), theme.title);
}

/// A heading, its hint, and the positions of its rows in the list of all rows.
struct Group {
    title: &'static str,
    hint: &'static str,
    first: usize,
    count: usize,
}

/// A heading, its hint, and which rows stand under it.
type Kind = (&'static str, &'static str, fn(&PickerRow) -> bool);

fn groups(rows: &[PickerRow]) -> Vec<Group> {
    let kinds: [Kind; 3] = [
        ("Open runs", "enter goes on where it was left", |row| {
            matches!(row, PickerRow::Open(_))
        }),
        ("Runbooks", "n starts a run, d a drill", |row| {
            matches!(row, PickerRow::Runbook(_))
        }),
        ("Closed", "enter looks at it", |row| {
            matches!(row, PickerRow::Closed(_))
        }),
    ];
    let groups = kinds.into_iter().filter_map(|(title, hint, is_member)| {
        let first = rows.iter().position(is_member)?;
        Some(Group {
            title,
            hint,
            first,
            count: rows.iter().filter(|row| is_member(row)).count(),
        })
    });
    groups.collect()
}

fn draw_panels(
    picker: &Picker,
    theme: &Theme,
    buffer: &mut Buffer,
    area: Rect,
    rows: &[PickerRow],
) {
    let groups = groups(rows);
    let cursor = picker.cursor.min(rows.len() - 1);
    let here = groups
        .iter()
        .position(|group| (group.first..group.first + group.count).contains(&cursor))
        .unwrap_or(0);
    let counts: Vec<usize> = groups.iter().map(|group| group.count).collect();
    let shares = shared_rows(&counts, here, usize::from(area.height));
    let mut page = Page::new(buffer, area);
    for (position, (group, share)) in groups.iter().zip(shares).enumerate() {
        let area = page.take(share + 2);
        let hidden = group.count.saturating_sub(share);
        let hint = if hidden > 0 {
            format!("{hidden} more, / filters")
        } else {
            group.hint.to_owned()
        };
        let titles = Titles {
            left: group.title,
            right: &hint,
            focused: position == here,
            ..Titles::default()
        };
        let inner = panel(theme, area, page.buffer(), titles);
        let members = &rows[group.first..group.first + group.count];
        draw_list(picker, theme, page.buffer(), inner, members, group.first);
    }
}

/// How many rows each panel gets: all of its own, less where there isn't room, the panel under the cursor last.
fn shared_rows(counts: &[usize], here: usize, lines: usize) -> Vec<usize> {
    let mut shares = counts.to_vec();
    let room = lines.saturating_sub(2 * counts.len());
    while shares.iter().sum::<usize>() > room {
        let others = (0..shares.len()).filter(|&at| at != here && shares[at] > 1);
        let Some(largest) = others
            .max_by_key(|&at| shares[at])
            .or((shares[here] > 1).then_some(here))
        else {
            break;
        };
        // Halfway to the room in one step when far above it: a closed list may hold thousands.
        let excess = shares.iter().sum::<usize>() - room;
        shares[largest] = shares[largest].saturating_sub(excess.div_ceil(2)).max(1);
    }
    shares
}

/// Rows one below the other; `first` is the position of the first among all rows.
fn draw_list(
    picker: &Picker,
    theme: &Theme,
    buffer: &mut Buffer,
    area: Rect,
    rows: &[PickerRow],
    first: usize,
) {
    let columns = Columns::of(picker, theme, rows);
    let cursor = picker
        .cursor
        .checked_sub(first)
        .filter(|&cursor| cursor < rows.len());
    let mut page = Page::new(buffer, area);
    for position in window(cursor.unwrap_or(0), rows.len(), page.left()) {
        let mut pen = page.pen();
        let pointed = cursor == Some(position);
        if pointed {
            pen.shade(theme.selection);
        }
        pen.skip(1)
            .column(if pointed { ">" } else { "" }, 2, theme.accent);
        let style = if pointed { theme.strong } else { theme.text };
        pen.column(name(picker, rows[position]), columns.name, style)
            .skip(2);
        pen.right(" ", theme.text);
        draw_row(picker, theme, &mut pen, rows[position], columns);
    }
}

/// Widths of the columns that several rows share, as wide as the widest of them needs.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    name: usize,
    environment: usize,
    word: usize,
    by: usize,
}

impl Columns {
    fn of(picker: &Picker, theme: &Theme, rows: &[PickerRow]) -> Self {
        let mut columns = Self::default();
        let widest =
            |so_far: usize, text: &str, most: usize| so_far.max(width(&visible(text))).min(most);
        for &row in rows {
            columns.name = widest(columns.name, name(picker, row), MOST_NAME_CELLS);
            let (PickerRow::Open(at) | PickerRow::Closed(at)) = row else {
                continue;
            };
            let run = &picker.runs[at];
            columns.environment = widest(columns.environment, environment_words(theme, run).0, 12);
            columns.word = widest(columns.word, &state_word(theme, run).0, 14);
            columns.by = widest(columns.by, holder(run), 16);
        }
        columns
    }
}

fn name(picker: &Picker, row: PickerRow) -> &str {
    match row {
        PickerRow::Open(at) | PickerRow::Closed(at) => &picker.runs[at].id,
        PickerRow::Runbook(at) => &picker.runbooks[at].name,
    }
}

fn draw_row(picker: &Picker, theme: &Theme, pen: &mut Pen<'_>, row: PickerRow, columns: Columns) {
    match row {
        PickerRow::Open(at) => draw_open(picker, theme, pen, &picker.runs[at], columns),
        PickerRow::Runbook(at) => draw_runbook(picker, theme, pen, &picker.runbooks[at]),
        PickerRow::Closed(at) => draw_closed(theme, pen, &picker.runs[at], columns),
    }
}

/// Below so many cells behind its name an open run is only its title and its trouble.
const SHORT_ROW: usize = 56;

/// `Kestrel v2.41.0   prod-eu   T-00:28 28/63  HOLDING      6s bo`
fn draw_open(picker: &Picker, theme: &Theme, pen: &mut Pen<'_>, run: &PickerRun, columns: Columns) {
    let (word, style) = state_word(theme, run);
    if pen.room() < SHORT_ROW {
        pen.right(&word, style).put(&run.title, theme.text);
        return;
    }
    let by_style = if run.held_by.is_some() {
        theme.warning
    } else {
        theme.dim
    };
    pen.right(&pad(&visible(holder(run)), columns.by), by_style);
    let last = run
        .last
        .map_or_else(String::new, |last| age(between(last, picker.now)));
    pen.right(&format!("{last:>6}"), theme.dim);
    pen.right(&pad(&word, columns.word), style);
    pen.right(
        &format!(
            "{:>6} ",
            format!("{}/{}", run.progress.done, run.progress.total)
        ),
        theme.text,
    );
    let clock = signed_clock("T", run.t);
    // To the minute: a list of runs isn't where seconds are counted down.
    pen.right(
        &format!("{:<7}", &clock[..clock.len().saturating_sub(3)]),
        theme.text,
    );
    let (environment, style) = environment_words(theme, run);
    pen.right(&pad(&visible(environment), columns.environment), style);
    pen.put(&run.title, theme.text);
}

/// Who has the run open, else who acted in it last.
fn holder(run: &PickerRun) -> &str {
    run.held_by.as_deref().unwrap_or(&run.by)
}

fn environment_words<'a>(theme: &Theme, run: &'a PickerRun) -> (&'a str, Style) {
    match run.mode {
        Mode::Live => (&run.environment, theme.text),
        Mode::Drill => ("DRILL", theme.accent),
    }
}

/// What has to be known of an open run, in a word: trouble first.
fn state_word(theme: &Theme, run: &PickerRun) -> (String, Style) {
    let said = |word: &str, style| (word.to_owned(), style);
    if run.damaged.is_some() {
        return said("READ-ONLY", theme.alarm);
    }
    if run.pending_triggers > 0 {
        return said("TRIGGER FIRED", theme.alarm);
    }
    match run.state {
        RunState::RollingBack => said("ROLLING BACK", theme.alarm),
        _ if run.overdue > 0 => (format!("{} OVERDUE", run.overdue), theme.warning),
        RunState::Holding => said("HOLDING", theme.warning),
        _ if run.held_by.is_some() => said("HELD", theme.warning),
        state => said(state.name(), theme.text),
    }
}

/// `Kestrel launch   36+9+18 steps  2 ways back   4 drills, 2d ago   lint ok`
fn draw_runbook(picker: &Picker, theme: &Theme, pen: &mut Pen<'_>, runbook: &PickerRunbook) {
    let (lint, style) = match (runbook.errors, runbook.warnings) {
        (0, 0) => ("lint ok".to_owned(), theme.dim),
        (0, warnings) => (format!("lint {warnings} warn"), theme.text),
        (errors, _) => (format!("{errors} MISTAKES"), theme.alarm),
    };
    pen.right(&format!("{lint:>12}"), style);
    if runbook.errors > 0 || pen.room() < SHORT_ROW - 16 {
        pen.put(&runbook.title, theme.text);
        return;
    }
    let drills = match (runbook.drills, runbook.last_drill) {
        (0, _) => "never drilled".to_owned(),
        (count, Some(last)) => format!(
            "{}, {}",
            counted(count, "drill"),
            age(between(last, picker.now))
        ),
        (count, None) => counted(count, "drill"),
    };
    pen.right(
        &format!("{drills:<16}"),
        if runbook.drills == 0 {
            theme.warning
        } else {
            theme.dim
        },
    );
    if pen.room() > 56 {
        let back = counted(runbook.rollbacks, "way") + " back";
        pen.right(
            &format!("{back:<12}"),
            if runbook.rollbacks == 0 {
                theme.warning
            } else {
                theme.dim
            },
        );
    }
    let [before, at, after] = runbook.steps;
    pen.right(
        &format!("{:<14}", format!("{before}+{at}+{after} steps")),
        theme.dim,
    );
    pen.put(&runbook.title, theme.text);
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// `Kestrel v2.40.3   prod-eu   LAUNCHED   2025-05-20`
fn draw_closed(theme: &Theme, pen: &mut Pen<'_>, run: &PickerRun, columns: Columns) {
    let Some((ending, at)) = run.ended else {
        return;
    };
    pen.right(&at.strftime("%Y-%m-%d").to_string(), theme.dim);
    let (word, style) = match ending {
        Ending::Launched => ("LAUNCHED", theme.good),
        Ending::RolledBack => ("ROLLED BACK", theme.warning),
        Ending::Scrubbed => ("SCRUBBED", theme.dim),
    };
    pen.right(&format!("{word:<12}"), style);
    let (environment, style) = environment_words(theme, run);
    pen.right(&pad(&visible(environment), columns.environment), style);
    pen.put(&run.title, theme.text);
}

/// Nothing to show: because of the filter, or because there is nothing yet.
fn draw_nothing(picker: &Picker, theme: &Theme, page: &mut Page<'_>) {
    page.skip();
    if picker.filter.is_empty() {
        page.pen()
            .skip(1)
            .put("no runs and no runbooks yet", theme.strong);
        page.pen().skip(1).put(
            "`tminus demo` shows a launch in five minutes; `tminus init` writes a first runbook",
            theme.text,
        );
    } else {
        page.pen().skip(1).put(
            &format!("nothing has all of: {}", picker.filter),
            theme.strong,
        );
        page.pen().skip(1).put("esc clears the filter", theme.dim);
    }
}

fn draw_message(picker: &Picker, theme: &Theme, pen: &mut Pen<'_>) {
    if picker.filtering || !picker.filter.is_empty() {
        pen.put("/ ", theme.accent)
            .put(&picker.filter, theme.strong);
        pen.put(if picker.filtering { "_" } else { "" }, theme.accent);
        pen.skip(2).put(
            if picker.filtering {
                "enter keeps it, esc clears it"
            } else {
                "esc clears it"
            },
            theme.dim,
        );
    }
    if let Some(message) = &picker.message {
        pen.put(message, theme.warning);
    }
}

const KEYS: [(&str, &str); 7] = [
    ("enter", "open"),
    ("n", "new run"),
    ("d", "drill"),
    ("w", "watch"),
    ("/", "filter"),
    ("q", "quit"),
    ("?", "help"),
];

fn draw_keys(theme: &Theme, pen: &mut Pen<'_>) {
    for (key, does) in KEYS {
        if pen.room() > width(key) + width(does) {
            pen.put(key, theme.key)
                .put(" ", theme.dim)
                .put(does, theme.dim)
                .skip(2);
        }
    }
}

const HELP: [(&str, &str); 10] = [
    (
        "enter",
        "go on with an open run; look at a closed one; start a runbook",
    ),
    (
        "n",
        "start a run of the runbook under the cursor: asks for its variables",
    ),
    (
        "d",
        "rehearse it: same screens and keys, nothing is touched",
    ),
    ("w", "watch a run without being able to change it"),
    ("j k", "down, up; arrows do the same"),
    ("g G", "to the top, to the end"),
    ("/", "show only rows that hold every word typed"),
    ("esc", "clear the filter"),
    ("q", "quit; no run is changed by that"),
    (
        "",
        "one driver per run: a run that somebody else has open can only be watched",
    ),
];

fn draw_help(theme: &Theme, page: &mut Page<'_>) {
    let area = page.rest();
    let titles = Titles {
        left: "Keys here: picker",
        right: "any key closes",
        focused: true,
        ..Titles::default()
    };
    let inner = panel(theme, area, page.buffer(), titles);
    let mut page = Page::new(page.buffer(), inner);
    for (key, does) in HELP {
        let key = span(format!(" {key:<8}"), theme.key);
        put_spans(&mut page.pen(), &[key, span(does, theme.text)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panel_under_the_cursor_keeps_its_rows_longest() {
        assert_eq!(shared_rows(&[3, 5, 2], 0, 30), [3, 5, 2]);
        let shares = shared_rows(&[4, 5_000, 3_000], 0, 20);
        assert_eq!(shares[0], 4);
        assert!(
            shares.iter().sum::<usize>() <= 14 && shares.iter().all(|&share| share >= 1),
            "{shares:?}"
        );
        assert_eq!(
            shared_rows(&[9, 9, 9], 1, 3),
            [1, 1, 1],
            "never less than one row"
        );
    }
}
