//! `tminus check`: every automatic check and metric once, for pipelines and for scripts before a launch.
//!
//! It looks and changes nothing: no run is opened, no journal written. What only a person can say isn't part of it.

mod junit;
mod report;
mod scope;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arguments::{self, Opening, SecretFiles};
use super::context::Context;
use super::demo::{self, Demonstration};
use super::failure::{Exit, Failure, Outcome};
use super::library::{self, Source};
use super::lint::plural;
use super::runs::Opened;
use super::{open, output, secrets, trust};
use crate::check::{Baseline, Verdict};
use crate::run::Run;
use crate::runbook::{Proof, Runbook, resolve};
use crate::runtime::looking::{Interrupted, Look, Survey};
use crate::runtime::store::StoreError;
use report::Report;

/// `--watch` looks again after this, or earlier if something is looked at more often in a run.
const LONGEST_TURN: Duration = Duration::from_secs(10);
/// And never sooner than this.
const SHORTEST_TURN: Duration = Duration::from_secs(1);

/// `tminus check`.
///
/// # Errors
/// When there is no such runbook or run, values are missing, or there is nothing to look at.
pub fn check(context: &Context, arguments: &arguments::Check) -> Outcome {
    let subject = Subject::find(context, arguments)?;
    let secrets = subject.secrets();
    let survey = Survey::new(
        &subject.runbook,
        &subject.folder,
        subject.environment,
        subject.baselines,
    )?;
    let looks = match look(&survey, &subject.runbook, &subject.wanted, arguments) {
        Ok(looks) => looks,
        Err(Interrupted) => return Ok(Exit::Interrupted),
    };
    let report = Report::new(&subject.runbook, &looks, &secrets);
    if arguments.json {
        output::json(&report)?;
    } else if arguments.junit {
        output::data(&junit::document(&report))?;
    } else {
        output::data(&report.lines(context.colors(&io::stdout())))?;
        output::say(report.summary());
    }
    Ok(exit(&looks))
}

/// A warning stops nothing; what we couldn't see is no pass.
fn exit(looks: &[Look]) -> Exit {
    if looks.iter().all(is_good) {
        Exit::Ok
    } else {
        Exit::Findings
    }
}

fn is_good(look: &Look) -> bool {
    matches!(look.verdict, Verdict::Pass | Verdict::Warn)
}

/// Looks once; with `--watch` again and again, until everything is good or the time is over.
fn look(
    survey: &Survey,
    runbook: &Runbook,
    wanted: &[Proof],
    arguments: &arguments::Check,
) -> Result<Vec<Look>, Interrupted> {
    let until = arguments.limit.map(|limit| Instant::now() + limit);
    let progress = Progress::new(wanted.len());
    let mut before = String::new();
    loop {
        let looks = survey.look(wanted, |done| progress.tell(done))?;
        progress.clear();
        let bad: Vec<&Look> = looks.iter().filter(|look| !is_good(look)).collect();
        let turn = turn(runbook, wanted);
        let is_over = until.is_some_and(|until| Instant::now() + turn > until);
        if !arguments.watch || bad.is_empty() || is_over {
            return Ok(looks);
        }
        let now = waiting_for(runbook, &bad);
        if now != before {
            output::say(&now);
            before = now;
        }
        survey.pause(turn)?;
    }
}

/// How long to wait before looking again.
fn turn(runbook: &Runbook, wanted: &[Proof]) -> Duration {
    let every = wanted.iter().map(|&proof| match proof {
        Proof::Check(check) => runbook.checks[check].every,
        Proof::Metric(metric) => runbook.metrics[metric].every,
    });
    every
        .min()
        .unwrap_or(LONGEST_TURN)
        .clamp(SHORTEST_TURN, LONGEST_TURN)
}

fn waiting_for(runbook: &Runbook, bad: &[&Look]) -> String {
    let names = bad.iter().map(|look| match look.of {
        Proof::Check(check) => runbook.checks[check].id.as_str(),
        Proof::Metric(metric) => runbook.metrics[metric].id.as_str(),
    });
    format!("waiting for {}", names.collect::<Vec<_>>().join(", "))
}

/// How far a round has come, on a terminal only.
struct Progress {
    total: usize,
    shown: bool,
}

impl Progress {
    fn new(total: usize) -> Self {
        let shown = io::stderr().is_terminal();
        Self { total, shown }
    }

    fn tell(&self, done: usize) {
        if self.shown {
            let _ = write!(io::stderr(), "\r{done} of {}", self.total);
        }
    }

    fn clear(&self) {
        if self.shown {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

/// What is looked at, with all values filled in.
struct Subject {
    runbook: Arc<Runbook>,
    wanted: Vec<Proof>,
    folder: PathBuf,
    /// All variables, secrets included.
    environment: BTreeMap<String, String>,
    baselines: BTreeMap<usize, Baseline>,
    /// The demo's service, alive as long as it is looked at.
    _demonstration: Option<Demonstration>,
}

impl Subject {
    /// A runbook by path or name, or a run by its name.
    fn find(context: &Context, arguments: &arguments::Check) -> Result<Self, Failure> {
        let what = &arguments.what;
        if !library::is_path(what) && library::find_named(context, what).is_none() {
            match Self::of_run(context, arguments) {
                Err(Absent::Here) => {}
                Err(Absent::Because(failure)) => return Err(failure),
                Ok(subject) => return Ok(subject),
            }
        }
        let source = library::find(context, what)?;
        Self::of_runbook(context, &source, arguments)
    }

    fn of_runbook(
        context: &Context,
        source: &Source,
        arguments: &arguments::Check,
    ) -> Result<Self, Failure> {
        let mut opening = Opening {
            variables: arguments.variables.clone(),
            ..Opening::default()
        };
        let demonstration = match source.name.as_str() {
            library::DEMO => demo::lend(&mut opening)?,
            _ => None,
        };
        let whole = source.runbook(context)?;
        trust::require(context, source, &whole, arguments.trust)?;
        let wanted = scope::wanted(&whole, arguments.phase.as_deref())?;
        let needed = scope::with_needed_variables(&whole, &wanted, &opening.variables);
        let values = open::values(context, &needed, &opening)?;
        let secrets = gather(&needed, &wanted, &arguments.secrets)?;
        let runbook = resolve(&needed, &values, &secrets).map_err(|errors| {
            Failure::usage(format!("failed to fill in {}:\n{errors}", source.shown))
        })?;
        let mut environment = values;
        environment.extend(secrets);
        Ok(Self {
            runbook: Arc::new(runbook),
            wanted,
            folder: source.folder.clone(),
            environment,
            baselines: BTreeMap::new(),
            _demonstration: demonstration,
        })
    }

    /// The frozen runbook of a run, with the run's values and baselines.
    fn of_run(context: &Context, arguments: &arguments::Check) -> Result<Self, Absent> {
        let reading = match context.store.read(&arguments.what) {
            Ok(reading) => reading,
            Err(StoreError::NoSuchRun { .. } | StoreError::BadName { .. }) => {
                return Err(Absent::Here);
            }
            Err(error) => return Err(Failure::from(error).into()),
        };
        if !arguments.variables.is_empty() {
            let failure = Failure::usage("`--var` is for runbooks: a run has its values already");
            return Err(failure.hint("leave `--var` out").into());
        }
        let opened = Opened::of(&reading.entries)?;
        let bytes = reading.runbook().map_err(Failure::from)?;
        let shown = opened.thaw(&bytes, |_| BTreeMap::new())?;
        let wanted = scope::wanted(&shown, arguments.phase.as_deref())?;
        let secrets = gather(&shown, &wanted, &arguments.secrets)?;
        let runbook = Arc::new(opened.thaw(&bytes, |_| secrets.clone())?);
        let mut environment = opened.variables.clone();
        environment.extend(secrets);
        let entries = reading.entries.iter().cloned();
        let run = Run::replay(Arc::clone(&runbook), entries);
        Ok(Self {
            wanted,
            folder: opened.folder().unwrap_or_default(),
            environment,
            baselines: run.baselines,
            runbook,
            _demonstration: None,
        })
    }

    /// What must not be printed, whoever sends it back to us.
    fn secrets(&self) -> Vec<String> {
        let secret = self.runbook.variables.iter().filter(|found| found.secret);
        secret
            .filter_map(|variable| self.environment.get(&variable.name).cloned())
            .collect()
    }
}

/// Why there is no such run to look at.
enum Absent {
    /// There is none of that name.
    Here,
    /// It can't be looked at.
    Because(Failure),
}

impl From<Failure> for Absent {
    fn from(failure: Failure) -> Self {
        Self::Because(failure)
    }
}

/// The secrets that are set. One that isn't is told and refuses nothing: that it isn't set may be what a check says.
fn gather(
    runbook: &Runbook,
    wanted: &[Proof],
    files: &SecretFiles,
) -> Result<BTreeMap<String, String>, Failure> {
    let secrets = secrets::found(&runbook.variables, files)?;
    let missing: Vec<&str> = open::missing_secrets(&runbook.variables, &secrets)
        .into_iter()
        .filter(|name| scope::is_needed(runbook, wanted, name))
        .collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        output::say(format!(
            "{} not in the environment: {names}; what needs them looks without",
            plural(missing.len(), "secret")
        ));
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Reason;

    fn look(verdict: Verdict) -> Look {
        Look {
            of: Proof::Check(0),
            verdict,
            observed: String::new(),
            because: String::new(),
            value: None,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn only_what_passes_or_warns_ends_well() {
        assert_eq!(exit(&[look(Verdict::Pass), look(Verdict::Warn)]), Exit::Ok);
        assert_eq!(
            exit(&[look(Verdict::Pass), look(Verdict::Fail)]),
            Exit::Findings
        );
        assert_eq!(
            exit(&[look(Verdict::Unknown(Reason::Timeout))]),
            Exit::Findings
        );
    }
}
