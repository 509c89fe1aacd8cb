//! Runs on a real disk: created, crashed, damaged, fought over.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::journal::codec::Fault;
use crate::journal::codec::tests::{note, opening};

const RUN: &str = "kestrel-0605-1520";
const RUNBOOK: &[u8] = b"title = \"Kestrel\"\n";

/// A store of its own, gone after the test.
struct Scene {
    store: Store,
    home: TempDir,
}

impl Scene {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::new(home.path().join("state/tminus"));
        Self { store, home }
    }

    fn create(&self, run: &str) -> (Journal, Entry) {
        let opened = opening(&fingerprint(RUNBOOK));
        self.store
            .create(run, RUNBOOK, at(0), "ana", opened)
            .unwrap()
    }

    /// A run with its opening and three notes, left by its writer.
    fn left_run(&self) -> Vec<Entry> {
        let (mut journal, first) = self.create(RUN);
        let notes = ["one", "two", "three"].into_iter().zip(1..);
        let notes =
            notes.map(|(text, minute)| journal.append(at(minute), "ana", note(text)).unwrap());
        [first].into_iter().chain(notes).collect()
    }

    fn path(&self) -> PathBuf {
        read::journal_path(&self.store.run_dir(RUN).unwrap())
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// Somebody or something else changes the journal.
    fn meddle(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.bytes();
        change(&mut bytes);
        fs::write(self.path(), bytes).unwrap();
    }

    /// Changes one letter of the line (from 0) that holds `text`.
    fn damage(&self, text: &str) {
        self.meddle(|bytes| {
            let start = memchr::memmem::find(bytes, text.as_bytes()).unwrap();
            bytes[start] ^= 1;
        });
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store.run_dir(RUN).unwrap()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_780_672_800 + 60 * minute).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_run_is_read_back_as_it_was_written() {
    let scene = Scene::new();
    let mut entries = scene.left_run();
    let mut opened = scene.store.open(RUN).unwrap();
    assert_eq!(opened.entries, entries);
    assert_eq!(opened.runbook, RUNBOOK);
    assert_eq!(opened.notices, Vec::<String>::new());
    entries.push(opened.journal.append(at(9), "ben", note("later")).unwrap());
    let reading = scene.store.read(RUN).unwrap();
    assert_eq!(reading.entries, entries);
    assert_eq!(reading.ending, Ending::Clean);
}

#[test]
fn a_new_run_is_private_and_whole() {
    let scene = Scene::new();
    let (journal, first) = scene.create(RUN);
    assert_eq!(first.seq, 1);
    assert_eq!(
        scene.files(),
        ["attempts", "journal.jsonl", "lock", "runbook.toml"]
    );
    for dir in [
        &scene.store.state_dir,
        &scene.store.runs_dir(),
        journal.dir(),
        &journal.dir().join("attempts"),
    ] {
        assert_eq!(mode(dir), 0o700, "{dir:?}");
    }
    for file in ["journal.jsonl", "lock", "runbook.toml"] {
        assert_eq!(mode(&journal.dir().join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_run_is_created_once() {
    let scene = Scene::new();
    scene.left_run();
    let before = scene.bytes();
    let again = scene
        .store
        .create(RUN, b"other", at(5), "ben", note("mine"));
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    assert_eq!(scene.bytes(), before);
}

#[test]
fn a_creation_that_fails_leaves_nothing() {
    let scene = Scene::new();
    let endless = Event::BaselineCaptured {
        metric: "latency".to_owned(),
        median: f64::NAN,
        low: 0.0,
        high: 0.0,
    };
    let result = scene.store.create(RUN, RUNBOOK, at(0), "ana", endless);
    assert!(matches!(result, Err(StoreError::Encode(_))));
    assert_eq!(fs::read_dir(scene.store.runs_dir()).unwrap().count(), 0);
}

#[test]
fn one_process_at_a_time_writes() {
    let scene = Scene::new();
    let (journal, _) = scene.create(RUN);
    match scene.store.open(RUN) {
        Err(StoreError::Held { by, .. }) => assert_eq!(by, this_process()),
        other => panic!("not held: {other:?}"),
    }
    assert!(matches!(
        scene.store.recover(RUN),
        Err(StoreError::Held { .. })
    ));
    assert_eq!(
        scene.store.read(RUN).unwrap().entries.len(),
        1,
        "readers don't mind"
    );
    assert_eq!(scene.store.list().unwrap()[0].held_by, Some(this_process()));
    drop(journal);
    assert!(scene.store.open(RUN).is_ok());
    assert_eq!(scene.store.list().unwrap()[0].held_by, None);
}

#[test]
fn a_torn_tail_is_kept_aside_and_said() {
    let scene = Scene::new();
    let entries = scene.left_run();
    let good = scene.bytes();
    scene.meddle(|bytes| bytes.extend_from_slice(b"1 5 0ab3\0\0"));
    let torn = scene.bytes();

    let reading = scene.store.read(RUN).unwrap();
    assert_eq!(
        (reading.entries.len(), scene.bytes()),
        (4, torn),
        "reading changes nothing"
    );

    let mut opened = scene.store.open(RUN).unwrap();
    assert_eq!(opened.entries, entries);
    assert_eq!(scene.bytes(), good);
    assert_eq!(opened.notices.len(), 1);
    let aside = scene.store.run_dir(RUN).unwrap().join("journal.torn-1");
    assert!(opened.notices[0].contains(aside.to_str().unwrap()));
    assert_eq!(fs::read(&aside).unwrap(), b"1 5 0ab3\0\0");
    assert_eq!(
        opened.journal.append(at(9), "ana", note("on")).unwrap().seq,
        5
    );
}

#[test]
fn an_entry_without_its_newline_is_kept() {
    let scene = Scene::new();
    let entries = scene.left_run();
    let good = scene.bytes();
    scene.meddle(|bytes| bytes.truncate(bytes.len() - 1));
    let mut opened = scene.store.open(RUN).unwrap();
    assert_eq!((opened.entries, opened.notices.len()), (entries, 1));
    assert_eq!(scene.bytes(), good);
    assert_eq!(
        opened.journal.append(at(9), "ana", note("on")).unwrap().seq,
        5
    );
}

#[test]
fn a_wrong_last_line_waits_for_a_person() {
    let scene = Scene::new();
    let entries = scene.left_run();
    scene.damage("three");
    let damaged = scene.bytes();
    let error = scene.store.open(RUN).unwrap_err();
    assert!(matches!(error, StoreError::BadLastLine { .. }) && error.is_damage());
    assert_eq!(scene.bytes(), damaged);

    let recovered = scene.store.recover(RUN).unwrap();
    assert_eq!(recovered.entries, 3);
    assert_eq!(fs::read(recovered.aside.unwrap()).unwrap(), damaged);
    assert_eq!(scene.store.open(RUN).unwrap().entries, entries[..3]);
}

#[test]
fn damage_is_read_up_to_and_recovered_only_when_asked() {
    let scene = Scene::new();
    let entries = scene.left_run();
    scene.damage("two");
    let damaged = scene.bytes();
    match scene.store.open(RUN).unwrap_err() {
        StoreError::Damaged { damage, .. } => {
            assert_eq!((damage.line, damage.fault), (4, Fault::Hash))
        }
        other => panic!("not damaged: {other}"),
    }
    let reading = scene.store.read(RUN).unwrap();
    assert_eq!(reading.entries, entries[..2]);
    assert!(matches!(reading.ending, Ending::Damaged(_)));
    assert_eq!(scene.bytes(), damaged);

    let recovered = scene.store.recover(RUN).unwrap();
    assert_eq!(
        (recovered.entries, recovered.dropped),
        (2, damaged.len() - reading.valid_len)
    );
    assert_eq!(fs::read(recovered.aside.unwrap()).unwrap(), damaged);
    let mut opened = scene.store.open(RUN).unwrap();
    assert_eq!(opened.entries, entries[..2]);
    assert_eq!(
        opened.journal.append(at(9), "ana", note("on")).unwrap().seq,
        3
    );
}

#[test]
fn nothing_is_recovered_of_a_good_journal() {
    let scene = Scene::new();
    scene.left_run();
    let before = scene.bytes();
    let recovered = scene.store.recover(RUN).unwrap();
    assert_eq!(
        recovered,
        Recovered {
            entries: 4,
            dropped: 0,
            aside: None
        }
    );
    assert_eq!(scene.bytes(), before);
    assert_eq!(
        scene.files(),
        ["attempts", "journal.jsonl", "lock", "runbook.toml"]
    );
}

#[test]
fn a_journal_without_its_first_entry_is_lost_not_empty() {
    let scene = Scene::new();
    scene.left_run();
    for keep in [0, 20, 70, 150] {
        scene.meddle(|bytes| bytes.truncate(keep));
        for error in [
            scene.store.open(RUN).unwrap_err(),
            scene.store.recover(RUN).unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Lost { .. }) && error.is_damage());
        }
    }
}

#[test]
fn a_later_form_is_not_guessed_at() {
    let scene = Scene::new();
    scene.left_run();
    scene.meddle(|bytes| bytes["tminus-journal ".len()] = b'2');
    let error = scene.store.open(RUN).unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }) && !error.is_damage());
}

#[test]
fn a_changed_runbook_is_refused() {
    let scene = Scene::new();
    scene.left_run();
    let path = scene.store.run_dir(RUN).unwrap().join("runbook.toml");
    fs::write(path, "title = \"Falcon\"\n").unwrap();
    let error = scene.store.open(RUN).unwrap_err();
    assert!(matches!(error, StoreError::RunbookChanged { .. }) && error.is_damage());
    assert!(scene.store.read(RUN).unwrap().runbook().is_err());
}

#[test]
fn symbolic_links_are_refused() {
    let scene = Scene::new();
    scene.left_run();
    let dir = scene.store.run_dir(RUN).unwrap();
    symlink(&dir, scene.store.run_dir("link").unwrap()).unwrap();
    assert!(matches!(
        scene.store.open("link"),
        Err(StoreError::Refused { .. })
    ));
    assert!(matches!(
        scene.store.read("link"),
        Err(StoreError::Refused { .. })
    ));
    for file in ["journal.jsonl", "runbook.toml", "lock"] {
        let (path, real) = (dir.join(file), scene.home.path().join(file));
        fs::rename(&path, &real).unwrap();
        symlink(&real, &path).unwrap();
        assert!(
            matches!(scene.store.open(RUN), Err(StoreError::Refused { .. })),
            "{file}"
        );
        fs::rename(&real, &path).unwrap();
    }
    assert!(scene.store.open(RUN).is_ok());
}

#[test]
fn a_linked_state_directory_is_refused() {
    let scene = Scene::new();
    scene.left_run();
    let link = scene.home.path().join("link");
    symlink(&scene.store.state_dir, &link).unwrap();
    let store = Store::new(link);
    assert!(matches!(store.open(RUN), Err(StoreError::Refused { .. })));
    let created = store.create("other", RUNBOOK, at(0), "ana", note("first"));
    assert!(matches!(created, Err(StoreError::Refused { .. })));
}

#[test]
fn directories_that_others_can_write_to_are_refused() {
    let scene = Scene::new();
    scene.left_run();
    let runs = scene.store.runs_dir();
    fs::set_permissions(&runs, fs::Permissions::from_mode(0o770)).unwrap();
    let error = scene.store.open(RUN).unwrap_err();
    assert!(error.to_string().contains("chmod go-w"), "{error}");
}

#[test]
fn names_that_would_lead_elsewhere_are_refused() {
    let store = Scene::new().store;
    let long = "a".repeat(81);
    for run in [
        "", ".", "..", "../x", "a/b", "-rf", ".new-1", "a b", "ü", "a\n", &long,
    ] {
        assert!(
            matches!(store.read(run), Err(StoreError::BadName { .. })),
            "{run:?}"
        );
    }
    assert!(matches!(
        store.read("absent"),
        Err(StoreError::NoSuchRun { .. })
    ));
}

#[test]
fn a_replaced_or_changed_journal_is_noticed_before_writing() {
    let changes: [fn(&Path); 3] = [
        |path| {
            let bytes = fs::read(path).unwrap();
            fs::rename(path, path.with_extension("old")).unwrap();
            fs::write(path, bytes).unwrap();
        },
        |path| {
            OpenOptions::new()
                .append(true)
                .open(path)
                .unwrap()
                .write_all(b"1 2\n")
                .unwrap()
        },
        |path| fs::remove_file(path).unwrap(),
    ];
    for change in changes {
        let scene = Scene::new();
        let (mut journal, _) = scene.create(RUN);
        change(&scene.path());
        let before = fs::read(scene.path()).ok();
        assert!(matches!(
            journal.append(at(1), "ana", note("one")),
            Err(AppendError::Replaced)
        ));
        assert!(journal.is_poisoned());
        assert!(matches!(
            journal.append(at(2), "ana", note("two")),
            Err(AppendError::Poisoned)
        ));
        drop(journal);
        assert_eq!(fs::read(scene.path()).ok(), before);
    }
}

#[test]
fn a_run_can_be_written_elsewhere_and_goes_on_there() {
    let scene = Scene::new();
    let entries: Vec<Arc<Entry>> = scene.left_run().into_iter().map(Arc::new).collect();
    let opened = scene.store.open(RUN).unwrap();
    let elsewhere = Store::new(scene.home.path().join("other/state"));
    let write = |fill: fn(&Path) -> Result<(), StoreError>| {
        let header = opened.journal.header();
        write_elsewhere(
            &elsewhere.state_dir,
            header,
            &opened.runbook,
            &entries,
            fill,
        )
    };
    let refused = |path: &Path| {
        Err(StoreError::Refused {
            path: path.to_owned(),
            problem: "no".to_owned(),
        })
    };
    write(refused).unwrap_err();
    assert_eq!(
        fs::read_dir(elsewhere.runs_dir()).unwrap().count(),
        0,
        "all or nothing"
    );
    write(|_| Ok(())).unwrap();
    let copy = elsewhere.run_dir(RUN).unwrap().join("journal.jsonl");
    assert_eq!(fs::read(&copy).unwrap(), scene.bytes());
    assert_eq!(mode(&copy), 0o600);
    assert!(
        matches!(write(|_| Ok(())), Err(StoreError::Exists { .. })),
        "nothing is overwritten"
    );
    let mut again = elsewhere.open(RUN).unwrap();
    assert_eq!(again.entries.len(), entries.len());
    again.journal.append(at(9), "ana", note("here")).unwrap();
}

#[test]
fn a_follower_sees_whole_entries_as_they_come() {
    let scene = Scene::new();
    let (mut journal, _) = scene.create(RUN);
    let mut follower = scene.store.read(RUN).unwrap().follow().unwrap();
    assert_eq!(follower.poll().unwrap(), []);
    let one = journal.append(at(1), "ana", note("one")).unwrap();
    let two = journal.append(at(2), "ana", note("two")).unwrap();
    assert_eq!(follower.poll().unwrap(), [one, two]);
    let three = journal.append(at(3), "ana", note("three")).unwrap();
    let whole = scene.bytes();
    scene.meddle(|bytes| bytes.truncate(whole.len() - 10));
    assert_eq!(
        follower.poll().unwrap(),
        [],
        "a line that is being written waits"
    );
    scene.meddle(|bytes| *bytes = whole);
    assert_eq!(follower.poll().unwrap(), [three]);
}

#[test]
fn a_follower_says_when_the_file_is_no_longer_its_own() {
    let scene = Scene::new();
    scene.left_run();
    let mut follower = scene.store.read(RUN).unwrap().follow().unwrap();
    scene.meddle(|bytes| bytes.extend_from_slice(b"1 5 nonsense\n"));
    assert!(matches!(follower.poll(), Err(FollowError::Damaged(_))));
    scene.meddle(|bytes| bytes.truncate(100));
    assert!(matches!(follower.poll(), Err(FollowError::Replaced)));
    fs::remove_file(scene.path()).unwrap();
    assert!(matches!(follower.poll(), Err(FollowError::Replaced)));
}

#[test]
fn a_follower_passes_over_a_newline_that_came_late() {
    let scene = Scene::new();
    scene.left_run();
    scene.meddle(|bytes| bytes.truncate(bytes.len() - 1));
    let mut follower = scene.store.read(RUN).unwrap().follow().unwrap();
    let mut journal = scene.store.open(RUN).unwrap().journal;
    let next = journal.append(at(9), "ana", note("on")).unwrap();
    assert_eq!(follower.poll().unwrap(), [next]);
}

#[test]
fn the_list_shows_the_newest_first_and_survives_broken_runs() {
    let scene = Scene::new();
    assert_eq!(scene.store.list().unwrap(), []);
    for (run, minute) in [("older", 1), ("newer", 3), ("closed", 5)] {
        let opened = opening(&fingerprint(RUNBOOK));
        let (mut journal, _) = scene
            .store
            .create(run, RUNBOOK, at(minute), "ana", opened)
            .unwrap();
        if run == "closed" {
            let ending = crate::journal::Ending::Launched;
            let closed = Event::RunClosed {
                ending,
                reason: String::new(),
            };
            journal.append(at(9), "ana", closed).unwrap();
        } else {
            let long = "x".repeat(40_000);
            journal.append(at(9), "ana", note(&long)).unwrap();
        }
    }
    let runs = scene.store.runs_dir();
    fs::create_dir(runs.join("empty")).unwrap();
    fs::create_dir(runs.join(".new-1")).unwrap();
    fs::write(runs.join("stray"), "").unwrap();
    symlink("/", runs.join("link")).unwrap();

    let listed = scene.store.list().unwrap();
    let readable: Vec<&Listed> = listed.iter().filter(|listed| listed.ends.is_ok()).collect();
    let names: Vec<&str> = readable.iter().map(|listed| listed.run.as_str()).collect();
    assert_eq!(names, ["closed", "newer", "older"]);
    assert_eq!(readable[1].ends.as_ref().unwrap().last.seq, 2);
    assert_eq!(readable[1].started(), at(3));
    assert_eq!(
        listed.len(),
        6,
        "`empty`, `stray` and `link` are listed as broken"
    );
    assert_eq!(scene.store.latest_open().unwrap().as_deref(), Some("newer"));
}

#[test]
fn a_broken_end_is_listed_as_damaged() {
    let scene = Scene::new();
    scene.left_run();
    scene.meddle(|bytes| bytes.extend_from_slice(b"nonsense\n"));
    let listed = scene.store.list().unwrap().remove(0);
    assert_eq!(listed.ends, Err("the journal is damaged".to_owned()));
    assert!(!listed.is_open());
}

#[test]
fn run_names_are_short_and_free() {
    let now = "2026-06-05T15:20:59Z".parse().unwrap();
    let free = |name: &str| run_name(name, now, |_| false);
    assert_eq!(free("kestrel"), "kestrel-0605-1520");
    assert_eq!(free("ops/Kestrel 2.0.toml"), "kestrel-2-0-0605-1520");
    assert_eq!(free("../..;rm -rf.md"), "rm-rf-0605-1520");
    assert_eq!(free("ü"), "run-0605-1520");
    assert_eq!(free(""), "run-0605-1520");
    assert!(name::check(&free(&"long ".repeat(40))).is_ok());
    let taken = ["kestrel-0605-1520", "kestrel-0605-1520-2"];
    assert_eq!(
        run_name("kestrel", now, |name| taken.contains(&name)),
        "kestrel-0605-1520-3"
    );

    let scene = Scene::new();
    scene.create("kestrel-0605-1520");
    assert_eq!(
        scene.store.new_run_name("kestrel", now),
        "kestrel-0605-1520-2"
    );
}
