//! What is never hidden: which environment this is, T and L, the way back, and how much is wrong or unknown.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::digits;
use super::glance::{Glance, decide_by, hold_begins, holding, until};
use super::page::bar;
use super::pen::Pen;
use super::text::{filled, fit, signed_clock, stopwatch, visible, wall, width};
use super::theme::Theme;
use crate::app::App;
use crate::app::view::Screen;
use crate::journal::Mode;
use crate::run::progress::{Count, RunState};
use crate::run::rollback::RollbackStage;
use crate::runbook::{Stage, StepIndex};

/// A piece of a line that gives way to more important ones when the line is too narrow.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The words.
    pub text: String,
    /// How they look.
    pub style: Style,
    /// Pieces of the highest rank go first when there is no room.
    pub rank: u8,
    /// Cells that are kept for it when it has fewer, so that what stands behind a clock doesn't move with its digits.
    pub cells: usize,
}

impl Piece {
    /// A piece with its rank.
    pub fn new(text: impl Into<String>, style: Style, rank: u8) -> Self {
        Self {
            text: text.into(),
            style,
            rank,
            cells: 0,
        }
    }

    /// Keeps at least so many cells for it.
    pub fn keeping(mut self, cells: usize) -> Self {
        self.cells = cells;
        self
    }

    fn width(&self) -> usize {
        width(&self.text).max(self.cells)
    }
}

/// Writes pieces so many cells apart, without those that don't fit.
pub fn put_pieces(pen: &mut Pen<'_>, mut pieces: Vec<Piece>, apart: usize) {
    pieces.retain(|piece| !piece.text.is_empty());
    while pieces.len() > 1 && line_width(&pieces, apart) > pen.room() {
        let highest = pieces.iter().map(|piece| piece.rank).max().unwrap_or(0);
        if let Some(at) = pieces.iter().rposition(|piece| piece.rank == highest) {
            pieces.remove(at);
        }
    }
    for (at, piece) in pieces.iter().enumerate() {
        pen.skip(if at == 0 { 0 } else { apart })
            .column(&piece.text, piece.width(), piece.style);
    }
}

fn line_width(pieces: &[Piece], apart: usize) -> usize {
    pieces
        .iter()
        .map(|piece| piece.width() + apart)
        .sum::<usize>()
        - apart
}

/// The environment's badge: `[LIVE prod-eu]` or `[DRILL DRILL DRILL]`.
pub fn badge(app: &App, theme: &Theme) -> (String, Style) {
    match app.run.mode {
        Mode::Drill => ("[DRILL DRILL DRILL]".to_owned(), theme.badge_drill),
        Mode::Live => {
            let name = if app.options.environment.is_empty() {
                &app.run.target
            } else {
                &app.options.environment
            };
            (
                format!("[LIVE {}]", filled(name, &app.run.variables)),
                theme.badge_live,
            )
        }
    }
}

/// Draws the first line.
///
/// ```text
/// [LIVE prod-eu] READ-ONLY  kestrel v2.41.0   IC ana  OPS bo  SCRIBE cy     15:47:20 UTC
/// ```
pub fn draw_title(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let (text, style) = badge(app, theme);
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(&text, style).skip(1);
    if app.options.read_only {
        pen.put(" READ-ONLY ", theme.warning).skip(1);
    }
    if glance.state == RunState::RollingBack {
        pen.put("##### ROLLBACK #####", theme.banner).skip(2);
    }
    pen.right(&format!("{} UTC", wall(app.now.wall)), theme.text);
    let title = filled(&app.run.title, &app.run.variables);
    let room = pen.room();
    pen.put_within(
        &title,
        room.saturating_sub(16).max(room.min(24)),
        theme.strong,
    )
    .skip(3);
    for role in &app.run.runbook().roles {
        let Some(operator) = app.run.operator_of(&role.id) else {
            continue;
        };
        let text = role.id.to_uppercase();
        if width(&text) + width(operator) + 1 > pen.room() {
            break;
        }
        pen.put(&text, theme.dim)
            .skip(1)
            .put(operator, theme.text)
            .skip(2);
    }
}

/// Draws the clocks: one line, or big digits when there are rows for them.
pub fn draw_clock(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    if area.height >= digits::HEIGHT {
        draw_big(app, theme, glance, area, buffer);
        return;
    }
    let t = signed_clock("T", app.run.clock.t(app.now.wall));
    let mut pieces = vec![Piece::new(t, clock_style(theme, glance), 0)];
    pieces.extend(state_pieces(app, theme, glance));
    pieces.extend(ahead_pieces(app, theme, glance));
    // The way back has the line's end to itself: a clock that takes more digits doesn't move it.
    let way_back = way_back_piece(app, theme, glance, area.width >= 76);
    let mut pen = Pen::new(buffer, area, 0);
    pen.right(&way_back.text, way_back.style);
    put_pieces(&mut pen, pieces, 2);
}

/// ```text
/// ███     ███ ███   █  ███   █ █ ███    RUN  L-00:27:40  HOLD in 2:40   slip 0:00
///  █      █ █ █ █ █ ██   █ █ █ █ █ █    rollback est 4:10 of 5:00  decide by 16:50:50 UTC  no return after 2.1.5
///  █  ███ █ █ █ █    █ ███   ███ █ █    PRE   [##################......] 28/36
///  █      █ █ █ █ █  █ █   █   █ █ █    T-0   [........................] 0/9
///  █      ███ ███   ██████     █ ███    POST  [........................] 0/18
/// ```
fn draw_big(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let t = signed_clock("T", app.run.clock.t(app.now.wall));
    let digits_area = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..area
    };
    let taken = digits::draw(&t, clock_style(theme, glance), digits_area, buffer) + 3;
    let beside = Rect {
        x: area.x + taken.min(area.width),
        width: area.width.saturating_sub(taken),
        ..area
    };
    let mut pieces = state_pieces(app, theme, glance);
    pieces.extend(ahead_pieces(app, theme, glance));
    put_pieces(&mut Pen::new(buffer, beside, 0), pieces, 2);
    let mut pieces = vec![way_back_piece(app, theme, glance, true)];
    pieces.extend(limit_pieces(app, theme, glance));
    put_pieces(&mut Pen::new(buffer, beside, 1), pieces, 2);
    for (row, (stage, name)) in (2..).zip(STAGES) {
        let count = glance.stage(app, stage);
        let share = count.done as f64 / count.total.max(1) as f64;
        let cells = usize::from(beside.width.saturating_sub(24)).min(60);
        let style = if stage == app.run.stage(app.now.wall) {
            theme.text
        } else {
            theme.dim
        };
        let mut pen = Pen::new(buffer, beside, row);
        pen.column(name, 6, style)
            .put(&bar(theme, share, cells), style)
            .skip(1)
            .put(&counted(count), style);
    }
}

fn clock_style(theme: &Theme, glance: &Glance) -> Style {
    match glance.state {
        RunState::RollingBack => theme.alarm,
        RunState::Holding => theme.warning,
        RunState::Launched | RunState::Scrubbed | RunState::RolledBack => theme.dim,
        RunState::PreLaunch | RunState::Launch | RunState::PostLaunch => theme.strong,
    }
}

/// What T is doing, then L.
fn state_pieces(app: &App, theme: &Theme, glance: &Glance) -> Vec<Piece> {
    let l = Piece::new(
        signed_clock("L", app.run.clock.l(app.now.wall)),
        theme.text,
        1,
    );
    let state = match glance.state {
        RunState::Holding => return hold_pieces(app, theme, l),
        RunState::RollingBack => return rollback_pieces(app, theme, l),
        RunState::PreLaunch | RunState::Launch | RunState::PostLaunch => {
            Piece::new("RUN", theme.text, 3)
        }
        RunState::RolledBack => Piece::new("ROLLED BACK", theme.warning, 2),
        RunState::Launched => Piece::new("LAUNCHED", theme.good, 2),
        RunState::Scrubbed => Piece::new("SCRUBBED", theme.warning, 2),
    };
    vec![state, l]
}

/// The most cells of a hold's reason; the log has all of it.
const REASON_CELLS: usize = 24;

fn hold_pieces(app: &App, theme: &Theme, l: Piece) -> Vec<Piece> {
    let Some((lasted, planned, reason)) = holding(app) else {
        return vec![l];
    };
    let of = planned
        .map(|planned| format!(" of {}", stopwatch(planned)))
        .unwrap_or_default();
    let is_late = planned.is_some_and(|planned| lasted > planned);
    let style = if is_late { theme.alarm } else { theme.warning };
    vec![
        Piece::new(format!("HOLDING {}{of}", stopwatch(lasted)), style, 1),
        Piece::new(fit(&visible(reason), REASON_CELLS).into_owned(), style, 5),
        l,
    ]
}

fn rollback_pieces(app: &App, theme: &Theme, l: Piece) -> Vec<Piece> {
    let stage = match app.run.rollback_stage() {
        Some(RollbackStage::Steps { done, total }) => format!("steps {done}/{total}"),
        Some(RollbackStage::Verify) => "verifying".to_owned(),
        _ => String::new(),
    };
    vec![Piece::new(stage, theme.strong, 2), l]
}

/// What lies ahead of T: a soak, the next hold, slip.
fn ahead_pieces(app: &App, theme: &Theme, glance: &Glance) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if let Some((step, time)) = soak_now(app) {
        let soak = app.live.soaks.get(&step).copied().unwrap_or_default();
        let style = if soak.counted.is_some() {
            theme.text
        } else {
            theme.unknown
        };
        let paused = if soak.counted.is_some() {
            ""
        } else {
            " paused"
        };
        pieces.push(Piece::new(
            format!(
                "SOAK {} of {}{paused}",
                stopwatch(soak.clean),
                stopwatch(time)
            ),
            style,
            4,
        ));
    }
    if let Some(text) = next_hold(app, glance) {
        pieces.push(Piece::new(text, theme.text, 4).keeping(NEXT_HOLD_CELLS));
    }
    if glance.state != RunState::RollingBack {
        pieces.push(slip_piece(app, theme, glance));
    }
    pieces
}

/// How much later than planned T-0 comes. No slip is the plan; a slip says more than the word for a clock that runs.
fn slip_piece(app: &App, theme: &Theme, glance: &Glance) -> Piece {
    let slip = app.run.clock.slip(app.now.wall);
    let sign = if slip.is_negative() { "-" } else { "" };
    let (style, rank) = match slip.as_secs() {
        0 => (theme.dim, 5),
        1.. => (theme.warning, 2),
        _ => (theme.dim, 2),
    };
    // In a hold its clock says the same, and its reason says more.
    let rank = if glance.state == RunState::Holding {
        6
    } else {
        rank
    };
    let words = format!("slip {sign}{}", stopwatch(slip.unsigned_abs()));
    Piece::new(words, style, rank).keeping(SLIP_CELLS)
}

/// `slip 0:00`
const SLIP_CELLS: usize = 9;

/// `HOLD in 12:40`
const NEXT_HOLD_CELLS: usize = 13;

fn soak_now(app: &App) -> Option<(StepIndex, Duration)> {
    let mut soaks = app
        .live
        .soaks
        .keys()
        .filter(|&&step| !app.run.is_settled(step));
    let step = *soaks.next()?;
    Some((step, app.run.runbook().step(step).soak?))
}

fn next_hold(app: &App, glance: &Glance) -> Option<String> {
    let gate = glance
        .next_gate
        .filter(|_| app.run.clock.hold_now().is_none())?;
    let before = until(app, hold_begins(app, gate)?)?;
    Some(format!("HOLD in {}", stopwatch(before)))
}

/// `rollback est 4:10 of 5:00`; while one is on its way, its clock against its budget.
pub fn way_back_piece(app: &App, theme: &Theme, glance: &Glance, long: bool) -> Piece {
    let Some(way) = glance.way_back else {
        return if app.run.runbook().rollbacks.is_empty() {
            Piece::new("no rollback", theme.warning, 0)
        } else {
            Piece::new("rollback by option", theme.dim, 0)
        };
    };
    let budget = way
        .budget
        .map(|budget| format!(" of {}", stopwatch(budget)))
        .unwrap_or_default();
    let running = app
        .run
        .rollback
        .as_ref()
        .filter(|_| app.run.is_rolling_back());
    if let Some(state) = running {
        let elapsed = state.elapsed(app.now.wall).unsigned_abs();
        let style = if way.budget.is_some_and(|budget| elapsed > budget) {
            theme.banner
        } else {
            theme.alarm
        };
        return Piece::new(format!("rollback {}{budget}", stopwatch(elapsed)), style, 0);
    }
    let style = if way.is_too_slow() {
        theme.warning
    } else {
        theme.text
    };
    let text = match (way.estimate, long) {
        (Some(estimate), true) => format!("rollback est {}{budget}", stopwatch(estimate)),
        (Some(estimate), false) => format!(
            "rollback {}{}",
            stopwatch(estimate),
            budget.replacen(" of ", "/", 1)
        ),
        (None, true) => format!(
            "rollback not timed{}",
            budget.replacen(" of", ", budget", 1)
        ),
        (None, false) => format!("rollback ?{budget}"),
    };
    Piece::new(text, style, 0)
}

/// Until when one can go back, and the step after which one can't.
fn limit_pieces(app: &App, theme: &Theme, glance: &Glance) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if let Some(at) = decide_by(app, glance.way_back) {
        let style = if at < app.now.wall {
            theme.warning
        } else {
            theme.text
        };
        pieces.push(Piece::new(format!("decide by {}", wall(at)), style, 3));
    }
    if let Some(step) = glance.no_return {
        let number = &app.run.runbook().step(step).number;
        pieces.push(Piece::new(
            format!("no return after {number}"),
            theme.text,
            4,
        ));
    }
    pieces
}

/// The parts of the way forward as the tabs name them.
pub const STAGES: [(Stage, &str); 3] = [
    (Stage::PreLaunch, "PRE"),
    (Stage::Launch, "T-0"),
    (Stage::PostLaunch, "POST"),
];

fn counted(count: Count) -> String {
    format!("{}/{}", count.done, count.total)
}

/// Draws the tabs, and how much is wrong or unknown.
///
/// ```text
/// [1 PRE 28/36]  2 T-0 0/9  3 POST 0/18  4 ROLLBACK ready  5 LOG 42  6 TIMELINE     MUST 7/10  [!] 1  [?] 1
/// ```
pub fn draw_tabs(app: &App, theme: &Theme, glance: &Glance, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area, 0);
    put_counts(theme, glance, &mut pen, area.width >= 72);
    let wide = area.width >= 100;
    let tabs = tabs(app, glance, wide);
    let apart = if wide { 2 } else { 1 };
    for (name, is_here) in &tabs {
        let cells = width(name) + 2;
        if cells > pen.room() {
            break;
        }
        let (style, name) = if *is_here {
            (theme.accent, format!("[{name}]"))
        } else {
            (theme.dim, format!(" {name} "))
        };
        pen.put(&name, style).skip(apart - 1);
    }
}

fn tabs(app: &App, glance: &Glance, wide: bool) -> Vec<(String, bool)> {
    let here = stage_here(app);
    let mut tabs: Vec<(String, bool)> = (1..)
        .zip(STAGES)
        .map(|(key, (stage, name))| {
            (
                format!("{key} {name} {}", counted(glance.stage(app, stage))),
                here == Some(stage),
            )
        })
        .collect();
    let screen = app.view.screen;
    let state = if wide {
        format!(" {}", rollback_state(app))
    } else {
        String::new()
    };
    tabs.push((format!("4 ROLLBACK{state}"), screen == Screen::Rollback));
    tabs.push((
        format!("5 LOG {}", app.run.log.len()),
        screen == Screen::Log,
    ));
    tabs.push(("6 TIMELINE".to_owned(), screen == Screen::Timeline));
    tabs
}

fn stage_here(app: &App) -> Option<Stage> {
    let section = match app.view.screen {
        Screen::Board => app.section_under_cursor(),
        Screen::Step(step) => app.run.section_of(step),
        Screen::Poll(at) => Some(at),
        _ => None,
    };
    section
        .and_then(|at| app.run.runbook().phases.get(at.phase))
        .map(|phase| phase.stage)
}

fn rollback_state(app: &App) -> String {
    match app.run.rollback_stage() {
        None if app.run.runbook().rollbacks.is_empty() => "none".to_owned(),
        None if app.run.offered_rollbacks().is_empty() => "by option".to_owned(),
        None => "ready".to_owned(),
        Some(RollbackStage::Steps { done, total }) => format!("{done}/{total}"),
        Some(RollbackStage::Verify) => "verifying".to_owned(),
        Some(RollbackStage::Closed { verified: true }) => "verified".to_owned(),
        Some(RollbackStage::Closed { verified: false }) => "attested".to_owned(),
    }
}

/// Writes the counts at the right end, the most important outermost.
fn put_counts(theme: &Theme, glance: &Glance, pen: &mut Pen<'_>, with_must: bool) {
    let (failed, unknown) = trouble_styles(theme, glance);
    pen.right(&format!("[?] {}", glance.unknown), unknown);
    pen.right(&format!("[!] {} ", glance.failed), failed);
    if with_must && glance.must.total > 0 {
        pen.right(&format!("MUST {} ", counted(glance.must)), theme.text);
    }
}

/// How the counts of what is wrong and what is unknown look.
pub fn trouble_styles(theme: &Theme, glance: &Glance) -> (Style, Style) {
    let failed = if glance.failed > 0 {
        theme.alarm
    } else {
        theme.dim
    };
    let unknown = if glance.unknown > 0 {
        theme.unknown
    } else {
        theme.dim
    };
    (failed, unknown)
}
