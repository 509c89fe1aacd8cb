//! Metrics as they are now: the number before its picture, on a fixed scale that always shows the limit.

mod chart;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;

use super::glance::Glance;
use super::health::{rest_words, shared_words, shown};
use super::page::{Page, padded, wrapped_within};
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{filled, sample_age, width};
use super::theme::Theme;
use super::unseen::{self, Shared};
use crate::app::App;
use crate::app::live::{format_reading, format_value};
use crate::app::view::Panel;
use crate::check::{Baseline, Comparison, Limit, MetricState, Verdict};
use crate::runbook::Proof;
use crate::runbook::text::format_duration;

/// The time that a picture shows.
pub const WINDOW: Duration = Duration::from_secs(10 * 60);

/// Rows of a chart's picture.
const CHART_ROWS: u16 = 3;

/// Draws the metrics in the tallest form that shows all of them.
///
/// ```text
/// ┌─ Metrics ───────── last 10m ─┐   ┌─ Metrics ──────────────── last 10m ─┐
/// │ p95 ms  312 ▂▂▃▂▄▃▅▃  ≤500   │   │ p95 ms   312                ≤500    │
/// │ err %  0.14 ▁▁▁▁▂▇█▇  ≤0.1 ! │   │ ▂▂▃▂▄▃▅▃▂▃▂▃▃▄▃▃▂▃▄▃   base 290-340 │
/// │ crm     NO DATA 2m10s        │   │ err %   0.14                ≤0.1  ! │
/// └──────────────────────────────┘   └─────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, _glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let focused = app.view.panel == Panel::Metrics;
    let inside = padded(area.inner(Margin::new(1, 1)));
    let metrics = &app.run.runbook().metrics;
    let large = app.view.zoomed && chart::fits(inside, metrics.len());
    let time = if large { chart::WINDOW } else { WINDOW };
    let right = format!("last {}", format_duration(time));
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: "Metrics",
            right: &right,
            focused,
            ..Titles::default()
        },
    );
    let inner = padded(inner);
    let verdicts: Vec<Verdict> = (0..metrics.len())
        .map(|at| app.live.metric(at).verdict(app.now))
        .collect();
    if large {
        let views = (0..metrics.len()).map(|at| MetricView::new(app, theme, at, verdicts[at]));
        let cursor = app.view.metric_cursor.min(metrics.len() - 1);
        return chart::draw(&views.collect::<Vec<_>>(), cursor, inner, buffer);
    }
    let reasons: Vec<_> = (0..metrics.len())
        .map(|metric| unseen::reason(app, Proof::Metric(metric)))
        .collect();
    let (alone, groups) = unseen::shared(&reasons, usize::from(inner.height));
    let views: Vec<MetricView<'_>> = alone
        .iter()
        .map(|&at| MetricView::new(app, theme, at, verdicts[at]))
        .collect();
    let kept = u16::try_from(groups.len()).unwrap_or(u16::MAX);
    let top = Rect {
        height: inner.height.saturating_sub(kept),
        ..inner
    };
    let used = draw_alone(theme, &views, top, buffer);
    let below = Rect {
        y: inner.y + used,
        height: inner.height - used,
        ..inner
    };
    draw_shared(app, theme, &groups, below, buffer);
}

/// Draws the metrics that stand for themselves, in the tallest form that shows all of them; says how many rows they
/// took.
fn draw_alone(theme: &Theme, views: &[MetricView<'_>], area: Rect, buffer: &mut Buffer) -> u16 {
    let any_seen = views.iter().any(|view| view.state.value().is_some());
    // A picture of nothing would take the room of what can be seen.
    let form = if any_seen {
        Form::of(area, views.len())
    } else {
        Form::Line
    };
    let verdicts: Vec<Verdict> = views.iter().map(|view| view.verdict).collect();
    let positions = shown(&verdicts, usize::from(area.height / form.rows()));
    let title_cells = views.iter().map(|view| width(&view.title)).max();
    let mut used = 0;
    for view in positions.iter().map(|&position| &views[position]) {
        let rows = Rect {
            y: area.y + used,
            height: form.rows(),
            ..area
        };
        match form {
            Form::Line => view.draw_line(title_cells.unwrap_or(0), rows, buffer),
            Form::Pair => view.draw_pair(rows, buffer),
            Form::Chart => view.draw_chart(rows, buffer),
        }
        used += form.rows();
    }
    if positions.len() < verdicts.len() && used < area.height {
        let words = rest_words(&verdicts, &positions);
        Pen::new(buffer, area, used).put(&words, theme.dim);
        used += 1;
    }
    used
}

/// Draws each reason that several metrics share, and below it, quietly, which they are.
///
/// ```text
/// [?] 11 × name not resolved                        12s
///     Error rate, p50 latency, p95 latency, p99 latency
/// ```
fn draw_shared(app: &App, theme: &Theme, groups: &[Shared], area: Rect, buffer: &mut Buffer) {
    let mut page = Page::new(buffer, area);
    for (at, group) in groups.iter().enumerate() {
        let ages = group.members.iter();
        let oldest = ages
            .filter_map(|&metric| app.live.metric(metric).age(app.now))
            .max();
        let mut pen = page.pen();
        pen.right(&oldest.map(sample_age).unwrap_or_default(), theme.dim)
            .put("[?] ", theme.unknown);
        let words = shared_words(group, oldest, pen.room());
        pen.put(&words, theme.unknown);
        let names: Vec<_> = group
            .members
            .iter()
            .map(|&metric| filled(&app.run.runbook().metrics[metric].title, &app.run.variables))
            .collect();
        let kept = groups.len() - at - 1;
        let cells = page.cells().saturating_sub(4);
        let rows = page.left().saturating_sub(kept);
        if rows > 0 {
            for line in wrapped_within(&names.join(" · "), cells, rows) {
                page.pen().skip(4).put(&line, theme.dim);
            }
        }
    }
}

/// From so many cells on a reason is written out.
const FULL_WORDS: usize = 22;

/// How much room each metric gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One line with a small picture.
    Line,
    /// A line of figures, a line of picture and baseline.
    Pair,
    /// A line of figures above a picture with limit line and baseline band.
    Chart,
}

impl Form {
    fn of(area: Rect, count: usize) -> Self {
        let fits = |form: Self| count * usize::from(form.rows()) <= usize::from(area.height);
        if area.width >= 36 && fits(Self::Chart) {
            Self::Chart
        } else if area.width >= 34 && fits(Self::Pair) {
            Self::Pair
        } else {
            Self::Line
        }
    }

    fn rows(self) -> u16 {
        match self {
            Self::Line => 1,
            Self::Pair => 2,
            Self::Chart => CHART_ROWS + 1,
        }
    }
}

/// Cells of the limit at the end of a line.
const LIMIT_CELLS: usize = 6;

/// Cells of the number on a line.
const READING_CELLS: usize = 5;

/// A picture of fewer values shows no course.
const LEAST_SPARK: usize = 5;

/// Cells of the titles on lines with so much room, when the longest takes so many: a title is cut only for a picture
/// that shows something.
fn line_title(room: usize, longest: usize) -> usize {
    let beside = room.saturating_sub(LIMIT_CELLS + READING_CELLS + 3);
    let with_spark = beside.saturating_sub(LEAST_SPARK + 1);
    if longest <= with_spark {
        longest
    } else {
        longest.min(beside).min((room * 2 / 5).max(LEAST_TITLE))
    }
}

/// With fewer cells most titles can't be told apart.
const LEAST_TITLE: usize = 14;

/// One metric on its way to the screen.
struct MetricView<'a> {
    app: &'a App,
    metric: usize,
    theme: &'a Theme,
    state: &'a MetricState,
    verdict: Verdict,
    title: String,
    limit: Option<Limit>,
}

impl<'a> MetricView<'a> {
    fn new(app: &'a App, theme: &'a Theme, metric: usize, verdict: Verdict) -> Self {
        let definition = &app.run.runbook().metrics[metric];
        let title = filled(&definition.title, &app.run.variables);
        let title = if definition.unit.is_empty() {
            title.into_owned()
        } else {
            format!("{title} {}", definition.unit)
        };
        Self {
            app,
            metric,
            theme,
            state: app.live.metric(metric),
            verdict,
            title,
            limit: definition.fail.or(definition.warn),
        }
    }

    fn title_style(&self) -> Style {
        if self.verdict == Verdict::Pass {
            self.theme.text
        } else {
            self.theme.verdict(self.verdict)
        }
    }

    /// The title with its unit, or without it where both don't fit.
    fn title_within(&self, cells: usize) -> &str {
        let unit = &self.app.run.runbook().metrics[self.metric].unit;
        let bare = self.title.strip_suffix(unit.as_str()).map(str::trim_end);
        match bare {
            Some(bare) if width(&self.title) > cells => bare,
            _ => &self.title,
        }
    }

    /// The number, or why there is none; a stale number is never shown.
    fn reading(&self, cells: usize) -> (String, Style) {
        let style = self.title_style();
        match (self.verdict, self.state.value()) {
            (Verdict::Unknown(reason), _) => {
                let proof = Proof::Metric(self.metric);
                let words = if cells < FULL_WORDS {
                    unseen::short_words(self.app, proof, reason)
                } else {
                    unseen::words(self.app, proof, reason)
                };
                (words, style)
            }
            (_, Some(value)) => (format_reading(value, "", self.state.caveats()), style),
            (_, None) => (String::new(), style),
        }
    }

    fn flag(&self) -> &'static str {
        match self.verdict {
            Verdict::Fail => "!",
            Verdict::Warn => "w",
            Verdict::Unknown(_) => "?",
            // Its source warns: the number may be a partial one.
            Verdict::Pass if !self.state.caveats().warnings.is_empty() => "*",
            Verdict::Pass => "",
        }
    }

    fn limit_words(&self) -> String {
        self.limit
            .map(|limit| limit_words(self.theme, limit, self.state.baseline()))
            .unwrap_or_default()
    }

    fn draw_line(&self, title_cells: usize, area: Rect, buffer: &mut Buffer) {
        let mut pen = Pen::new(buffer, area, 0);
        let style = self.title_style();
        pen.right_column(self.flag(), 1, style);
        let most = line_title(pen.room(), title_cells);
        pen.column(self.title_within(most), most, style).skip(1);
        let (reading, style) = self.reading(pen.room());
        if self.verdict.is_unknown() {
            pen.put(&reading, style);
            return;
        }
        pen.right_column(&self.limit_words(), LIMIT_CELLS, self.theme.dim);
        pen.column_right(&reading, READING_CELLS, style).skip(1);
        let cells = pen.room();
        if cells >= LEAST_SPARK {
            self.draw_spark(cells, &mut pen);
        }
    }

    fn draw_pair(&self, area: Rect, buffer: &mut Buffer) {
        self.draw_figures(area, buffer);
        let mut pen = Pen::new(buffer, area, 1);
        let base = self
            .state
            .baseline()
            .map(baseline_words)
            .unwrap_or_default();
        pen.right(&base, self.theme.dim);
        let cells = pen.room();
        self.draw_spark(cells, &mut pen);
    }

    /// `p95 ms   312                ≤500  !`
    fn draw_figures(&self, area: Rect, buffer: &mut Buffer) {
        let mut pen = Pen::new(buffer, area, 0);
        let (reading, style) = self.reading(pen.room() / 2);
        pen.right_column(self.flag(), 1, self.title_style());
        if !self.verdict.is_unknown() {
            pen.right_column(&self.limit_words(), 8, self.theme.dim);
        }
        let title_cells = pen.room() / 2;
        pen.column(&self.title, title_cells, self.title_style())
            .skip(1)
            .put(&reading, style);
    }

    fn draw_spark(&self, cells: usize, pen: &mut Pen<'_>) {
        let values = self.state.series().spark(cells, WINDOW, self.app.now);
        let scale = self.scale(&values);
        for value in values {
            match value {
                None => pen.skip(1),
                Some(value) => pen.put(
                    self.theme.spark[scale.level(value, 8).min(7)],
                    self.value_style(value),
                ),
            };
        }
    }

    /// ```text
    /// p95 ms   312                ≤500
    /// ─────────────▂──────────────────   limit line
    /// ··▂▂·▃▅▃█▄▃▂·▂·▂··▂▂▃▂▄▃▅▃▂▃▂▃··   baseline band
    /// ████████████████████████████████
    /// ```
    fn draw_chart(&self, area: Rect, buffer: &mut Buffer) {
        self.draw_figures(area, buffer);
        let picture = Rect {
            y: area.y + 1,
            height: CHART_ROWS,
            ..area
        };
        let values = self
            .state
            .series()
            .spark(usize::from(picture.width), WINDOW, self.app.now);
        let scale = self.scale(&values);
        for row in 0..CHART_ROWS {
            let height = usize::from(CHART_ROWS - 1 - row);
            let (empty, empty_style) = self.empty_cell(height, usize::from(CHART_ROWS), scale);
            let mut pen = Pen::new(buffer, picture, row);
            for value in &values {
                let level = value.map_or(0, |value| {
                    scale.level(value, 8 * usize::from(CHART_ROWS)) + 1
                });
                match level.saturating_sub(height * 8) {
                    0 => pen.put(empty, empty_style),
                    filled => pen.put(
                        self.theme.spark[filled.min(8) - 1],
                        self.value_style(value.unwrap_or_default()),
                    ),
                };
            }
        }
        if let Some(baseline) = self.state.baseline() {
            Pen::new(buffer, area, 1).right(&baseline_words(baseline), self.theme.dim);
        }
    }

    /// What stands where no value reaches: the limit line, the baseline band, nothing.
    fn empty_cell(&self, height: usize, rows: usize, scale: Scale) -> (&'static str, Style) {
        let limit = self
            .limit
            .and_then(|limit| bound(limit, self.state.baseline()));
        if limit.is_some_and(|limit| scale.level(limit, rows) == height) {
            return ("─", self.theme.dim);
        }
        let in_band = self.state.baseline().is_some_and(|band| {
            (scale.level(band.low, rows)..=scale.level(band.high, rows)).contains(&height)
        });
        (if in_band { "·" } else { " " }, self.theme.dim)
    }

    fn value_style(&self, value: f64) -> Style {
        let is_beyond = self.limit.is_some_and(|limit| {
            bound(limit, self.state.baseline())
                .is_some_and(|bound| holds(limit.comparison, value, bound))
        });
        if is_beyond {
            self.theme.alarm
        } else {
            self.theme.good
        }
    }

    fn scale(&self, values: &[Option<f64>]) -> Scale {
        let seen = values.iter().flatten().copied();
        let limit = self
            .limit
            .and_then(|limit| bound(limit, self.state.baseline()));
        let band = self.state.baseline().map(|band| band.high);
        // A little above the limit, so that what is beyond it can be told from what touches it.
        Scale::of(seen.chain(limit.map(|limit| limit * 1.25)).chain(band))
    }
}

/// From zero (or the lowest value below it) to the highest thing that has to be seen. The lower end doesn't follow the
/// values: a picture that always fills its height makes noise look like trouble.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let start = Self {
            low: 0.0,
            high: 0.0,
        };
        let scale = values
            .filter(|value| value.is_finite())
            .fold(start, |scale, value| Self {
                low: scale.low.min(value),
                high: scale.high.max(value),
            });
        // Equal bounds would divide by zero.
        if scale.high > scale.low {
            scale
        } else {
            Self {
                high: scale.low + 1.0,
                ..scale
            }
        }
    }

    /// Which of so many steps a value falls into.
    fn level(self, value: f64, steps: usize) -> usize {
        let share = (value - self.low) / (self.high - self.low);
        ((share * steps as f64).floor().max(0.0) as usize).min(steps.saturating_sub(1))
    }
}

/// The number a limit stands for, `None` while its baseline isn't known.
fn bound(limit: Limit, baseline: Option<Baseline>) -> Option<f64> {
    if limit.relative {
        baseline.map(|baseline| baseline.median * limit.bound)
    } else {
        Some(limit.bound)
    }
}

fn holds(comparison: Comparison, value: f64, bound: f64) -> bool {
    match comparison {
        Comparison::Below => value < bound,
        Comparison::AtMost => value <= bound,
        Comparison::Above => value > bound,
        Comparison::AtLeast => value >= bound,
        Comparison::Equal => value == bound,
        Comparison::NotEqual => value != bound,
    }
}

/// What a metric has to be so that this limit isn't breached: `fail = "> 500"` reads `≤500`.
fn limit_words(theme: &Theme, limit: Limit, baseline: Option<Baseline>) -> String {
    let sign = match limit.comparison {
        Comparison::Below => theme.at_least,
        Comparison::AtMost => ">",
        Comparison::Above => theme.at_most,
        Comparison::AtLeast => "<",
        Comparison::Equal => theme.differs,
        Comparison::NotEqual => "=",
    };
    match bound(limit, baseline) {
        Some(bound) => format!("{sign}{}", plain_number(bound)),
        None => format!("{sign}{}x base", limit.bound),
    }
}

/// A number as an author would write it: no zeros behind the point.
fn plain_number(value: f64) -> String {
    let written = format!("{value}");
    if written.len() <= 5 {
        written
    } else {
        format_value(value, "")
    }
}

fn baseline_words(baseline: Baseline) -> String {
    format!(
        "base {}-{}",
        format_value(baseline.low, ""),
        format_value(baseline.high, "")
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ui::theme::Palette;

    #[test]
    fn a_limit_reads_as_what_has_to_hold() {
        let baseline = Baseline {
            median: 310.0,
            low: 290.0,
            high: 340.0,
        };
        let words = |ascii, comparison, bound, relative, baseline| {
            let theme = Theme::new(Palette {
                ascii,
                ..Palette::default()
            });
            let limit = Limit {
                comparison,
                bound,
                relative,
            };
            limit_words(&theme, limit, baseline)
        };
        assert_eq!(words(false, Comparison::Above, 500.0, false, None), "≤500");
        assert_eq!(words(false, Comparison::Below, 0.1, false, None), "≥0.1");
        assert_eq!(
            words(false, Comparison::Above, 1.5, true, None),
            "≤1.5x base"
        );
        assert_eq!(
            words(false, Comparison::Above, 1.5, true, Some(baseline)),
            "≤465"
        );
        assert_eq!(words(true, Comparison::Above, 500.0, false, None), "<=500");
        assert_eq!(words(true, Comparison::Below, 0.1, false, None), ">=0.1");
        assert_eq!(words(true, Comparison::Equal, 0.0, false, None), "!=0");
    }

    #[test]
    fn the_limit_is_always_within_the_picture() {
        let scale = Scale::of([0.2, 0.3, 0.1 * 1.25].into_iter());
        assert_eq!(scale.low, 0.0);
        assert!(scale.level(0.1, 8) < 7);
    }

    proptest! {
        #[test]
        fn any_value_has_a_level(values in prop::collection::vec(any::<f64>(), 0..8), value: f64, steps in 1..30usize) {
            prop_assert!(Scale::of(values.into_iter()).level(value, steps) < steps);
        }
    }
}
