//! A rollback on its way, and after it.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::{budget, cause, lasting, undoing, watched};
use crate::app::App;
use crate::app::command::explain;
use crate::app::keys::Action;
use crate::app::unattended::Doing;
use crate::journal::Direction;
use crate::run::rollback::RollbackStage;
use crate::run::{RollbackState, Status};
use crate::runbook::{Proof, Rollback, StepIndex};
use crate::ui::page::{Page, bar, halves, padded, put_spans, span, window};
use crate::ui::panel::{Titles, panel};
use crate::ui::pen::Pen;
use crate::ui::proof;
use crate::ui::step::{elapsed, key, owner};
use crate::ui::text::{filled, short_duration, stopwatch, wall};
use crate::ui::theme::Theme;

/// Below so many columns only the impact is shown: why it was decided stands in the log.
const NARROW: u16 = 70;

/// ```text
/// TRIGGER 16:22:10 > DECIDED 16:23:30 > [STEPS 2/5] > VERIFY > CLOSED
/// rollback 1:14 of 5:00  [#####...............]   est finish 16:27:40Z
/// ┌─ Trigger that fired ────────┐┌─ Impact now ─────────────────┐
/// │ Error rate above 1 %        ││ [!] Error rate  1.80 % ▂▆█   │
/// └─────────────────────────────┘└──────────────────────────────┘
/// ┌─ Steps  Kubernetes rollback ──────────────────── READ-DO ───┐
/// │>[~] 3 wait rollout status   0:29 of 2:00  bo  RUNNING       │
/// └─────────────────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, page: &mut Page<'_>, state: &RollbackState) {
    let definition = &app.run.runbook().rollbacks[state.rollback];
    let stage = app.run.rollback_stage().unwrap_or(RollbackStage::Verify);
    draw_stages(app, theme, &mut page.pen(), state, stage);
    draw_clock(app, theme, &mut page.pen(), state, definition);
    let closed = matches!(stage, RollbackStage::Closed { .. });
    let owed = if closed { owed(app, state) } else { Vec::new() };
    let proofs = if matches!(stage, RollbackStage::Steps { .. }) {
        watched(app, state.rollback)
    } else {
        definition.verify.clone()
    };
    let height = (proofs.len().clamp(4, 6) + 2).min(page.left().saturating_sub(owed.len()) / 2);
    let area = page.take(height);
    let (left, right) = if area.width < NARROW {
        (Rect::ZERO, area)
    } else {
        halves(area)
    };
    draw_cause(app, theme, &mut page.part(left), state);
    draw_impact(
        app,
        theme,
        &mut page.part(right),
        definition,
        stage,
        &proofs,
    );
    let owed_rows = if owed.is_empty() {
        0
    } else {
        owed.len().min(8) + 2
    };
    let steps = app.run.rollback_steps().len() + 4;
    let spare = page.left().saturating_sub(owed_rows + steps);
    let at_undo = app.view.rollback_cursor >= app.run.rollback_steps().len();
    // Where both don't fit, the list that is worked on is the one that shows.
    let undoing = undoing::rows(
        app,
        if at_undo {
            spare.max(page.left() / 3)
        } else {
            spare
        },
    );
    let area = page.take(page.left().saturating_sub(owed_rows + undoing).max(3));
    draw_steps(app, theme, &mut page.part(area), definition, stage);
    let area = page.take(undoing);
    undoing::draw(app, theme, &mut page.part(area));
    if !owed.is_empty() {
        let area = page.rest();
        draw_owed(theme, &mut page.part(area), &owed);
    }
}

/// The line of stages; the present one in brackets.
fn draw_stages(
    app: &App,
    theme: &Theme,
    pen: &mut Pen<'_>,
    state: &RollbackState,
    stage: RollbackStage,
) {
    let trigger = match cause(app, state.started) {
        Some(trigger) => {
            let fired = app.run.triggers[trigger].fired.as_ref();
            fired.map_or_else(String::new, |fired| format!("TRIGGER {}", wall(fired.at)))
        }
        None => "NO TRIGGER".to_owned(),
    };
    let verb = if state.trigger.is_some() {
        "BY ITSELF"
    } else {
        "DECIDED"
    };
    let decided = format!("{verb} {}", wall(state.started));
    let (steps, verify, closed) = match stage {
        RollbackStage::Steps { done, total } => (
            format!("[STEPS {done}/{total}]"),
            "VERIFY".to_owned(),
            "CLOSED".to_owned(),
        ),
        RollbackStage::Verify => (
            "STEPS".to_owned(),
            "[VERIFY]".to_owned(),
            "CLOSED".to_owned(),
        ),
        RollbackStage::Closed { .. } => (
            "STEPS".to_owned(),
            "VERIFY".to_owned(),
            "[CLOSED]".to_owned(),
        ),
    };
    for (position, name) in [trigger, decided, steps, verify, closed].iter().enumerate() {
        pen.put(if position == 0 { "" } else { " > " }, theme.dim);
        let present = name.starts_with('[');
        pen.put(name, if present { theme.accent } else { theme.dim });
    }
}

/// The clock against the budget, and when it will be done if all goes as usual.
fn draw_clock(
    app: &App,
    theme: &Theme,
    pen: &mut Pen<'_>,
    state: &RollbackState,
    definition: &Rollback,
) {
    let elapsed = Duration::try_from(state.elapsed(app.now.wall)).unwrap_or(Duration::ZERO);
    let limit = budget(app, definition);
    let remaining = remaining(app);
    let open = state.closed.is_none();
    let expected = remaining
        .filter(|_| open)
        .map(|remaining| elapsed + remaining);
    let style = match limit {
        Some(limit) if elapsed > limit => theme.alarm,
        Some(limit) if expected.is_some_and(|expected| expected > limit) => theme.warning,
        _ => theme.strong,
    };
    pen.put("rollback ", theme.dim)
        .put(&stopwatch(elapsed), style);
    if let Some(limit) = limit {
        let share = elapsed.as_secs_f64() / limit.as_secs_f64().max(0.001);
        pen.put(&format!(" of {}  ", stopwatch(limit)), theme.text)
            .put(&bar(theme, share, 20), style);
        if elapsed > limit {
            pen.put(
                &format!("  {} over", stopwatch(elapsed - limit)),
                theme.alarm,
            );
        }
    }
    match (state.closed, expected) {
        (Some((at, true)), _) => pen.put(&format!("   VERIFIED {}Z", wall(at)), theme.good),
        (Some((at, false)), _) => pen.put(
            &format!("   ATTESTED {}Z, not proved", wall(at)),
            theme.warning,
        ),
        (None, Some(_)) if remaining == Some(Duration::ZERO) => pen,
        (None, Some(_)) => {
            let finish = app
                .now
                .wall
                .saturating_add(remaining.unwrap_or_default())
                .unwrap_or(app.now.wall);
            pen.put(&format!("   est finish {}Z", wall(finish)), style)
        }
        (None, None) => pen.put("   no estimate: a step says no usual time", theme.dim),
    };
}

/// What the open steps usually still take; unknown when one that runs something doesn't say.
fn remaining(app: &App) -> Option<Duration> {
    let open = app
        .run
        .rollback_steps()
        .into_iter()
        .filter(|&step| !app.run.is_settled(step));
    open.filter(|&step| app.run.runbook().step(step).command.is_some())
        .map(|step| {
            let running = app
                .run
                .latest_attempt(step)
                .filter(|attempt| attempt.is_running());
            let spent = running.map_or(Duration::ZERO, |attempt| elapsed(app, attempt));
            Some(
                app.run
                    .usual_time(step, Direction::Run)?
                    .time
                    .saturating_sub(spent),
            )
        })
        .sum()
}

fn draw_cause(app: &App, theme: &Theme, page: &mut Page<'_>, state: &RollbackState) {
    let area = page.rest();
    let trigger = cause(app, state.started);
    let title = if trigger.is_some() {
        "Trigger that fired"
    } else {
        "Decision"
    };
    let inner = panel(
        theme,
        area,
        page.buffer(),
        Titles {
            left: title,
            ..Titles::default()
        },
    );
    let mut page = Page::new(page.buffer(), padded(inner));
    if let Some(trigger) = trigger {
        let title = &app.run.runbook().triggers[trigger].title;
        page.pen()
            .put(&filled(title, &app.run.variables), theme.strong);
        if let Some(fired) = &app.run.triggers[trigger].fired {
            page.pen().put(&fired.because, theme.text);
        }
    }
    let decided = if state.trigger.is_some() {
        "began by itself: nobody stopped it".to_owned()
    } else {
        format!("decided by {}, typed \"{}\"", state.by, state.typed)
    };
    page.pen().put(&decided, theme.text);
    draw_status_message(app, theme, &mut page.pen(), state);
}

/// Whether anybody was told since the rollback began.
fn draw_status_message(app: &App, theme: &Theme, pen: &mut Pen<'_>, state: &RollbackState) {
    if app.run.runbook().messages.is_empty() {
        return;
    }
    let latest = app
        .run
        .messages_sent
        .values()
        .max()
        .filter(|at| **at >= state.started);
    match latest {
        Some(at) => pen.put(&format!("status message sent {}Z", wall(*at)), theme.dim),
        None => pen.put(
            &format!(
                "status message not sent yet ({})",
                key(app, Action::StatusMessage)
            ),
            theme.warning,
        ),
    };
}

/// What the panel of proofs is called, and how far they are.
fn impact_title(
    app: &App,
    theme: &Theme,
    definition: &Rollback,
    stage: RollbackStage,
) -> (&'static str, String, Style) {
    let held = app
        .live
        .verified_since
        .map(|since| app.now.monotonic.saturating_sub(since));
    let needed = short_duration(definition.hold);
    let lasting = lasting(definition.hold);
    match (stage, held) {
        (RollbackStage::Steps { .. }, _) => {
            ("Impact now", format!("has to be good{lasting}"), theme.dim)
        }
        (RollbackStage::Closed { verified: true }, _) => ("Proof", "held".to_owned(), theme.good),
        (RollbackStage::Closed { verified: false }, _) => {
            ("Proof", "not proved".to_owned(), theme.warning)
        }
        (RollbackStage::Verify, Some(_)) if definition.hold.is_zero() => {
            ("Proof", "good".to_owned(), theme.good)
        }
        (RollbackStage::Verify, Some(held)) => (
            "Proof",
            format!("good for {} of {needed}", stopwatch(held)),
            theme.accent,
        ),
        (RollbackStage::Verify, None) => (
            "Proof",
            format!("has to be good{lasting}, isn't yet"),
            theme.warning,
        ),
    }
}

fn draw_impact(
    app: &App,
    theme: &Theme,
    page: &mut Page<'_>,
    definition: &Rollback,
    stage: RollbackStage,
    proofs: &[Proof],
) {
    let (title, figures, style) = impact_title(app, theme, definition, stage);
    let area = page.rest();
    let titles = Titles {
        left: title,
        right: &figures,
        right_style: Some(style),
        focused: false,
    };
    let inner = panel(theme, area, page.buffer(), titles);
    let mut page = Page::new(page.buffer(), padded(inner));
    if proofs.is_empty() {
        let words = "this rollback names no proof: `:attest-rollback` closes it by word when its steps are done";
        page.pen().put(words, theme.warning);
    }
    let hidden = proofs.len().saturating_sub(page.left());
    let shown = if hidden > 0 {
        page.left().saturating_sub(1)
    } else {
        proofs.len()
    };
    for &proof in &proofs[..shown] {
        proof::draw(app, theme, proof, &mut page.pen());
    }
    if hidden > 0 {
        page.pen().put(&format!("… {} more", hidden + 1), theme.dim);
    }
}

fn draw_steps(
    app: &App,
    theme: &Theme,
    page: &mut Page<'_>,
    definition: &Rollback,
    stage: RollbackStage,
) {
    let area = page.rest();
    let title = format!("Steps  {}", filled(&definition.title, &app.run.variables));
    let order = match definition.order {
        crate::runbook::Order::ReadDo => "READ-DO",
        crate::runbook::Order::DoConfirm => "DO-CONFIRM",
    };
    let inner = panel(
        theme,
        area,
        page.buffer(),
        Titles {
            left: &title,
            right: order,
            focused: app.view.rollback_cursor < app.run.rollback_steps().len(),
            ..Titles::default()
        },
    );
    let steps = app.run.rollback_steps();
    let mut page = Page::new(page.buffer(), inner);
    let cursor = app.view.rollback_cursor.min(steps.len().saturating_sub(1));
    let notes = after_lines(app, theme, definition, stage);
    let rows = page
        .left()
        .saturating_sub(notes.len().min(page.left().saturating_sub(steps.len())));
    for position in window(cursor, steps.len(), rows) {
        draw_step(
            app,
            theme,
            &mut page.pen(),
            steps[position],
            position == app.view.rollback_cursor,
        );
    }
    for note in notes {
        page.pen().skip(1).put(&note.content, note.style);
    }
}

/// What comes after the steps, in the panel of the steps: shown only where there is room.
fn after_lines(
    app: &App,
    theme: &Theme,
    definition: &Rollback,
    stage: RollbackStage,
) -> Vec<Span<'static>> {
    if !matches!(stage, RollbackStage::Steps { .. }) {
        return Vec::new();
    }
    let names = definition
        .verify
        .iter()
        .map(|&proof| proof::title(app, proof))
        .collect::<Vec<_>>()
        .join(", ");
    let verify = format!(
        "--- verify: {names}; all good{} ---",
        lasting(definition.hold)
    );
    let each = if matches!(app.doing(), Some(Doing::Walking { .. })) {
        "its commands start by themselves until one fails or needs a person".to_owned()
    } else {
        format!(
            "started once by one decision; each step then needs only {} and y",
            key(app, Action::RunCommand)
        )
    };
    let verify = (!definition.verify.is_empty()).then(|| span(verify, theme.dim));
    verify.into_iter().chain([span(each, theme.dim)]).collect()
}

/// `>[~] 3 wait rollout status   0:29 of 2:00   bo   RUNNING`
fn draw_step(app: &App, theme: &Theme, pen: &mut Pen<'_>, step: StepIndex, pointed: bool) {
    if pointed {
        pen.shade(theme.selection);
    }
    let definition = app.run.runbook().step(step);
    let status = app.run.status(step);
    let settled = app.run.is_settled(step);
    let room = pen.room();
    pen.column(if pointed { ">" } else { "" }, 1, theme.accent)
        .put(status.mark(), theme.status(status))
        .put(" ", theme.text);
    pen.skip(definition.depth * 2)
        .put(&definition.number, theme.dim)
        .put(" ", theme.dim);
    let title_style = if settled { theme.dim } else { theme.text };
    let title = filled(&definition.title, &app.run.variables);
    let used = room - pen.room();
    pen.column(&title, (room / 2).saturating_sub(used).max(12), title_style)
        .skip(1)
        .column(&time_words(app, step), 13, theme.text)
        .skip(1);
    let who = owner(app, step).unwrap_or_default();
    pen.column(who.split(' ').next().unwrap_or_default(), 5, theme.dim)
        .skip(1);
    put_spans(pen, &outcome_words(app, theme, step, status));
}

/// `0:29 of 2:00`
fn time_words(app: &App, step: StepIndex) -> String {
    if app.run.runbook().step(step).command.is_none() {
        return String::new();
    }
    let spent = app.run.latest_attempt(step).map_or_else(
        || "....".to_owned(),
        |attempt| stopwatch(elapsed(app, attempt)),
    );
    let usual = app.run.usual_time(step, Direction::Run);
    usual.map_or_else(
        || spent.clone(),
        |usual| format!("{spent} of {}", stopwatch(usual.time)),
    )
}

/// How a step ended, what it is doing, or what to know before it.
fn outcome_words(app: &App, theme: &Theme, step: StepIndex, status: Status) -> Vec<Span<'static>> {
    let definition = app.run.runbook().step(step);
    let attempt = app.run.latest_attempt(step);
    let outcome = attempt.and_then(|attempt| attempt.outcome.as_ref());
    let mut spans: Vec<Span<'static>> = match (status, outcome) {
        (Status::Running, _) => {
            let printed = attempt.and_then(|attempt| app.outputs.get(attempt.number)?.lines.back());
            let last = printed.map_or_else(String::new, |line| format!("  {}", line.text().trim()));
            vec![span("RUNNING", theme.accent), span(last, theme.dim)]
        }
        (Status::Done, _) if outcome.is_none() => {
            vec![span(
                app.run.state(step).value.as_deref().unwrap_or("done"),
                theme.dim,
            )]
        }
        (Status::Waived | Status::NotApplicable, _) => {
            vec![span(
                app.run.state(step).reason.as_deref().unwrap_or("waived"),
                theme.dim,
            )]
        }
        (Status::Todo, _) => Vec::new(),
        (_, Some(outcome)) => {
            let style: Style = if outcome.is_success() {
                theme.dim
            } else {
                theme.alarm
            };
            vec![span(explain(outcome), style)]
        }
        _ => Vec::new(),
    };
    if status == Status::Todo {
        let tags = [
            (definition.must, "MUST  "),
            (definition.second, "second person  "),
        ];
        spans.extend(
            tags.into_iter()
                .filter(|(on, _)| *on)
                .map(|(_, word)| span(word, theme.strong)),
        );
        spans.extend(
            definition
                .command
                .as_ref()
                .map(|command| span(command.level.name(), theme.dim)),
        );
    }
    spans
}

/// What is still to be done after a rollback was closed.
fn owed(app: &App, state: &RollbackState) -> Vec<(bool, String)> {
    let mut owed = Vec::new();
    for step in app.run.rollback_steps() {
        let definition = app.run.runbook().step(step);
        if !app.run.is_settled(step) && !definition.is_group() {
            owed.push((
                false,
                format!(
                    "{} {}",
                    definition.number,
                    filled(&definition.title, &app.run.variables)
                ),
            ));
        }
    }
    if !app.run.runbook().messages.is_empty() {
        let told = app
            .run
            .messages_sent
            .values()
            .any(|at| *at >= state.started);
        owed.push((
            told,
            format!("tell people ({})", key(app, Action::StatusMessage)),
        ));
    }
    let noted = app.run.notes.iter().any(|note| note.at >= state.started);
    owed.push((
        noted,
        format!("write down what happened ({})", key(app, Action::Note)),
    ));
    owed.push((
        app.run.ended.is_some(),
        "close the run (`:close`), or go on from the board (esc)".to_owned(),
    ));
    owed
}

fn draw_owed(theme: &Theme, page: &mut Page<'_>, owed: &[(bool, String)]) {
    let open = owed.iter().filter(|(done, _)| !done).count();
    let figures = if open == 0 {
        "nothing".to_owned()
    } else {
        open.to_string()
    };
    let area = page.rest();
    let inner = panel(
        theme,
        area,
        page.buffer(),
        Titles {
            left: "Owed",
            right: &figures,
            ..Titles::default()
        },
    );
    let mut page = Page::new(page.buffer(), inner);
    for (done, words) in owed {
        let (mark, style) = if *done {
            ("[x]", theme.dim)
        } else {
            ("[ ]", theme.text)
        };
        page.pen()
            .skip(1)
            .put(mark, style)
            .put(" ", style)
            .put(words, style);
    }
}
