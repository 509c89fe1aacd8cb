//! Go/no-go polls: who said what, and what stands in the way of GO.

use super::keys::Action;
use super::view::{Purpose, Row, Screen, Tone};
use super::{App, Effect};
use crate::check::Verdict;
use crate::journal::{Answer, Basis, Event};
use crate::run::gate::DECIDING_ROLE;
use crate::runbook::{Proof, SectionIndex, StepIndex};

impl App {
    pub(super) fn act_poll(&mut self, action: Action) -> Vec<Effect> {
        if action == Action::Poll {
            let under_cursor = match self.row_under_cursor() {
                Some(Row::Gate(at)) => Some(at),
                _ => None,
            };
            let next = under_cursor
                .or_else(|| self.stale_poll())
                .or_else(|| self.run.next_gate());
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
        if self.is_repeated(at, &role, answer, reason.as_deref()) {
            self.after_answer(at);
            let words = format!("{role} said that already: nothing new is recorded");
            return self.refuse(&words);
        }
        let gate = self.run.section_id(at);
        self.record(Event::GateAnswered {
            gate,
            role,
            answer,
            reason,
        })
    }

    /// Whether an answer would change nothing. One that has grown too old for a point of no return counts as new.
    fn is_repeated(
        &self,
        at: SectionIndex,
        role: &str,
        answer: Answer,
        reason: Option<&str>,
    ) -> bool {
        let answers = self.run.gates.get(&at).map(|state| &state.answers);
        let given = answers.and_then(|answers| answers.get(role));
        given.is_some_and(|given| {
            given.answer == answer
                && given.reason.as_deref() == reason
                && self.now.wall.duration_since(given.at) <= super::friction::FRESH
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
            blockers.push(match others.len() {
                0 => format!("MUST {} is open", first.number),
                count => format!("MUST {} and {count} more are open", first.number),
            });
        }
        let bad = self.bad_proofs(at).into_iter();
        blockers.extend(bad.map(|(proof, verdict)| {
            let source = self.live.source(proof);
            match verdict {
                Verdict::Fail => format!("{source} fails"),
                _ => format!("{source} isn't seen"),
            }
        }));
        blockers
    }

    /// Live proofs of steps before a gate that fail or can't be seen, each once.
    fn bad_proofs(&self, at: SectionIndex) -> Vec<(Proof, Verdict)> {
        let mut bad: Vec<(Proof, Verdict)> = Vec::new();
        let steps = self.run.forward_steps();
        for proof in steps
            .filter(|&step| self.needs_proof(step, at))
            .flat_map(|step| self.live.proofs(step))
        {
            let verdict = self.live.verdict(proof, self.now);
            let is_bad = matches!(verdict, Verdict::Fail | Verdict::Unknown(_));
            if is_bad && bad.iter().all(|(other, _)| *other != proof) {
                bad.push((proof, verdict));
            }
        }
        bad
    }

    /// Why a planned hold isn't released, short enough for the message line, each reason with the key that answers it.
    ///
    /// `still held: P 2 to vote (ops, ic) · W 3 MUST open (1.1.2 …) · r api fails`
    pub(super) fn why_held(&self, at: SectionIndex) -> Option<String> {
        let key = |action| self.bindings.shown(action);
        let mut reasons = Vec::new();
        match self.vote(at) {
            Vote::Go => {}
            Vote::Against(role) => reasons.push(format!("{} {role}: no GO", key(Action::Poll))),
            Vote::Open(roles) => reasons.push(format!(
                "{} {} to vote ({})",
                key(Action::Poll),
                roles.len(),
                first_of(&roles, 2)
            )),
        }
        let open = self.run.open_musts(at);
        if !open.is_empty() {
            let step = |step: &StepIndex| self.run.runbook().step(*step).number.clone();
            let numbers: Vec<String> = open.iter().map(step).collect();
            reasons.push(format!(
                "{} {} MUST open ({})",
                key(Action::Waive),
                open.len(),
                first_of(&numbers, 1)
            ));
        }
        let bad = self.bad_proofs(at);
        if let Some((proof, verdict)) = bad.first() {
            let source = self.live.source(*proof);
            let word = match verdict {
                Verdict::Fail => "fails",
                _ => "not seen",
            };
            let more = if bad.len() > 1 { " …" } else { "" };
            reasons.push(format!("{} {source} {word}{more}", key(Action::Recheck)));
        }
        (!reasons.is_empty()).then(|| format!("still held: {}", reasons.join(" · ")))
    }

    /// How the poll of a gate stands.
    fn vote(&self, at: SectionIndex) -> Vote {
        let Some(gate) = &self.run.runbook().section(at).gate else {
            return Vote::Go;
        };
        let answers = self.run.gates.get(&at).map(|state| &state.answers);
        let against = gate.roles.iter().find(|role| {
            answers
                .and_then(|answers| answers.get(*role))
                .is_some_and(|given| given.answer != Answer::Go)
        });
        if let Some(role) = against {
            return Vote::Against(role.clone());
        }
        let open = self.unanswered(at);
        if open.is_empty() {
            Vote::Go
        } else {
            Vote::Open(open)
        }
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
        match self.vote(at) {
            Vote::Go => {}
            Vote::Against(role) => blockers.push(format!("{role} hasn't said GO")),
            Vote::Open(roles) => blockers.push(format!("{} still to vote", roles.join(", "))),
        }
        blockers
    }

    /// After an answer: on to the next role, or back to the board when the gate is open.
    pub(super) fn after_answer(&mut self, at: SectionIndex) {
        let Some(gate) = self.run.runbook().section(at).gate.clone() else {
            return;
        };
        let state = self.run.gates.get(&at);
        let stale = self.stale_role(at);
        if stale.is_none() && state.is_some_and(|state| state.is_go(&gate)) {
            self.say(Tone::Calm, "GO from everyone. esc goes back to the board");
            self.go_to_next();
            return;
        }
        let next = state.and_then(|state| state.next_role(&gate));
        let next = next.or(stale.as_deref());
        if let Some(position) =
            next.and_then(|role| gate.roles.iter().position(|other| other == role))
        {
            self.view.poll_cursor = position;
        }
    }
}

/// How a poll stands.
enum Vote {
    /// GO from everyone.
    Go,
    /// This role said something else than GO.
    Against(String),
    /// These roles haven't answered.
    Open(Vec<String>),
}

/// The first few names of a list, and whether there are more.
fn first_of(names: &[String], most: usize) -> String {
    let shown = names[..names.len().min(most)].join(", ");
    if names.len() > most {
        format!("{shown} …")
    } else {
        shown
    }
}
