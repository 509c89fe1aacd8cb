//! Who plays what, and what they said in the poll that is next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::glance::Glance;
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::wall_minute;
use super::theme::Theme;
use crate::app::App;
use crate::journal::Answer;

/// Draws the roles.
///
/// ```text
/// ┌─ People ────────── poll 1.5 ─┐
/// │ IC       ana                 │
/// │ OPS      bo     GO     15:51 │
/// └──────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let runbook = app.run.runbook();
    let gate = glance.next_gate;
    let right = gate
        .map(|at| format!("poll {}", runbook.section(at).number))
        .unwrap_or_default();
    let inner = panel(
        theme,
        area,
        buffer,
        Titles {
            left: "People",
            right: &right,
            ..Titles::default()
        },
    );
    let answers = gate.and_then(|at| app.run.gates.get(&at));
    for (row, role) in (0..inner.height).zip(&runbook.roles) {
        let mut pen = Pen::new(buffer, inner, row);
        if let Some(given) = answers.and_then(|state| state.answers.get(&role.id)) {
            let (word, style) = match given.answer {
                Answer::Go => ("GO", theme.text),
                Answer::NoGo => ("NO-GO", theme.alarm),
                Answer::Absent => ("absent", theme.warning),
            };
            pen.right_column(&wall_minute(given.at), 5, theme.dim)
                .right_column(word, 6, style);
        }
        let operator = app.run.operator_of(&role.id);
        let style = if operator.is_some() {
            theme.text
        } else {
            theme.dim
        };
        pen.skip(1)
            .column(&role.id.to_uppercase(), 9, theme.dim)
            .put(operator.unwrap_or("nobody yet"), style);
    }
}
