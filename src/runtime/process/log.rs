//! A command's output on disk, byte for byte.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// The most bytes kept; 64 MiB. The head is kept, because that is where it began to go wrong; the tail is on the
/// screen.
const CAP: u64 = 64 << 20;

/// Takes bytes until it is full.
#[derive(Debug)]
pub(super) struct Log {
    /// `None` when nothing more is kept.
    file: Option<File>,
    room: u64,
}

impl Log {
    /// Makes `ATTEMPT.log`, readable by its owner alone. One that exists is evidence and stays as it is.
    pub(super) fn create(dir: &Path, attempt: u64) -> io::Result<Self> {
        Self::with_room(dir, attempt, CAP)
    }

    fn with_room(dir: &Path, attempt: u64, room: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // Making it new follows no link either.
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(dir.join(format!("{attempt}.log")))?;
        Ok(Self {
            file: Some(File::from_std(file)),
            room,
        })
    }

    /// A log that keeps nothing.
    pub(super) fn nowhere() -> Self {
        Self {
            file: None,
            room: 0,
        }
    }

    /// Keeps what fits, and says where it ends if it doesn't. After an error nothing more is kept.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let fitting = usize::try_from(self.room).map_or(bytes.len(), |room| room.min(bytes.len()));
        self.room -= fitting as u64;
        let mut written = file.write_all(&bytes[..fitting]).await;
        if written.is_ok() && fitting < bytes.len() {
            let end = b"\n[tminus: what it printed beyond this is not kept]\n";
            written = file.write_all(end).await;
            self.close().await?;
        }
        if written.is_err() {
            self.file = None;
        }
        written
    }

    /// Returns once everything is with the kernel.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        match self.file.take() {
            Some(mut file) => file.flush().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_full_log_keeps_the_head_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::with_room(folder.path(), 1, 10).unwrap();
        for bytes in [b"1234567", b"89abcde", b"fghijkl"] {
            log.write(bytes).await.unwrap();
        }
        log.close().await.unwrap();
        let kept = std::fs::read_to_string(folder.path().join("1.log")).unwrap();
        assert_eq!(
            kept,
            "123456789a\n[tminus: what it printed beyond this is not kept]\n"
        );
    }

    #[tokio::test]
    async fn a_log_is_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("out");
        Log::create(&dir, 1).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join("1.log"))), (0o700, 0o600));
        let again = Log::create(&dir, 1).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}
