//! `tminus show`: what a runbook consists of, all of it, before anything is run.

mod document;
mod outline;

use std::collections::BTreeMap;

use super::arguments;
use super::context::Context;
use super::failure::{Exit, Failure, Outcome};
use super::library;
use super::output;
use super::runs::Opened;
use crate::runbook::Runbook;
use crate::runtime::store::StoreError;

/// An outline is read in a terminal of the usual width; wider lines are no better to read.
const WIDTH: usize = 80;

/// `tminus show`.
///
/// # Errors
/// When there is no such runbook or run, or it has mistakes.
pub fn show(context: &Context, arguments: &arguments::Show) -> Outcome {
    let runbook = find(context, &arguments.what)?;
    if arguments.json {
        output::json(&document::of(&runbook))?;
    } else {
        let width = output::columns().map_or(WIDTH, |columns| columns.min(WIDTH));
        output::data(&outline::of(&runbook, width))?;
    }
    Ok(Exit::Ok)
}

/// A runbook by path or name; a run's frozen one, with the run's values, by the run's name.
fn find(context: &Context, what: &str) -> Result<Runbook, Failure> {
    if !library::is_path(what) {
        if let Some(source) = library::find_named(context, what) {
            return source?.runbook(context);
        }
        match context.store.read(what) {
            Ok(reading) => {
                let opened = Opened::of(&reading.entries)?;
                return opened.thaw(&reading.runbook()?, |_| BTreeMap::new());
            }
            Err(StoreError::NoSuchRun { .. } | StoreError::BadName { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    library::find(context, what)?.runbook(context)
}
