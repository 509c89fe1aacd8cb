//! `tminus log`: what happened, one line an entry.

use std::thread;
use std::time::Duration;

use super::arguments;
use super::context::Context;
use super::failure::{Exit, Failure, Outcome};
use super::{output, runs};
use crate::app::describe::describe;
use crate::app::sentence::sentence;
use crate::journal::{Entry, Event, codec};
use crate::run::Run;
use crate::runtime::store::{FollowError, Follower};
use crate::ui::text::{visible, width};

/// How often a followed journal is looked at.
const TURN: Duration = Duration::from_millis(250);

/// Columns for who it was.
const NAME: usize = 8;

/// `tminus log`.
///
/// # Errors
/// When there is no such run, nothing of it can be read, or what is read is damaged.
pub fn log(context: &Context, arguments: &arguments::Log) -> Outcome {
    let run = runs::named_or_newest(context, arguments.run.as_deref())?;
    let reading = context.store.read(&run)?;
    // Titles come from the runbook; a run whose runbook can't be read is still told, by its ids.
    let printer = Printer {
        run: runs::fold(&reading).ok(),
        json: arguments.json,
    };
    printer.print(&reading.entries)?;
    if let Some(doubt) = runs::doubt(&reading) {
        return Err(doubt);
    }
    if arguments.follow && !is_closed(&reading.entries) {
        let last = reading.entries.last().map_or(0, |entry| entry.seq);
        follow(context, &run, reading.follow()?, last, &printer)?;
    }
    Ok(Exit::Ok)
}

/// Prints what comes until the run is closed.
fn follow(
    context: &Context,
    run: &str,
    mut follower: Follower,
    mut last: u64,
    printer: &Printer,
) -> Result<(), Failure> {
    loop {
        let entries = match follower.poll() {
            Ok(entries) => entries,
            // A journal that was recovered is another file with the same entries.
            Err(FollowError::Replaced) => {
                let reading = context.store.read(run)?;
                follower = reading.follow()?;
                reading
                    .entries
                    .into_iter()
                    .filter(|entry| entry.seq > last)
                    .collect()
            }
            Err(error @ FollowError::Damaged(_)) => return Err(unfollowed(Exit::Damaged, error)),
            Err(error @ FollowError::Io(_)) => return Err(unfollowed(Exit::Failure, error)),
        };
        printer.print(&entries)?;
        if is_closed(&entries) {
            return Ok(());
        }
        last = entries.last().map_or(last, |entry| entry.seq);
        thread::sleep(TURN);
    }
}

fn unfollowed(exit: Exit, error: FollowError) -> Failure {
    Failure::new(exit, "failed to follow the run").because(error)
}

fn is_closed(entries: &[Entry]) -> bool {
    entries
        .iter()
        .any(|entry| matches!(entry.event, Event::RunClosed { .. }))
}

struct Printer {
    run: Option<Run>,
    json: bool,
}

impl Printer {
    fn print(&self, entries: &[Entry]) -> Result<(), Failure> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut lines = String::new();
        for entry in entries {
            if self.json {
                lines.push_str(&json(entry)?);
            } else {
                lines.push_str(&line(self.run.as_ref(), entry));
            }
            lines.push('\n');
        }
        output::data(&lines)
    }
}

/// An entry in one line: when (UTC), who, what. With the run things have their titles, without it their ids.
pub fn line(run: Option<&Run>, entry: &Entry) -> String {
    let at = entry.at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let by = visible(&entry.by);
    let gap = NAME.saturating_sub(width(&by));
    let words = run.map_or_else(|| describe(&entry.event), |run| sentence(run, entry));
    format!("{at} {by}{:gap$} {}", "", visible(&words))
}

fn json(entry: &Entry) -> Result<String, Failure> {
    let text = codec::to_json(entry).map_err(|error| {
        Failure::new(
            Exit::Failure,
            format!("failed to write entry {} as JSON", entry.seq),
        )
        .because(error)
        .hint("`tminus log` without --json shows it")
    })?;
    Ok(output::harmless_json(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_steers_nothing() {
        let entry = Entry {
            seq: 7,
            at: "2026-06-05T15:46:58.25Z".parse().unwrap(),
            by: "ana".to_owned(),
            event: Event::NoteAdded {
                step: None,
                text: "spike\n\u{1b}[2J".to_owned(),
            },
        };
        assert_eq!(
            line(None, &entry),
            "2026-06-05T15:46:58Z ana      note: spike ^[[2J"
        );
    }
}
