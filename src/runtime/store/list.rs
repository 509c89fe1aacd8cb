//! The runs there are, at a glance.
//!
//! The picker shows this before anything else, perhaps over hundreds of runs, so only the two ends of each journal
//! are read. Whatever is wrong with one run must not hide the others.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{StoreError, failed, lock, name, private, read};
use crate::journal::codec;
use crate::journal::{Entry, Event};

/// More than any usual last line; when it isn't enough, the whole file is read.
const TAIL: u64 = 16 * 1024;

/// A run in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its name.
    pub run: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Who writes to it right now, `PID@HOST`.
    pub held_by: Option<String>,
    /// Its first and last entry, or why they can't be read.
    pub ends: Result<Ends, String>,
    modified: Timestamp,
}

/// The two ends of a journal, taken at their word.
#[derive(Clone, Debug, PartialEq)]
pub struct Ends {
    /// The first entry.
    pub first: Entry,
    /// The last whole entry.
    pub last: Entry,
}

impl Listed {
    /// Whether the run can be read and isn't closed.
    pub fn is_open(&self) -> bool {
        self.ends
            .as_ref()
            .is_ok_and(|ends| !matches!(ends.last.event, Event::RunClosed { .. }))
    }

    /// When it began; for a run that can't be read, when its directory last changed.
    pub fn started(&self) -> Timestamp {
        self.ends
            .as_ref()
            .map_or(self.modified, |ends| ends.first.at)
    }
}

/// All runs below `runs`, the newest first.
pub(super) fn list(runs: &Path) -> Result<Vec<Listed>, StoreError> {
    let names = match fs::read_dir(runs) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", runs)(error)),
    };
    private::check_dir(runs)?;
    let mut listed: Vec<Listed> = names
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|run| name::check(run).is_ok())
        .map(|run| look(runs.join(&run), run))
        .collect();
    listed.sort_by(|a, b| (b.started(), &b.run).cmp(&(a.started(), &a.run)));
    Ok(listed)
}

fn look(dir: PathBuf, run: String) -> Listed {
    let modified = fs::symlink_metadata(&dir)
        .and_then(|metadata| metadata.modified())
        .ok();
    Listed {
        held_by: lock::held_by(&dir),
        ends: ends(&dir),
        modified: modified
            .and_then(|time| Timestamp::try_from(time).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
        run,
        dir,
    }
}

fn ends(dir: &Path) -> Result<Ends, String> {
    private::check_dir(dir).map_err(|error| error.to_string())?;
    let mut file = private::open_file(&read::journal_path(dir), private::options().read(true))
        .map_err(|error| error.to_string())?;
    let first = first_entry(&file);
    let last = last_entry(&mut file);
    match (first, last) {
        (Ok(Some(first)), Ok(Some(last))) => Ok(Ends { first, last }),
        (Err(error), _) | (_, Err(error)) => Err(format!("failed to read the journal: {error}")),
        _ => Err("the journal is damaged".to_owned()),
    }
}

fn first_entry(file: &File) -> io::Result<Option<Entry>> {
    let mut lines = BufReader::new(file);
    lines.skip_until(b'\n')?;
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    Ok(codec::peek(line.strip_suffix(b"\n").unwrap_or(&line)))
}

fn last_entry(file: &mut File) -> io::Result<Option<Entry>> {
    let len = file.metadata()?.len();
    for window in [TAIL.min(len), len] {
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(len - window))?;
        file.take(window).read_to_end(&mut tail)?;
        if let Some(line) = last_line(&tail) {
            return Ok(codec::peek(line));
        }
    }
    Ok(None)
}

/// The last line that has both its ends in sight.
fn last_line(tail: &[u8]) -> Option<&[u8]> {
    let end = memchr::memrchr(b'\n', tail)?;
    let start = memchr::memrchr(b'\n', &tail[..end])?;
    Some(&tail[start + 1..end])
}
