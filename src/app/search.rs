//! Searching: steps on the board, lines in the output and the log.

use super::keys::Action;
use super::view::{Purpose, Row, Screen};
use super::{App, Effect};

impl App {
    pub(super) fn act_search(&mut self, action: Action) -> Vec<Effect> {
        if action == Action::Search {
            let last = self.view.search.clone();
            self.prompt(
                Purpose::Search,
                "Search",
                "upper and lower case are the same; n and N go on".to_owned(),
                &last,
            );
            return Vec::new();
        }
        if self.view.search.is_empty() {
            return self.refuse("nothing was searched for yet: / asks");
        }
        let forward = action == Action::NextMatch;
        let found = match self.view.screen {
            Screen::Board => self.find_row(forward),
            _ => self.find_line(forward),
        };
        if found {
            Vec::new()
        } else {
            self.refuse(&format!("`{}` isn't here", self.view.search.clone()))
        }
    }

    fn find_row(&mut self, forward: bool) -> bool {
        let wanted = self.view.search.to_lowercase();
        let count = self.view.rows.len();
        let position = |distance: usize| {
            let cursor = self.view.cursor;
            if forward {
                (cursor + distance) % count
            } else {
                (cursor + count - distance) % count
            }
        };
        let found = (1..=count)
            .map(position)
            .find(|&row| self.row_contains(self.view.rows[row], &wanted));
        if let Some(row) = found {
            self.view.cursor = row;
        }
        found.is_some()
    }

    fn row_contains(&self, row: Row, wanted: &str) -> bool {
        let runbook = self.run.runbook();
        match row {
            Row::Step(step) => {
                let step = runbook.step(step);
                step.title.to_lowercase().contains(wanted) || step.number == wanted
            }
            Row::Gate(at) | Row::Choice(at) => {
                runbook.section(at).title.to_lowercase().contains(wanted)
            }
            Row::Phase(_) | Row::Section(_) => false,
        }
    }

    /// Finds a line of the output or the log; the position is counted back from the end, as scrolling is.
    fn find_line(&mut self, forward: bool) -> bool {
        let wanted = self.view.search.to_lowercase();
        let here = self.view.scroll_back;
        let lines: Vec<String> = match self.view.screen {
            Screen::Step(step) => {
                let output = self
                    .run
                    .latest_attempt(step)
                    .and_then(|attempt| self.outputs.get(attempt.number));
                output.map_or_else(Vec::new, |output| {
                    output
                        .lines
                        .iter()
                        .rev()
                        .map(super::output::Line::text)
                        .collect()
                })
            }
            _ => self
                .run
                .log
                .iter()
                .rev()
                .map(|entry| super::sentence::sentence(&self.run, entry))
                .collect(),
        };
        let matches = |back: &usize| {
            lines
                .get(*back)
                .is_some_and(|line| line.to_lowercase().contains(&wanted))
        };
        // Going forward in time is going towards the end, which is a smaller distance from it.
        let found = if forward {
            (0..here)
                .rev()
                .find(matches)
                .or_else(|| (here..lines.len()).rev().find(matches))
        } else {
            (here + 1..lines.len())
                .find(matches)
                .or_else(|| (0..=here).find(matches))
        };
        if let Some(back) = found {
            self.view.scroll_back = back;
        }
        found.is_some()
    }
}
