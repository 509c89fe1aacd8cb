//! Servers from Debian's packages, on free ports of the loopback interface and in folders of their own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

/// How long anything may take before a test gives up. Generous: it is only reached when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that is waited for.
pub const GLANCE: Duration = Duration::from_millis(50);

/// Where programs are, in this order. Debian keeps servers out of a user's PATH, and PostgreSQL's in a folder by
/// version.
fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(PathBuf::from("/usr/sbin"));
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders
}

/// Finds a server's program. Where it isn't installed the test that asks is skipped and says so; under `CI=true`
/// it fails, since a test that never runs proves nothing.
pub fn find(program: &str) -> Option<PathBuf> {
    let found = folders()
        .into_iter()
        .map(|folder| folder.join(program))
        .find(|path| path.exists());
    if found.is_none() {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "{program} is not installed; .ci/run installs it");
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// A port that nobody listened on a moment ago.
pub async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// A server that runs until this is dropped.
pub struct Daemon {
    child: Child,
    /// Its folder, which goes with it.
    pub folder: TempDir,
}

impl Daemon {
    /// Starts a server in its folder and waits until it listens on `port`.
    pub async fn start(
        program: &Path,
        arguments: &[&str],
        folder: TempDir,
        user: Option<&str>,
        port: u16,
    ) -> Self {
        let log = File::create(folder.path().join("daemon.log")).unwrap();
        let child = as_user(user)
            .arg(program)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Self { child, folder };
        daemon.listens(port).await;
        daemon
    }

    async fn listens(&mut self, port: u16) {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || started.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.folder.path().join("daemon.log"));
                panic!("the server doesn't listen ({ended:?}):\n{}", log.unwrap());
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

/// What runs a program as another user, and ends it when the test's thread ends however it ends.
pub fn as_user(user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=TERM");
    if let Some(user) = user {
        command.args([
            &format!("--reuid={user}"),
            &format!("--regid={user}"),
            "--clear-groups",
        ]);
    }
    command
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked first, so that PostgreSQL takes its shared memory along.
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if asked.elapsed() > Duration::from_secs(10) {
                let _ = self.child.kill();
            }
            std::thread::sleep(GLANCE);
        }
    }
}
