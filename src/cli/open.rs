//! Into a session and out again: `run`, `resume`, `watch` and `demo` all end up here.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::arguments::Opening;
use super::context::Context;
use super::demo::Demonstration;
use super::failure::{Exit, Failure, Outcome};
use super::library::Source;
use super::runs::{self, ENVIRONMENT, Opened};
use super::{output, when};
use crate::app;
use crate::journal::{Ending, Entry, Event, Mode};
use crate::runbook::text::nearest;
use crate::runbook::variables::{VariableError, VariableErrors, resolve, settle};
use crate::runbook::{Runbook, Variable};
use crate::runtime::session::{Left, Session, drive};
use crate::runtime::store::{Follower, Journal, fingerprint, this_process};
use crate::ui::text::visible;

/// Version of the events' vocabulary that runs are opened with.
const FORMAT: u32 = 1;

/// `tminus run`.
///
/// # Errors
/// Whatever keeps the run from being started; nothing is left behind then.
pub fn run(context: &Context, source: &Source, opening: Opening) -> Outcome {
    begin(context, source, opening, None)
}

/// Starts a run and opens it. A `demonstration` lives as long as the session does.
///
/// # Errors
/// As for [`run`].
pub fn begin(
    context: &Context,
    source: &Source,
    opening: Opening,
    demonstration: Option<Demonstration>,
) -> Outcome {
    let now = Timestamp::now();
    let filled = Filled::new(context, source, &opening)?;
    let t0 = target(&opening, now)?;
    let roles = roles(&filled.runbook, &opening.roles)?;
    // Last, so that what is wrong with the arguments is told wherever they are tried.
    context.require_terminal("run")?;
    let run = context.store.new_run_name(&source.name, now);
    let opened = Event::RunOpened {
        format: FORMAT,
        run: run.clone(),
        runbook: source.name.clone(),
        runbook_hash: fingerprint(&source.bytes),
        title: filled.title,
        mode: Mode::Live,
        target: filled.target,
        t0,
        variables: filled.remembered.clone(),
        roles,
        host: this_process(),
    };
    let by = &context.operator;
    let (journal, entry) = if opening.read_only {
        let (by, event) = (by.clone(), opened);
        (
            None,
            Entry {
                seq: 1,
                at: now,
                by,
                event,
            },
        )
    } else {
        let created = context.store.create(&run, &source.bytes, now, by, opened)?;
        (Some(created.0), created.1)
    };
    let mut variables = filled.remembered;
    let environment = variables.get(ENVIRONMENT).cloned().unwrap_or_default();
    variables.extend(filled.secrets);
    Prepared {
        run,
        runbook: filled.runbook,
        journal,
        follower: None,
        entries: vec![entry],
        folder: source.folder.clone(),
        variables,
        environment,
        notices: source.notice.iter().cloned().collect(),
        demonstration,
    }
    .drive(context)
}

/// A runbook with the values for a new run filled in.
struct Filled {
    runbook: Runbook,
    /// Without secrets, for the journal.
    title: String,
    /// Without secrets, for the journal.
    target: String,
    /// What the journal keeps of the values: no secrets, and the environment's name in any case.
    remembered: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
}

impl Filled {
    fn new(context: &Context, source: &Source, opening: &Opening) -> Result<Self, Failure> {
        let runbook = source.runbook(context)?;
        let mut values = values(context, &runbook, opening)?;
        let secrets = required_secrets(&runbook.variables)?;
        let fill = |secrets: &BTreeMap<String, String>| {
            resolve(&runbook, &values, secrets).map_err(|errors| {
                Failure::usage(format!("failed to fill in {}:\n{errors}", source.shown))
            })
        };
        let shown = fill(&BTreeMap::new())?;
        let runbook = fill(&secrets)?;
        if let Some(environment) = &opening.environment {
            values.insert(ENVIRONMENT.to_owned(), environment.clone());
        }
        Ok(Self {
            runbook,
            title: shown.title,
            target: shown.target,
            remembered: values,
            secrets,
        })
    }
}

fn target(opening: &Opening, now: Timestamp) -> Result<Timestamp, Failure> {
    let target = match &opening.at {
        Some(at) => when::parse_at(at, now, &TimeZone::system()),
        None => when::after(opening.lead.unwrap_or(when::DEFAULT_LEAD), now),
    };
    target.map_err(|error| Failure::usage("failed to set T-0").because(error))
}

fn roles(
    runbook: &Runbook,
    given: &[(String, String)],
) -> Result<BTreeMap<String, String>, Failure> {
    let known = || runbook.roles.iter().map(|role| role.id.as_str());
    if let Some((role, _)) = given
        .iter()
        .find(|(role, _)| !known().any(|known| known == role))
    {
        let hint = match nearest(role, known()) {
            Some(near) => format!("did you mean `--role {near}=…`?"),
            None => format!("its roles are: {}", known().collect::<Vec<_>>().join(", ")),
        };
        return Err(Failure::usage(format!("the runbook has no role `{role}`")).hint(hint));
    }
    Ok(given.iter().cloned().collect())
}

/// The values of a runbook's variables: from `--var`, `--env`, an answer, the default; in this order.
///
/// # Errors
/// When one is missing and can't be asked for, or doesn't fit.
pub fn values(
    context: &Context,
    runbook: &Runbook,
    opening: &Opening,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut given: BTreeMap<String, String> = opening.variables.iter().cloned().collect();
    let takes_environment = runbook
        .variables
        .iter()
        .any(|variable| variable.name == ENVIRONMENT);
    if let Some(environment) = opening.environment.as_ref().filter(|_| takes_environment) {
        // A badge that says staging over commands that go to production must not be possible.
        let both = given.insert(ENVIRONMENT.to_owned(), environment.clone());
        if both.is_some_and(|other| other != *environment) {
            return Err(
                Failure::usage("`--env` and `--var ENVIRONMENT=…` say different things")
                    .hint("give one of them"),
            );
        }
    }
    loop {
        let errors = match settle(&runbook.variables, &given) {
            Ok(values) => return Ok(values),
            Err(VariableErrors(errors)) => errors,
        };
        let missing = errors.iter().find_map(|error| match error {
            VariableError::Missing { name, .. } => runbook
                .variables
                .iter()
                .find(|variable| variable.name == *name),
            _ => None,
        });
        match missing {
            Some(variable) if context.can_ask() && only_missing(&errors) => {
                given.insert(variable.name.clone(), ask(variable)?);
            }
            _ => return Err(unsettled(VariableErrors(errors))),
        }
    }
}

fn only_missing(errors: &[VariableError]) -> bool {
    errors
        .iter()
        .all(|error| matches!(error, VariableError::Missing { .. }))
}

fn unsettled(errors: VariableErrors) -> Failure {
    // Each of them says itself what to do.
    Failure::usage(format!("failed to fill in the runbook:\n{errors}"))
}

/// Asks for a value until there is one that fits.
fn ask(variable: &Variable) -> Result<String, Failure> {
    let cancelled = || {
        Failure::new(Exit::Interrupted, format!("no value for {}", variable.name))
            .hint(format!("give it with --var {}=…", variable.name))
    };
    loop {
        let prompt = format!(
            "{} ({}): ",
            visible(&variable.label),
            visible(&variable.name)
        );
        let _ = io::stderr().write_all(prompt.as_bytes());
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        if !matches!(read, Ok(bytes) if bytes > 0) {
            return Err(cancelled());
        }
        let value = line.trim().to_owned();
        let given = BTreeMap::from([(variable.name.clone(), value.clone())]);
        match settle(std::slice::from_ref(variable), &given) {
            Ok(_) if !value.is_empty() => return Ok(value),
            Ok(_) => output::say("a value is needed; ctrl-c leaves"),
            Err(errors) => output::say(errors),
        }
    }
}

/// The secrets, all of which a run needs from the start.
fn required_secrets(variables: &[Variable]) -> Result<BTreeMap<String, String>, Failure> {
    let secrets = runs::secrets(variables);
    let missing = missing_secrets(variables, &secrets);
    if missing.is_empty() {
        return Ok(secrets);
    }
    let what = format!(
        "failed to start the run: not in the environment: {}",
        missing.join(", ")
    );
    let exports: Vec<String> = missing
        .iter()
        .map(|name| format!("export {name}=…"))
        .collect();
    Err(Failure::usage(what).hint(format!(
        "these are secrets; set them first: {}",
        exports.join("; ")
    )))
}

/// The secrets that aren't set.
pub fn missing_secrets<'v>(
    variables: &'v [Variable],
    secrets: &BTreeMap<String, String>,
) -> Vec<&'v str> {
    let names = variables
        .iter()
        .filter(|variable| variable.secret)
        .map(|variable| variable.name.as_str());
    names.filter(|name| !secrets.contains_key(*name)).collect()
}

/// `tminus resume`.
///
/// # Errors
/// When there is no such run, another process holds it, it is closed, or it is damaged.
pub fn resume(context: &Context, run: Option<&str>) -> Outcome {
    let run = runs::named_or_newest(context, run)?;
    let mut found = context.store.open(&run)?;
    refuse_closed(&run, &found.entries)?;
    let opened = Opened::of(&found.entries)?;
    let runbook = opened.thaw(&found.runbook, runs::secrets)?;
    context.require_terminal("resume")?;
    let demonstration = Demonstration::again(&opened)?;
    let mut prepared = Prepared {
        variables: environment_of(&opened, &runbook),
        environment: opened.environment(),
        folder: PathBuf::new(),
        notices: found.notices,
        run,
        runbook,
        journal: None,
        follower: None,
        demonstration,
        entries: Vec::new(),
    };
    prepared.settle_in(&opened);
    let host = this_process();
    let resumed = Event::RunResumed { host };
    let entry = found
        .journal
        .append(Timestamp::now(), &context.operator, resumed)
        .map_err(|error| Failure::new(Exit::Failure, "failed to resume the run").because(error))?;
    prepared.entries = found.entries;
    prepared.entries.push(entry);
    prepared.journal = Some(found.journal);
    prepared.drive(context)
}

fn refuse_closed(run: &str, entries: &[Entry]) -> Result<(), Failure> {
    let ending = entries.iter().rev().find_map(|entry| match entry.event {
        Event::RunClosed { ending, .. } => Some(ending),
        _ => None,
    });
    let Some(ending) = ending else { return Ok(()) };
    let how = match ending {
        Ending::Launched => "launched",
        Ending::RolledBack => "rolled back",
        Ending::Scrubbed => "scrubbed",
    };
    Err(
        Failure::new(Exit::Failure, format!("run {run} is closed: {how}")).hint(format!(
            "look at it with `tminus watch {run}`, or start a new one"
        )),
    )
}

/// All variables of a run, secrets included.
fn environment_of(opened: &Opened<'_>, runbook: &Runbook) -> BTreeMap<String, String> {
    let mut variables = opened.variables.clone();
    variables.extend(runs::secrets(&runbook.variables));
    variables
}

/// `tminus watch`.
///
/// # Errors
/// When there is no such run, or nothing of it can be read.
pub fn watch(context: &Context, run: Option<&str>) -> Outcome {
    let run = runs::named_or_newest(context, run)?;
    let reading = context.store.read(&run)?;
    let opened = Opened::of(&reading.entries)?;
    let runbook = opened.thaw(&reading.runbook()?, runs::secrets)?;
    context.require_terminal("watch")?;
    let mut prepared = Prepared {
        variables: environment_of(&opened, &runbook),
        environment: opened.environment(),
        folder: PathBuf::new(),
        notices: Vec::new(),
        run,
        runbook,
        journal: None,
        follower: None,
        demonstration: None,
        entries: Vec::new(),
    };
    prepared.settle_in(&opened);
    match reading.ending.damage() {
        Some(damage) => prepared.notices.push(format!(
            "the journal is damaged and shown up to there: {damage}"
        )),
        None => prepared.follower = Some(reading.follow()?),
    }
    prepared.entries = reading.entries;
    prepared.drive(context)
}

/// Everything that a session needs of a run.
struct Prepared {
    run: String,
    /// With values and secrets filled in.
    runbook: Runbook,
    journal: Option<Journal>,
    follower: Option<Follower>,
    entries: Vec<Entry>,
    folder: PathBuf,
    /// All variables, secrets included.
    variables: BTreeMap<String, String>,
    /// For the badge; empty shows the target.
    environment: String,
    notices: Vec<String>,
    demonstration: Option<Demonstration>,
}

impl Prepared {
    /// Finds its folder again, and notes what is no longer as it was.
    fn settle_in(&mut self, opened: &Opened<'_>) {
        self.folder = opened.folder().unwrap_or_else(|| {
            let gone = format!(
                "the runbook's folder is gone; relative paths of {} start here now",
                opened.runbook
            );
            self.notices.push(gone);
            std::env::current_dir().unwrap_or_default()
        });
        let missing = missing_secrets(&self.runbook.variables, &self.variables);
        if !missing.is_empty() {
            let names = missing.join(", ");
            self.notices.push(format!(
                "not in the environment: {names}; what needs them can't look. Leave, export, resume"
            ));
        }
    }

    fn drive(self, context: &Context) -> Outcome {
        let records = self.journal.is_some();
        let mut notices = context.notices.clone();
        notices.extend(self.notices);
        let left = drive(Session {
            runbook: Arc::new(self.runbook),
            journal: self.journal,
            follower: self.follower,
            entries: self.entries,
            folder: self.folder,
            environment: self.variables,
            options: app::Options {
                operator: context.operator.clone(),
                read_only: !records,
                coach: self.demonstration.is_some(),
                environment: self.environment,
            },
            bindings: context.config.bindings(),
            theme: context.theme(),
            notices,
        });
        drop(self.demonstration);
        if records {
            say_how_to_return(context, &self.run);
        }
        match left? {
            Left::Asked => Ok(Exit::Ok),
            Left::Signalled => Ok(Exit::Interrupted),
        }
    }
}

/// The last line that an operator sees: the run is not over because the program is.
fn say_how_to_return(context: &Context, run: &str) {
    let is_open = context
        .store
        .read(run)
        .map_or(true, |reading| refuse_closed(run, &reading.entries).is_ok());
    if is_open {
        output::say(format!("run {run} stays open: tminus resume {run}"));
    } else {
        output::say(format!("run {run} is closed: tminus log {run}"));
    }
}
