//! What is made from the program itself: completions, manual pages, the schema of runbooks.

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::arguments::{self, Arguments};
use super::failure::{Exit, Failure, Outcome};
use super::output;
use crate::runbook::schema::json_schema;

/// `tminus completions`.
///
/// # Errors
/// When they can't be written.
pub fn completions(arguments: &arguments::Completions) -> Outcome {
    // Into memory first: the generator panics when its output is closed.
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "tminus",
        &mut script,
    );
    output::data_bytes(&script)?;
    Ok(Exit::Ok)
}

/// `tminus man`.
///
/// # Errors
/// When there is no such command.
pub fn man(arguments: &arguments::Man) -> Outcome {
    let mut command = Arguments::command();
    command.build();
    if let Some(name) = &arguments.command {
        let found = command
            .find_subcommand(name)
            .filter(|found| !found.is_hide_set());
        let found = found.ok_or_else(|| {
            Failure::usage(format!("there is no command `{name}`"))
                .hint("`tminus --help` lists the commands")
        })?;
        command = found.clone();
    }
    let mut page = Vec::new();
    Man::new(command).render(&mut page).map_err(|error| {
        Failure::new(Exit::Failure, "failed to write the manual page")
            .because(error)
            .hint("`tminus --help` says the same")
    })?;
    output::data_bytes(&page)?;
    Ok(Exit::Ok)
}

/// `tminus schema`.
///
/// # Errors
/// When it can't be written.
pub fn schema() -> Outcome {
    // As it is committed for editors, so that the two can be compared byte by byte.
    output::data(&format!("{:#}\n", json_schema()))?;
    Ok(Exit::Ok)
}
