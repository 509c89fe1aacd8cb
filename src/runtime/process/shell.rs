//! How a command is started.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Pid;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use super::Group;
use crate::app::Spawn;
use crate::runtime::environment;

/// What all commands of a session have in common.
#[derive(Debug)]
pub(super) struct Shell {
    /// Where they run.
    pub(super) folder: PathBuf,
    /// The runbook's variables.
    pub(super) environment: BTreeMap<String, String>,
}

/// A command that runs.
#[derive(Debug)]
pub(super) struct Started {
    /// Its leader.
    pub(super) child: Child,
    /// The group it leads.
    pub(super) group: Group,
    /// Both of its outputs.
    pub(super) output: pipe::Receiver,
}

impl Shell {
    /// Starts a command in a process group of its own; or says why it can't, for people.
    pub(super) fn start(&self, spawn: &Spawn) -> Result<Started, String> {
        let dir = match &spawn.dir {
            Some(dir) => self.folder.join(dir),
            None => self.folder.clone(),
        };
        // The error of starting a program doesn't tell a missing directory from a missing program.
        if !dir.is_dir() {
            let dir = dir.display();
            return Err(format!(
                "failed to enter {dir}: it is not a directory; make it, or correct `dir`"
            ));
        }
        self.start_in(dir, &spawn.command)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => "failed to start bash: it is not on PATH".to_owned(),
                _ => format!("failed to start bash: {error}"),
            })
    }

    fn start_in(&self, dir: PathBuf, text: &str) -> io::Result<Started> {
        // One pipe for both outputs keeps their order.
        let (reader, writer) = io::pipe()?;
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        // `--`: a text that begins with a dash is no option. The command's ends of the pipe are closed with the
        // `Command`, so that the pipe ends with those who write into it.
        let child = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", "--", text])
            .current_dir(dir)
            .env_clear()
            .envs(environment::inherited())
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = Group(leader.ok_or(io::ErrorKind::NotFound)?);
        Ok(Started {
            child,
            group,
            output,
        })
    }
}
