//! Checks as they are now. The age of each look is always visible; a look that is too old has no value any more.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::glance::Glance;
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{filled, fit, sample_age, short_duration, width};
use super::theme::{Theme, verdict_mark};
use crate::app::App;
use crate::app::view::Panel;
use crate::check::{Reason, Verdict};

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
    let shown = shown(&verdicts, usize::from(inner.height));
    for (row, &check) in (0..).zip(&shown) {
        draw_check(
            app,
            theme,
            check,
            verdicts[check],
            &mut Pen::new(buffer, inner, row),
        );
    }
    if shown.len() < verdicts.len() && inner.height > 0 {
        let words = rest_words(&verdicts, &shown);
        Pen::new(buffer, inner, inner.height - 1)
            .skip(1)
            .put(&words, theme.dim);
    }
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
        abnormal => format!("… {hidden} more, {abnormal} not ok (z)"),
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
    let mark_cells = if pen.room() < NARROW {
        width(mark) + 1
    } else {
        7
    };
    pen.skip(1).column(mark, mark_cells.max(5), style);
    if let Verdict::Unknown(reason) = verdict {
        // Which check it is comes before why it can't be seen: of the reason only as much as leaves half for the title.
        let age_now = age_now.map(sample_age).unwrap_or_default();
        pen.right(&format!("{age_now:>3}"), style);
        let room = pen.room();
        let for_words = room.saturating_sub(width(&title) + 1).max(room / 2);
        pen.right(&fit(&blind(reason, None), for_words), style);
    } else if let Some((judgement, _)) = state.latest() {
        let age_now = age_now.map(sample_age).unwrap_or_default();
        pen.right(&format!("{age_now:>3}"), theme.dim);
        let took = short_duration(judgement.took);
        let text_style = if verdict == Verdict::Pass {
            theme.text
        } else {
            style
        };
        if pen.room() > width(&title) + width(&judgement.observed) + took.len().max(6) + 2
            && !judgement.took.is_zero()
        {
            pen.right(&format!("{took:>6}"), theme.dim);
        }
        let room = pen.room();
        let observed = fit(
            &judgement.observed,
            room.saturating_sub(width(&title) + 1).max(room / 3),
        )
        .into_owned();
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

/// What stands in place of a value that can't be believed, with the age of the last look.
pub fn blind(reason: Reason, age_now: Option<Duration>) -> String {
    let words = match reason {
        Reason::NoData | Reason::Stale | Reason::Nan => "NO DATA".to_owned(),
        reason => reason.to_string(),
    };
    match age_now {
        Some(time) => format!("{words} {}", sample_age(time)),
        None => words,
    }
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
        assert_eq!(rest_words(&verdicts, &[4]), "… 4 more, 2 not ok (z)");
        assert_eq!(shown(&verdicts, 0), [0usize; 0]);
    }

    #[test]
    fn an_old_value_is_replaced_by_its_age() {
        assert_eq!(
            blind(Reason::Stale, Some(Duration::from_secs(130))),
            "NO DATA 2m10s"
        );
        assert_eq!(
            blind(Reason::Timeout, Some(Duration::from_secs(7))),
            "timed out 5s"
        );
        assert_eq!(blind(Reason::NoData, None), "NO DATA");
    }
}
