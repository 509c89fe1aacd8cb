//! A pen that writes pieces of text along one line of the screen, and never beyond it.
//!
//! Panels are rows of columns; writing them piece by piece into the buffer saves building `Line`s of `Span`s that
//! are thrown away in the same frame, and keeps the widths of columns where they are decided.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{fit, visible, width};

/// A position on one line of the screen.
#[derive(Debug)]
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    start: u16,
    x: u16,
    end: u16,
    y: u16,
}

impl<'a> Pen<'a> {
    /// At the start of a row of an area; rows beyond the area or the screen take nothing.
    pub fn new(buffer: &'a mut Buffer, area: Rect, row: u16) -> Self {
        let y = area.y.saturating_add(row);
        let on_screen = buffer.area.intersection(area);
        let end = if row < area.height && y < on_screen.bottom() {
            on_screen.right()
        } else {
            area.x
        };
        Self {
            buffer,
            start: area.x,
            x: area.x,
            end,
            y,
        }
    }

    /// Cells left on the line.
    pub fn room(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    /// Writes a text, made harmless and cut to the room there is.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        self.put_within(text, usize::MAX, style)
    }

    /// Writes a text cut to so many cells; what it doesn't fill stays free for the next piece.
    pub fn put_within(&mut self, text: &str, cells: usize, style: Style) -> &mut Self {
        let room = self.room().min(cells);
        if room == 0 {
            return self;
        }
        let shown = visible(text);
        let shown = fit(&shown, room);
        (self.x, _) = self.buffer.set_stringn(self.x, self.y, &shown, room, style);
        self
    }

    /// Writes a text into a column of so many cells and moves behind the column.
    pub fn column(&mut self, text: &str, cells: usize, style: Style) -> &mut Self {
        let until = self.ahead(cells);
        self.put_within(text, cells, style);
        self.x = until;
        self
    }

    /// Writes a text to the right edge of a column of so many cells and moves behind the column.
    pub fn column_right(&mut self, text: &str, cells: usize, style: Style) -> &mut Self {
        let taken = width(&visible(text)).min(cells);
        let until = self.ahead(cells);
        self.skip(cells - taken).put_within(text, taken, style);
        self.x = until;
        self
    }

    /// Moves on by so many cells.
    pub fn skip(&mut self, cells: usize) -> &mut Self {
        self.x = self.ahead(cells);
        self
    }

    /// Moves to a column counted from the line's start; never back.
    pub fn to(&mut self, column: usize) -> &mut Self {
        let column = self
            .start
            .saturating_add(u16::try_from(column).unwrap_or(u16::MAX))
            .min(self.end);
        self.x = self.x.max(column);
        self
    }

    /// Writes a text at the line's right end, one cell away from anything to its left, and takes its cells off the
    /// line. Nothing is written when there is no room for all of it.
    pub fn right(&mut self, text: &str, style: Style) -> &mut Self {
        let shown = visible(text);
        let cells = width(&shown);
        if cells > 0 && cells <= self.room() {
            let x = self.end - u16::try_from(cells).unwrap_or(u16::MAX).min(self.end);
            self.buffer.set_stringn(x, self.y, &shown, cells, style);
            self.end = x.saturating_sub(1).max(self.x);
        }
        self
    }

    /// Takes a column of so many cells off the line's right end and writes a text into it, one cell away from what is
    /// to its left. The column is taken even when the text is empty, so that lines stay aligned.
    pub fn right_column(&mut self, text: &str, cells: usize, style: Style) -> &mut Self {
        if cells >= self.room() {
            return self;
        }
        let (x, end) = (self.x, self.end);
        self.x = end - u16::try_from(cells).unwrap_or(0).min(end);
        let column = self.x;
        self.put(text, style);
        self.x = x;
        self.end = column.saturating_sub(1).max(x);
        self
    }

    /// Patches the style of the whole line, written or not.
    pub fn shade(&mut self, style: Style) -> &mut Self {
        let line = Rect::new(self.start, self.y, self.end.saturating_sub(self.start), 1);
        self.buffer.set_style(line, style);
        self
    }

    fn ahead(&self, cells: usize) -> u16 {
        self.x
            .saturating_add(u16::try_from(cells).unwrap_or(u16::MAX))
            .min(self.end.max(self.x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(width: u16, write: impl FnOnce(&mut Pen<'_>)) -> String {
        let area = Rect::new(0, 0, width, 1);
        let mut buffer = Buffer::empty(area);
        write(&mut Pen::new(&mut buffer, area, 0));
        buffer
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect()
    }

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let style = Style::new();
        assert_eq!(
            line(12, |pen| {
                pen.column("ab", 4, style)
                    .column("cdefg", 4, style)
                    .put("x", style);
            }),
            "ab  cde…x   "
        );
        assert_eq!(
            line(6, |pen| {
                pen.column_right("7", 3, style).put("|", style);
            }),
            "  7|  "
        );
    }

    #[test]
    fn the_right_end_is_kept_for_what_belongs_there() {
        let style = Style::new();
        assert_eq!(
            line(12, |pen| {
                pen.right("end", style).put("a long text", style);
            }),
            "a long…  end"
        );
        assert_eq!(
            line(2, |pen| {
                pen.right("end", style).put("a", style);
            }),
            "a "
        );
    }

    #[test]
    fn columns_at_the_right_end_line_up_too() {
        let style = Style::new();
        let text = line(14, |pen| {
            pen.right_column("15:31", 5, style)
                .right_column("bo", 3, style)
                .put("a long title", style);
        });
        assert_eq!(text, "a l… bo  15:31");
    }

    #[test]
    fn nothing_is_written_outside() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
        Pen::new(&mut buffer, Rect::new(2, 0, 9, 9), 0).put("abc", Style::new());
        Pen::new(&mut buffer, Rect::new(0, 0, 9, 9), 4).put("abc", Style::new());
        assert_eq!(buffer, Buffer::with_lines(["  …"]));
    }
}
