//! Files that a command leaves behind for people, none of which may cost them one they had.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::failure::{Exit, Failure};

/// Whether a file that is there may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is written.
    Stays,
    /// It is replaced.
    Replaced,
}

impl Existing {
    /// What `--force` means.
    pub fn forced(force: bool) -> Self {
        if force { Self::Replaced } else { Self::Stays }
    }
}

/// Writes a file; `hint` says what else there is to do when one is there already.
///
/// # Errors
/// When it is there and has to stay, or can't be written.
pub fn write(path: &Path, text: &str, existing: Existing, hint: &str) -> Result<(), Failure> {
    let written = match existing {
        // One step, so that no file can come to be between looking and writing.
        Existing::Stays => {
            File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()))
        }
        Existing::Replaced => fs::write(path, text),
    };
    written.map_err(|error| {
        let what = format!("failed to write {}", path.display());
        let (exit, hint) = match error.kind() {
            io::ErrorKind::AlreadyExists => (Exit::Usage, hint),
            io::ErrorKind::NotFound => (Exit::Usage, "make its folder first"),
            io::ErrorKind::IsADirectory => (Exit::Usage, "name a file in it"),
            io::ErrorKind::PermissionDenied => (Exit::Usage, "write it where you may"),
            _ => (Exit::Failure, "check the path and the disk"),
        };
        Failure::new(exit, what).because(error).hint(hint)
    })
}
