//! A drawn screen as text that can be reviewed: its lines, and below them where which style begins.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};

/// The lines of the screen, without the spaces at their ends.
pub fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(width).map(|row| row.iter().map(Cell::symbol).collect::<String>());
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The lines, then one line per row that has styles: `row: first-last style`.
pub fn text_and_styles(buffer: &Buffer) -> String {
    let mut shown = text(buffer) + "\n";
    let width = usize::from(buffer.area.width).max(1);
    for (row, cells) in buffer.content.chunks(width).enumerate() {
        let runs = runs(cells);
        if !runs.is_empty() {
            writeln!(shown, "{row}: {}", runs.join(", ")).expect("a String takes all that is written");
        }
    }
    shown
}

/// Cells of equal style next to each other; what has no style is left out.
fn runs(cells: &[Cell]) -> Vec<String> {
    let mut runs = Vec::new();
    let mut first = 0;
    for end in 1..=cells.len() {
        if end == cells.len() || cells[end].style() != cells[first].style() {
            let style = words(cells[first].style());
            if !style.is_empty() {
                runs.push(format!("{first}-{} {style}", end - 1));
            }
            first = end;
        }
    }
    runs
}

fn words(style: Style) -> String {
    let colour = |name: &str, colour: Option<Color>| match colour {
        None | Some(Color::Reset) => None,
        Some(colour) => Some(format!("{name}{colour}")),
    };
    let modifiers = style.add_modifier;
    let modifiers = (modifiers != Modifier::empty()).then(|| format!("{modifiers:?}").to_lowercase());
    let parts = [colour("", style.fg), colour("on ", style.bg), modifiers];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
