//! What is being looked at: screen, cursor, scroll, and the overlay that has the keys.
//!
//! Nothing here is saved: closing the program forgets it, and no state of the run depends on it.

use std::time::Duration;

use tui_input::Input as TextInput;

use super::keys::{Action, Place};
use crate::journal::{Decision, Direction};
use crate::runbook::{Command, SectionIndex, StepIndex};

/// Which screen is shown under any overlay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// The checklist with its panels.
    #[default]
    Board,
    /// One step with its command and output.
    Step(StepIndex),
    /// A go/no-go poll.
    Poll(SectionIndex),
    /// The rollback.
    Rollback,
    /// The log.
    Log,
    /// The timeline.
    Timeline,
}

impl Screen {
    /// Where its bindings are looked up.
    pub fn place(self) -> Place {
        match self {
            Self::Board => Place::Board,
            Self::Step(_) => Place::Step,
            Self::Poll(_) => Place::Poll,
            Self::Rollback => Place::Rollback,
            Self::Log => Place::Log,
            Self::Timeline => Place::Timeline,
        }
    }
}

/// A panel of the board that can be zoomed or scrolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// The checklist.
    #[default]
    Items,
    /// Checks.
    Health,
    /// Metrics.
    Metrics,
    /// The log.
    Log,
}

/// One line of the checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A phase's heading; the cursor passes over it.
    Phase(usize),
    /// A section's heading; the cursor passes over it.
    Section(SectionIndex),
    /// A `choose` section whose option hasn't been taken.
    Choice(SectionIndex),
    /// A step.
    Step(StepIndex),
    /// A gate.
    Gate(SectionIndex),
}

impl Row {
    /// Whether the cursor stops here.
    pub fn is_selectable(self) -> bool {
        matches!(self, Self::Choice(_) | Self::Step(_) | Self::Gate(_))
    }
}

/// What is being looked at.
#[derive(Debug, Default)]
pub struct View {
    /// The screen under any overlay.
    pub screen: Screen,
    /// The focused panel of the board.
    pub panel: Panel,
    /// Whether the focused panel has the whole screen.
    pub zoomed: bool,
    /// Whether details are shown where there is a choice.
    pub details: bool,
    /// The checklist's lines.
    pub rows: Vec<Row>,
    /// Position in `rows`.
    pub cursor: usize,
    /// Position within the steps of the rollback screen.
    pub rollback_cursor: usize,
    /// Position among the metrics, where one is shown large.
    pub metric_cursor: usize,
    /// Position among the roles of the poll.
    pub poll_cursor: usize,
    /// Lines scrolled up from the end, in the log and in the output.
    pub scroll_back: usize,
    /// Whether the log shows only what people did.
    pub people_only: bool,
    /// The text searched for last.
    pub search: String,
    /// What has the keys.
    pub overlay: Option<Overlay>,
    /// The last thing said to the operator, and when.
    pub notice: Option<Notice>,
    /// Terminal size in columns and rows, when known.
    pub size: (u16, u16),
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// For information.
    Calm,
    /// Something was refused or needs attention.
    Warning,
    /// Something is wrong.
    Alarm,
}

/// Something said to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// How loud.
    pub tone: Tone,
    /// Monotonic time at which it was said.
    pub at: Duration,
}

/// Something that has the keys until it is answered or left with `esc`.
#[derive(Debug)]
pub struct Overlay {
    /// When it opened (monotonic): for 300 ms after that keys are swallowed.
    pub opened: Duration,
    /// What it is.
    pub kind: OverlayKind,
}

/// What has the keys.
#[derive(Debug)]
pub enum OverlayKind {
    /// A line of text is asked for.
    Prompt(Prompt),
    /// A command waits for its confirmation.
    Confirm(Box<Confirm>),
    /// One of several is to be picked.
    Menu(Menu),
    /// Every action, filtered by typing.
    Palette(Palette),
    /// Help for the present screen; the number is how far it is scrolled.
    Help(usize),
}

/// A line of text is asked for.
#[derive(Debug)]
pub struct Prompt {
    /// What the answer is for.
    pub purpose: Purpose,
    /// The question.
    pub title: String,
    /// What is expected, or where the prefilled value comes from.
    pub hint: String,
    /// What has been typed.
    pub input: TextInput,
    /// Why the last answer wasn't accepted.
    pub error: Option<String>,
}

/// What the answer to a prompt is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The value of a step.
    Value(StepIndex),
    /// Who signs a step, after its value.
    Signature(StepIndex, Option<String>),
    /// The initials of the second person for a step that needs one, after everything else.
    SecondPerson(StepIndex, Said),
    /// Why a step is waived.
    Waive(StepIndex),
    /// Why a step is passed over.
    Skip(StepIndex),
    /// Why a conditional step doesn't apply.
    NotApplicable(StepIndex),
    /// Why a lost command is taken for done.
    Override(StepIndex),
    /// A note.
    Note(Option<StepIndex>),
    /// A to-do.
    Todo(Option<StepIndex>),
    /// Why the clock stops.
    Hold,
    /// Why a role says NO-GO.
    NoGo(SectionIndex, String),
    /// Why this decision.
    Decision(Decision),
    /// The typed target that starts a rollback.
    StartRollback(usize),
    /// Why a rollback is closed without proof.
    AttestRollback,
    /// What an operator saw that fires a manual trigger.
    FireTrigger(usize),
    /// The new T-0.
    MoveTarget,
    /// Who takes a role.
    TakeRole(String),
    /// Why later items open again.
    Recycle,
    /// Why the run is given up.
    Scrub,
    /// A closing remark.
    CloseRun,
    /// What to search for.
    Search,
    /// The directory that takes the run when its disk has failed.
    WriteElsewhere,
}

/// What was said of a step before its second person is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The value that was measured.
    pub value: Option<String>,
    /// Who signed.
    pub signed: Option<String>,
    /// How somebody knows that it is done.
    pub words: Option<String>,
}

impl Purpose {
    /// Whether this is a typed confirmation, in which pasted text is refused.
    pub fn is_confirmation(&self) -> bool {
        matches!(self, Self::StartRollback(_))
    }
}

/// A command on its way to being started.
#[derive(Debug)]
pub struct Confirm {
    /// The step; `None` for a quick command.
    pub step: Option<StepIndex>,
    /// Title of the step or quick command.
    pub title: String,
    /// Its command or its undo.
    pub direction: Direction,
    /// The command as the runbook has it.
    pub command: Command,
    /// The exact shell text that will run.
    pub text: String,
    /// Initials of the second person, once given.
    pub second: Option<String>,
    /// What is still asked, in order; the first is asked now.
    pub asks: Vec<Ask>,
    /// What has been typed.
    pub input: TextInput,
    /// Why the last answer wasn't accepted.
    pub error: Option<String>,
}

/// One thing a confirmation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The key `y`.
    Yes,
    /// The target's name, typed.
    Target(String),
    /// The initials of a second person.
    SecondPerson,
    /// Waits until this monotonic time, then starts; any key stops it.
    Countdown(Duration),
}

/// One of several is to be picked.
#[derive(Debug)]
pub struct Menu {
    /// The question.
    pub title: String,
    /// What to know before picking.
    pub text: String,
    /// The choices.
    pub items: Vec<MenuItem>,
    /// The marked one.
    pub cursor: usize,
}

/// One choice of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuItem {
    /// The key that picks it at once, if any.
    pub key: Option<char>,
    /// What it is called.
    pub label: String,
    /// What to know about it.
    pub detail: String,
    /// What picking it does.
    pub choice: MenuChoice,
}

impl MenuItem {
    /// A choice with a key of its own.
    pub fn keyed(key: char, label: &str, detail: &str, choice: MenuChoice) -> Self {
        Self {
            key: Some(key),
            label: label.to_owned(),
            detail: detail.to_owned(),
            choice,
        }
    }

    /// A choice that is reached with the cursor only.
    pub fn plain(label: String, detail: String, choice: MenuChoice) -> Self {
        Self {
            key: None,
            label,
            detail,
            choice,
        }
    }
}

/// What picking a menu item does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MenuChoice {
    /// Take an option.
    TakeOption(SectionIndex, usize),
    /// Say that a conditional step applies.
    Applies(StepIndex),
    /// Say that it doesn't; asks why.
    AppliesNot(StepIndex),
    /// Decide after a trigger.
    Decide(Decision),
    /// Start this rollback; asks for the target.
    Rollback(usize),
    /// Go to the list of what can be taken back.
    ListUndo,
    /// Fire this manual trigger.
    FireTrigger(usize),
    /// Take this role.
    TakeRole(String),
    /// Send this message: position in the runbook's messages.
    SendMessage(usize),
    /// Stop this attempt.
    StopAttempt(u64),
    /// Take a lost command for done.
    LostIsDone(StepIndex),
    /// Take a lost command for not done.
    LostIsNotDone(StepIndex),
    /// Leave the program.
    Leave,
    /// Do nothing.
    Nothing,
}

/// Every action, filtered by typing.
#[derive(Debug, Default)]
pub struct Palette {
    /// What has been typed.
    pub input: TextInput,
    /// What matches, best first.
    pub matches: Vec<PaletteItem>,
    /// The marked one.
    pub cursor: usize,
}

/// One line of the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaletteItem {
    /// What it is called.
    pub label: String,
    /// An action's name in the configuration; empty for what isn't one.
    pub id: &'static str,
    /// Its key.
    pub key: String,
    /// What picking it does.
    pub choice: PaletteChoice,
}

/// What picking a palette item does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaletteChoice {
    /// An action of the table of bindings.
    Action(Action),
    /// A quick command: position in the runbook's list.
    QuickCommand(usize),
    /// A step to go to.
    Step(StepIndex),
    /// A link to open.
    Link(usize),
}
