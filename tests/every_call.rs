//! Kills the program at every system call that changes a file of its run, one run for each, whichever of its threads
//! makes the call; and looks whether what is told afterwards is true.
//!
//! Which calls there are is seen in a run that nobody kills, so new ones are found by themselves. Without
//! `TMINUS_TEST_EVERY_CALL` only a few of them are tried, drawn anew each time. What kills the supervisor in the same
//! way is in `processes.rs`.

#![cfg(target_os = "linux")]

mod scene;
mod terminal;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use scene::{Scene, WIDE, until};
use terminal::Terminal;

/// How many calls are tried unless all are.
const SAMPLE: usize = 6;

/// What the program changes of a run, by names below the run's directory; a supervisor's files are not its own.
const FILES: [&str; 11] = [
    "",
    "journal.jsonl",
    "lock",
    "attempts",
    "attempts/1",
    "attempts/1/script",
    "attempts/1/spec.json",
    "attempts/1/alive.lock",
    "attempts/1/void",
    "attempts/1/started.json",
    "attempts/1/result.json",
];

/// Calls that change a file, or say that it has to last.
const CHANGING: [&str; 16] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "flock",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmod",
    "fchmodat",
    "rename",
    "renameat",
    "unlink",
    "unlinkat",
];

/// A call that something makes: the nth of its kind at this file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    file: String,
    name: String,
    nth: usize,
}

#[tokio::test]
async fn p4_p5_a_program_killed_at_any_of_its_writes_leaves_the_truth() {
    if !can_trace() {
        eprintln!("not tried: strace isn't there, or mustn't trace");
        return;
    }
    let calls = calls_of_a_run().await;
    for wanted in ["write", "fdatasync", "mkdir", "openat", "fsync"] {
        let has = calls.iter().any(|call| call.name == wanted);
        assert!(has, "no {wanted} was seen: {calls:#?}");
    }
    for call in drawn(calls) {
        let said = kill_at(&call).await;
        println!("{call:?}: {said}");
    }
}

fn can_trace() -> bool {
    let strace = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    strace.is_ok_and(|status| status.success())
}

/// All of them, or a few.
fn drawn(mut calls: Vec<Call>) -> Vec<Call> {
    if std::env::var_os("TMINUS_TEST_EVERY_CALL").is_some() {
        return calls;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut drawn = now.map_or(0, |now| now.subsec_micros() as usize);
    while calls.len() > SAMPLE {
        drawn = drawn.wrapping_mul(31).wrapping_add(17);
        calls.swap_remove(drawn % calls.len());
    }
    calls
}

/// What the program changes on disk between coming back to a run and leaving it again.
async fn calls_of_a_run() -> Vec<Call> {
    let scene = opened().await;
    let run = scene.run_dir();
    let trace = scene.path("trace");
    let mut options = vec![
        "-y".to_owned(),
        "-o".to_owned(),
        trace.to_string_lossy().into_owned(),
    ];
    options.extend(FILES.iter().flat_map(|file| only(&run, file)));
    drive(&scene, &options).await;
    assert_eq!(scene.truth(), "done, ran 1 times");
    let traced = std::fs::read_to_string(trace).expect("strace wrote what it saw");
    changes(&traced, &run)
}

fn changes(traced: &str, run: &Path) -> Vec<Call> {
    let run = run.to_string_lossy();
    // strace counts for each thread and each kind of call on its own.
    let mut seen: BTreeMap<(&str, &str, String), usize> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    for line in traced.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, arguments)) = call.trim_start().split_once('(') else {
            continue;
        };
        let Some((_, rest)) = arguments.split_once(&*run) else {
            continue;
        };
        let file = rest.split(['>', '"']).next().unwrap_or_default();
        let file = file.trim_start_matches('/').to_owned();
        let nth = seen.entry((thread, name, file.clone())).or_default();
        *nth += 1;
        let nth = *nth;
        let creates = name == "openat" && arguments.contains("O_CREAT");
        if creates || CHANGING.contains(&name) {
            let name = name.to_owned();
            calls.insert(Call { file, name, nth });
        }
    }
    calls.into_iter().collect()
}

/// Kills the program when it is about to make this call, and comes back.
async fn kill_at(call: &Call) -> String {
    let scene = opened().await;
    let mut options = only(&scene.run_dir(), &call.file).to_vec();
    let Call { name, nth, .. } = call;
    options.extend([
        "-o".to_owned(),
        "/dev/null".to_owned(),
        "-e".to_owned(),
        format!("inject={name}:signal=KILL:when={nth}"),
    ]);
    drive(&scene, &options).await;
    let mut screen = scene.resume().await;
    until("what became of it is found out", || {
        scene.status() != "running"
    })
    .await;
    let said = scene.truth();
    let mark = match said.split(',').next() {
        Some("done") => "[x]",
        Some("todo") => "[ ]",
        _ => "[?]",
    };
    screen.wait_for(&format!("{mark} Step 0")).await;
    screen.send("q").await;
    screen.finish().await;
    scene.quiet().await;
    said
}

/// Restricts strace to calls at this file of the run.
fn only(run: &Path, file: &str) -> [String; 2] {
    let path = if file.is_empty() {
        run.to_owned()
    } else {
        run.join(file)
    };
    ["-P".to_owned(), path.to_string_lossy().into_owned()]
}

/// A run that was begun and left.
async fn opened() -> Scene {
    let scene = Scene::new("echo x >>count");
    let mut screen = scene.open().await;
    screen.send("q").await;
    screen.finish().await;
    scene
}

/// Comes back under strace, runs the command and leaves, as far as the program lives. Waits for everything to end.
async fn drive(scene: &Scene, options: &[String]) {
    let mut arguments: Vec<String> = ["-f", "-qq", "-b", "execve"].map(str::to_owned).to_vec();
    arguments.extend(options.iter().cloned());
    arguments.extend([env!("CARGO_BIN_EXE_tminus").to_owned(), "resume".to_owned()]);
    let mut screen = Terminal::start_program(
        Path::new("strace"),
        &arguments,
        WIDE,
        scene.folder.path(),
        &[],
    );
    // The first record is written while starting, by another thread than all that follow; the note moves the count of
    // that thread past it, so that the records of the command are each a call of its own.
    let turns = [
        ("Step 0", "a"),
        ("Note", "noted\r"),
        ("note: noted", "x"),
        ("exit 0 after", "q"),
    ];
    for (shown, keys) in turns {
        if !screen.shows(shown).await {
            break;
        }
        screen.send(keys).await;
    }
    screen.finish().await;
    scene.quiet().await;
}
