//! A recorded entry as people read it: by numbers and titles.
//!
//! The journal names things by their ids, which never change; the screen and `tminus log` name them as the checklist
//! does. Ids are replaced in the event, not in the finished words, where an id like `check` may stand for itself.

use super::describe::describe;
use crate::journal::{Entry, Event};
use crate::run::Run;
use crate::runbook::StepId;
use crate::runbook::variables::fill;

/// An entry in words.
pub fn sentence(run: &Run, entry: &Entry) -> String {
    let names = Names { run };
    let mut event = entry.event.clone();
    names.replace(&mut event);
    let words = describe(&event);
    names.of_attempt(&event, words)
}

/// What ids stand for.
struct Names<'a> {
    run: &'a Run,
}

impl Names<'_> {
    fn replace(&self, event: &mut Event) {
        match event {
            Event::StepDone { step, .. }
            | Event::StepWaived { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::StepReopened { step, .. }
            | Event::ApplicabilityAnswered { step, .. }
            | Event::AttemptStarted {
                step: Some(step), ..
            } => self.step(step),
            Event::StepContradicted { step, evidence } => {
                self.step(step);
                self.source(&mut evidence.source);
            }
            Event::VerdictChanged { source, .. } => self.source(source),
            Event::OptionChosen { section, option } => self.option(section, option),
            Event::GateReset { gate } => self.gate(gate),
            Event::StatusSent { message, .. } => self.message(message),
            _ => self.replace_trouble(event),
        }
    }

    fn replace_trouble(&self, event: &mut Event) {
        let runbook = self.run.runbook();
        match event {
            Event::BaselineCaptured { metric, .. } => {
                let known = runbook.metrics.iter().find(|known| known.id == *metric);
                self.title(metric, known.map(|known| known.title.as_str()));
            }
            Event::TriggerFired { trigger, .. } | Event::DecisionOverdue { trigger } => {
                let known = runbook.triggers.iter().find(|known| known.id == *trigger);
                self.title(trigger, known.map(|known| known.title.as_str()));
            }
            Event::RollbackStarted { rollback, .. }
            | Event::RollbackVerified { rollback, .. }
            | Event::RollbackAttested { rollback, .. } => {
                let known = runbook.rollbacks.iter().find(|known| known.id == *rollback);
                self.title(rollback, known.map(|known| known.title.as_str()));
            }
            _ => {}
        }
    }

    fn title(&self, id: &mut String, title: Option<&str>) {
        if let Some(title) = title {
            *id = self.filled(title);
        }
    }

    fn filled(&self, text: &str) -> String {
        fill(text, |name| {
            self.run.variables.get(name).map(String::as_str)
        })
    }

    fn step(&self, id: &mut StepId) {
        if let Some(step) = self.run.find(id) {
            let step = self.run.runbook().step(step);
            id.0 = format!("{} {}", step.number, self.filled(&step.title));
        }
    }

    /// `check api` and `metric errors`, as evidence names them.
    fn source(&self, source: &mut String) {
        let runbook = self.run.runbook();
        let title = match source.split_once(' ') {
            Some(("check", id)) => {
                let check = runbook.checks.iter().find(|check| check.id == id);
                check.map(|check| check.title.as_str())
            }
            Some(("metric", id)) => {
                let metric = runbook.metrics.iter().find(|metric| metric.id == id);
                metric.map(|metric| metric.title.as_str())
            }
            _ => None,
        };
        self.title(source, title);
    }

    fn option(&self, section: &mut String, option: &mut String) {
        let Some(at) = self.run.section_by_id(section) else {
            return;
        };
        let known = self.run.runbook().section(at);
        let options = known.choice.iter().flat_map(|choice| &choice.options);
        let chosen = options.into_iter().find(|known| known.id == *option);
        self.title(option, chosen.map(|chosen| chosen.title.as_str()));
        *section = format!("{} {}", known.number, self.filled(&known.title));
    }

    fn gate(&self, gate: &mut String) {
        if let Some(at) = self.run.section_by_id(gate) {
            gate.clone_from(&self.run.runbook().section(at).number);
        }
    }

    fn message(&self, id: &mut String) {
        let mut messages = self.run.runbook().messages.iter();
        let known = messages.find(|message| message.id == *id);
        self.title(id, known.map(|known| known.title.as_str()));
    }

    /// Says whose command an attempt was: its end names only its number.
    fn of_attempt(&self, event: &Event, words: String) -> String {
        let (Event::AttemptEnded { attempt, .. } | Event::AttemptInterrupted { attempt }) = event
        else {
            return words;
        };
        let step = self.run.attempt(*attempt).and_then(|known| known.step);
        let prefix = format!("#{attempt} ");
        match (step, words.strip_prefix(&prefix)) {
            (Some(step), Some(rest)) => {
                let step = self.run.runbook().step(step);
                let title = self.filled(&step.title);
                format!("{prefix}{} {title}: {rest}", step.number)
            }
            _ => words,
        }
    }
}
