//! Nobody else may read a run, not even where new files are open to everybody.
//!
//! The file mode mask belongs to the whole process, so these are alone in a test program.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::Mode as FileMode;
use tminus::journal::{Event, Mode};
use tminus::runtime::store::{Store, StoreError, fingerprint};
use tminus::runtime::trust::{Standing, TrustStore};

const RUNBOOK: &[u8] = b"title = \"Kestrel\"\n";

fn opening() -> Event {
    Event::RunOpened {
        format: 1,
        run: "kestrel".to_owned(),
        runbook: "kestrel".to_owned(),
        runbook_hash: fingerprint(RUNBOOK),
        title: "Kestrel".to_owned(),
        mode: Mode::Drill,
        target: "staging".to_owned(),
        t0: Timestamp::UNIX_EPOCH,
        variables: BTreeMap::new(),
        roles: BTreeMap::new(),
        host: String::new(),
    }
}

/// Fails when anything in `dir` is open to others; answers how many paths there were.
fn assert_private(dir: &Path) -> io::Result<usize> {
    assert_mode(dir, 0o700)?;
    let mut count = 1;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            count += assert_private(&path)?;
        } else {
            assert_mode(&path, 0o600)?;
            count += 1;
        }
    }
    Ok(count)
}

fn assert_mode(path: &Path, mode: u32) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?.permissions().mode() & 0o7777;
    assert_eq!(found, mode, "{}", path.display());
    Ok(())
}

#[test]
fn runs_are_private_whatever_the_mask_says() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    rustix::process::umask(FileMode::empty());
    let store = Store::new(state.join("tminus"));
    let (journal, _) = store
        .create("kestrel", RUNBOOK, Timestamp::UNIX_EPOCH, "ana", opening())
        .unwrap();
    drop(journal);
    let journal = store.run_dir("kestrel").unwrap().join("journal.jsonl");
    let mut bytes = fs::read(&journal).unwrap();
    bytes.extend_from_slice(b"1 2 torn");
    fs::write(&journal, bytes).unwrap();
    store.open("kestrel").unwrap();
    let trust = TrustStore::new(&state.join("tminus"));
    trust.trust("/srv/kestrel.toml", RUNBOOK).unwrap();

    // State, tminus, runs, the run, its journal, runbook, lock, output and the torn tail; trust and who has it.
    assert_eq!(assert_private(&state).unwrap(), 11);
}

/// A directory that is ours alone, whatever the mask is just now.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a scratch directory");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).expect("its mode is set");
    home
}

/// Whom files are given to: nobody's number on every Linux.
const SOMEBODY: u32 = 65_534;

fn is_refused<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Refused { .. }))
}

/// Only root can give files away, so elsewhere there is nothing to see.
#[test]
fn what_belongs_to_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: nothing can be given to somebody else");
        return;
    }
    let home = home();
    let store = Store::new(home.path().to_owned());
    let created = store.create("kestrel", RUNBOOK, Timestamp::UNIX_EPOCH, "ana", opening());
    drop(created.unwrap());
    let trust = TrustStore::new(home.path());
    trust.trust("/srv/kestrel.toml", RUNBOOK).unwrap();
    let run = store.run_dir("kestrel").unwrap();
    for path in [
        run.join("journal.jsonl"),
        run.join("runbook.toml"),
        run.join("lock"),
        run.clone(),
    ] {
        chown(&path, Some(SOMEBODY), None).unwrap();
        assert!(is_refused(store.open("kestrel")), "{}", path.display());
        chown(&path, Some(0), None).unwrap();
    }
    store.open("kestrel").unwrap();

    let dir = home.path().join("trust");
    let file = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    for path in [dir, file] {
        chown(&path, Some(SOMEBODY), None).unwrap();
        let standing = trust.standing("/srv/kestrel.toml", RUNBOOK);
        assert!(is_refused(standing), "{}", path.display());
        chown(&path, Some(0), None).unwrap();
    }
    let standing = trust.standing("/srv/kestrel.toml", RUNBOOK).unwrap();
    assert_eq!(standing, Standing::Trusted);
}

/// Whoever can write where trust is kept could give it.
#[test]
fn trust_that_others_can_write_is_refused() {
    let home = home();
    let trust = TrustStore::new(home.path());
    trust.trust("/srv/kestrel.toml", RUNBOOK).unwrap();
    let dir = home.path().join("trust");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(is_refused(trust.standing("/srv/kestrel.toml", RUNBOOK)));
}
