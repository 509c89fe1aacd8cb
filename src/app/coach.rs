//! The newcomer's line: which key moves the run forward now, and why.
//!
//! It is derived from the state alone, so it can't get out of step with what the operator really did.

use super::App;
use super::view::{OverlayKind, Row, Screen};
use crate::run::Status;
use crate::run::rollback::RollbackStage;
use crate::runbook::StepIndex;

impl App {
    /// What a newcomer should do next; `None` when the coach is off or has nothing to say.
    pub fn coach_line(&self) -> Option<String> {
        if !self.options.coach {
            return None;
        }
        Some(self.coach_overlay().unwrap_or_else(|| self.coach_run()))
    }

    fn coach_overlay(&self) -> Option<String> {
        let line = match &self.view.overlay.as_ref()?.kind {
            OverlayKind::Prompt(_) => {
                "type your answer and press enter; esc leaves without answering".to_owned()
            }
            OverlayKind::Confirm(_) => format!(
                "this is the exact command. Answer what is asked (the target here is {}), or esc",
                self.run.target
            ),
            OverlayKind::Menu(_) => {
                "j and k move, enter picks; esc leaves without picking".to_owned()
            }
            OverlayKind::Palette(_) => {
                "every action is here: type a few letters, enter picks".to_owned()
            }
            OverlayKind::Help(_) => "any key closes the help".to_owned(),
        };
        Some(line)
    }

    fn coach_run(&self) -> String {
        if self.run.ended.is_some() {
            return "the run is closed. q leaves; `tminus log` shows what was recorded".to_owned();
        }
        match self.run.rollback_stage() {
            Some(RollbackStage::Closed { .. }) => {
                return "went back, and it was proved. `:` close ends the run, q leaves it open"
                    .to_owned();
            }
            Some(RollbackStage::Verify) => {
                return "all steps are done: now the live checks have to stay good. Watch"
                    .to_owned();
            }
            Some(RollbackStage::Steps { .. }) => return self.coach_rollback(),
            None => {}
        }
        if self.run.owed_decisions().next().is_some() {
            return "a trigger fired: press B to decide. Nothing runs by that".to_owned();
        }
        self.coach_forward()
    }

    fn coach_rollback(&self) -> String {
        if self.view.screen == Screen::Board {
            return "press 4 for the rollback's steps".to_owned();
        }
        let steps = self.run.rollback_steps();
        match steps.into_iter().find(|&step| !self.run.is_settled(step)) {
            Some(step) => self.coach_step(step),
            None => "watch the verification".to_owned(),
        }
    }

    fn coach_forward(&self) -> String {
        if let Screen::Poll(at) = self.view.screen {
            if self.run.is_passed(at) {
                return "the gate is open: esc goes back to the board".to_owned();
            }
            if self
                .run
                .clock
                .hold_now()
                .is_some_and(|hold| hold.gate == Some(at))
                && self.gate_blockers(at).is_empty()
            {
                return "GO from everyone: H releases the hold".to_owned();
            }
            return "ask each role and press + for GO (- is NO-GO); ic answers last".to_owned();
        }
        if self.run.clock.hold_now().is_some() && self.run.next_gate().is_none() {
            return "the clock is held: H releases it".to_owned();
        }
        let Some(row) = self.next_row() else {
            return "everything is done: `:` close ends the run".to_owned();
        };
        match self.view.rows[row] {
            Row::Gate(_) => "time for go or no-go: press P".to_owned(),
            Row::Choice(_) => "press . to go there, then enter to choose".to_owned(),
            Row::Step(step) => self.coach_step(step),
            Row::Phase(_) | Row::Section(_) => String::new(),
        }
    }

    fn coach_step(&self, step: StepIndex) -> String {
        if self.current_step() != Some(step) {
            return match self.view.screen {
                Screen::Step(_) => "esc goes back to the list".to_owned(),
                _ => "press . to go to what is next".to_owned(),
            };
        }
        let definition = self.run.runbook().step(step);
        match self.run.state(step).status {
            Status::Running => {
                return "it runs; leaving this screen doesn't stop it. ctrl-c would".to_owned();
            }
            Status::Failed | Status::Unknown if definition.command.is_some() => {
                return "it didn't end well: x runs it again, space says what you know, B goes back".to_owned();
            }
            _ => {}
        }
        if definition.command.is_some() {
            return "press x to run this step's command: it is shown first".to_owned();
        }
        if definition.soak.is_some() {
            return "nothing to do: it completes by itself when all stays in band. Watch the metrics".to_owned();
        }
        if !self.live.proofs(step).is_empty() && definition.record.is_none() {
            return "nothing to do: its check proves it".to_owned();
        }
        match (&definition.record, &definition.sign) {
            (Some(_), _) => "press space to record the value".to_owned(),
            (None, Some(_)) => "press space to sign".to_owned(),
            (None, None) => "done it? press space to say so".to_owned(),
        }
    }
}
