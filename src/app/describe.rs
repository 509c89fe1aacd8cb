//! Events in a few words, for the log; by their ids, as the journal has them.

use std::time::Duration;

use super::command::explain;
use crate::check::Verdict;
use crate::journal::{Answer, Direction, Event, Evidence, Outcome};
use crate::runbook::text::format_duration;

/// An event in a few words.
pub fn describe(event: &Event) -> String {
    let topics = [of_run, of_step, of_command, of_sample, of_rollback, of_gate];
    let words = topics.into_iter().find_map(|topic| topic(event));
    words.unwrap_or_default()
}

fn of_run(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunOpened { title, .. } => format!("run opened: {title}"),
        Event::RunResumed { host } => format!("run resumed on {host}"),
        Event::TargetMoved { t0, reason } => {
            format!("T-0 moved to {}: {reason}", t0.strftime("%H:%M:%S UTC"))
        }
        Event::RoleTaken { role, operator } => format!("{role} is {operator}"),
        Event::HoldStarted { reason, gate: None } => format!("HOLD: {reason}"),
        Event::HoldStarted { reason, .. } => format!("planned hold: {reason}"),
        Event::HoldReleased {} => "hold released".to_owned(),
        Event::NoteAdded { text, .. } => format!("note: {text}"),
        Event::TodoAdded { text, .. } => format!("TODO: {text}"),
        Event::StatusSent { message, .. } => format!("status message {message} sent"),
        Event::RunClosed { reason, .. } if reason.is_empty() => "run closed".to_owned(),
        Event::RunClosed { reason, .. } => format!("run closed: {reason}"),
        Event::Unrecognised { name, .. } => format!("{name} (from a later version)"),
        _ => return None,
    })
}

fn of_step(event: &Event) -> Option<String> {
    Some(match event {
        Event::OptionChosen { section, option } => format!("chose {option} in {section}"),
        Event::ApplicabilityAnswered {
            step,
            applies: true,
            ..
        } => format!("{step} applies"),
        Event::ApplicabilityAnswered { step, reason, .. } => {
            let reason = reason.as_deref().unwrap_or("no reason given");
            format!("{step} doesn't apply: {reason}")
        }
        Event::StepDone { step, value, .. } => {
            let value = with(" = ", value.as_deref());
            format!("[x] {step}{value} ({})", how_known(event))
        }
        Event::StepContradicted { step, evidence } => {
            format!("[?] {step}: {} {}", evidence.source, evidence.observed)
        }
        Event::StepWaived { step, reason } => format!("[-] waived {step}: {reason}"),
        Event::StepSkipped { step, reason } => format!("passed over {step}: {reason}"),
        Event::StepReopened { step, reason } if reason.is_empty() => {
            format!("[ ] took back {step}")
        }
        Event::StepReopened { step, reason } => format!("[ ] reopened {step}: {reason}"),
        _ => return None,
    })
}

/// By what or whose word a step is done.
fn how_known(event: &Event) -> String {
    let Event::StepDone {
        basis,
        signed,
        second,
        against,
        ..
    } = event
    else {
        return String::new();
    };
    let signed = with(", signed by ", signed.as_deref());
    let second = with(", seen by ", second.as_deref());
    let over = |Evidence {
                    source, observed, ..
                }: &Evidence| format!(", OVER RED {source}: {observed}");
    let against = against.as_ref().map(over).unwrap_or_default();
    format!("{}{signed}{second}{against}", basis.name())
}

fn with(before: &str, text: Option<&str>) -> String {
    text.map(|text| format!("{before}{text}"))
        .unwrap_or_default()
}

fn of_command(event: &Event) -> Option<String> {
    Some(match event {
        Event::AttemptStarted {
            attempt,
            step,
            direction,
            command,
            ..
        } => {
            let verb = match direction {
                Direction::Undo => "undoes",
                Direction::Run => "runs",
            };
            let step = step
                .as_ref()
                .map_or_else(|| "quick command".to_owned(), ToString::to_string);
            format!("#{attempt} {verb} {step}: {command}")
        }
        Event::AttemptInterrupted { attempt } => format!("#{attempt} asked to stop"),
        Event::AttemptEnded {
            attempt,
            outcome,
            took_ms,
            ..
        } => format!(
            "#{attempt} {}{}",
            explain(outcome),
            after(outcome, *took_ms)
        ),
        _ => return None,
    })
}

/// How long it took, where somebody saw its end.
fn after(outcome: &Outcome, took_ms: u64) -> String {
    if !outcome.was_seen() {
        return String::new();
    }
    let took = format_duration(Duration::from_secs(took_ms / 1_000));
    format!(" after {took}")
}

fn of_sample(event: &Event) -> Option<String> {
    Some(match event {
        Event::VerdictChanged {
            source,
            to,
            observed,
            ..
        } => {
            let mark = match to {
                Verdict::Pass => "ok",
                Verdict::Warn => "warn",
                Verdict::Fail => "[!] fails",
                Verdict::Unknown(_) => "[?] unknown",
            };
            format!("{source} {mark}: {observed}")
        }
        Event::BaselineCaptured {
            metric,
            median,
            low,
            high,
        } => format!("baseline of {metric}: {median:.2} ({low:.2} to {high:.2})"),
        _ => return None,
    })
}

fn of_rollback(event: &Event) -> Option<String> {
    Some(match event {
        Event::TriggerFired { trigger, because } => format!("TRIGGER {trigger}: {because}"),
        Event::DecisionOverdue { trigger } => format!("decision about {trigger} is overdue"),
        Event::Decided {
            decision, reason, ..
        } => {
            let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
            format!("decided: {}{}", decision.words(), with(": ", reason))
        }
        Event::RollbackAnnounced { rollback, trigger } => {
            format!("ROLLBACK {rollback} begins by itself in 10 s: {trigger}")
        }
        Event::RollbackHandedOver { reason, .. } => format!("nothing goes by itself: {reason}"),
        Event::RollbackStarted {
            rollback,
            trigger: Some(trigger),
            ..
        } => format!("ROLLBACK {rollback} started by itself: {trigger}"),
        Event::RollbackStarted {
            rollback, typed, ..
        } => format!("ROLLBACK {rollback} started, typed {typed:?}"),
        Event::RollbackVerified { rollback, .. } => format!("rollback {rollback} verified"),
        Event::RollbackAttested { rollback, reason } => {
            format!("rollback {rollback} closed by word: {reason}")
        }
        _ => return None,
    })
}

fn of_gate(event: &Event) -> Option<String> {
    Some(match event {
        Event::GateAnswered {
            role,
            answer,
            reason,
            ..
        } => {
            let answer = match answer {
                Answer::Go => "GO",
                Answer::NoGo => "NO-GO",
                Answer::Absent => "absent",
            };
            format!("{role} says {answer}{}", with(": ", reason.as_deref()))
        }
        Event::GateReset { gate } => format!("poll {gate} starts over"),
        Event::Recycled { steps, reason } => {
            let opened = match steps.len() {
                1 => "1 step opens".to_owned(),
                more => format!("{more} steps open"),
            };
            format!("recycled, {opened} again: {reason}")
        }
        _ => return None,
    })
}
