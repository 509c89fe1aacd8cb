//! A run whose steps are commands, and what its files and processes say to who looks from outside.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Pid;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::terminal::{PATIENCE, Terminal};

/// Columns and rows of the terminal.
pub const WIDE: (u16, u16) = (120, 40);

/// How often is looked whether something has come about that no screen shows.
pub const LOOK: Duration = Duration::from_millis(5);

/// What a command begins with that asks for a terminal of its own.
pub const IN_TERMINAL: &str = "test -t 1";

/// A run whose first step is one command.
pub struct Scene {
    /// Holds the runbook and the state.
    pub folder: TempDir,
}

impl Scene {
    /// A run of this command.
    pub fn new(command: &str) -> Self {
        Self::with_steps(&[command])
    }

    /// A run whose steps are these commands.
    pub fn with_steps(commands: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let scene = Self { folder };
        let steps: Vec<String> = commands
            .iter()
            .enumerate()
            .map(|(at, command)| {
                let tty = command.starts_with(IN_TERMINAL);
                format!(
                    "{{ id = \"s{at}\", title = \"Step {at}\", level = \"safe\", tty = {tty}, \
                     run = '''{command}''' }},\n"
                )
            })
            .collect();
        let runbook = format!(
            "format = 1\ntitle = \"Rollout\"\ntarget = \"prod\"\n[[phase]]\nid = \"p\"\ntitle = \"Before\"\n\
             stage = \"pre-launch\"\n[[phase.section]]\nid = \"s\"\ntitle = \"Deploy\"\norder = \"do-confirm\"\n\
             steps = [\n{}]\n",
            steps.concat()
        );
        fs::write(scene.path("rollout.toml"), runbook).expect("the runbook is written");
        scene
    }

    /// Something in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A FIFO in its folder.
    pub fn fifo(&self, name: &str) -> PathBuf {
        let made = Command::new("mkfifo").arg(self.path(name)).status();
        assert!(made.expect("mkfifo runs").success());
        self.path(name)
    }

    /// Begins the run.
    pub async fn open(&self) -> Terminal {
        let file = self.path("rollout.toml").to_string_lossy().into_owned();
        let mut screen = Terminal::start(&["run", &file, "--trust"], WIDE, self.folder.path());
        screen.wait_for("Step 0").await;
        screen
    }

    /// Comes back to it.
    pub async fn resume(&self) -> Terminal {
        let mut screen = Terminal::start(&["resume"], WIDE, self.folder.path());
        screen.wait_for("Step 0").await;
        screen
    }

    /// What the run's files say to who asks without a screen.
    pub fn asked(&self) -> serde_json::Value {
        let output = Command::new(env!("CARGO_BIN_EXE_tminus"))
            .args(["status", "--json"])
            .env("TMINUS_STATE_DIR", self.folder.path())
            .output()
            .expect("status runs");
        serde_json::from_slice(&output.stdout).expect("status is JSON")
    }

    /// Where the first step stands, by what is on disk.
    pub fn status(&self) -> String {
        let asked = self.asked();
        let status = &asked["steps"]["p/s/s0"]["status"];
        status.as_str().expect("the step has a status").to_owned()
    }

    /// The processes that work for this run: the program's own, supervisors and commands. They all name a file of it.
    pub fn processes(&self) -> Vec<(Pid, String)> {
        let name = self.folder.path().to_string_lossy().into_owned();
        let entries = fs::read_dir("/proc").expect("Linux tells its processes");
        let found = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let arguments = fs::read(entry.path().join("cmdline")).ok()?;
            let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
            arguments
                .contains(&name)
                .then(|| Some((Pid::from_raw(pid)?, arguments)))
                .flatten()
        });
        found.collect()
    }

    /// The process that stands between the command and the screen.
    pub fn supervisor(&self) -> Option<Pid> {
        let mut processes = self.processes().into_iter();
        processes
            .find(|(_, arguments)| arguments.starts_with("tminus supervise "))
            .map(|(pid, _)| pid)
    }

    /// Waits until nothing works for this run any more.
    pub async fn quiet(&self) {
        until("no process is left behind", || self.processes().is_empty()).await;
    }

    /// How often the command has run, by what it wrote down itself.
    pub fn count(&self) -> usize {
        fs::read_to_string(self.path("count")).map_or(0, |count| count.lines().count())
    }
}

/// Waits for something that no screen shows.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        sleep(LOOK).await;
    }
}

impl Scene {
    /// Where the only run has its files.
    pub fn run_dir(&self) -> PathBuf {
        let mut runs = fs::read_dir(self.path("runs")).expect("there is a run");
        let run = runs.next().expect("there is a run").expect("readable");
        run.path()
    }

    /// Says how it stands, after having looked whether that can be: nothing ran twice, and nothing wrong is said.
    pub fn truth(&self) -> String {
        let (status, count) = (self.status(), self.count());
        let said = format!("{status}, ran {count} times");
        let is_true = match status.as_str() {
            "done" => count == 1,
            "todo" => count == 0,
            "unknown" => count <= 1,
            _ => false,
        };
        assert!(is_true, "{said}");
        said
    }
}
