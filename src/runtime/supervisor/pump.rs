//! Reads what a command prints, for as long as anyone prints.
//!
//! It goes on after the command's end if something that the command started still prints: to close the pipe would
//! kill that. And it waits for nobody but the kernel, so a screen that stands still can't hold a command up.

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::sync::oneshot;

use super::log::Log;
use crate::runtime::redaction::Redactor;

/// As much as a pipe holds on Linux.
const CHUNK: usize = 64 << 10;

/// What every byte passes before it gets anywhere.
///
/// It may hold back what could become something to be masked, and has to give it out at the end.
pub(in crate::runtime) trait Filter: Send {
    /// Takes in bytes, and appends to `clean` what may be kept.
    fn feed(&mut self, bytes: &[u8], clean: &mut Vec<u8>);

    /// There is no more: appends what was held back.
    fn finish(&mut self, clean: &mut Vec<u8>);
}

impl Filter for Redactor {
    fn feed(&mut self, bytes: &[u8], clean: &mut Vec<u8>) {
        Self::feed(self, bytes, clean);
    }

    fn finish(&mut self, clean: &mut Vec<u8>) {
        Self::finish(self, clean);
    }
}

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
    filter: Box<dyn Filter>,
    log: io::Result<Log>,
) -> Pumping {
    let (tell_drained, drained) = oneshot::channel();
    let (tell_finished, finished) = oneshot::channel();
    let trouble = Arc::new(OnceLock::new());
    let mut keeper = Keeper {
        filter,
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
    filter: Box<dyn Filter>,
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
                    self.filter.feed(&chunk[..length], &mut clean);
                    self.keep(&mut clean);
                }
            }
        }
        self.filter.finish(&mut clean);
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

    /// Holds back one byte, and turns `s` into `*`.
    #[derive(Default)]
    struct Late(Option<u8>);

    impl Filter for Late {
        fn feed(&mut self, bytes: &[u8], clean: &mut Vec<u8>) {
            for &byte in bytes {
                let byte = if byte == b's' { b'*' } else { byte };
                clean.extend(self.0.replace(byte));
            }
        }

        fn finish(&mut self, clean: &mut Vec<u8>) {
            clean.extend(self.0.take());
        }
    }

    #[tokio::test]
    async fn every_byte_passes_the_filter() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(folder.path());
        let pumping = start(&b"a secret"[..], Box::new(Late::default()), log);
        pumping.finished.await.unwrap();
        let kept = std::fs::read(folder.path().join("output.log")).unwrap();
        assert_eq!(kept, b"a *ecret");
    }

    #[tokio::test]
    async fn without_a_log_everything_is_read_all_the_same() {
        let log = Err(io::Error::other("no disk"));
        let mut pumping = start(&b"printed"[..], Box::new(Redactor::new([])), log);
        (&mut pumping.drained).await.unwrap();
        assert_eq!(pumping.trouble.get().unwrap(), "no disk");
    }
}
