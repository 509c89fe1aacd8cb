//! The program as scripts and people without a screen see it: output, messages, exit codes.
//!
//! Every test calls the real binary in directories of its own, with an environment of its own.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and the lint knows only tests themselves"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::CommandFactory as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tminus::journal::{Answer, Basis, Decision, Direction, Ending, Event, Mode};
use tminus::runbook::StepId;
use tminus::runtime::demo::DemoService;
use tminus::runtime::store::{Journal, Store, fingerprint};

/// A home directory with nothing in it, and a place to call the program from.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("here")).unwrap();
        Self { folder }
    }

    fn here(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.here().join(name);
        fs::write(&path, bytes).unwrap();
        name.to_owned()
    }

    fn store(&self) -> Store {
        Store::new(self.folder.path().join("state"))
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tminus"));
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("USER", "ana")
            .env("TMINUS_STATE_DIR", self.folder.path().join("state"))
            .current_dir(self.here())
            .stdin(Stdio::null())
            .args(arguments);
        command
    }

    fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Called {
        Called::from(self.command(arguments).output().unwrap())
    }

    fn words(&self, arguments: &str) -> Called {
        self.call(arguments.split_whitespace())
    }
}

/// What came back.
#[derive(Debug)]
struct Called {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Called {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("no signal ends it"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Called {
    #[track_caller]
    fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.out).unwrap();
        assert_eq!(value["schema"], 1);
        value
    }
}

const RUNBOOK: &str = r#"
format = 1
title = "Kestrel ${VERSION}"
target = "prod-eu"

[roles]
ic = "Incident commander"
ops = "Operations"

[vars]
VERSION = { label = "Version", default = "v2" }

[[check]]
id = "api"
http = { url = "http://127.0.0.1:9/" }
expect = ["status == 200"]

[[metric]]
id = "errors"
title = "Errors"
unit = "%"
json = { url = "http://127.0.0.1:9/", path = ".errors" }
fail = "> 1"

[[trigger]]
id = "errors"
title = "Too many errors"
when = ["metric errors fails"]
rollback = ["back"]

[[phase]]
id = "pre"
title = "Before"
stage = "pre-launch"
[[phase.section]]
id = "ready"
title = "Ready"
steps = [
  { id = "backup", title = "Backup of ${VERSION}", must = true, record = { label = "age", unit = "min", want = "< 60" } },
  { id = "exported", title = "Metrics are exported", steps = ["requests", "errors"] },
]
[[phase.section]]
id = "poll"
title = "Poll"
gate = { question = "Proceed?", roles = ["ops", "ic"], hold = "15m" }

[[phase]]
id = "launch"
title = "T-0"
stage = "launch"
[[phase.section]]
id = "deploy"
title = "Deploy"
choose = "platform"
[[phase.section.option]]
id = "k8s"
title = "Kubernetes"
steps = [{ id = "roll-out", title = "Roll out", run = "true", undo = "true", level = "changes" }]
[[phase.section.option]]
id = "compose"
title = "Compose"
steps = ["Pull", "Up"]

[[rollback]]
id = "back"
title = "Back"
steps = [{ id = "undo", title = "Undo", run = "true", level = "destructive" }]

[[upkeep]]
title = "Weekly"
every = "7d"
steps = ["Slow queries"]
"#;

const RUN: &str = "kestrel-0605-1520";

/// A run that somebody has open.
fn opened(home: &Home) -> Journal {
    opened_as(home, RUN, Timestamp::now())
}

fn opened_as(home: &Home, run: &str, now: Timestamp) -> Journal {
    let opened = Event::RunOpened {
        format: 1,
        run: run.to_owned(),
        runbook: home
            .here()
            .join("kestrel.toml")
            .to_str()
            .unwrap()
            .to_owned(),
        runbook_hash: fingerprint(RUNBOOK.as_bytes()),
        title: "Kestrel v3".to_owned(),
        mode: Mode::Live,
        target: "prod-eu".to_owned(),
        t0: now + SignedDuration::from_mins(30),
        variables: BTreeMap::from([
            ("VERSION".to_owned(), "v3".to_owned()),
            ("ENVIRONMENT".to_owned(), "eu".to_owned()),
        ]),
        roles: BTreeMap::from([("ic".to_owned(), "ana".to_owned())]),
        host: "1@here".to_owned(),
    };
    let created = home
        .store()
        .create(run, RUNBOOK.as_bytes(), now, "ana", opened);
    created.unwrap().0
}

#[test]
fn resume_passes_over_runs_that_are_driven_elsewhere() {
    let home = Home::new();
    let newest = opened(&home);
    let refused = home.words("resume").ends_with(6);
    assert!(
        refused
            .err
            .contains("every open run is driven elsewhere: kestrel-0605-1520 (held by"),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("tminus watch RUN"), "{}", refused.err);
    let older = Timestamp::now() - SignedDuration::from_mins(5);
    drop(opened_as(&home, "kestrel-0605-1515", older));
    // The older one is free, so all that is missing is a terminal.
    let chosen = home.words("resume").ends_with(2);
    assert!(chosen.err.contains("it needs a terminal"), "{}", chosen.err);
    drop(newest);
}

fn record(journal: &mut Journal, event: Event) {
    journal.append(Timestamp::now(), "bo", event).unwrap();
}

fn backup_done() -> Event {
    Event::StepDone {
        step: StepId("pre/ready/backup".to_owned()),
        basis: Basis::Attested,
        value: Some("22".to_owned()),
        signed: None,
        second: None,
        evidence: None,
        against: None,
    }
}

#[test]
fn every_command_has_help_and_every_message_leads_somewhere() {
    let home = Home::new();
    let program = tminus::cli::arguments::Arguments::command();
    for command in program.get_subcommands() {
        let help = home.call([command.get_name(), "--help"]).ends_with(0);
        assert!(help.out.contains("Usage: tminus"), "{}", help.out);
        assert!(help.err.is_empty());
    }
    assert_eq!(
        home.words("--version").ends_with(0).out,
        format!("tminus {}\n", env!("CARGO_PKG_VERSION"))
    );
    let unknown = home.words("statsu").ends_with(2);
    assert!(unknown.err.contains("status"), "{}", unknown.err);
}

#[test]
fn without_a_terminal_nothing_interactive_begins() {
    let home = Home::new();
    let bare = home.words("").ends_with(2);
    assert!(bare.out.is_empty() && bare.err.contains("Usage: tminus"));
    for command in [
        "demo",
        "run demo",
        "run demo --in 5m --role ic=bo --env staging",
    ] {
        let refused = home.words(command).ends_with(2);
        assert!(
            refused.err.contains("it needs a terminal"),
            "{}",
            refused.err
        );
        assert!(refused.err.contains("\nhint: "), "{}", refused.err);
    }
    assert!(
        !home.folder.path().join("state").exists(),
        "nothing is created"
    );
    let journal = opened(&home);
    let watch = home.words("watch").ends_with(2);
    assert!(watch.err.contains("it needs a terminal"), "{}", watch.err);
    assert!(
        home.words("resume")
            .ends_with(6)
            .err
            .contains("tminus watch")
    );
    drop(journal);
    let resume = home.words("resume").ends_with(2);
    assert!(resume.err.contains("it needs a terminal"), "{}", resume.err);
    assert_eq!(
        home.words("status --json").json()["seq"],
        1,
        "nothing is recorded"
    );
}

#[test]
fn what_a_run_lacks_is_named_with_what_would_give_it() {
    let home = Home::new();
    let variables =
        "[vars]\nTOKEN = { secret = true }\nPORT = { label = \"Port\", pattern = '\\d+' }\n";
    home.file("kestrel.toml", RUNBOOK.replacen("[vars]\n", variables, 1));
    home.file("broken.toml", "titel = 'x'");
    for (call, code, words) in [
        ("run kestrel.toml", 7, "tminus trust kestrel.toml"),
        ("run kestrel.toml --trust", 2, "--var PORT="),
        ("run kestrel.toml --no-input --var PORT=x", 2, "PORT=x"),
        ("run kestrel.toml --var PROT=1", 2, "PORT"),
        ("run kestrel.toml --var PORT=1", 2, "export TOKEN="),
        ("run demo --at soon", 2, "16:15"),
        ("run demo --at 16:15 --in 5m", 2, "--in"),
        ("run demo --role oops=bo", 2, "ops"),
        ("run demo --env a --var ENVIRONMENT=b", 2, "different"),
        ("run kestrle", 2, "there is no runbook"),
        ("run broken.toml", 3, "title"),
    ] {
        let refused = home.words(call).ends_with(code);
        assert!(refused.err.contains(words), "{call}: {}", refused.err);
    }
    assert!(!home.store().runs_dir().exists(), "no run is created");
}

#[test]
fn show_counts_every_step_once() {
    fn count(value: &Value) -> usize {
        match value {
            Value::Array(parts) => parts.iter().map(count).sum(),
            Value::Object(parts) => {
                let own = usize::from(parts.contains_key("must"));
                own + parts.values().map(count).sum::<usize>()
            }
            _ => 0,
        }
    }
    let home = Home::new();
    home.file("kestrel.toml", RUNBOOK);
    for runbook in [
        "candlefish",
        "demo",
        "linkflow",
        "toombos",
        "twinmind",
        "kestrel.toml",
    ] {
        let shown = home.call(["show", runbook, "--json"]).ends_with(0).json();
        let steps = count(&shown["phases"]) + count(&shown["definitions"]["rollbacks"]);
        assert_eq!(shown["steps"], steps, "{runbook}");
    }
    let shown = home.call(["show", "kestrel.toml", "--json"]).json();
    for (key, number) in [
        ("steps", 8),
        ("checks", 1),
        ("metrics", 1),
        ("triggers", 1),
        ("rollbacks", 1),
        ("options", 2),
        ("upkeep", 1),
    ] {
        assert_eq!(shown[key], number, "{key}");
    }
    assert_eq!(shown["roles"], serde_json::json!(["ic", "ops"]));
    let section = &shown["phases"][1]["sections"][0];
    assert_eq!(
        section["options"][0]["steps"][0]["id"],
        "launch/deploy/k8s/roll-out"
    );
    assert_eq!(section["options"][0]["steps"][0]["level"], "changes");
    assert_eq!(shown["phases"][0]["sections"][1]["gate"]["hold"], "15m");
    assert_eq!(
        shown["definitions"]["rollbacks"][0]["steps"][0]["title"],
        "Undo"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn own_runbooks_are_found_by_name() {
    let home = Home::new();
    let own = home.folder.path().join(".local/share/tminus/runbooks");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("kestrel.toml"), RUNBOOK).unwrap();
    let shown = home.words("show kestrel --json").ends_with(0).json();
    assert_eq!(shown["target"], "prod-eu");
    home.words("lint kestrel").ends_with(0);
    let near = home.words("show kestrl").ends_with(2);
    assert!(near.err.contains("did you mean `kestrel`"), "{}", near.err);
}

#[test]
fn an_outline_fits_the_usual_terminal() {
    let home = Home::new();
    for runbook in ["candlefish", "demo", "linkflow", "toombos", "twinmind"] {
        let outline = home.call(["show", runbook]).ends_with(0).out;
        let is_long = |line: &&str| line.chars().count() > 80 && line.trim().contains(' ');
        let long: Vec<&str> = outline.lines().filter(is_long).collect();
        // A single word, such as a URL, may be longer than a line.
        assert!(
            long.iter()
                .all(|line| line.split(' ').any(|word| word.len() > 60)),
            "{long:#?}"
        );
        assert!(outline.contains("ROLLBACK") && outline.contains("[ ] 1.1.1"));
    }
}

#[test]
fn a_run_is_listed_shown_and_asked_for_its_state() {
    let home = Home::new();
    let mut journal = opened(&home);
    record(&mut journal, backup_done());

    let listed = home.words("ls --json").ends_with(0).json();
    let run = &listed["runs"][0];
    assert_eq!(run["id"], RUN);
    assert_eq!(run["title"], "Kestrel v3");
    assert_eq!(run["mode"], "live");
    assert_eq!(run["state"], "pre-launch");
    assert!(run["held_by"].as_str().unwrap().contains('@'));
    assert!(run["started"].is_string() && run["last"].is_string());
    assert!(home.words("ls").ends_with(0).out.contains("Kestrel v3"));

    for status in [
        home.words("status --json"),
        home.call(["status", RUN, "--json"]),
    ] {
        let status = status.ends_with(0).json();
        assert_eq!(status["run"], RUN);
        assert_eq!(status["state"], "pre-launch");
        assert_eq!(status["seq"], 2);
        assert_eq!((&status["done"], &status["total"]), (&1.into(), &4.into()));
        assert_eq!(status["must"], serde_json::json!({ "done": 1, "total": 1 }));
        assert!(
            status["t"].as_str().unwrap().starts_with("T-00:"),
            "{}",
            status["t"]
        );
        assert!(
            status["l"].as_str().unwrap().starts_with("L-00:"),
            "{}",
            status["l"]
        );
        let ahead = status["t_seconds"].as_i64().unwrap() - status["l_seconds"].as_i64().unwrap();
        assert_eq!(ahead, 15 * 60, "the planned hold");
        let backup = &status["steps"]["pre/ready/backup"];
        assert_eq!(backup["status"], "done");
        assert_eq!(backup["basis"], "attested");
        assert_eq!(backup["value"], "22");
        assert_eq!(backup["by"], "bo");
        assert!(backup["at"].is_string());
        let todo = &status["steps"]["pre/ready/exported"];
        assert_eq!(
            (&todo["status"], &todo["basis"]),
            (&"todo".into(), &Value::Null)
        );
        assert!(
            status["steps"].get("launch/deploy/k8s/roll-out").is_none(),
            "not taken yet"
        );
    }
    let calm = home.words("status").ends_with(0).out;
    assert!((5..=12).contains(&calm.lines().count()), "{calm}");
    let shown = home.call(["show", RUN]).ends_with(0).out;
    assert!(
        shown.contains("Backup of v3"),
        "values are filled in: {shown}"
    );
}

/// Titles are for people and ids for scripts: a name that may change is no key, and a key is no name.
#[test]
fn people_read_titles_and_scripts_read_ids() {
    let home = Home::new();
    let mut journal = opened(&home);
    record(&mut journal, backup_done());
    let fired = Event::TriggerFired {
        trigger: "errors".to_owned(),
        because: "8 %".to_owned(),
    };
    record(&mut journal, fired);
    let started = Event::RollbackStarted {
        trigger: None,
        rollback: "back".to_owned(),
        typed: "prod-eu".to_owned(),
    };
    record(&mut journal, started);
    let log = home.words("log").ends_with(0).out;
    for words in [
        "[x] 1.1.1 Backup of v3 = 22",
        "TRIGGER Too many errors: 8 %",
        "ROLLBACK Back started",
    ] {
        assert!(log.contains(words), "{words}\n{log}");
    }
    assert!(!log.contains("pre/ready"), "{log}");
    let json = home.words("log --json").ends_with(0).out;
    assert!(json.contains("pre/ready/backup"), "{json}");
}

#[test]
fn a_status_says_first_where_then_what_is_wrong_then_what_is_next() {
    let home = Home::new();
    let mut journal = opened(&home);
    record(&mut journal, backup_done());
    let calm = home.words("status").ends_with(0).out;
    let starts = |shown: &str| -> Vec<String> {
        let lines = shown.lines();
        lines.map(|line| line.chars().take(40).collect()).collect()
    };
    let lines = starts(&calm);
    assert_eq!(lines[0], "LIVE  Kestrel v3  prod-eu  pre-launch");
    assert!(lines[1].starts_with("clock    T-00:"), "{calm}");
    assert_eq!(lines[2], "wrong    nothing recorded");
    assert_eq!(lines[3], "next     1.1.2.1 requests");
    let fired = Event::TriggerFired {
        trigger: "errors".to_owned(),
        because: "8 %".to_owned(),
    };
    record(&mut journal, fired);
    let loud = home.words("status").ends_with(0).out;
    assert!(
        loud.contains("\nwrong    TRIGGER Too many errors"),
        "{loud}"
    );
    assert!(loud.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn asking_changes_nothing_and_waits_for_nobody() {
    fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| match path.is_dir() {
                true => contents(&path),
                false => BTreeMap::from([(path.clone(), fs::read(&path).unwrap())]),
            })
            .collect()
    }
    let home = Home::new();
    let _held = opened(&home);
    let before = contents(home.folder.path());
    for question in [
        "status",
        "status --json",
        "log",
        "log --json",
        "ls",
        "verify",
        "show",
    ] {
        let arguments = question
            .split(' ')
            .chain((question == "show").then_some(RUN));
        home.call(arguments).ends_with(0);
    }
    assert_eq!(contents(home.folder.path()), before);
}

#[test]
fn p11_what_ended_while_nobody_watched_is_told_without_recording_it() {
    let home = Home::new();
    let mut journal = opened(&home);
    record(
        &mut journal,
        Event::AttemptStarted {
            attempt: 1,
            step: Some(StepId("launch/deploy/k8s/roll-out".to_owned())),
            direction: Direction::Run,
            command: "true".to_owned(),
            second: None,
        },
    );
    let place = journal.dir().join("attempts/1");
    let told = |text: &str, state: &str, outcome: Value| {
        let calm = home.words("status").ends_with(0).out;
        assert!(calm.contains(text), "{calm}");
        let known = &home.words("status --json").json()["attempts"][0];
        assert_eq!(
            (&known["state"], &known["outcome"]),
            (&state.into(), &outcome)
        );
    };
    // Whoever drives the run is about to start it.
    told("running  #1  2.1.1 Roll out", "running", Value::Null);
    drop(journal);
    told(
        "over     #1  2.1.1 not started",
        "over",
        "not-started".into(),
    );
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("started.json"), "{}").unwrap();
    told("over     #1  2.1.1 UNKNOWN", "over", "unknown".into());
    fs::write(
        place.join("result.json"),
        r#"{"version":1,"outcome":{"outcome":"exited","code":0},"took_ms":133000}"#,
    )
    .unwrap();
    let before = fs::read_dir(&place).unwrap().count();
    told(
        "over     #1  2.1.1 exit 0 after 2:13; `tminus resume` records it",
        "over",
        "exited".into(),
    );
    assert_eq!(fs::read_dir(&place).unwrap().count(), before);
    let status = home.words("status --json").json();
    assert_eq!(status["seq"], 2, "nothing is recorded by asking");
}

#[test]
fn the_exit_code_of_a_status_tells_where_the_run_stands() {
    let home = Home::new();
    let status = |code| {
        home.words("status").ends_with(0);
        home.words("status --exit-code").ends_with(code);
    };
    let mut journal = opened(&home);
    status(0);
    record(
        &mut journal,
        Event::HoldStarted {
            reason: "weather".to_owned(),
            gate: None,
        },
    );
    status(4);
    record(&mut journal, Event::HoldReleased {});
    status(0);
    let answer = |answer| Event::GateAnswered {
        gate: "pre/poll".to_owned(),
        role: "ops".to_owned(),
        answer,
        reason: Some("pager".to_owned()),
    };
    record(&mut journal, answer(Answer::NoGo));
    status(4);
    record(&mut journal, answer(Answer::Go));
    status(0);
    let fired = Event::TriggerFired {
        trigger: "errors".to_owned(),
        because: "8 %".to_owned(),
    };
    record(&mut journal, fired);
    status(5);
    let triggers = &home.words("status --json").json()["triggers"];
    assert_eq!(triggers[0]["id"], "errors");
    assert_eq!(triggers[0]["pending"], true);
    let decided = Event::Decided {
        triggers: vec!["errors".to_owned()],
        decision: Decision::RollBack,
        reason: String::new(),
    };
    record(&mut journal, decided);
    record(
        &mut journal,
        Event::RollbackStarted {
            rollback: "back".to_owned(),
            typed: "back".to_owned(),
            trigger: None,
        },
    );
    status(0);
    let rolling = home.words("status --json").json();
    assert_eq!(rolling["state"], "rolling-back");
    assert_eq!(rolling["next"], "rollback/back/undo");
}

#[test]
fn the_log_is_one_line_or_one_object_an_entry() {
    let home = Home::new();
    let mut journal = opened(&home);
    record(
        &mut journal,
        Event::NoteAdded {
            step: None,
            text: "a\u{1b}[2J\nb".to_owned(),
        },
    );
    let log = home.words("log").ends_with(0).out;
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(
        log.lines()
            .all(|line| line.as_bytes()[10] == b'T' && line.as_bytes()[19] == b'Z'),
        "{log}"
    );
    assert!(!log.contains('\u{1b}'), "{log:?}");
    let json = home.call(["log", RUN, "--json"]).ends_with(0).out;
    let entries: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries[0]["event"], "run-opened");
    assert_eq!(entries[1]["seq"], 2);
    assert_eq!(entries[1]["by"], "bo");
    assert_eq!(entries[1]["text"], "a\u{1b}[2J\nb");
}

#[test]
fn a_followed_log_ends_with_the_run() {
    let home = Home::new();
    let mut journal = opened(&home);
    let mut following = home
        .command(["log", "-f"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("run opened"));
    record(&mut journal, backup_done());
    assert!(
        lines
            .next()
            .unwrap()
            .unwrap()
            .contains("1.1.1 Backup of v3")
    );
    record(
        &mut journal,
        Event::RunClosed {
            ending: Ending::Scrubbed,
            reason: "weather".to_owned(),
        },
    );
    assert!(lines.next().unwrap().unwrap().contains("weather"));
    assert!(lines.next().is_none());
    assert!(following.wait().unwrap().success());
    let none = home.words("status").ends_with(1);
    assert!(none.err.contains("there is no open run"), "{}", none.err);
    assert_eq!(
        home.words("ls --json").json()["runs"],
        serde_json::json!([])
    );
    assert_eq!(
        home.words("ls --all --json").json()["runs"][0]["state"],
        "scrubbed"
    );
}

#[test]
fn a_damaged_journal_is_shown_as_far_as_it_is_good_and_recovered_on_request() {
    let home = Home::new();
    let mut journal = opened(&home);
    record(&mut journal, backup_done());
    record(
        &mut journal,
        Event::HoldStarted {
            reason: "x".to_owned(),
            gate: None,
        },
    );
    let path = journal.dir().join("journal.jsonl");
    let damaged = fs::read_to_string(&path)
        .unwrap()
        .replace("\"22\"", "\"23\"");
    fs::write(&path, damaged).unwrap();

    let log = home.call(["log", RUN]).ends_with(8);
    assert_eq!(log.out.lines().count(), 1, "{}", log.out);
    assert!(log.err.contains("line 3"), "{}", log.err);
    assert_eq!(
        home.call(["status", RUN, "--json"]).ends_with(8).json()["seq"],
        1
    );
    home.call(["verify", RUN]).ends_with(8);
    assert_eq!(
        home.words("ls --json").ends_with(0).json()["runs"][0]["state"],
        "damaged"
    );

    let refused = home.call(["recover", RUN]).ends_with(7);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    let held = home.call(["recover", RUN, "--yes"]).ends_with(6);
    assert!(held.err.contains("tminus watch"), "{}", held.err);
    drop(journal);
    home.call(["recover", RUN, "--yes"]).ends_with(0);
    home.call(["verify", RUN]).ends_with(0);
    assert_eq!(home.words("status --json").ends_with(0).json()["seq"], 1);
}

#[test]
fn what_is_not_there_is_named() {
    let home = Home::new();
    for (call, words) in [
        ("status nothing", "nothing"),
        ("log ../../etc", "../../etc"),
        ("show linkflw", "linkflow"),
        ("show missing.toml", "missing.toml"),
        ("man nothing", "nothing"),
        ("verify nothing", "nothing"),
    ] {
        let called = home.words(call).ends_with(2);
        assert!(
            called.err.starts_with("error: ") && called.err.contains(words),
            "{}",
            called.err
        );
    }
}

#[test]
fn nobody_steers_the_terminal_through_a_message() {
    let home = Home::new();
    for arguments in [
        ["status", "\u{1b}[2J"],
        ["show", "./\u{1b}]0;x\u{7}"],
        ["\u{1b}[2J", "x"],
        ["lint", "\u{9b}2J"],
    ] {
        let called = home.call(arguments).ends_with(2);
        let steers = |character: char| character.is_control() && character != '\n';
        assert!(!called.err.contains(steers), "{:?}", called.err);
    }
}

#[test]
fn ten_mistakes_are_all_found_at_once() {
    let home = Home::new();
    let mistakes = [
        (
            "title = \"Kestrel ${VERSION}\"",
            "title = \"Kestrel ${VERSOIN}\"",
            "VERSION",
        ),
        ("label = \"Version\"", "lable = \"Version\"", "label"),
        ("every = \"7d\"", "every = \"7 days\"", "7 days"),
        ("fail = \"> 1\"", "fail = \"1\"", "limit"),
        ("stage = \"launch\"", "stage = \"lunch\"", "launch"),
        (
            "level = \"destructive\"",
            "level = \"destructve\"",
            "destructive",
        ),
        ("rollback = [\"back\"]", "rollback = [\"bakc\"]", "back"),
        (
            "roles = [\"ops\", \"ic\"]",
            "roles = [\"opps\", \"ic\"]",
            "ops",
        ),
        (
            "when = [\"metric errors fails\"]",
            "when = [\"metric erors fails\"]",
            "errors",
        ),
        ("hold = \"15m\"", "hold = 15", "hold"),
    ];
    let mut all = RUNBOOK.to_owned();
    for (right, wrong, told) in mistakes {
        assert!(RUNBOOK.contains(right), "{right}");
        home.file("one.toml", RUNBOOK.replacen(right, wrong, 1));
        let called = home.words("lint one.toml").ends_with(3);
        assert!(
            called.out.contains("one.toml:") && called.out.contains('^'),
            "{}",
            called.out
        );
        assert!(called.out.contains(told), "{wrong}: {}", called.out);
        assert!(called.err.starts_with("1 error "), "{}", called.err);
        all = all.replacen(right, wrong, 1);
    }
    home.file("all.toml", &all);
    let findings = home.words("lint all.toml --json").ends_with(3).json();
    let findings = findings["findings"].as_array().unwrap();
    assert!(findings.len() >= mistakes.len(), "{findings:#?}");
    for finding in findings {
        assert_eq!(finding["file"], "all.toml");
        for key in ["line", "column"] {
            assert!(finding[key].as_u64().unwrap() >= 1);
        }
        assert!(finding["code"].is_string() && finding["message"].is_string());
        assert!(["error", "warning"].contains(&finding["level"].as_str().unwrap()));
    }
    home.words("show all.toml").ends_with(3);
}

#[test]
fn lint_says_nothing_of_what_is_right_and_only_warns_unless_strict() {
    let home = Home::new();
    // Nothing follows from its check otherwise.
    let when = "when = [\"check api fails\", ";
    home.file("right.toml", RUNBOOK.replace("when = [", when));
    let right = home.words("lint right.toml --strict").ends_with(0);
    assert!(right.out.is_empty(), "{}", right.out);
    let ten: Vec<String> = (1..=10)
        .map(|number| format!("\"Step {number}\""))
        .collect();
    let long = format!(
        "title = \"x\"\ntarget = \"x\"\nformat = 1\n[[phase]]\ntitle = \"T\"\nstage = \"launch\"\n[[phase.section]]\ntitle = \"S\"\nsteps = [{}]\n",
        ten.join(", ")
    );
    home.file("long.toml", long);
    home.words("lint long.toml").ends_with(0);
    home.words("lint long.toml --strict").ends_with(3);
}

#[test]
fn no_file_is_too_strange_to_be_told_about() {
    let home = Home::new();
    home.file("large.toml", "# x\n".repeat(10 * 256 * 1024));
    home.file(
        "deep.toml",
        format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
    );
    home.file("tables.toml", format!("a = {}", "{ b = ".repeat(100_000)));
    home.file("dots.toml", format!("{}a = 1", "a.".repeat(100_000)));
    home.file(
        "binary.toml",
        [b't', b'=', 0xff, 0xfe, 0x00, 0x1b, b'[', b'2', b'J'],
    );
    home.file("empty.toml", "");
    fs::create_dir(home.here().join("folder.toml")).unwrap();
    for name in ["large", "deep", "tables", "dots", "binary", "empty"] {
        let called = home.words(&format!("lint {name}.toml")).ends_with(3);
        assert!(called.out.contains("error"), "{name}: {}", called.out);
        assert!(!called.out.contains('\u{1b}'), "{name}");
    }
    for name in ["folder", "missing"] {
        let called = home
            .words(&format!("lint {name}.toml empty.toml"))
            .ends_with(2);
        assert!(
            called
                .err
                .contains(&format!("failed to read {name}.toml: ")),
            "{}",
            called.err
        );
        assert!(
            called.out.contains("empty.toml"),
            "the others are still read"
        );
    }
}

#[test]
fn lint_reads_standard_input() {
    let home = Home::new();
    let mut lint = home.command(["lint", "-"]);
    let mut lint = lint
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    lint.stdin
        .take()
        .unwrap()
        .write_all(b"titel = 'x'")
        .unwrap();
    let called = Called::from(lint.wait_with_output().unwrap()).ends_with(3);
    assert!(called.out.contains("<stdin>:1:1"), "{}", called.out);
}

#[test]
fn completions_and_manual_pages_are_made_for_everything() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.call(["completions", shell]).ends_with(0).out;
        assert!(
            script.contains("tminus") && script.contains("exit-code"),
            "{shell}"
        );
    }
    let page = home.words("man").ends_with(0).out;
    assert!(
        page.contains(".TH tminus 1") && page.contains("Exit codes"),
        "{page}"
    );
    assert!(home.words("man status").ends_with(0).out.contains("exit"));
    let schema: Value = serde_json::from_str(&home.words("schema").ends_with(0).out).unwrap();
    assert!(schema["properties"]["phase"].is_object());
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let home = Home::new();
    for arguments in [
        "completions bash",
        "man",
        "--help",
        "schema",
        "show linkflow",
        "lint demo",
        "ls --json",
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = home.command(arguments.split(' '));
        let child = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(command);
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {err}");
        assert!(
            !err.contains("error: ") && !err.contains("panicked"),
            "{arguments}: {err}"
        );
    }
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let home = Home::new();
    home.file("x.toml", "titel = 'x'");
    let colored = |command: &mut Command| {
        Called::from(command.output().unwrap())
            .out
            .contains('\u{1b}')
    };
    assert!(!colored(&mut home.command(["lint", "x.toml"])));
    assert!(colored(
        &mut home.command(["lint", "x.toml", "--color", "always"])
    ));
    assert!(colored(
        home.command(["lint", "x.toml"]).env("CLICOLOR_FORCE", "1")
    ));
    assert!(!colored(
        home.command(["lint", "x.toml"])
            .env("CLICOLOR_FORCE", "1")
            .env("NO_COLOR", "1")
    ));
    assert!(colored(
        home.command(["lint", "x.toml", "--color=always"])
            .env("NO_COLOR", "1")
    ));
}

#[test]
fn a_broken_configuration_keeps_nobody_out() {
    let home = Home::new();
    home.file(".tminus.toml", "asci = true\noperator = 'mallory'\n");
    let listed = home.words("ls").ends_with(0);
    assert!(listed.err.contains(".tminus.toml:1:1"), "{}", listed.err);
    assert!(
        listed.err.contains("`ascii`") && listed.err.contains("a project can't set `operator`"),
        "{}",
        listed.err
    );
    let nameless = home.words("ls --operator auto").ends_with(2);
    assert!(nameless.err.contains("--operator"), "{}", nameless.err);
}

#[test]
fn a_configuration_that_is_no_file_keeps_nobody_waiting() {
    let home = Home::new();
    home.file(".tminus.toml", "");
    let path = home.here().join(".tminus.toml");
    let renewed = |make: &dyn Fn()| {
        let is_dir = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        let removed = if is_dir {
            std::fs::remove_dir(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.unwrap();
        make();
        home.words("ls").ends_with(0).err
    };
    let fifo = renewed(&|| {
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
    });
    let device = renewed(&|| std::os::unix::fs::symlink("/dev/zero", &path).unwrap());
    let directory = renewed(&|| std::fs::create_dir(&path).unwrap());
    for said in [fifo, device] {
        assert!(
            said.contains(".tminus.toml: it is a pipe or a device"),
            "{said}"
        );
    }
    assert!(
        directory.contains(".tminus.toml: Is a directory"),
        "{directory}"
    );
}

#[test]
fn without_a_home_a_place_for_runs_has_to_be_named() {
    let home = Home::new();
    let lost = Called::from(
        home.command(["ls"])
            .env_remove("TMINUS_STATE_DIR")
            .env("HOME", "relative")
            .output()
            .unwrap(),
    );
    assert!(lost.code == 2 || lost.code == 0, "{lost:?}");
    home.words("ls --state-dir elsewhere").ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_client_speaks_to_the_demo_service() {
    let service = DemoService::start().await.unwrap();
    let home = Home::new();
    let url = service.url();
    let ask = |action: &'static str| {
        let mut command = home.command(["demo-client"].into_iter().chain(action.split(' ')));
        command.env("DEMO_URL", &url);
        tokio::task::spawn_blocking(move || Called::from(command.output().unwrap()))
    };
    assert_eq!(ask("status").await.unwrap().ends_with(0).out, "v2.40.3\n");
    let refused = ask("deploy a&b").await.unwrap().ends_with(1);
    assert!(refused.err.starts_with("error: "), "{}", refused.err);
    home.words("demo-client status").ends_with(2);
    let gone = home
        .call(["demo-client", "--url", "http://127.0.0.1:9", "status"])
        .ends_with(1);
    assert!(
        gone.err.contains("failed to reach the demo service"),
        "{}",
        gone.err
    );
}
