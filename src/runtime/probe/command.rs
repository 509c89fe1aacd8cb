//! `command` checks and metrics: a shell command that only reads.
//!
//! These run unattended every few seconds, so nothing of them may stay behind: each gets a process group of its
//! own, which is killed when its leader ends, when the time is up, and when the look is dropped. Commands of steps
//! are another matter, they outlive the program; see the supervisor.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::{FusedFuture, FutureExt, join};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::blind;
use crate::check::{Blind, Facts, Reason};
use crate::runtime::environment;

/// More of an output stream than this is read but not kept; 1 MiB.
const OUTPUT_CAP: usize = 1 << 20;

/// What a shell exits with when it doesn't find the command.
const NOT_FOUND: i32 = 127;

/// How long output is waited for after the leader ended and its group was killed. Only a process that left the
/// group can still hold the pipe then, and nobody asked for its output.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A command that ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub(super) exit: Option<i32>,
    /// Standard output, capped.
    pub(super) stdout: Vec<u8>,
    /// Standard error, capped.
    pub(super) stderr: Vec<u8>,
}

/// Runs the check's command.
pub(super) async fn look(
    text: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Facts, Blind> {
    let Ended {
        exit,
        stdout,
        stderr,
    } = run(text, folder, environment).await?;
    Ok(Facts::Command {
        exit,
        stdout,
        stderr,
    })
}

/// Runs shell text in `folder` to its end, the end being that of the shell, not of the output.
pub(super) async fn run(
    text: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Ended, Blind> {
    let child = spawn(text, folder, environment).map_err(|error| {
        let reason = if error.kind() == io::ErrorKind::NotFound {
            Reason::MissingTool
        } else {
            Reason::NoData
        };
        blind(reason, format!("failed to start bash: {error}"))
    })?;
    let ended = collect(child)
        .await
        .map_err(|error| blind(Reason::NoData, format!("failed to wait: {error}")))?;
    // The code alone decides, because bash words its message in the language of the locale.
    if ended.exit == Some(NOT_FOUND) {
        return Err(blind(
            Reason::MissingTool,
            "a program that the command needs is not installed (exit code 127)",
        ));
    }
    Ok(ended)
}

fn spawn(text: &str, folder: &Path, environment: &BTreeMap<String, String>) -> io::Result<Child> {
    Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", "--", text])
        .current_dir(folder)
        .env_clear()
        .envs(environment::inherited())
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

async fn collect(mut child: Child) -> io::Result<Ended> {
    let group = Group::led_by(&child);
    let pipes = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit;
    {
        let mut reading = pin!(
            join(
                keep_head(pipes.0, &mut stdout),
                keep_head(pipes.1, &mut stderr)
            )
            .fuse()
        );
        let status: ExitStatus = tokio::select! {
            status = child.wait() => status?,
            _ = &mut reading => child.wait().await?,
        };
        exit = status.code();
        drop(group);
        if !reading.is_terminated() {
            let _ = timeout(LAST_WORDS, reading).await;
        }
    }
    Ok(Ended {
        exit,
        stdout,
        stderr,
    })
}

/// Reads to the end and keeps the head. What is beyond the cap is read too: a full pipe would stop the command, a
/// closed one would kill it.
async fn keep_head(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 << 10];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        let room = OUTPUT_CAP - kept.len();
        kept.extend_from_slice(&chunk[..length.min(room)]);
    }
}

/// A process group that ends with this value.
///
/// Dropping it after the leader was reaped is meant: what the leader left running in the background keeps the
/// group's number from being given to anyone else, and where nothing was left the kernel, which hands numbers out
/// in turn, has not come round to this one again.
struct Group(Option<Pid>);

impl Group {
    fn led_by(leader: &Child) -> Self {
        Self(leader.id().and_then(|id| Pid::from_raw(id.cast_signed())))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // An error says that nothing is left of the group.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::unix::pipe;

    use super::*;
    use crate::check::Probe;
    use crate::runtime::probe::Prober;

    async fn run_here(text: &str) -> Result<Ended, Blind> {
        run(text, Path::new("."), &BTreeMap::new()).await
    }

    #[tokio::test]
    async fn exit_code_and_both_outputs_come_home() {
        let ended = run_here("echo out; echo err >&2; exit 3").await.unwrap();
        assert_eq!(
            (ended.exit, ended.stdout, ended.stderr),
            (Some(3), b"out\n".to_vec(), b"err\n".to_vec())
        );
    }

    #[tokio::test]
    async fn a_failure_inside_a_pipe_or_before_the_last_line_counts() {
        assert_eq!(run_here("false | true").await.unwrap().exit, Some(1));
        assert_eq!(run_here("false\ntrue").await.unwrap().exit, Some(1));
    }

    #[tokio::test]
    async fn a_missing_program_is_our_own_blindness() {
        let seen = run_here("tminus-test-no-such-program")
            .await
            .map_err(|blind| blind.reason);
        assert_eq!(seen.unwrap_err(), Reason::MissingTool);
    }

    #[tokio::test]
    async fn variables_arrive_as_they_are_and_are_never_parsed() {
        let environment = BTreeMap::from([("VERSION".to_owned(), "$(exit 9); 'v1'".to_owned())]);
        let ended = run(r#"printf %s "$VERSION""#, Path::new("."), &environment)
            .await
            .unwrap();
        assert_eq!(
            (ended.exit, ended.stdout),
            (Some(0), b"$(exit 9); 'v1'".to_vec())
        );
    }

    #[tokio::test]
    async fn output_beyond_the_cap_is_read_and_forgotten() {
        let ended = run_here("head -c 3000000 /dev/zero; echo end >&2")
            .await
            .unwrap();
        assert_eq!(
            (ended.exit, ended.stdout.len(), ended.stderr),
            (Some(0), OUTPUT_CAP, b"end\n".to_vec())
        );
    }

    #[tokio::test]
    async fn the_end_is_that_of_the_shell_and_takes_the_background_along() {
        let ended = run_here("sleep 1000 & echo started").await.unwrap();
        assert_eq!((ended.exit, ended.stdout), (Some(0), b"started\n".to_vec()));
    }

    /// A FIFO that reads as ended once every process that opened it for writing is gone.
    fn lifeline(folder: &Path) -> pipe::Receiver {
        let path = folder.join("lifeline");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        pipe::OpenOptions::new().open_receiver(path).unwrap()
    }

    /// Both the shell and a process in its background hold the lifeline, and say so.
    const TWO_HOLDERS: &str = "exec 3>lifeline; (echo held >&3; sleep 1000) & wait";

    #[tokio::test]
    async fn the_time_limit_kills_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let mut lifeline = lifeline(folder.path());
        let prober = Prober::new(folder.path(), BTreeMap::new());
        let probe = Probe::Command {
            run: TWO_HOLDERS.to_owned(),
        };
        let seen = prober
            .look(&probe, Duration::from_secs(1))
            .await
            .facts
            .map_err(|blind| blind.reason);
        assert_eq!(seen, Err(Reason::Timeout));
        lifeline.read_to_end(&mut Vec::new()).await.unwrap();
    }

    #[tokio::test]
    async fn dropping_the_look_kills_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let mut lifeline = lifeline(folder.path());
        let mut heard = [0; 5];
        {
            let environment = BTreeMap::new();
            let running = run(TWO_HOLDERS, folder.path(), &environment);
            tokio::select! {
                _ = running => panic!("it waits for a thousand seconds"),
                held = read_held(&mut lifeline, &mut heard) => held,
            }
        }
        assert_eq!(&heard, b"held\n");
        assert_eq!(lifeline.read(&mut [0; 1]).await.unwrap(), 0);
    }

    /// Before a writer has come a FIFO reads as ended too, so this waits for it to be readable and tries again.
    async fn read_held(lifeline: &mut pipe::Receiver, heard: &mut [u8]) {
        loop {
            lifeline.readable().await.unwrap();
            if lifeline.try_read(heard).is_ok_and(|length| length > 0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}
