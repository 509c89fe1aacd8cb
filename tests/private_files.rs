//! Nobody else may read a run, not even where new files are open to everybody.
//!
//! The file mode mask belongs to the whole process, so this is alone in a test program.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::Mode as FileMode;
use tminus::journal::{Event, Mode};
use tminus::runtime::store::{Store, fingerprint};

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

    // State, tminus, runs, the run, its journal, runbook, lock, output and the torn tail.
    assert_eq!(assert_private(&state).unwrap(), 9);
}
