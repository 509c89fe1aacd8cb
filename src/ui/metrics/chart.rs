//! One metric over the whole screen: limit, baseline, what was done when, and how it was before T-0 and after.
//!
//! The picture is made of block characters like the small ones. The chart widget of the library plots NaN at its top
//! row and never returns from reversed bounds, and a gap has to be a gap.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{MetricView, Scale, bound, plain_number};
use crate::app::App;
use crate::app::live::format_value;
use crate::runbook::text::format_duration;
use crate::ui::page::{Page, window};
use crate::ui::text::width;
use crate::ui::timeline::axis::{Axis, Strip};

/// The time that the picture shows; as much as is kept of every metric.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Below this many rows of picture the small ones show more.
const FEWEST_ROWS: u16 = 4;

/// The list above the picture takes at most this share of the rows.
const LIST_SHARE: u16 = 3;

/// Whether the area has room for a list and a picture that is worth it.
pub fn fits(area: Rect, metrics: usize) -> bool {
    let list = list_rows(area, metrics);
    metrics > 0 && area.width >= 40 && area.height >= list + FEWEST_ROWS + 4
}

fn list_rows(area: Rect, metrics: usize) -> u16 {
    u16::try_from(metrics)
        .unwrap_or(u16::MAX)
        .min(area.height / LIST_SHARE)
}

/// Draws all metrics as lines, and the picture of the one under the cursor below them.
///
/// ```text
/// >err %  0.60   ▁▁▁▁▁▁▁▂▃▅███  ≤0.1 !
///  rps     816   ██████████████ ≥700
///
/// err %   0.60       before T-0 0.05, after 0.44      base 0.04-0.06
///   1.2 │             │          ▂▄█
///       │             │        ▃████
///  ≤0.1 │─────────────┼───────▅█████
///     0 │·············▂▂▂▃▄▅████████
///       └─────────────T-0──#1────R──
///        -15m        -10m      -5m       now
/// ```
pub fn draw(views: &[MetricView<'_>], cursor: usize, area: Rect, buffer: &mut Buffer) {
    let mut page = Page::new(buffer, area);
    let list = page.take(usize::from(list_rows(area, views.len())));
    page.skip();
    let picture = page.rest();
    draw_list(views, cursor, list, buffer);
    if let Some(view) = views.get(cursor) {
        draw_picture(view, picture, buffer);
    }
}

fn draw_list(views: &[MetricView<'_>], cursor: usize, area: Rect, buffer: &mut Buffer) {
    let titles = views.iter().map(|view| width(&view.title));
    let title_cells = titles.max().unwrap_or(0);
    let shown = window(cursor, views.len(), usize::from(area.height));
    for (row, position) in (0..area.height).zip(shown) {
        let line = Rect {
            y: area.y + row,
            height: 1,
            ..area
        };
        let view = &views[position];
        let mark = if position == cursor { ">" } else { " " };
        let mut page = Page::new(buffer, line);
        page.pen().put(mark, view.theme.accent);
        let line = Rect {
            x: line.x + 1,
            width: line.width.saturating_sub(1),
            ..line
        };
        view.draw_line(title_cells, line, buffer);
    }
}

fn draw_picture(view: &MetricView<'_>, area: Rect, buffer: &mut Buffer) {
    let rows = area.height.saturating_sub(3);
    let labels = u16::try_from(label_cells(view)).unwrap_or(u16::MAX);
    let columns = area.width.saturating_sub(labels + 2);
    let plot = Plot::new(view, usize::from(columns), usize::from(rows));
    let mut page = Page::new(buffer, area);
    let mut pen = page.pen();
    let (reading, style) = view.reading();
    let figures = [before_and_after(view), base_words(view)];
    for words in figures.iter().rev().filter(|words| !words.is_empty()) {
        pen.right(words, view.theme.dim);
    }
    pen.put(&view.title, view.title_style()).skip(2);
    pen.put(&reading, style);
    if let Some(warning) = view.state.caveats().warnings.first() {
        pen.skip(2)
            .put("* ", view.theme.warning)
            .put(warning, view.theme.warning);
    }
    for row in 0..usize::from(rows) {
        let height = usize::from(rows) - 1 - row;
        let mut pen = page.pen();
        pen.column_right(&plot.label(height), usize::from(labels), view.theme.dim)
            .skip(1)
            .put("│", view.theme.dim);
        for column in 0..usize::from(columns) {
            let (symbol, style) = plot.cell(column, height);
            pen.put(symbol, style);
        }
    }
    let mut pen = page.pen();
    pen.skip(usize::from(labels) + 1).put("└", view.theme.dim);
    plot.marks().put(&mut pen);
    let mut pen = page.pen();
    pen.skip(usize::from(labels) + 2);
    plot.times().put(&mut pen);
}

/// How wide the numbers beside the picture are.
fn label_cells(view: &MetricView<'_>) -> usize {
    let limit = width(&view.limit_words());
    limit.clamp(6, 12)
}

fn base_words(view: &MetricView<'_>) -> String {
    view.state
        .baseline()
        .map(super::baseline_words)
        .unwrap_or_default()
}

/// The medians before and after T-0, as far as samples are kept.
fn before_and_after(view: &MetricView<'_>) -> String {
    let Some(launch) = launched_at(view.app) else {
        return String::new();
    };
    let samples = || view.state.series().iter();
    let values = |after: bool| {
        let samples = samples().filter(|sample| (sample.at.wall >= launch) == after);
        median(samples.filter_map(|sample| sample.value).collect())
    };
    match (values(false), values(true)) {
        (Some(before), Some(after)) => format!(
            "before T-0 {}, after {}",
            format_value(before, ""),
            format_value(after, "")
        ),
        _ => String::new(),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// When T was zero, if it has been.
fn launched_at(app: &App) -> Option<Timestamp> {
    let now = app.now.wall;
    let is_past = !app.run.clock.t(now).is_negative();
    is_past.then(|| app.run.clock.wall_of(SignedDuration::ZERO, now))
}

/// The picture, before it is put on the screen.
struct Plot<'v> {
    view: &'v MetricView<'v>,
    values: Vec<Option<f64>>,
    scale: Scale,
    rows: usize,
    axis: Axis,
    limit: Option<f64>,
    /// The columns of T-0 and of the rollback.
    lines: Vec<usize>,
}

impl<'v> Plot<'v> {
    fn new(view: &'v MetricView<'v>, columns: usize, rows: usize) -> Self {
        let now = view.app.now;
        let values = view.state.series().spark(columns, WINDOW, now);
        let from = now.wall.checked_sub(WINDOW).unwrap_or(now.wall);
        let axis = Axis::between(from, now.wall, columns);
        let rollback = view.app.run.rollback.as_ref();
        let moments = [
            launched_at(view.app),
            rollback.map(|rollback| rollback.started),
        ];
        let lines = moments
            .into_iter()
            .flatten()
            .filter(|&at| axis.contains(at));
        Self {
            scale: view.scale(&values),
            limit: view
                .limit
                .and_then(|limit| bound(limit, view.state.baseline())),
            lines: lines.map(|at| axis.cell(at)).collect(),
            view,
            values,
            rows,
            axis,
        }
    }

    /// What stands at a column and a height, from 0 at the bottom.
    fn cell(&self, column: usize, height: usize) -> (&'static str, Style) {
        let value = self.values.get(column).copied().flatten();
        let level = value.map_or(0, |value| self.scale.level(value, 8 * self.rows.max(1)) + 1);
        match level.saturating_sub(height * 8) {
            0 if self.lines.contains(&column) => ("│", self.view.theme.accent),
            0 => self.view.empty_cell(height, self.rows, self.scale),
            eighths => (
                self.view.theme.spark[eighths.min(8) - 1],
                self.view.value_style(value.unwrap_or_default()),
            ),
        }
    }

    /// The number beside a row: the top, the limit, the bottom.
    fn label(&self, height: usize) -> String {
        let is_limit = |limit| self.scale.level(limit, self.rows) == height;
        if self.limit.is_some_and(is_limit) {
            self.view.limit_words()
        } else if height + 1 == self.rows {
            plain_number(self.scale.high)
        } else if height == 0 {
            plain_number(self.scale.low)
        } else {
            String::new()
        }
    }

    /// T-0, the rollback and the commands, below the picture.
    fn marks(&self) -> Strip {
        let (app, theme) = (self.view.app, self.view.theme);
        let mut strip = Strip::new(self.axis.cells());
        if let Some(launch) = launched_at(app).filter(|&at| self.axis.contains(at)) {
            strip.write_near(self.axis.cell(launch), "T-0", theme.accent);
        }
        if let Some(rollback) = &app.run.rollback
            && self.axis.contains(rollback.started)
        {
            strip.write_near(self.axis.cell(rollback.started), "ROLLBACK", theme.alarm);
        }
        let attempts = app.run.attempts.iter().rev();
        for attempt in attempts.filter(|attempt| self.axis.contains(attempt.started)) {
            let name = format!("#{}", attempt.number);
            strip.write(self.axis.cell(attempt.started), &name, theme.text);
        }
        for cell in 0..self.axis.cells() {
            strip.mark_if_empty(cell, "─", theme.dim);
        }
        strip
    }

    /// How long ago, below the marks.
    fn times(&self) -> Strip {
        let theme = self.view.theme;
        let mut strip = Strip::new(self.axis.cells());
        strip.write_near(self.axis.cells(), "now", theme.dim);
        for minutes in [15, 10, 5] {
            let ago = Duration::from_mins(minutes);
            let at = self.axis.until().checked_sub(ago);
            let words = format!("-{}", format_duration(ago));
            if let Ok(at) = at {
                strip.write_near(self.axis.cell(at), &words, theme.dim);
            }
        }
        strip
    }
}
