//! `tminus lint`: everything that is wrong with runbooks, before a launch finds out.
//!
//! Findings are the data, so they go to standard output; the count and files that can't be read are messages.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::arguments;
use super::context::Context;
use super::failure::{Exit, Failure, Outcome};
use super::library::{self, Source};
use super::output;
use crate::journal::Event;
use crate::runbook::diagnostic::Finding;
use crate::runbook::{DiagnosticLevel, Runbook, load};

#[derive(Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

/// `tminus lint`.
///
/// # Errors
/// When the findings can't be written, or what to compare with can't be loaded. A file that can't be read is told and makes the exit code 2, but keeps no
/// other from being read.
pub fn lint(context: &Context, arguments: &arguments::Lint) -> Outcome {
    let mut findings = Vec::new();
    let mut drawn = String::new();
    let mut unreadable = 0;
    let against = arguments.against.as_deref();
    let against = against.map(|old| find(context, old)?.runbook(context));
    let against = against.transpose()?;
    for file in &arguments.files {
        match find(context, file) {
            Ok(source) => {
                let mut loaded = source.load();
                let before = against.clone().or_else(|| last_run_of(context, &source));
                if let Some(before) = before {
                    loaded.compare_ids(&before);
                }
                drawn.push_str(&loaded.render(context.colors(&io::stdout())));
                findings.extend(loaded.findings());
            }
            Err(failure) => {
                failure.report();
                unreadable += 1;
            }
        }
    }
    let exit = exit(&findings, unreadable, arguments.strict);
    if arguments.json {
        output::json(&Findings { findings })?;
        return Ok(exit);
    }
    output::data(&drawn)?;
    output::say(summary(&findings, arguments.files.len() - unreadable));
    Ok(exit)
}

/// A file first, whatever it is called: linting `kestrel` in its folder is not about a runbook of that name.
fn find(context: &Context, file: &str) -> Result<Source, Failure> {
    if library::is_path(file) || Path::new(file).is_file() {
        return library::read(file);
    }
    library::find_named(context, file).unwrap_or_else(|| library::read(file))
}

/// The runbook as its newest run froze it. Runs that can't be read are no reason to find nothing else.
fn last_run_of(context: &Context, source: &Source) -> Option<Runbook> {
    let runs = context.store.list().ok()?.into_iter();
    let newest = runs
        .filter_map(|listed| Some((listed.run, listed.ends.ok()?.first.event)))
        .find(|(_, event)| {
            matches!(event, Event::RunOpened { runbook, .. } if *runbook == source.name)
        });
    let frozen = context.store.read(&newest?.0).ok()?.runbook().ok()?;
    load("runbook.toml", &frozen).runbook
}

fn count(findings: &[Finding], level: DiagnosticLevel) -> usize {
    findings
        .iter()
        .filter(|finding| finding.level == level)
        .count()
}

fn exit(findings: &[Finding], unreadable: usize, strict: bool) -> Exit {
    let errors = count(findings, DiagnosticLevel::Error);
    if unreadable > 0 {
        Exit::Usage
    } else if errors > 0 || (strict && !findings.is_empty()) {
        Exit::Findings
    } else {
        Exit::Ok
    }
}

fn summary(findings: &[Finding], files: usize) -> String {
    let errors = count(findings, DiagnosticLevel::Error);
    let warnings = count(findings, DiagnosticLevel::Warning);
    if errors + warnings == 0 {
        return format!("nothing to say about {}", plural(files, "file"));
    }
    format!(
        "{} and {} in {}",
        plural(errors, "error"),
        plural(warnings, "warning"),
        plural(files, "file")
    )
}

/// `1 step`, `2 steps`.
pub fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(level: DiagnosticLevel) -> Finding {
        Finding {
            file: "x.toml".to_owned(),
            line: 1,
            column: 1,
            level,
            code: "x".to_owned(),
            message: String::new(),
            help: None,
        }
    }

    #[test]
    fn warnings_count_only_when_asked() {
        let warning = [finding(DiagnosticLevel::Warning)];
        assert_eq!(exit(&warning, 0, false), Exit::Ok);
        assert_eq!(exit(&warning, 0, true), Exit::Findings);
        assert_eq!(
            exit(&[finding(DiagnosticLevel::Error)], 0, false),
            Exit::Findings
        );
        assert_eq!(exit(&[], 1, false), Exit::Usage);
        assert_eq!(exit(&[], 0, true), Exit::Ok);
    }

    #[test]
    fn the_summary_counts() {
        assert_eq!(summary(&[], 1), "nothing to say about 1 file");
        let both = [
            finding(DiagnosticLevel::Error),
            finding(DiagnosticLevel::Warning),
        ];
        assert_eq!(summary(&both, 2), "1 error and 1 warning in 2 files");
    }
}
