//! Lines that wait for whoever shows them.
//!
//! A command may print faster than anyone can look. The newest lines are what counts then, so the oldest make room
//! and are counted.

use std::collections::VecDeque;

use crate::app::output::{Line, MAXIMUM_LINES, Piece};

/// The most memory that waiting lines take; 16 MiB. Ten thousand lines of the greatest length, each in hundreds of
/// colours, would be far beyond what a launch should cost.
const MAXIMUM_WEIGHT: usize = 16 << 20;

/// What a piece costs beyond its text: itself, and the allocator's share.
const PIECE_WEIGHT: usize = size_of::<Piece>() + 16;

/// At most [`MAXIMUM_LINES`] lines, and how many more there would have been.
#[derive(Debug, Default)]
pub struct Backlog {
    lines: VecDeque<Line>,
    weight: usize,
    skipped: u64,
    /// How many of the coming lines will have been dropped before anyone can see them.
    doomed: usize,
}

impl Backlog {
    /// Says how many lines are about to be pushed at once, so that those that won't last needn't be made.
    pub(super) fn expect(&mut self, count: usize) {
        self.doomed = count.saturating_sub(MAXIMUM_LINES);
    }

    /// Adds a line, which is made only if it will last.
    pub(super) fn push_with(&mut self, line: impl FnOnce() -> Line) {
        if self.doomed > 0 {
            self.doomed -= 1;
            self.skipped += 1;
        } else {
            self.push(line());
        }
    }

    /// Adds a line; the oldest make room for it.
    pub fn push(&mut self, line: Line) {
        self.weight += weight(&line);
        self.lines.push_back(line);
        while self.lines.len() > MAXIMUM_LINES || self.weight > MAXIMUM_WEIGHT {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.weight -= weight(&oldest);
            self.skipped += 1;
        }
    }

    /// Adds what another backlog holds; its lines are newer.
    pub fn append(&mut self, newer: Self) {
        self.skipped += newer.skipped;
        for line in newer.lines {
            self.push(line);
        }
    }

    /// Whether nothing came since the last time it was emptied.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.skipped == 0
    }

    /// Takes everything out: the lines, and how many had to make room.
    pub fn take(&mut self) -> (Vec<Line>, u64) {
        let taken = std::mem::take(self);
        (taken.lines.into(), taken.skipped)
    }
}

fn weight(line: &Line) -> usize {
    let pieces = line.pieces.iter();
    size_of::<Line>()
        + pieces
            .map(|piece| PIECE_WEIGHT + piece.text.len())
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_lines_make_room_earlier() {
        let mut backlog = Backlog::default();
        for _ in 0..MAXIMUM_LINES {
            backlog.push(Line::plain("x".repeat(4096)));
        }
        let (lines, skipped) = backlog.take();
        assert!(lines.len() * 4096 <= MAXIMUM_WEIGHT);
        assert_eq!(lines.len() as u64 + skipped, MAXIMUM_LINES as u64);
    }

    #[test]
    fn appending_keeps_the_newest() {
        let mut older = Backlog::default();
        older.push(Line::plain("oldest"));
        let mut newer = Backlog::default();
        for number in 0..=MAXIMUM_LINES {
            newer.push(Line::plain(number.to_string()));
        }
        older.append(newer);
        let (lines, skipped) = older.take();
        assert_eq!((lines[0].text().as_str(), skipped), ("1", 2));
    }
}
