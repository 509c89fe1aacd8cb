//! Opening files that people name or leave lying about.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file to be read; a directory opens too, and says so when it is read.
///
/// # Errors
/// When it can't be opened, or isn't a file: a pipe that nobody writes to would keep us waiting, and a device may have
/// no end.
pub fn open(path: &Path) -> io::Result<File> {
    let waiting_for_nobody = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options()
        .read(true)
        .custom_flags(waiting_for_nobody)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_dir() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is a pipe or a device, not a file",
    ))
}
