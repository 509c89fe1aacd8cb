//! Runs as commands find them: by name or the newest, folded to what they are now.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::Context;
use super::failure::{Exit, Failure};
use crate::journal::{Entry, Event};
use crate::run::Run;
use crate::runbook::variables::resolve;
use crate::runbook::{Runbook, Variable, load};
use crate::runtime::store::{Listed, Reading};

/// The variable that `--env` sets.
pub const ENVIRONMENT: &str = "ENVIRONMENT";

/// The run that is meant: the named one, or the newest that is open.
///
/// # Errors
/// When none is named and none is open.
pub fn named_or_newest(context: &Context, run: Option<&str>) -> Result<String, Failure> {
    if let Some(run) = run {
        return Ok(run.to_owned());
    }
    context.store.latest_open()?.ok_or_else(|| {
        Failure::new(Exit::Failure, "there is no open run")
            .hint("`tminus ls --all` lists closed ones; `tminus run RUNBOOK` starts one")
    })
}

/// The run to go on with: the named one, or the newest open one that nobody else drives; and what there is besides.
///
/// # Errors
/// When none is named and none is left to go on with.
pub fn named_or_free(
    context: &Context,
    run: Option<&str>,
) -> Result<(String, Option<String>), Failure> {
    if let Some(run) = run {
        return Ok((run.to_owned(), None));
    }
    let mut open = context.store.list()?;
    open.retain(Listed::is_open);
    let free = open.iter().position(|listed| listed.held_by.is_none());
    let Some(free) = free else {
        return Err(nothing_free(&open));
    };
    let chosen = open.remove(free).run;
    Ok((chosen, others_open(&open)))
}

fn nothing_free(held: &[Listed]) -> Failure {
    match others_open(held) {
        None => Failure::new(Exit::Failure, "there is no open run")
            .hint("`tminus ls --all` lists closed ones; `tminus run RUNBOOK` starts one"),
        Some(others) => Failure::new(
            Exit::Held,
            format!("every open run is driven elsewhere: {others}"),
        )
        .hint("leave it there first, or look on with `tminus watch RUN`"),
    }
}

/// `also open: demo-2, kestrel-1 (held by 4711@b2)`
fn others_open(others: &[Listed]) -> Option<String> {
    let named: Vec<String> = others
        .iter()
        .map(|listed| match &listed.held_by {
            Some(by) => format!("{} (held by {by})", listed.run),
            None => listed.run.clone(),
        })
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// What a run was opened with: the fields of its first entry.
#[derive(Clone, Debug)]
pub struct Opened<'e> {
    /// A bundled name or a path.
    pub runbook: &'e str,
    /// Values of the variables, without secrets.
    pub variables: &'e BTreeMap<String, String>,
}

impl<'e> Opened<'e> {
    /// Takes it from the run's entries.
    ///
    /// # Errors
    /// When the first entry is something else, which no version of tminus writes.
    pub fn of(entries: &'e [Entry]) -> Result<Self, Failure> {
        match entries.first().map(|entry| &entry.event) {
            Some(Event::RunOpened {
                runbook, variables, ..
            }) => Ok(Self { runbook, variables }),
            _ => Err(Failure::new(
                Exit::Damaged,
                "failed to open the run: its journal doesn't begin with its opening",
            )
            .hint("`tminus log RUN` shows what is there; restore the run from a backup")),
        }
    }

    /// The folder that the runbook lay in, if it is still there.
    pub fn folder(&self) -> Option<PathBuf> {
        let path = Path::new(self.runbook);
        let folder = if path.is_absolute() {
            path.parent()?.to_owned()
        } else {
            env::current_dir().ok()?
        };
        folder.is_dir().then_some(folder)
    }

    /// Name of the environment, for the badge.
    pub fn environment(&self) -> String {
        self.variables.get(ENVIRONMENT).cloned().unwrap_or_default()
    }

    /// Those values that the runbook asks for. `--env` is remembered even when the runbook has no use for it.
    fn variables_of(&self, runbook: &Runbook) -> BTreeMap<String, String> {
        let known = |name: &String| {
            runbook
                .variables
                .iter()
                .any(|variable| variable.name == *name)
        };
        let values = self.variables.iter().filter(|(name, _)| known(name));
        values
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The frozen runbook with the run's values, and with these secrets, filled in.
    ///
    /// # Errors
    /// When this version of tminus can't make sense of what an earlier or later one could.
    pub fn thaw(
        &self,
        bytes: &[u8],
        secrets: impl Fn(&[Variable]) -> BTreeMap<String, String>,
    ) -> Result<Runbook, Failure> {
        let loaded = load("runbook.toml", bytes);
        let Some(runbook) = loaded.runbook else {
            let what =
                "failed to load the run's frozen runbook, which was sound when the run began";
            return Err(
                Failure::new(Exit::Failure, format!("{what}:\n{}", loaded.render(false)))
                    .hint("open the run with the version of tminus that started it"),
            );
        };
        let secrets = secrets(&runbook.variables);
        resolve(&runbook, &self.variables_of(&runbook), &secrets).map_err(|errors| {
            Failure::new(Exit::Failure, "failed to fill in the run's variables")
                .because(errors)
                .hint("set the secrets as they were when the run began")
        })
    }
}

/// The state of a run that is only looked at. No secret is needed for that, and none is read.
///
/// # Errors
/// When its runbook was changed or can't be loaded.
pub fn fold(reading: &Reading) -> Result<Run, Failure> {
    let opened = Opened::of(&reading.entries)?;
    let runbook = opened.thaw(&reading.runbook()?, |_| BTreeMap::new())?;
    Ok(Run::replay(
        Arc::new(runbook),
        reading.entries.iter().cloned(),
    ))
}

/// What has to be said about a journal that isn't whole, when what is good of it is shown all the same.
pub fn doubt(reading: &Reading) -> Option<Failure> {
    let damage = reading.ending.damage()?;
    let what = format!("the journal of {} is damaged: {damage}", reading.run);
    Some(
        Failure::new(Exit::Damaged, what).hint(format!(
            "what is shown ends before that; `tminus recover {}` goes on from there and keeps the old file aside",
            reading.run
        )),
    )
}
