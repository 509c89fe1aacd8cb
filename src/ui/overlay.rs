//! What stands over a screen and has the keys: prompts, confirmations, menus, the palette, help.
//!
//! Each is sized to what it says and stays inside the terminal however small that is: when there isn't room for all
//! of it, what is asked *now* is kept and the explanation goes.

mod confirm;
mod help;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;
use ratatui::widgets::{Clear, Widget};
use tui_input::Input as TextInput;

use super::page::{Page, padded, put_spans, span, window, wrapped};
use super::panel::{Titles, panel};
use super::text::{fit, visible, width};
use super::theme::Theme;
use crate::app::App;
use crate::app::view::{Menu, MenuItem, OverlayKind, Palette, Prompt};
use crate::journal::Mode;

/// The most columns an overlay takes: longer lines are hard to read.
const MOST_COLUMNS: u16 = 96;

/// Below this many rows or columns an overlay goes without a border.
const SMALLEST_BORDERED: (u16, u16) = (24, 5);

/// The most lines of the palette's list.
const PALETTE_LINES: usize = 16;

/// Draws the overlay that is open, if any, over whatever has been drawn in this area.
pub fn draw(app: &App, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let Some(overlay) = &app.view.overlay else {
        return;
    };
    let cursor = match &overlay.kind {
        OverlayKind::Prompt(prompt) => draw_prompt(app, theme, area, frame.buffer_mut(), prompt),
        OverlayKind::Confirm(confirm) => {
            confirm::draw(app, theme, area, frame.buffer_mut(), confirm)
        }
        OverlayKind::Menu(menu) => draw_menu(theme, area, frame.buffer_mut(), menu),
        OverlayKind::Palette(palette) => draw_palette(theme, area, frame.buffer_mut(), palette),
        OverlayKind::Help(scrolled) => help::draw(app, theme, area, frame.buffer_mut(), *scrolled),
    };
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// One line of an overlay.
type Words = Vec<Span<'static>>;

/// What an overlay says: what to know, and below it what is asked now, which is kept when room is short.
#[derive(Default)]
struct Content<'a> {
    about: Vec<Words>,
    asked: Vec<Words>,
    /// The line that is typed into, below all of `asked` so far, with what stands in front of it.
    input: Option<(Words, &'a TextInput)>,
    /// Below the input.
    after: Vec<Words>,
}

impl Content<'_> {
    fn lines(&self) -> usize {
        self.about.len() + self.asked.len() + usize::from(self.input.is_some()) + self.after.len()
    }

    /// Writes it all, and says where the terminal's cursor goes.
    fn draw(&self, theme: &Theme, buffer: &mut Buffer, inner: Rect) -> Option<Position> {
        let mut page = Page::new(buffer, inner);
        let needed = self.asked.len() + usize::from(self.input.is_some());
        let spare = page.left().saturating_sub(needed);
        let after = self.after.len().min(spare);
        let about = self.about.len().min(spare - after);
        for line in self.about.iter().take(about).chain(&self.asked) {
            put_spans(&mut page.pen(), line);
        }
        let cursor = self
            .input
            .as_ref()
            .and_then(|(lead, input)| draw_input(theme, &mut page, lead, input));
        for line in &self.after {
            put_spans(&mut page.pen(), line);
        }
        cursor
    }
}

/// Clears room for so many lines in the middle, draws the border where there is room for one, and says what is left
/// inside.
fn popup(theme: &Theme, area: Rect, buffer: &mut Buffer, lines: usize, titles: Titles<'_>) -> Rect {
    let area = buffer.area.intersection(area);
    let bordered = area.width >= SMALLEST_BORDERED.0 && area.height >= SMALLEST_BORDERED.1;
    let height = u16::try_from(lines + if bordered { 2 } else { 0 })
        .unwrap_or(u16::MAX)
        .min(area.height);
    let columns = popup_columns(area);
    let place = Rect {
        x: area.x + (area.width - columns) / 2,
        y: area.y + (area.height - height) / 2,
        width: columns,
        height,
    };
    Clear.render(place, buffer);
    if !bordered {
        return place;
    }
    let inner = panel(
        theme,
        place,
        buffer,
        Titles {
            focused: true,
            ..titles
        },
    );
    padded(inner)
}

/// The columns an overlay takes of an area.
fn popup_columns(area: Rect) -> u16 {
    let margin = if area.width >= 60 { 4 } else { 0 };
    (area.width - margin).min(MOST_COLUMNS)
}

/// The cells of a line inside an overlay.
fn inner_cells(area: Rect) -> usize {
    usize::from(popup_columns(area)).saturating_sub(4).max(1)
}

/// The line that is typed into; scrolled so that the cursor is always seen.
fn draw_input(
    theme: &Theme,
    page: &mut Page<'_>,
    lead: &Words,
    input: &TextInput,
) -> Option<Position> {
    if page.left() == 0 {
        return None;
    }
    let row = page.rest();
    let mut pen = page.pen();
    put_spans(&mut pen, lead);
    let room = pen.room();
    let before: String = input.value().chars().take(input.cursor()).collect();
    let at = width(&visible(&before));
    let shown = visible(input.value());
    let scrolled = (at + 1).saturating_sub(room);
    pen.put(behind(&shown, scrolled), theme.strong);
    let lead_cells = usize::from(row.width) - room;
    let column = u16::try_from(lead_cells + at - scrolled.min(at)).unwrap_or(u16::MAX);
    (column < row.width).then(|| Position::new(row.x + column, row.y))
}

/// What is left of a text without its first cells.
fn behind(text: &str, cells: usize) -> &str {
    let mut start = 0;
    while width(&text[..start]) < cells {
        match text[start..].chars().next() {
            Some(character) => start += character.len_utf8(),
            None => break,
        }
    }
    &text[start..]
}

/// Lines of a text in one style.
fn paragraph(
    text: &str,
    cells: usize,
    style: ratatui::style::Style,
) -> impl Iterator<Item = Words> {
    wrapped(text, cells)
        .into_iter()
        .map(move |line| vec![span(line, style)])
}

/// The badge that tells the real thing from a rehearsal.
fn badge(app: &App, theme: &Theme) -> Span<'static> {
    let environment = if app.options.environment.is_empty() {
        &app.run.target
    } else {
        &app.options.environment
    };
    match app.run.mode {
        Mode::Live => span(format!(" LIVE {environment} "), theme.badge_live),
        Mode::Drill => span(format!(" DRILL {environment} "), theme.badge_drill),
    }
}

/// ```text
/// ┌─ Waive: Maintenance page ─────────────┐
/// │ > no DDL in this release_             │
/// │ the reason appears in the report      │
/// │ enter answers   esc leaves            │
/// └───────────────────────────────────────┘
/// ```
fn draw_prompt(
    app: &App,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
    prompt: &Prompt,
) -> Option<Position> {
    let cells = inner_cells(area);
    let mut content = Content::default();
    if prompt.purpose.is_confirmation() {
        content.about.push(vec![badge(app, theme)]);
    }
    // A title too long for the border is said in full inside.
    if width(&visible(&prompt.title)) + 4 > cells {
        content
            .about
            .extend(paragraph(&prompt.title, cells, theme.strong));
    }
    content.input = Some((vec![span("> ", theme.accent)], &prompt.input));
    if let Some(error) = &prompt.error {
        content.after.extend(paragraph(error, cells, theme.alarm));
    }
    content
        .after
        .extend(paragraph(&prompt.hint, cells, theme.dim));
    content
        .after
        .push(keys(theme, &[("enter", "answers"), ("esc", "leaves")]));
    let titles = Titles {
        left: &prompt.title,
        ..Titles::default()
    };
    let inner = popup(theme, area, buffer, content.lines(), titles);
    content.draw(theme, buffer, inner)
}

/// `enter answers   esc leaves`
fn keys(theme: &Theme, keys: &[(&str, &str)]) -> Words {
    keys.iter()
        .flat_map(|(key, does)| [span(key, theme.key), span(format!(" {does}   "), theme.dim)])
        .collect()
}

/// ```text
/// ┌─ Decide: go back? ────────────────────────────────────┐
/// │ fired: Error rate above 1 %. Choosing runs nothing    │
/// │                                                       │
/// │ > 1  roll back: Kubernetes    3 steps, takes about 41s│
/// │   h  hold and watch           stop here; asks why     │
/// └───────────────────────────────────────────────────────┘
/// ```
fn draw_menu(theme: &Theme, area: Rect, buffer: &mut Buffer, menu: &Menu) -> Option<Position> {
    let cells = inner_cells(area);
    let mut about: Vec<Words> = Vec::new();
    if width(&visible(&menu.title)) + 4 > cells {
        about.extend(paragraph(&menu.title, cells, theme.strong));
    }
    about.extend(paragraph(&menu.text, cells, theme.text));
    if !about.is_empty() {
        about.push(Vec::new());
    }
    let label_cells = menu
        .items
        .iter()
        .map(|item| width(&visible(&item.label)))
        .max()
        .unwrap_or(0)
        + 2;
    let longest = menu
        .items
        .iter()
        .map(|item| width(&visible(&item.detail)))
        .max()
        .unwrap_or(0);
    let beside = MENU_LEAD + label_cells + longest <= cells;
    let each = if beside || longest == 0 { 1 } else { 2 };
    let lines = about.len() + menu.items.len() * each + 1;
    let inner = popup(
        theme,
        area,
        buffer,
        lines,
        Titles {
            left: &menu.title,
            ..Titles::default()
        },
    );
    let mut page = Page::new(buffer, inner);
    let for_items = (menu.items.len() * each).min(page.left());
    let spare = page.left() - for_items;
    for line in about.iter().take(spare) {
        put_spans(&mut page.pen(), line);
    }
    for position in window(menu.cursor, menu.items.len(), for_items / each) {
        draw_item(
            theme,
            &mut page,
            &menu.items[position],
            position == menu.cursor,
            beside.then_some(label_cells),
        );
    }
    put_spans(
        &mut page.pen(),
        &keys(theme, &[("enter", "picks"), ("esc", "leaves without")]),
    );
    None
}

/// Cells in front of a menu item's label: mark and key.
const MENU_LEAD: usize = 5;

/// One choice; its detail beside the label in a column, or below it.
fn draw_item(
    theme: &Theme,
    page: &mut Page<'_>,
    item: &MenuItem,
    pointed: bool,
    label_cells: Option<usize>,
) {
    let key = item.key.map_or_else(String::new, String::from);
    let mut pen = page.pen();
    if pointed {
        pen.shade(theme.selection);
    }
    pen.column(if pointed { ">" } else { "" }, 2, theme.accent)
        .column(&key, MENU_LEAD - 2, theme.key);
    let style = if pointed { theme.strong } else { theme.text };
    match label_cells {
        Some(cells) => {
            pen.column(&item.label, cells, style)
                .put(&item.detail, theme.dim);
        }
        None => {
            pen.put(&item.label, style);
            if !item.detail.is_empty() {
                page.pen().skip(MENU_LEAD).put(&item.detail, theme.dim);
            }
        }
    }
}

/// ```text
/// ┌─ Every action ────────────────────────────────── 3 ─┐
/// │ > roll_                                             │
/// │ > rollback: decide (runs nothing by itself)       B │
/// │   rollback screen                                 4 │
/// └─────────────────────────────────────────────────────┘
/// ```
fn draw_palette(
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
    palette: &Palette,
) -> Option<Position> {
    let count = palette.matches.len();
    let figures = if count == 0 {
        "nothing fits".to_owned()
    } else {
        count.to_string()
    };
    // Of one height while it is typed into: a box that jumps with every letter can't be read.
    let lines = PALETTE_LINES + 2;
    let inner = popup(
        theme,
        area,
        buffer,
        lines,
        Titles {
            left: "Every action",
            right: &figures,
            ..Titles::default()
        },
    );
    let mut page = Page::new(buffer, inner);
    let cursor = draw_input(
        theme,
        &mut page,
        &vec![span(": ", theme.accent)],
        &palette.input,
    );
    let rows = page.left().saturating_sub(1);
    for position in window(palette.cursor, count, rows) {
        let item = &palette.matches[position];
        let pointed = position == palette.cursor;
        let mut pen = page.pen();
        if pointed {
            pen.shade(theme.selection);
        }
        pen.column(if pointed { ">" } else { "" }, 2, theme.accent);
        let key = fit(&item.key, pen.room() / 3);
        pen.right(&key, theme.key)
            .put(&item.label, if pointed { theme.strong } else { theme.text });
    }
    let foot = page.left().saturating_sub(1);
    page.take(foot);
    put_spans(
        &mut page.pen(),
        &keys(
            theme,
            &[("enter", "does it"), ("up down", "move"), ("esc", "leaves")],
        ),
    );
    cursor
}
