//! `tminus verify` and `tminus recover`: is a run what was written, and what to do when it isn't.

use std::io::{self, Write as _};

use super::arguments;
use super::context::Context;
use super::failure::{Exit, Failure, Outcome};
use super::lint::plural;
use super::{output, runs};
use crate::journal::codec::Ending;

/// `tminus verify`.
///
/// # Errors
/// When there is no such run, or its journal or runbook isn't what was written.
pub fn verify(context: &Context, arguments: &arguments::OneRun) -> Outcome {
    let run = runs::named_or_newest(context, arguments.run.as_deref())?;
    let reading = context.store.read(&run)?;
    if let Some(doubt) = runs::doubt(&reading) {
        return Err(doubt);
    }
    reading.runbook()?;
    let entries = reading.entries.len();
    let mut said = format!(
        "{run}: {entries} entries, every one continues the chain; the runbook is the one it began with\n"
    );
    if let Ending::TornTail { bytes } = reading.ending {
        let bytes = plural(bytes, "byte");
        said.push_str(&format!(
            "{bytes} behind them are an entry that is being written, or the trace of a crash\n"
        ));
    }
    output::data(&said)?;
    Ok(Exit::Ok)
}

/// `tminus recover`.
///
/// # Errors
/// When nobody agrees, another process holds the run, or nothing of it can be read.
pub fn recover(context: &Context, arguments: &arguments::Recover) -> Outcome {
    let run = &arguments.run;
    let reading = context.store.read(run)?;
    let Some(damage) = reading.ending.damage() else {
        output::say(format!("{run} is not damaged; nothing to do"));
        return Ok(Exit::Ok);
    };
    let kept = plural(reading.entries.len(), "entry").replace("entrys", "entries");
    output::say(format!("{run}: {damage}; {kept} before that would be kept"));
    if !arguments.yes && !agreed(context)? {
        output::say("nothing was changed");
        return Ok(Exit::ConfirmationNeeded);
    }
    let recovered = context.store.recover(run)?;
    if let Some(aside) = recovered.aside {
        output::say(format!("the damaged journal lies in {}", aside.display()));
    }
    output::say(format!("recovered; go on with: tminus resume {run}"));
    Ok(Exit::Ok)
}

fn agreed(context: &Context) -> Result<bool, Failure> {
    if !context.can_ask() {
        return Err(Failure::new(
            Exit::ConfirmationNeeded,
            "a person has to agree that the rest be set aside",
        )
        .hint("call it in a terminal, or agree beforehand with --yes"));
    }
    let _ = io::stderr().write_all(b"Set the rest aside and go on from there? [y/N] ");
    let mut answer = String::new();
    let _ = io::stdin().read_line(&mut answer);
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
