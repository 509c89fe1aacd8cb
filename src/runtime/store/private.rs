//! Files and directories that belong to the operator alone.
//!
//! Whoever can place a link or a file where a run is kept can choose what tminus overwrites or executes. So every
//! path is looked at without following links, has to be ours, and is made with its final mode at once: a later
//! `chmod` would leave a moment in which others can look.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{StoreError, failed};

const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes the state directory, and what leads there, when it is missing. One that exists keeps its mode, because the
/// operator may have pointed us at a directory with other uses; but others must not be able to write there.
pub(in crate::runtime) fn ensure_state_dir(path: &Path) -> Result<(), StoreError> {
    make_with_parents(path)?;
    check_dir(path)
}

fn make_with_parents(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_with_parents(parent)?;
    }
    make_dir(path)
}

/// Makes a directory of ours, or makes sure that it is one and that nobody else can enter.
pub(in crate::runtime) fn ensure_dir(path: &Path) -> Result<(), StoreError> {
    make_dir(path)?;
    check_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(DIR_MODE)).map_err(failed("protect", path))
}

/// Makes a directory unless it is there; a new one survives a power cut.
fn make_dir(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(DIR_MODE).create(path) {
        Ok(()) => sync_dir(parent_of(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed("create", path)(error)),
    }
}

/// Where a path's name stands. The standard library answers with nothing for a plain relative name.
pub(in crate::runtime) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes sure that a directory is real, ours, and not writable by others.
pub(in crate::runtime) fn check_dir(path: &Path) -> Result<(), StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(failed("look at", path))?;
    check_owner(path, &metadata)?;
    if !metadata.is_dir() {
        return Err(refused(
            path,
            "it is not a directory; move it away".to_owned(),
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(refused(
            path,
            format!(
                "others can write to it; run `chmod go-w {}`",
                path.display()
            ),
        ));
    }
    Ok(())
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    if metadata.is_symlink() {
        return Err(refused(
            path,
            "it is a symbolic link; put the real thing in its place".to_owned(),
        ));
    }
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        return Err(refused(
            path,
            format!(
                "it belongs to user {}, and you are user {us}; use a state directory of your own",
                metadata.uid()
            ),
        ));
    }
    Ok(())
}

fn refused(path: &Path, problem: String) -> StoreError {
    StoreError::Refused {
        path: path.to_owned(),
        problem,
    }
}

/// Options that never follow a link, and give new files their final mode.
pub(in crate::runtime) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .mode(FILE_MODE)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// Opens an existing file after making sure that it is real and ours.
pub(in crate::runtime) fn open_file(
    path: &Path,
    options: &OpenOptions,
) -> Result<File, StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(failed("open", path))?;
    check_owner(path, &metadata)?;
    if !metadata.is_file() {
        return Err(refused(
            path,
            "it is not a plain file; move it away".to_owned(),
        ));
    }
    options.open(path).map_err(failed("open", path))
}

/// Reads a file that is real and ours.
pub(in crate::runtime) fn read_file(path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    open_file(path, options().read(true))?
        .read_to_end(&mut bytes)
        .map_err(failed("read", path))?;
    Ok(bytes)
}

/// Makes a file that didn't exist, with its content on disk when this returns (its name needs [`sync_dir`]).
pub(in crate::runtime) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = options()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed("create", path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed("write", path))
}

/// Keeps bytes in the first free of `STEM-1`, `STEM-2` …, durably.
pub(in crate::runtime) fn write_aside(
    dir: &Path,
    stem: &str,
    bytes: &[u8],
) -> Result<PathBuf, StoreError> {
    let mut number = 1_u32;
    loop {
        let path = dir.join(format!("{stem}-{number}"));
        match write_new(&path, bytes) {
            Ok(()) => {
                sync_dir(dir)?;
                return Ok(path);
            }
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                number += 1
            }
            Err(error) => return Err(error),
        }
    }
}

/// Removes what an interrupted attempt left.
pub(in crate::runtime) fn remove_stale(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes the names in a directory durable.
pub(in crate::runtime) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(failed("sync", path))
}
