//! The way back: before it is decided what can be taken, while it is walked how far it is, after it what is owed.
//!
//! Somebody reads this screen in the worst minutes of their week, so it answers one question per line and keeps the
//! clock against the budget at the top.

mod deciding;
mod undoing;
mod walking;

use std::time::Duration;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;

use super::page::Page;
use super::text::short_duration;
use super::theme::Theme;
use crate::app::App;
use crate::runbook::{Proof, Rollback, Subject};

/// Draws the rollback screen for the state the run is in.
pub fn draw(app: &App, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let mut page = Page::new(frame.buffer_mut(), area);
    match &app.run.rollback {
        Some(state) if state.closed.is_none() || app.run.pending_triggers().next().is_none() => {
            walking::draw(app, theme, &mut page, state);
        }
        // A trigger that fires after a closed rollback asks for a new decision.
        _ => deciding::draw(app, theme, &mut page),
    }
}

/// Within which time a rollback has to be done.
fn budget(app: &App, rollback: &Rollback) -> Option<Duration> {
    rollback.within.or(app.run.runbook().window.rollback_budget)
}

/// ` for 5:00`, or nothing where one look is enough.
fn lasting(hold: Duration) -> String {
    if hold.is_zero() {
        String::new()
    } else {
        format!(" for {}", short_duration(hold))
    }
}

/// What has to be watched while this rollback is walked: its proofs, and what its triggers look at.
fn watched(app: &App, position: usize) -> Vec<Proof> {
    let runbook = app.run.runbook();
    let mut proofs = runbook.rollbacks[position].verify.clone();
    let triggers = runbook
        .triggers
        .iter()
        .filter(|trigger| trigger.rollbacks.contains(&position));
    let terms = triggers.flat_map(|trigger| {
        trigger
            .condition
            .iter()
            .flat_map(|condition| condition.terms())
    });
    for term in terms {
        let proof = match term.subject {
            Subject::CheckFails(check) => Proof::Check(check),
            Subject::MetricFails(metric) | Subject::MetricWarns(metric) => Proof::Metric(metric),
            Subject::Unresolved => continue,
        };
        if !proofs.contains(&proof) {
            proofs.push(proof);
        }
    }
    proofs
}

/// The trigger whose decision led to the rollback, and when it fired: the first of them if there were several.
fn cause(app: &App, started: Timestamp) -> Option<usize> {
    let fired = app
        .run
        .triggers
        .iter()
        .enumerate()
        .filter_map(|(at, state)| Some((at, state.fired.as_ref()?)));
    let before = fired.filter(|(_, fired)| {
        let rolled_back = fired
            .decision
            .is_some_and(|(decision, _)| decision == crate::journal::Decision::RollBack);
        rolled_back && fired.at <= started
    });
    before.min_by_key(|(_, fired)| fired.at).map(|(at, _)| at)
}
