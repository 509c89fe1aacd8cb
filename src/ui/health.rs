//! Checks as they are now. The age of each look is always visible; a look that is too old has no value any more.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::glance::Glance;
use super::page::{Page, wrapped_within};
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{filled, fit_facts, sample_age, short_duration, width};
use super::theme::{Theme, verdict_mark};
use super::unseen::{self, Shared};
use crate::app::App;
use crate::app::view::Panel;
use crate::check::{Reason, Verdict};
use crate::runbook::Proof;

/// Draws the checks.
///
/// ```text
/// ┌─ Health ──────────── 3 ok 1 warn 1 ? ─┐
/// │ [ok]   api /health       200 34ms  3s │
/// │ [warn] notion api      2.1s > 2s   9s │
/// │ [?]    crm              NO DATA 2m10s │
/// └───────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, _glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let verdicts = verdicts(app);
    let (right, right_style) = summary(theme, &verdicts);
    let focused = app.view.panel == Panel::Health;
    let titles = Titles {
        left: "Health",
        right: &right,
        right_style: Some(right_style),
        focused,
    };
    let inner = panel(theme, area, buffer, titles);
    let inner = Rect {
        width: inner.width.saturating_sub(1),
        ..inner
    };
    let reasons: Vec<_> = (0..verdicts.len())
        .map(|check| unseen::reason(app, Proof::Check(check)))
        .collect();
    let lines = arrange(&verdicts, &reasons, usize::from(inner.height));
    let mut page = Page::new(buffer, inner);
    for line in lines {
        match line {
            Line::Check(check) => draw_check(app, theme, check, verdicts[check], &mut page.pen()),
            Line::Rest(words) => {
                page.pen().skip(1).put(&words, theme.dim);
            }
            Line::Shared(group) => draw_shared(app, theme, &group, &mut page.pen()),
            Line::Member(check) => draw_member(app, theme, check, &mut page.pen()),
            Line::Names(checks, rows) => draw_names(app, theme, &checks, rows, &mut page),
        }
    }
}

/// A line of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// A check that stands for itself.
    Check(usize),
    /// What there was no room for.
    Rest(String),
    /// Checks that can't be seen for the same reason.
    Shared(Shared),
    /// One of those above it.
    Member(usize),
    /// Those above it by their names alone, in so many rows.
    Names(Vec<usize>, usize),
}

/// What is shown in so many rows: those that stand for themselves first, then each shared reason with as many of its
/// checks as there is room for. The reasons always have their row.
fn arrange(verdicts: &[Verdict], reasons: &[Option<Reason>], rows: usize) -> Vec<Line> {
    let (alone, groups) = unseen::shared(reasons, rows);
    let own: Vec<Verdict> = alone.iter().map(|&check| verdicts[check]).collect();
    let places = shown(&own, rows.saturating_sub(groups.len()));
    let mut lines: Vec<Line> = places
        .iter()
        .map(|&place| Line::Check(alone[place]))
        .collect();
    if places.len() < own.len() && lines.len() + groups.len() < rows {
        lines.push(Line::Rest(rest_words(&own, &places)));
    }
    let mut room = rows.saturating_sub(lines.len() + groups.len());
    for group in groups {
        let members = group.members.clone();
        lines.push(Line::Shared(group));
        if members.len() <= room {
            room -= members.len();
            lines.extend(members.into_iter().map(Line::Member));
        } else if room > 0 {
            lines.push(Line::Names(members, room));
            room = 0;
        }
    }
    lines
}

/// `[?]    27 × name not resolved    12s`
fn draw_shared(app: &App, theme: &Theme, group: &Shared, pen: &mut Pen<'_>) {
    let oldest = group
        .members
        .iter()
        .filter_map(|&check| app.live.check(check).age(app.now))
        .max();
    let mark = verdict_mark(Verdict::Unknown(group.reason));
    let cells = mark_cells(pen.room(), width(mark));
    pen.skip(1).column(mark, cells, theme.unknown);
    pen.right(
        &format!("{:>3}", oldest.map(sample_age).unwrap_or_default()),
        theme.dim,
    );
    let words = shared_words(group, oldest, pen.room());
    pen.put(&words, theme.unknown);
}

/// `27 × name not resolved`, shorter where that doesn't fit; what was never looked at is no trouble yet.
pub fn shared_words(group: &Shared, oldest: Option<Duration>, cells: usize) -> String {
    let number = group.members.len();
    if oldest.is_none() && group.reason == Reason::NoData {
        return format!("{number} not seen yet");
    }
    let long = format!("{number} × {}", unseen::long(group.reason));
    if width(&long) <= cells {
        long
    } else {
        format!("{number} × {}", unseen::short(group.reason))
    }
}

/// One of those that share a reason, and whom it asks in vain; quiet, because the reason above it is loud.
fn draw_member(app: &App, theme: &Theme, check: usize, pen: &mut Pen<'_>) {
    let title = filled(&app.run.runbook().checks[check].title, &app.run.variables);
    let room = pen.room();
    pen.skip(1 + mark_cells(room, 3));
    let whom = unseen::whom(app, Proof::Check(check));
    if width(&title) + width(&whom) + 2 <= pen.room() {
        pen.right(&whom, theme.dim);
    }
    pen.put(&title, theme.dim);
}

/// Who they are, where there isn't a line for each.
fn draw_names(app: &App, theme: &Theme, checks: &[usize], rows: usize, page: &mut Page<'_>) {
    let indent = 1 + mark_cells(page.cells(), 3);
    let names: Vec<_> = checks
        .iter()
        .map(|&check| filled(&app.run.runbook().checks[check].title, &app.run.variables))
        .collect();
    let cells = page.cells().saturating_sub(indent);
    for line in wrapped_within(&names.join(" · "), cells, rows) {
        page.pen().skip(indent).put(&line, theme.dim);
    }
}

/// Cells of a mark's column.
fn mark_cells(room: usize, mark: usize) -> usize {
    if room < NARROW { (mark + 1).max(5) } else { 7 }
}

/// The believed verdict of each check.
pub fn verdicts(app: &App) -> Vec<Verdict> {
    (0..app.run.runbook().checks.len())
        .map(|check| app.live.check(check).verdict(app.now))
        .collect()
}

/// `3 ok 1 warn 1 ! 1 ?`; nothing seen at all is said in a word, because it means us and not them.
fn summary(theme: &Theme, verdicts: &[Verdict]) -> (String, Style) {
    let count =
        |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| wanted(verdict)).count();
    let failed = count(|verdict| *verdict == Verdict::Fail);
    let unknown = count(|verdict| verdict.is_unknown());
    if unknown == verdicts.len() && unknown > 1 {
        return (format!("BLIND: {unknown} unseen"), theme.unknown);
    }
    let warned = count(|verdict| *verdict == Verdict::Warn);
    let mut words = vec![format!("{} ok", count(|verdict| *verdict == Verdict::Pass))];
    for (number, name) in [(warned, "warn"), (failed, "!"), (unknown, "?")] {
        if number > 0 {
            words.push(format!("{number} {name}"));
        }
    }
    let worst = verdicts
        .iter()
        .copied()
        .max_by_key(|&verdict| gravity(verdict))
        .unwrap_or(Verdict::Pass);
    let style = if worst == Verdict::Pass {
        theme.dim
    } else {
        theme.verdict(worst)
    };
    (words.join("  "), style)
}

/// How much attention a verdict needs; more is worse.
pub fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Warn => 1,
        Verdict::Unknown(_) => 2,
        Verdict::Fail => 3,
    }
}

/// Which positions are shown in so many rows: all in the runbook's order, so that each is found where it was; when
/// they don't fit the worst come first and one row is left to say what is missing.
pub fn shown(verdicts: &[Verdict], rows: usize) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..verdicts.len()).collect();
    if positions.len() > rows {
        positions.sort_by_key(|&position| std::cmp::Reverse(gravity(verdicts[position])));
        positions.truncate(rows.saturating_sub(1));
    }
    positions
}

/// `… 12 more ok`, or how many of them aren't.
pub fn rest_words(verdicts: &[Verdict], shown: &[usize]) -> String {
    let hidden = verdicts.len() - shown.len();
    let count = |positions: &mut dyn Iterator<Item = usize>| {
        positions.filter(|&at| gravity(verdicts[at]) > 0).count()
    };
    let abnormal = count(&mut (0..verdicts.len())) - count(&mut shown.iter().copied());
    match abnormal {
        0 => format!("… {hidden} more ok"),
        abnormal => format!("… {hidden} more, {abnormal} not ok (tab z)"),
    }
}

/// Panels narrower than this have narrower marks.
const NARROW: usize = 34;

fn draw_check(app: &App, theme: &Theme, check: usize, verdict: Verdict, pen: &mut Pen<'_>) {
    let state = app.live.check(check);
    let age_now = state.age(app.now);
    let style = theme.verdict(verdict);
    let title = filled(&app.run.runbook().checks[check].title, &app.run.variables);
    let mark = verdict_mark(verdict);
    let cells = mark_cells(pen.room(), width(mark));
    pen.skip(1).column(mark, cells, style);
    if let Verdict::Unknown(reason) = verdict {
        // Few words, so that which check it is isn't cut; whom it asks stands where there is room for all of it.
        let proof = Proof::Check(check);
        pen.right(&unseen::short_words(app, proof, reason), style);
        let whom = unseen::whom(app, proof);
        if width(&whom) + width(&title) + 2 <= pen.room() {
            pen.right(&whom, theme.dim);
        }
    } else if let Some((judgement, _)) = state.latest() {
        let age_now = age_now.map(sample_age).unwrap_or_default();
        pen.right(&format!("{age_now:>3}"), theme.dim);
        let took = short_duration(judgement.took);
        let streak = unseen::streak(app, check);
        let text_style = match (verdict, &streak) {
            (Verdict::Pass, None) => theme.text,
            (Verdict::Pass, Some(_)) => theme.warning,
            _ => style,
        };
        // What was seen last says the opposite of the mark; alone it would read as what is well.
        let seen = streak.as_ref().unwrap_or(&judgement.observed);
        if pen.room() > width(&title) + width(seen) + took.len().max(6) + 2
            && !judgement.took.is_zero()
        {
            pen.right(&format!("{took:>6}"), theme.dim);
        }
        let room = pen.room();
        let observed =
            fit_facts(seen, room.saturating_sub(width(&title) + 1).max(room / 3)).into_owned();
        pen.right(&observed, text_style);
    }
    pen.put(
        &title,
        if verdict == Verdict::Pass {
            theme.text
        } else {
            style
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_keeps_the_order_of_the_runbook() {
        let verdicts = [Verdict::Pass, Verdict::Fail, Verdict::Pass];
        assert_eq!(shown(&verdicts, 3), [0, 1, 2]);
    }

    #[test]
    fn the_worst_come_first_when_rows_are_few() {
        let unknown = Verdict::Unknown(Reason::NoData);
        let verdicts = [
            Verdict::Pass,
            Verdict::Warn,
            Verdict::Pass,
            unknown,
            Verdict::Fail,
        ];
        assert_eq!(shown(&verdicts, 4), [4, 3, 1]);
        assert_eq!(rest_words(&verdicts, &[4, 3, 1]), "… 2 more ok");
        assert_eq!(rest_words(&verdicts, &[4]), "… 4 more, 2 not ok (tab z)");
        assert_eq!(shown(&verdicts, 0), [0usize; 0]);
    }
}
