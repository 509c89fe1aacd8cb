//! A screen as text that a person can review: its lines, then where its styles change.

use std::fmt::Write as _;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use tminus::app::App;
use tminus::ui;
use tminus::ui::theme::Theme;

/// Draws the program at this size.
pub fn screen(app: &App, theme: &Theme, columns: u16, rows: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| ui::draw(app, theme, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// The lines of a screen without trailing spaces.
pub fn text(buffer: &Buffer) -> String {
    let columns = usize::from(buffer.area.width).max(1);
    let mut lines = String::new();
    for row in buffer.content.chunks(columns) {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

/// The lines, then every stretch that doesn't look like plain text: `row:first-last style`.
pub fn text_and_styles(buffer: &Buffer) -> String {
    let mut result = text(buffer);
    result.push('\n');
    let columns = usize::from(buffer.area.width).max(1);
    for (row, cells) in buffer.content.chunks(columns).enumerate() {
        let mut first = 0;
        for stretch in cells.chunk_by(|a, b| a.style() == b.style()) {
            let last = first + stretch.len() - 1;
            let style = words(stretch[0].style());
            if !style.is_empty() {
                writeln!(result, "{row}:{first}-{last} {style}").unwrap();
            }
            first = last + 1;
        }
    }
    result
}

fn words(style: Style) -> String {
    let mut words = Vec::new();
    if let Some(colour) = style
        .fg
        .filter(|colour| *colour != ratatui::style::Color::Reset)
    {
        words.push(colour.to_string());
    }
    if let Some(colour) = style
        .bg
        .filter(|colour| *colour != ratatui::style::Color::Reset)
    {
        words.push(format!("on {colour}"));
    }
    words.extend(
        style
            .add_modifier
            .iter_names()
            .map(|(name, _)| name.to_lowercase()),
    );
    words.join(" ")
}
