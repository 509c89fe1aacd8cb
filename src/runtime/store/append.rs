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
        "failed to save: the disk reports an error; write the run to another disk, then resume it there"
    )]
    Failed {
        /// The system's answer.
        source: io::Error,
    },
    /// An earlier append failed for good.
    #[error(
        "failed to save: the journal's disk failed before; write the run to another disk, then resume it there"
    )]
    Poisoned,
    /// The journal isn't the file that was opened, or something else wrote to it. Nothing more is written here.
    #[error(
        "failed to save: the journal was replaced or changed by something else; find out by what, or write the run to another disk, then resume"
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

    /// First line of the journal; what [`write_elsewhere`](super::write_elsewhere) needs.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The run's directory; outputs of commands go to `out` in it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Number of the last entry.
    pub fn seq(&self) -> u64 {
        self.chain.seq()
    }

    /// Whether an append failed for good: show NOT SAVED and offer [`write_elsewhere`](super::write_elsewhere).
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::slice;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;
    use crate::journal::codec::tests::note;
    use crate::journal::codec::{Ending, decode};

    /// How one append goes wrong, or doesn't.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Luck {
        Good,
        /// The write is refused, after this many bytes went through.
        Refused(ErrorKind, usize),
        /// The same, and cutting the rest off fails, too.
        Stuck(usize),
        /// Fewer bytes are taken, without an error.
        Short(usize),
        SyncFails,
        Replaced,
    }

    /// A disk in memory whose luck is known beforehand.
    #[derive(Default)]
    struct Disk {
        content: Vec<u8>,
        luck: VecDeque<Luck>,
        now: Option<Luck>,
        syncs: usize,
    }

    #[derive(Clone, Default)]
    struct FaultyFile(Arc<Mutex<Disk>>);

    impl Medium for FaultyFile {
        fn is_as_left(&self, len: u64) -> io::Result<bool> {
            let mut disk = self.0.lock().unwrap();
            disk.now = disk.luck.pop_front();
            Ok(disk.now != Some(Luck::Replaced) && disk.content.len() as u64 == len)
        }

        fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock().unwrap();
            let some = |taken: usize| taken.min(bytes.len() - 1);
            let (taken, result) = match disk.now {
                Some(Luck::Refused(kind, taken)) => (some(taken), Err(kind.into())),
                Some(Luck::Stuck(taken)) => (some(taken), Err(ErrorKind::StorageFull.into())),
                Some(Luck::Short(taken)) => (some(taken), Ok(some(taken))),
                _ => (bytes.len(), Ok(bytes.len())),
            };
            disk.content.extend_from_slice(&bytes[..taken]);
            result
        }

        fn sync(&mut self) -> io::Result<()> {
            let mut disk = self.0.lock().unwrap();
            disk.syncs += 1;
            if disk.now == Some(Luck::SyncFails) {
                Err(ErrorKind::Other.into())
            } else {
                Ok(())
            }
        }

        fn truncate(&mut self, len: u64) -> io::Result<()> {
            let mut disk = self.0.lock().unwrap();
            if matches!(disk.now, Some(Luck::Stuck(_))) {
                return Err(ErrorKind::Other.into());
            }
            disk.content.truncate(len as usize);
            Ok(())
        }
    }

    fn journal(luck: Vec<Luck>) -> (Journal, FaultyFile, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take(dir.path(), "run").unwrap();
        let header = Header {
            run: "run".to_owned(),
            nonce: "1".to_owned(),
        };
        let line = header.line();
        let file = FaultyFile(Arc::new(Mutex::new(Disk {
            content: line.clone().into_bytes(),
            luck: luck.into(),
            ..Disk::default()
        })));
        let chain = Chain::new(&header);
        let medium = Box::new(file.clone());
        let journal = Journal::new(
            medium,
            header,
            chain,
            line.len() as u64,
            dir.path().to_owned(),
            lock,
        );
        (journal, file, dir)
    }

    fn append(journal: &mut Journal, text: &str) -> Result<Entry, AppendError> {
        journal.append(Timestamp::UNIX_EPOCH, "ana", note(text))
    }

    fn entries(file: &FaultyFile) -> Vec<Entry> {
        decode(&file.0.lock().unwrap().content).unwrap().entries
    }

    #[test]
    fn a_full_disk_loses_nothing_and_may_be_tried_again() {
        for luck in [
            Luck::Refused(ErrorKind::StorageFull, 0),
            Luck::Refused(ErrorKind::QuotaExceeded, 30),
            Luck::Refused(ErrorKind::FileTooLarge, 30),
            Luck::Short(30),
        ] {
            let (mut journal, file, _dir) = journal(vec![Luck::Good, luck, luck]);
            let one = append(&mut journal, "one").unwrap();
            for _ in 0..2 {
                let error = append(&mut journal, "two").unwrap_err();
                assert!(error.can_retry(), "{luck:?}");
                assert_eq!(entries(&file), slice::from_ref(&one));
                assert_eq!(
                    decode(&file.0.lock().unwrap().content).unwrap().ending,
                    Ending::Clean
                );
            }
            let two = append(&mut journal, "two").unwrap();
            assert_eq!(two.seq, 2);
            assert_eq!(entries(&file), [one, two]);
        }
    }

    #[test]
    fn a_failed_sync_is_never_tried_again() {
        let (mut journal, file, _dir) = journal(vec![Luck::Good, Luck::SyncFails]);
        append(&mut journal, "one").unwrap();
        assert!(matches!(
            append(&mut journal, "two"),
            Err(AppendError::Failed { .. })
        ));
        let content = file.0.lock().unwrap().content.clone();
        for _ in 0..3 {
            let error = append(&mut journal, "two").unwrap_err();
            assert!(matches!(error, AppendError::Poisoned) && !error.can_retry());
        }
        assert!(journal.is_poisoned());
        let disk = file.0.lock().unwrap();
        assert_eq!((disk.syncs, &disk.content), (2, &content));
    }

    #[test]
    fn a_full_disk_that_cannot_be_tidied_ends_writing() {
        let (mut journal, _, _dir) = journal(vec![Luck::Stuck(30)]);
        assert!(matches!(
            append(&mut journal, "one"),
            Err(AppendError::Failed { .. })
        ));
        assert!(matches!(
            append(&mut journal, "one"),
            Err(AppendError::Poisoned)
        ));
    }

    #[test]
    fn an_event_that_cannot_be_written_down_changes_nothing() {
        let (mut journal, file, _dir) = journal(Vec::new());
        let forged = Event::Unrecognised {
            name: "moon-landed".to_owned(),
            json: "{".to_owned(),
        };
        let result = journal.append(Timestamp::UNIX_EPOCH, "ana", forged);
        assert!(matches!(result, Err(AppendError::Encode(_))));
        let one = append(&mut journal, "one").unwrap();
        assert_eq!(entries(&file), [one]);
    }

    fn any_luck() -> impl Strategy<Value = Luck> {
        prop_oneof![
            8 => Just(Luck::Good),
            2 => (0..200_usize).prop_map(|taken| Luck::Refused(ErrorKind::StorageFull, taken)),
            1 => (0..200_usize).prop_map(|taken| Luck::Refused(ErrorKind::Other, taken)),
            1 => (0..200_usize).prop_map(Luck::Stuck),
            2 => (0..200_usize).prop_map(Luck::Short),
            1 => Just(Luck::SyncFails),
            1 => Just(Luck::Replaced),
        ]
    }

    proptest! {
        /// P2: whatever the disk does, it holds every entry that was acknowledged, in order, and at most one more
        /// that was tried.
        #[test]
        fn acknowledged_entries_are_on_disk(luck in proptest::collection::vec(any_luck(), 1..20)) {
            let tries = luck.len();
            let (mut journal, file, _dir) = journal(luck);
            let acknowledged: Vec<Entry> =
                (0..tries).filter_map(|number| append(&mut journal, &number.to_string()).ok()).collect();
            let on_disk = entries(&file);
            prop_assert!(on_disk.starts_with(&acknowledged));
            prop_assert!(on_disk.len() <= acknowledged.len() + 1);
            prop_assert!(decode(&file.0.lock().unwrap().content).unwrap().ending.damage().is_none());
        }
    }
}
