//! One line about something that proves: a check or a metric as it is now.
//!
//! Steps, polls and rollbacks all stand on such proofs, and they must look the same wherever they are shown.

use std::time::Duration;

use ratatui::style::Style;

use super::pen::Pen;
use super::text::{age, wall, width};
use super::theme::{Theme, verdict_mark};
use super::unseen;
use crate::app::App;
use crate::app::live::format_value;
use crate::check::{Limit, Metric, Verdict};
use crate::journal::Evidence;
use crate::runbook::Proof;

/// How much of the past a picture in a line shows.
const PICTURE_WINDOW: Duration = Duration::from_secs(10 * 60);

/// Cells of a picture in a line.
const PICTURE_CELLS: usize = 10;

/// Writes the proof's mark, name, value, picture and limit, and its age at the right end.
///
/// ```text
/// [ok]   API answers      200                        3s
/// [!]    Error rate       1.80 %  ▁▁▂▆█▇▆▅▅▄ > 1     2s
/// [?]    crm              NO DATA                 2m10s
/// ```
pub fn draw(app: &App, theme: &Theme, proof: Proof, pen: &mut Pen<'_>) {
    draw_reading(app, theme, proof, pen);
    if let (Proof::Check(_), Some(because)) = (proof, complaint(app, proof)) {
        pen.put(&because, theme.dim);
    }
}

/// As [`draw`], without why a check doesn't pass: for where that stands below.
pub fn draw_reading(app: &App, theme: &Theme, proof: Proof, pen: &mut Pen<'_>) {
    let verdict = app.live.verdict(proof, app.now);
    let style = theme.verdict(verdict);
    let seen = match proof {
        Proof::Check(check) => app.live.check(check).age(app.now),
        Proof::Metric(metric) => app.live.metric(metric).age(app.now),
    };
    pen.right(&seen.map_or_else(|| "never".to_owned(), age), theme.dim);
    let room = pen.room();
    pen.column(verdict_mark(verdict), MARK_CELLS, style);
    pen.column(title(app, proof), name_cells(room), theme.text)
        .skip(1);
    pen.column(
        &reading(app, proof, verdict),
        value_cells(room),
        reading_style(theme, verdict),
    )
    .skip(1);
    if let Some(warning) = warning(app, proof) {
        pen.put("* ", theme.warning).put(warning, theme.warning);
    } else if let Proof::Metric(metric) = proof {
        draw_picture(app, theme, metric, pen);
    }
}

/// What a proof is called.
pub fn title(app: &App, proof: Proof) -> &str {
    let runbook = app.run.runbook();
    match proof {
        Proof::Check(check) => &runbook.checks[check].title,
        Proof::Metric(metric) => &runbook.metrics[metric].title,
    }
}

/// What was seen; a reason instead of a number when nothing was, because a frozen number looks healthy.
pub fn reading(app: &App, proof: Proof, verdict: Verdict) -> String {
    match verdict {
        Verdict::Unknown(reason) => unseen::why(app, proof, reason),
        _ => streak(app, proof).unwrap_or_else(|| match app.live.observed(proof) {
            observed if observed.is_empty() => verdict.name().to_owned(),
            observed => observed,
        }),
    }
}

fn streak(app: &App, proof: Proof) -> Option<String> {
    match proof {
        Proof::Check(check) => unseen::streak(app, check),
        Proof::Metric(_) => None,
    }
}

fn reading_style(theme: &Theme, verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => theme.text,
        verdict => theme.verdict(verdict),
    }
}

/// Cells of the mark's column.
const MARK_CELLS: usize = 7;

/// Cells for the name and the value. On a narrow line they share all of it; else a picture or a reason follows.
fn name_cells(room: usize) -> usize {
    if room < NARROW {
        room.saturating_sub(MARK_CELLS + 2) * 3 / 5
    } else {
        (room * 3 / 10).min(26)
    }
}

fn value_cells(room: usize) -> usize {
    if room < NARROW {
        room.saturating_sub(MARK_CELLS + 2 + name_cells(room))
    } else {
        (room / 6).clamp(9, 16)
    }
}

/// Below so many cells there is nothing but mark, name and value.
const NARROW: usize = 46;

/// What a metric's source warns of: the number may be a partial one.
fn warning(app: &App, proof: Proof) -> Option<&str> {
    let Proof::Metric(metric) = proof else {
        return None;
    };
    let warnings = &app.live.metric(metric).caveats().warnings;
    warnings.first().map(String::as_str)
}

/// Why a proof isn't passing: what was wanted and what came, or whom we couldn't ask. An old answer doesn't explain why
/// there is no new one.
fn complaint(app: &App, proof: Proof) -> Option<String> {
    let verdict = app.live.verdict(proof, app.now);
    if let Some(detail) = unseen::detail(app, proof) {
        return Some(detail);
    }
    let Proof::Check(check) = proof else {
        return None;
    };
    let (judgement, _) = app.live.check(check).latest()?;
    let explains = judgement.verdict == verdict
        || matches!(verdict, Verdict::Unknown(_)) && !judgement.verdict.is_unknown();
    (verdict != Verdict::Pass && explains).then(|| judgement.because.clone())
}

/// The complaint of a proof for which a line of so many cells has no room.
pub fn complaint_below(app: &App, proof: Proof, cells: usize) -> Option<String> {
    let complaint = complaint(app, proof)?;
    let room = cells.saturating_sub(AGE_CELLS);
    let taken = MARK_CELLS + name_cells(room) + value_cells(room) + 2;
    let has_room = matches!(proof, Proof::Check(_)) && taken + width(&complaint) <= room;
    (!has_room && !complaint.is_empty()).then_some(complaint)
}

/// Cells kept for the age at a line's end.
const AGE_CELLS: usize = 6;

fn draw_picture(app: &App, theme: &Theme, metric: usize, pen: &mut Pen<'_>) {
    let definition = &app.run.runbook().metrics[metric];
    let state = app.live.metric(metric);
    let limit = limit_words(definition, state.baseline().map(|baseline| baseline.median));
    if pen.room() >= PICTURE_CELLS + 2 {
        let values = state.series().spark(PICTURE_CELLS, PICTURE_WINDOW, app.now);
        pen.put(&spark(theme, &values, top_of_scale(definition)), theme.text)
            .put(" ", theme.text);
    }
    pen.put(&limit, theme.dim);
    if let Some(baseline) = state.baseline().filter(|_| pen.room() > 18) {
        let band = format!(
            "{}-{}",
            format_value(baseline.low, ""),
            format_value(baseline.high, "")
        );
        pen.put("  base ", theme.dim).put(&band, theme.dim);
    }
}

/// The limit beyond which a metric fails, or warns when it never fails; a relative one as a number once it is known.
fn limit_words(metric: &Metric, baseline: Option<f64>) -> String {
    let words = |limit: Limit| match limit.resolve(baseline) {
        Some(bound) => format!("{} {}", limit.comparison, trimmed(bound)),
        None => limit.to_string(),
    };
    match (metric.fail, metric.warn) {
        (Some(fail), _) => format!("fails {}", words(fail)),
        (None, Some(warn)) => format!("warns {}", words(warn)),
        (None, None) => String::new(),
    }
}

/// A number with as many digits as it needs, at most two behind the point: limits are written by people.
fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The least that a picture's scale reaches up to: the limit, so that the distance to it can be seen.
fn top_of_scale(metric: &Metric) -> Option<f64> {
    let limit = metric.fail.or(metric.warn)?;
    (!limit.relative).then_some(limit.bound)
}

/// A picture of values on a scale from zero (or the lowest) to the limit (or the highest). Gaps stay gaps.
pub fn spark(theme: &Theme, values: &[Option<f64>], reach: Option<f64>) -> String {
    let known = || {
        values
            .iter()
            .flatten()
            .copied()
            .filter(|value| value.is_finite())
    };
    let low = known().fold(0.0, f64::min);
    let high = known()
        .chain(reach.filter(|reach| reach.is_finite()))
        .fold(low, f64::max);
    let height = |value: f64| {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.0
        };
        theme.spark[((share * 7.0).round() as usize).min(7)]
    };
    values
        .iter()
        .map(|value| value.filter(|value| value.is_finite()).map_or(" ", height))
        .collect()
}

/// `metric error-rate: 0.14 % at 15:47:02Z`
pub fn evidence_words(evidence: &Evidence) -> String {
    let Evidence {
        source,
        observed,
        at,
    } = evidence;
    match source.split_once(' ') {
        Some(("attempt", number)) => format!("{observed}, attempt #{number} at {}Z", wall(*at)),
        _ => format!("{source}: {observed} at {}Z", wall(*at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_the_distance_to_the_limit_and_leaves_gaps() {
        let theme = Theme::default();
        assert_eq!(
            spark(
                &theme,
                &[Some(0.0), None, Some(5.0), Some(f64::NAN)],
                Some(10.0)
            ),
            "▁ ▅ "
        );
        assert_eq!(spark(&theme, &[Some(3.0), Some(3.0)], None), "██");
        assert_eq!(spark(&theme, &[Some(0.0)], None), "▁");
        assert_eq!(
            spark(&theme, &[Some(f64::INFINITY), Some(-1.0)], Some(f64::NAN)),
            " ▁"
        );
    }
}
