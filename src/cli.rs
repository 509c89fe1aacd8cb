//! The command line: what was asked for, done, and told by an exit code.
//!
//! Data goes to standard output and messages to standard error. Commands that only answer a question take no lock,
//! start no async runtime and contact nothing, so they can be called by scripts and prompts at any time.

pub mod arguments;
mod care;
mod check;
pub mod context;
mod demo;
mod export;
pub mod failure;
mod generated;
mod import;
mod init;
mod library;
mod lint;
mod list;
mod log;
mod open;
mod output;
mod picker;
mod reading;
mod runs;
mod secrets;
mod show;
mod status;
mod trust;
mod when;
mod writing;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};

use clap::{CommandFactory as _, Parser as _};

use crate::runtime::supervisor;
use crate::runtime::term::install_panic_hook;
use arguments::{Arguments, Command};
use context::Context;
pub use failure::{Exit, Failure, Outcome};

/// Does what these arguments ask for. Everything that has to be said has been said when it returns.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    install_panic_hook();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return misunderstood(&error),
    };
    perform(arguments).unwrap_or_else(|failure| {
        failure.report();
        failure.exit()
    })
}

/// Prints help, version or what was wrong with the arguments.
fn misunderstood(error: &clap::Error) -> Exit {
    let words = error.to_string();
    let is_foreign = |character: char| character.is_control() && !"\n\t".contains(character);
    if words.contains(is_foreign) {
        // The library repeats arguments as they are; what would steer the terminal is written out.
        output::say(words);
    } else {
        // A reader that has gone has what it wanted.
        let _ = error.print();
    }
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Ok
    }
}

fn perform(arguments: Arguments) -> Outcome {
    let context = || Context::new(arguments.common);
    let Some(command) = arguments.command else {
        return bare(context);
    };
    match command {
        Command::Demo(arguments) => demo::demo(&context()?, &arguments),
        Command::Run(arguments) => run(&context()?, arguments),
        Command::Resume(arguments) => {
            open::resume(&context()?, arguments.run.as_deref(), &arguments.secrets)
        }
        Command::Watch(arguments) => open::watch(&context()?, arguments.run.as_deref()),
        Command::Ls(arguments) => list::list(&context()?, &arguments),
        Command::Show(arguments) => show::show(&context()?, &arguments),
        Command::Trust(arguments) => trust::trust(&context()?, &arguments),
        Command::Lint(arguments) => lint::lint(&context()?, &arguments),
        Command::Check(arguments) => check::check(&context()?, &arguments),
        Command::Init(arguments) => init::init(&arguments),
        Command::Import(arguments) => import::import(&arguments),
        Command::Export(arguments) => export::export(&context()?, &arguments),
        Command::Schema => generated::schema(),
        Command::Status(arguments) => status::status(&context()?, &arguments),
        Command::Log(arguments) => log::log(&context()?, &arguments),
        Command::Verify(arguments) => care::verify(&context()?, &arguments),
        Command::Recover(arguments) => care::recover(&context()?, &arguments),
        Command::Completions(arguments) => generated::completions(&arguments),
        Command::Man(arguments) => generated::man(&arguments),
        Command::DemoClient(arguments) => demo::demo_client(&arguments),
        Command::Supervise(arguments) => supervise(&arguments),
    }
}

/// Called by a session for each command it starts; whoever started it looks at the files, not at the exit code.
fn supervise(arguments: &arguments::Supervise) -> Outcome {
    supervisor::supervise(&arguments.dir).map_err(|error| {
        Failure::new(Exit::Failure, "failed to supervise the command").because(error)
    })?;
    Ok(Exit::Ok)
}

fn run(context: &Context, arguments: arguments::Run) -> Outcome {
    if arguments.runbook == library::DEMO {
        return demo::run(context, arguments.opening);
    }
    let source = library::find(context, &arguments.runbook)?;
    open::run(context, &source, arguments.opening)
}

/// Without a command: the picker, or what could have been asked for where nothing can be drawn.
fn bare(context: impl FnOnce() -> Result<Context, Failure>) -> Outcome {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return picker::picker(&context()?);
    }
    let help = Arguments::command().render_help().to_string();
    let _ = io::stderr().write_all(help.as_bytes());
    Ok(Exit::Usage)
}
