//! Promise P7: before a runbook is trusted, nothing of it is executed and nothing is contacted.

mod loopback;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loopback::response;
use terminal::Terminal;

const WIDE: (u16, u16) = (120, 60);

/// A runbook that would show itself by everything it can do without being asked, in a directory of its own.
struct Eager {
    dir: tempfile::TempDir,
    /// Connections that its check made.
    visits: Arc<AtomicUsize>,
}

impl Eager {
    fn new() -> Self {
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        let address = loopback::serve(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            response("200 OK", b"")
        });
        let dir = tempfile::tempdir().expect("a scratch directory");
        let eager = Self { dir, visits };
        let text = RUNBOOK.replace("ADDRESS", &address);
        std::fs::write(eager.file(), text).expect("the runbook is written");
        eager
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("eager.toml")
    }

    fn path(&self) -> String {
        self.file().to_string_lossy().into_owned()
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file()).expect("the runbook");
        assert!(text.contains(from));
        std::fs::write(self.file(), text.replace(from, to)).expect("the runbook is written");
    }

    /// Runs tminus with these arguments and the file, in no terminal.
    fn call(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tminus"))
            .args(arguments)
            .arg(self.file())
            .env("TMINUS_STATE_DIR", self.state())
            .env("TMINUS_OPERATOR", "ana")
            .stdin(Stdio::null())
            .output()
            .expect("tminus runs")
    }

    fn start(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(arguments, WIDE, &self.state())
    }

    fn has_acted(&self) -> bool {
        let left = ["checked", "stepped"].map(|name| self.dir.path().join(name));
        self.visits.load(Ordering::SeqCst) > 0 || left.iter().any(|path| path.exists())
    }

    fn runs(&self) -> Vec<PathBuf> {
        let runs = std::fs::read_dir(self.state().join("runs"));
        let entries = runs.into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| entry.path()).collect()
    }
}

const RUNBOOK: &str = r#"
format = 1
title = "Eager launch"
target = "prod-eager"
[roles]
ops = "Operations"
[[check]]
id = "api"
title = "API answers"
http = { url = "http://ADDRESS/health" }
expect = ["status == 200"]
[[check]]
id = "toucher"
title = "Leaves a trace"
command = { run = "touch checked" }
expect = ["exit == 0"]
[[phase]]
title = "Before"
stage = "pre-launch"
[[phase.section]]
title = "Ready"
steps = [{ title = "Look around", run = "touch stepped", level = "safe", auto = true }, "First thing is so"]
"#;

/// Leaves once the automatic step is done; while a command runs, leaving asks first.
async fn leave(screen: &mut Terminal) {
    screen.wait_for("1 PRE 1/2").await;
    screen.send("q").await;
}

const QUESTION: &str = "Type `trust`";

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn what_is_declined_did_nothing() {
    for answer in ["\r", "y\r", "yes\r", "Trust me\r", "\x04"] {
        let eager = Eager::new();
        let mut screen = eager.start(&["run", &eager.path()]);
        screen.wait_for(QUESTION).await;
        let shown = screen.screen();
        for part in [
            "touch checked",
            "touch stepped",
            "/health",
            "BY ITSELF",
            "SHA-256",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        screen.send(answer).await;
        assert_eq!(screen.finish().await, Some(7), "{answer:?}");
        assert!(!eager.has_acted(), "{answer:?}");
        assert!(eager.runs().is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_trusted_runs_and_is_not_asked_for_again() {
    let eager = Eager::new();
    let mut screen = eager.start(&["run", &eager.path()]);
    screen.wait_for(QUESTION).await;
    assert!(!eager.has_acted());
    screen.send("trust\r").await;
    screen.wait_for("First thing").await;
    screen
        .wait_until("both checks pass", |_| {
            eager.dir.path().join("checked").exists()
        })
        .await;
    leave(&mut screen).await;
    assert_eq!(screen.finish().await, Some(0));
    assert!(
        eager.has_acted(),
        "so the other tests can see that nothing did"
    );

    let mut again = eager.start(&["run", &eager.path()]);
    again.wait_for("First thing").await;
    leave(&mut again).await;
    again.finish().await;
    assert!(!String::from_utf8_lossy(&again.received).contains(QUESTION));
}

#[tokio::test]
async fn a_change_asks_again_and_shows_what_changed() {
    let eager = Eager::new();
    assert!(eager.call(&["trust", "--yes"]).status.success());
    eager.edit("touch stepped", "touch stepped; rm -rf everything");
    let mut screen = eager.start(&["run", &eager.path()]);
    screen.wait_for(QUESTION).await;
    let shown = screen.screen();
    assert!(shown.contains("changed since it was trusted"), "{shown}");
    for sign in ["-steps = [", "+steps = ["] {
        assert!(shown.lines().any(|line| line.starts_with(sign)), "{shown}");
    }
    assert!(!shown.contains("-title"), "only what changed: {shown}");
    screen.send("no\r").await;
    assert_eq!(screen.finish().await, Some(7));
    assert!(!eager.has_acted());

    eager.edit("; rm -rf everything", "");
    let mut back = eager.start(&["run", &eager.path()]);
    back.wait_for("First thing").await;
    leave(&mut back).await;
    back.finish().await;
}

#[tokio::test]
async fn what_was_shown_is_what_runs() {
    let eager = Eager::new();
    let shown = std::fs::read(eager.file()).expect("the runbook");
    let mut screen = eager.start(&["run", &eager.path()]);
    screen.wait_for(QUESTION).await;
    eager.edit("First thing", "Smuggled thing");
    screen.send("trust\r").await;
    screen.wait_for("First thing").await;
    leave(&mut screen).await;
    screen.finish().await;
    let frozen = std::fs::read(eager.runs()[0].join("runbook.toml")).expect("the frozen copy");
    assert_eq!(frozen, shown);
    // What lies there now was never shown, so it isn't trusted.
    let refused = eager.call(&["run"]);
    assert_eq!(refused.status.code(), Some(7));
    assert!(words(&refused).contains("was changed since it was trusted"));
}

#[test]
fn without_anyone_to_ask_it_is_refused_with_the_way_out() {
    let eager = Eager::new();
    for arguments in [
        &["run"][..],
        &["run", "--no-input"],
        &["trust"],
        &["trust", "--no-input"],
    ] {
        let refused = eager.call(arguments);
        assert_eq!(refused.status.code(), Some(7), "{arguments:?}");
        let words = words(&refused);
        assert!(words.contains("isn't trusted yet"), "{words}");
        assert!(
            words.contains(&format!("tminus trust {}", eager.path())),
            "{words}"
        );
    }
    let granted = eager.call(&["trust", "--yes"]);
    assert!(granted.status.success());
    assert!(
        words(&granted).contains("touch stepped"),
        "it is shown in any case"
    );
    // Trusted now; what is missing is a terminal.
    assert_eq!(eager.call(&["run"]).status.code(), Some(2));
    assert!(!eager.has_acted());
}

#[test]
fn trust_is_for_a_path_and_not_for_a_copy() {
    let eager = Eager::new();
    assert!(eager.call(&["trust", "--yes"]).status.success());
    let copy = eager.dir.path().join("copy.toml");
    std::fs::copy(eager.file(), &copy).expect("a copy");
    std::fs::rename(&copy, eager.dir.path().join("other.toml")).expect("another name");
    let refused = Command::new(env!("CARGO_BIN_EXE_tminus"))
        .args(["run", "./other.toml"])
        .current_dir(eager.dir.path())
        .env("TMINUS_STATE_DIR", eager.state())
        .stdin(Stdio::null())
        .output()
        .expect("tminus runs");
    assert_eq!(refused.status.code(), Some(7));
}

#[tokio::test]
async fn looking_needs_no_trust_and_does_nothing() {
    let eager = Eager::new();
    for arguments in [
        &["show"][..],
        &["show", "--json"],
        &["lint"],
        &["lint", "--json"],
    ] {
        assert!(eager.call(arguments).status.success(), "{arguments:?}");
    }
    assert!(!eager.has_acted());
    assert!(!eager.state().exists(), "and leaves nothing behind");
}

#[tokio::test]
async fn watching_runs_and_contacts_nothing() {
    let eager = Eager::new();
    let mut screen = eager.start(&["run", &eager.path(), "--trust"]);
    screen.wait_for("First thing").await;
    leave(&mut screen).await;
    screen.finish().await;
    for name in ["checked", "stepped"] {
        let _ = std::fs::remove_file(eager.dir.path().join(name));
    }
    eager.visits.store(0, Ordering::SeqCst);
    std::fs::remove_dir_all(eager.state().join("trust")).expect("trust is taken away");

    let mut watcher = eager.start(&["watch"]);
    watcher.wait_for("First thing").await;
    watcher.send("r").await;
    watcher.wait_for("looking again").await;
    watcher.send("q").await;
    assert_eq!(watcher.finish().await, Some(0));
    for arguments in [&["status"][..], &["log"], &["ls"], &["verify"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_tminus"))
            .args(arguments)
            .env("TMINUS_STATE_DIR", eager.state())
            .output()
            .expect("tminus runs");
        assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    }
    assert!(!eager.has_acted());
}

#[test]
fn a_runbook_can_not_set_trust_tls_or_redaction() {
    let eager = Eager::new();
    for line in [
        "trust = true",
        "trusted = true",
        "redact = false",
        "insecure = true",
        "tls = { verify = false }",
    ] {
        let text = format!(
            "{line}\n{}",
            std::fs::read_to_string(eager.file()).expect("the runbook")
        );
        let file = eager.dir.path().join("bold.toml");
        std::fs::write(&file, text).expect("the runbook is written");
        let found = lint(&file);
        assert!(found.contains("unknown-key"), "{line}: {found}");
    }
    for key in [
        "insecure = true",
        "verify = false",
        "tls = { verify = false }",
        "proxy = \"x\"",
    ] {
        let text = std::fs::read_to_string(eager.file()).expect("the runbook");
        let file = eager.dir.path().join("bold.toml");
        std::fs::write(
            &file,
            text.replace("/health\"", &format!("/health\", {key}")),
        )
        .expect("the runbook is written");
        let found = lint(&file);
        assert!(found.contains("unknown-key"), "{key}: {found}");
    }
}

fn lint(file: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tminus"))
        .arg("lint")
        .arg(file)
        .output()
        .expect("tminus runs");
    assert_eq!(output.status.code(), Some(3));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// System calls that start a program or send something out.
const OUTWARD: &str = "trace=execve,execveat,connect,sendto,sendmsg,sendmmsg,bind,listen";

#[tokio::test]
#[cfg(target_os = "linux")]
async fn declining_makes_no_system_call_that_reaches_out() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "strace has to be installed where the promise is proved"
        );
        eprintln!("strace isn't installed: what is declined is only seen to have done nothing");
        return;
    }
    let declined = calls(false).await;
    let started: Vec<&String> = declined
        .iter()
        .filter(|line| line.contains("exec"))
        .collect();
    assert_eq!(
        started.len(),
        1,
        "tminus itself and nothing else: {declined:#?}"
    );
    assert_eq!(declined.len(), 1, "nothing is contacted: {declined:#?}");

    let trusted = calls(true).await;
    for wanted in ["connect(", "execve("] {
        let count = trusted.iter().filter(|line| line.contains(wanted)).count();
        assert!(count > 0, "what is trusted is seen to act: {trusted:#?}");
    }
    assert!(trusted.len() > 2, "{trusted:#?}");
}

/// The outward system calls from opening an untrusted runbook to the end.
async fn calls(is_trusting: bool) -> Vec<String> {
    let eager = Eager::new();
    let trace = eager.dir.path().join("trace");
    let trace_path = trace.to_string_lossy().into_owned();
    let path = eager.path();
    let tminus = env!("CARGO_BIN_EXE_tminus");
    let arguments = [
        "-f",
        "-qq",
        "-s",
        "200",
        "-e",
        OUTWARD,
        "-e",
        "signal=none",
        "-o",
        &trace_path,
        tminus,
        "run",
        &path,
    ];
    let mut screen = Terminal::start_program(
        std::path::Path::new("strace"),
        &arguments,
        WIDE,
        &eager.state(),
        &[],
    );
    screen.wait_for(QUESTION).await;
    if is_trusting {
        screen.send("trust\r").await;
        screen.wait_for("First thing").await;
        screen
            .wait_until("the check ran", |_| {
                eager.dir.path().join("checked").exists()
            })
            .await;
        leave(&mut screen).await;
    } else {
        screen.send("\r").await;
    }
    screen.finish().await;
    let traced = std::fs::read_to_string(trace).expect("strace wrote what it saw");
    let is_call = |line: &&str| !line.contains("+++") && !line.contains("resumed");
    traced.lines().filter(is_call).map(str::to_owned).collect()
}
