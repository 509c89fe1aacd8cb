//! Big digits for the clock, readable from the back of the room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Rows of a glyph.
pub const HEIGHT: u16 = 5;

/// Each row's cells as bits, most significant to the left.
struct Glyph {
    width: u16,
    rows: [u8; 5],
}

const fn glyph(character: char) -> Option<Glyph> {
    let (width, rows) = match character {
        '0' => (3, [7, 5, 5, 5, 7]),
        '1' => (3, [2, 6, 2, 2, 7]),
        '2' => (3, [7, 1, 7, 4, 7]),
        '3' => (3, [7, 1, 7, 1, 7]),
        '4' => (3, [5, 5, 7, 1, 1]),
        '5' => (3, [7, 4, 7, 1, 7]),
        '6' => (3, [7, 4, 7, 5, 7]),
        '7' => (3, [7, 1, 1, 1, 1]),
        '8' => (3, [7, 5, 7, 5, 7]),
        '9' => (3, [7, 5, 7, 1, 7]),
        'T' => (3, [7, 2, 2, 2, 2]),
        'd' => (3, [1, 1, 7, 5, 7]),
        // As wide as the plus, so that nothing moves at zero.
        '-' => (3, [0, 0, 7, 0, 0]),
        '+' => (3, [0, 2, 7, 2, 0]),
        ':' => (1, [0, 1, 0, 1, 0]),
        _ => return None,
    };
    Some(Glyph { width, rows })
}

/// Writes a clock's reading; characters without a glyph are left out. Answers how many columns it took.
pub fn draw(reading: &str, style: Style, area: Rect, buffer: &mut Buffer) -> u16 {
    let area = buffer.area.intersection(area);
    let mut x = area.x;
    for glyph in reading.chars().filter_map(glyph) {
        if x + glyph.width > area.right() {
            break;
        }
        draw_glyph(&glyph, style, Rect { x, ..area }, buffer);
        x += glyph.width + 1;
    }
    x - area.x
}

fn draw_glyph(glyph: &Glyph, style: Style, area: Rect, buffer: &mut Buffer) {
    for (y, row) in (area.top()..area.bottom()).zip(glyph.rows) {
        for column in 0..glyph.width {
            if row >> (glyph.width - 1 - column) & 1 == 1 {
                buffer[(area.x + column, y)]
                    .set_symbol("█")
                    .set_style(style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_takes_the_same_columns_before_and_after_zero() {
        let area = Rect::new(0, 0, 60, HEIGHT);
        let columns = |reading| draw(reading, Style::new(), area, &mut Buffer::empty(area));
        assert_eq!(columns("T-00:00:01"), columns("T+00:00:00"));
        assert_eq!(columns("T-00:00:01"), columns("T+88:48:20"));
    }
}
