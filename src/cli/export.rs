//! `tminus export`: a runbook or a run for people who don't have this program.

use super::arguments::{self, ExportFormat};
use super::context::Context;
use super::failure::{Exit, Failure, Outcome};
use super::library;
use super::output;
use super::runs;
use super::writing::{self, Existing};
use crate::report::markdown;
use crate::run::Run;
use crate::runbook::Runbook;
use crate::runtime::store::StoreError;

/// `tminus export`.
///
/// # Errors
/// When there is no such runbook or run, it has mistakes, or the checklist can't be written. A run whose journal is
/// damaged is exported up to there, and that is told by the exit code.
pub fn export(context: &Context, arguments: &arguments::Export) -> Outcome {
    let subject = Subject::find(context, &arguments.what)?;
    let text = match arguments.format {
        ExportFormat::Md => subject.markdown(),
    };
    match &arguments.output {
        Some(path) => {
            let hint = "name another file, or replace this one with --force";
            writing::write(path, &text, Existing::forced(arguments.force), hint)?;
        }
        None => output::data(&text)?,
    }
    match subject {
        Subject::Run(_, Some(doubt)) => Err(doubt),
        _ => Ok(Exit::Ok),
    }
}

/// What is exported.
enum Subject {
    Runbook(Box<Runbook>),
    /// A run, and what has to be said of its journal.
    Run(Box<Run>, Option<Failure>),
}

impl Subject {
    /// A runbook by path or name; a run by its name.
    fn find(context: &Context, what: &str) -> Result<Self, Failure> {
        if !library::is_path(what) {
            if let Some(source) = library::find_named(context, what) {
                return Ok(Self::Runbook(Box::new(source?.runbook(context)?)));
            }
            match context.store.read(what) {
                Ok(reading) => {
                    let run = runs::fold(&reading)?;
                    return Ok(Self::Run(Box::new(run), runs::doubt(&reading)));
                }
                Err(StoreError::NoSuchRun { .. } | StoreError::BadName { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let source = library::find(context, what)?;
        Ok(Self::Runbook(Box::new(source.runbook(context)?)))
    }

    fn markdown(&self) -> String {
        match self {
            Self::Runbook(runbook) => markdown::export(runbook, None),
            Self::Run(run, _) => markdown::export(run.runbook(), Some(run)),
        }
    }
}
