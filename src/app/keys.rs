//! The one table of bindings: help, palette, footer and key handling are all made from it.
//!
//! Keys are our own small type instead of the terminal library's, so that the core and the configuration file can
//! name them without a terminal.

use std::fmt;
use std::str::FromStr;

/// A key without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A character as typed, shift already applied.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift-tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
}

/// A key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// With control.
    pub ctrl: bool,
    /// With alt.
    pub alt: bool,
}

impl Key {
    /// A key without modifiers.
    pub const fn plain(code: KeyCode) -> Self {
        Self {
            code,
            ctrl: false,
            alt: false,
        }
    }

    /// A character without modifiers.
    pub const fn char(character: char) -> Self {
        Self::plain(KeyCode::Char(character))
    }

    /// A character with control.
    pub const fn ctrl(character: char) -> Self {
        Self {
            code: KeyCode::Char(character),
            ctrl: true,
            alt: false,
        }
    }
}

const NAMED: &[(&str, KeyCode)] = &[
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        match (NAMED.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(character)) => write!(f, "{character}"),
            (None, _) => Ok(()),
        }
    }
}

/// A key name that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a key: write one character, `ctrl-` and a character, or one of space, enter, esc, tab, up, down …"
)]
pub struct UnknownKey(pub String);

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(Self::plain(*code));
        }
        if let Some(rest) = text.strip_prefix("ctrl-") {
            return Ok(Self {
                ctrl: true,
                ..rest.parse()?
            });
        }
        if let Some(rest) = text.strip_prefix("alt-") {
            return Ok(Self {
                alt: true,
                ..rest.parse()?
            });
        }
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) if !character.is_control() => Ok(Self::char(character)),
            _ => Err(UnknownKey(text.to_owned())),
        }
    }
}

/// What an operator can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Cursor down.
    Down,
    /// Cursor up.
    Up,
    /// To the first line.
    Top,
    /// To the last line.
    Bottom,
    /// Half a page down.
    HalfPageDown,
    /// Half a page up.
    HalfPageUp,
    /// To the previous section.
    PreviousSection,
    /// To the next section.
    NextSection,
    /// To the step that is next in the run.
    GoToNext,
    /// The pre-launch part of the board.
    ShowPreLaunch,
    /// The launch part of the board.
    ShowLaunch,
    /// The post-launch part of the board.
    ShowPostLaunch,
    /// The rollback screen.
    ShowRollback,
    /// The log.
    ShowLog,
    /// The timeline.
    ShowTimeline,
    /// The next panel.
    NextPanel,
    /// Open what is under the cursor. Never runs, confirms or deletes.
    Open,
    /// Back.
    Back,
    /// Record the item.
    Record,
    /// Run the step's command.
    RunCommand,
    /// Run the step's undo.
    UndoCommand,
    /// Probe again.
    Recheck,
    /// Leave a step undone on purpose.
    Waive,
    /// Pass over a step of a read-do section.
    Skip,
    /// Take back the last record.
    TakeBack,
    /// Write a note.
    Note,
    /// Write a to-do.
    Todo,
    /// Send a status message.
    StatusMessage,
    /// Hold, or release a hold.
    Hold,
    /// Open the poll.
    Poll,
    /// Answer GO for the role under the cursor.
    AnswerGo,
    /// Answer NO-GO for the role under the cursor.
    AnswerNoGo,
    /// Say that nobody answers for the role under the cursor.
    AnswerAbsent,
    /// Open the rollback decision. Runs nothing.
    Rollback,
    /// Fire a manual trigger.
    FireTrigger,
    /// Close the rollback by word when it can't be proved.
    AttestRollback,
    /// Move T-0.
    MoveTarget,
    /// Take a role.
    TakeRole,
    /// Reopen later items marked `recheck`.
    Recycle,
    /// Give up the run.
    Scrub,
    /// Close the run.
    CloseRun,
    /// Toggle the details.
    Details,
    /// Copy what is under the cursor.
    Copy,
    /// Copy what the command printed.
    CopyOutput,
    /// Show all that the command printed in the pager.
    OpenOutput,
    /// Open the step's link.
    OpenLink,
    /// Follow the output, or filter the log.
    Follow,
    /// Give a panel the whole screen.
    Zoom,
    /// Search.
    Search,
    /// Next match.
    NextMatch,
    /// Previous match.
    PreviousMatch,
    /// Show or hide the line that says what is next.
    Coach,
    /// The palette of every action.
    Palette,
    /// Help for this screen.
    Help,
    /// Interrupt the running step, else offer to leave.
    Interrupt,
    /// Write the run to another disk, after its own has failed.
    WriteElsewhere,
    /// Leave; the run stays open.
    Leave,
}

/// Where a binding works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The checklist.
    Board,
    /// One step with its command and output.
    Step,
    /// A go/no-go poll.
    Poll,
    /// The rollback.
    Rollback,
    /// The log.
    Log,
    /// The timeline.
    Timeline,
}

/// How bindings are grouped in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Moving around.
    Move,
    /// Recording and running.
    Act,
    /// The countdown.
    Count,
    /// Writing.
    Write,
    /// Looking.
    See,
    /// Leaving.
    Leave,
}

impl Group {
    /// The group's heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Act => "act",
            Self::Count => "count",
            Self::Write => "write",
            Self::See => "see",
            Self::Leave => "leave",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// Its name in the configuration file.
    pub id: &'static str,
    /// What help and palette call it.
    pub name: &'static str,
    /// The word in the footer; empty keeps it out of there.
    pub hint: &'static str,
    /// The keys; none means palette only.
    pub keys: Vec<Key>,
    /// Where it works; empty means everywhere.
    pub places: &'static [Place],
    /// Its group in the help.
    pub group: Group,
}

/// The bindings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bindings {
    table: Vec<Binding>,
}

use Action as A;
use Group as G;
use Place::{Board, Log, Poll, Rollback, Step};

/// `(action, id, name, hint, keys, places, group)`, in the order in which footer and help show them.
type Row = (
    Action,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [Place],
    Group,
);

const TABLE: &[Row] = &[
    (
        A::AnswerGo,
        "answer-go",
        "this role says GO",
        "go",
        "+ =",
        &[Poll],
        G::Act,
    ),
    (
        A::AnswerNoGo,
        "answer-no-go",
        "this role says NO-GO (asks why)",
        "no-go",
        "-",
        &[Poll],
        G::Act,
    ),
    (
        A::AnswerAbsent,
        "answer-absent",
        "nobody answers for this role",
        "absent",
        "0",
        &[Poll],
        G::Act,
    ),
    (
        A::Record,
        "record",
        "record the item",
        "record",
        "space",
        &[Board, Step, Rollback],
        G::Act,
    ),
    (
        A::RunCommand,
        "run",
        "run the step's command",
        "run",
        "x",
        &[Board, Step, Rollback],
        G::Act,
    ),
    (
        A::Open,
        "open",
        "open what is under the cursor",
        "open",
        "enter",
        &[],
        G::See,
    ),
    (
        A::Follow,
        "follow",
        "follow output / filter log",
        "follow",
        "f",
        &[Step, Log],
        G::See,
    ),
    (
        A::Hold,
        "hold",
        "hold, or release the hold",
        "hold",
        "H",
        &[],
        G::Count,
    ),
    (A::Poll, "poll", "go/no-go poll", "poll", "P", &[], G::Count),
    (
        A::Rollback,
        "rollback",
        "rollback: decide (runs nothing by itself)",
        "rollback",
        "B",
        &[],
        G::Count,
    ),
    (
        A::AttestRollback,
        "attest-rollback",
        "close the rollback by word, with a reason",
        "",
        "",
        &[],
        G::Count,
    ),
    (
        A::FireTrigger,
        "fire-trigger",
        "report trouble by hand (manual trigger)",
        "",
        "",
        &[],
        G::Count,
    ),
    (
        A::MoveTarget,
        "move-target",
        "move T-0",
        "",
        "",
        &[],
        G::Count,
    ),
    (
        A::TakeRole,
        "take-role",
        "take a role",
        "",
        "",
        &[],
        G::Count,
    ),
    (
        A::Recycle,
        "recycle",
        "recycle: reopen items marked recheck",
        "",
        "",
        &[],
        G::Count,
    ),
    (
        A::Scrub,
        "scrub",
        "scrub: end the run with a reason",
        "",
        "",
        &[],
        G::Count,
    ),
    (A::CloseRun, "close", "close the run", "", "", &[], G::Count),
    (A::Down, "down", "down", "", "j down", &[], G::Move),
    (A::Up, "up", "up", "", "k up", &[], G::Move),
    (A::Top, "top", "to the top", "", "g home", &[], G::Move),
    (A::Bottom, "bottom", "to the end", "", "G end", &[], G::Move),
    (
        A::HalfPageDown,
        "half-page-down",
        "half a page down",
        "",
        "ctrl-d pagedown",
        &[],
        G::Move,
    ),
    (
        A::HalfPageUp,
        "half-page-up",
        "half a page up",
        "",
        "ctrl-u pageup",
        &[],
        G::Move,
    ),
    (
        A::PreviousSection,
        "previous-section",
        "previous section",
        "",
        "[",
        &[Board],
        G::Move,
    ),
    (
        A::NextSection,
        "next-section",
        "next section",
        "",
        "]",
        &[Board],
        G::Move,
    ),
    (
        A::GoToNext,
        "go-to-next",
        "to the step that is next",
        "",
        ".",
        &[],
        G::Move,
    ),
    (
        A::NextPanel,
        "next-panel",
        "next panel",
        "",
        "tab",
        &[Board, Step],
        G::Move,
    ),
    (
        A::ShowPreLaunch,
        "show-pre-launch",
        "pre-launch",
        "",
        "1",
        &[],
        G::Move,
    ),
    (
        A::ShowLaunch,
        "show-launch",
        "launch",
        "",
        "2",
        &[],
        G::Move,
    ),
    (
        A::ShowPostLaunch,
        "show-post-launch",
        "post-launch",
        "",
        "3",
        &[],
        G::Move,
    ),
    (
        A::ShowRollback,
        "show-rollback",
        "rollback screen",
        "",
        "4",
        &[],
        G::Move,
    ),
    (A::ShowLog, "show-log", "log", "", "5", &[], G::Move),
    (
        A::ShowTimeline,
        "show-timeline",
        "timeline",
        "",
        "6 L",
        &[],
        G::Move,
    ),
    (
        A::UndoCommand,
        "undo",
        "run the step's undo",
        "",
        "U",
        &[Board, Step, Rollback],
        G::Act,
    ),
    (A::Recheck, "recheck", "probe again", "", "r", &[], G::Act),
    (
        A::Waive,
        "waive",
        "waive the step (asks why)",
        "",
        "W",
        &[Board, Step, Rollback],
        G::Act,
    ),
    (
        A::Skip,
        "skip",
        "pass over the step for now (asks why)",
        "",
        "S",
        &[Board, Step, Rollback],
        G::Act,
    ),
    (
        A::TakeBack,
        "take-back",
        "take back the last record",
        "",
        "u",
        &[Board, Step, Rollback],
        G::Act,
    ),
    (A::Note, "note", "note", "", "a", &[], G::Write),
    (A::Todo, "todo", "to-do", "", "t", &[], G::Write),
    (
        A::StatusMessage,
        "status-message",
        "status message",
        "",
        "c",
        &[],
        G::Write,
    ),
    (
        A::Details,
        "details",
        "details",
        "",
        "d",
        &[Board, Rollback],
        G::See,
    ),
    (A::Copy, "copy", "copy", "", "y", &[], G::See),
    (
        A::CopyOutput,
        "copy-output",
        "copy the output",
        "",
        "Y",
        &[Step],
        G::See,
    ),
    (
        A::OpenOutput,
        "open-output",
        "the whole output in $PAGER",
        "pager",
        "v",
        &[Step],
        G::See,
    ),
    (
        A::OpenLink,
        "open-link",
        "open the link",
        "",
        "o",
        &[],
        G::See,
    ),
    (
        A::Zoom,
        "zoom",
        "zoom the panel",
        "",
        "z",
        &[Board, Step],
        G::See,
    ),
    (
        A::Search,
        "search",
        "search",
        "",
        "/",
        &[Board, Step, Log],
        G::See,
    ),
    (
        A::NextMatch,
        "next-match",
        "next match",
        "",
        "n",
        &[Board, Step, Log],
        G::See,
    ),
    (
        A::PreviousMatch,
        "previous-match",
        "previous match",
        "",
        "N",
        &[Board, Step, Log],
        G::See,
    ),
    (
        A::Coach,
        "coach",
        "show or hide what is next",
        "",
        "C",
        &[],
        G::See,
    ),
    (
        A::Palette,
        "palette",
        "every action",
        "command",
        ": ctrl-p",
        &[],
        G::See,
    ),
    (
        A::Help,
        "help",
        "help for this screen",
        "help",
        "?",
        &[],
        G::See,
    ),
    (
        A::WriteElsewhere,
        "write-elsewhere",
        "write to another disk",
        "",
        "w",
        &[],
        G::Write,
    ),
    (A::Back, "back", "back", "back", "esc", &[], G::Leave),
    (
        A::Interrupt,
        "interrupt",
        "interrupt the running step, or leave",
        "",
        "ctrl-c",
        &[],
        G::Leave,
    ),
    (
        A::Leave,
        "leave",
        "leave; the run stays open",
        "leave",
        "q",
        &[],
        G::Leave,
    ),
];

impl Default for Bindings {
    fn default() -> Self {
        let table = TABLE
            .iter()
            .map(|&(action, id, name, hint, keys, places, group)| Binding {
                action,
                id,
                name,
                hint,
                keys: keys
                    .split_whitespace()
                    .map(|key| key.parse().expect("the table names known keys"))
                    .collect(),
                places,
                group,
            });
        Self {
            table: table.collect(),
        }
    }
}

impl Bindings {
    /// Every binding, in the order in which footer and help show them.
    pub fn all(&self) -> &[Binding] {
        &self.table
    }

    /// The bindings that work at this place.
    pub fn at(&self, place: Place) -> impl Iterator<Item = &Binding> {
        self.table
            .iter()
            .filter(move |binding| binding.places.is_empty() || binding.places.contains(&place))
    }

    /// What a key does at this place.
    pub fn action(&self, place: Place, key: Key) -> Option<Action> {
        self.at(place)
            .find(|binding| binding.keys.contains(&key))
            .map(|binding| binding.action)
    }

    /// The first key of an action, for hints.
    pub fn key_of(&self, action: Action) -> Option<Key> {
        self.table
            .iter()
            .find(|binding| binding.action == action)?
            .keys
            .first()
            .copied()
    }

    /// The first key of an action as it is written in a sentence; the palette's for an action without one.
    pub fn shown(&self, action: Action) -> String {
        let key = self.key_of(action).or_else(|| self.key_of(Action::Palette));
        key.map(|key| key.to_string()).unwrap_or_default()
    }

    /// Gives an action other keys; they are taken from whatever had them at the same places.
    ///
    /// # Errors
    /// When there is no action of this name; carries the nearest one.
    pub fn rebind(&mut self, id: &str, keys: Vec<Key>) -> Result<(), UnknownAction> {
        let Some(target) = self.table.iter().position(|binding| binding.id == id) else {
            return Err(UnknownAction { id: id.to_owned() });
        };
        let places = self.table[target].places;
        for binding in &mut self.table {
            let overlaps = places.is_empty()
                || binding.places.is_empty()
                || binding.places.iter().any(|place| places.contains(place));
            if overlaps {
                binding.keys.retain(|key| !keys.contains(key));
            }
        }
        self.table[target].keys = keys;
        Ok(())
    }
}

/// A binding for an action that doesn't exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no action `{id}`: `?` in the program lists them")]
pub struct UnknownAction {
    /// The name that was given.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_at_one_place() {
        let bindings = Bindings::default();
        for place in [Board, Step, Poll, Rollback, Log, Place::Timeline] {
            let mut seen = std::collections::BTreeMap::new();
            for binding in bindings.at(place) {
                for key in &binding.keys {
                    let before = seen.insert(*key, binding.id);
                    assert_eq!(before, None, "{key} at {place:?} is {} too", binding.id);
                }
            }
        }
    }

    #[test]
    fn keys_are_written_as_they_are_read() {
        for text in [
            "space",
            "ctrl-d",
            "x",
            "G",
            "alt-enter",
            "shift-tab",
            "-",
            "?",
        ] {
            assert_eq!(text.parse::<Key>().expect("a known key").to_string(), text);
        }
        assert!("hyper-x".parse::<Key>().is_err());
    }

    #[test]
    fn a_rebound_key_leaves_its_old_action() {
        let mut bindings = Bindings::default();
        bindings
            .rebind("note", vec![Key::char('x')])
            .expect("a known action");
        assert_eq!(bindings.action(Board, Key::char('x')), Some(Action::Note));
        assert_eq!(bindings.action(Board, Key::char('a')), None);
        assert!(bindings.rebind("no-such", vec![]).is_err());
    }
}
