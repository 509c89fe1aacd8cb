//! The picker: open runs, runbooks, closed runs.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::page::{Page, put_spans, span, window};
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{age, between, fit, signed_clock, visible, wall, width};
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
        draw_help(theme, &mut Page::new(page.buffer(), body));
    } else if rows.is_empty() {
        draw_nothing(picker, theme, &mut Page::new(page.buffer(), body));
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

fn groups(rows: &[PickerRow]) -> Vec<Group> {
    let kinds: [(&str, &str, fn(&PickerRow) -> bool); 3] = [
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
    let name_cells = rows
        .iter()
        .map(|&row| width(&visible(name(picker, row))))
        .max()
        .unwrap_or(0)
        .min(MOST_NAME_CELLS);
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
        pen.column(name(picker, rows[position]), name_cells, style)
            .skip(2);
        draw_row(picker, theme, &mut pen, rows[position]);
    }
}

fn name(picker: &Picker, row: PickerRow) -> &str {
    match row {
        PickerRow::Open(at) | PickerRow::Closed(at) => &picker.runs[at].id,
        PickerRow::Runbook(at) => &picker.runbooks[at].name,
    }
}

fn draw_row(picker: &Picker, theme: &Theme, pen: &mut Pen<'_>, row: PickerRow) {
    match row {
        PickerRow::Open(at) => draw_open(picker, theme, pen, &picker.runs[at]),
        PickerRow::Runbook(at) => draw_runbook(picker, theme, pen, &picker.runbooks[at]),
        PickerRow::Closed(at) => draw_closed(theme, pen, &picker.runs[at]),
    }
}

/// `Kestrel v2.41.0   prod-eu   T-00:28:00 pre-launch 28/63      6s bo`
fn draw_open(picker: &Picker, theme: &Theme, pen: &mut Pen<'_>, run: &PickerRun) {
    pen.skip(0).right(" ", theme.text);
    let last = run.last.map_or_else(String::new, |last| {
        format!("{} ago", age(between(last, picker.now)))
    });
    let (state, style) = open_words(theme, run);
    let by = run
        .held_by
        .as_ref()
        .map_or_else(|| run.by.clone(), |holder| format!("held by {holder}"));
    let by_style = if run.held_by.is_some() {
        theme.warning
    } else {
        theme.dim
    };
    if pen.room() > 50 {
        pen.right(&fit(&visible(&by), 22), by_style);
        pen.right(&format!("{last:>9}"), theme.dim);
    }
    let (title, environment) = title_cells(pen.room(), width(&state));
    pen.column(&run.title, title, theme.text).skip(1);
    draw_environment(theme, pen, run, environment);
    pen.put(&state, style);
}

/// Cells for title and environment when this much is needed behind them.
fn title_cells(room: usize, needed: usize) -> (usize, usize) {
    let environment = if room > needed + 30 { 10 } else { 0 };
    (
        room.saturating_sub(needed + environment + 3).clamp(4, 30),
        environment,
    )
}

fn draw_environment(theme: &Theme, pen: &mut Pen<'_>, run: &PickerRun, cells: usize) {
    if cells == 0 {
        return;
    }
    let (words, style) = match run.mode {
        Mode::Live => (run.environment.as_str(), theme.text),
        Mode::Drill => ("DRILL", theme.accent),
    };
    pen.column(words, cells, style).skip(1);
}

/// What has to be known of an open run: trouble first.
fn open_words(theme: &Theme, run: &PickerRun) -> (String, Style) {
    let progress = format!("{}/{}", run.progress.done, run.progress.total);
    let clock = signed_clock("T", run.t);
    if let Some(why) = &run.damaged {
        return (format!("READ-ONLY: {why}"), theme.alarm);
    }
    if run.pending_triggers > 0 {
        return (format!("{clock} TRIGGER FIRED, decide"), theme.alarm);
    }
    if run.overdue > 0 {
        return (
            format!("{progress}, {} OVERDUE", run.overdue),
            theme.warning,
        );
    }
    match run.state {
        RunState::RollingBack => (format!("{clock} ROLLING BACK"), theme.alarm),
        RunState::Holding => (format!("{clock} HOLDING {progress}"), theme.warning),
        state => (format!("{clock} {} {progress}", state.name()), theme.text),
    }
}

/// `Kestrel launch   36+9+18 steps  2 ways back   4 drills, 2d ago   lint ok`
fn draw_runbook(picker: &Picker, theme: &Theme, pen: &mut Pen<'_>, runbook: &PickerRunbook) {
    pen.skip(0).right(" ", theme.text);
    let (lint, style) = match (runbook.errors, runbook.warnings) {
        (0, 0) => ("lint ok".to_owned(), theme.dim),
        (0, warnings) => (format!("lint {warnings} warn"), theme.text),
        (errors, _) => (format!("{errors} MISTAKES"), theme.alarm),
    };
    pen.right(&format!("{lint:>12}"), style);
    let drills = match (runbook.drills, runbook.last_drill) {
        (0, _) => "never drilled".to_owned(),
        (count, Some(last)) => format!(
            "{}, {} ago",
            counted(count, "drill"),
            age(between(last, picker.now))
        ),
        (count, None) => counted(count, "drill"),
    };
    if pen.room() > 56 {
        pen.right(
            &format!("{drills:<18}"),
            if runbook.drills == 0 {
                theme.warning
            } else {
                theme.dim
            },
        );
    }
    let [before, at, after] = runbook.steps;
    let steps = format!("{before}+{at}+{after} steps");
    let back = counted(runbook.rollbacks, "way") + " back";
    let needed = 15 + 2 + 11;
    pen.column(
        &runbook.title,
        pen.room().saturating_sub(needed).clamp(4, 34),
        theme.text,
    )
    .skip(1);
    pen.column(&steps, 15, theme.dim).skip(1).column(
        &back,
        12,
        if runbook.rollbacks == 0 {
            theme.warning
        } else {
            theme.dim
        },
    );
    if runbook.bundled {
        pen.put("", theme.dim);
    }
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// `Kestrel v2.40.3   prod-eu   LAUNCHED   2025-05-20`
fn draw_closed(theme: &Theme, pen: &mut Pen<'_>, run: &PickerRun) {
    pen.skip(0).right(" ", theme.text);
    let Some((ending, at)) = run.ended else {
        return;
    };
    pen.right(&at.strftime("%Y-%m-%d").to_string(), theme.dim);
    let (word, style) = match ending {
        Ending::Launched => ("LAUNCHED", theme.good),
        Ending::RolledBack => ("ROLLED BACK", theme.warning),
        Ending::Scrubbed => ("SCRUBBED", theme.dim),
    };
    let (title, environment) = title_cells(pen.room(), 12);
    pen.column(&run.title, title, theme.text).skip(1);
    draw_environment(theme, pen, run, environment);
    pen.put(word, style);
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
