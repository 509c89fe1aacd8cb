//! Drawing: a free function per panel from the state to the screen.
//!
//! [`draw`] changes nothing and remembers nothing. Scroll offsets follow from the cursor and the height there is, so
//! that focus and scroll survive a resize by construction. Only what is visible is built.

pub mod banner;
pub mod board;
pub mod deadlines;
pub mod detail;
pub mod digits;
pub mod footer;
pub mod glance;
pub mod header;
pub mod health;
pub mod items;
pub mod layout;
pub mod log;
pub mod metrics;
pub mod overlay;
pub mod owed;
pub mod page;
pub mod panel;
pub mod pen;
pub mod people;
pub mod picker;
pub mod poll;
pub mod proof;
pub mod rollback;
pub mod sections;
pub mod step;
pub mod strip;
pub mod text;
pub mod theme;
pub mod timeline;
pub mod tiny;
pub mod triggers;
pub mod unseen;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::app::App;
use crate::app::view::Screen;
use glance::Glance;
use theme::Theme;

/// Draws the present screen and, above it, whatever has the keys.
///
/// Header, banners, message and keys are the same around every screen; only what is between them changes.
pub fn draw(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let glance = Glance::new(app);
    if layout::is_tiny(area) {
        tiny::draw(app, theme, &glance, area, frame);
    } else {
        draw_screen(app, theme, &glance, area, frame);
    }
    overlay::draw(app, theme, area, frame);
    theme.finish(frame.buffer_mut());
}

/// Which of the checklist's rows is drawn at this column and row of the terminal, for the mouse.
pub fn row_at(app: &App, theme: &Theme, column: u16, row: u16) -> Option<usize> {
    let area = Rect::new(0, 0, app.view.size.0, app.view.size.1);
    if layout::is_tiny(area) || app.view.screen != Screen::Board || app.view.zoomed {
        return None;
    }
    let banners = u16::try_from(banner::banners(app, theme).len()).unwrap_or(u16::MAX);
    let places = layout::frame(area, banners, app.options.coach);
    let items = layout::board(area, &places, board::wanted(app)).items;
    let inside = items.inner(ratatui::layout::Margin::new(1, 1));
    if !inside.contains(ratatui::layout::Position::new(column, row)) {
        return None;
    }
    let visible = page::window(
        app.view.cursor,
        app.view.rows.len(),
        usize::from(inside.height),
    );
    visible.into_iter().nth(usize::from(row - inside.y))
}

fn draw_screen(app: &App, theme: &Theme, glance: &Glance, area: Rect, frame: &mut Frame<'_>) {
    let banners = banner::banners(app, theme);
    let rows = u16::try_from(banners.len()).unwrap_or(u16::MAX);
    let places = layout::frame(area, rows, app.options.coach);
    let buffer = frame.buffer_mut();
    header::draw_title(app, theme, glance, places.header, buffer);
    header::draw_clock(app, theme, glance, places.clock, buffer);
    header::draw_tabs(app, theme, glance, places.tabs, buffer);
    banner::draw(&banners, places.banners, buffer);
    footer::draw_coach(app, theme, places.coach, buffer);
    let describes = !tells_of_step(app, area, &places);
    footer::draw_message(app, theme, describes, places.message, buffer);
    footer::draw_hints(app, theme, places.hints, buffer);
    match app.view.screen {
        Screen::Board => board::draw(app, theme, glance, area, &places, buffer),
        _ => draw_other(app, theme, glance, places.body, frame),
    }
}

/// Whether what is under the cursor is told in full elsewhere on the screen.
fn tells_of_step(app: &App, area: Rect, places: &layout::Frame) -> bool {
    match app.view.screen {
        Screen::Step(_) => true,
        Screen::Board if app.view.zoomed => false,
        Screen::Board => !layout::board(area, places, board::wanted(app))
            .detail
            .is_empty(),
        _ => false,
    }
}

/// Draws what is not the board.
fn draw_other(app: &App, theme: &Theme, glance: &Glance, area: Rect, frame: &mut Frame<'_>) {
    match app.view.screen {
        Screen::Board => {}
        Screen::Log => log::draw(app, theme, glance, area, frame.buffer_mut()),
        Screen::Step(step) => step::draw(app, theme, area, frame, step),
        Screen::Poll(section) => poll::draw(app, theme, area, frame, section),
        Screen::Rollback => rollback::draw(app, theme, area, frame),
        Screen::Timeline => timeline::draw(app, theme, area, frame),
    }
}
