//! A run whose disk has failed, written to another one so that it can be resumed there.
//!
//! What goes there comes from memory, since a disk that lost a write can't be trusted to give back the rest. The
//! commands that still run can't be moved: their results will appear where they were started. Without a word about
//! them, whoever resumes would find no directory for them, and take them for never started; so each gets an end that
//! says that it is unknown, and where to look.

use std::env;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::store::{StoreError, write_elsewhere};
use super::supervisor::place::Place;
use crate::journal::codec::Header;
use crate::journal::{Entry, Event, Outcome};

/// What is needed beside the entries.
#[derive(Clone, Debug)]
pub struct Rescue {
    /// First line of the journal.
    pub header: Header,
    /// The frozen runbook.
    pub runbook: Vec<u8>,
    /// Where the run lies now.
    pub run_dir: PathBuf,
}

impl Rescue {
    /// Writes the run below `state_dir`, which is then a state directory to resume it from.
    ///
    /// # Errors
    /// When it can't be written there, or a run of this name is there already.
    pub fn write(&self, state_dir: &Path, entries: &[Arc<Entry>]) -> Result<(), StoreError> {
        write_elsewhere(
            state_dir,
            &self.header,
            &self.runbook,
            entries,
            |attempts| {
                unended(entries)
                    .into_iter()
                    .try_for_each(|attempt| self.leave_word(attempts, attempt))
            },
        )
    }

    fn leave_word(&self, attempts: &Path, attempt: u64) -> Result<(), StoreError> {
        let old = Place::of(&self.run_dir.join("attempts"), attempt);
        let why = format!(
            "its run was moved to another disk; see what it left in {}",
            old.dir().display()
        );
        Place::of(attempts, attempt).give_up(Outcome::Unknown { why })
    }
}

/// The attempts whose end isn't among the entries.
fn unended(entries: &[Arc<Entry>]) -> Vec<u64> {
    let mut running = Vec::new();
    for entry in entries {
        match entry.event {
            Event::AttemptStarted { attempt, .. } => running.push(attempt),
            Event::AttemptEnded { attempt, .. } => running.retain(|&other| other != attempt),
            _ => {}
        }
    }
    running
}

/// A directory that suggests itself, on another disk than `state_dir` if one is found.
pub fn suggestion(state_dir: &Path, run: &str) -> PathBuf {
    let device = |path: &Path| path.metadata().ok().map(|metadata| metadata.dev());
    let here = device(state_dir);
    let home = env::var_os("HOME").map(PathBuf::from);
    let candidates = [Some(env::temp_dir()), home, Some(PathBuf::from("/dev/shm"))];
    let elsewhere = candidates
        .into_iter()
        .flatten()
        .find(|path| path.is_absolute() && device(path).is_some_and(|disk| Some(disk) != here));
    elsewhere
        .unwrap_or_else(env::temp_dir)
        .join(format!("tminus-{run}"))
}
