//! Which checks and metrics are meant, and which values they need.

use crate::check::{MetricSource, Probe};
use crate::cli::failure::Failure;
use crate::runbook::text::nearest;
use crate::runbook::{Home, Proof, Runbook, Step};

/// The checks and metrics to look at, checks first, each in the runbook's order.
///
/// # Errors
/// When there is no such phase, or nothing to look at: an empty list of passes would look like a pass.
pub fn wanted(runbook: &Runbook, phase: Option<&str>) -> Result<Vec<Proof>, Failure> {
    let checks = (0..runbook.checks.len()).map(Proof::Check);
    let metrics = (0..runbook.metrics.len()).map(Proof::Metric);
    let mut wanted: Vec<Proof> = checks.chain(metrics).collect();
    if let Some(phase) = phase {
        let phases = phases(runbook, phase)?;
        let used = used(runbook, &phases);
        wanted.retain(|proof| used.contains(proof));
    }
    if wanted.is_empty() {
        let what = match phase {
            Some(phase) => format!("no step of phase `{phase}` has a check or a metric"),
            None => "this runbook has no check and no metric".to_owned(),
        };
        return Err(Failure::usage(what).hint("add a `[[check]]`, and name it in a step"));
    }
    Ok(wanted)
}

/// The phase with this id; or those of a stage with this name.
fn phases(runbook: &Runbook, name: &str) -> Result<Vec<usize>, Failure> {
    let all = || runbook.phases.iter().enumerate();
    let by_id = all().find(|(_, phase)| phase.id == name);
    let found: Vec<usize> = match by_id {
        Some((position, _)) => vec![position],
        None => all()
            .filter(|(_, phase)| phase.stage.name() == name)
            .map(|(position, _)| position)
            .collect(),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let ids = || runbook.phases.iter().map(|phase| phase.id.as_str());
    let hint = match nearest(name, ids()) {
        Some(near) => format!("did you mean `--phase {near}`?"),
        None => format!("its phases are: {}", ids().collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::usage(format!("the runbook has no phase `{name}`")).hint(hint))
}

/// What the steps of these phases name, substeps and options included.
fn used(runbook: &Runbook, phases: &[usize]) -> Vec<Proof> {
    let in_phases = |step: &&Step| match step.home {
        Home::Section(at) | Home::Option(at, _) => phases.contains(&at.phase),
        Home::Rollback(_) | Home::Upkeep(_) => false,
    };
    let steps = runbook.steps.iter().filter(in_phases);
    let proofs = steps.flat_map(|step| {
        let checks = step.checks.iter().map(|&check| Proof::Check(check));
        checks.chain(step.metrics.iter().map(|&metric| Proof::Metric(metric)))
    });
    proofs.collect()
}

/// The runbook without the variables that have no value and that nothing wanted asks for: the version to launch
/// isn't needed to see whether the database answers.
pub fn with_needed_variables(
    runbook: &Runbook,
    wanted: &[Proof],
    given: &[(String, String)],
) -> Runbook {
    let mut needed = runbook.clone();
    needed.variables.retain(|variable| {
        variable.secret
            || variable.default.is_some()
            || given.iter().any(|(name, _)| *name == variable.name)
            || is_needed(runbook, wanted, &variable.name)
    });
    needed
}

/// Whether something wanted names the variable.
pub fn is_needed(runbook: &Runbook, wanted: &[Proof], name: &str) -> bool {
    wanted.iter().any(|&proof| match proof {
        Proof::Check(check) => {
            let check = &runbook.checks[check];
            let expected = check.expect.iter().map(|expectation| expectation.text());
            in_probe(&check.probe, name) || expected.into_iter().any(|text| fills(text, name))
        }
        Proof::Metric(metric) => in_source(&runbook.metrics[metric].source, name),
    })
}

fn in_probe(probe: &Probe, name: &str) -> bool {
    match probe {
        Probe::Command { run } => in_shell(run, name),
        probe => any_fills(probe.clone().texts_mut(), name),
    }
}

fn in_source(source: &MetricSource, name: &str) -> bool {
    match source {
        MetricSource::Command { run } => in_shell(run, name),
        source => any_fills(source.clone().texts_mut(), name),
    }
}

fn any_fills(texts: Vec<&mut String>, name: &str) -> bool {
    texts.iter().any(|text| fills(text, name))
}

fn fills(text: &str, name: &str) -> bool {
    text.contains(&format!("${{{name}}}"))
}

/// Whether shell text may read the variable. A script it calls may too, which nobody can see from here.
fn in_shell(run: &str, name: &str) -> bool {
    run.contains(&format!("${name}")) || run.contains(&format!("${{{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::load;

    const RUNBOOK: &str = r#"
format = 1
title = "Sample"
[vars]
HOST = { }
VERSION = { }
TOKEN = { secret = true }
[[check]]
id = "port"
tcp = { host = "${HOST}", port = 80 }
[[check]]
id = "version"
command = { run = "test \"$VERSION\" = v2" }
expect = "exit == 0"
[[metric]]
id = "load"
command = { run = "cat /proc/loadavg" }
fail = "> 4"
[[phase]]
title = "Before"
stage = "pre-launch"
[[phase.section]]
title = "S"
steps = [{ title = "a", steps = [{ title = "b", check = "version" }] }]
[[phase]]
title = "After"
stage = "post-launch"
[[phase.section]]
title = "S"
steps = [{ title = "a", check = "port", metric = "load" }, "c"]
[[rollback]]
title = "R"
steps = ["a"]
"#;

    fn runbook() -> Runbook {
        load("sample.toml", RUNBOOK.as_bytes()).runbook.unwrap()
    }

    #[test]
    fn a_phase_is_named_by_its_id_or_its_stage() {
        let runbook = runbook();
        let all = vec![Proof::Check(0), Proof::Check(1), Proof::Metric(0)];
        assert_eq!(wanted(&runbook, None).unwrap(), all);
        let before = vec![Proof::Check(1)];
        assert_eq!(wanted(&runbook, Some("before")).unwrap(), before);
        assert_eq!(wanted(&runbook, Some("pre-launch")).unwrap(), before);
        let after = vec![Proof::Check(0), Proof::Metric(0)];
        assert_eq!(wanted(&runbook, Some("after")).unwrap(), after);
        assert!(wanted(&runbook, Some("launch")).is_err());
    }

    #[test]
    fn only_the_values_that_something_wanted_names_are_needed() {
        let runbook = runbook();
        let names = |wanted: &[Proof]| {
            let needed = with_needed_variables(&runbook, wanted, &[]);
            let names = needed.variables.into_iter().map(|variable| variable.name);
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(&[Proof::Check(0)]), ["HOST", "TOKEN"]);
        assert_eq!(names(&[Proof::Check(1)]), ["VERSION", "TOKEN"]);
        assert_eq!(names(&[Proof::Metric(0)]), ["TOKEN"]);
        let given = [("HOST".to_owned(), "db".to_owned())];
        let needed = with_needed_variables(&runbook, &[Proof::Metric(0)], &given);
        assert_eq!(needed.variables.len(), 2, "what was given is checked");
    }
}
