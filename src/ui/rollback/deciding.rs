//! Before a rollback is decided: what fired, which ways back there are, what the key does.

use std::time::Duration;

use super::budget;
use crate::app::App;
use crate::app::keys::Action;
use crate::journal::Direction;
use crate::ui::page::{Page, bar, padded, wrapped};
use crate::ui::panel::{Titles, panel};
use crate::ui::pen::Pen;
use crate::ui::step::{key, level_style};
use crate::ui::text::{filled, short_duration, stopwatch};
use crate::ui::theme::{Theme, verdict_mark};
use crate::ui::{proof, triggers};

/// ```text
/// B decides. Nothing runs by that: it asks what to do, then for the target's name.
/// ┌─ What fired ────────────────────────────────────────────────┐
/// │ [!] Error rate above 1 %   fired 16:22:10  decide in 3:12   │
/// │     metric error-rate fails: 1.80 %                         │
/// │     [!] metric error-rate fails  1.80 %               holds │
/// └─────────────────────────────────────────────────────────────┘
/// ┌─ Ways back ─────────────────────────────────────────────────┐
/// │ R1 Kubernetes rollback     takes 0:41 of 5:00    3 steps    │
/// │    1 Undo the rollout              destructive   0:41       │
/// └─────────────────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, page: &mut Page<'_>) {
    let mut pen = page.pen();
    pen.put(&key(app, Action::Rollback), theme.key);
    pen.put(
        " decides. Nothing runs by that: it asks what to do, then for the target's name.",
        theme.text,
    );
    let area = page.take(triggers::rows(app).min(page.left() / 2));
    triggers::draw(app, theme, &mut page.part(area));
    let area = page.rest();
    draw_ways(app, theme, &mut page.part(area));
}

fn draw_ways(app: &App, theme: &Theme, page: &mut Page<'_>) {
    let offered = app.run.offered_rollbacks();
    let figures = match offered.len() {
        0 => "none".to_owned(),
        count => format!(
            "{count} of {} fit this run",
            app.run.runbook().rollbacks.len()
        ),
    };
    let area = page.rest();
    let inner = panel(
        theme,
        area,
        page.buffer(),
        Titles {
            left: "Ways back",
            right: &figures,
            ..Titles::default()
        },
    );
    let mut page = Page::new(page.buffer(), padded(inner));
    if offered.is_empty() {
        let why = "this runbook has no way back for the options that were taken: stop, hold (H) and get help";
        page.pen().put(why, theme.warning);
    }
    // Every way gets its heading before any gets its details.
    let spare = page.left().saturating_sub(offered.len());
    let each = spare.checked_div(offered.len()).unwrap_or(0);
    for rollback in offered {
        draw_way(app, theme, &mut page, rollback, each);
    }
}

fn draw_way(app: &App, theme: &Theme, page: &mut Page<'_>, position: usize, details: usize) {
    let definition = &app.run.runbook().rollbacks[position];
    let estimate = app.run.rollback_estimate(position);
    let limit = budget(app, definition);
    let mut pen = page.pen();
    let late = matches!((estimate, limit), (Some(estimate), Some(limit)) if estimate > limit);
    let time = time_words(estimate, limit);
    if let (Some(estimate), Some(limit)) = (estimate, limit)
        && pen.room() > 90
    {
        let share = estimate.as_secs_f64() / limit.as_secs_f64().max(0.001);
        pen.right(
            &bar(theme, share, 12),
            if late { theme.warning } else { theme.dim },
        );
    }
    pen.right(&time, if late { theme.warning } else { theme.text });
    let suggested = app.run.pending_triggers().any(|trigger| {
        app.run.runbook().triggers[trigger]
            .rollbacks
            .contains(&position)
    });
    pen.put(&format!("R{} ", position + 1), theme.accent);
    pen.put(&filled(&definition.title, &app.run.variables), theme.strong);
    pen.put(if suggested { "   suggested" } else { "" }, theme.accent);
    draw_details(app, theme, page, position, details);
}

/// What the way consists of, in as many lines as there are.
fn draw_details(app: &App, theme: &Theme, page: &mut Page<'_>, position: usize, lines: usize) {
    let runbook = app.run.runbook();
    let definition = &runbook.rollbacks[position];
    let mut left = lines.min(page.left());
    if let Some(text) = definition
        .text
        .as_ref()
        .filter(|_| left > definition.steps.len() + 1)
    {
        let cells = page.cells().saturating_sub(3);
        for line in wrapped(&filled(text, &app.run.variables), cells)
            .iter()
            .take(2)
        {
            page.pen().skip(3).put(line, theme.dim);
            left -= 1;
        }
    }
    let for_steps = left.saturating_sub(usize::from(!definition.verify.is_empty()));
    let hidden = definition.steps.len().saturating_sub(for_steps);
    let shown = if hidden > 0 {
        for_steps.saturating_sub(1)
    } else {
        definition.steps.len()
    };
    for &index in &definition.steps[..shown] {
        let step = runbook.step(index);
        let mut pen = page.pen();
        pen.skip(3);
        if let Some(command) = &step.command {
            let usual = app.run.usual_time(index, Direction::Run);
            let takes = usual.map_or_else(|| "....".to_owned(), |usual| stopwatch(usual.time));
            pen.right(&format!("{takes:>6}"), theme.dim)
                .right(command.level.name(), level_style(theme, command.level));
        }
        pen.put(&step.number, theme.dim)
            .put(" ", theme.dim)
            .put(&filled(&step.title, &app.run.variables), theme.text);
    }
    if hidden > 0 && for_steps > 0 {
        page.pen()
            .skip(3)
            .put(&format!("… {} more steps", hidden + 1), theme.dim);
    }
    if !definition.verify.is_empty() && left > 0 {
        draw_verify_line(app, theme, &mut page.pen(), position);
    }
}

/// `then all of this has to hold for 5:00: [ok] api  [!] error rate`
fn draw_verify_line(app: &App, theme: &Theme, pen: &mut Pen<'_>, position: usize) {
    let definition = &app.run.runbook().rollbacks[position];
    let lasting = if definition.hold.is_zero() {
        String::new()
    } else {
        format!(" for {}", short_duration(definition.hold))
    };
    pen.skip(3)
        .put(&format!("proved when good{lasting}:"), theme.dim);
    for &proof in &definition.verify {
        let verdict = app.live.verdict(proof, app.now);
        pen.put("  ", theme.dim)
            .put(verdict_mark(verdict), theme.verdict(verdict));
        pen.put(" ", theme.dim)
            .put(proof::title(app, proof), theme.text);
    }
}

fn time_words(estimate: Option<Duration>, limit: Option<Duration>) -> String {
    match (estimate, limit) {
        (Some(estimate), Some(limit)) => {
            format!("takes {} of {}", stopwatch(estimate), stopwatch(limit))
        }
        (Some(estimate), None) => format!("takes {}", stopwatch(estimate)),
        (None, Some(limit)) => format!("never timed, budget {}", stopwatch(limit)),
        (None, None) => "never timed".to_owned(),
    }
}
