//! `tminus ls`: the runs there are.

use jiff::Timestamp;
use serde::Serialize;

use super::arguments;
use super::context::Context;
use super::failure::{Exit, Outcome};
use super::{output, runs};
use crate::journal::{Ending, Event};
use crate::run::progress::RunState;
use crate::runtime::store::Listed;
use crate::ui::text::{pad, visible};

#[derive(Serialize)]
struct Runs {
    runs: Vec<Row>,
}

/// A run in the list.
#[derive(Serialize)]
struct Row {
    id: String,
    runbook: Option<String>,
    title: Option<String>,
    mode: Option<&'static str>,
    /// A [`RunState`], or `damaged`.
    state: &'static str,
    started: Timestamp,
    last: Option<Timestamp>,
    held_by: Option<String>,
}

/// `tminus ls`.
///
/// # Errors
/// When the directory of runs can't be read.
pub fn list(context: &Context, arguments: &arguments::List) -> Outcome {
    let listed = context.store.list()?;
    let closed = listed.iter().filter(|listed| is_closed(listed)).count();
    // What can't be read may well be open: it is shown until somebody looks.
    let shown = listed
        .iter()
        .filter(|listed| arguments.all || !is_closed(listed));
    let rows: Vec<Row> = shown.map(|listed| row(context, listed)).collect();
    if arguments.json {
        output::json(&Runs { runs: rows })?;
        return Ok(Exit::Ok);
    }
    output::data(&table(&rows))?;
    if rows.is_empty() && closed > 0 {
        output::say(format!(
            "no open runs; `tminus ls --all` lists {closed} closed"
        ));
    } else if rows.is_empty() {
        output::say(
            "no runs yet; `tminus demo` shows what one is, `tminus run RUNBOOK` starts one",
        );
    }
    Ok(Exit::Ok)
}

fn is_closed(listed: &Listed) -> bool {
    listed.ends.is_ok() && !listed.is_open()
}

fn row(context: &Context, listed: &Listed) -> Row {
    let started = listed.started();
    let (id, held_by) = (listed.run.clone(), listed.held_by.clone());
    let Ok(ends) = &listed.ends else {
        return Row {
            id,
            runbook: None,
            title: None,
            mode: None,
            state: "damaged",
            started,
            last: None,
            held_by,
        };
    };
    let last = Some(ends.last.at);
    let state = state(context, listed);
    match &ends.first.event {
        Event::RunOpened {
            runbook,
            title,
            mode,
            ..
        } => Row {
            runbook: Some(runbook.clone()),
            title: Some(title.clone()),
            mode: Some(mode.name()),
            ..Row {
                id,
                runbook: None,
                title: None,
                mode: None,
                state,
                started,
                last,
                held_by,
            }
        },
        _ => Row {
            id,
            runbook: None,
            title: None,
            mode: None,
            state: "damaged",
            started,
            last,
            held_by,
        },
    }
}

/// A closed run says in its last entry how it ended; an open one has to be folded.
fn state(context: &Context, listed: &Listed) -> &'static str {
    let ended = listed
        .ends
        .as_ref()
        .ok()
        .and_then(|ends| match ends.last.event {
            Event::RunClosed { ending, .. } => Some(ending),
            _ => None,
        });
    match ended {
        Some(Ending::Launched) => RunState::Launched.name(),
        Some(Ending::RolledBack) => RunState::RolledBack.name(),
        Some(Ending::Scrubbed) => RunState::Scrubbed.name(),
        None => open_state(context, &listed.run),
    }
}

fn open_state(context: &Context, run: &str) -> &'static str {
    let Ok(reading) = context.store.read(run) else {
        return "damaged";
    };
    match runs::fold(&reading) {
        Ok(run) if reading.ending.damage().is_none() => run.run_state(Timestamp::now()).name(),
        _ => "damaged",
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    if rows.is_empty() {
        return text;
    }
    let widest = rows
        .iter()
        .map(|row| row.id.len())
        .max()
        .unwrap_or_default()
        .max("RUN".len());
    text.push_str(&format!(
        "{:widest$}  {:12}  {:16}  TITLE\n",
        "RUN", "STATE", "STARTED (UTC)"
    ));
    for row in rows {
        let started = row.started.strftime("%Y-%m-%d %H:%M");
        let mut title = visible(row.title.as_deref().unwrap_or("can't be read")).into_owned();
        if row.mode == Some("drill") {
            title.insert_str(0, "DRILL ");
        }
        if let Some(holder) = &row.held_by {
            title.push_str(&format!("  (open in {})", visible(holder)));
        }
        text.push_str(&format!(
            "{:widest$}  {}  {started}  {title}\n",
            row.id,
            pad(row.state, 12)
        ));
    }
    text
}
