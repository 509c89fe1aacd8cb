//! A run: one execution of a runbook, whose state is the fold of its journal.
//!
//! [`Run::apply`] is the only way in. A live run and a resumed one share it, so what an operator sees after a crash
//! is what they saw before it. Everything else here answers questions: what is next, what blocks the gate, what
//! does the clock say. No question changes anything.

pub mod attempt;
pub mod clock;
pub mod gate;
pub mod plan;
pub mod progress;
pub mod rollback;
pub mod step;
pub mod trigger;
pub mod undo;
pub mod usual;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::check::Baseline;
use crate::journal::{Decision, Ending, Entry, Event, Mode};
use crate::runbook::{Home, Runbook, SectionIndex, StepId, StepIndex};

pub use attempt::Attempt;
pub use clock::Clock;
pub use gate::GateState;
pub use rollback::RollbackState;
pub use step::{Status, StepState};
pub use trigger::{Announced, TriggerState};
pub use undo::Undoable;
pub use usual::Usual;

/// A line somebody wrote, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The step it is about.
    pub step: Option<StepIndex>,
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The words.
    pub text: String,
}

/// The state of one execution of a runbook.
#[derive(Clone, Debug)]
pub struct Run {
    runbook: Arc<Runbook>,
    by_id: BTreeMap<StepId, StepIndex>,
    /// Name of the run; empty before its first entry.
    pub id: String,
    /// What the runbook was called when the run began.
    pub runbook_name: String,
    /// Title with its variables filled in.
    pub title: String,
    /// Live or drill.
    pub mode: Mode,
    /// What operators type to confirm.
    pub target: String,
    /// Values of the variables, without secrets.
    pub variables: BTreeMap<String, String>,
    /// Who plays which role.
    pub roles: BTreeMap<String, String>,
    /// Number of the last entry.
    pub seq: u64,
    /// When the run was opened.
    pub opened: Option<Timestamp>,
    /// T and L.
    pub clock: Clock,
    /// State per step, in the order of [`Runbook::steps`].
    steps: Vec<StepState>,
    /// The option taken per `choose` section.
    pub choices: BTreeMap<SectionIndex, usize>,
    /// Polls, per section with a gate.
    pub gates: BTreeMap<SectionIndex, GateState>,
    /// Every attempt, oldest first.
    pub attempts: Vec<Attempt>,
    /// State per trigger, in the order of [`Runbook::triggers`].
    pub triggers: Vec<TriggerState>,
    /// The rollback that was started, the latest if several.
    pub rollback: Option<RollbackState>,
    /// The rollback that begins by itself unless somebody stops it.
    pub announced: Option<Announced>,
    /// The latest decision and when it was made.
    pub decision: Option<(Decision, Timestamp)>,
    /// Baselines per metric position.
    pub baselines: BTreeMap<usize, Baseline>,
    /// Notes, oldest first.
    pub notes: Vec<Remark>,
    /// Things to do later, oldest first.
    pub todos: Vec<Remark>,
    /// When each message last went out.
    pub messages_sent: BTreeMap<String, Timestamp>,
    /// How and when the run ended.
    pub ended: Option<(Ending, Timestamp)>,
    /// What commands took in earlier runs; no part of what the journal folds to.
    pub usual: Usual,
    /// Everything that happened, oldest first.
    pub log: Vec<Arc<Entry>>,
}

impl Run {
    /// A run of this runbook in which nothing has happened yet.
    pub fn new(runbook: Arc<Runbook>) -> Self {
        let by_id = runbook
            .step_indices()
            .map(|index| (runbook.step(index).id.clone(), index))
            .collect();
        let gates = runbook
            .sections()
            .filter(|(_, section)| section.gate.is_some())
            .map(|(at, _)| (at, GateState::default()))
            .collect();
        Self {
            by_id,
            id: String::new(),
            runbook_name: String::new(),
            title: runbook.title.clone(),
            mode: Mode::Live,
            target: runbook.target.clone(),
            variables: BTreeMap::new(),
            roles: BTreeMap::new(),
            seq: 0,
            opened: None,
            clock: Clock::new(&runbook),
            steps: vec![StepState::default(); runbook.steps.len()],
            choices: BTreeMap::new(),
            gates,
            attempts: Vec::new(),
            triggers: vec![TriggerState::default(); runbook.triggers.len()],
            rollback: None,
            announced: None,
            decision: None,
            baselines: BTreeMap::new(),
            notes: Vec::new(),
            todos: Vec::new(),
            messages_sent: BTreeMap::new(),
            ended: None,
            usual: Usual::default(),
            log: Vec::new(),
            runbook,
        }
    }

    /// Folds a whole journal.
    pub fn replay(runbook: Arc<Runbook>, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut run = Self::new(runbook);
        for entry in entries {
            run.apply(Arc::new(entry));
        }
        run
    }

    /// The runbook that is being executed.
    pub fn runbook(&self) -> &Arc<Runbook> {
        &self.runbook
    }

    /// The step with this id.
    pub fn find(&self, id: &StepId) -> Option<StepIndex> {
        self.by_id.get(id).copied()
    }

    /// What has been recorded of a step itself; see [`Run::status`] for a parent's.
    pub fn state(&self, step: StepIndex) -> &StepState {
        &self.steps[step.0]
    }

    /// Takes in one recorded event.
    ///
    /// Never fails: an event that names something this runbook doesn't have is kept in the log and changes nothing
    /// else, because a journal is a record of what happened and not a request.
    pub fn apply(&mut self, entry: Arc<Entry>) {
        self.seq = entry.seq;
        self.log.push(Arc::clone(&entry));
        match &entry.event {
            Event::RunOpened { .. } => self.apply_opened(&entry),
            Event::RoleTaken { role, operator } => {
                self.roles.insert(role.clone(), operator.clone());
            }
            Event::TargetMoved { t0, .. } => self.clock.move_target(*t0),
            Event::HoldStarted { reason, gate } => {
                let gate = gate.as_deref().and_then(|id| self.section_by_id(id));
                self.clock.hold(entry.at, reason.clone(), gate);
            }
            Event::HoldReleased {} => self.clock.release(entry.at),
            Event::OptionChosen { section, option } => self.apply_choice(section, option),
            Event::NoteAdded { step, text } => {
                let remark = self.remark(&entry, step.as_ref(), text);
                self.notes.push(remark);
            }
            Event::TodoAdded { step, text } => {
                let remark = self.remark(&entry, step.as_ref(), text);
                self.todos.push(remark);
            }
            Event::StatusSent { message, .. } => {
                self.messages_sent.insert(message.clone(), entry.at);
            }
            Event::BaselineCaptured { .. } => self.apply_baseline(&entry.event),
            Event::RunClosed { ending, .. } => self.ended = Some((*ending, entry.at)),
            Event::ApplicabilityAnswered { .. }
            | Event::StepDone { .. }
            | Event::StepContradicted { .. }
            | Event::StepWaived { .. }
            | Event::StepSkipped { .. }
            | Event::StepReopened { .. }
            | Event::Recycled { .. } => self.apply_step(&entry),
            Event::AttemptStarted { .. }
            | Event::AttemptInterrupted { .. }
            | Event::AttemptEnded { .. } => {
                self.apply_attempt(&entry);
            }
            Event::TriggerFired { .. }
            | Event::DecisionOverdue { .. }
            | Event::Decided { .. }
            | Event::RollbackStarted { .. }
            | Event::RollbackAnnounced { .. }
            | Event::RollbackHandedOver { .. }
            | Event::RollbackVerified { .. }
            | Event::RollbackAttested { .. } => self.apply_trouble(&entry),
            Event::GateAnswered { .. } | Event::GateReset { .. } => self.apply_gate(&entry),
            Event::RunResumed { .. } => self.forget_unattended(),
            Event::VerdictChanged { .. } | Event::Unrecognised { .. } => {}
        }
    }

    fn apply_baseline(&mut self, event: &Event) {
        let Event::BaselineCaptured {
            metric,
            median,
            low,
            high,
        } = event
        else {
            return;
        };
        if let Some(metric) = self.runbook.find_metric(metric) {
            let baseline = Baseline {
                median: *median,
                low: *low,
                high: *high,
            };
            self.baselines.insert(metric, baseline);
        }
    }

    fn apply_opened(&mut self, entry: &Entry) {
        let Event::RunOpened {
            run,
            runbook,
            title,
            mode,
            target,
            t0,
            variables,
            roles,
            ..
        } = &entry.event
        else {
            return;
        };
        self.id.clone_from(run);
        self.runbook_name.clone_from(runbook);
        self.title.clone_from(title);
        self.mode = *mode;
        self.target.clone_from(target);
        self.variables.clone_from(variables);
        self.roles.clone_from(roles);
        self.opened = Some(entry.at);
        self.clock.move_target(*t0);
        self.clock.fit_planned_holds(entry.at);
    }

    fn apply_choice(&mut self, section: &str, option: &str) {
        let Some(at) = self.section_by_id(section) else {
            return;
        };
        let Some(choice) = &self.runbook.section(at).choice else {
            return;
        };
        if let Some(index) = choice
            .options
            .iter()
            .position(|candidate| candidate.id == option)
        {
            self.choices.insert(at, index);
        }
    }

    fn remark(&self, entry: &Entry, step: Option<&StepId>, text: &str) -> Remark {
        let step = step.and_then(|id| self.find(id));
        Remark {
            step,
            by: entry.by.clone(),
            at: entry.at,
            text: text.to_owned(),
        }
    }

    /// A section's name on disk: `phase/section`.
    pub fn section_id(&self, at: SectionIndex) -> String {
        let phase = &self.runbook.phases[at.phase];
        format!("{}/{}", phase.id, phase.sections[at.section].id)
    }

    /// The section with this name on disk.
    pub fn section_by_id(&self, id: &str) -> Option<SectionIndex> {
        let (phase_id, section_id) = id.split_once('/')?;
        let phase = self
            .runbook
            .phases
            .iter()
            .position(|phase| phase.id == phase_id)?;
        let section = self.runbook.phases[phase]
            .sections
            .iter()
            .position(|section| section.id == section_id)?;
        Some(SectionIndex { phase, section })
    }

    /// Whether a step exists in this run: not in an option that wasn't taken, nor in a rollback or upkeep list that
    /// isn't being walked.
    pub fn is_present(&self, step: StepIndex) -> bool {
        match self.runbook.step(step).home {
            Home::Section(_) => true,
            Home::Option(at, option) => self.choices.get(&at) == Some(&option),
            Home::Rollback(index) => self
                .rollback
                .as_ref()
                .is_some_and(|rollback| rollback.rollback == index),
            Home::Upkeep(_) => false,
        }
    }

    /// The top-level steps of a section as this run has them: those of the taken option in a `choose` section.
    pub fn section_steps(&self, at: SectionIndex) -> &[StepIndex] {
        let section = self.runbook.section(at);
        match (&section.choice, self.choices.get(&at)) {
            (Some(choice), Some(&option)) => &choice.options[option].steps,
            (Some(_), None) => &[],
            (None, _) => &section.steps,
        }
    }

    /// Who plays a role, if anyone.
    pub fn operator_of(&self, role: &str) -> Option<&str> {
        self.roles.get(role).map(String::as_str)
    }
}
