//! Real shells under real supervisors, awaited by what they print and how they end.

#![allow(
    clippy::unwrap_used,
    reason = "a test that fails to set its stage fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tminus::app::output::MAXIMUM_LINES;
use tminus::app::{Msg, Spawn, Stop};
use tminus::journal::Outcome;
use tminus::runtime::process::{Happening, Processes, Surroundings};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Commands in a folder of their own, and what is told about them.
struct Session {
    folder: TempDir,
    processes: Processes,
    happenings: UnboundedReceiver<Happening>,
    /// The attempt started last.
    attempt: u64,
}

/// What is said when something outlives the command that started it.
const STILL_RUNS: &str = "[tminus: something that it started still runs]";

/// What is known of an attempt once it has ended.
#[derive(Debug)]
struct Seen {
    outcome: Outcome,
    lines: Vec<String>,
}

impl Session {
    fn new() -> Self {
        Self::with_variables([])
    }

    fn with_variables<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::with(|surroundings| surroundings.variables = BTreeMap::from(variables))
    }

    fn with(change: impl FnOnce(&mut Surroundings)) -> Self {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let (events, happenings) = unbounded_channel();
        let attempts = folder.path().join("attempts");
        let mut surroundings = Surroundings::new(folder.path().to_owned(), attempts);
        surroundings.program = PathBuf::from(env!("CARGO_BIN_EXE_tminus"));
        change(&mut surroundings);
        let processes = Processes::new(surroundings, events);
        Self {
            folder,
            processes,
            happenings,
            attempt: 0,
        }
    }

    /// The same with nothing in memory, as after a crash.
    fn replaced(self) -> Self {
        let Self { folder, .. } = self;
        let (events, happenings) = unbounded_channel();
        let attempts = folder.path().join("attempts");
        let mut surroundings = Surroundings::new(folder.path().to_owned(), attempts);
        surroundings.program = PathBuf::from(env!("CARGO_BIN_EXE_tminus"));
        Self {
            folder,
            processes: Processes::new(surroundings, events),
            happenings,
            attempt: 0,
        }
    }

    /// Starts a command as the next attempt.
    fn start(&mut self, spawn: Spawn) {
        self.attempt += 1;
        self.processes.spawn(Spawn {
            attempt: self.attempt,
            ..spawn
        });
    }

    async fn next(&mut self) -> Happening {
        self.happenings.recv().await.expect("somebody tells")
    }

    /// Runs a command to its end, taking over its output as it comes.
    async fn run(&mut self, text: &str) -> Seen {
        self.start(command(text));
        self.end().await
    }

    async fn outcome(&mut self, text: &str) -> Outcome {
        self.run(text).await.outcome
    }

    async fn end(&mut self) -> Seen {
        let mut lines = Vec::new();
        loop {
            let happening = self.next().await;
            self.drain_into(&mut lines);
            if let Happening::Ended { outcome, .. } = happening {
                return Seen { outcome, lines };
            }
        }
    }

    /// Waits until the attempt has printed this line.
    async fn line(&mut self, awaited: &str) {
        let mut seen = Vec::new();
        while !seen.iter().any(|line| line == awaited) {
            self.next().await;
            self.drain_into(&mut seen);
        }
    }

    /// Takes over what is new; returns how many lines were dropped before.
    fn drain_into(&mut self, seen: &mut Vec<String>) -> u64 {
        match self.processes.drain(self.attempt) {
            Some(Msg::Output { lines, skipped, .. }) => {
                seen.extend(lines.iter().map(|line| line.text()));
                skipped
            }
            _ => 0,
        }
    }

    /// A FIFO that reads as ended once every process that opened it for writing is gone.
    fn fifo(&self, name: &str) -> pipe::Receiver {
        let path = self.folder.path().join(name);
        make_fifo(&path);
        pipe::OpenOptions::new()
            .open_receiver(path)
            .expect("a FIFO opens at once")
    }
}

fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

fn command(text: &str) -> Spawn {
    Spawn {
        attempt: 0,
        command: text.to_owned(),
        dir: None,
        timeout: None,
        tty: false,
    }
}

fn exited(code: i32) -> Outcome {
    Outcome::Exited { code }
}

fn signalled(signal: Signal) -> Outcome {
    let signal = signal.as_raw();
    Outcome::Signalled { signal }
}

/// Both the shell and a process in its background hold the FIFO `lifeline`; says `held` when they do.
const TWO_HOLDERS: &str = "exec 3>lifeline; (sleep 1000) & echo held; wait";

/// The same, and neither heeds TERM.
const TWO_STUBBORN_HOLDERS: &str = "trap '' TERM; exec 3>lifeline; (sleep 1000) & echo held; wait";

async fn await_release(lifeline: &mut pipe::Receiver) {
    lifeline
        .read_to_end(&mut Vec::new())
        .await
        .expect("a FIFO can be read");
}

#[tokio::test]
async fn exit_codes_and_signals_come_home() {
    let mut session = Session::new();
    assert_eq!(session.outcome("true").await, exited(0));
    assert_eq!(session.outcome("exit 1").await, exited(1));
    assert_eq!(session.outcome("/dev/null").await, exited(126));
    assert_eq!(session.outcome("tminus-no-such-program").await, exited(127));
    let killed = session.outcome("kill -KILL $$").await;
    assert_eq!(killed, signalled(Signal::KILL));
}

#[tokio::test]
async fn a_failure_inside_a_pipe_or_before_the_last_line_counts() {
    let mut session = Session::new();
    assert_eq!(session.outcome("false | true").await, exited(1));
    assert_eq!(session.outcome("false\ntrue").await, exited(1));
}

#[tokio::test]
async fn both_outputs_come_in_their_order() {
    let text = "for i in 1 2 3; do echo out$i; echo err$i >&2; done; printf end";
    let seen = Session::new().run(text).await;
    let expected = ["out1", "err1", "out2", "err2", "out3", "err3", "end"];
    assert_eq!(seen.lines, expected);
}

#[tokio::test]
async fn a_text_that_begins_with_a_dash_is_no_option() {
    let seen = Session::new().run("-x; echo never").await;
    assert_eq!(seen.outcome, exited(127));
}

#[tokio::test]
async fn nothing_can_be_asked_of_the_operators_terminal() {
    let seen = Session::new().run("read -r line || echo none").await;
    assert_eq!(seen.lines, ["none"]);
}

#[tokio::test]
async fn variables_arrive_as_they_are_and_are_never_run() {
    let mut session = Session::with_variables([("VERSION", "$(touch x); `touch x` 'v1'")]);
    let seen = session.run(r#"echo "$VERSION""#).await;
    assert_eq!(seen.lines, ["$(touch x); `touch x` 'v1'"]);
    assert!(!session.folder.path().join("x").exists());
}

/// Runs this very test in a process whose environment is hostile.
#[tokio::test]
async fn what_the_operators_shell_has_collected_does_not_reach_a_command() {
    const HOSTILE: &[(&str, &str)] = &[
        ("BASH_ENV", "/nonexistent/bash_env"),
        ("BASH_FUNC_greet%%", "() { echo wrong; }"),
        ("LD_PRELOAD", "/nonexistent/preload.so"),
        ("IFS", "-"),
        (
            "SHELLOPTS",
            "braceexpand:hashall:interactive-comments:xtrace",
        ),
        ("TMINUS_TEST_SECRET", "hunter2"),
    ];
    if std::env::var_os("TMINUS_TEST_SECRET").is_none() {
        let name = "what_the_operators_shell_has_collected_does_not_reach_a_command";
        let again = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .envs(HOSTILE.iter().copied())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&again.stdout);
        assert!(printed.contains("1 passed"), "{printed}");
        return;
    }
    let mut session = Session::new();
    let seen = session.run("greet").await;
    assert_eq!(seen.outcome, exited(127));
    let seen = session.run("env; a=x-y; echo split: $a").await;
    for (name, _) in HOSTILE {
        let start = format!("{name}=");
        assert!(
            !seen.lines.iter().any(|line| line.starts_with(&start)),
            "{name}"
        );
    }
    assert!(seen.lines.iter().any(|line| line.starts_with("PATH=")));
    assert_eq!(seen.lines.last().unwrap(), "split: x-y");
}

#[tokio::test]
async fn a_command_runs_in_the_runbooks_folder_or_below() {
    let mut session = Session::new();
    let folder = session.folder.path().canonicalize().unwrap();
    std::fs::create_dir(folder.join("deploy")).unwrap();
    let here = session.run("pwd -P").await;
    assert_eq!(here.lines, [folder.to_str().unwrap()]);
    session.start(Spawn {
        dir: Some("deploy".to_owned()),
        ..command("pwd -P")
    });
    let below = session.end().await;
    assert_eq!(below.lines, [folder.join("deploy").to_str().unwrap()]);
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let mut session = Session::new();
    session.start(Spawn {
        dir: Some("missing".to_owned()),
        ..command("true")
    });
    let Happening::Ended { outcome, .. } = session.next().await else {
        panic!("it never ran");
    };
    let Outcome::NotStarted { why } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("missing: it is not a directory"), "{why}");
}

#[tokio::test]
async fn a_start_is_told_before_anything_else() {
    let mut session = Session::new();
    session.start(command("echo $$"));
    let Happening::Spawned { attempt: 1, pid } = session.next().await else {
        panic!("it runs");
    };
    assert_eq!(session.end().await.lines, [pid.to_string()]);
}

#[tokio::test]
async fn a_command_that_asks_for_a_terminal_gets_one_of_its_own() {
    let mut session = Session::new();
    session.start(Spawn {
        tty: true,
        ..command("test -t 0 && test -t 1 && test -t 2 && tput -T xterm cols; exit 7")
    });
    let seen = session.end().await;
    assert_eq!(
        (seen.lines, seen.outcome),
        (vec!["120".to_owned()], exited(7))
    );
}

#[tokio::test]
async fn a_terminal_that_nobody_types_at_has_an_end() {
    let mut session = Session::new();
    session.start(Spawn {
        tty: true,
        ..command("read -r line || echo none")
    });
    assert_eq!(session.end().await.lines, ["none"]);
}

#[tokio::test]
async fn a_command_with_a_terminal_is_stopped_as_a_whole() {
    let mut session = Session::new();
    let mut lifeline = session.fifo("lifeline");
    session.start(Spawn {
        tty: true,
        ..command(TWO_HOLDERS)
    });
    session.line("held").await;
    session.processes.signal(1, Stop::Terminate);
    assert_eq!(session.end().await.outcome, signalled(Signal::TERM));
    await_release(&mut lifeline).await;
}

#[tokio::test]
async fn the_log_has_what_was_printed_byte_for_byte() {
    let mut session = Session::new();
    session.run(r"printf 'a\r\033[31mb\377\n\nc'").await;
    let log = std::fs::read(session.folder.path().join("attempts/1/output.log")).unwrap();
    assert_eq!(log, b"a\r\x1b[31mb\xff\n\nc");
}

#[tokio::test]
async fn p4_an_attempt_that_was_started_before_is_not_started_again() {
    let mut session = Session::new();
    session.run("echo once >>count").await;
    session.attempt = 0;
    let again = session.run("echo once >>count").await;
    assert_eq!(
        again.outcome,
        exited(0),
        "it is told what became of the first"
    );
    let count = std::fs::read_to_string(session.folder.path().join("count")).unwrap();
    assert_eq!(count, "once\n");
}

#[tokio::test]
async fn an_attempt_without_a_place_never_started() {
    let mut session = Session::new();
    std::fs::write(session.folder.path().join("attempts"), "in the way").unwrap();
    let outcome = session.outcome("true").await;
    assert!(matches!(outcome, Outcome::NotStarted { .. }), "{outcome:?}");
}

#[tokio::test]
async fn stopping_reaches_the_whole_group() {
    let mut session = Session::new();
    let mut lifeline = session.fifo("lifeline");
    session.start(command(TWO_HOLDERS));
    session.line("held").await;
    session.processes.signal(1, Stop::Terminate);
    assert_eq!(session.end().await.outcome, signalled(Signal::TERM));
    await_release(&mut lifeline).await;
}

#[tokio::test]
async fn killing_reaches_who_ignores_being_asked() {
    let mut session = Session::new();
    let mut lifeline = session.fifo("lifeline");
    session.start(command(TWO_STUBBORN_HOLDERS));
    session.line("held").await;
    session.processes.signal(1, Stop::Terminate);
    session.processes.signal(1, Stop::Kill);
    assert_eq!(session.end().await.outcome, signalled(Signal::KILL));
    await_release(&mut lifeline).await;
}

#[tokio::test]
async fn who_ignores_being_asked_is_killed_after_the_grace() {
    let mut session = Session::with(|surroundings| surroundings.grace = Duration::from_millis(1));
    let mut lifeline = session.fifo("lifeline");
    session.start(command(TWO_STUBBORN_HOLDERS));
    session.line("held").await;
    session.processes.signal(1, Stop::Terminate);
    assert_eq!(session.end().await.outcome, signalled(Signal::KILL));
    await_release(&mut lifeline).await;
}

#[tokio::test]
async fn the_end_of_a_stopped_command_is_that_of_its_group() {
    let mut session = Session::new();
    let tidy = "(trap 'echo tidied; exit' TERM; sleep 1000 & echo ready; wait) & wait";
    session.start(command(tidy));
    session.line("ready").await;
    session.processes.signal(1, Stop::Terminate);
    let seen = session.end().await;
    assert_eq!(seen.outcome, signalled(Signal::TERM));
    assert!(
        seen.lines.contains(&"tidied".to_owned()),
        "{:?}",
        seen.lines
    );
}

#[tokio::test]
async fn a_timeout_stops_the_command_and_says_so() {
    let mut session = Session::new();
    session.start(Spawn {
        timeout: Some(Duration::from_millis(1)),
        ..command("sleep 1000")
    });
    let seen = session.end().await;
    assert_eq!(seen.outcome, signalled(Signal::TERM));
    let said = "[tminus: stopped: it ran longer than its timeout of 1ms]";
    assert_eq!(seen.lines, [said]);
}

#[tokio::test]
async fn the_end_does_not_wait_for_the_background_which_goes_on() {
    let mut session = Session::new();
    make_fifo(&session.folder.path().join("cue"));
    let seen = session
        .run("(read -r cue <cue; echo later) & echo started")
        .await;
    assert_eq!(
        (seen.outcome, seen.lines),
        (exited(0), vec!["started".to_owned(), STILL_RUNS.to_owned()])
    );
    // Opening a FIFO for writing waits until it is opened for reading.
    let cue = session.folder.path().join("cue");
    tokio::fs::write(cue, "now\n").await.unwrap();
    session.line("later").await;
}

#[tokio::test]
async fn a_flood_is_kept_in_bounds_and_told_once() {
    const LINE: &str = "All work and no play makes Jack a dull boy, said the manual";
    const BYTES: usize = 50_000_000;
    let mut session = Session::new();
    let flood = format!("yes '{LINE}' | head -c {BYTES} || true");
    session.start(command(&flood));
    let mut told = Vec::new();
    while !matches!(told.last(), Some(Happening::Ended { .. })) {
        told.push(session.next().await);
    }
    let grown = told
        .iter()
        .filter(|told| matches!(told, Happening::Grew { .. }));
    assert_eq!(grown.count(), 1);
    let mut kept = Vec::new();
    let skipped = session.drain_into(&mut kept);
    let printed = BYTES.div_ceil(LINE.len() + 1);
    assert_eq!(
        (kept.len(), kept.len() as u64 + skipped),
        (MAXIMUM_LINES, printed as u64)
    );
    assert!(session.processes.drain(1).is_none());
}

#[tokio::test]
async fn what_left_the_group_is_told_when_the_rest_is_stopped() {
    let mut session = Session::new();
    session.start(command(
        "setsid bash -c 'echo $BASHPID; exec sleep 1000' >escaped 2>&1 & \
         until test -s escaped; do :; done; echo ready; printf 'half a line'; wait",
    ));
    session.line("ready").await;
    session.processes.signal(1, Stop::Terminate);
    let seen = session.end().await;
    assert_eq!(seen.outcome, signalled(Signal::TERM));
    assert_eq!(seen.lines, ["half a line", STILL_RUNS]);
    let escaped = std::fs::read_to_string(session.folder.path().join("escaped")).unwrap();
    let escaped = escaped
        .trim()
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(escaped.unwrap(), Signal::KILL).unwrap();
}

#[tokio::test]
async fn p6_commands_go_on_without_those_who_started_them() {
    let mut session = Session::new();
    make_fifo(&session.folder.path().join("cue"));
    session.start(command("echo $$; read -r cue <cue; echo $cue; exit 3"));
    let Happening::Spawned { pid, .. } = session.next().await else {
        panic!("it runs");
    };
    let mut session = session.replaced();
    session.processes.attend(1);
    assert!(matches!(session.next().await, Happening::Spawned { pid: again, .. } if again == pid));
    let cue = session.folder.path().join("cue");
    tokio::fs::write(cue, "now\n").await.unwrap();
    session.attempt = 1;
    let seen = session.end().await;
    assert_eq!(seen.lines, [pid.to_string(), "now".to_owned()]);
    assert_eq!(seen.outcome, exited(3));
    // And whoever asks once more is told the same.
    let mut session = session.replaced();
    session.processes.attend(1);
    session.attempt = 1;
    let seen = session.end().await;
    assert_eq!((seen.lines.len(), seen.outcome), (2, exited(3)));
}

#[tokio::test]
async fn a_later_session_can_stop_what_an_earlier_one_started() {
    let mut session = Session::new();
    let mut lifeline = session.fifo("lifeline");
    session.start(command(TWO_HOLDERS));
    session.line("held").await;
    let mut session = session.replaced();
    session.processes.attend(1);
    session.attempt = 1;
    session.processes.signal(1, Stop::Terminate);
    assert_eq!(session.end().await.outcome, signalled(Signal::TERM));
    await_release(&mut lifeline).await;
}

/// Kills the supervisor when its main thread makes its Nth system call of a kind, for every N there is, and every kind
/// that opens, changes or starts something.
#[tokio::test]
async fn p4_p5_a_supervisor_killed_at_any_of_its_writes_leaves_the_truth() {
    if !can_trace() {
        eprintln!("not tried: strace isn't there, or mustn't trace");
        return;
    }
    let mut all = BTreeSet::new();
    for call in [
        "openat", "write", "fsync", "rename", "flock", "clone3", "vfork", "close",
    ] {
        let mut ends = Vec::new();
        // After its result there are a few calls left; beyond the last, nothing is killed.
        while !ends.ends_with(&["done"; 4]) {
            let at = kill_at(call, ends.len() + 1);
            ends.push(end_of_one_killed(&at, "echo x >>count").await);
        }
        println!("{call}: {ends:?}");
        all.extend(ends);
    }
    assert_eq!(Vec::from_iter(all), ["done", "not started", "unknown"]);
}

/// The same for the thread that keeps the output, which shares no file with the main one.
#[tokio::test]
async fn p4_p5_a_supervisor_killed_while_it_keeps_the_output_leaves_the_truth() {
    if !can_trace() {
        eprintln!("not tried: strace isn't there, or mustn't trace");
        return;
    }
    let mut all = BTreeSet::new();
    for call in ["openat", "write", "close"] {
        let mut ends = Vec::new();
        while !ends.ends_with(&["done"; 2]) {
            let at = kill_in_any_thread("output.log", call, ends.len() + 1);
            ends.push(end_of_one_killed(&at, "echo x >>count; echo printed").await);
        }
        println!("{call}: {ends:?}");
        all.extend(ends);
    }
    assert_eq!(Vec::from_iter(all), ["done", "unknown"]);
    if std::env::var_os("TMINUS_TEST_EVERY_CALL").is_some() {
        kill_while_much_is_kept().await;
    }
}

/// What fills several segments, is cut and put together again.
async fn kill_while_much_is_kept() {
    const COMMAND: &str = "echo x >>count; yes \"$(printf %04000d 0)\" | head -c 140000000 || true";
    for (file, call, at) in [
        ("output.log", "write", 400),
        ("output.1", "openat", 1),
        ("output.1", "unlink", 1),
        ("output.new", "openat", 1),
        ("output.new", "copy_file_range", 2),
        ("output.new", "rename", 1),
        ("output.3", "unlink", 1),
    ] {
        let end = end_of_one_killed(&kill_in_any_thread(file, call, at), COMMAND).await;
        println!("{file} {call} {at}: {end}");
        assert!(
            ["done", "unknown"].contains(&end),
            "{file} {call} {at}: {end}"
        );
    }
}

fn can_trace() -> bool {
    let strace = std::process::Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    strace.is_ok_and(|status| status.success())
}

/// Options of strace.
fn kill_at(call: &str, nth: usize) -> String {
    format!("-e inject={call}:signal=KILL:when={nth}")
}

/// The same in every thread, but not in what the supervisor starts; only for calls at this file of the attempt.
fn kill_in_any_thread(file: &str, call: &str, nth: usize) -> String {
    format!("-f -b execve -P \"$2/{file}\" {}", kill_at(call, nth))
}

/// How a command ends, as everybody sees it from then on, whose supervisor runs under strace with these options.
async fn end_of_one_killed(options: &str, text: &str) -> &'static str {
    let folder = tempfile::tempdir().expect("a scratch directory");
    let wrapper = folder.path().join("killed");
    let script = format!(
        "#!/bin/sh\nexec strace -qq -o /dev/null {options} '{}' \"$@\"\n",
        env!("CARGO_BIN_EXE_tminus")
    );
    std::fs::write(&wrapper, script).expect("the wrapper is written");
    let made = std::process::Command::new("chmod")
        .arg("+x")
        .arg(&wrapper)
        .status();
    assert!(made.expect("chmod runs").success());
    let mut session = Session::with(|surroundings| surroundings.program = wrapper);
    let outcome = session.outcome(text).await;
    let again = session.replaced();
    let mut again = Session {
        attempt: 1,
        ..again
    };
    again.processes.attend(1);
    assert_eq!(again.end().await.outcome, outcome, "{options}: it stays so");
    let count = std::fs::read_to_string(again.folder.path().join("count")).unwrap_or_default();
    let (end, is_true) = match &outcome {
        Outcome::Exited { code: 0 } => ("done", count == "x\n"),
        Outcome::NotStarted { .. } => ("not started", count.is_empty()),
        Outcome::Unknown { .. } => ("unknown", count.len() <= 2),
        _ => ("wrong", false),
    };
    assert!(is_true, "{options}: {outcome:?}, and it ran {count:?}");
    end
}
