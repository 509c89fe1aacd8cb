//! Checklists in and out of the program, called as a person calls it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and the lint knows only tests themselves"
)]

use std::fs;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tminus::journal::{Basis, Event, Mode};
use tminus::runbook::{StepId, load};
use tminus::runtime::store::{Store, fingerprint, this_process};

const CHECKLIST: &str = "\
# Kestrel release

## Before the release
- [x] Tests are green
- [ ] Version is tagged

## Launch day
- [ ] Deploy it

```sh
touch executed
```

## Rollback
1. Deploy the version before
";

/// A folder with nothing but the checklist in it.
struct Here {
    folder: TempDir,
}

struct Called {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Here {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("release.md"), CHECKLIST).unwrap();
        Self { folder }
    }

    fn call(&self, words: &str) -> Called {
        let output = Command::new(env!("CARGO_BIN_EXE_tminus"))
            .env_clear()
            .env("HOME", self.folder.path())
            .env("USER", "ana")
            .env("TMINUS_STATE_DIR", self.folder.path().join("state"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .args(words.split_whitespace())
            .output()
            .unwrap();
        Called {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }
}

#[test]
fn an_import_gives_the_runbook_and_says_what_it_guessed() {
    let here = Here::new();
    let called = here.call("import release.md");
    assert_eq!(called.code, Some(0), "{}", called.err);
    let loaded = load("release.toml", called.out.as_bytes());
    assert!(!loaded.has_errors(), "{}", loaded.render(false));
    assert_eq!(loaded.runbook.unwrap().title, "Kestrel release");
    assert!(
        called.err.starts_with("release.md: 3 tasks, 4 steps, "),
        "{}",
        called.err
    );
    assert!(
        called
            .err
            .lines()
            .any(|line| line.trim_start().starts_with("4  guessed")),
        "{}",
        called.err
    );
    assert!(
        !here.has("executed") && !here.has("state"),
        "nothing is executed or recorded"
    );
}

#[test]
fn the_report_as_json_takes_the_place_of_the_runbook() {
    let here = Here::new();
    let called = here.call("import release.md --json");
    let report: Value = serde_json::from_str(&called.out).unwrap();
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["schema", "tasks", "steps", "guesses", "kept"]);
    assert_eq!(
        (&report["schema"], &report["tasks"], &report["steps"]),
        (&1.into(), &3.into(), &4.into())
    );
    let guess = report["guesses"][0].as_object().unwrap();
    assert_eq!(guess.keys().collect::<Vec<_>>(), ["line", "what"]);
    assert_eq!(called.err, "");
}

#[test]
fn a_file_that_is_there_is_only_replaced_when_asked() {
    let here = Here::new();
    assert_eq!(here.call("import release.md -o release.toml").code, Some(0));
    let first = here.read("release.toml");
    assert!(first.contains("Kestrel release"));
    here.write("release.toml", "mine");
    let refused = here.call("import release.md -o release.toml");
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(refused.err.contains("--force"), "{}", refused.err);
    assert_eq!(here.read("release.toml"), "mine");
    assert_eq!(
        here.call("import release.md -o release.toml --force").code,
        Some(0)
    );
    assert_eq!(here.read("release.toml"), first);
}

#[test]
fn what_is_no_checklist_is_refused_in_words() {
    let here = Here::new();
    here.write("endless.md", &"- [ ] one more\n".repeat(2_001));
    here.write("prose.md", "Nothing to do.\n");
    here.write("done.toml", "format = 1\n");
    for (words, code, says) in [
        ("import endless.md", 3, "2001 steps"),
        ("run endless.md", 3, "2001 steps"),
        ("show prose.md", 3, "nothing in it looks like a step"),
        ("import missing.md", 2, "failed to read missing.md"),
        ("import done.toml", 2, "it is a runbook already"),
    ] {
        let called = here.call(words);
        assert_eq!(
            (called.code, called.out.as_str()),
            (Some(code), ""),
            "{words}: {}",
            called.err
        );
        assert!(called.err.contains(says), "{words}: {}", called.err);
    }
}

#[test]
fn a_checklist_is_shown_and_linted_as_it_is_whatever_its_ending() {
    let here = Here::new();
    for name in ["copy.markdown", "copy.txt"] {
        here.write(name, CHECKLIST);
    }
    for name in ["release.md", "copy.markdown", "copy.txt"] {
        let shown = here.call(&format!("show {name} --json"));
        let document: Value = serde_json::from_str(&shown.out).unwrap();
        assert_eq!(document["title"], "Kestrel release", "{name}");
        let linted = here.call(&format!("lint {name}"));
        assert_eq!(linted.code, Some(0), "{}", linted.out);
        assert!(!linted.err.contains("1 error"), "{}", linted.err);
        // It gets as far as a runbook can without a terminal.
        let run = here.call(&format!("run {name} --trust"));
        assert!(run.err.contains("needs a terminal"), "{}", run.err);
    }
    assert!(!here.has("executed"));
}

#[test]
fn a_runbook_that_was_exported_is_imported_again() {
    let here = Here::new();
    let exported = here.call("export release.md --format md -o out.md");
    assert_eq!(
        (exported.code, exported.out.as_str()),
        (Some(0), ""),
        "{}",
        exported.err
    );
    assert!(here.read("out.md").contains("- [ ] Tests are green"));
    let titles = |file: &str| {
        let toml = here.call(&format!("import {file}")).out;
        let runbook = load("x.toml", toml.as_bytes()).runbook.unwrap();
        let steps = runbook.steps.into_iter();
        steps.map(|step| step.title).collect::<Vec<_>>()
    };
    assert_eq!(titles("release.md"), titles("out.md"));
    assert_eq!(here.call("export release.md -o out.md").code, Some(2));
}

#[test]
fn a_run_is_exported_with_its_ticks_and_names() {
    let here = Here::new();
    let toml = here.call("import release.md").out;
    let step = load("x.toml", toml.as_bytes()).runbook.unwrap().steps[1]
        .id
        .clone();
    let journal = begin(&here, "release.md", &toml);
    tick(journal, step);
    let exported = here.call("export release-1");
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    assert!(
        exported.out.contains("- [ ] Tests are green"),
        "{}",
        exported.out
    );
    let ticked = exported
        .out
        .lines()
        .find(|line| line.contains("- [x] Version is tagged"));
    assert!(
        ticked.is_some() && exported.out.contains("ana"),
        "{}",
        exported.out
    );
}

fn begin(here: &Here, runbook: &str, toml: &str) -> tminus::runtime::store::Journal {
    let opened = Event::RunOpened {
        format: 1,
        run: "release-1".to_owned(),
        runbook: runbook.to_owned(),
        runbook_hash: fingerprint(toml.as_bytes()),
        title: "Kestrel release".to_owned(),
        mode: Mode::Live,
        target: "Kestrel release".to_owned(),
        t0: Timestamp::UNIX_EPOCH,
        variables: Default::default(),
        roles: Default::default(),
        host: this_process(),
    };
    let store = Store::new(here.folder.path().join("state"));
    let created = store.create(
        "release-1",
        toml.as_bytes(),
        Timestamp::UNIX_EPOCH,
        "ana",
        opened,
    );
    created.unwrap().0
}

fn tick(mut journal: tminus::runtime::store::Journal, step: StepId) {
    let done = Event::StepDone {
        step,
        basis: Basis::Attested,
        value: None,
        signed: None,
        second: None,
        evidence: None,
        against: None,
    };
    journal.append(Timestamp::UNIX_EPOCH, "ana", done).unwrap();
}

#[test]
fn a_starter_is_written_once_and_is_sound() {
    let here = Here::new();
    let written = here.call("init");
    assert_eq!(
        (written.code, written.out.as_str()),
        (Some(0), ""),
        "{}",
        written.err
    );
    let linted = here.call("lint --strict runbook.toml");
    assert_eq!(linted.code, Some(0), "{}", linted.out);
    here.write("runbook.toml", "mine");
    assert_eq!(here.call("init").code, Some(2));
    assert_eq!(here.read("runbook.toml"), "mine");
    assert_eq!(here.call("init other.toml").code, Some(0));
}

#[test]
fn lint_tells_of_ids_that_changed_since_the_last_run_or_an_older_file() {
    let here = Here::new();
    let old = here.call("import release.md").out;
    let new = old.replace("Tests are green", "All tests are green");
    here.write("old.toml", &old);
    here.write("new.toml", &new);
    let changes = |words: &str| {
        let called = here.call(words);
        assert_eq!(called.code, Some(0), "{}", called.err);
        let findings: serde_json::Value = serde_json::from_str(&called.out).unwrap();
        let findings = findings["findings"].as_array().unwrap().clone();
        let changed = findings
            .iter()
            .filter(|found| found["code"] == "id-changed");
        changed.count()
    };
    assert_eq!(changes("lint new.toml --json"), 0);
    assert_eq!(changes("lint new.toml --json --against old.toml"), 1);
    let path = fs::canonicalize(here.folder.path().join("new.toml")).unwrap();
    drop(begin(&here, path.to_str().unwrap(), &old));
    assert_eq!(changes("lint new.toml --json"), 1);
    assert_eq!(changes("lint old.toml --json"), 0);
    assert_eq!(here.call("lint new.toml --against none.toml").code, Some(2));
}
