//! The runbook: what an author wrote, parsed, validated and ready to be walked.
//!
//! The file's shapes live in [`document`]; [`load()`] turns text into a [`Runbook`] or into *all* of its mistakes
//! at once. Steps live in one arena in document order, because a run, a search, a report and a screen all ask
//! for "the next step" far more often than for "the steps of this section", and because an index is a cheap,
//! `Copy` name for a step while the program runs. On disk a step is always named by its [`StepId`].

pub mod diagnostic;
pub mod document;
pub mod load;
mod lower;
pub mod markdown;
mod renamed;
pub mod schema;
mod shape;
mod syntax;
pub mod text;
pub mod variables;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Limit, Metric};

pub use diagnostic::{Diagnostic, Level as DiagnosticLevel};
pub use load::{Loaded, load};
pub use variables::{VariableError, VariableErrors, resolve};

/// A runbook that passed validation: every reference resolves, every id is unique.
#[derive(Clone, Debug, PartialEq)]
pub struct Runbook {
    /// Title, may hold `${NAME}`.
    pub title: String,
    /// One or two sentences about the launch.
    pub summary: String,
    /// What an operator types to confirm a destructive command; may hold `${NAME}`.
    pub target: String,
    /// Who can act, in the file's order.
    pub roles: Vec<Role>,
    /// The header fields of a run.
    pub variables: Vec<Variable>,
    /// When the launch may happen and how long going back may take.
    pub window: Window,
    /// Probes with expectations.
    pub checks: Vec<Check>,
    /// Sampled numbers.
    pub metrics: Vec<Metric>,
    /// Conditions that ask for a rollback.
    pub triggers: Vec<Trigger>,
    /// The way forward.
    pub phases: Vec<Phase>,
    /// The ways back.
    pub rollbacks: Vec<Rollback>,
    /// Texts to send while the run goes on.
    pub messages: Vec<Message>,
    /// Commands offered in the palette at any time.
    pub quick_commands: Vec<QuickCommand>,
    /// Whom to call.
    pub contacts: Vec<Contact>,
    /// Where to look.
    pub links: Vec<Link>,
    /// Recurring lists.
    pub upkeep: Vec<Upkeep>,
    /// Rehearsals.
    pub drills: Vec<Drill>,
    /// Every step of phases, options, rollbacks and upkeep, in document order, parents before children.
    pub steps: Vec<Step>,
}

impl Runbook {
    /// The step with this index.
    pub fn step(&self, index: StepIndex) -> &Step {
        &self.steps[index.0]
    }

    /// Finds a step by its id.
    pub fn find_step(&self, id: &StepId) -> Option<StepIndex> {
        self.steps
            .iter()
            .position(|step| &step.id == id)
            .map(StepIndex)
    }

    /// All step indices in document order.
    pub fn step_indices(&self) -> impl Iterator<Item = StepIndex> + use<> {
        (0..self.steps.len()).map(StepIndex)
    }

    /// The section at this place.
    pub fn section(&self, at: SectionIndex) -> &Section {
        &self.phases[at.phase].sections[at.section]
    }

    /// All sections in document order.
    pub fn sections(&self) -> impl Iterator<Item = (SectionIndex, &Section)> {
        self.phases.iter().enumerate().flat_map(|(phase, content)| {
            content
                .sections
                .iter()
                .enumerate()
                .map(move |(section, content)| (SectionIndex { phase, section }, content))
        })
    }

    /// The position of the check with this id.
    pub fn find_check(&self, id: &str) -> Option<usize> {
        self.checks.iter().position(|check| check.id == id)
    }

    /// The position of the metric with this id.
    pub fn find_metric(&self, id: &str) -> Option<usize> {
        self.metrics.iter().position(|metric| metric.id == id)
    }

    /// The position of the trigger with this id.
    pub fn find_trigger(&self, id: &str) -> Option<usize> {
        self.triggers.iter().position(|trigger| trigger.id == id)
    }

    /// The position of the rollback with this id.
    pub fn find_rollback(&self, id: &str) -> Option<usize> {
        self.rollbacks.iter().position(|rollback| rollback.id == id)
    }
}

/// A step's position in [`Runbook::steps`]; meaningful for that runbook only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepIndex(pub usize);

/// A section's position in the runbook's phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionIndex {
    /// Position in [`Runbook::phases`].
    pub phase: usize,
    /// Position in [`Phase::sections`].
    pub section: usize,
}

/// A step's name on disk and in JSON: slugs from phase to step joined by `/`, e.g. `pre/security/tls`.
///
/// Steps of a rollback start with `rollback/<rollback>/`, those of an upkeep list with `upkeep/<list>/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Someone who can act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Short name, e.g. `ic`.
    pub id: String,
    /// What it stands for.
    pub title: String,
}

/// A field that is asked for when a run starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Name, as commands see it in their environment.
    pub name: String,
    /// Label for people.
    pub label: String,
    /// Value when none is given; without it the variable is required.
    pub default: Option<String>,
    /// Regular expression that a value has to match whole.
    pub pattern: Option<String>,
    /// Taken from the environment, masked everywhere, never written to disk.
    pub secret: bool,
    /// Byte range of its definition.
    pub span: Range<usize>,
}

/// When the launch may happen and how long going back may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Start, relative to T-0.
    pub opens: Option<SignedDuration>,
    /// End, relative to T-0.
    pub closes: Option<SignedDuration>,
    /// Within this a rollback has to be done.
    pub rollback_budget: Option<Duration>,
}

/// What a phase is for.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Everything before T-0.
    PreLaunch,
    /// T-0 itself.
    Launch,
    /// Everything after it.
    PostLaunch,
}

impl Stage {
    /// The stage's name as files and JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreLaunch => "pre-launch",
            Self::Launch => "launch",
            Self::PostLaunch => "post-launch",
        }
    }
}

/// The checklist's top level.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Unique among phases.
    pub id: String,
    /// Title, may hold `${NAME}`.
    pub title: String,
    /// What the phase is for.
    pub stage: Stage,
    /// When it should begin, relative to T-0.
    pub at: Option<SignedDuration>,
    /// The phase's sections.
    pub sections: Vec<Section>,
    /// Byte range of its definition.
    pub span: Range<usize>,
}

/// In which order the steps of a section are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Only the next step takes input; skipping costs a reason.
    ReadDo,
    /// Any order.
    DoConfirm,
}

/// A group of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Unique within its phase.
    pub id: String,
    /// Number for people, e.g. `1.4`.
    pub number: String,
    /// Title, may hold `${NAME}`.
    pub title: String,
    /// Order of its steps.
    pub order: Order,
    /// Explanation shown above the steps.
    pub text: Option<String>,
    /// Whose section it is, for steps that name no role.
    pub role: Option<String>,
    /// Top-level steps (children hang below them); empty in a `choose` section.
    pub steps: Vec<StepIndex>,
    /// A poll and planned hold that stand at this place.
    pub gate: Option<Gate>,
    /// Alternatives, of which one is taken.
    pub choice: Option<Choice>,
    /// Byte range of its definition.
    pub span: Range<usize>,
}

/// A planned hold that only a unanimous GO releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// What is asked.
    pub question: String,
    /// Who answers; `ic` answers last.
    pub roles: Vec<String>,
    /// How long the planned hold may last.
    pub hold: Option<Duration>,
}

/// Alternatives of a section (`choose`).
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What is chosen, e.g. `platform`.
    pub name: String,
    /// The alternatives.
    pub options: Vec<ChoiceOption>,
}

/// One alternative.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoiceOption {
    /// Unique within its section.
    pub id: String,
    /// Title.
    pub title: String,
    /// Its top-level steps.
    pub steps: Vec<StepIndex>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Home {
    /// In a section.
    Section(SectionIndex),
    /// In an option of a `choose` section.
    Option(SectionIndex, usize),
    /// In a rollback.
    Rollback(usize),
    /// In an upkeep list.
    Upkeep(usize),
}

/// One thing to do or to confirm.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name on disk.
    pub id: StepId,
    /// Number for people, e.g. `1.4.5`, `R1.2`.
    pub number: String,
    /// Title, may hold `${NAME}`.
    pub title: String,
    /// Where it stands.
    pub home: Home,
    /// The step it belongs to.
    pub parent: Option<StepIndex>,
    /// Its substeps.
    pub children: Vec<StepIndex>,
    /// 0 for a top-level step.
    pub depth: usize,
    /// Blocks every gate after it until done.
    pub must: bool,
    /// Never blocks a gate.
    pub optional: bool,
    /// Reopened by a recycle.
    pub recheck: bool,
    /// The condition under which it applies; the operator says whether it does.
    pub condition: Option<String>,
    /// Who does it.
    pub role: Option<String>,
    /// When it is due, relative to T-0.
    pub at: Option<SignedDuration>,
    /// How long it usually takes, with a command or without.
    pub takes: Option<Duration>,
    /// What it runs.
    pub command: Option<Command>,
    /// The value it records.
    pub record: Option<Record>,
    /// Checks that prove it: positions in [`Runbook::checks`].
    pub checks: Vec<usize>,
    /// Metrics that prove it: positions in [`Runbook::metrics`].
    pub metrics: Vec<usize>,
    /// How long its checks and metrics have to stay in band.
    pub soak: Option<Duration>,
    /// The role that signs it.
    pub sign: Option<String>,
    /// Needs the initials of a second person.
    pub second: bool,
    /// Why it matters, in a sentence.
    pub why: Option<String>,
    /// Longer explanation or configuration to read.
    pub text: Option<String>,
    /// Where to read more.
    pub link: Option<String>,
    /// Byte range of its definition.
    pub span: Range<usize>,
}

/// How much harm a command can do.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Reads only.
    Safe,
    /// Reversible, has an undo.
    Changes,
    /// No cheap way back; what an unlabelled command is taken for.
    #[default]
    Destructive,
    /// Point of no return.
    Ponr,
}

impl Level {
    /// The level's name as files and JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Changes => "changes",
            Self::Destructive => "destructive",
            Self::Ponr => "ponr",
        }
    }
}

/// What a step runs. Shell text is never substituted into: variables reach it through its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Shell text.
    pub run: String,
    /// The command that reverses it.
    pub undo: Option<String>,
    /// How much harm it can do.
    pub level: Level,
    /// Whether the author wrote the level.
    pub level_written: bool,
    /// How long it usually takes.
    pub takes: Option<Duration>,
    /// When it is stopped; no limit unless written.
    pub timeout: Option<Duration>,
    /// Whether it needs a terminal.
    pub tty: bool,
    /// Working directory, relative to the runbook's folder.
    pub dir: Option<String>,
    /// A `safe` command that runs by itself when its step becomes current.
    pub auto: bool,
}

/// The value that a step records.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What is measured.
    pub label: String,
    /// Its unit.
    pub unit: String,
    /// What the value has to satisfy.
    pub want: Option<Limit>,
}

/// Whether a trigger asks, tells, or acts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum TriggerMode {
    /// Asks for a decision within `decide_within`.
    #[default]
    Confirm,
    /// Shows a banner only.
    Advise,
    /// Announces the rollback and starts it unless stopped.
    Auto,
}

/// An armed condition that asks for a rollback.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Unique among triggers.
    pub id: String,
    /// Title.
    pub title: String,
    /// When it fires; `None` when only an operator can fire it.
    pub condition: Option<Condition>,
    /// Whether an operator may fire it by hand with a reason.
    pub manual: bool,
    /// The stages in which it is armed.
    pub armed: Vec<Stage>,
    /// How long the operators have to decide.
    pub decide_within: Option<Duration>,
    /// The rollbacks it suggests: positions in [`Runbook::rollbacks`].
    pub rollbacks: Vec<usize>,
    /// Whether it asks, tells or acts.
    pub mode: TriggerMode,
    /// How long after its rollback it stays quiet.
    pub settle: Option<Duration>,
    /// Byte range of its definition.
    pub span: Range<usize>,
}

/// What a trigger waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Any one of these (`when = […]`).
    Any(Vec<Term>),
    /// Every one of these (`all = […]`).
    All(Vec<Term>),
}

impl Condition {
    /// The terms, however they are combined.
    pub fn terms(&self) -> &[Term] {
        match self {
            Self::Any(terms) | Self::All(terms) => terms,
        }
    }
}

/// One part of a condition: `check ID fails`, `metric ID fails`, `metric ID warns`, each optionally `for 30m`;
/// or `unresolved for 30m`.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The author's words.
    pub text: String,
    /// What is looked at.
    pub subject: Subject,
    /// How long it has to last without a gap.
    pub sustained: Duration,
}

/// What a [`Term`] looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A check fails: position in [`Runbook::checks`].
    CheckFails(usize),
    /// A metric fails: position in [`Runbook::metrics`].
    MetricFails(usize),
    /// A metric warns or fails.
    MetricWarns(usize),
    /// Anything at all has been failing (a step, a check, a metric).
    Unresolved,
}

/// A named procedure that goes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollback {
    /// Unique among rollbacks.
    pub id: String,
    /// Title.
    pub title: String,
    /// Only offered when this option was taken.
    pub option: Option<String>,
    /// Time budget.
    pub within: Option<Duration>,
    /// What has to be good for it to count as verified.
    pub verify: Vec<Proof>,
    /// How long the verification has to hold.
    pub hold: Duration,
    /// Order of its steps; read-do unless written.
    pub order: Order,
    /// Explanation: when to take this way.
    pub text: Option<String>,
    /// May be started by a trigger in mode `auto`.
    pub auto: bool,
    /// Its top-level steps.
    pub steps: Vec<StepIndex>,
    /// Byte range of its definition.
    pub span: Range<usize>,
}

/// A live thing that proves something: `check ID` or `metric ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Position in [`Runbook::checks`].
    Check(usize),
    /// Position in [`Runbook::metrics`].
    Metric(usize),
}

/// A text rendered from the run's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Unique among messages.
    pub id: String,
    /// Title.
    pub title: String,
    /// How often it is owed.
    pub every: Option<Duration>,
    /// The text with `${NAME}`; `${STATE}`, `${T}`, `${TITLE}` come from the run.
    pub text: String,
    /// Where to post it.
    pub webhook: Option<String>,
}

/// A command offered in the palette at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickCommand {
    /// Title.
    pub title: String,
    /// What it runs.
    pub command: Command,
}

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The role they answer for.
    pub role: Option<String>,
    /// Their name.
    pub name: String,
    /// How to reach them.
    pub reach: String,
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Title.
    pub title: String,
    /// URL, may hold `${NAME}`.
    pub url: String,
}

/// A recurring list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// Unique among upkeep lists.
    pub id: String,
    /// Title.
    pub title: String,
    /// How often it is due.
    pub every: Duration,
    /// Its top-level steps.
    pub steps: Vec<StepIndex>,
}

/// A rehearsal.
#[derive(Clone, Debug, PartialEq)]
pub struct Drill {
    /// Unique among drills.
    pub id: String,
    /// Title.
    pub title: String,
    /// The faults in it.
    pub injects: Vec<Inject>,
    /// Targets for the score.
    pub targets: Targets,
}

/// Targets for the score of a drill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// From inject to noticed.
    pub detect: Option<Duration>,
    /// From noticed to decided.
    pub decide: Option<Duration>,
    /// From decided to rolled back.
    pub rollback: Option<Duration>,
}

/// One fault in a drill.
#[derive(Clone, Debug, PartialEq)]
pub struct Inject {
    /// When it happens.
    pub when: InjectTime,
    /// What happens.
    pub fault: Fault,
}

/// When an inject happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectTime {
    /// Relative to T-0.
    Launch(SignedDuration),
    /// So long after the rollback was decided.
    Rollback(Duration),
}

/// What an inject does.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A metric moves to a value over some time.
    Metric {
        /// Position in [`Runbook::metrics`].
        metric: usize,
        /// Where it goes.
        to: f64,
        /// Over how long.
        over: Duration,
    },
    /// A check changes its verdict.
    Check {
        /// Position in [`Runbook::checks`].
        check: usize,
        /// `pass`, `fail` or `unknown`.
        is: String,
    },
    /// A command hangs.
    StepHangs {
        /// The step.
        step: StepIndex,
        /// For how long.
        time: Duration,
    },
    /// A command fails with this exit code.
    StepFails {
        /// The step.
        step: StepIndex,
        /// The exit code.
        exit: i32,
    },
}
