//! Looking at runs without disturbing them.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{StoreError, fingerprint, private};
use crate::journal::codec::{Chain, Damage, Decoded, Ending, Header};
use crate::journal::{Entry, Event};

/// Where the journal of the run in `dir` is.
pub(super) fn journal_path(dir: &Path) -> PathBuf {
    dir.join("journal.jsonl")
}

/// A run as it was found.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The run.
    pub run: String,
    /// Its directory.
    pub dir: PathBuf,
    /// First line of its journal.
    pub header: Header,
    /// The good entries; at least one, and none after the first doubt.
    pub entries: Vec<Entry>,
    /// How the journal ends.
    pub ending: Ending,
    pub(super) valid_len: usize,
    pub(super) chain: Chain,
}

impl Reading {
    pub(super) fn new(run: &str, dir: PathBuf, decoded: Decoded) -> Self {
        Self {
            run: run.to_owned(),
            dir,
            header: decoded.header,
            entries: decoded.entries,
            ending: decoded.ending,
            valid_len: decoded.valid_len,
            chain: decoded.chain,
        }
    }

    /// The frozen runbook's bytes, checked against the run's first event.
    pub fn runbook(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.dir.join("runbook.toml");
        let bytes = private::read_file(&path)?;
        let promised = self.entries.first().and_then(|entry| match &entry.event {
            Event::RunOpened { runbook_hash, .. } => Some(runbook_hash),
            _ => None,
        });
        if promised.is_some_and(|hash| *hash != fingerprint(&bytes)) {
            return Err(StoreError::RunbookChanged { path });
        }
        Ok(bytes)
    }

    /// Goes on reading where this ended.
    pub fn follow(&self) -> Result<Follower, StoreError> {
        let path = journal_path(&self.dir);
        let file = private::open_file(&path, private::options().read(true))?;
        Ok(Follower {
            path,
            file,
            offset: self.valid_len as u64,
            chain: self.chain,
            owes_newline: self.ending == Ending::MissingNewline,
        })
    }
}

/// Why a run can't be followed any longer.
#[derive(Debug, Error)]
pub enum FollowError {
    /// The journal is another file now, shorter or gone: read the run again.
    #[error("the journal was replaced, cut or removed; read the run again")]
    Replaced,
    /// What was written doesn't continue the chain.
    #[error("the journal is damaged: {0}; see `tminus verify`")]
    Damaged(Damage),
    /// The operating system refused.
    #[error("failed to read the journal; check that the disk is there")]
    Io(#[from] io::Error),
}

/// Reads what a writer appends, entry by entry, without its lock.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    file: File,
    offset: u64,
    chain: Chain,
    owes_newline: bool,
}

impl Follower {
    /// The entries that came since the last call; a line that isn't finished yet waits for the next.
    pub fn poll(&mut self) -> Result<Vec<Entry>, FollowError> {
        let bytes = self.unread()?;
        let mut rest = &bytes[..];
        if self.owes_newline && rest.first() == Some(&b'\n') {
            self.owes_newline = false;
            self.offset += 1;
            rest = &rest[1..];
        }
        let mut entries = Vec::new();
        while let Some(len) = memchr::memchr(b'\n', rest) {
            let entry = self.chain.read(&rest[..len]).map_err(|fault| {
                FollowError::Damaged(Damage {
                    line: self.chain.seq() + 2,
                    offset: self.offset as usize,
                    fault,
                })
            })?;
            entries.push(entry);
            self.offset += len as u64 + 1;
            rest = &rest[len + 1..];
        }
        Ok(entries)
    }

    fn unread(&mut self) -> Result<Vec<u8>, FollowError> {
        let ours = self.file.metadata()?;
        let named = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FollowError::Replaced);
            }
            other => other?,
        };
        let is_same = (ours.dev(), ours.ino()) == (named.dev(), named.ino());
        if !is_same || ours.len() < self.offset {
            return Err(FollowError::Replaced);
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.offset))?;
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
