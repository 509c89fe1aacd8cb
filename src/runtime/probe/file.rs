//! `file` checks: size, mode, age and content of a file on this machine.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::OFlags;

use super::blind;
use crate::check::{Blind, Facts, FileFacts, Reason};

/// More of a file than this is not read; 1 MiB.
const CONTENT_CAP: u64 = 1 << 20;

/// Looks at the file on a thread where a slow disk holds up nobody else.
pub(super) async fn look(path: PathBuf) -> Result<Facts, Blind> {
    tokio::task::spawn_blocking(move || read(&path))
        .await
        .unwrap_or_else(|error| {
            Err(blind(
                Reason::NoData,
                format!("failed to read the file: {error}"),
            ))
        })
}

fn read(path: &Path) -> Result<Facts, Blind> {
    match std::fs::metadata(path).and_then(|metadata| open_regular(path, &metadata)) {
        Ok(Some(mut file)) => facts(&mut file)
            .map(|facts| Facts::File(Some(facts)))
            .map_err(|error| blame(&error)),
        Ok(None) => Err(blind(
            Reason::Unsupported,
            "it exists, but is not a regular file",
        )),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Facts::File(None))
        }
        Err(error) => Err(blame(&error)),
    }
}

/// Opens the file unless it is a directory, FIFO, socket or device.
///
/// The kind is asked before opening, because opening some devices has effects, and again on what was opened,
/// because the name may have changed hands in between; `NONBLOCK` covers a FIFO that came in that moment.
fn open_regular(path: &Path, metadata: &Metadata) -> io::Result<Option<File>> {
    if !metadata.is_file() {
        return Ok(None);
    }
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

fn facts(file: &mut File) -> io::Result<FileFacts> {
    let metadata = file.metadata()?;
    let mut content = Vec::new();
    file.take(CONTENT_CAP).read_to_end(&mut content)?;
    // A time in the future, from a machine whose clock is ahead, counts as just now.
    let age = SystemTime::now()
        .duration_since(metadata.modified()?)
        .unwrap_or_default();
    Ok(FileFacts {
        size: metadata.len(),
        mode: metadata.mode() & 0o7777,
        age,
        content,
    })
}

fn blame(error: &io::Error) -> Blind {
    let reason = if error.kind() == ErrorKind::PermissionDenied {
        Reason::Auth
    } else {
        Reason::NoData
    };
    blind(reason, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_file_is_its_size_mode_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "secret").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let Ok(Facts::File(Some(seen))) = look(path).await else {
            panic!("the file exists")
        };
        assert_eq!(
            (seen.size, seen.mode, seen.content.as_slice()),
            (6, 0o600, b"secret".as_slice())
        );
    }

    #[tokio::test]
    async fn a_missing_file_is_a_fact_even_below_another_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plain"), "").unwrap();
        for name in ["nothing", "plain/below"] {
            assert_eq!(
                look(folder.path().join(name)).await,
                Ok(Facts::File(None)),
                "{name}"
            );
        }
    }

    #[tokio::test]
    async fn only_the_head_of_a_long_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let Ok(Facts::File(Some(seen))) = look(path).await else {
            panic!("the file exists")
        };
        assert_eq!(
            (seen.size, seen.content.len() as u64),
            (1 << 40, CONTENT_CAP)
        );
    }

    #[tokio::test]
    async fn a_fifo_without_a_writer_and_a_device_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap();
        assert!(made.success());
        for path in [fifo, PathBuf::from("/dev/zero"), folder.path().to_owned()] {
            let seen = look(path.clone()).await.map_err(|blind| blind.reason);
            assert_eq!(seen, Err(Reason::Unsupported), "{}", path.display());
        }
    }
}
