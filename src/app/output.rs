//! What commands print: capped lines per attempt, already made harmless for a terminal.
//!
//! The runtime hands in decoded lines; styles are kept as data and everything else that could steer a terminal has
//! become visible text before it gets here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The most lines kept per attempt.
pub const MAXIMUM_LINES: usize = 10_000;

/// The most bytes kept of one line.
pub const MAXIMUM_LINE_BYTES: usize = 4 * 1024;

/// The most bytes that are copied: terminals refuse more than about 100,000 in base64 (tmux, xterm).
const MAXIMUM_COPY: usize = 64 * 1024;

/// The most attempts whose output is kept in memory.
const MAXIMUM_ATTEMPTS: usize = 32;

/// One of the terminal's colours, as a command asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// One of the 256 indexed colours.
    Indexed(u8),
    /// True colour.
    Rgb(u8, u8, u8),
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Look {
    /// Text colour.
    pub foreground: Option<Colour>,
    /// Background colour.
    pub background: Option<Colour>,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Colours swapped.
    pub reverse: bool,
}

/// A piece of a line that looks the same throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Printable text.
    pub text: String,
    /// How it looks.
    pub look: Look,
}

/// One line of output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its pieces in order.
    pub pieces: Vec<Piece>,
}

impl Line {
    /// A line without any look.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            pieces: vec![Piece {
                text: text.into(),
                look: Look::default(),
            }],
        }
    }

    /// The line's text without its looks.
    pub fn text(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| piece.text.as_str())
            .collect()
    }
}

/// What one attempt has printed.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The newest lines, oldest first.
    pub lines: VecDeque<Line>,
    /// The line that hasn't ended yet.
    pub partial: Option<Line>,
    /// How many lines came before those kept.
    pub skipped: u64,
    /// When something was printed last (monotonic).
    pub last: Option<Duration>,
}

impl Output {
    /// Takes in what came since the last time.
    pub fn extend(&mut self, lines: Vec<Line>, partial: Option<Line>, skipped: u64, now: Duration) {
        self.skipped += skipped;
        self.lines.extend(lines);
        while self.lines.len() > MAXIMUM_LINES {
            self.lines.pop_front();
            self.skipped += 1;
        }
        self.partial = partial;
        self.last = Some(now);
    }

    /// The newest lines as text, as many as can be copied, and how many those are.
    pub fn newest(&self) -> (String, usize) {
        let newest_first = self.partial.iter().chain(self.lines.iter().rev());
        let mut room = MAXIMUM_COPY;
        let mut kept: Vec<String> = newest_first
            .map(Line::text)
            .take_while(|line| {
                let fits = line.len() < room;
                room = room.saturating_sub(line.len() + 1);
                fits
            })
            .collect();
        kept.reverse();
        (kept.join("\n"), kept.len())
    }

    /// How many lines were printed in all.
    pub fn total(&self) -> u64 {
        self.skipped + self.lines.len() as u64 + u64::from(self.partial.is_some())
    }
}

/// The outputs of the latest attempts.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    by_attempt: BTreeMap<u64, Output>,
}

impl Outputs {
    /// What an attempt has printed, if it is still kept.
    pub fn get(&self, attempt: u64) -> Option<&Output> {
        self.by_attempt.get(&attempt)
    }

    /// The output of an attempt, made room for if need be.
    pub fn entry(&mut self, attempt: u64) -> &mut Output {
        while self.by_attempt.len() >= MAXIMUM_ATTEMPTS && !self.by_attempt.contains_key(&attempt) {
            self.by_attempt.pop_first();
        }
        self.by_attempt.entry(attempt).or_default()
    }
}
