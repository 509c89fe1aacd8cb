//! The real binary in a pseudo-terminal, seen through a terminal emulator.
//!
//! Tests type keys and wait for what the screen shows, as a person does; nothing sleeps for a guessed time.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::ffi::OsStr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pty_process::{OwnedReadPty, OwnedWritePty, Size};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;

/// How long anything may take before a test gives up. Generous: it is only reached when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running tminus in a terminal.
pub struct Terminal {
    reader: OwnedReadPty,
    writer: OwnedWritePty,
    emulator: vt100::Parser,
    /// Every byte the terminal received.
    pub received: Vec<u8>,
    /// The process.
    pub child: Child,
}

impl Terminal {
    /// Starts tminus with these arguments in a terminal of this size, its state in `state`.
    pub fn start<S: AsRef<OsStr>>(
        arguments: &[S],
        (columns, rows): (u16, u16),
        state: &Path,
    ) -> Self {
        Self::start_with(arguments, (columns, rows), state, &[])
    }

    /// The same with more environment variables.
    pub fn start_with<S: AsRef<OsStr>>(
        arguments: &[S],
        (columns, rows): (u16, u16),
        state: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_program(&program(), arguments, (columns, rows), state, environment)
    }

    /// The same with another program in front of tminus.
    pub fn start_program<S: AsRef<OsStr>>(
        program: &Path,
        arguments: &[S],
        (columns, rows): (u16, u16),
        state: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        let (pty, pts) = pty_process::open().expect("a pseudo-terminal");
        pty.resize(Size::new(rows, columns))
            .expect("the size is set");
        let mut command = pty_process::Command::new(program)
            .args(arguments)
            .env("TMINUS_STATE_DIR", state)
            .env("XDG_CONFIG_HOME", state.join("config"))
            .env("XDG_DATA_HOME", state.join("data"))
            .env("TMINUS_OPERATOR", "ana")
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .kill_on_drop(true);
        for (name, value) in environment {
            command = command.env(name, value);
        }
        let child = command.spawn(pts).expect("tminus starts");
        let (reader, writer) = pty.into_split();
        let emulator = vt100::Parser::new(at_least_one(rows), at_least_one(columns), 0);
        Self {
            reader,
            writer,
            emulator,
            received: Vec::new(),
            child,
        }
    }

    /// What the screen shows, line by line.
    pub fn screen(&self) -> String {
        self.emulator.screen().contents()
    }

    /// What the terminal shows, cell by cell.
    pub fn cells(&self) -> &vt100::Screen {
        self.emulator.screen()
    }

    /// Whether the alternate screen is on, the cursor hidden, or the mouse or paste reported: what has to be given back.
    pub fn is_taken_over(&self) -> bool {
        let screen = self.emulator.screen();
        screen.alternate_screen()
            || screen.hide_cursor()
            || screen.bracketed_paste()
            || screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    /// Types these bytes.
    pub async fn send(&mut self, bytes: &str) {
        self.writer
            .write_all(bytes.as_bytes())
            .await
            .expect("the terminal takes keys");
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.writer
            .resize(Size::new(rows, columns))
            .expect("the size is set");
        self.emulator
            .screen_mut()
            .set_size(at_least_one(rows), at_least_one(columns));
    }

    /// Waits until the screen shows this text.
    pub async fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text)).await;
    }

    /// Waits until the screen doesn't show this text any more.
    pub async fn wait_gone(&mut self, text: &str) {
        self.wait_until(text, |screen| !screen.contains(text)).await;
    }

    /// Waits until the screen shows this text; `false` when the program ends before.
    pub async fn shows(&mut self, text: &str) -> bool {
        let seen = tokio::time::timeout(PATIENCE, async {
            while !self.screen().contains(text) {
                if !self.receive().await {
                    return false;
                }
            }
            true
        });
        let seen = seen.await;
        seen.unwrap_or_else(|_| {
            panic!(
                "no {text:?} within {PATIENCE:?}; the screen:\n{}",
                self.screen()
            )
        })
    }

    /// Waits until the screen is as wanted.
    pub async fn wait_until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !wanted(&self.screen()) {
            let more = tokio::time::timeout_at(deadline, self.receive()).await;
            match more {
                Ok(true) => {}
                Ok(false) => panic!(
                    "tminus ended while waiting for {what:?}; the screen:\n{}",
                    self.screen()
                ),
                Err(_) => panic!(
                    "no {what:?} within {PATIENCE:?}; the screen:\n{}",
                    self.screen()
                ),
            }
        }
    }

    /// Takes in what the terminal received; `false` at its end.
    async fn receive(&mut self) -> bool {
        let mut buffer = [0_u8; 16 * 1024];
        // On Linux the end of a pseudo-terminal is an error (EIO).
        match self.reader.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.emulator.process(&buffer[..count]);
                self.received.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    /// Takes in whatever comes for this long.
    pub async fn take_in_for(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while let Ok(true) = tokio::time::timeout_at(until, self.receive()).await {}
    }

    /// Waits for the program's end and takes in everything it wrote; its exit code, `None` for a signal.
    pub async fn finish(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, async {
            while self.receive().await {}
            self.child.wait().await.expect("its end can be awaited")
        });
        match ended.await {
            Ok(status) => status.code(),
            Err(_) => panic!("it doesn't end; the screen:\n{}", self.screen()),
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .expect("it runs");
        let id = rustix::process::Pid::from_raw(id).expect("a process id is not 0");
        rustix::process::kill_process(id, signal).expect("it takes signals");
    }

    /// Closes the terminal, as a dropped SSH line does; the process goes on by itself.
    pub fn hang_up(self) -> Child {
        self.child
    }
}

/// The binary under test; an example has no such variable and takes the one beside itself.
fn program() -> PathBuf {
    if let Some(path) = option_env!("CARGO_BIN_EXE_tminus") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a program has a path");
    own.ancestors()
        .nth(2)
        .expect("it lies in target/PROFILE/examples")
        .join("tminus")
}

fn at_least_one(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN)
}
