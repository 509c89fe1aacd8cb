//! From moments to cells, and a line of cells to draw in.

use jiff::{SignedDuration, Timestamp};
use ratatui::style::Style;

use crate::app::App;
use crate::ui::pen::Pen;
use crate::ui::text::width;

/// Plans further away from T-0 than this are named, not drawn to scale: a look-back after a week would press the
/// launch into one cell.
const FURTHEST: SignedDuration = SignedDuration::from_hours(6);

/// The least that is shown, so that the first minute of a run isn't a picture of seconds.
const SHORTEST: SignedDuration = SignedDuration::from_mins(10);

/// A stretch of time over so many cells.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    from: Timestamp,
    until: Timestamp,
    cells: usize,
}

impl Axis {
    /// From the first of plan and records to the last of plan, records and now.
    pub fn of(app: &App, cells: usize) -> Self {
        let runbook = app.run.runbook();
        let target = app.run.clock.target();
        let offsets = runbook.phases.iter().filter_map(|phase| phase.at);
        let offsets = offsets
            .chain(runbook.window.opens)
            .chain(runbook.window.closes);
        let planned = offsets.filter(|offset| offset.abs() <= FURTHEST);
        let planned = planned.map(|offset| target.saturating_add(offset).unwrap_or(target));
        let moments = planned.chain([target, app.now.wall]).chain(app.run.opened);
        let (mut from, mut until) = (target, target);
        for moment in moments {
            from = from.min(moment);
            until = until.max(moment);
        }
        if until.duration_since(from) < SHORTEST {
            until = from.saturating_add(SHORTEST).unwrap_or(until);
        }
        Self { from, until, cells }
    }

    /// From one moment to another.
    pub fn between(from: Timestamp, until: Timestamp, cells: usize) -> Self {
        Self { from, until, cells }
    }

    /// Whether a moment lies on it.
    pub fn contains(&self, at: Timestamp) -> bool {
        (self.from..=self.until).contains(&at)
    }

    /// The moment at the first cell.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// The moment at the last cell.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// The cell of a moment; what lies outside is put at the end it lies beyond.
    pub fn cell(&self, at: Timestamp) -> usize {
        let whole = self.until.duration_since(self.from).as_secs_f64().max(1.0);
        let share = (at.duration_since(self.from).as_secs_f64() / whole).clamp(0.0, 1.0);
        (share * self.cells.saturating_sub(1) as f64).round() as usize
    }
}

/// A line of cells that can be written over.
#[derive(Debug)]
pub struct Strip {
    cells: Vec<(String, Style)>,
}

impl Strip {
    /// An empty line of so many cells.
    pub fn new(cells: usize) -> Self {
        Self {
            cells: vec![(" ".to_owned(), Style::new()); cells],
        }
    }

    /// Writes into one cell.
    pub fn mark(&mut self, cell: usize, symbol: &str, style: Style) {
        if let Some(place) = self.cells.get_mut(cell) {
            *place = (symbol.to_owned(), style);
        }
    }

    /// Writes into one cell unless something stands there.
    pub fn mark_if_empty(&mut self, cell: usize, symbol: &str, style: Style) {
        if self
            .cells
            .get(cell)
            .is_some_and(|(symbol, _)| symbol == " ")
        {
            self.mark(cell, symbol, style);
        }
    }

    /// Writes into every cell from one moment to another; nothing when either isn't known.
    pub fn fill(
        &mut self,
        axis: &Axis,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        symbol: &str,
        style: Style,
    ) {
        let (Some(from), Some(until)) = (from, until) else {
            return;
        };
        for cell in axis.cell(from)..=axis.cell(until) {
            self.mark(cell, symbol, style);
        }
    }

    /// Writes a short ASCII text from a cell on, if all of it fits and doesn't touch another; says whether it did.
    pub fn write(&mut self, cell: usize, text: &str, style: Style) -> bool {
        let wanted = cell..cell + width(text);
        let around = cell.saturating_sub(1)..(wanted.end + 1).min(self.cells.len());
        let is_free = |cells: &[(String, Style)]| cells.iter().all(|(symbol, _)| symbol == " ");
        if wanted.end > self.cells.len() || !self.cells.get(around).is_some_and(is_free) {
            return false;
        }
        for (cell, letter) in wanted.zip(text.chars()) {
            self.mark(cell, letter.encode_utf8(&mut [0; 4]), style);
        }
        true
    }

    /// Writes a short ASCII text around a cell, or next to it when there is something already.
    pub fn write_near(&mut self, cell: usize, text: &str, style: Style) {
        let last = self.cells.len().saturating_sub(width(text));
        let place = cell.saturating_sub(width(text) / 2);
        for distance in 0..=width(text) + 1 {
            for place in [place + distance, place.saturating_sub(distance)] {
                if self.write(place.min(last), text, style) {
                    return;
                }
            }
        }
    }

    /// Puts the line on the screen.
    pub fn put(&self, pen: &mut Pen<'_>) {
        for (symbol, style) in &self.cells {
            pen.put(symbol, *style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_outside_are_put_at_the_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let axis = Axis {
            from: at(1_000),
            until: at(2_000),
            cells: 11,
        };
        assert_eq!(
            [at(0), at(1_000), at(1_500), at(2_000), at(9_000)].map(|at| axis.cell(at)),
            [0, 0, 5, 10, 10]
        );
        let narrow = Axis { cells: 0, ..axis };
        assert_eq!(narrow.cell(at(1_500)), 0);
    }

    #[test]
    fn texts_give_way_to_what_is_there() {
        let mut strip = Strip::new(16);
        strip.write(0, "15:20", Style::new());
        strip.write_near(9, "T-0", Style::new());
        strip.write_near(10, "now", Style::new());
        strip.write_near(8, "lost", Style::new());
        let text: String = strip
            .cells
            .iter()
            .map(|(symbol, _)| symbol.as_str())
            .collect();
        assert_eq!(text, "15:20   T-0 now ");
    }
}
