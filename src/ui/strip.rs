//! Health and metrics in one line, for terminals without room for panels: what is wrong first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::glance::Glance;
use super::health::{blind, gravity, verdicts};
use super::pen::Pen;
use super::text::{filled, width};
use super::theme::{Theme, verdict_mark};
use crate::app::App;
use crate::app::live::format_reading;
use crate::check::Verdict;

/// Draws the strip.
///
/// ```text
/// 3 ok  [!] err 0.14  [?] crm NO DATA 2m10s  p95 312  cpu 41
/// ```
pub fn draw(app: &App, theme: &Theme, _glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area, 0);
    let checks = verdicts(app);
    let passed = checks
        .iter()
        .filter(|verdict| **verdict == Verdict::Pass)
        .count();
    pen.put(&format!("{passed}/{} ok", checks.len()), theme.dim);
    let mut readings: Vec<(Verdict, String)> = (0..checks.len())
        .filter(|&check| checks[check] != Verdict::Pass)
        .map(|check| (checks[check], check_words(app, check, checks[check])))
        .collect();
    readings.extend((0..app.run.runbook().metrics.len()).map(|metric| {
        let verdict = app.live.metric(metric).verdict(app.now);
        (verdict, metric_words(app, metric, verdict))
    }));
    readings.sort_by_key(|(verdict, _)| std::cmp::Reverse(gravity(*verdict)));
    for (verdict, words) in readings {
        let mark = if verdict == Verdict::Pass {
            String::new()
        } else {
            format!("{} ", verdict_mark(verdict))
        };
        if width(&mark) + width(&words) + 2 > pen.room() {
            break;
        }
        let style = if verdict == Verdict::Pass {
            theme.text
        } else {
            theme.verdict(verdict)
        };
        pen.skip(2).put(&mark, style).put(&words, style);
    }
}

fn check_words(app: &App, check: usize, verdict: Verdict) -> String {
    let state = app.live.check(check);
    let title = filled(&app.run.runbook().checks[check].title, &app.run.variables);
    match (verdict, state.latest()) {
        (Verdict::Unknown(reason), _) => format!("{title} {}", blind(reason, state.age(app.now))),
        (_, Some((judgement, _))) => format!("{title} {}", judgement.observed),
        (_, None) => title.into_owned(),
    }
}

fn metric_words(app: &App, metric: usize, verdict: Verdict) -> String {
    let state = app.live.metric(metric);
    let definition = &app.run.runbook().metrics[metric];
    let title = filled(&definition.title, &app.run.variables);
    match (verdict, state.value()) {
        (Verdict::Unknown(reason), _) => format!("{title} {}", blind(reason, state.age(app.now))),
        (_, Some(value)) => format!(
            "{title} {}",
            format_reading(value, &definition.unit, state.caveats())
        ),
        (_, None) => title.into_owned(),
    }
}
