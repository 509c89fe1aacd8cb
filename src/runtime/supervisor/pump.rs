//! Reads what a command prints, for as long as anyone prints.
//!
//! It goes on after the command's end if something that the command started still prints: to close the pipe would
//! kill that. Whatever is read passes the redactor first, so that no secret gets to a disk. And it waits for nobody but the kernel, so a screen that stands still can't hold a command up.

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::sync::oneshot;

use super::log::Log;
use crate::runtime::redaction::Redactor;

/// As much as a pipe holds on Linux.
const CHUNK: usize = 64 << 10;

/// A pump at work.
pub(super) struct Pumping {
    /// Answers when everything that was printed is kept, and nobody prints any more.
    pub(super) drained: oneshot::Receiver<()>,
    /// Answers when the log is in its final form.
    pub(super) finished: oneshot::Receiver<()>,
    /// Why not everything is kept, if so.
    pub(super) trouble: Arc<OnceLock<String>>,
}

/// Starts a thread that pumps: reading blocks, and what a disk takes its time for must not delay a signal.
pub(super) fn start(
    source: impl Read + Send + 'static,
    redactor: Redactor,
    log: io::Result<Log>,
) -> Pumping {
    let (tell_drained, drained) = oneshot::channel();
    let (tell_finished, finished) = oneshot::channel();
    let trouble = Arc::new(OnceLock::new());
    let mut keeper = Keeper {
        redactor,
        log: None,
        trouble: Arc::clone(&trouble),
    };
    keeper.log = keeper.noting(log);
    thread::spawn(move || {
        keeper.keep_all(source);
        // Errors say that nobody waits for it.
        let _ = tell_drained.send(());
        keeper.finish();
        let _ = tell_finished.send(());
    });
    Pumping {
        drained,
        finished,
        trouble,
    }
}

struct Keeper {
    redactor: Redactor,
    log: Option<Log>,
    trouble: Arc<OnceLock<String>>,
}

impl Keeper {
    fn keep_all(&mut self, mut source: impl Read) {
        let mut chunk = vec![0; CHUNK];
        let mut clean = Vec::with_capacity(CHUNK);
        loop {
            match source.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // A terminal whose last user has gone answers with an error.
                Ok(0) | Err(_) => break,
                Ok(length) => {
                    self.redactor.feed(&chunk[..length], &mut clean);
                    self.keep(&mut clean);
                }
            }
        }
        self.redactor.finish(&mut clean);
        self.keep(&mut clean);
    }

    fn finish(mut self) {
        if let Some(log) = self.log.take() {
            self.noting(log.finish());
        }
    }

    fn keep(&mut self, clean: &mut Vec<u8>) {
        if let Some(mut log) = self.log.take() {
            let kept = log.write(clean);
            self.noting(kept);
            self.log = Some(log);
        }
        clean.clear();
    }

    fn noting<T>(&self, result: io::Result<T>) -> Option<T> {
        result
            .map_err(|error| self.trouble.set(error.to_string()))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn p9_no_secret_gets_to_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(folder.path());
        let printed = io::Read::chain(&b"the hun"[..], &b"ter2 and the hun"[..]);
        let pumping = start(printed, Redactor::new(["hunter2"]), log);
        pumping.finished.await.unwrap();
        let kept = std::fs::read_to_string(folder.path().join("output.log")).unwrap();
        assert_eq!(kept, "the *** and the hun");
    }

    #[tokio::test]
    async fn without_a_log_everything_is_read_all_the_same() {
        let log = Err(io::Error::other("no disk"));
        let mut pumping = start(&b"printed"[..], Redactor::new([]), log);
        (&mut pumping.drained).await.unwrap();
        assert_eq!(pumping.trouble.get().unwrap(), "no disk");
    }
}
