//! Moving around: rows of the checklist, cursor, screens, scroll.

use super::keys::Action;
use super::view::{Panel, Row, Screen};
use super::{App, Effect};
use crate::runbook::{Home, SectionIndex, Stage, StepIndex};

impl App {
    /// Lists the checklist's lines anew; the cursor stays on its step.
    pub(super) fn rebuild_rows(&mut self) {
        let under_cursor = self.row_under_cursor();
        let runbook = self.run.runbook().clone();
        let mut rows = Vec::new();
        for (phase, content) in runbook.phases.iter().enumerate() {
            rows.push(Row::Phase(phase));
            for (section, definition) in content.sections.iter().enumerate() {
                let at = SectionIndex { phase, section };
                rows.push(Row::Section(at));
                if definition.choice.is_some() && !self.run.choices.contains_key(&at) {
                    rows.push(Row::Choice(at));
                }
                for &step in self.run.section_steps(at) {
                    self.push_step(step, &mut rows);
                }
                if definition.gate.is_some() {
                    rows.push(Row::Gate(at));
                }
            }
        }
        self.view.rows = rows;
        if let Some(position) =
            under_cursor.and_then(|row| self.view.rows.iter().position(|&other| other == row))
        {
            self.view.cursor = position;
        }
        self.settle_cursor(1);
    }

    fn push_step(&self, step: StepIndex, rows: &mut Vec<Row>) {
        rows.push(Row::Step(step));
        for &child in &self.run.runbook().step(step).children {
            self.push_step(child, rows);
        }
    }

    /// The row under the cursor.
    pub fn row_under_cursor(&self) -> Option<Row> {
        self.view.rows.get(self.view.cursor).copied()
    }

    pub(super) fn board_step_under_cursor(&self) -> Option<StepIndex> {
        match self.row_under_cursor()? {
            Row::Step(step) => Some(step),
            _ => None,
        }
    }

    /// The section under the cursor.
    pub fn section_under_cursor(&self) -> Option<SectionIndex> {
        match self.row_under_cursor()? {
            Row::Step(step) => self.run.section_of(step),
            Row::Section(at) | Row::Choice(at) | Row::Gate(at) => Some(at),
            Row::Phase(phase) => Some(SectionIndex { phase, section: 0 }),
        }
    }

    pub(super) fn rollback_step_under_cursor(&self) -> Option<StepIndex> {
        self.rollback_rows().get(self.view.rollback_cursor).copied()
    }

    /// The rollback screen's lines: the steps of the rollback that was decided, then what can be taken back.
    pub fn rollback_rows(&self) -> Vec<StepIndex> {
        let mut rows = self.run.rollback_steps();
        rows.extend(self.run.undoable().iter().map(|undoable| undoable.step));
        rows
    }

    /// The row that is next in the run: an open step, a gate to pass, an option to take.
    pub fn next_row(&self) -> Option<usize> {
        self.view.rows.iter().position(|&row| match row {
            Row::Step(step) => {
                !self.run.is_settled(step) && !self.run.runbook().step(step).is_group()
            }
            Row::Gate(at) => !self.run.is_passed(at),
            Row::Choice(_) => true,
            Row::Phase(_) | Row::Section(_) => false,
        })
    }

    pub(super) fn go_to_next(&mut self) {
        if let Some(row) = self.next_row() {
            self.view.cursor = row;
        }
        if self.run.is_rolling_back() {
            let steps = self.run.rollback_steps();
            let open = steps.iter().position(|&step| !self.run.is_settled(step));
            self.view.rollback_cursor = open.unwrap_or(steps.len().saturating_sub(1));
        }
    }

    /// Moves the cursor off headings: first in this direction, then in the other.
    fn settle_cursor(&mut self, direction: i32) {
        let rows = &self.view.rows;
        let cursor = self.view.cursor.min(rows.len().saturating_sub(1));
        let after = (cursor..rows.len()).find(|&row| rows[row].is_selectable());
        let before = (0..=cursor)
            .rev()
            .find(|&row| rows.get(row).is_some_and(|row| row.is_selectable()));
        let found = if direction >= 0 {
            after.or(before)
        } else {
            before.or(after)
        };
        self.view.cursor = found.unwrap_or(cursor);
    }

    pub(super) fn act_looking(&mut self, action: Action) -> Vec<Effect> {
        let half_page = i32::from(self.view.size.1.max(4) / 2);
        match action {
            Action::Down => self.move_by(1),
            Action::Up => self.move_by(-1),
            Action::HalfPageDown => self.move_by(half_page),
            Action::HalfPageUp => self.move_by(-half_page),
            Action::Top => self.move_by(i32::MIN / 2),
            Action::Bottom => self.move_by(i32::MAX / 2),
            Action::PreviousSection => self.move_section(-1),
            Action::NextSection => self.move_section(1),
            Action::GoToNext => {
                self.go_to_next();
                self.show(if self.run.is_rolling_back() {
                    Screen::Rollback
                } else {
                    Screen::Board
                });
            }
            Action::ShowPreLaunch => self.show_stage(Stage::PreLaunch),
            Action::ShowLaunch => self.show_stage(Stage::Launch),
            Action::ShowPostLaunch => self.show_stage(Stage::PostLaunch),
            Action::ShowRollback => self.show(Screen::Rollback),
            Action::ShowLog => self.show(Screen::Log),
            Action::ShowTimeline => self.show(Screen::Timeline),
            Action::NextPanel => self.next_panel(),
            Action::Back => self.back(),
            Action::Details => self.view.details = !self.view.details,
            Action::Zoom => self.view.zoomed = !self.view.zoomed,
            Action::Follow => self.follow(),
            Action::Coach => self.options.coach = !self.options.coach,
            Action::Open => return self.open(),
            Action::Copy => return self.copy(),
            Action::CopyOutput => return self.copy_output(),
            Action::OpenOutput => return self.open_output(),
            Action::OpenLink => return self.open_link(),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn show(&mut self, screen: Screen) {
        if self.view.screen != screen {
            self.view.scroll_back = 0;
            self.view.zoomed = false;
        }
        self.view.screen = screen;
    }

    fn back(&mut self) {
        if self.view.zoomed {
            self.view.zoomed = false;
        } else if matches!(self.view.screen, Screen::Step(step) if self.is_rollback_step(step)) {
            self.show(Screen::Rollback);
        } else {
            self.show(Screen::Board);
        }
        self.view.notice = None;
    }

    pub(super) fn is_rollback_step(&self, step: StepIndex) -> bool {
        matches!(self.run.runbook().step(step).home, Home::Rollback(_))
    }

    fn move_by(&mut self, lines: i32) {
        match self.view.screen {
            Screen::Board if self.view.panel == Panel::Log => self.scroll(-lines),
            Screen::Board if self.view.zoomed && self.view.panel == Panel::Metrics => {
                let count = self.run.runbook().metrics.len();
                self.view.metric_cursor = moved(self.view.metric_cursor, lines, count);
            }
            Screen::Board => {
                self.view.cursor = moved(self.view.cursor, lines, self.view.rows.len());
                self.settle_cursor(lines);
            }
            Screen::Rollback => {
                let count = self.rollback_rows().len();
                self.view.rollback_cursor = moved(self.view.rollback_cursor, lines, count);
            }
            Screen::Poll(at) => {
                let roles = self
                    .run
                    .runbook()
                    .section(at)
                    .gate
                    .as_ref()
                    .map_or(0, |gate| gate.roles.len());
                self.view.poll_cursor = moved(self.view.poll_cursor, lines, roles);
            }
            // Without output it is the step's text that scrolls, and a text is read from its start.
            Screen::Step(step) if self.run.latest_attempt(step).is_none() => self.scroll(lines),
            Screen::Step(_) | Screen::Log | Screen::Timeline => self.scroll(-lines),
        }
    }

    /// Scrolls back by so many lines; the end follows what comes.
    fn scroll(&mut self, back: i32) {
        let most = match self.view.screen {
            Screen::Step(step) => self
                .run
                .latest_attempt(step)
                .and_then(|attempt| self.outputs.get(attempt.number)),
            _ => None,
        }
        .map_or(self.run.log.len(), |output| output.lines.len());
        self.view.scroll_back = moved(self.view.scroll_back, back, most.max(1));
    }

    fn move_section(&mut self, direction: i32) {
        let here = self.section_under_cursor();
        let rows = self.view.rows.iter().enumerate();
        let starts: Vec<(usize, SectionIndex)> = rows
            .filter_map(|(position, row)| match row {
                Row::Section(at) => Some((position, *at)),
                _ => None,
            })
            .collect();
        let current = starts
            .iter()
            .position(|(_, at)| Some(*at) == here)
            .unwrap_or(0);
        let target = moved(current, direction, starts.len());
        if let Some(&(position, _)) = starts.get(target) {
            self.view.cursor = position;
            self.settle_cursor(1);
        }
    }

    fn show_stage(&mut self, stage: Stage) {
        self.show(Screen::Board);
        self.view.panel = Panel::Items;
        let runbook = self.run.runbook().clone();
        let open = |row: &Row| match *row {
            Row::Step(step) => !self.run.is_settled(step),
            Row::Gate(at) => !self.run.is_passed(at),
            Row::Choice(_) => true,
            _ => false,
        };
        let in_stage = |row: &Row| {
            let at = match *row {
                Row::Step(step) => self.run.section_of(step),
                Row::Gate(at) | Row::Choice(at) => Some(at),
                _ => None,
            };
            at.is_some_and(|at| runbook.phases[at.phase].stage == stage)
        };
        let rows = &self.view.rows;
        let first_open = rows.iter().position(|row| in_stage(row) && open(row));
        if let Some(position) = first_open.or_else(|| rows.iter().position(in_stage)) {
            self.view.cursor = position;
        }
    }

    fn next_panel(&mut self) {
        let runbook = self.run.runbook();
        let (checks, metrics) = (runbook.checks.len(), runbook.metrics.len());
        // A panel of nothing isn't there.
        self.view.panel = match self.view.panel {
            Panel::Items if checks > 0 => Panel::Health,
            Panel::Items | Panel::Health if metrics > 0 => Panel::Metrics,
            Panel::Items | Panel::Health | Panel::Metrics => Panel::Log,
            Panel::Log => Panel::Items,
        };
    }

    fn follow(&mut self) {
        if self.view.screen == Screen::Log {
            self.view.people_only = !self.view.people_only;
        }
        self.view.scroll_back = 0;
    }

    /// Opens what is under the cursor. Never runs, confirms or deletes.
    fn open(&mut self) -> Vec<Effect> {
        match self.view.screen {
            Screen::Board if self.view.panel == Panel::Metrics => self.view.zoomed = true,
            Screen::Board => match self.row_under_cursor() {
                Some(Row::Step(step)) => self.show(Screen::Step(step)),
                Some(Row::Gate(at)) => self.open_poll(at),
                Some(Row::Choice(at)) => match self.unchangeable(Action::Open) {
                    Some(why) => return self.refuse(why),
                    None => self.ask_option(at),
                },
                _ => {}
            },
            Screen::Rollback => match self.rollback_step_under_cursor() {
                Some(step) => self.show(Screen::Step(step)),
                None => return self.act_deciding(Action::Rollback),
            },
            _ => {}
        }
        Vec::new()
    }

    fn copy(&mut self) -> Vec<Effect> {
        let text = match (self.view.screen, self.current_step()) {
            (Screen::Log, _) => self
                .run
                .log
                .last()
                .map(|entry| super::sentence::sentence(&self.run, entry)),
            (_, Some(step)) => {
                let step = self.run.runbook().step(step);
                Some(
                    step.command
                        .as_ref()
                        .map_or_else(|| step.title.clone(), |command| command.run.clone()),
                )
            }
            _ => None,
        };
        let Some(text) = text else {
            return self.refuse("nothing here to copy");
        };
        self.say(
            super::Tone::Calm,
            "copied, if your terminal allows it (OSC 52)",
        );
        vec![Effect::Copy(text)]
    }

    fn open_link(&mut self) -> Vec<Effect> {
        let own = self
            .current_step()
            .and_then(|step| self.run.runbook().step(step).link.clone());
        let link = own.or_else(|| {
            self.run
                .runbook()
                .links
                .first()
                .map(|link| link.url.clone())
        });
        match link {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                vec![Effect::OpenLink(url)]
            }
            Some(_) => self.refuse("only http and https links are opened: copy it with y"),
            None => self.refuse("this step has no link"),
        }
    }

    pub(super) fn on_wheel(&mut self, lines: i32) -> Vec<Effect> {
        self.dirty = true;
        if self.view.overlay.is_none() {
            self.move_by(lines);
        }
        Vec::new()
    }

    pub(super) fn on_click(&mut self, row: usize) -> Vec<Effect> {
        self.dirty = true;
        if self.view.overlay.is_none()
            && self.view.screen == Screen::Board
            && row < self.view.rows.len()
        {
            self.view.panel = Panel::Items;
            self.view.cursor = row;
            self.settle_cursor(1);
        }
        Vec::new()
    }
}

/// A position moved by so many lines, kept within `0..count`.
fn moved(position: usize, by: i32, count: usize) -> usize {
    let last = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX);
    let target = i64::try_from(position)
        .unwrap_or(i64::MAX)
        .saturating_add(i64::from(by))
        .clamp(0, last);
    usize::try_from(target).unwrap_or(0)
}
