//! How a command is started.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use pty_process::Size;
use pty_process::blocking::Pty;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Pid;

use super::attendant::Group;
use super::place::{Place, Spec};
use crate::runtime::environment;

/// The rows and columns of a command's own terminal: nobody's in particular, but wide enough for progress bars.
const SIZE: (u16, u16) = (40, 120);

/// What a terminal in its usual mode takes for the end of input.
const END_OF_INPUT: &[u8] = b"\x04";

/// A command that runs.
#[derive(Debug)]
pub(super) struct Started {
    /// Its leader.
    pub(super) child: Child,
    /// The group it leads.
    pub(super) group: Group,
    /// Both of its outputs, in their order.
    pub(super) output: Output,
}

/// Where a command's output comes from.
pub(super) enum Output {
    /// One pipe for both outputs keeps their order.
    Pipe(PipeReader),
    /// A terminal of its own.
    Terminal(Pty),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pipe(_) => "Pipe",
            Self::Terminal(_) => "Terminal",
        })
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.read(buffer),
            Self::Terminal(terminal) => terminal.read(buffer),
        }
    }
}

/// Why a command can't run where it should, for people.
pub(super) fn obstacle(spec: &Spec) -> Option<String> {
    // The error of starting a program doesn't tell a missing directory from a missing program.
    let dir = spec.dir.display();
    (!spec.dir.is_dir())
        .then(|| format!("failed to enter {dir}: it is not a directory; make it, or correct `dir`"))
}

/// Starts the command in a process group of its own; or says why it can't, for people.
pub(super) fn start(
    place: &Place,
    spec: &Spec,
    variables: Vec<(String, String)>,
) -> Result<Started, String> {
    try_start(place, spec, variables).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "failed to start bash: it is not on PATH".to_owned(),
        _ => format!("failed to start bash: {error}"),
    })
}

fn try_start(place: &Place, spec: &Spec, variables: Vec<(String, String)>) -> io::Result<Started> {
    // Inherited by whatever the command starts, and closed here when this returns: the kernel gives the lock back
    // with the last of them.
    let _tree = inheritable(place.hold_tree()?)?;
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eo", "pipefail"])
        .arg(place.script())
        .current_dir(&spec.dir)
        .env_clear()
        // Where we have none, as in a job: whatever asks for it gets the least that every program can write to.
        .env("TERM", "dumb")
        .envs(environment::inherited())
        .envs(variables);
    let (child, output) = if spec.tty {
        in_terminal(bash)?
    } else {
        in_pipe(bash)?
    };
    let leader = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Started {
        child,
        group: Group(leader),
        output,
    })
}

fn inheritable(file: File) -> io::Result<File> {
    fcntl_setfd(&file, FdFlags::empty())?;
    Ok(file)
}

fn in_pipe(mut bash: Command) -> io::Result<(Child, Output)> {
    let (reader, writer) = io::pipe()?;
    // The command's ends of the pipe are closed with `bash`, so that the pipe ends with those who write into it.
    let child = bash
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    Ok((child, Output::Pipe(reader)))
}

fn in_terminal(bash: Command) -> io::Result<(Child, Output)> {
    let (mut terminal, user) = pty_process::blocking::open().map_err(refused)?;
    let (rows, columns) = SIZE;
    terminal.resize(Size::new(rows, columns)).map_err(refused)?;
    // Nobody types here: what asks gets an end instead of waiting for ever.
    terminal.write_all(END_OF_INPUT)?;
    // Makes it the leader of a session, and so of a group of its own.
    let child = pty_process::blocking::Command::from(bash)
        .spawn(user)
        .map_err(refused)?;
    Ok((child, Output::Terminal(terminal)))
}

fn refused(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
