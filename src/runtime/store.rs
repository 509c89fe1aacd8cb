//! Runs on disk: what was acknowledged is never lost, and what was damaged is never believed.
//!
//! ```text
//! STATE/runs/kestrel-0605-1520/
//!   journal.jsonl   every entry, chained (see `journal::codec`)
//!   runbook.toml    the runbook's bytes, frozen when the run began
//!   lock            held while a process may write; never deleted
//!   attempts/       one directory per execution of a command (see `runtime::supervisor`)
//! ```
//!
//! An operator reads a tick as *it happened*, so an entry is handed out only after `fdatasync` said that it is on
//! disk, and whatever the disk refuses is an error that names the way out. Only [`Store::create`], [`Store::open`]
//! and [`Store::recover`] write; [`Store::read`], [`Store::list`] and [`Follower`] leave every byte alone.
//!
//! Everything belongs to the operator alone: directories are 0700 and files 0600 whatever the umask says, and
//! symbolic links or other people's files are refused, because a run's commands are executed from here.
//!
//! All of this blocks. A caller on an async runtime gives it a thread.

mod append;
mod list;
mod lock;
mod name;
pub(in crate::runtime) mod private;
mod read;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::journal::codec::{self, Chain, Damage, EncodeError, Ending, Header, HeaderError};
use crate::journal::{Entry, Event};

pub use append::{AppendError, Journal};
pub use list::{Ends, Listed};
pub use lock::this_process;
pub use name::run_name;
pub use read::{FollowError, Follower, Reading};

use append::DiskFile;
use lock::RunLock;

/// Why a run can't be created, opened, read or recovered.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Nothing has that name.
    #[error("there is no run called `{run}`; `tminus ls --all` lists the runs there are")]
    NoSuchRun {
        /// The name.
        run: String,
    },
    /// A run has that name already.
    #[error(
        "there is a run called `{run}` already; give the new one another name, or go on with `tminus resume {run}`"
    )]
    Exists {
        /// The name.
        run: String,
    },
    /// It can't be a run's name, because it would not be a plain directory's.
    #[error(
        "`{run}` can't name a run; use at most 80 letters, digits, `-`, `_` and `.`, a letter or digit first"
    )]
    BadName {
        /// The name.
        run: String,
    },
    /// Another process writes to the run. Exit code 6.
    #[error(
        "run `{run}` is held by {by}; leave it there first, or look on with `tminus watch {run}`"
    )]
    Held {
        /// The run.
        run: String,
        /// Process and host, `PID@HOST`.
        by: String,
    },
    /// The last line is whole but wrong, which no crash explains; a person has to agree that it be set aside. Exit
    /// code 8.
    #[error(
        "the last line of {path} is wrong: {damage}; look at it, then set it aside with `tminus recover {run}`",
        path = path.display()
    )]
    BadLastLine {
        /// The run.
        run: String,
        /// The journal.
        path: PathBuf,
        /// Where and what.
        damage: Damage,
    },
    /// Something before the end is wrong; the run can only be read. Exit code 8.
    #[error(
        "{path} is damaged: {damage}; everything before that is good: read it with `tminus log {run}`, or go on from \
         there with `tminus recover {run}`, which keeps the damaged file aside",
        path = path.display()
    )]
    Damaged {
        /// The run.
        run: String,
        /// The journal.
        path: PathBuf,
        /// Where and what.
        damage: Damage,
    },
    /// Not even the first entry can be read, so there is nothing to go on from. Exit code 8.
    #[error("nothing of {path} can be read: {damage}; restore the file from a backup", path = path.display())]
    Lost {
        /// The run.
        run: String,
        /// The journal.
        path: PathBuf,
        /// Where and what.
        damage: Damage,
    },
    /// A later version wrote the journal.
    #[error(
        "run `{run}` was recorded by a newer tminus (journal form {version}); update tminus to open it"
    )]
    Newer {
        /// The run.
        run: String,
        /// Its form.
        version: String,
    },
    /// The frozen runbook isn't the one the run began with. Exit code 8.
    #[error("{path} was changed after the run began, so its steps can't be trusted; restore the file", path = path.display())]
    RunbookChanged {
        /// The frozen runbook.
        path: PathBuf,
    },
    /// A path that somebody else could have prepared.
    #[error("{path} is refused: {problem}", path = path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// What is wrong and how to put it right.
        problem: String,
    },
    /// An entry can't be written down.
    #[error("failed to write the entry down; report this as a defect of tminus")]
    Encode(#[from] EncodeError),
    /// The operating system refused.
    #[error("failed to {action} {path}; check that the disk has space and the file is yours", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether this says that a run's files are not what was written (exit code 8).
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::BadLastLine { .. }
                | Self::Damaged { .. }
                | Self::Lost { .. }
                | Self::RunbookChanged { .. }
        )
    }
}

/// Makes the error for a failed call: `.map_err(failed("read", path))`.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        action,
        path,
        source,
    }
}

/// SHA-256 in hexadecimal: how a run's first event names its frozen runbook.
pub fn fingerprint(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A run that this process may write to.
#[derive(Debug)]
pub struct Opened {
    /// Where to append.
    pub journal: Journal,
    /// What happened so far.
    pub entries: Vec<Entry>,
    /// What the operator should know about the state it was found in; each a sentence.
    pub notices: Vec<String>,
    /// The frozen runbook, checked against the first event.
    pub runbook: Vec<u8>,
}

/// What [`Store::recover`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Entries that were kept.
    pub entries: usize,
    /// Bytes that were left out; 0 when nothing was wrong.
    pub dropped: usize,
    /// Where the old journal lies now.
    pub aside: Option<PathBuf>,
}

/// All runs of one operator on one machine.
#[derive(Clone, Debug)]
pub struct Store {
    state_dir: PathBuf,
}

impl Store {
    /// A store in the given state directory. Nothing is touched yet.
    pub fn new(state_dir: PathBuf) -> Self {
        Self { state_dir }
    }

    /// Directory of all runs.
    pub fn runs_dir(&self) -> PathBuf {
        self.state_dir.join("runs")
    }

    /// Directory of a run, whether it exists or not.
    pub fn run_dir(&self, run: &str) -> Result<PathBuf, StoreError> {
        name::check(run)?;
        Ok(self.runs_dir().join(run))
    }

    /// A short, readable name that no run has yet, such as `kestrel-0605-1520`.
    pub fn new_run_name(&self, runbook: &str, now: Timestamp) -> String {
        let runs = self.runs_dir();
        run_name(runbook, now, |name| {
            fs::symlink_metadata(runs.join(name)).is_ok()
        })
    }

    /// Begins a run: freezes the runbook and records the first entry, all of it or nothing.
    ///
    /// Everything is written and synced under a passing name, and the finished directory gets its own by one
    /// rename: a crash in between leaves no half run, and of two who begin the same run one gets
    /// [`StoreError::Exists`], since a directory that holds something is never replaced by a rename.
    pub fn create(
        &self,
        run: &str,
        runbook: &[u8],
        at: Timestamp,
        by: &str,
        opened: Event,
    ) -> Result<(Journal, Entry), StoreError> {
        let dir = self.run_dir(run)?;
        private::ensure_state_dir(&self.state_dir)?;
        private::ensure_dir(&self.runs_dir())?;
        if fs::symlink_metadata(&dir).is_ok() {
            return Err(StoreError::Exists {
                run: run.to_owned(),
            });
        }
        let header = Header {
            run: run.to_owned(),
            nonce: name::nonce(),
        };
        let draft = self.runs_dir().join(format!(".new-{}", header.nonce));
        private::ensure_dir(&draft)?;
        let result = Draft {
            header,
            draft: &draft,
            dir,
        }
        .finish(runbook, at, by, opened);
        if result.is_err() {
            // The error that matters is the one at hand; a leftover draft is invisible and harmless.
            let _ = fs::remove_dir_all(&draft);
        }
        result
    }

    /// Takes the run's lock, reads its journal and puts the traces of a crash in order.
    pub fn open(&self, run: &str) -> Result<Opened, StoreError> {
        let dir = self.existing_dir(run)?;
        let lock = RunLock::take(&dir, run)?;
        let Loaded { reading, bytes } = self.load(run)?;
        refuse_damage(&reading)?;
        let runbook = reading.runbook()?;
        let mut file = DiskFile::open(&read::journal_path(&dir))?;
        let mut notices = notices_of(&reading);
        let mut len = reading.valid_len as u64;
        if reading.ending == Ending::MissingNewline {
            file.finish_line()?;
            len += 1;
            notices.push(
                "The last entry's line end was missing and has been added; the entry is good."
                    .to_owned(),
            );
        } else if bytes.len() > reading.valid_len {
            notices.push(set_tail_aside(
                &dir,
                &mut file,
                &bytes[reading.valid_len..],
                len,
            )?);
        }
        Ok(Opened {
            journal: Journal::new(
                Box::new(file),
                reading.header,
                reading.chain,
                len,
                dir,
                lock,
            ),
            entries: reading.entries,
            notices,
            runbook,
        })
    }

    /// Reads a run without its lock and without changing anything. How it ends is in [`Reading::ending`]: a torn
    /// tail is a writer at work or a crash, and damage leaves the entries before it.
    pub fn read(&self, run: &str) -> Result<Reading, StoreError> {
        self.existing_dir(run)?;
        Ok(self.load(run)?.reading)
    }

    /// Writes a journal anew from what is good of it, and keeps the old one aside. The caller has asked.
    pub fn recover(&self, run: &str) -> Result<Recovered, StoreError> {
        let dir = self.existing_dir(run)?;
        let _lock = RunLock::take(&dir, run)?;
        let Loaded { reading, bytes } = self.load(run)?;
        let mut good = bytes[..reading.valid_len].to_vec();
        if !good.ends_with(b"\n") {
            good.push(b'\n');
        }
        let entries = reading.entries.len();
        if good == bytes {
            return Ok(Recovered {
                entries,
                dropped: 0,
                aside: None,
            });
        }
        let aside = private::write_aside(&dir, "journal.damaged", &bytes)?;
        let fresh = dir.join("journal.new");
        private::remove_stale(&fresh)?;
        private::write_new(&fresh, &good)?;
        let path = read::journal_path(&dir);
        fs::rename(&fresh, &path).map_err(failed("replace", &path))?;
        private::sync_dir(&dir)?;
        Ok(Recovered {
            entries,
            dropped: bytes.len() - reading.valid_len,
            aside: Some(aside),
        })
    }

    /// All runs, the newest first. Cheap: of each journal only the two ends are read, and nothing is verified. A
    /// run that can't be read is listed as such.
    pub fn list(&self) -> Result<Vec<Listed>, StoreError> {
        list::list(&self.runs_dir())
    }

    /// Name of the newest run that isn't closed.
    pub fn latest_open(&self) -> Result<Option<String>, StoreError> {
        let mut runs = self.list()?.into_iter();
        Ok(runs.find(Listed::is_open).map(|listed| listed.run))
    }

    /// Who writes to a run right now, `PID@HOST`.
    pub fn held_by(&self, run: &str) -> Option<String> {
        lock::held_by(&self.run_dir(run).ok()?)
    }

    fn existing_dir(&self, run: &str) -> Result<PathBuf, StoreError> {
        let dir = self.run_dir(run)?;
        if fs::symlink_metadata(&dir).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err(StoreError::NoSuchRun {
                run: run.to_owned(),
            });
        }
        for part in [&self.state_dir, &self.runs_dir(), &dir] {
            private::check_dir(part)?;
        }
        Ok(dir)
    }

    fn load(&self, run: &str) -> Result<Loaded, StoreError> {
        let dir = self.run_dir(run)?;
        let path = read::journal_path(&dir);
        let bytes = private::read_file(&path)?;
        let lost = |damage| StoreError::Lost {
            run: run.to_owned(),
            path: path.clone(),
            damage,
        };
        let decoded = match codec::decode(&bytes) {
            Ok(decoded) => decoded,
            Err(HeaderError::Newer { version }) => {
                return Err(StoreError::Newer {
                    run: run.to_owned(),
                    version,
                });
            }
            Err(HeaderError::NotAJournal) => return Err(lost(Damage::at_start())),
        };
        if decoded.entries.is_empty() {
            return Err(lost(
                decoded
                    .ending
                    .damage()
                    .cloned()
                    .unwrap_or_else(|| Damage::nothing(decoded.valid_len)),
            ));
        }
        Ok(Loaded {
            reading: Reading::new(run, dir, decoded),
            bytes,
        })
    }
}

struct Loaded {
    reading: Reading,
    bytes: Vec<u8>,
}

/// Writes a whole run below another state directory, for when its own disk failed; all of it or nothing.
///
/// The entries come from the caller's memory, since a disk that lost a write can't be trusted to give back the
/// others; and it needs no [`Journal`], which may be busy on a thread of its own. `fill` adds to the run's directory
/// of attempts before anybody sees it.
///
/// # Errors
/// When it can't be written there, or a run of this name is there already.
pub fn write_elsewhere(
    state_dir: &Path,
    header: &Header,
    runbook: &[u8],
    entries: &[Arc<Entry>],
    fill: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let store = Store::new(state_dir.to_owned());
    let dir = store.run_dir(&header.run)?;
    private::ensure_state_dir(state_dir)?;
    private::ensure_dir(&store.runs_dir())?;
    let draft = store.runs_dir().join(format!(".new-{}", name::nonce()));
    private::ensure_dir(&draft)?;
    let draft = Draft {
        header: header.clone(),
        draft: &draft,
        dir,
    };
    let written = draft.copy(runbook, entries, fill);
    if written.is_err() {
        // The error that matters is the one at hand; a leftover draft is invisible and harmless.
        let _ = fs::remove_dir_all(draft.draft);
    }
    written
}

/// A run's directory before it has its name.
struct Draft<'a> {
    header: Header,
    draft: &'a Path,
    dir: PathBuf,
}

impl Draft<'_> {
    fn finish(
        self,
        runbook: &[u8],
        at: Timestamp,
        by: &str,
        opened: Event,
    ) -> Result<(Journal, Entry), StoreError> {
        let mut chain = Chain::new(&self.header);
        let (entry, line) = chain.write(at, by, opened)?;
        let mut bytes = self.header.line().into_bytes();
        bytes.extend_from_slice(&line);
        private::write_new(&self.draft.join("runbook.toml"), runbook)?;
        private::write_new(&read::journal_path(self.draft), &bytes)?;
        private::ensure_dir(&self.draft.join("attempts"))?;
        let lock = RunLock::take(self.draft, &self.header.run)?;
        private::sync_dir(self.draft)?;
        self.publish()?;
        let file = DiskFile::open(&read::journal_path(&self.dir))?;
        let journal = Journal::new(
            Box::new(file),
            self.header,
            chain,
            bytes.len() as u64,
            self.dir,
            lock,
        );
        Ok((journal, entry))
    }

    fn copy(
        &self,
        runbook: &[u8],
        entries: &[Arc<Entry>],
        fill: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut chain = Chain::new(&self.header);
        let mut bytes = self.header.line().into_bytes();
        for entry in entries {
            let (_, line) = chain.write(entry.at, &entry.by, entry.event.clone())?;
            bytes.extend_from_slice(&line);
        }
        private::write_new(&self.draft.join("runbook.toml"), runbook)?;
        private::write_new(&read::journal_path(self.draft), &bytes)?;
        let attempts = self.draft.join("attempts");
        private::ensure_dir(&attempts)?;
        fill(&attempts)?;
        private::sync_dir(self.draft)?;
        self.publish()
    }

    fn publish(&self) -> Result<(), StoreError> {
        use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
        fs::rename(self.draft, &self.dir).map_err(|source| match source.kind() {
            AlreadyExists | DirectoryNotEmpty | NotADirectory => StoreError::Exists {
                run: self.header.run.clone(),
            },
            _ => failed("create", &self.dir)(source),
        })?;
        private::sync_dir(private::parent_of(&self.dir))
    }
}

/// Lets only journals pass whose state a crash explains.
fn refuse_damage(reading: &Reading) -> Result<(), StoreError> {
    let run = reading.run.clone();
    let path = read::journal_path(&reading.dir);
    match reading.ending.clone() {
        Ending::Clean | Ending::MissingNewline | Ending::TornTail { .. } => Ok(()),
        Ending::BadLastLine(damage) => Err(StoreError::BadLastLine { run, path, damage }),
        Ending::Damaged(damage) => Err(StoreError::Damaged { run, path, damage }),
    }
}

/// Keeps what a crash left after the last whole entry, then cuts it off.
fn set_tail_aside(
    dir: &Path,
    file: &mut DiskFile,
    tail: &[u8],
    len: u64,
) -> Result<String, StoreError> {
    let aside = private::write_aside(dir, "journal.torn", tail)?;
    file.cut_to(len)?;
    Ok(format!(
        "The journal ended in {} bytes that are no whole entry, as after a crash; nobody was ever told that it was \
         saved. It lies in {} now.",
        tail.len(),
        aside.display()
    ))
}

fn notices_of(reading: &Reading) -> Vec<String> {
    let unknown = reading
        .entries
        .iter()
        .filter(|entry| matches!(entry.event, Event::Unrecognised { .. }))
        .count();
    if unknown == 0 {
        return Vec::new();
    }
    vec![format!(
        "{unknown} entries come from a newer tminus; they are kept and shown, but have no effect here. Update tminus \
         to see the run as it is."
    )]
}

#[cfg(test)]
mod tests;
