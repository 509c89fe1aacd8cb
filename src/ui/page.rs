//! Filling an area line by line from the top, and what that needs: wrapping, bars, the visible part of a list.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use super::pen::Pen;
use super::text::{visible, width};
use super::theme::Theme;

/// Width of the column of labels in front of facts.
pub const LABEL_CELLS: usize = 9;

/// An area that is filled line by line from the top; what doesn't fit is left out.
#[derive(Debug)]
pub struct Page<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    used: u16,
}

impl<'a> Page<'a> {
    /// An empty page.
    pub fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        let area = buffer.area.intersection(area);
        Self {
            buffer,
            area,
            used: 0,
        }
    }

    /// A pen at the start of the next line.
    pub fn pen(&mut self) -> Pen<'_> {
        let row = self.used;
        self.used = self.used.saturating_add(1);
        Pen::new(self.buffer, self.area, row)
    }

    /// A pen behind a label at the start of the next line.
    pub fn labelled(&mut self, theme: &Theme, label: &str) -> Pen<'_> {
        let mut pen = self.pen();
        pen.column(label, LABEL_CELLS, theme.dim);
        pen
    }

    /// Writes a line of styled pieces.
    pub fn line(&mut self, line: &Line<'_>) {
        put_spans(&mut self.pen(), &line.spans);
    }

    /// Leaves a line empty.
    pub fn skip(&mut self) {
        self.used = self.used.saturating_add(1);
    }

    /// How many lines are left.
    pub fn left(&self) -> usize {
        usize::from(self.area.height.saturating_sub(self.used))
    }

    /// How many cells a line has.
    pub fn cells(&self) -> usize {
        usize::from(self.area.width)
    }

    /// The part of the area below the lines written so far.
    pub fn rest(&self) -> Rect {
        let used = self.used.min(self.area.height);
        Rect {
            y: self.area.y + used,
            height: self.area.height - used,
            ..self.area
        }
    }

    /// Takes so many lines off the top, for a panel; fewer when there are fewer.
    pub fn take(&mut self, lines: usize) -> Rect {
        let lines = u16::try_from(lines.min(self.left())).unwrap_or(u16::MAX);
        let taken = Rect {
            height: lines,
            ..self.rest()
        };
        self.used = self.used.saturating_add(lines);
        taken
    }

    /// A page of a part of the screen.
    pub fn part(&mut self, area: Rect) -> Page<'_> {
        Page::new(self.buffer, area)
    }

    /// The screen that is drawn on.
    pub fn buffer(&mut self) -> &mut Buffer {
        self.buffer
    }
}

/// The inside of a panel with a cell of air at either end of its lines.
pub fn padded(inner: Rect) -> Rect {
    Rect {
        x: inner.x.saturating_add(1).min(inner.right()),
        width: inner.width.saturating_sub(2),
        ..inner
    }
}

/// The left and the right half of an area.
pub fn halves(area: Rect) -> (Rect, Rect) {
    let left = Rect {
        width: area.width / 2,
        ..area
    };
    let right = Rect {
        x: left.right(),
        width: area.width - left.width,
        ..area
    };
    (left, right)
}

/// Writes styled pieces one behind the other.
pub fn put_spans(pen: &mut Pen<'_>, spans: &[Span<'_>]) {
    for span in spans {
        pen.put(&span.content, span.style);
    }
}

/// A piece of foreign or own text, made harmless.
pub fn span(text: impl AsRef<str>, style: Style) -> Span<'static> {
    Span::styled(visible(text.as_ref()).into_owned(), style)
}

/// Breaks a text into lines of at most so many cells: at its own line ends, then between words, and inside a word
/// only when it is longer than a line. Indentation is kept, because commands and configuration are read by it.
pub fn wrapped(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    text.trim_end()
        .lines()
        .flat_map(|line| wrapped_line(&visible(line), cells))
        .collect()
}

fn wrapped_line(line: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    let mut taken = 0;
    for word in line.split_word_bounds() {
        let word_cells = width(word);
        if taken > 0 && taken + word_cells > cells {
            lines.push(std::mem::take(&mut current));
            taken = 0;
            if word.trim().is_empty() {
                continue;
            }
        }
        for grapheme in word.graphemes(true) {
            let grapheme_cells = width(grapheme);
            if taken > 0 && taken + grapheme_cells > cells {
                lines.push(std::mem::take(&mut current));
                taken = 0;
            }
            current.push_str(grapheme);
            taken += grapheme_cells;
        }
    }
    lines.push(current);
    lines
}

/// A bar of so many cells, filled by this share; anything that isn't a number leaves it empty.
pub fn bar(theme: &Theme, share: f64, cells: usize) -> String {
    let share = if share.is_nan() {
        0.0
    } else {
        share.clamp(0.0, 1.0)
    };
    let full = (share * cells as f64).round() as usize;
    format!(
        "[{}{}]",
        theme.bar_full.repeat(full),
        theme.bar_empty.repeat(cells - full)
    )
}

/// The positions of a list that are shown in so many rows: the cursor stays in the middle half, and at the ends of
/// the list the window stops.
///
/// The window moves by half its height. One that follows every step of the cursor keeps a steadier distance, but sends
/// the whole list over the line for each key.
pub fn window(cursor: usize, count: usize, rows: usize) -> Range<usize> {
    let rows = rows.min(count);
    let half = (rows / 2).max(1);
    let start = (cursor.saturating_sub(rows / 4) / half * half).min(count - rows);
    start..start + rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_breaks_between_words_and_keeps_its_own_lines() {
        assert_eq!(
            wrapped("one two three\n  four", 8),
            ["one two ", "three", "  four"]
        );
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("東京都", 4), ["東京", "都"]);
    }

    #[test]
    fn a_bar_is_full_at_one_and_empty_when_unknown() {
        let theme = Theme::new(super::super::theme::Palette {
            ascii: true,
            ..Default::default()
        });
        assert_eq!(bar(&theme, 0.5, 4), "[##..]");
        assert_eq!(bar(&theme, 7.0, 4), "[####]");
        assert_eq!(bar(&theme, f64::NAN, 4), "[....]");
    }

    proptest! {
        #[test]
        fn wrapping_never_exceeds_the_width_and_loses_only_spaces(text in "[a-z 東é]{0,80}", cells in 2..30usize) {
            let lines = wrapped(&text, cells);
            prop_assert!(lines.iter().all(|line| width(line) <= cells));
            let dense = |text: &str| text.replace(' ', "");
            prop_assert_eq!(dense(&lines.concat()), dense(&text));
        }

        #[test]
        fn the_window_holds_the_cursor(cursor in 0..50usize, count in 1..50usize, rows in 1..20usize) {
            let cursor = cursor.min(count - 1);
            let shown = window(cursor, count, rows);
            prop_assert!(shown.contains(&cursor));
            prop_assert_eq!(shown.len(), rows.min(count));
            let (above, below) = (cursor - shown.start, shown.end - 1 - cursor);
            prop_assert!(above >= rows / 4 || shown.start == 0);
            prop_assert!(below + 1 >= rows / 4 || shown.end == count);
        }
    }
}
