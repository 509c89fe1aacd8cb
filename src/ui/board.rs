//! The board: its panels at their places.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::glance::Glance;
use super::layout::{self, Frame, Wanted};
use super::theme::Theme;
use super::{deadlines, detail, health, items, log, metrics, owed, people, sections, strip};
use crate::app::App;
use crate::app::view::Panel;

/// How every panel of the board is drawn.
type DrawPanel = fn(&App, &Theme, &Glance, Rect, &mut Buffer);

/// Draws the board between header and footer; see [`layout::board`] for its picture.
pub fn draw(
    app: &App,
    theme: &Theme,
    glance: &Glance,
    area: Rect,
    frame: &Frame,
    buffer: &mut Buffer,
) {
    if app.view.zoomed {
        draw_zoomed(app, theme, glance, frame.body, buffer);
        return;
    }
    let board = layout::board(area, frame, wanted(app));
    items::draw(app, theme, glance, board.items, buffer);
    let panels: [(Rect, DrawPanel); 9] = [
        (board.sections, sections::draw),
        (board.detail, detail::draw),
        (board.strip, strip::draw),
        (board.health, health::draw),
        (board.metrics, metrics::draw),
        (board.log, log::draw),
        (board.deadlines, deadlines::draw),
        (board.people, people::draw),
        (board.owed, owed::draw),
    ];
    for (area, draw) in panels {
        if !area.is_empty() {
            draw(app, theme, glance, area, buffer);
        }
    }
}

/// What the board has to have room for.
pub fn wanted(app: &App) -> Wanted {
    let runbook = app.run.runbook();
    Wanted {
        details: app.view.details,
        checks: runbook.checks.len(),
        metrics: runbook.metrics.len(),
    }
}

fn draw_zoomed(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    match app.view.panel {
        Panel::Items => items::draw(app, theme, glance, area, buffer),
        Panel::Health => health::draw(app, theme, glance, area, buffer),
        Panel::Metrics => metrics::draw(app, theme, glance, area, buffer),
        Panel::Log => log::draw(app, theme, glance, area, buffer),
    }
}
