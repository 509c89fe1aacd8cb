//! Writing to a journal, on disks that fill up, fail and lie.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

use super::lock::RunLock;
use super::{StoreError, failed, private};
use crate::journal::codec::{Chain, EncodeError, Header};
use crate::journal::{Entry, Event};

/// Space that is kept for the journal when the disk fills up: thousands of ticks.
const RESERVE: u64 = 1024 * 1024;

/// Why an entry was not saved. Nothing may be done in the world on its account.
#[derive(Debug, Error)]
pub enum AppendError {
    /// There is no room. Nothing was written; the same append may be tried again.
    #[error("failed to save: the disk is full; free some space and try again")]
    Full {
        /// The system's answer.
        source: io::Error,
    },
    /// The disk failed. What it holds of the last entry can't be known, and nothing more is written here.
    #[error(
        "failed to save: the disk reports an error; write the journal to another disk, then resume there"
    )]
    Failed {
        /// The system's answer.
        source: io::Error,
    },
    /// An earlier append failed for good.
    #[error(
        "failed to save: the journal's disk failed before; write the journal to another disk, then resume there"
    )]
    Poisoned,
    /// The journal isn't the file that was opened, or something else wrote to it. Nothing more is written here.
    #[error(
        "failed to save: the journal was replaced or changed by something else; find out by what, then resume"
    )]
    Replaced,
    /// The entry can't be written down. Nothing was written.
    #[error("failed to write the entry down; report this as a defect of tminus")]
    Encode(#[from] EncodeError),
}

impl AppendError {
    /// Whether the same append may succeed later.
    pub fn can_retry(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

/// What a journal needs of its file: small, so that tests can make each part fail.
pub(super) trait Medium: Send {
    /// Whether the path still leads to the opened file, and it is as long as we left it.
    fn is_as_left(&self, len: u64) -> io::Result<bool>;
    /// One write at the end; may write less.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Waits until the disk has it.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts off what follows.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The one writer of a run.
pub struct Journal {
    medium: Box<dyn Medium>,
    header: Header,
    chain: Chain,
    len: u64,
    is_poisoned: bool,
    dir: PathBuf,
    _lock: RunLock,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("run", &self.header.run)
            .field("seq", &self.chain.seq())
            .field("is_poisoned", &self.is_poisoned)
            .finish_non_exhaustive()
    }
}

impl Journal {
    pub(super) fn new(
        medium: Box<dyn Medium>,
        header: Header,
        chain: Chain,
        len: u64,
        dir: PathBuf,
        lock: RunLock,
    ) -> Self {
        Self {
            medium,
            header,
            chain,
            len,
            is_poisoned: false,
            dir,
            _lock: lock,
        }
    }

    /// The run.
    pub fn run(&self) -> &str {
        &self.header.run
    }

    /// The run's directory; outputs of commands go to `out` in it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Number of the last entry.
    pub fn seq(&self) -> u64 {
        self.chain.seq()
    }

    /// Whether an append failed for good: show NOT SAVED and offer [`Journal::write_elsewhere`].
    pub fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// Records an event. When this returns an entry, it is on disk.
    pub fn append(&mut self, at: Timestamp, by: &str, event: Event) -> Result<Entry, AppendError> {
        if self.is_poisoned {
            return Err(AppendError::Poisoned);
        }
        let mut chain = self.chain;
        let (entry, line) = chain.write(at, by, event)?;
        if !self.medium.is_as_left(self.len).unwrap_or(false) {
            self.is_poisoned = true;
            return Err(AppendError::Replaced);
        }
        self.write(&line)?;
        // A failed sync is never tried again: the kernel reports the loss once and then calls the pages clean, so
        // a second sync would succeed without having saved anything.
        self.medium.sync().map_err(|source| self.fail(source))?;
        self.chain = chain;
        self.len += line.len() as u64;
        Ok(entry)
    }

    fn write(&mut self, line: &[u8]) -> Result<(), AppendError> {
        let refusal = match self.medium.append(line) {
            Ok(written) if written == line.len() => return Ok(()),
            // A file takes less than it was given only when it can take no more.
            Ok(_) => ErrorKind::StorageFull.into(),
            Err(error) => error,
        };
        if !is_full(&refusal) {
            return Err(self.fail(refusal));
        }
        match self.medium.truncate(self.len) {
            Ok(()) => Err(AppendError::Full { source: refusal }),
            Err(source) => Err(self.fail(source)),
        }
    }

    fn fail(&mut self, source: io::Error) -> AppendError {
        self.is_poisoned = true;
        AppendError::Failed { source }
    }

    /// Writes the whole journal to a new file, for when its own disk failed.
    ///
    /// The entries come from the caller's memory, since a disk that lost a write can't be trusted to give back the
    /// others.
    pub fn write_elsewhere(&self, path: &Path, entries: &[Entry]) -> Result<(), StoreError> {
        let mut chain = Chain::new(&self.header);
        let mut bytes = self.header.line().into_bytes();
        for entry in entries {
            let (_, line) = chain.write(entry.at, &entry.by, entry.event.clone())?;
            bytes.extend_from_slice(&line);
        }
        private::write_new(path, &bytes)
    }
}

fn is_full(error: &io::Error) -> bool {
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// A journal's file.
pub(super) struct DiskFile {
    file: File,
    path: PathBuf,
    identity: (u64, u64),
    len: u64,
    reserved_to: u64,
}

impl DiskFile {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = private::open_file(path, private::options().append(true))?;
        let metadata = file.metadata().map_err(failed("look at", path))?;
        let mut disk = Self {
            file,
            path: path.to_owned(),
            identity: identity(&metadata),
            len: metadata.len(),
            reserved_to: 0,
        };
        disk.reserve();
        Ok(disk)
    }

    /// Adds the newline that a crash cut off.
    pub(super) fn finish_line(&mut self) -> Result<(), StoreError> {
        self.append(b"\n")
            .and_then(|_| self.sync())
            .map_err(failed("write", &self.path))
    }

    /// Cuts off what a crash left, durably.
    pub(super) fn cut_to(&mut self, len: u64) -> Result<(), StoreError> {
        self.truncate(len)
            .and_then(|()| self.file.sync_all())
            .map_err(failed("cut", &self.path))
    }

    /// Keeps space ahead of the end. As much as can be had: without it the journal works until the disk is full.
    fn reserve(&mut self) {
        if self.reserved_to < self.len + RESERVE / 2 && allocate(&self.file, self.len).is_ok() {
            self.reserved_to = self.len + RESERVE;
        }
    }
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, from: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(fallocate(file, FallocateFlags::KEEP_SIZE, from, RESERVE)?)
}

/// Only Linux can allocate beyond the end without making the file longer.
#[cfg(not(target_os = "linux"))]
fn allocate(_: &File, _: u64) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Medium for DiskFile {
    fn is_as_left(&self, len: u64) -> io::Result<bool> {
        let metadata = fs::symlink_metadata(&self.path)?;
        Ok(identity(&metadata) == self.identity && metadata.len() == len)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reserve();
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(written) => {
                    self.len += written as u64;
                    return Ok(written);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.len = len;
        self.reserved_to = 0;
        Ok(())
    }
}

impl Drop for DiskFile {
    /// Gives back the reserved space: a truncation to the present length does that. A file that was touched by
    /// somebody else is left alone.
    fn drop(&mut self) {
        if self.is_as_left(self.len).unwrap_or(false) {
            let _ = self.file.set_len(self.len);
        }
    }
}
