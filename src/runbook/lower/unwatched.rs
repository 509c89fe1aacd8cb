//! Thresholds that only stand in a title, where nothing compares them with anything.
//!
//! "p95 < 500 ms" beside a box asks a tired person to find a number, to remember the limit and to judge. A check, a
//! metric, a command or at least a recorded value takes that over. Only a comparison with a number *and* a unit is
//! taken for a threshold: "> 3 reviewers" and "under an hour" are a person's to judge.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::{Runbook, Step};

static THRESHOLD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:[<>≤≥]=?|\b(?:below|under|above|less than|exceeds))\s*\d[\d.,]*\s*(?:%|(?:ms|s|sec|seconds?|rps|[kmg]i?b)\b)",
    )
    .ok()
});

/// A warning for each step whose title has a threshold that nothing watches.
pub(super) fn thresholds(runbook: &Runbook, source: &str) -> Vec<Diagnostic> {
    let steps = runbook.steps.iter();
    let unwatched = steps.filter(|step| !is_watched(runbook, step));
    unwatched
        .filter_map(|step| threshold(step, source))
        .collect()
}

/// Whether the step, what it belongs to or all that belongs to it is compared with something.
fn is_watched(runbook: &Runbook, step: &Step) -> bool {
    let mut above = std::iter::successors(Some(step), |step| {
        step.parent.map(|parent| runbook.step(parent))
    });
    let mut below = step.children.iter().map(|&child| runbook.step(child));
    above.any(compares) || (!step.children.is_empty() && below.all(compares))
}

fn compares(step: &Step) -> bool {
    !step.checks.is_empty()
        || !step.metrics.is_empty()
        || step.record.is_some()
        || step.command.is_some()
}

fn threshold(step: &Step, source: &str) -> Option<Diagnostic> {
    let found = THRESHOLD.as_ref()?.find(&step.title)?.as_str();
    let message = format!("nothing watches `{found}`: a person has to look it up and compare");
    let help = "name a `metric` or a `check`; or have the value recorded: `record = { label = \"…\", unit = \"…\", want = \"…\" }`";
    Some(Diagnostic::warning("unwatched-threshold", place(found, step, source), message).help(help))
}

/// Where the threshold stands, as long as no escape hides it.
fn place(found: &str, step: &Step, source: &str) -> Range<usize> {
    let written = source.get(step.span.clone()).unwrap_or_default();
    written.find(found).map_or(step.span.clone(), |at| {
        let start = step.span.start + at;
        start..start + found.len()
    })
}

#[cfg(test)]
mod tests {
    use crate::runbook::load;

    /// Columns and codes of what is said about these steps.
    fn said(steps: &str) -> Vec<(String, String)> {
        let text = format!(
            "format = 1\ntitle = 'S'\n[[metric]]\nid = 'm'\ncommand = {{ run = 'x' }}\nfail = '> 1'\n\
             [[phase]]\ntitle = 'P'\nstage = 'pre-launch'\n[[phase.section]]\ntitle = 'S'\norder = 'read-do'\n\
             steps = [\n{{ title = 'Uses m', metric = 'm' }},\n{steps}\n]\n"
        );
        let findings = load("s.toml", text.as_bytes()).findings();
        findings
            .into_iter()
            .map(|finding| (format!("{}:{}", finding.line, finding.column), finding.code))
            .collect()
    }

    #[test]
    fn a_threshold_that_only_a_person_compares_is_named_where_it_stands() {
        for (step, column) in [
            ("'p95 < 500 ms'", 6),
            ("'Error rate below 0.1%'", 13),
            ("{ title = 'CPU ≤ 70 %' }", 16),
            ("'Start takes under 2 seconds'", 14),
            ("'Heap under 512 MiB'", 7),
        ] {
            assert_eq!(
                said(step),
                [(format!("15:{column}"), "unwatched-threshold".to_owned())],
                "{step}"
            );
        }
    }

    #[test]
    fn what_is_watched_or_is_no_measure_is_left_alone() {
        for step in [
            "{ title = 'p95 < 500 ms', metric = 'm' }",
            "{ title = 'p95 < 500 ms', record = { label = 'p95', unit = 'ms', want = '< 500' } }",
            "{ title = 'p95 < 500 ms', run = 'measure', level = 'safe' }",
            "{ title = 'Latency', metric = 'm', steps = ['p95 < 500 ms'] }",
            "{ title = 'Latency < 1 s', steps = [{ title = 'a', metric = 'm' }] }",
            "'More than 3 reviewers agree'",
            "'Approved by > 2 people'",
            "'Going back takes under 5 minutes'",
            "'Shift 10 % of the traffic'",
            "'Read section <2> in 5 s'",
        ] {
            assert_eq!(said(step), [], "{step}");
        }
    }
}
