//! One writer per run.
//!
//! The lock is the kernel's (`flock`) on a file of its own, so it ends with the process that holds it however that
//! process ends. The file is never deleted: whoever deletes a locked file lets a third process lock a new one. Its
//! text says who holds it, for people only.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::{StoreError, failed, private};

const LOCK_FILE: &str = "lock";

/// Looking whether a lock is held takes it for an instant (there is no way to ask), so a writer who meets one tries
/// again before it believes that the run is held.
const TRIES: u32 = 6;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// This process as others see it: `PID@HOST`.
pub fn this_process() -> String {
    let system = rustix::system::uname();
    format!(
        "{}@{}",
        std::process::id(),
        system.nodename().to_string_lossy()
    )
}

/// The right to write to a run, until it is dropped.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the run in `dir`.
    pub(super) fn take(dir: &Path, run: &str) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let mut options = private::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = match path.symlink_metadata() {
            Ok(_) => private::open_file(&path, &options)?,
            Err(_) => options.open(&path).map_err(failed("create", &path))?,
        };
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
                Err(TryLockError::WouldBlock) if attempt < TRIES => thread::sleep(BETWEEN_TRIES),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Held {
                        run: run.to_owned(),
                        by: holder(&mut file),
                    });
                }
            }
        }
        sign(&mut file).map_err(failed("write", &path))?;
        Ok(Self { _file: file })
    }
}

/// Who holds the lock of the run in `dir`, if anybody does.
pub(super) fn held_by(dir: &Path) -> Option<String> {
    let mut file = private::open_file(&dir.join(LOCK_FILE), private::options().read(true)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        _ => None,
    }
}

/// What the holder wrote, made safe to show.
fn holder(file: &mut File) -> String {
    let mut text = Vec::new();
    let _ = file.take(256).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let words: String = text
        .trim()
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    if words.is_empty() {
        "another process".to_owned()
    } else {
        words
    }
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", this_process())
}
