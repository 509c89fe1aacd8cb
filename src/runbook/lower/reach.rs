//! What is written and comes to nothing: checks and metrics that no one asks, budgets that can't be kept.

use std::ops::Range;
use std::time::Duration;

use crate::check::{Metric, Severity};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::text::format_duration;
use crate::runbook::{Proof, Rollback, Runbook, Subject};

/// Advice on what uses what.
pub(super) fn on_use(runbook: &Runbook) -> Vec<Diagnostic> {
    let mut advice = unused(runbook);
    advice.extend(hasty_terms(runbook));
    advice.extend(long_baselines(runbook));
    let rollbacks = runbook.rollbacks.iter();
    advice.extend(rollbacks.filter_map(|rollback| over_budget(runbook, rollback)));
    advice
}

/// Which checks and metrics something follows from.
struct Uses {
    checks: Vec<bool>,
    metrics: Vec<bool>,
    /// Metrics whose verdict is taken as a proof.
    proofs: Vec<bool>,
}

impl Uses {
    fn of(runbook: &Runbook) -> Self {
        let mut uses = Self {
            checks: vec![false; runbook.checks.len()],
            metrics: vec![false; runbook.metrics.len()],
            proofs: vec![false; runbook.metrics.len()],
        };
        for step in &runbook.steps {
            step.checks
                .iter()
                .for_each(|&check| uses.checks[check] = true);
            for &metric in &step.metrics {
                // Where a value is recorded, a metric without a limit says which.
                uses.metrics[metric] = true;
                uses.proofs[metric] |= step.record.is_none();
            }
        }
        for proof in runbook
            .rollbacks
            .iter()
            .flat_map(|rollback| &rollback.verify)
        {
            match *proof {
                Proof::Check(check) => uses.checks[check] = true,
                Proof::Metric(metric) => {
                    uses.metrics[metric] = true;
                    uses.proofs[metric] = true;
                }
            }
        }
        for subject in subjects(runbook) {
            match subject {
                Subject::CheckFails(check) => uses.checks[check] = true,
                Subject::MetricFails(metric) | Subject::MetricWarns(metric) => {
                    uses.metrics[metric] = true;
                }
                // Whatever fails counts.
                Subject::Unresolved => uses.checks.fill(true),
            }
        }
        uses
    }
}

fn subjects(runbook: &Runbook) -> impl Iterator<Item = Subject> {
    let conditions = runbook
        .triggers
        .iter()
        .filter_map(|trigger| trigger.condition.as_ref());
    conditions
        .flat_map(|condition| condition.terms())
        .map(|term| term.subject)
}

fn unused(runbook: &Runbook) -> Vec<Diagnostic> {
    let uses = Uses::of(runbook);
    let help = "name it in a step, in a trigger or in a rollback's `verify`; or leave it out";
    let mut advice = Vec::new();
    for (check, used) in runbook.checks.iter().zip(&uses.checks) {
        // One that only warns is there to be seen.
        if !used && check.severity == Severity::Fail {
            let message = format!("nothing follows from the check `{}`", check.id);
            let help = format!("{help}; `severity = \"warn\"` if it is only to be seen");
            advice.push(warning("unused-check", &check.span, message, help));
        }
    }
    for ((metric, used), proves) in runbook.metrics.iter().zip(&uses.metrics).zip(&uses.proofs) {
        if !used {
            let message = format!("nothing follows from the metric `{}`", metric.id);
            advice.push(warning("unused-metric", &metric.span, message, help));
        } else if *proves && metric.warn.is_none() && metric.fail.is_none() {
            let message = format!("the metric `{}` proves nothing: it has no limit", metric.id);
            let help = "add `fail = \"…\"`, the limit beyond which it isn't good any more";
            advice.push(warning("no-limit", &metric.span, message, help));
        }
    }
    advice
}

fn warning(
    code: &'static str,
    span: &Range<usize>,
    message: String,
    help: impl Into<String>,
) -> Diagnostic {
    Diagnostic::warning(code, span.clone(), message).help(help)
}

/// Terms that would be true after a single look.
fn hasty_terms(runbook: &Runbook) -> Vec<Diagnostic> {
    let every = |subject: Subject| match subject {
        Subject::CheckFails(check) => runbook.checks[check].every,
        Subject::MetricFails(metric) | Subject::MetricWarns(metric) => {
            runbook.metrics[metric].every
        }
        Subject::Unresolved => Duration::ZERO,
    };
    let mut advice = Vec::new();
    for trigger in &runbook.triggers {
        let terms = trigger
            .condition
            .iter()
            .flat_map(|condition| condition.terms());
        for term in terms {
            let every = every(term.subject);
            if !term.sustained.is_zero() && term.sustained < every {
                let message = format!(
                    "`{}` is over before the next look, {} later",
                    term.text,
                    format_duration(every)
                );
                let help = format!(
                    "write `for {}` or longer, or look more often",
                    format_duration(every * 2)
                );
                advice.push(warning("for-too-short", &trigger.span, message, help));
            }
        }
    }
    advice
}

/// Baselines of a time in which nobody looks yet.
fn long_baselines(runbook: &Runbook) -> Vec<Diagnostic> {
    let begins = runbook.phases.iter().filter_map(|phase| phase.at).min();
    let Some(before) = begins.filter(|begins| begins.is_negative()) else {
        return Vec::new();
    };
    let before = before.unsigned_abs();
    let too_long = |metric: &&Metric| metric.baseline.is_some_and(|baseline| baseline > before);
    let metrics = runbook.metrics.iter().filter(too_long);
    metrics
        .map(|metric| {
            let message = format!(
                "the baseline of `{}` is longer than the {} between the first phase and T-0",
                metric.id,
                format_duration(before)
            );
            let help = format!(
                "write `baseline = \"{}\"` or less, or begin earlier",
                format_duration(before)
            );
            warning("baseline-too-long", &metric.span, message, help)
        })
        .collect()
}

/// A rollback whose steps usually take longer than it may.
fn over_budget(runbook: &Runbook, rollback: &Rollback) -> Option<Diagnostic> {
    let within = rollback.within?;
    let steps = rollback.steps.iter().map(|&step| runbook.step(step));
    let takes: Duration = steps.filter_map(|step| step.takes).sum::<Duration>() + rollback.hold;
    (takes > within).then(|| {
        let message = format!(
            "this rollback takes {}, and has a budget of {}",
            format_duration(takes),
            format_duration(within)
        );
        let help = "shorten it, or raise `within` to what it takes";
        warning("over-budget", &rollback.span, message, help)
    })
}
