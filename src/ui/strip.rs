//! Health and metrics in one line, for terminals without room for panels: what is wrong first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::glance::Glance;
use super::health::{gravity, shared_words, verdicts};
use super::pen::Pen;
use super::text::{filled, width};
use super::theme::{Theme, verdict_mark};
use super::unseen;
use crate::app::App;
use crate::app::live::format_reading;
use crate::check::Verdict;
use crate::runbook::Proof;

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
    let proofs: Vec<Proof> = (0..checks.len())
        .filter(|&check| checks[check] != Verdict::Pass)
        .map(Proof::Check)
        .chain((0..app.run.runbook().metrics.len()).map(Proof::Metric))
        .collect();
    let reasons: Vec<_> = proofs
        .iter()
        .map(|&proof| unseen::reason(app, proof))
        .collect();
    let (alone, groups) = unseen::shared(&reasons, 2);
    let mut readings: Vec<(Verdict, String)> = groups
        .iter()
        .map(|group| {
            let oldest = group
                .members
                .iter()
                .filter_map(|&at| unseen::seen_ago(app, proofs[at]))
                .max();
            let words = shared_words(group, oldest, usize::from(area.width) / 2);
            (Verdict::Unknown(group.reason), words)
        })
        .collect();
    readings.extend(alone.into_iter().map(|at| reading(app, proofs[at])));
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

fn reading(app: &App, proof: Proof) -> (Verdict, String) {
    let verdict = app.live.verdict(proof, app.now);
    let words = match proof {
        Proof::Check(check) => check_words(app, check, verdict),
        Proof::Metric(metric) => metric_words(app, metric, verdict),
    };
    (verdict, words)
}

fn check_words(app: &App, check: usize, verdict: Verdict) -> String {
    let state = app.live.check(check);
    let title = filled(&app.run.runbook().checks[check].title, &app.run.variables);
    match (verdict, state.latest()) {
        (Verdict::Unknown(reason), _) => format!(
            "{title} {}",
            unseen::words(app, Proof::Check(check), reason)
        ),
        (_, Some((judgement, _))) => format!("{title} {}", judgement.observed),
        (_, None) => title.into_owned(),
    }
}

fn metric_words(app: &App, metric: usize, verdict: Verdict) -> String {
    let state = app.live.metric(metric);
    let definition = &app.run.runbook().metrics[metric];
    let title = filled(&definition.title, &app.run.variables);
    match (verdict, state.value()) {
        (Verdict::Unknown(reason), _) => format!(
            "{title} {}",
            unseen::words(app, Proof::Metric(metric), reason)
        ),
        (_, Some(value)) => format!(
            "{title} {}",
            format_reading(value, &definition.unit, state.caveats())
        ),
        (_, None) => title.into_owned(),
    }
}
