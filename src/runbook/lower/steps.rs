//! Phases, sections, options, rollbacks' steps: everything that is walked.

use std::ops::Range;
use std::time::Duration;

use super::names::{Kind, Siblings};
use super::texts::Use;
use super::{Entry, Lowering};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::document::{
    DurationText, GateTable, Located, OptionTable, PhaseTable, RecordTable, SectionTable,
    StepEntry, StepTable, Text,
};
use crate::runbook::load::MOST_LEVELS;
use crate::runbook::{
    Choice, ChoiceOption, Command, Gate, Home, Level, Order, Phase, Record, Section, SectionIndex,
    Stage, Step, StepId, StepIndex,
};

/// More steps than this in one list are hard to keep in mind.
const LONG: usize = 9;

/// Where a list of steps stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    home: Home,
    parent: Option<StepIndex>,
    depth: usize,
    /// The id of what holds the list.
    id: String,
    /// The number of what holds the list.
    number: String,
    /// Who does the steps that don't say it.
    role: Option<String>,
}

impl Place {
    /// A list that stands below no step.
    pub(super) fn top(home: Home, id: String, number: String, role: Option<String>) -> Self {
        Self {
            home,
            parent: None,
            depth: 0,
            id,
            number,
            role,
        }
    }
}

/// What an author wrote of a command.
pub(super) struct CommandText {
    pub(super) run: Text,
    pub(super) undo: Option<Text>,
    pub(super) level: Option<Level>,
    /// A level was written and was none.
    pub(super) level_lost: bool,
    pub(super) takes: Option<DurationText>,
    pub(super) timeout: Option<DurationText>,
    pub(super) tty: Option<Located<bool>>,
    pub(super) dir: Option<Text>,
    pub(super) auto: Option<Located<bool>>,
}

impl Lowering<'_> {
    pub(super) fn phase(&mut self, entry: Entry<'_, PhaseTable>) -> Phase {
        let Entry {
            table,
            span,
            index,
            siblings,
        } = entry;
        let title = self.title(table.title, &span, "phase");
        let place = table.id.as_ref().map_or(&span, |id| &id.span).clone();
        let id = self.identify(table.id, Some(&title), &span, "phase", siblings);
        if id == "rollback" || id == "upkeep" {
            let message =
                format!("no phase can have the id `{id}`: the names of {id} steps begin with it");
            self.error(
                "reserved-id",
                &place,
                message,
                "write another `id` for this phase",
            );
        }
        // In a stage that can't be read any order may be meant, and the one that asks least is taken.
        let stage = self
            .required(table.stage, &span, "stage", "phase")
            .unwrap_or(Stage::Launch);
        let at = self.offset(table.at.as_ref());
        let holder = Holder {
            phase: index,
            id: id.clone(),
            stage,
        };
        let sections = self.all(table.section, |this, section| {
            this.section(section, &holder)
        });
        Phase {
            id,
            title,
            stage,
            at,
            sections,
            span,
        }
    }

    fn section(&mut self, entry: Entry<'_, SectionTable>, holder: &Holder) -> Section {
        let Entry {
            table,
            span,
            index,
            siblings,
        } = entry;
        self.check_choice(&table, &span);
        let title = self.title(table.title, &span, "section");
        let id = self.identify(table.id, Some(&title), &span, "section", siblings);
        let number = format!("{}.{}", holder.phase + 1, index + 1);
        let order = table.order.unwrap_or(match holder.stage {
            // Any may be meant, and this is the one that nothing is said against.
            _ if self.gaps.has(&span, "order") => Order::ReadDo,
            Stage::Launch => Order::ReadDo,
            Stage::PreLaunch | Stage::PostLaunch => Order::DoConfirm,
        });
        let role = self.role(table.role);
        let home = SectionIndex {
            phase: holder.phase,
            section: index,
        };
        let path = format!("{}/{id}", holder.id);
        let place = Place::top(Home::Section(home), path, number.clone(), role.clone());
        self.warn_of_list(&table.steps, order, &span);
        let steps = self.steps(table.steps, &place);
        let gate = table.gate.map(|gate| self.gate(gate));
        let options = self.all(table.option, |this, option| {
            this.option(option, home, order, &place)
        });
        let choice = table.choose.map(|name| Choice {
            name: name.value,
            options,
        });
        Section {
            id,
            number,
            title,
            order,
            text: self.optional(table.text, Use::Shown),
            role,
            steps,
            gate,
            choice,
            span,
        }
    }

    /// `choose` and `option` need each other, and leave no room for steps of the section's own.
    fn check_choice(&mut self, table: &SectionTable, span: &Range<usize>) {
        let first = table.option.first().map(|option| option.span.clone());
        match (&table.choose, first) {
            (Some(choose), None) if !self.gaps.has(span, "option") => {
                let help = "add a `[[phase.section.option]]` for each alternative";
                self.error(
                    "choice",
                    &choose.span,
                    "there is nothing to choose from",
                    help,
                );
            }
            (None, Some(option)) if !self.gaps.has(span, "choose") => {
                let help = "add `choose = \"…\"` to the section, naming what is chosen";
                self.error(
                    "choice",
                    &option,
                    "this option belongs to a section without `choose`",
                    help,
                );
            }
            (_, Some(option)) if !table.steps.is_empty() => {
                let message = "this section has steps of its own beside its options";
                let diagnostic = Diagnostic::error("choice", span.clone(), message)
                    .help("move the steps to a section before this one, or into each option")
                    .related(option, "the first option");
                self.report(diagnostic);
            }
            _ => {}
        }
    }

    fn option(
        &mut self,
        entry: Entry<'_, OptionTable>,
        home: SectionIndex,
        order: Order,
        of: &Place,
    ) -> ChoiceOption {
        let Entry {
            table,
            span,
            index,
            siblings,
        } = entry;
        let title = self.title(table.title, &span, "option");
        let id = self.identify(table.id, Some(&title), &span, "option", siblings);
        self.warn_of_list(&table.steps, order, &span);
        // The number doesn't name the option: only the chosen one's steps exist in a run, and people count those.
        let path = format!("{}/{id}", of.id);
        let place = Place::top(
            Home::Option(home, index),
            path,
            of.number.clone(),
            of.role.clone(),
        );
        ChoiceOption {
            id,
            title,
            steps: self.steps(table.steps, &place),
        }
    }

    fn gate(&mut self, gate: Located<GateTable>) -> Gate {
        let Located { value: table, span } = gate;
        let mut roles: Vec<String> = Vec::new();
        for role in table.roles.0 {
            let known = self.role(Some(role));
            roles.extend(known.filter(|role| !roles.contains(role)));
        }
        if roles.is_empty() {
            roles = self.names.ids(Kind::Role).to_vec();
        }
        // The incident commander hears everybody before answering; the others keep their order.
        roles.sort_by_key(|role| role == "ic");
        Gate {
            question: self.required_text(table.question, &span, "question", "gate", Use::Shown),
            roles,
            hold: self.duration(table.hold.as_ref()),
        }
    }

    fn warn_of_list(&mut self, steps: &[Located<StepEntry>], order: Order, header: &Range<usize>) {
        if steps.len() > LONG {
            let message = format!(
                "{} steps in one section: more than {LONG} are hard to keep in mind",
                steps.len()
            );
            let warning = Diagnostic::warning("section-too-long", header.clone(), message);
            self.report(warning.help("split it, or group steps as substeps of one"));
        }
        let musts = steps
            .iter()
            .map(|step| matches!(&step.value, StepEntry::Table(table) if table.must));
        let late = musts
            .zip(steps)
            .skip_while(|(must, _)| *must)
            .find(|(must, _)| *must);
        if let (Order::DoConfirm, Some((_, step))) = (order, late) {
            let message = "this MUST comes after a step that isn't one";
            let warning = Diagnostic::warning("must-not-first", step.span.clone(), message);
            self.report(warning.help(
                "put what can stop the launch first; `order = \"read-do\"` where order matters",
            ));
        }
    }

    /// Lowers a list of steps and what hangs below them.
    pub(super) fn steps(
        &mut self,
        entries: Vec<Located<StepEntry>>,
        place: &Place,
    ) -> Vec<StepIndex> {
        let mut siblings = Siblings::default();
        let mut indices = Vec::with_capacity(entries.len());
        for (position, entry) in entries.into_iter().enumerate() {
            if place.depth >= MOST_LEVELS {
                let message = format!("steps are nested more than {MOST_LEVELS} levels deep");
                self.error("too-deep", &entry.span, message, "flatten this list");
                break;
            }
            indices.push(self.step(entry, position, place, &mut siblings));
        }
        indices
    }

    fn step(
        &mut self,
        entry: Located<StepEntry>,
        position: usize,
        place: &Place,
        siblings: &mut Siblings,
    ) -> StepIndex {
        let Located { value, span } = entry;
        let mut table = match value {
            StepEntry::Table(table) => table,
            StepEntry::Plain(title) => {
                let title = Some(Located {
                    value: title,
                    span: span.clone(),
                });
                Box::new(StepTable {
                    title,
                    ..StepTable::default()
                })
            }
        };
        let index = StepIndex(self.steps.len());
        let substeps = std::mem::take(&mut table.steps);
        let step = self.lone_step(*table, span, position, place, siblings);
        let below = Place {
            home: place.home,
            parent: Some(index),
            depth: place.depth + 1,
            id: step.id.0.clone(),
            number: step.number.clone(),
            role: step.role.clone(),
        };
        self.steps.push(step);
        let children = self.steps(substeps, &below);
        self.steps[index.0].children = children;
        index
    }

    /// A step without its substeps.
    fn lone_step(
        &mut self,
        mut table: StepTable,
        span: Range<usize>,
        position: usize,
        place: &Place,
        siblings: &mut Siblings,
    ) -> Step {
        self.check_step(&table, &span);
        let command = self.step_command(&mut table, &span);
        let title = self.title(table.title, &span, "step");
        let id = self.identify(table.id, Some(&title), &span, "step", siblings);
        Step {
            id: StepId(format!("{}/{id}", place.id)),
            number: format!("{}.{}", place.number, position + 1),
            title,
            home: place.home,
            parent: place.parent,
            children: Vec::new(),
            depth: place.depth,
            must: table.must,
            optional: table.optional,
            recheck: table.recheck,
            condition: self.optional(table.condition, Use::Shown),
            role: self.role(table.role).or_else(|| place.role.clone()),
            at: self.offset(table.at.as_ref()),
            // The command's, where there is one, was already read with it.
            takes: command.as_ref().map_or_else(
                || self.duration(table.takes.as_ref()),
                |command| command.takes,
            ),
            command,
            record: table.record.map(|record| self.record(record)),
            checks: self.references(Kind::Check, table.check.0),
            metrics: self.references(Kind::Metric, table.metric.0),
            soak: self.some_duration(table.soak.as_ref()),
            sign: self.role(table.sign),
            second: table.second,
            why: self.optional(table.why, Use::Shown),
            text: self.optional(table.text, Use::Shown),
            link: self.optional(table.link, Use::Shown),
            span,
        }
    }

    /// What contradicts itself within a step.
    fn check_step(&mut self, table: &StepTable, span: &Range<usize>) {
        if table.must && table.optional {
            let message = "this step is both `must` and `optional`";
            self.error("contradiction", span, message, "leave one of them out");
        }
        let proven = !table.check.0.is_empty() || !table.metric.0.is_empty();
        let proof_lost = self.gaps.has(span, "check") || self.gaps.has(span, "metric");
        if let (Some(soak), false, false) = (&table.soak, proven, proof_lost) {
            let help = "name what has to stay good: `check = […]`, `metric = […]`";
            self.error(
                "soak-without-proof",
                &soak.0.span,
                "this soak watches nothing",
                help,
            );
        }
    }

    fn step_command(&mut self, table: &mut StepTable, span: &Range<usize>) -> Option<Command> {
        let Some(run) = table.run.take() else {
            self.check_no_command(table, span);
            return None;
        };
        Some(self.command(CommandText {
            run,
            undo: table.undo.take(),
            level: table.level,
            level_lost: self.gaps.has(span, "level"),
            takes: table.takes.clone(),
            timeout: table.timeout.take(),
            tty: table.tty.take(),
            dir: table.dir.take(),
            auto: table.auto.take(),
        }))
    }

    /// Keys that say something of a command say nothing without one.
    fn check_no_command(&mut self, table: &StepTable, span: &Range<usize>) {
        let keys = [
            ("undo", table.undo.is_some()),
            ("level", table.level.is_some()),
            ("timeout", table.timeout.is_some()),
            ("tty", table.tty.is_some()),
            ("dir", table.dir.is_some()),
            ("auto", table.auto.is_some()),
        ];
        let written: Vec<String> = keys
            .iter()
            .filter(|(_, written)| *written)
            .map(|(key, _)| format!("`{key}`"))
            .collect();
        if !written.is_empty() && !self.gaps.has(span, "run") {
            let message = format!("this step has no `run` for its {}", written.join(", "));
            self.error(
                "needs-run",
                span,
                message,
                "add the command as `run = '…'`, or leave these keys out",
            );
        }
    }

    /// Lowers what was written of a command.
    pub(super) fn command(&mut self, text: CommandText) -> Command {
        let level = text.level.unwrap_or_default();
        if text.level.is_none() && !text.level_lost {
            let message = "this command has no `level`: it is taken as destructive";
            let warning = Diagnostic::warning("level-missing", text.run.span.clone(), message);
            self.report(
                warning.help("say how much harm it can do: safe, changes, destructive or ponr"),
            );
        }
        if let Some(auto) = text
            .auto
            .as_ref()
            .filter(|auto| auto.value && level != Level::Safe && !text.level_lost)
        {
            let message = format!("a command of level {} can't run by itself", level.name());
            self.error(
                "auto-not-safe",
                &auto.span,
                message,
                "leave `auto` out; only `safe` commands may have it",
            );
        }
        if text.run.value.trim().is_empty() && !text.run.value.is_empty() {
            self.error(
                "empty-command",
                &text.run.span,
                "this command is empty",
                "write what to run, or leave `run` out",
            );
        }
        let takes = self.duration(text.takes.as_ref());
        let timeout = self.some_duration(text.timeout.as_ref());
        self.advise_on_timeout(text.timeout.as_ref(), takes, timeout);
        Command {
            run: text.run.value,
            undo: text.undo.map(|undo| undo.value),
            level,
            level_written: text.level.is_some(),
            takes,
            timeout,
            tty: text.tty.is_some_and(|tty| tty.value),
            dir: self.optional(text.dir, Use::Shown),
            auto: text.auto.is_some_and(|auto| auto.value),
        }
    }

    fn record(&mut self, record: Located<RecordTable>) -> Record {
        let Located { value: table, span } = record;
        let want = self.limit(table.want.as_ref());
        if let (Some(limit), Some(written)) = (want, &table.want)
            && limit.relative
        {
            let help = "compare with a number, like `< 60`";
            self.error(
                "limit",
                &written.0.span,
                "a recorded value has no baseline",
                help,
            );
        }
        Record {
            label: self.required_text(table.label, &span, "label", "record", Use::Shown),
            unit: self.optional(table.unit, Use::Shown).unwrap_or_default(),
            want,
        }
    }

    /// The time that a rollback has, unless it says otherwise.
    pub(super) fn budget(
        &mut self,
        within: Option<&DurationText>,
        budget: Option<Duration>,
    ) -> Option<Duration> {
        if within.is_some() {
            self.some_duration(within)
        } else {
            budget
        }
    }
}

/// The phase of a section.
struct Holder {
    phase: usize,
    id: String,
    stage: Stage,
}
