//! The process that stands between a command and the screen, so that neither depends on the other.
//!
//! A launch is driven over lines that drop. So a command isn't a child of what is on the screen: it belongs to this
//! same program in a session of its own, which reads its output, stops it when told to, and writes down how it ended,
//! whether anybody looks or not. The two talk through the files of the attempt ([`place`]) and through signals; who
//! comes back later finds everything there.
//!
//! ```text
//! claim the place (alive.lock, no void, never begun)   else: leave without a trace
//! read variables and secrets from standard input        else: result.json, not started
//! started.json on disk                                  from here on it may have run
//! start bash                                            output → filter → output.log
//! the leader's end                                      result.json on disk
//! the end of everything that prints                     output.log put together
//! ```
//!
//! A shell's `nohup` was rejected: it loses the exit code, and with it the only proof that a step is done.

mod attendant;
mod log;
pub(in crate::runtime) mod logout;
pub(in crate::runtime) mod place;
mod pump;
mod shell;

use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::redaction::Redactor;
use crate::journal::Outcome;
use attendant::{Attendant, Orders};
use place::{Brief, Ended, Place, Spec};
use pump::{Filter, Pumping};
use shell::Started;

pub(in crate::runtime) use attendant::KILL_NOW;
pub(in crate::runtime) use log::{LogReader, MOST_KEPT, Next};

/// Runs the command of an attempt to its end. `dir` is the attempt's directory; what must not stand there comes from
/// standard input.
///
/// # Errors
/// When the place can't be used or the end can't be written down. What became of the command is then unknown to
/// whoever asks, unless it was never begun.
pub fn supervise(dir: &Path) -> io::Result<()> {
    // The terminal's session must not take this one along. An error says that it leads one already.
    let _ = rustix::process::setsid();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // First, so that no order is missed.
        let mut orders = Orders::listen()?;
        let mut ends = signal(SignalKind::child())?;
        let place = Place::at(std::path::absolute(dir)?);
        let Some(_alive) = place.claim()? else {
            return Ok(());
        };
        run(&place, &mut orders, &mut ends).await
    })
}

async fn run(place: &Place, orders: &mut Orders, ends: &mut Signal) -> io::Result<()> {
    let (started, spec, filter) = match begin(place) {
        Ok(begun) => begun,
        Err(why) => {
            let outcome = Outcome::NotStarted { why };
            return place.conclude(&Ended::new(outcome, Duration::ZERO, Vec::new()));
        }
    };
    // Only for display.
    let _ = place.tell_pid(started.child.id());
    let pumping = pump::start(started.output, filter, log::Log::create(place.dir()));
    let leader = (started.child, started.group);
    let grace = Duration::from_millis(spec.grace_ms);
    let attendant = Attendant::new(place, leader, pumping, (orders, ends), grace);
    let limit = spec.timeout_ms.map(Duration::from_millis);
    let (ended, pumping) = attendant.see_through(limit).await;
    place.conclude(&ended)?;
    linger(pumping, orders).await;
    Ok(())
}

/// Starts the command, or says why it didn't, for people.
fn begin(place: &Place) -> Result<(Started, Spec, Box<dyn Filter>), String> {
    let spec = place
        .spec()
        .map_err(|error| format!("failed to read what it should do: {error}"))?;
    let brief = brief().map_err(|_| "the program ended before it could start it".to_owned())?;
    if let Some(obstacle) = shell::obstacle(&spec) {
        return Err(obstacle);
    }
    place
        .begin()
        .map_err(|error| format!("failed to write down that it starts: {error}"))?;
    let filter = filter(&brief.secrets);
    let started = shell::start(place, &spec, brief.variables)?;
    Ok((started, spec, filter))
}

/// A brief that was cut off is none: it doesn't parse.
fn brief() -> io::Result<Brief> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// What every byte of the output passes.
fn filter(secrets: &[String]) -> Box<dyn Filter> {
    Box::new(Redactor::new(secrets.iter().map(String::as_str)))
}

/// What was left in the background may still print; it would be killed by a pipe that nobody reads. The log is put
/// together after that, too late to delay a result.
async fn linger(pumping: Pumping, orders: &mut Orders) {
    tokio::select! {
        _ = pumping.finished => {}
        _ = orders.next() => {}
    }
}
