//! The frame around a panel: a border with a title at either end.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, Widget};

use super::pen::Pen;
use super::text::{visible, width};
use super::theme::Theme;

/// The titles of a panel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Titles<'a> {
    /// What the panel is.
    pub left: &'a str,
    /// Its figures or keys; wins when there isn't room for both.
    pub right: &'a str,
    /// How the right one looks, when not like the border.
    pub right_style: Option<Style>,
    /// Whether the panel has the keys.
    pub focused: bool,
}

/// Draws a panel's frame and says what is left inside.
///
/// ```text
/// ┌─ left ──────────── right ─┐
/// │                           │
/// └───────────────────────────┘
/// ```
pub fn panel(theme: &Theme, area: Rect, buffer: &mut Buffer, titles: Titles<'_>) -> Rect {
    let area = buffer.area.intersection(area);
    let border = if titles.focused {
        theme.border_focus
    } else {
        theme.border
    };
    let block = Block::bordered()
        .border_set(theme.border_set)
        .border_style(border);
    let inner = block.inner(area);
    block.render(area, buffer);
    let edge = Rect {
        x: area.x.saturating_add(2),
        width: area.width.saturating_sub(4),
        height: area.height.min(1),
        ..area
    };
    let mut pen = Pen::new(buffer, edge, 0);
    if !titles.right.is_empty() && width(&visible(titles.right)) + 2 <= pen.room() {
        pen.right(
            &format!(" {} ", visible(titles.right)),
            titles.right_style.unwrap_or(theme.dim),
        );
    }
    if !titles.left.is_empty() && pen.room() > 4 {
        let room = pen.room() - 2;
        pen.put(" ", theme.title)
            .put_within(titles.left, room, theme.title)
            .put(" ", theme.title);
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(width: u16, left: &str, right: &str) -> String {
        let area = Rect::new(0, 0, width, 3);
        let mut buffer = Buffer::empty(area);
        panel(
            &Theme::default(),
            area,
            &mut buffer,
            Titles {
                left,
                right,
                ..Titles::default()
            },
        );
        buffer.content[..usize::from(width)]
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect()
    }

    #[test]
    fn both_titles_stand_in_the_border() {
        assert_eq!(top(26, "Health", "3 ok 1 ?"), "┌─ Health ──── 3 ok 1 ? ─┐");
    }

    #[test]
    fn the_left_title_gives_way() {
        assert_eq!(
            top(22, "A long title of a panel", "4/7"),
            "┌─ A long ti… ─ 4/7 ─┐"
        );
    }

    #[test]
    fn no_size_is_too_small() {
        for width in 0..8 {
            for height in 0..4 {
                let area = Rect::new(0, 0, width, height);
                panel(
                    &Theme::default(),
                    area,
                    &mut Buffer::empty(area),
                    Titles {
                        left: "Log",
                        right: "5",
                        ..Titles::default()
                    },
                );
            }
        }
    }
}
