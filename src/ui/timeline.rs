//! Plan against reality: a lane per phase and section, and what happened to the countdown, in words.
//!
//! The words come first, because a report is written from times and not from pictures; the picture shows where the
//! time went. Lanes fold to what is current before any of the rest is lost.

pub(super) mod axis;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::page::{Page, window};
use super::panel::{Titles, panel};
use super::pen::Pen;
use super::text::{filled, signed_clock, wall, wall_minute};
use super::theme::Theme;
use crate::app::App;
use crate::app::sentence::sentence;
use crate::journal::{Entry, Event};
use crate::run::progress::Count;
use crate::runbook::SectionIndex;

use axis::{Axis, Strip};

/// Below so many columns there is no picture.
const PICTURE_FROM: usize = 64;

/// Cells of the columns in front of the picture: title, count, times.
const COLUMNS: (usize, usize, usize) = (24, 7, 13);

/// The fewest lines kept for events, border included.
const EVENT_LINES: usize = 5;

/// Draws the timeline.
///
/// ```text
///                                        15:20        T-0     now       17:00
/// Pre-launch              28/36  15:20-       ·████████····|
///   1.4 Final checks        4/7  15:31-            ████>   |
/// T-0                       0/9                            |····
/// holds                          15:50-16:05         HHH
/// ┌─ What happened ─────────────────────────────────────────────────────────┐
/// │ 15:50:00Z  ana  planned hold: GO/NO-GO                                   │
/// └──────────────────────────────────────────────────────────────────────────┘
/// ```
pub fn draw(app: &App, theme: &Theme, area: Rect, frame: &mut Frame<'_>) {
    let mut page = Page::new(frame.buffer_mut(), area);
    let sections = spans_of_sections(app);
    let holds = holds(app);
    let cells = page
        .cells()
        .saturating_sub(COLUMNS.0 + COLUMNS.1 + COLUMNS.2 + 3);
    let axis = (page.cells() >= PICTURE_FROM).then(|| Axis::of(app, cells));
    draw_scale(app, theme, &mut page.pen(), axis.as_ref());
    let events = page
        .left()
        .saturating_sub(lane_count(app) + 2)
        .clamp(EVENT_LINES.min(page.left()), page.left());
    let rows = page.left() - events;
    let lanes = folded_lanes(app, rows.saturating_sub(1));
    for lane in lanes {
        draw_lane(app, theme, &mut page.pen(), lane, &sections, axis.as_ref());
    }
    if rows > 0 {
        draw_holds(app, theme, &mut page.pen(), &holds, axis.as_ref());
    }
    let area = page.rest();
    draw_events(app, theme, &mut page.part(area));
}

/// What is known of a section in time.
#[derive(Clone, Copy, Debug, Default)]
struct Lasted {
    count: Count,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Lasted {
    fn saw(&mut self, at: Timestamp) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }

    fn join(mut self, other: Self) -> Self {
        self.count.done += other.count.done;
        self.count.total += other.count.total;
        for at in [other.first, other.last].into_iter().flatten() {
            self.saw(at);
        }
        self
    }

    fn is_complete(&self) -> bool {
        self.count.total > 0 && self.count.done == self.count.total
    }
}

/// First and last record per phase and section, in one walk over the steps and one over the attempts.
fn spans_of_sections(app: &App) -> Vec<Vec<Lasted>> {
    let phases = app.run.runbook().phases.iter();
    let mut lasted: Vec<Vec<Lasted>> = phases
        .map(|phase| vec![Lasted::default(); phase.sections.len()])
        .collect();
    for step in app.run.forward_steps() {
        let Some(at) = app.run.section_of(step) else {
            continue;
        };
        let section = &mut lasted[at.phase][at.section];
        section.count.total += 1;
        section.count.done += usize::from(app.run.is_settled(step));
        if let Some(recorded) = app.run.state(step).at {
            section.saw(recorded);
        }
    }
    // A section that is only a gate counts its poll's answers.
    for (at, gate) in app.run.gate_sections() {
        let answers = app.run.gates.get(&at).map(|state| &state.answers);
        let section = &mut lasted[at.phase][at.section];
        if section.count.total == 0 {
            section.count = Count {
                done: answers.map_or(0, |answers| answers.len()),
                total: gate.roles.len(),
            };
        }
        for given in answers.into_iter().flat_map(|answers| answers.values()) {
            section.saw(given.at);
        }
    }
    for attempt in &app.run.attempts {
        if let Some(at) = attempt.step.and_then(|step| app.run.section_of(step)) {
            lasted[at.phase][at.section].saw(attempt.started);
        }
    }
    lasted
}

/// A hold: from, until (open while it lasts).
fn holds(app: &App) -> Vec<(Timestamp, Option<Timestamp>)> {
    let mut holds: Vec<(Timestamp, Option<Timestamp>)> = Vec::new();
    for entry in &app.run.log {
        match (&entry.event, holds.last_mut()) {
            (Event::HoldStarted { .. }, Some((_, None))) => {}
            (Event::HoldStarted { .. }, _) => holds.push((entry.at, None)),
            (Event::HoldReleased {}, Some((_, until @ None))) => *until = Some(entry.at),
            _ => {}
        }
    }
    holds
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Phase(usize),
    Section(SectionIndex),
}

fn lane_count(app: &App) -> usize {
    app.run
        .runbook()
        .phases
        .iter()
        .map(|phase| phase.sections.len() + 1)
        .sum()
}

/// The lanes that fit: all, else the sections of the current phase only, else those around the current one.
fn folded_lanes(app: &App, rows: usize) -> Vec<Lane> {
    let runbook = app.run.runbook();
    let here = app
        .run
        .next_step()
        .and_then(|step| app.run.section_of(step));
    let all_fit = lane_count(app) <= rows;
    let mut lanes = Vec::new();
    for (phase, content) in runbook.phases.iter().enumerate() {
        lanes.push(Lane::Phase(phase));
        if all_fit || here.is_some_and(|at| at.phase == phase) {
            lanes.extend(
                (0..content.sections.len())
                    .map(|section| Lane::Section(SectionIndex { phase, section })),
            );
        }
    }
    let current = here.and_then(|at| lanes.iter().position(|&lane| lane == Lane::Section(at)));
    lanes[window(current.unwrap_or(0), lanes.len(), rows)].to_vec()
}

/// The ends of the axis, T-0 and now, above their columns.
fn draw_scale(app: &App, theme: &Theme, pen: &mut Pen<'_>, axis: Option<&Axis>) {
    let t = signed_clock("T", app.run.clock.t(app.now.wall));
    pen.column(&t, COLUMNS.0, theme.strong)
        .skip(1)
        .column_right("items", COLUMNS.1, theme.dim)
        .skip(2);
    pen.column("actual, UTC", COLUMNS.2, theme.dim);
    let Some(axis) = axis else { return };
    let mut strip = Strip::new(axis.cells());
    let end = wall_minute(axis.until());
    strip.write(0, &wall_minute(axis.from()), theme.dim);
    strip.write(axis.cells().saturating_sub(end.len()), &end, theme.dim);
    strip.write_near(axis.cell(app.run.clock.target()), "T-0", theme.text);
    strip.write_near(axis.cell(app.now.wall), "now", theme.accent);
    strip.put(pen);
}

fn draw_lane(
    app: &App,
    theme: &Theme,
    pen: &mut Pen<'_>,
    lane: Lane,
    sections: &[Vec<Lasted>],
    axis: Option<&Axis>,
) {
    let runbook = app.run.runbook();
    let (title, indent, lasted, style) = match lane {
        Lane::Phase(phase) => {
            let mut joined = sections[phase]
                .iter()
                .fold(Lasted::default(), |all, one| all.join(*one));
            joined.count = app.run.phase_progress(phase);
            (runbook.phases[phase].title.clone(), 0, joined, theme.strong)
        }
        Lane::Section(at) => {
            let section = runbook.section(at);
            (
                format!("{} {}", section.number, section.title),
                2,
                sections[at.phase][at.section],
                theme.text,
            )
        }
    };
    let title = filled(&title, &app.run.variables);
    pen.skip(indent)
        .column(&title, COLUMNS.0 - indent, style)
        .skip(1);
    let count = format!("{}/{}", lasted.count.done, lasted.count.total);
    pen.column_right(
        &count,
        COLUMNS.1,
        if lasted.is_complete() {
            theme.dim
        } else {
            theme.text
        },
    )
    .skip(2);
    pen.column(&times(&lasted), COLUMNS.2, theme.dim);
    let Some(axis) = axis else { return };
    let mut strip = Strip::new(axis.cells());
    strip.mark(axis.cell(app.run.clock.target()), "|", theme.dim);
    if let Lane::Phase(phase) = lane {
        let (from, until) = planned(app, phase);
        strip.fill(axis, from, until, "·", theme.dim);
    }
    draw_actual(app, theme, &mut strip, axis, &lasted);
    strip.mark_if_empty(axis.cell(app.now.wall), "│", theme.accent);
    strip.put(pen);
}

/// The part of a lane in which something was recorded; open at its end while something is left to do.
fn draw_actual(app: &App, theme: &Theme, strip: &mut Strip, axis: &Axis, lasted: &Lasted) {
    let (Some(first), Some(last)) = (lasted.first, lasted.last) else {
        return;
    };
    strip.fill(axis, Some(first), Some(last), theme.bar_full, theme.text);
    if !lasted.is_complete() && app.run.ended.is_none() {
        strip.mark(axis.cell(last), ">", theme.accent);
    }
}

/// `15:31-15:47`, open while something is left to do.
fn times(lasted: &Lasted) -> String {
    match (lasted.first, lasted.last) {
        (Some(first), Some(last)) if lasted.is_complete() => {
            format!("{}-{}", wall_minute(first), wall_minute(last))
        }
        (Some(first), _) => format!("{}-", wall_minute(first)),
        _ => String::new(),
    }
}

/// When a phase should be worked on: until the next one begins, the last one until the window closes.
fn planned(app: &App, phase: usize) -> (Option<Timestamp>, Option<Timestamp>) {
    let runbook = app.run.runbook();
    let target = app.run.clock.target();
    let at = |offset| target.saturating_add(offset).unwrap_or(target);
    let from = runbook.phases[phase].at;
    let next = runbook.phases[phase + 1..]
        .iter()
        .find_map(|later| later.at.filter(|at| Some(*at) > from));
    let until = next
        .or(runbook.window.closes.filter(|closes| Some(*closes) > from))
        .or(from);
    (from.map(at), until.map(at))
}

fn draw_holds(
    app: &App,
    theme: &Theme,
    pen: &mut Pen<'_>,
    holds: &[(Timestamp, Option<Timestamp>)],
    axis: Option<&Axis>,
) {
    let open = holds.iter().any(|(_, until)| until.is_none());
    let style: Style = if open { theme.warning } else { theme.text };
    pen.column(
        "holds",
        COLUMNS.0,
        if holds.is_empty() {
            theme.dim
        } else {
            theme.strong
        },
    )
    .skip(1);
    pen.column_right(&holds.len().to_string(), COLUMNS.1, style)
        .skip(2);
    let latest = holds.last().map_or_else(String::new, |(from, until)| {
        format!(
            "{}-{}",
            wall_minute(*from),
            until.map_or_else(String::new, wall_minute)
        )
    });
    pen.column(&latest, COLUMNS.2, style);
    let Some(axis) = axis else { return };
    let mut strip = Strip::new(axis.cells());
    strip.mark(axis.cell(app.run.clock.target()), "|", theme.dim);
    for (from, until) in holds {
        strip.fill(
            axis,
            Some(*from),
            Some(until.unwrap_or(app.now.wall)),
            "H",
            style,
        );
    }
    strip.put(pen);
}

/// What happened to the countdown itself; steps and samples are in the log.
fn is_notable(entry: &Entry) -> bool {
    !matches!(
        entry.event,
        Event::StepDone { .. }
            | Event::StepContradicted { .. }
            | Event::StepSkipped { .. }
            | Event::StepReopened { .. }
            | Event::ApplicabilityAnswered { .. }
            | Event::NoteAdded { .. }
            | Event::TodoAdded { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptInterrupted { .. }
            | Event::AttemptEnded { .. }
            | Event::VerdictChanged { .. }
            | Event::BaselineCaptured { .. }
    )
}

fn draw_events(app: &App, theme: &Theme, page: &mut Page<'_>) {
    let notable: Vec<_> = app
        .run
        .log
        .iter()
        .filter(|entry| is_notable(entry))
        .collect();
    let figures = format!("{} of {} entries", notable.len(), app.run.log.len());
    let area = page.rest();
    let inner = panel(
        theme,
        area,
        page.buffer(),
        Titles {
            left: "What happened",
            right: &figures,
            focused: true,
            ..Titles::default()
        },
    );
    let mut page = Page::new(page.buffer(), inner);
    let end = notable
        .len()
        .saturating_sub(app.view.scroll_back)
        .max(page.left().min(notable.len()));
    let start = end.saturating_sub(page.left());
    for entry in &notable[start..end] {
        let style = match entry.event {
            Event::TriggerFired { .. }
            | Event::DecisionOverdue { .. }
            | Event::RollbackAnnounced { .. }
            | Event::RollbackStarted { .. } => theme.alarm,
            Event::HoldStarted { .. } | Event::TargetMoved { .. } | Event::Recycled { .. } => {
                theme.warning
            }
            _ => theme.text,
        };
        let mut pen = page.pen();
        pen.skip(1)
            .column(&format!("{}Z", wall(entry.at)), 10, theme.dim)
            .column(&entry.by, 9, theme.dim)
            .skip(1);
        pen.put(&sentence(&app.run, entry), style);
    }
}
