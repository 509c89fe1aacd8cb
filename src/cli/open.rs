//! Into a session and out again: `run`, `resume`, `watch` and `demo` all end up here.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::arguments::{Opening, SecretFiles};
use super::context::Context;
use super::demo::Demonstration;
use super::failure::{Exit, Failure, Outcome};
use super::library::Source;
use super::runs::{self, ENVIRONMENT, Opened};
use super::{output, secrets, trust, when};
use crate::app;
use crate::journal::{Ending, Entry, Event, Mode};
use crate::runbook::text::nearest;
use crate::runbook::variables::{VariableError, VariableErrors, resolve, settle};
use crate::runbook::{Runbook, Variable};
use crate::runtime::history::History;
use crate::runtime::redaction;
use crate::runtime::session::{Left, Session, drive};
use crate::runtime::store::{Follower, Journal, fingerprint, this_process};
use crate::ui::text::visible;

/// Version of the events' vocabulary that runs are opened with.
const FORMAT: u32 = 1;

/// Why a watcher's health panels are empty.
const WATCHING: &str = "watching contacts nothing: health is seen where the run is driven";

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
    let roles = roles(&filled.shown, &opening.roles)?;
    refuse_spoken_secrets(filled.remembered.iter().chain(&roles))?;
    // Last, so that what is wrong with the arguments is told wherever they are tried.
    context.require_terminal("run")?;
    let run = context.store.new_run_name(&source.name, now);
    let opened = Event::RunOpened {
        format: FORMAT,
        run: run.clone(),
        runbook: source.name.clone(),
        runbook_hash: fingerprint(&source.bytes),
        title: filled.shown.title.clone(),
        mode: Mode::Live,
        target: filled.shown.target.clone(),
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
        runbook: filled.shown,
        probed: Some(filled.runbook),
        journal,
        follower: None,
        frozen: source.bytes.to_vec(),
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
    /// With secrets, for probes.
    runbook: Runbook,
    /// Without secrets, for the journal and the screen.
    shown: Runbook,
    /// What the journal keeps of the values: no secrets, and the environment's name in any case.
    remembered: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
}

impl Filled {
    fn new(context: &Context, source: &Source, opening: &Opening) -> Result<Self, Failure> {
        let runbook = source.runbook(context)?;
        // Before anything else is asked: nobody types a secret into what they don't trust.
        trust::require(context, source, &runbook, opening.trust)?;
        let mut values = values(context, &runbook, opening)?;
        let secrets = required_secrets(context, &runbook.variables, &opening.secrets)?;
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
            shown,
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
fn required_secrets(
    context: &Context,
    variables: &[Variable],
    files: &SecretFiles,
) -> Result<BTreeMap<String, String>, Failure> {
    let secrets = secrets::gather(context, variables, files)?;
    let missing = missing_secrets(variables, &secrets);
    if missing.is_empty() {
        return Ok(secrets);
    }
    let what = format!(
        "failed to start the run: no value for {}",
        missing.join(", ")
    );
    let exports: Vec<String> = missing
        .iter()
        .map(|name| format!("export {name}=…"))
        .collect();
    Err(Failure::usage(what).hint(format!(
        "these are secrets; set them first: {}; or name files with --secret-file",
        exports.join("; ")
    )))
}

/// Refuses values that a run would write down although they hold a secret. Masking them instead would start another
/// run than the one that was asked for.
fn refuse_spoken_secrets<'v>(
    spoken: impl Iterator<Item = (&'v String, &'v String)>,
) -> Result<(), Failure> {
    let redactor = redaction::declared();
    for (name, value) in spoken {
        if redactor.redact(value) != *value {
            let what = format!("the value of {name} holds a secret, and it would be written down");
            return Err(Failure::usage(what).hint("give it another value, or make it a secret too"));
        }
    }
    Ok(())
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
pub fn resume(context: &Context, run: Option<&str>, files: &SecretFiles) -> Outcome {
    let (run, others) = runs::named_or_free(context, run)?;
    let mut found = context.store.open(&run)?;
    refuse_closed(&run, &found.entries)?;
    let opened = Opened::of(&found.entries)?;
    let runbook = opened.thaw(&found.runbook, |_| BTreeMap::new())?;
    context.require_terminal("resume")?;
    let secrets = secrets::gather(context, &runbook.variables, files)?;
    let probed = opened.thaw(&found.runbook, |_| secrets.clone())?;
    let demonstration = Demonstration::again(&opened)?;
    let mut variables = opened.variables.clone();
    variables.extend(secrets);
    let mut prepared = Prepared {
        variables,
        probed: Some(probed),
        environment: opened.environment(),
        folder: PathBuf::new(),
        notices: found.notices,
        run,
        runbook,
        journal: None,
        follower: None,
        frozen: found.runbook,
        demonstration,
        entries: Vec::new(),
    };
    prepared.settle_in(&opened);
    prepared.notice_resumed(others);
    prepared.notice_missing_secrets();
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

/// `tminus watch`. Nothing of the runbook is run or contacted, so neither trust nor a secret is needed.
///
/// # Errors
/// When there is no such run, or nothing of it can be read.
pub fn watch(context: &Context, run: Option<&str>) -> Outcome {
    let run = runs::named_or_newest(context, run)?;
    let reading = context.store.read(&run)?;
    let opened = Opened::of(&reading.entries)?;
    let runbook = opened.thaw(&reading.runbook()?, |_| BTreeMap::new())?;
    context.require_terminal("watch")?;
    let mut prepared = Prepared {
        variables: opened.variables.clone(),
        probed: None,
        environment: opened.environment(),
        folder: PathBuf::new(),
        notices: vec![WATCHING.to_owned()],
        run,
        runbook,
        journal: None,
        follower: None,
        frozen: Vec::new(),
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
    /// With values filled in, and without secrets.
    runbook: Runbook,
    /// With secrets too; `None` when nothing is to be contacted.
    probed: Option<Runbook>,
    journal: Option<Journal>,
    follower: Option<Follower>,
    /// The frozen runbook's bytes, where the run is driven.
    frozen: Vec<u8>,
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
    }

    /// What is different from where it was left.
    fn notice_resumed(&mut self, others: Option<String>) {
        self.notices
            .extend(others.map(|others| format!("also open: {others}")));
        if self.demonstration.is_some() {
            let fresh = "the demo service was started anew: what was done to it is gone";
            self.notices.push(fresh.to_owned());
        }
    }

    fn notice_missing_secrets(&mut self) {
        let missing = missing_secrets(&self.runbook.variables, &self.variables);
        if !missing.is_empty() {
            let names = missing.join(", ");
            self.notices.push(format!(
                "no value for {names}; what needs them can't look. Leave, export, resume"
            ));
        }
    }

    fn drive(self, context: &Context) -> Outcome {
        let records = self.journal.is_some();
        let mut notices = context.notices.clone();
        notices.extend(self.notices);
        let parting = drive(Session {
            runbook: Arc::new(self.runbook),
            probed: self.probed.map(Arc::new),
            run_dir: context.store.run_dir(&self.run).ok(),
            frozen: self.frozen,
            history: Some(History {
                store: context.store.clone(),
                run: self.run.clone(),
            }),
            journal: self.journal,
            follower: self.follower,
            entries: self.entries,
            folder: self.folder,
            environment: self.variables,
            options: app::Options {
                operator: context.operator.clone(),
                read_only: !records,
                coach: context.config.coach.unwrap_or(true),
                environment: self.environment,
            },
            bindings: context.config.bindings(),
            theme: context.theme(),
            notices,
        });
        drop(self.demonstration);
        let moved_to = parting
            .as_ref()
            .ok()
            .and_then(|parting| parting.moved_to.as_deref());
        match moved_to {
            Some(dir) => say_where_it_went(&self.run, dir),
            None if records => say_how_to_return(context, &self.run),
            None => {}
        }
        match parting?.left {
            Left::Asked => Ok(Exit::Ok),
            Left::Signalled => Ok(Exit::Interrupted),
        }
    }
}

/// The journal here ends where its disk failed; going on with it would leave out what happened since.
fn say_where_it_went(run: &str, dir: &str) {
    output::say(format!(
        "run {run} goes on in {dir}: tminus resume {run} --state-dir {dir}"
    ));
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
