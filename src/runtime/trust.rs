//! Trust on first use: a runbook that somebody else may have written runs nothing before a person has seen it.
//!
//! Trust is given to a path together with the bytes that lie there. The bytes alone would carry it to a copy whose
//! scripts, beside it, are other ones; the path alone to whatever is put there later. What was trusted is kept, so that
//! a change can be shown as a difference.
//!
//! ```text
//! STATE/trust/<SHA-256 of the path>   a line `tminus-trust 1 <hash> <path as JSON>`, then the bytes
//! ```
//!
//! It lies in the operator's state directory alone: no runbook and no project's settings can give trust.

pub mod disclosure;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::store::private::{
    check_dir, ensure_dir, ensure_state_dir, read_file, remove_stale, sync_dir, write_new,
};
use super::store::{StoreError, fingerprint};

pub use disclosure::Disclosure;

/// What a trust file begins with; the number is the version of its form.
const MAGIC: &str = "tminus-trust 1";

/// What is known of a runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// These bytes at this path were trusted.
    Trusted,
    /// Nothing at this path was ever trusted.
    New,
    /// Something else at this path was.
    Changed {
        /// The bytes that were.
        trusted: Vec<u8>,
    },
}

/// The runbooks that an operator trusts.
#[derive(Clone, Debug)]
pub struct TrustStore {
    state_dir: PathBuf,
}

impl TrustStore {
    /// In this state directory. Nothing is touched yet.
    pub fn new(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
        }
    }

    /// How the runbook with these bytes at this canonical path stands.
    ///
    /// # Errors
    /// When the file that tells can't be read, or isn't the operator's own.
    pub fn standing(&self, path: &str, bytes: &[u8]) -> Result<Standing, StoreError> {
        let kept = match read_file(&self.file_of(path)) {
            Ok(kept) => kept,
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Standing::New);
            }
            Err(error) => return Err(error),
        };
        // Who can write there could put away what was trusted, or bring back what isn't any more.
        check_dir(&self.dir())?;
        Ok(match trusted_bytes(&kept, path) {
            Some(trusted) if trusted == bytes => Standing::Trusted,
            Some(trusted) => Standing::Changed {
                trusted: trusted.to_vec(),
            },
            // A damaged file proves nothing, so it is as if there were none.
            None => Standing::New,
        })
    }

    /// Trusts these bytes at this canonical path, instead of whatever was trusted there before.
    ///
    /// # Errors
    /// When that can't be kept.
    pub fn trust(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        ensure_state_dir(&self.state_dir)?;
        let dir = self.dir();
        ensure_dir(&dir)?;
        let file = self.file_of(path);
        let draft = file.with_extension(format!("new-{}", std::process::id()));
        let kept = [header(path, bytes).as_bytes(), bytes].concat();
        remove_stale(&draft)?;
        let written = write_new(&draft, &kept).and_then(|()| {
            fs::rename(&draft, &file).map_err(|source| StoreError::Io {
                action: "write",
                path: file,
                source,
            })
        });
        if written.is_err() {
            // What is left of it is nobody's trust; the error says what has to be done.
            let _ = fs::remove_file(&draft);
        }
        written.and_then(|()| sync_dir(&dir))
    }

    fn dir(&self) -> PathBuf {
        self.state_dir.join("trust")
    }

    fn file_of(&self, path: &str) -> PathBuf {
        self.dir().join(fingerprint(path.as_bytes()))
    }
}

/// SHA-256 over path and bytes, in hexadecimal. The path's length keeps one from being taken for a part of the other.
pub fn trust_hash(path: &str, bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update((path.len() as u64).to_be_bytes());
    hash.update(path);
    hash.update(bytes);
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header(path: &str, bytes: &[u8]) -> String {
    let hash = trust_hash(path, bytes);
    format!("{MAGIC} {hash} {}\n", serde_json::Value::from(path))
}

/// The bytes of a trust file that is whole and about this path.
fn trusted_bytes<'k>(kept: &'k [u8], path: &str) -> Option<&'k [u8]> {
    let end = kept.iter().position(|byte| *byte == b'\n')? + 1;
    let (head, bytes) = kept.split_at(end);
    (head == header(path, bytes).as_bytes()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const PATH: &str = "/srv/kestrel.toml";

    fn store() -> (tempfile::TempDir, TrustStore) {
        let home = tempfile::tempdir().unwrap();
        let store = TrustStore::new(&home.path().join("state"));
        (home, store)
    }

    #[test]
    fn trust_holds_for_these_bytes_at_this_path_only() {
        let (_home, store) = store();
        assert_eq!(store.standing(PATH, b"one").unwrap(), Standing::New);
        store.trust(PATH, b"one").unwrap();
        assert_eq!(store.standing(PATH, b"one").unwrap(), Standing::Trusted);
        assert_eq!(
            store.standing("/tmp/kestrel.toml", b"one").unwrap(),
            Standing::New
        );
        let trusted = b"one".to_vec();
        assert_eq!(
            store.standing(PATH, b"two").unwrap(),
            Standing::Changed { trusted }
        );
    }

    #[test]
    fn the_latest_trust_replaces_the_one_before() {
        let (_home, store) = store();
        store.trust(PATH, b"one").unwrap();
        store.trust(PATH, b"two").unwrap();
        assert_eq!(store.standing(PATH, b"two").unwrap(), Standing::Trusted);
        let trusted = b"two".to_vec();
        assert_eq!(
            store.standing(PATH, b"one").unwrap(),
            Standing::Changed { trusted }
        );
        assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 1);
    }

    #[test]
    fn the_hash_tells_path_from_bytes() {
        assert_ne!(trust_hash("/a", b"b/c"), trust_hash("/ab", b"/c"));
        assert_eq!(trust_hash(PATH, b"one").len(), 64);
    }

    #[test]
    fn a_changed_trust_file_is_no_trust() {
        let (_home, store) = store();
        store.trust(PATH, b"one").unwrap();
        let file = store.file_of(PATH);
        let mut kept = fs::read(&file).unwrap();
        let last = kept.len() - 1;
        kept[last] ^= 1;
        fs::write(&file, &kept).unwrap();
        for bytes in [b"one", b"ond"] {
            assert_eq!(store.standing(PATH, bytes).unwrap(), Standing::New);
        }
    }

    #[test]
    fn a_link_in_place_of_a_trust_file_is_refused() {
        let (home, store) = store();
        store.trust(PATH, b"one").unwrap();
        let (file, elsewhere) = (store.file_of(PATH), home.path().join("elsewhere"));
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert!(store.standing(PATH, b"one").is_err());
    }

    #[test]
    fn nobody_else_can_read_or_give_trust() {
        let (_home, store) = store();
        store.trust(PATH, b"one").unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(store.dir()), mode(store.file_of(PATH))),
            (0o700, 0o600)
        );
    }
}
