//! The picker: what `tminus` shows when it is called bare, before there is a run to show.
//!
//! It is a small core of its own rather than a screen of [`App`](super::App), because it has no journal, no clock and
//! no effects: rows come in as plain data, keys move a cursor, and the one thing that comes out is which run or
//! runbook the operator meant. What is then done about it is the caller's business.

use jiff::{SignedDuration, Timestamp};

use super::keys::{Key, KeyCode};
use crate::journal::{Ending, Mode};
use crate::run::progress::{Count, RunState};

/// A run on disk, open or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickerRun {
    /// Name of the run.
    pub id: String,
    /// Title with its variables filled in.
    pub title: String,
    /// Name of the environment; empty when the run has none.
    pub environment: String,
    /// Live or drill.
    pub mode: Mode,
    /// Where it stands.
    pub state: RunState,
    /// Procedure time at the moment the picker is shown.
    pub t: SignedDuration,
    /// Settled steps of all.
    pub progress: Count,
    /// Triggers that wait for a decision.
    pub pending_triggers: usize,
    /// Post-launch steps whose time has passed.
    pub overdue: usize,
    /// When something was last recorded.
    pub last: Option<Timestamp>,
    /// Who recorded it.
    pub by: String,
    /// Who has it open for writing at this moment, e.g. `bo on b2`.
    pub held_by: Option<String>,
    /// How and when it ended; open until then.
    pub ended: Option<(Ending, Timestamp)>,
    /// Why its journal can't be written to; it can still be looked at.
    pub damaged: Option<String>,
}

/// A runbook that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickerRunbook {
    /// What `tminus run` takes: a bundled name or a path.
    pub name: String,
    /// Its title; empty when the file can't be read.
    pub title: String,
    /// Whether it ships with tminus, rather than being the user's own.
    pub bundled: bool,
    /// Steps before, at and after T-0.
    pub steps: [usize; 3],
    /// Ways back it offers.
    pub rollbacks: usize,
    /// Rehearsals that were run to the end.
    pub drills: usize,
    /// When the last rehearsal was.
    pub last_drill: Option<Timestamp>,
    /// Mistakes that keep it from being run.
    pub errors: usize,
    /// What `tminus lint` would rather see otherwise.
    pub warnings: usize,
}

/// What a row of the picker stands for: positions in [`Picker::runs`] and [`Picker::runbooks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickerRow {
    /// A run that hasn't ended.
    Open(usize),
    /// A runbook.
    Runbook(usize),
    /// A run that has.
    Closed(usize),
}

/// What the operator meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PickerOutcome {
    /// Open this run for writing.
    Resume(String),
    /// Look at this run.
    Watch(String),
    /// Start a run of this runbook.
    Start(String),
    /// Start a rehearsal of this runbook.
    Drill(String),
    /// Nothing; leave.
    Quit,
}

/// The state of the picker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picker {
    /// Runs, newest first.
    pub runs: Vec<PickerRun>,
    /// Runbooks, the user's own first.
    pub runbooks: Vec<PickerRunbook>,
    /// The moment that ages are told for.
    pub now: Timestamp,
    /// Only rows that hold every word of this are shown.
    pub filter: String,
    /// Whether typing goes to the filter.
    pub filtering: bool,
    /// Whether the keys are explained.
    pub help: bool,
    /// Why the last key did nothing.
    pub message: Option<String>,
    /// Position in [`Picker::rows`].
    pub cursor: usize,
}

impl Picker {
    /// A picker over these runs and runbooks, the cursor on the first row.
    pub fn new(runs: Vec<PickerRun>, runbooks: Vec<PickerRunbook>, now: Timestamp) -> Self {
        Self {
            runs,
            runbooks,
            now,
            ..Self::default()
        }
    }

    /// The rows that pass the filter: open runs, runbooks, closed runs.
    pub fn rows(&self) -> Vec<PickerRow> {
        let words = self.filter.to_lowercase();
        let words: Vec<&str> = words.split_whitespace().collect();
        let runs = || {
            self.runs
                .iter()
                .enumerate()
                .filter(|(_, run)| matches(&words, &run.searched()))
        };
        let open = runs()
            .filter(|(_, run)| run.ended.is_none())
            .map(|(at, _)| PickerRow::Open(at));
        let closed = runs()
            .filter(|(_, run)| run.ended.is_some())
            .map(|(at, _)| PickerRow::Closed(at));
        let runbooks = self.runbooks.iter().enumerate();
        let runbooks = runbooks.filter(|(_, runbook)| matches(&words, &runbook.searched()));
        open.chain(runbooks.map(|(at, _)| PickerRow::Runbook(at)))
            .chain(closed)
            .collect()
    }

    /// The row under the cursor.
    pub fn selected(&self) -> Option<PickerRow> {
        self.rows().get(self.cursor).copied()
    }

    /// Takes in a key; an outcome ends the picker.
    pub fn update(&mut self, key: Key) -> Option<PickerOutcome> {
        self.message = None;
        if key == Key::ctrl('c') {
            return Some(PickerOutcome::Quit);
        }
        if self.help {
            self.help = false;
            return None;
        }
        if self.filtering {
            self.filter_key(key);
            return None;
        }
        self.command_key(key)
    }

    fn filter_key(&mut self, key: Key) {
        match key.code {
            KeyCode::Esc => {
                self.filter.clear();
                self.filtering = false;
            }
            KeyCode::Enter => self.filtering = false,
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Down => self.step(1),
            KeyCode::Up => self.step(-1),
            KeyCode::Char('u') if key.ctrl => self.filter.clear(),
            KeyCode::Char(character) if !key.ctrl && !key.alt => self.filter.push(character),
            _ => {}
        }
        self.keep_cursor_inside();
    }

    fn command_key(&mut self, key: Key) -> Option<PickerOutcome> {
        if key.alt {
            return None;
        }
        match (key.code, key.ctrl) {
            (KeyCode::Char('j') | KeyCode::Down, false) => self.step(1),
            (KeyCode::Char('k') | KeyCode::Up, false) => self.step(-1),
            (KeyCode::Char('d'), true) | (KeyCode::PageDown, _) => self.step(HALF_PAGE),
            (KeyCode::Char('u'), true) | (KeyCode::PageUp, _) => self.step(-HALF_PAGE),
            (KeyCode::Char('g') | KeyCode::Home, false) => self.cursor = 0,
            (KeyCode::Char('G') | KeyCode::End, false) => self.cursor = usize::MAX,
            (KeyCode::Char('/'), false) => self.filtering = true,
            (KeyCode::Char('?'), false) => self.help = true,
            (KeyCode::Esc, _) => self.filter.clear(),
            (KeyCode::Char('q'), false) => return Some(PickerOutcome::Quit),
            (KeyCode::Enter, false) => return self.open(),
            (KeyCode::Char('w'), false) => return self.watch(),
            (KeyCode::Char('n'), false) => return self.begin(PickerOutcome::Start),
            (KeyCode::Char('d'), false) => return self.begin(PickerOutcome::Drill),
            _ => {}
        }
        self.keep_cursor_inside();
        None
    }

    fn step(&mut self, rows: isize) {
        self.cursor = self.cursor.saturating_add_signed(rows);
    }

    fn keep_cursor_inside(&mut self) {
        self.cursor = self.cursor.min(self.rows().len().saturating_sub(1));
    }

    /// Enter: go on with an open run, look at a closed one, start a runbook.
    fn open(&mut self) -> Option<PickerOutcome> {
        match self.selected()? {
            PickerRow::Open(at) => self.resume(at),
            PickerRow::Closed(at) => Some(PickerOutcome::Watch(self.runs[at].id.clone())),
            PickerRow::Runbook(_) => self.begin(PickerOutcome::Start),
        }
    }

    /// A run that can't be written to isn't opened read-only in silence: the operator would find out at the first
    /// tick that isn't taken.
    fn resume(&mut self, at: usize) -> Option<PickerOutcome> {
        let run = &self.runs[at];
        let obstacle = match (&run.damaged, &run.held_by) {
            (Some(why), _) => format!(
                "{}: {why}; w looks at it, `tminus verify {}` tells more",
                run.id, run.id
            ),
            (None, Some(holder)) => format!("{} is being driven by {holder}: w watches it", run.id),
            (None, None) => return Some(PickerOutcome::Resume(run.id.clone())),
        };
        self.message = Some(obstacle);
        None
    }

    fn watch(&mut self) -> Option<PickerOutcome> {
        match self.selected() {
            Some(PickerRow::Open(at) | PickerRow::Closed(at)) => {
                Some(PickerOutcome::Watch(self.runs[at].id.clone()))
            }
            _ => {
                self.message = Some("w watches a run: move to one first".to_owned());
                None
            }
        }
    }

    fn begin(&mut self, outcome: fn(String) -> PickerOutcome) -> Option<PickerOutcome> {
        let Some(PickerRow::Runbook(at)) = self.selected() else {
            self.message = Some("n and d start a runbook: move to one first".to_owned());
            return None;
        };
        let runbook = &self.runbooks[at];
        if runbook.errors > 0 {
            self.message = Some(format!(
                "this runbook has mistakes: `tminus lint {}` shows them",
                runbook.name
            ));
            return None;
        }
        Some(outcome(runbook.name.clone()))
    }
}

/// Rows that ctrl-d and ctrl-u move by. The picker doesn't know the height of the screen, and half of the smallest
/// list is right everywhere.
const HALF_PAGE: isize = 5;

impl PickerRun {
    fn searched(&self) -> String {
        format!(
            "{} {} {} {} {}",
            self.id,
            self.title,
            self.environment,
            self.state.name(),
            self.mode.name()
        )
        .to_lowercase()
    }
}

impl PickerRunbook {
    fn searched(&self) -> String {
        format!("{} {}", self.name, self.title).to_lowercase()
    }
}

fn matches(words: &[&str], text: &str) -> bool {
    words.iter().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> PickerRun {
        PickerRun {
            id: id.to_owned(),
            title: format!("launch of {id}"),
            environment: "prod-eu".to_owned(),
            mode: Mode::Live,
            state: RunState::PreLaunch,
            t: SignedDuration::from_mins(-28),
            progress: Count { done: 1, total: 2 },
            pending_triggers: 0,
            overdue: 0,
            last: None,
            by: "bo".to_owned(),
            held_by: None,
            ended: None,
            damaged: None,
        }
    }

    fn runbook(name: &str) -> PickerRunbook {
        PickerRunbook {
            name: name.to_owned(),
            title: format!("{name} launch"),
            bundled: true,
            steps: [36, 9, 18],
            rollbacks: 2,
            drills: 0,
            last_drill: None,
            errors: 0,
            warnings: 0,
        }
    }

    fn picker() -> Picker {
        let held = PickerRun {
            held_by: Some("cy on b2".to_owned()),
            ..run("m17")
        };
        let closed = PickerRun {
            ended: Some((Ending::Launched, Timestamp::UNIX_EPOCH)),
            ..run("k40")
        };
        Picker::new(
            vec![closed, run("k41"), held],
            vec![runbook("kestrel"), runbook("matrix")],
            Timestamp::UNIX_EPOCH,
        )
    }

    fn type_keys(picker: &mut Picker, keys: &str) -> Option<PickerOutcome> {
        keys.split(' ')
            .map(|key| picker.update(key.parse().unwrap()))
            .last()
            .flatten()
    }

    #[test]
    fn open_runs_come_first_and_closed_ones_last() {
        let rows = picker().rows();
        assert_eq!(
            rows,
            [
                PickerRow::Open(1),
                PickerRow::Open(2),
                PickerRow::Runbook(0),
                PickerRow::Runbook(1),
                PickerRow::Closed(0)
            ]
        );
    }

    #[test]
    fn enter_goes_on_with_the_run_under_the_cursor() {
        assert_eq!(
            type_keys(&mut picker(), "enter"),
            Some(PickerOutcome::Resume("k41".to_owned()))
        );
        assert_eq!(
            type_keys(&mut picker(), "j j enter"),
            Some(PickerOutcome::Start("kestrel".to_owned()))
        );
        assert_eq!(
            type_keys(&mut picker(), "G enter"),
            Some(PickerOutcome::Watch("k40".to_owned()))
        );
    }

    #[test]
    fn a_run_that_somebody_else_drives_is_only_watched() {
        let mut picker = picker();
        assert_eq!(type_keys(&mut picker, "j enter"), None);
        assert_eq!(
            picker.message.as_deref(),
            Some("m17 is being driven by cy on b2: w watches it")
        );
        assert_eq!(
            type_keys(&mut picker, "w"),
            Some(PickerOutcome::Watch("m17".to_owned()))
        );
    }

    #[test]
    fn a_runbook_with_mistakes_does_not_start() {
        let mut picker = picker();
        picker.runbooks[0].errors = 2;
        assert_eq!(type_keys(&mut picker, "j j n"), None);
        assert!(
            picker
                .message
                .as_deref()
                .is_some_and(|message| message.contains("tminus lint kestrel"))
        );
        assert_eq!(
            type_keys(&mut picker, "j d"),
            Some(PickerOutcome::Drill("matrix".to_owned()))
        );
    }

    #[test]
    fn the_filter_takes_every_word_and_letters_that_are_commands_elsewhere() {
        let mut picker = picker();
        assert_eq!(type_keys(&mut picker, "G / k 4 1 space p r o d"), None);
        assert_eq!(picker.rows(), [PickerRow::Open(1)]);
        assert_eq!(picker.cursor, 0, "the cursor stays on a row that is there");
        type_keys(&mut picker, "n q");
        assert_eq!(picker.rows(), []);
        assert_eq!(
            type_keys(&mut picker, "enter enter"),
            None,
            "nothing under the cursor, nothing opens"
        );
        type_keys(&mut picker, "esc");
        assert_eq!(picker.rows().len(), 5);
    }

    #[test]
    fn any_key_closes_the_help_and_does_nothing_else() {
        let mut picker = picker();
        assert_eq!(type_keys(&mut picker, "? q"), None);
        assert!(!picker.help);
        assert_eq!(type_keys(&mut picker, "q"), Some(PickerOutcome::Quit));
        assert_eq!(
            type_keys(&mut picker, "? ctrl-c"),
            Some(PickerOutcome::Quit)
        );
    }
}
