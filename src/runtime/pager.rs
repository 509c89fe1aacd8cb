//! The whole of an output in the operator's own pager, which searches and scrolls better than any panel.
//!
//! The pager gets text through a pipe and never the file: what a command printed would steer the terminal through a
//! pager that hands everything on (`PAGER=cat`, `less -r`), so it goes through the same decoder as on the screen,
//! and comes out with colours and nothing else. It gets what there is when it opens; what is printed later is
//! followed on the step's screen.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::environment;
use super::output::{Backlog, Decoder};
use super::supervisor::{LogReader, Next};
use crate::app::output::{Colour, Line, Look};

/// The pager of those who didn't choose one.
const USUAL_PAGER: &str = "less";

/// Fewer bytes than a backlog has lines, so that no line is dropped even if all of them are empty.
const CHUNK: usize = 8 << 10;

/// How long a pager may take to put the terminal in order when the session ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// A pager that has the terminal.
#[derive(Debug)]
pub(super) struct Pager(Child);

impl Pager {
    /// Opens the output of the attempt whose directory this is. The terminal has to be given back before.
    pub(super) fn open(attempt: &Path) -> io::Result<Self> {
        let chosen = env::var_os("PAGER").filter(|pager| !pager.is_empty());
        let colours = env::var_os("LESS").unwrap_or_else(|| OsString::from("-R"));
        // Through a shell, because a chosen pager may bring its own arguments.
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(chosen.unwrap_or_else(|| OsString::from(USUAL_PAGER)))
            .env_clear()
            .envs(environment::inherited())
            .env("LESS", colours)
            // No shell, no editor, no other files: it is the operator's terminal in the middle of a launch.
            .env("LESSSECURE", "1")
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(input) = child.stdin.take() {
            let input = File::from(input.into_owned_fd()?);
            let log = LogReader::new(attempt);
            // A pager that is left before the end shows by an error, which says nothing new.
            tokio::task::spawn_blocking(move || print(log, BufWriter::new(input)));
        }
        Ok(Self(child))
    }

    /// Waits until it is left; answers with why it didn't work, if so.
    pub(super) async fn closed(&mut self) -> Result<(), String> {
        match self.0.wait().await {
            Ok(status) if status.code() == Some(127) => {
                Err("failed to open the pager: it isn't on PATH; set PAGER to one that is".into())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(format!("failed to wait for the pager: {error}")),
        }
    }

    /// Asks it to leave, so that it puts the terminal in order.
    pub(super) async fn close(mut self) {
        let pid = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // An error says that it has left.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = timeout(FAREWELL, self.0.wait()).await;
    }
}

/// Writes the log so that any terminal can show it.
fn print(mut log: LogReader, mut out: impl Write) -> io::Result<()> {
    let mut decoder = Decoder::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let mut lines = Backlog::default();
        match log.read(&mut chunk)? {
            Next::Bytes(length) => decoder.feed(&chunk[..length], &mut lines),
            Next::Missing(bytes) => lines.push(Line::plain(format!(
                "[tminus: {bytes} bytes in between are not kept]"
            ))),
            Next::Nothing => break,
        }
        print_lines(lines, &mut out)?;
    }
    let mut last = Backlog::default();
    decoder.finish(&mut last);
    print_lines(last, &mut out)?;
    out.flush()
}

fn print_lines(mut lines: Backlog, out: &mut impl Write) -> io::Result<()> {
    let (lines, _) = lines.take();
    for line in lines {
        for piece in &line.pieces {
            if piece.look == Look::default() {
                out.write_all(piece.text.as_bytes())?;
            } else {
                write!(out, "\x1b[{}m{}\x1b[m", parameters(piece.look), piece.text)?;
            }
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The parameters of the SGR sequence for a look (ECMA-48, 8.3.117; colours as in ITU-T T.416, with semicolons).
fn parameters(look: Look) -> String {
    let attributes = [
        (look.bold, 1),
        (look.dim, 2),
        (look.italic, 3),
        (look.underline, 4),
        (look.reverse, 7),
    ];
    let attributes = attributes
        .into_iter()
        .filter(|(is_on, _)| *is_on)
        .map(|(_, number)| number.to_string());
    let colours = [(38, look.foreground), (48, look.background)];
    let colours = colours.into_iter().filter_map(|(layer, colour)| {
        Some(match colour? {
            Colour::Indexed(index) => format!("{layer};5;{index}"),
            Colour::Rgb(red, green, blue) => format!("{layer};2;{red};{green};{blue}"),
        })
    });
    attributes.chain(colours).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(log: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("output.log"), log).unwrap();
        let mut out = Vec::new();
        print(LogReader::new(folder.path()), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn p8_colours_come_through_and_nothing_else_that_steers() {
        assert_eq!(
            printed(b"\x1b[1;31mred\x1b[0m plain\n\x1b]0;title\x07\x1b[2J\nlast"),
            "\x1b[1;38;5;1mred\x1b[m plain\n\u{241b}]0;title^G\u{241b}[2J\nlast\n"
        );
    }

    #[test]
    fn no_line_is_dropped() {
        let empty = "\n".repeat(100_000);
        assert_eq!(printed(empty.as_bytes()), empty);
        assert_eq!(printed(b""), "");
    }

    #[test]
    fn a_progress_bar_is_its_last_state() {
        assert_eq!(printed(b"10%\r20%\r100%\ndone\n"), "100%\ndone\n");
    }
}
