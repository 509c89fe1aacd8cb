//! What happened, in order: the only source of a run's state.
//!
//! An [`Entry`] is one recorded event. Everything that a run *is* follows from its entries, and nothing is done to
//! the world before its intent stands in the journal, so this vocabulary is the most durable part of tminus:
//! files written today are read by versions to come. Therefore events name things by their ids as text, new
//! fields are optional, and an event this version doesn't know is kept as it came ([`Event::Unrecognised`]).
//!
//! [`codec`] turns entries into chained lines and back; writing them safely to a disk is `runtime::store`'s job.

pub mod codec;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::check::Verdict;
use crate::runbook::StepId;

/// One recorded event.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Position in the journal, from 1. Order is this, never the clock.
    pub seq: u64,
    /// Wall time when it was recorded; for display.
    pub at: Timestamp,
    /// Who: an operator's name, or `auto`.
    pub by: String,
    /// What happened.
    pub event: Event,
}

/// The actor of what the program finds out by itself.
pub const AUTO: &str = "auto";

/// Whether a run touches the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The real thing.
    #[default]
    Live,
    /// A rehearsal: commands are stand-ins, probes are scripted.
    Drill,
}

impl Mode {
    /// The mode's name as JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Drill => "drill",
        }
    }
}

/// How we know that a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// A probe or a command's exit code proved it.
    Verified,
    /// A person said so.
    Attested,
}

impl Basis {
    /// The basis's name as JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Attested => "attested",
        }
    }
}

/// What a person answered in a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Proceed.
    Go,
    /// Do not proceed.
    NoGo,
    /// Not there to answer.
    Absent,
}

/// What the operators decide after a trigger fired, or on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Go back.
    RollBack,
    /// Stop here and keep looking.
    HoldAndWatch,
    /// Repair without going back.
    FixForward,
    /// The trigger was wrong.
    FalseAlarm,
}

impl Decision {
    /// The decision in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::RollBack => "roll back",
            Self::HoldAndWatch => "hold and watch",
            Self::FixForward => "fix forward",
            Self::FalseAlarm => "false alarm",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// The command's leader exited.
    Exited {
        /// Exit code.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// Signal number.
        signal: i32,
    },
    /// It never started.
    NotStarted {
        /// Why, for people.
        why: String,
    },
    /// It was stopped by the operator; what it did before that is not known.
    Stopped,
    /// It can't be known what became of it.
    Unknown {
        /// Why, for people.
        why: String,
    },
}

impl Outcome {
    /// Whether this proves that the command did its work.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited { code: 0 })
    }

    /// Whether the end was seen, so that it is known how long it took.
    pub fn was_seen(&self) -> bool {
        match self {
            Self::Exited { .. } | Self::Signalled { .. } | Self::Stopped => true,
            Self::NotStarted { .. } | Self::Unknown { .. } => false,
        }
    }
}

/// Which of a step's two commands an attempt runs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The step's command.
    #[default]
    Run,
    /// Its undo.
    Undo,
}

/// The sample that stands behind a verified step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// `check ID`, `metric ID` or `attempt N`.
    pub source: String,
    /// What was seen.
    pub observed: String,
    /// When it was seen.
    pub at: Timestamp,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Launched, and nothing is owed.
    Launched,
    /// Went back.
    RolledBack,
    /// Given up before it was through.
    Scrubbed,
}

/// What can happen in a run.
///
/// On disk an event's name and fields stand flat beside the entry's; [`codec`] does that by hand, because serde's
/// own way (`tag = "event"`) copies every event into a buffer first and takes half as long again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The run began; always the first entry.
    RunOpened {
        /// Version of this vocabulary.
        format: u32,
        /// Name of the run.
        run: String,
        /// What the runbook was called when the run began: a bundled name or a path.
        runbook: String,
        /// SHA-256 of the frozen runbook's bytes, in hex.
        runbook_hash: String,
        /// Title with its variables filled in.
        title: String,
        /// Live or drill.
        mode: Mode,
        /// What operators type to confirm.
        target: String,
        /// T-0.
        t0: Timestamp,
        /// Values of the variables, without secrets.
        variables: BTreeMap<String, String>,
        /// Who plays which role.
        roles: BTreeMap<String, String>,
        /// Host and process that opened it, for display.
        host: String,
    },
    /// Somebody opened the run again.
    RunResumed {
        /// Host and process, for display.
        host: String,
    },
    /// T-0 moved.
    TargetMoved {
        /// The new T-0.
        t0: Timestamp,
        /// Why.
        reason: String,
    },
    /// Somebody plays a role from now on.
    RoleTaken {
        /// The role.
        role: String,
        /// Who.
        operator: String,
    },
    /// The procedure clock stopped.
    HoldStarted {
        /// Why.
        reason: String,
        /// The gate's section (`phase/section`) when the hold was planned.
        gate: Option<String>,
    },
    /// The procedure clock goes on.
    HoldReleased {},
    /// An option of a `choose` section was taken.
    OptionChosen {
        /// `phase/section`.
        section: String,
        /// The option's id.
        option: String,
    },
    /// It was said whether a conditional step applies.
    ApplicabilityAnswered {
        /// The step.
        step: StepId,
        /// Whether it applies.
        applies: bool,
        /// Why not, when it doesn't.
        reason: Option<String>,
    },
    /// A step was recorded as done.
    StepDone {
        /// The step.
        step: StepId,
        /// How we know.
        basis: Basis,
        /// The recorded value.
        value: Option<String>,
        /// Who signed; for a step that nobody signs, the initials of the second person.
        signed: Option<String>,
        /// Initials of the second person for a step that was signed too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        second: Option<String>,
        /// The sample behind it.
        evidence: Option<Evidence>,
        /// What was red when a person said that it is done all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        against: Option<Evidence>,
    },
    /// Evidence behind a verified step was contradicted by a later sample.
    StepContradicted {
        /// The step.
        step: StepId,
        /// What was seen.
        evidence: Evidence,
    },
    /// A step was left undone on purpose.
    StepWaived {
        /// The step.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// A step of a read-do section was passed over for now.
    StepSkipped {
        /// The step.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// The last record of a step was taken back.
    StepReopened {
        /// The step.
        step: StepId,
        /// Why; empty for a plain take-back.
        reason: String,
    },
    /// Somebody wrote something down.
    NoteAdded {
        /// The step it is about.
        step: Option<StepId>,
        /// The words.
        text: String,
    },
    /// Somebody wrote down what is to be done later.
    TodoAdded {
        /// The step it is about.
        step: Option<StepId>,
        /// The words.
        text: String,
    },
    /// A status message went out.
    StatusSent {
        /// The message's id.
        message: String,
        /// What it said.
        text: String,
    },
    /// A command is about to start: recorded before anything is spawned.
    AttemptStarted {
        /// Number of the attempt in this run, from 1.
        attempt: u64,
        /// The step; `None` for a quick command.
        step: Option<StepId>,
        /// The step's command or its undo.
        direction: Direction,
        /// The exact shell text.
        command: String,
        /// Initials of the second person who confirmed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        second: Option<String>,
    },
    /// Somebody asked a command to stop.
    AttemptInterrupted {
        /// The attempt.
        attempt: u64,
    },
    /// A command ended, or can't end any more.
    AttemptEnded {
        /// The attempt.
        attempt: u64,
        /// How.
        outcome: Outcome,
        /// How long it ran, in milliseconds.
        took_ms: u64,
        /// The last line it printed, for logs and reports.
        last_line: Option<String>,
    },
    /// The believed verdict of a check or metric changed.
    VerdictChanged {
        /// `check ID` or `metric ID`.
        source: String,
        /// Before.
        from: Verdict,
        /// After.
        to: Verdict,
        /// What was seen.
        observed: String,
    },
    /// A metric's baseline was taken before T-0.
    BaselineCaptured {
        /// The metric.
        metric: String,
        /// Median.
        median: f64,
        /// Lower edge of the band (10th percentile).
        low: f64,
        /// Upper edge of the band (90th percentile).
        high: f64,
    },
    /// A trigger fired and is latched.
    TriggerFired {
        /// The trigger.
        trigger: String,
        /// The terms that held, or the operator's reason.
        because: String,
    },
    /// Nobody decided in time.
    DecisionOverdue {
        /// The trigger.
        trigger: String,
    },
    /// The operators decided.
    Decided {
        /// The triggers this answers; empty when nothing had fired.
        triggers: Vec<String>,
        /// What.
        decision: Decision,
        /// Why; required for all but a rollback.
        reason: String,
    },
    /// A rollback began: one typed decision, or an announcement that nobody stopped.
    RollbackStarted {
        /// The rollback.
        rollback: String,
        /// What was typed; empty when it began by itself.
        typed: String,
        /// The trigger that began it by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trigger: Option<String>,
    },
    /// It was said that a rollback begins by itself, unless somebody stops it.
    RollbackAnnounced {
        /// The rollback.
        rollback: String,
        /// The trigger that begins it.
        trigger: String,
    },
    /// From here on people decide and act: what was announced doesn't begin, what goes by itself goes no further.
    RollbackHandedOver {
        /// The trigger that announced it.
        trigger: String,
        /// Why.
        reason: String,
    },
    /// All that has to be good after the rollback was good for long enough.
    RollbackVerified {
        /// The rollback.
        rollback: String,
        /// What was seen, one line each.
        evidence: Vec<Evidence>,
    },
    /// Somebody closed the rollback without proof, with a reason.
    RollbackAttested {
        /// The rollback.
        rollback: String,
        /// Why.
        reason: String,
    },
    /// Somebody answered a poll.
    GateAnswered {
        /// `phase/section`.
        gate: String,
        /// The role.
        role: String,
        /// The answer.
        answer: Answer,
        /// Why, for no-go.
        reason: Option<String>,
    },
    /// A poll starts over: its answers no longer count.
    GateReset {
        /// `phase/section`.
        gate: String,
    },
    /// Later steps marked `recheck` open again.
    Recycled {
        /// The steps that opened.
        steps: Vec<StepId>,
        /// Why.
        reason: String,
    },
    /// The run ended.
    RunClosed {
        /// How.
        ending: Ending,
        /// Why, or a closing remark.
        reason: String,
    },
    /// An event of a later version, kept as it came.
    #[serde(skip)]
    Unrecognised {
        /// Its name.
        name: String,
        /// The entry's whole JSON object, its time and actor included.
        json: String,
    },
}
