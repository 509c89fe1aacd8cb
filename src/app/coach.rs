//! What is next: which key moves the run forward now, and why.
//!
//! It is derived from the state alone, so it can't get out of step with what the operator really did. Somebody who is
//! tired reads it as gladly as somebody who is new, so it is on until it is switched off.

use super::App;
use super::keys::Action;
use super::view::{OverlayKind, Row, Screen};
use crate::check::{Reason, Verdict};
use crate::journal::{Direction, Outcome};
use crate::run::rollback::RollbackStage;
use crate::run::{Attempt, Status};
use crate::runbook::{Order, Step, StepIndex};

impl App {
    /// What to do next; `None` when the coach is off or has nothing to say.
    pub fn coach_line(&self) -> Option<String> {
        if !self.options.coach {
            return None;
        }
        let line = self.coach_overlay().unwrap_or_else(|| self.coach_run());
        Some(line).filter(|line| !line.is_empty())
    }

    fn key(&self, action: Action) -> String {
        self.bindings.shown(action)
    }

    fn coach_overlay(&self) -> Option<String> {
        let line = match &self.view.overlay.as_ref()?.kind {
            OverlayKind::Prompt(_) => {
                "type the answer and press enter; esc leaves without one".to_owned()
            }
            OverlayKind::Confirm(_) => {
                "this is the exact command: answer what is asked, or esc".to_owned()
            }
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
        if self.options.read_only {
            return "you are looking on: `tminus resume` acts, q leaves".to_owned();
        }
        if self.run.ended.is_some() {
            return "the run is closed: q leaves, `tminus log` shows what was recorded".to_owned();
        }
        let stage = self.run.rollback_stage();
        if self.run.owed_decisions().next().is_some() && !self.run.is_rolling_back() {
            let key = self.key(Action::Rollback);
            return format!("a trigger fired: press {key} to decide. Nothing runs by that");
        }
        match stage {
            Some(RollbackStage::Closed { .. }) => {
                "went back: `:close` ends the run, q leaves it open".to_owned()
            }
            Some(RollbackStage::Verify) => {
                "all steps are done: now the live checks have to stay good. Watch".to_owned()
            }
            Some(RollbackStage::Steps { .. }) => self.coach_rollback(),
            None => self.coach_forward(),
        }
    }

    fn coach_rollback(&self) -> String {
        if self.view.screen == Screen::Board {
            let key = self.key(Action::ShowRollback);
            return format!("press {key} for the rollback's steps");
        }
        let steps = self.run.rollback_steps();
        let open = steps.into_iter().find(|&step| !self.run.is_settled(step));
        let Some(next) = open else {
            return "watch the verification".to_owned();
        };
        let here = self.current_step();
        let is_over =
            here.is_some_and(|here| self.is_rollback_step(here) && self.run.is_settled(here));
        if is_over {
            let number = &self.run.runbook().step(next).number;
            return format!("{} goes on to {number}", self.key(Action::RunCommand));
        }
        self.coach_step(next)
    }

    fn coach_forward(&self) -> String {
        match self.view.screen {
            Screen::Poll(at) => return self.coach_poll(at),
            Screen::Rollback => return self.coach_way_back(),
            _ => {}
        }
        let hold = self.key(Action::Hold);
        if let Some(held) = self.run.clock.hold_now() {
            match held.gate {
                None => return format!("the clock is held: {hold} releases it"),
                Some(at) if self.gate_blockers(at).is_empty() => {
                    return format!("GO from everyone: {hold} releases the hold");
                }
                Some(_) => {}
            }
        }
        let Some(row) = self.next_row() else {
            return "everything is done: `:close` ends the run".to_owned();
        };
        match self.view.rows[row] {
            Row::Gate(_) => format!("time for go or no-go: press {}", self.key(Action::Poll)),
            Row::Choice(_) if self.view.cursor == row => {
                format!("press {} to choose one way", self.key(Action::Open))
            }
            Row::Choice(_) => format!(
                "press {} to go to the choice that is next",
                self.key(Action::GoToNext)
            ),
            Row::Step(step) => self.coach_step(step),
            Row::Phase(_) | Row::Section(_) => String::new(),
        }
    }

    fn coach_way_back(&self) -> String {
        let decides = format!("{} decides · esc goes back", self.key(Action::Rollback));
        let Some(step) = self.current_step() else {
            return decides;
        };
        if let Some(words) = self.coach_trouble(step) {
            return words;
        }
        let undo = self.key(Action::UndoCommand);
        format!("{undo} takes back the step under the cursor · {decides}")
    }

    fn coach_poll(&self, at: crate::runbook::SectionIndex) -> String {
        if self.stale_role(at).is_none() && self.run.is_passed(at) {
            return "the gate is open: esc goes back to the board".to_owned();
        }
        let hold = self.run.clock.hold_now();
        let is_held = hold.is_some_and(|hold| hold.gate == Some(at));
        if is_held && self.gate_blockers(at).is_empty() {
            let key = self.key(Action::Hold);
            return format!("GO from everyone: {key} releases the hold");
        }
        let (go, no_go) = (self.key(Action::AnswerGo), self.key(Action::AnswerNoGo));
        format!("ask each role: {go} is GO, {no_go} is NO-GO; ic answers last")
    }

    fn coach_step(&self, step: StepIndex) -> String {
        // What went wrong under the cursor comes before what is next.
        if let Some(words) = self
            .current_step()
            .and_then(|here| self.coach_trouble(here))
        {
            return words;
        }
        if let Some(here) = self
            .current_step()
            .filter(|&here| self.is_open_too(here, step))
        {
            return self.coach_open_step(here);
        }
        if self.current_step() != Some(step) {
            return match self.view.screen {
                Screen::Step(_) => "esc goes back to the list".to_owned(),
                _ => format!("press {} to go to what is next", self.key(Action::GoToNext)),
            };
        }
        self.coach_trouble(step)
            .unwrap_or_else(|| self.coach_open_step(step))
    }

    /// Whether a step may be worked on as well as the one that is next: where order doesn't matter, one is as good as
    /// the other, but for one in trouble.
    fn is_open_too(&self, here: StepIndex, next: StepIndex) -> bool {
        let step = self.run.runbook().step(here);
        step.home == self.run.runbook().step(next).home
            && self.run.order_of(step.home) == Order::DoConfirm
            && !step.is_group()
            && !self.run.is_settled(here)
            && self.coach_trouble(next).is_none()
            && here != next
    }

    fn coach_open_step(&self, step: StepIndex) -> String {
        let definition = self.run.runbook().step(step);
        let record = self.key(Action::Record);
        if self.run.state(step).status == Status::Running {
            let key = self.key(Action::Interrupt);
            return format!("it runs; leaving this screen doesn't stop it, {key} would");
        }
        if definition.condition.is_some() && self.run.state(step).applies.is_none() {
            return format!("press {record} to say whether it applies");
        }
        if definition.command.is_some() {
            let key = self.key(Action::RunCommand);
            return format!("press {key} to run this step's command: it is shown first");
        }
        if definition.soak.is_some() {
            return "nothing to do: it completes by itself when all stays in band. Watch"
                .to_owned();
        }
        let proves_itself = !self.live.proofs(step).is_empty() && !definition.second;
        match (&definition.record, &definition.sign) {
            (None, None) if proves_itself => self.coach_proof(step),
            (Some(_), _) => format!("press {record} to record the value"),
            (None, Some(_)) => format!("press {record} to sign"),
            (None, None) => format!("done it? press {record} to say so"),
        }
    }

    /// A step that its checks prove: whether they do, or what else moves it.
    fn coach_proof(&self, step: StepIndex) -> String {
        let proofs = self.live.proofs(step);
        let worst = proofs
            .iter()
            .map(|&proof| self.live.verdict(proof, self.now));
        let worst = worst.max_by_key(|verdict| match verdict {
            Verdict::Pass => 0,
            Verdict::Warn => 1,
            Verdict::Unknown(Reason::NoData) => 2,
            Verdict::Unknown(_) => 3,
            Verdict::Fail => 4,
        });
        let (again, record) = (self.key(Action::Recheck), self.key(Action::Record));
        let (waive, hold) = (self.key(Action::Waive), self.key(Action::Hold));
        match worst {
            Some(Verdict::Fail) => {
                format!("its check fails: {again} looks again · {waive} waives · {hold} holds")
            }
            Some(Verdict::Unknown(reason)) if reason != Reason::NoData => {
                format!(
                    "its check sees nothing: {again} looks again · {record} says so · {waive} waives"
                )
            }
            Some(Verdict::Unknown(_)) => "nothing to do: its check is looking".to_owned(),
            _ => "nothing to do: its check proves it".to_owned(),
        }
    }

    /// What to do about a step that failed or that nobody knows about; `None` when nothing is wrong with it.
    fn coach_trouble(&self, step: StepIndex) -> Option<String> {
        let status = self.run.state(step).status;
        if !matches!(status, Status::Failed | Status::Unknown) {
            return None;
        }
        let definition = self.run.runbook().step(step);
        let Some(attempt) = self
            .run
            .latest_attempt(step)
            .filter(|_| definition.command.is_some())
        else {
            let again = self.key(Action::Recheck);
            let (waive, hold) = (self.key(Action::Waive), self.key(Action::Hold));
            return Some(format!(
                "its proof no longer holds: {again} looks again · {waive} waives · {hold} holds"
            ));
        };
        Some(self.answers_to(definition, attempt))
    }

    /// `failed with exit 1: enter shows output · x tries again · U undoes it · B decides`
    fn answers_to(&self, definition: &Step, attempt: &Attempt) -> String {
        let mut answers = Vec::new();
        if !matches!(self.view.screen, Screen::Step(_)) {
            answers.push(format!("{} shows output", self.key(Action::Open)));
        }
        let is_lost = matches!(
            attempt.outcome,
            Some(Outcome::Unknown { .. } | Outcome::Stopped)
        );
        if is_lost {
            answers.push(format!("look, then {} says", self.key(Action::Record)));
        }
        let undoes = attempt.direction == Direction::Undo;
        if !undoes {
            answers.push(format!("{} tries again", self.key(Action::RunCommand)));
        }
        let has_undo = definition
            .command
            .as_ref()
            .is_some_and(|command| command.undo.is_some());
        if has_undo {
            let words = if undoes { "tries again" } else { "undoes it" };
            answers.push(format!("{} {words}", self.key(Action::UndoCommand)));
        }
        if !self.run.is_rolling_back() {
            answers.push(format!("{} decides", self.key(Action::Rollback)));
        }
        let what = if undoes { "undo " } else { "" };
        format!("{what}{}: {}", in_short(attempt), answers.join(" · "))
    }
}

fn in_short(attempt: &Attempt) -> String {
    match &attempt.outcome {
        Some(Outcome::Exited { code }) => format!("failed with exit {code}"),
        Some(Outcome::Signalled { signal }) => format!("failed by signal {signal}"),
        Some(Outcome::NotStarted { .. }) => "didn't start".to_owned(),
        Some(Outcome::Stopped) => "stopped half-way".to_owned(),
        Some(Outcome::Unknown { .. }) | None => "UNKNOWN".to_owned(),
    }
}
