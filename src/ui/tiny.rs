//! Terminals too small for panels: clock, current item and the way back, in as few lines as there are.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::banner::banners;
use super::footer;
use super::glance::Glance;
use super::header::{Piece, badge, put_pieces, trouble_styles, way_back_piece};
use super::items;
use super::pen::Pen;
use super::text::{filled, signed_clock, wall, width};
use super::theme::Theme;
use crate::app::App;
use crate::app::view::Screen;
use crate::journal::Mode;
use crate::runbook::StepIndex;

/// Draws what is never hidden. Each line is taken in the order of what can be spared least; what is left in between
/// shows the checklist.
///
/// ```text
/// LIVE  T-00:12:40
/// L-00:27:40  [!] 1  [?] 1
/// 1.4.5 Error rate < 0.1%
/// rollback 4:10 of 5:00
/// B ? space x H
/// ```
pub fn draw(app: &App, theme: &Theme, glance: &Glance, area: Rect, frame: &mut Frame<'_>) {
    let rows = usize::from(area.height);
    let buffer = frame.buffer_mut();
    draw_clock(app, theme, area, buffer);
    let mut used = 1;
    if let Some(banner) = banners(app, theme).first().filter(|_| rows > 3) {
        Pen::new(buffer, area, used)
            .shade(banner.style)
            .put(&banner.text, banner.style);
        used += 1;
    }
    if rows > 4 {
        draw_counts(app, theme, glance, &mut Pen::new(buffer, area, used));
        used += 1;
    }
    let hints = u16::from(rows > 3);
    let below = u16::from(rows > 2) + hints;
    if below > 0 {
        let piece = way_back_piece(app, theme, glance, area.width >= 34);
        Pen::new(buffer, area, area.height - below).put(&piece.text, piece.style);
    }
    if hints > 0 {
        let last = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        footer::draw_hints(app, theme, last, buffer);
    }
    let middle = Rect {
        y: area.y + used.min(area.height),
        height: area.height.saturating_sub(used + below),
        ..area
    };
    draw_middle(app, theme, glance, middle, frame);
}

/// The screen itself where it can be read at all, else the one line that says where we are.
fn draw_middle(app: &App, theme: &Theme, glance: &Glance, area: Rect, frame: &mut Frame<'_>) {
    if area.height < 3 || area.width < 30 {
        draw_current(app, theme, &mut Pen::new(frame.buffer_mut(), area, 0));
    } else if app.view.screen == Screen::Board {
        items::draw_rows(app, theme, glance, area, frame.buffer_mut());
    } else {
        super::draw_other(app, theme, glance, area, frame);
    }
}

fn draw_clock(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let t = signed_clock("T", app.run.clock.t(app.now.wall));
    let (long, style) = badge(app, theme);
    let short = match app.run.mode {
        Mode::Live => "LIVE",
        Mode::Drill => "DRILL",
    };
    let fits = width(&long) + width(&t) < usize::from(area.width);
    let pieces = vec![
        Piece::new(if fits { long } else { short.to_owned() }, style, 1),
        Piece::new(t, theme.strong, 0),
        Piece::new(wall(app.now.wall), theme.dim, 2),
    ];
    put_pieces(&mut Pen::new(buffer, area, 0), pieces, 1);
}

fn draw_counts(app: &App, theme: &Theme, glance: &Glance, pen: &mut Pen<'_>) {
    let (failed, unknown) = trouble_styles(theme, glance);
    let pieces = vec![
        Piece::new(
            signed_clock("L", app.run.clock.l(app.now.wall)),
            theme.text,
            1,
        ),
        Piece::new(format!("[!]{}", glance.failed), failed, 0),
        Piece::new(format!("[?]{}", glance.unknown), unknown, 0),
        Piece::new(glance.state.name(), theme.text, 2),
        Piece::new(
            format!("MUST {}/{}", glance.must.done, glance.must.total),
            theme.text,
            3,
        ),
    ];
    put_pieces(pen, pieces, 1);
}

/// The step under the cursor, else the one that is next in the run.
fn draw_current(app: &App, theme: &Theme, pen: &mut Pen<'_>) {
    let Some(step) = app.current_step().or_else(|| app.run.next_step()) else {
        return;
    };
    let status = app.run.status(step);
    pen.put(status.mark(), theme.status(status))
        .skip(1)
        .put(&words(app, step), theme.text);
}

fn words(app: &App, step: StepIndex) -> String {
    let definition = app.run.runbook().step(step);
    format!(
        "{} {}",
        definition.number,
        filled(&definition.title, &app.run.variables)
    )
}
