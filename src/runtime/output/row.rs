//! The line being written, which a carriage return lets be written over.

use unicode_width::UnicodeWidthChar;

use super::{CUT, MAXIMUM_TEXT};
use crate::app::output::{Line, Look, Piece};

/// The most pieces of a line; further changes of look are ignored. A piece costs some 70 bytes of memory, however
/// short its text.
const MAXIMUM_PIECES: usize = 256;

const TAB: usize = 8;

/// One character in its look. Characters without a width (accents) belong to the one before them.
#[derive(Clone, Copy, Debug)]
struct Cell {
    character: char,
    look: Look,
}

impl Cell {
    fn columns(self) -> usize {
        self.character.width().unwrap_or(0)
    }

    fn bytes(self) -> usize {
        self.character.len_utf8()
    }
}

/// A line of at most [`MAXIMUM_TEXT`] bytes, and where in it the next character goes.
#[derive(Debug, Default)]
pub(super) struct Row {
    cells: Vec<Cell>,
    /// Length of the text.
    bytes: usize,
    /// Position in the cells.
    cursor: usize,
    /// Columns before the cursor.
    column: usize,
    is_cut: bool,
}

impl Row {
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Starts the next line.
    pub(super) fn clear(&mut self) {
        self.cells.clear();
        self.bytes = 0;
        self.is_cut = false;
        self.carriage_return();
    }

    /// Goes back to the first column.
    pub(super) fn carriage_return(&mut self) {
        self.cursor = 0;
        self.column = 0;
    }

    /// Fills up to the next multiple of eight columns.
    pub(super) fn tab(&mut self, look: Look) {
        let spaces = TAB - self.column % TAB;
        self.write_ascii(&[b' '; TAB][..spaces], look);
    }

    /// Writes printable ASCII.
    pub(super) fn write_ascii(&mut self, text: &[u8], look: Look) {
        if self.cursor < self.cells.len() {
            for byte in text {
                self.write(char::from(*byte), look);
            }
            return;
        }
        let room = if self.is_cut {
            0
        } else {
            MAXIMUM_TEXT - self.bytes
        };
        let kept = &text[..text.len().min(room)];
        self.cells.extend(kept.iter().map(|byte| Cell {
            character: char::from(*byte),
            look,
        }));
        self.advance(kept.len(), kept.len());
        self.bytes += kept.len();
        self.is_cut |= kept.len() < text.len();
    }

    /// Writes a character that can be seen, over what is there.
    pub(super) fn write(&mut self, character: char, look: Look) {
        let cell = Cell { character, look };
        let (replaced, columns) = self.below(cell.columns());
        // Half of a wide character can't be shown: its other half becomes a space.
        let spaces = columns.saturating_sub(cell.columns());
        let range = self.cursor..self.cursor + replaced;
        let freed: usize = self.cells[range.clone()]
            .iter()
            .map(|cell| cell.bytes())
            .sum();
        let bytes = self.bytes - freed + cell.bytes() + spaces;
        let is_beyond_cut = self.is_cut && self.cursor == self.cells.len();
        if bytes > MAXIMUM_TEXT || is_beyond_cut {
            self.is_cut = true;
            return;
        }
        let space = Cell {
            character: ' ',
            look,
        };
        let written = std::iter::once(cell).chain(std::iter::repeat_n(space, spaces));
        self.cells.splice(range, written);
        self.bytes = bytes;
        self.advance(1, cell.columns());
    }

    fn advance(&mut self, cells: usize, columns: usize) {
        self.cursor += cells;
        self.column += columns;
    }

    /// How many cells from the cursor on are touched by something of this width, and how many columns they have.
    fn below(&self, width: usize) -> (usize, usize) {
        let (mut cells, mut columns) = (0, 0);
        if width == 0 {
            return (0, 0);
        }
        for cell in &self.cells[self.cursor..] {
            if columns >= width && cell.columns() > 0 {
                break;
            }
            cells += 1;
            columns += cell.columns();
        }
        (cells, columns)
    }

    /// The line as it is now.
    pub(super) fn line(&self) -> Line {
        let mut pieces: Vec<Piece> = Vec::new();
        for cell in &self.cells {
            let is_full = pieces.len() == MAXIMUM_PIECES;
            match pieces.last_mut() {
                Some(piece) if is_full || piece.look == cell.look => {
                    piece.text.push(cell.character);
                }
                _ => pieces.push(Piece {
                    text: cell.character.to_string(),
                    look: cell.look,
                }),
            }
        }
        if self.is_cut {
            pieces.push(Piece {
                text: CUT.to_owned(),
                look: Look::default(),
            });
        }
        Line { pieces }
    }
}

/// The line that printable ASCII makes by itself.
pub(super) fn line_of_ascii(text: &[u8], look: Look) -> Line {
    if text.is_empty() {
        return Line::default();
    }
    let text = String::from_utf8_lossy(text).into_owned();
    Line {
        pieces: vec![Piece { text, look }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::output::Colour;

    #[test]
    fn a_line_of_a_thousand_colours_has_a_bounded_number_of_pieces() {
        let mut row = Row::default();
        for number in 0..1000_u16 {
            let colour = Colour::Rgb(number.to_le_bytes()[0], number.to_le_bytes()[1], 0);
            let look = Look {
                foreground: Some(colour),
                ..Look::default()
            };
            row.write('x', look);
        }
        let line = row.line();
        assert_eq!(
            (line.pieces.len(), line.text().len()),
            (MAXIMUM_PIECES, 1000)
        );
    }

    #[test]
    fn a_full_line_can_still_be_redrawn() {
        let mut row = Row::default();
        row.write_ascii(&[b'x'; 2 * MAXIMUM_TEXT], Look::default());
        row.carriage_return();
        row.write_ascii(b"new", Look::default());
        row.write('é', Look::default());
        let text = row.line().text();
        assert!(
            text.starts_with("newx") && text.ends_with("x…[cut]"),
            "{text}"
        );
    }
}
