//! Go/no-go polls: who said what, and what stands in the way of GO.

use super::keys::Action;
use super::view::{Purpose, Row, Screen, Tone};
use super::{App, Effect};
use crate::check::Verdict;
use crate::journal::{Answer, Basis, Event};
use crate::run::gate::DECIDING_ROLE;
use crate::runbook::{SectionIndex, StepIndex};

impl App {
    pub(super) fn act_poll(&mut self, action: Action) -> Vec<Effect> {
        if action == Action::Poll {
            let under_cursor = match self.row_under_cursor() {
                Some(Row::Gate(at)) => Some(at),
                _ => None,
            };
            let next = under_cursor.or_else(|| self.run.next_gate());
            let last = || self.run.gate_sections().map(|(at, _)| at).last();
            return match next.or_else(last) {
                Some(at) => {
                    self.open_poll(at);
                    Vec::new()
                }
                None => self.refuse("this runbook has no go/no-go poll"),
            };
        }
        let Screen::Poll(at) = self.view.screen else {
            return Vec::new();
        };
        let Some((role, is_last)) = self.polled_role(at) else {
            return Vec::new();
        };
        match action {
            Action::AnswerGo => self.answer_go(at, role, is_last),
            Action::AnswerNoGo => {
                let title = format!("NO-GO from {role}: why?");
                self.prompt(
                    Purpose::NoGo(at, role),
                    &title,
                    "the clock stays held".to_owned(),
                    "",
                );
                Vec::new()
            }
            _ => self.answer_poll(at, role, Answer::Absent, None),
        }
    }

    pub(super) fn open_poll(&mut self, at: SectionIndex) {
        self.show(Screen::Poll(at));
        let Some(gate) = &self.run.runbook().section(at).gate else {
            return;
        };
        let next = self
            .run
            .gates
            .get(&at)
            .and_then(|state| state.next_role(gate));
        self.view.poll_cursor = next
            .and_then(|role| gate.roles.iter().position(|other| other == role))
            .unwrap_or(0);
    }

    /// The role under the poll's cursor, and whether it is the one that answers last.
    fn polled_role(&self, at: SectionIndex) -> Option<(String, bool)> {
        let gate = self.run.runbook().section(at).gate.as_ref()?;
        let role = gate.roles.get(self.view.poll_cursor)?;
        Some((role.clone(), role == DECIDING_ROLE))
    }

    fn answer_go(&mut self, at: SectionIndex, role: String, is_last: bool) -> Vec<Effect> {
        if is_last {
            let waiting: Vec<String> = self
                .unanswered(at)
                .into_iter()
                .filter(|other| *other != role)
                .collect();
            if !waiting.is_empty() {
                return self.refuse(&format!(
                    "{role} answers last: {} still to answer",
                    waiting.join(", ")
                ));
            }
            let blockers = self.evidence_blockers(at);
            if !blockers.is_empty() {
                return self.refuse(&format!("{role} can't say GO: {}", blockers.join(", ")));
            }
        }
        self.answer_poll(at, role, Answer::Go, None)
    }

    pub(super) fn answer_poll(
        &mut self,
        at: SectionIndex,
        role: String,
        answer: Answer,
        reason: Option<String>,
    ) -> Vec<Effect> {
        if self.run.ended.is_some() {
            return self.refuse("this run is closed");
        }
        let gate = self.run.section_id(at);
        self.record(Event::GateAnswered {
            gate,
            role,
            answer,
            reason,
        })
    }

    fn unanswered(&self, at: SectionIndex) -> Vec<String> {
        let Some(gate) = &self.run.runbook().section(at).gate else {
            return Vec::new();
        };
        let answers = self.run.gates.get(&at).map(|state| &state.answers);
        let open = gate
            .roles
            .iter()
            .filter(|role| answers.is_none_or(|answers| !answers.contains_key(*role)));
        open.cloned().collect()
    }

    /// What evidence stands in the way of GO: open MUST steps, and live proofs of steps before the gate that fail or
    /// can't be seen.
    ///
    /// Not being able to look always blocks a gate. A person's word for a step, or a waiver, takes its place.
    pub fn evidence_blockers(&self, at: SectionIndex) -> Vec<String> {
        let mut blockers = Vec::new();
        let open = self.run.open_musts(at);
        if let Some((&first, others)) = open.split_first() {
            let first = self.run.runbook().step(first);
            let more = match others.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            blockers.push(format!("MUST {} is open{more}", first.number));
        }
        for step in self
            .run
            .forward_steps()
            .filter(|&step| self.needs_proof(step, at))
        {
            for proof in self.live.proofs(step) {
                let verdict = self.live.verdict(proof, self.now);
                if matches!(verdict, Verdict::Fail | Verdict::Unknown(_)) {
                    blockers.push(format!("{} is {}", self.live.source(proof), verdict.name()));
                }
            }
        }
        blockers.dedup();
        blockers
    }

    /// Whether a step before this gate rests, or would rest, on its live proofs.
    fn needs_proof(&self, step: StepIndex, gate: SectionIndex) -> bool {
        let definition = self.run.runbook().step(step);
        let before = self
            .run
            .section_of(step)
            .is_some_and(|section| section <= gate);
        let settled_otherwise =
            self.run.is_settled(step) && self.run.basis(step) != Some(Basis::Verified);
        before && !definition.optional && !settled_otherwise
    }

    /// What keeps a planned hold from being released.
    pub fn gate_blockers(&self, at: SectionIndex) -> Vec<String> {
        let mut blockers = self.evidence_blockers(at);
        let Some(gate) = &self.run.runbook().section(at).gate else {
            return blockers;
        };
        let state = self.run.gates.get(&at);
        if !state.is_some_and(|state| state.is_go(gate)) {
            let said_no = gate.roles.iter().find(|role| {
                state
                    .and_then(|state| state.answers.get(*role))
                    .is_some_and(|given| given.answer != Answer::Go)
            });
            blockers.push(match said_no {
                Some(role) => format!("{role} hasn't said GO"),
                None => format!("the poll needs {}", self.unanswered(at).join(", ")),
            });
        }
        blockers
    }

    /// After an answer: on to the next role, or back to the board when the gate is open.
    pub(super) fn after_answer(&mut self, at: SectionIndex) {
        let Some(gate) = self.run.runbook().section(at).gate.clone() else {
            return;
        };
        let state = self.run.gates.get(&at);
        if state.is_some_and(|state| state.is_go(&gate)) {
            self.say(Tone::Calm, "GO from everyone. esc goes back to the board");
            self.go_to_next();
            return;
        }
        let next = state.and_then(|state| state.next_role(&gate));
        if let Some(position) =
            next.and_then(|role| gate.roles.iter().position(|other| other == role))
        {
            self.view.poll_cursor = position;
        }
    }
}
