//! Where everything goes, for every size of terminal.
//!
//! What an operator needs to act is given its rows first: badge and clocks, the items, what has fired, the keys. The
//! rest is taken off in a fixed order as the terminal shrinks, so that the same panel is always found at the same
//! place of the same size of screen.

use ratatui::layout::Rect;

/// From this size on there is room for a list of sections beside the items.
pub const WIDE: u16 = 120;
/// From this height on the clock has big digits, where the width allows.
pub const TALL: u16 = 40;
/// From this size on the selected step has a column of its own.
pub const HUGE: (u16, u16) = (180, 50);
/// Below this width health and metrics are one line.
pub const NARROW: u16 = 80;
/// Below this size only clock, items and the rollback line are left.
pub const TINY: (u16, u16) = (60, 16);

/// From this height on there is room for a line that says what is next.
pub const COACHED: u16 = 24;

/// Rows of big digits.
const DIGITS_ROWS: u16 = 5;

/// What is drawn around every screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Badge, title, roles, wall clock.
    pub header: Rect,
    /// T, L, hold, rollback line: one row, or big digits and what stands beside them.
    pub clock: Rect,
    /// Which part of the run is where.
    pub tabs: Rect,
    /// The screen itself.
    pub body: Rect,
    /// What has to be answered.
    pub banners: Rect,
    /// What to do next, if asked for.
    pub coach: Rect,
    /// The last thing said.
    pub message: Rect,
    /// Keys.
    pub hints: Rect,
}

/// The panels of the board. An empty area isn't drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// The list of sections.
    pub sections: Rect,
    /// The checklist.
    pub items: Rect,
    /// The selected step.
    pub detail: Rect,
    /// Health and metrics in one line.
    pub strip: Rect,
    /// Checks.
    pub health: Rect,
    /// Metrics.
    pub metrics: Rect,
    /// The log.
    pub log: Rect,
    /// What is due.
    pub deadlines: Rect,
    /// Who plays what, and what they answered.
    pub people: Rect,
    /// What is owed after the launch.
    pub owed: Rect,
}

/// Whether a terminal has room for the few lines of [`super::tiny`] only.
pub fn is_tiny(area: Rect) -> bool {
    area.width < TINY.0 || area.height < TINY.1
}

/// Whether the clock is drawn in big digits.
pub fn has_digits(area: Rect) -> bool {
    area.width >= WIDE && area.height >= TALL
}

/// Divides the terminal around a screen. `banners` and `coach` are rows asked for; the body gives them up, which on
/// the board means the log.
pub fn frame(area: Rect, banners: u16, coach: bool) -> Frame {
    let mut rest = area;
    let header = take_top(&mut rest, 1);
    let clock = take_top(&mut rest, if has_digits(area) { DIGITS_ROWS } else { 1 });
    let tabs = take_top(&mut rest, 1);
    let hints = take_bottom(&mut rest, 1);
    let message = take_bottom(&mut rest, 1);
    let spare = log_rows(area).min(rest.height);
    let banners = take_bottom(&mut rest, banners.min(spare));
    let coach = coach && area.height >= COACHED && spare > banners.height;
    let coach = take_bottom(&mut rest, u16::from(coach));
    Frame {
        header,
        clock,
        tabs,
        body: rest,
        banners,
        coach,
        message,
        hints,
    }
}

/// Rows of the log with its border, before banners take theirs.
fn log_rows(area: Rect) -> u16 {
    match area.height {
        0..24 => 1,
        24..30 => 6,
        30..50 => 6 + (area.height - 30) / 3,
        height => (height / 4).min(16),
    }
}

/// What the board has to have room for. Nothing in it changes in the course of a run but by the operator's own wish, so
/// that each panel stays where it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether the selected step is asked for where there is no column for it.
    pub details: bool,
    /// How many checks the runbook has.
    pub checks: usize,
    /// How many metrics it has.
    pub metrics: usize,
}

impl Wanted {
    /// Whether there is anything to look at: a checklist in Markdown has neither.
    fn is_live(self) -> bool {
        self.checks + self.metrics > 0
    }

    /// Percent of a column that the checks get above the metrics: `usual`, more when there are many, all or nothing
    /// when there is only one of both.
    fn health_share(self, usual: u32) -> u32 {
        match self {
            Self { metrics: 0, .. } => return 100,
            Self { checks: 0, .. } => return 0,
            Self { checks, .. } if checks <= FEW_CHECKS => return usual,
            _ => {}
        }
        let rows = (self.checks, self.checks + 2 * self.metrics);
        let share = u32::try_from(100 * rows.0 / rows.1).unwrap_or(MOST_HEALTH);
        share.clamp(usual, MOST_HEALTH.max(usual))
    }
}

/// So many checks fit wherever there is a panel for them.
const FEW_CHECKS: usize = 8;

/// The highest share of the checks, in percent.
const MOST_HEALTH: u32 = 62;

/// Divides the body of the board. `area` is the whole terminal.
///
/// ```text
///   80x24                      120x40                       200x60
///   ┌ items ──┐┌ health ─┐     ┌ sec ┐┌ items ┐┌ health ┐   ┌ sec ┐┌ items ┐┌ detail ┐┌ health ┐
///   │         │└ metrics ┘     │     │└ detail┘└ metrics┘   └─────┘└───────┘└────────┘└ metrics┘
///   └ log ───────────────┘     └ log ─────────┘└ deadl. ┘   └ log ────────┘└ deadlines, people, owed ┘
/// ```
pub fn board(area: Rect, frame: &Frame, wanted: Wanted) -> Board {
    let given_up = frame.banners.height + frame.coach.height;
    let mut rest = frame.body;
    let log = take_bottom(&mut rest, log_rows(area).saturating_sub(given_up));
    let mut board = Board {
        log,
        ..Board::default()
    };
    // A border around less than one line would be all border.
    if area.height >= 24 && log.height < 3 {
        board.log = Rect {
            height: log.height.min(1),
            ..log
        };
    }
    if area.width < NARROW && wanted.is_live() {
        board.strip = take_bottom(&mut rest, 1);
        board.items = rest;
    } else if area.width < WIDE && !wanted.is_live() {
        board.items = rest;
    } else if area.width < WIDE {
        let right = take_right(&mut rest, area.width * 2 / 5);
        (board.health, board.metrics) = split_rows(right, wanted.health_share(54));
        board.items = rest;
    } else {
        divide_wide(area, rest, wanted, &mut board);
    }
    if board.detail.is_empty() && (wanted.details || area.width >= WIDE) && board.items.height >= 14
    {
        let share = if area.width >= WIDE { 50 } else { 55 };
        (board.items, board.detail) = split_rows(board.items, share);
    }
    board
}

fn divide_wide(area: Rect, mut rest: Rect, wanted: Wanted, board: &mut Board) {
    let is_huge = area.width >= HUGE.0 && area.height >= HUGE.1;
    let right = take_right(
        &mut rest,
        if is_huge {
            area.width * 42 / 200
        } else {
            area.width / 3
        },
    );
    if wanted.is_live() {
        (board.health, board.metrics) = split_rows(right, wanted.health_share(36));
    } else {
        board.detail = right;
    }
    board.sections = take_left(&mut rest, if is_huge { 30 } else { 26 });
    if is_huge && wanted.is_live() {
        let columns = rest.width * 62 / 128;
        board.detail = take_right(&mut rest, columns);
    }
    board.items = rest;
    if board.log.height >= 3 {
        divide_bottom(is_huge, right.width, board);
    }
}

fn divide_bottom(is_huge: bool, right: u16, board: &mut Board) {
    if is_huge {
        board.owed = take_right(&mut board.log, right);
        board.people = take_right(&mut board.log, 30);
        board.deadlines = take_right(&mut board.log, 34);
    } else {
        board.deadlines = take_right(&mut board.log, right);
    }
}

/// Upper and lower part; the upper gets so many percent.
fn split_rows(area: Rect, percent: u32) -> (Rect, Rect) {
    let upper = u16::try_from(u32::from(area.height) * percent / 100).unwrap_or(area.height);
    let mut rest = area;
    let upper = take_top(&mut rest, upper);
    (upper, rest)
}

fn take_top(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    let taken = Rect {
        height: rows,
        ..*rest
    };
    *rest = Rect {
        y: rest.y + rows,
        height: rest.height - rows,
        ..*rest
    };
    taken
}

fn take_bottom(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    rest.height -= rows;
    Rect {
        y: rest.y + rest.height,
        height: rows,
        ..*rest
    }
}

fn take_left(rest: &mut Rect, columns: u16) -> Rect {
    let columns = columns.min(rest.width);
    let taken = Rect {
        width: columns,
        ..*rest
    };
    *rest = Rect {
        x: rest.x + columns,
        width: rest.width - columns,
        ..*rest
    };
    taken
}

fn take_right(rest: &mut Rect, columns: u16) -> Rect {
    let columns = columns.min(rest.width);
    rest.width -= columns;
    Rect {
        x: rest.x + rest.width,
        width: columns,
        ..*rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn panels(frame: &Frame, board: &Board) -> Vec<Rect> {
        vec![
            frame.header,
            frame.clock,
            frame.tabs,
            frame.banners,
            frame.coach,
            frame.message,
            frame.hints,
            board.sections,
            board.items,
            board.detail,
            board.strip,
            board.health,
            board.metrics,
            board.log,
            board.deadlines,
            board.people,
            board.owed,
        ]
    }

    proptest! {
        #[test]
        fn panels_never_overlap_and_never_leave_the_screen(
            width in 0..260u16, height in 0..90u16, banners in 0..6u16, coach: bool, details: bool,
            checks in 0..40usize, metrics in 0..40usize,
        ) {
            let wanted = Wanted { details, checks, metrics };
            let area = Rect::new(0, 0, width, height);
            let frame = frame(area, banners, coach);
            let panels = panels(&frame, &board(area, &frame, wanted));
            for (at, panel) in panels.iter().enumerate() {
                prop_assert_eq!(area.intersection(*panel).area(), panel.area());
                for other in &panels[at + 1..] {
                    prop_assert_eq!(panel.intersection(*other).area(), 0, "{} {}", panel, other);
                }
            }
        }

        #[test]
        fn banners_never_take_rows_from_the_items(
            width in 60..260u16, height in 16..90u16, banners in 0..6u16, coach: bool,
        ) {
            let area = Rect::new(0, 0, width, height);
            let calm = board(area, &frame(area, 0, false), USUAL);
            let loud = board(area, &frame(area, banners, coach), USUAL);
            prop_assert_eq!(calm.items, loud.items);
        }
    }

    const USUAL: Wanted = Wanted {
        details: false,
        checks: 5,
        metrics: 4,
    };

    #[test]
    fn nothing_to_look_at_takes_no_room() {
        let bare = Wanted::default();
        for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let area = Rect::new(0, 0, width, height);
            let board = board(area, &frame(area, 0, false), bare);
            assert!(board.health.is_empty() && board.metrics.is_empty() && board.strip.is_empty());
        }
        let area = Rect::new(0, 0, 80, 24);
        assert_eq!(board(area, &frame(area, 0, false), bare).items.width, 80);
    }

    #[test]
    fn the_three_sizes_of_the_design() {
        let at = |width, height| {
            let area = Rect::new(0, 0, width, height);
            board(area, &frame(area, 0, false), USUAL)
        };
        let small = at(80, 24);
        assert_eq!(
            (small.items.as_size(), small.health.width, small.log.height),
            ((48, 13).into(), 32, 6)
        );
        assert!(small.sections.is_empty() && small.detail.is_empty() && small.strip.is_empty());
        let medium = at(120, 40);
        assert_eq!(
            (
                medium.sections.width,
                medium.items.width,
                medium.health.width
            ),
            (26, 54, 40)
        );
        assert!(
            !medium.detail.is_empty() && !medium.deadlines.is_empty() && medium.owed.is_empty()
        );
        let large = at(200, 60);
        assert_eq!(
            (large.sections.width, large.items.width, large.detail.width),
            (30, 66, 62)
        );
        assert!(!large.people.is_empty() && !large.owed.is_empty());
    }
}
