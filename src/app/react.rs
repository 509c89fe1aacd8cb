//! What follows from what happened: recorded entries, samples, deadlines.
//!
//! This is the only place that returns [`Effect::Spawn`] and [`Effect::Signal`], and it does so in answer to entries
//! that came back from the disk.

use std::time::Duration;

use super::sentence::sentence;
use super::sentinel::Sight;
use super::view::{Screen, Tone};
use super::{App, Effect, Saving, Spawn, Stop};
use crate::check::{Baseline, Judgement, PastSample, Reading, Verdict};
use crate::journal::{AUTO, Direction, Ending, Entry, Event, Evidence};
use crate::run::Status;
use crate::run::rollback::RollbackStage;
use crate::runbook::{Proof, SectionIndex, Stage, StepIndex, text};

impl App {
    pub(super) fn on_recorded(&mut self, entry: Entry) -> Vec<Effect> {
        self.dirty = true;
        self.saving = Saving::Saved;
        self.answered();
        let entry = std::sync::Arc::new(entry);
        let next_before = self.next_row();
        let cursor_on_next = next_before.is_some_and(|row| row == self.view.cursor);
        self.run.apply(std::sync::Arc::clone(&entry));
        // Somebody else's run is only shown: what follows from its entries is for the one who drives it.
        let effects = if self.options.read_only {
            look_on(&entry)
        } else {
            self.follow_up(&entry)
        };
        if matches!(
            entry.event,
            Event::OptionChosen { .. } | Event::RunOpened { .. } | Event::Recycled { .. }
        ) {
            self.rebuild_rows();
        }
        // The cursor walks on by itself only when it stood on what was next: it never jumps away from what is read.
        if cursor_on_next && self.run.rollback.is_none() {
            self.go_to_next();
        }
        effects
    }

    fn follow_up(&mut self, entry: &Entry) -> Vec<Effect> {
        if let Some(effects) = self.act_upon(&entry.event) {
            return effects;
        }
        self.move_on(&entry.event);
        if entry.by != AUTO {
            self.after_own_act(entry);
        }
        Vec::new()
    }

    /// What the world gets to feel of an entry.
    fn act_upon(&mut self, event: &Event) -> Option<Vec<Effect>> {
        Some(match event {
            Event::AttemptStarted {
                attempt,
                step,
                direction,
                command,
                ..
            } => {
                let step = step.as_ref().and_then(|id| self.run.find(id));
                let spawn = self.spawn(*attempt, step, *direction, command);
                vec![Effect::Spawn(spawn)]
            }
            Event::AttemptInterrupted { attempt } => vec![self.ask_to_stop(*attempt)],
            Event::TriggerFired { trigger, .. } => self.after_firing(trigger),
            Event::DecisionOverdue { .. } => self.after_overdue(),
            Event::RollbackAnnounced { .. } => self.after_announcement(),
            Event::RollbackVerified { .. } => {
                self.live.restart_terms();
                self.say(
                    Tone::Calm,
                    "rollback verified: the live checks are good again",
                );
                vec![Effect::Bell]
            }
            _ => return None,
        })
    }

    fn ask_to_stop(&mut self, attempt: u64) -> Effect {
        let kill_at = self.now.monotonic + super::command::GRACE;
        self.kill_at.push((attempt, kill_at));
        self.say(Tone::Warning, "asked to stop (TERM); KILL follows in 10 s");
        Effect::Signal {
            attempt,
            stop: Stop::Terminate,
        }
    }

    /// What only the screen and the state behind it get to feel.
    fn move_on(&mut self, event: &Event) {
        match event {
            Event::AttemptEnded {
                attempt, outcome, ..
            } => self.after_end(*attempt, outcome),
            Event::RollbackStarted { trigger, .. } => {
                // What was measured before says nothing about the way back.
                self.live.verified_since = None;
                self.show(Screen::Rollback);
                self.go_to_next();
                self.after_beginning(trigger.is_some());
            }
            Event::GateAnswered { gate, .. } => {
                if let Some(at) = self.run.section_by_id(gate) {
                    self.after_answer(at);
                }
            }
            Event::HoldStarted { reason, gate } if gate.is_some() => {
                self.say(Tone::Warning, format!("planned hold: {reason}"));
            }
            Event::RunClosed { ending, .. } => self.say(Tone::Calm, closing_words(*ending)),
            Event::StatusSent { .. } => self.say(Tone::Calm, "status message copied and recorded"),
            Event::StepContradicted { step, evidence } => {
                let step = self.run.find(step);
                let number = step.map(|step| self.run.runbook().step(step).number.clone());
                let number = number.unwrap_or_default();
                let Evidence {
                    source, observed, ..
                } = evidence;
                self.say(
                    Tone::Warning,
                    format!("{number} is [?]: {source} {observed}"),
                );
            }
            _ => {}
        }
    }

    fn after_own_act(&mut self, entry: &Entry) {
        let is_record = matches!(
            entry.event,
            Event::StepDone { .. }
                | Event::StepWaived { .. }
                | Event::StepSkipped { .. }
                | Event::StepReopened { .. }
        );
        if !is_record {
            return;
        }
        if self.run.is_rolling_back() {
            self.go_to_next();
        }
        self.say(Tone::Calm, format!("saved: {}", sentence(&self.run, entry)));
    }

    fn after_end(&mut self, attempt: u64, outcome: &crate::journal::Outcome) {
        let title = self
            .run
            .attempt(attempt)
            .and_then(|attempt| attempt.step)
            .map_or_else(
                || "command".to_owned(),
                |step| self.run.runbook().step(step).number.clone(),
            );
        let tone = if outcome.is_success() {
            Tone::Calm
        } else {
            Tone::Alarm
        };
        self.say(
            tone,
            format!("{title}: {}", super::command::explain(outcome)),
        );
        if self.run.is_rolling_back() && outcome.is_success() {
            self.go_to_next();
        }
    }

    fn spawn(
        &self,
        attempt: u64,
        step: Option<StepIndex>,
        direction: Direction,
        text: &str,
    ) -> Spawn {
        let command = self.command_of(step, text);
        Spawn {
            attempt,
            command: text.to_owned(),
            dir: command.and_then(|command| command.dir.clone()),
            timeout: command
                .filter(|_| direction == Direction::Run)
                .and_then(|command| command.timeout),
            tty: command.is_some_and(|command| command.tty),
        }
    }

    pub(super) fn on_record_failed(&mut self, message: String, fatal: bool) -> Vec<Effect> {
        let request = self.answered();
        self.quiet_until = self.now.monotonic + super::QUIET;
        self.say(Tone::Alarm, format!("NOT SAVED: {message}"));
        let is_retry = matches!(self.saving, Saving::Failed(_))
            && matches!(request, Some(super::Request::Found(_)));
        self.saving = if fatal {
            Saving::Lost(message)
        } else {
            Saving::Failed(message)
        };
        // The bell is for news, not for every further try of the program's own.
        if is_retry {
            Vec::new()
        } else {
            vec![Effect::Bell]
        }
    }

    pub(super) fn on_checked(&mut self, check: usize, judgement: Judgement) -> Vec<Effect> {
        self.dirty = true;
        let observed = if judgement.because.is_empty() {
            judgement.observed.clone()
        } else {
            judgement.because.clone()
        };
        let flip = self.live.checked(check, self.now, judgement);
        self.record_flip(Proof::Check(check), flip, observed)
    }

    pub(super) fn on_sampled(&mut self, metric: usize, reading: Reading) -> Vec<Effect> {
        self.dirty = true;
        let unit = self.run.runbook().metrics[metric].unit.clone();
        let observed = match &reading.value {
            Ok(value) => super::live::format_reading(*value, &unit, &reading.caveats),
            Err(blind) => blind.detail.clone(),
        };
        let flip = self.live.sampled(metric, self.now, reading);
        self.record_flip(Proof::Metric(metric), flip, observed)
    }

    pub(super) fn on_looked_back(&mut self, metric: usize, past: &[PastSample]) -> Vec<Effect> {
        self.dirty = true;
        self.live.remember(metric, self.now, past);
        Vec::new()
    }

    fn record_flip(
        &mut self,
        proof: Proof,
        flip: Option<(Verdict, Verdict)>,
        observed: String,
    ) -> Vec<Effect> {
        let Some((from, to)) = flip else {
            return Vec::new();
        };
        // The very first look is no news; the log would begin with a line per check.
        if matches!(
            (from, to),
            (Verdict::Unknown(_), Verdict::Pass | Verdict::Unknown(_))
        ) {
            return Vec::new();
        }
        let source = self.live.source(proof);
        let name = format!("flip {source}");
        self.record_auto(
            name,
            Event::VerdictChanged {
                source,
                from,
                to,
                observed,
            },
        )
        .into_iter()
        .collect()
    }

    pub(super) fn on_sighted(&mut self, answer: Result<(), String>) -> Vec<Effect> {
        let Some(sight) = self.live.sighted(self.now, answer) else {
            return Vec::new();
        };
        self.dirty = true;
        match sight {
            Sight::Lost => self.say(
                Tone::Alarm,
                "BLIND: triggers are disarmed until we see again",
            ),
            Sight::Back => self.say(
                Tone::Warning,
                "we see again: everything is being looked at, triggers are armed",
            ),
        }
        vec![Effect::Bell]
    }

    pub(super) fn recheck(&mut self) -> Vec<Effect> {
        self.live.hurry(self.now);
        self.live.due(self.now)
    }

    /// When something has to happen next even if nothing comes in (monotonic).
    pub fn deadline(&self) -> Duration {
        let into_second =
            Duration::from_nanos(u64::try_from(self.now.wall.subsec_nanosecond()).unwrap_or(0));
        let next_second = self.now.monotonic + Duration::from_secs(1).saturating_sub(into_second);
        let looks = self.live.deadline().unwrap_or(next_second);
        let kills = self
            .kill_at
            .iter()
            .map(|(_, at)| *at)
            .min()
            .unwrap_or(next_second);
        let countdown = self.countdown_ends().unwrap_or(next_second);
        next_second.min(looks).min(kills).min(countdown)
    }

    /// Everything that follows from time and measurements.
    pub(super) fn tend(&mut self) -> Vec<Effect> {
        let mut effects = self.live.due(self.now);
        effects.extend(self.tend_countdown());
        effects.extend(self.tend_stopping());
        effects.extend(self.tend_ends());
        if self.options.read_only || self.run.ended.is_some() {
            return effects;
        }
        effects.extend(self.tend_planned_hold());
        effects.extend(self.tend_baselines());
        effects.extend(self.tend_steps());
        effects.extend(self.tend_triggers());
        effects.extend(self.tend_decisions());
        effects.extend(self.tend_escalation());
        effects.extend(self.tend_unattended());
        effects.extend(self.tend_verification());
        effects.extend(self.tend_automatic());
        effects
    }

    /// T can't pass a gate that hasn't passed: when it gets there, the planned hold begins.
    fn tend_planned_hold(&mut self) -> Option<Effect> {
        if self.run.clock.hold_now().is_some() || self.run.is_rolling_back() {
            return None;
        }
        let gate = self.run.next_gate()?;
        let runbook = self.run.runbook();
        if runbook.phases[gate.phase].stage != Stage::PreLaunch {
            return None;
        }
        let following = runbook
            .phases
            .get(gate.phase + 1)
            .and_then(|phase| phase.at);
        let limit = following.unwrap_or(jiff::SignedDuration::ZERO);
        if self.run.clock.t(self.now.wall) < limit {
            return None;
        }
        let reason = format!(
            "gate {}: {}",
            runbook.section(gate).number,
            runbook.section(gate).title
        );
        let gate = self.run.section_id(gate);
        self.record_auto(
            "hold".to_owned(),
            Event::HoldStarted {
                reason,
                gate: Some(gate),
            },
        )
    }

    /// Baselines are taken once, at the moment the launch begins, from what was sampled before it. A session that finds
    /// the launch begun takes none: what it samples is what the baseline is there to be compared with.
    fn tend_baselines(&mut self) -> Vec<Effect> {
        if self.run.stage(self.now.wall) == Stage::PreLaunch {
            self.before_launch = true;
            return Vec::new();
        }
        if std::mem::take(&mut self.before_launch) {
            self.take_baselines();
        }
        let run = &self.run;
        self.unrecorded_baselines
            .retain(|metric, _| !run.baselines.contains_key(metric));
        let taken = self.unrecorded_baselines.clone();
        taken
            .into_iter()
            .filter_map(|(at, baseline)| self.record_baseline(at, baseline))
            .collect()
    }

    fn take_baselines(&mut self) {
        for metric in 0..self.run.runbook().metrics.len() {
            if self.run.baselines.contains_key(&metric) {
                continue;
            }
            if let Some(baseline) = self.live.capture_baseline(metric, self.now) {
                self.unrecorded_baselines.insert(metric, baseline);
            }
        }
    }

    fn record_baseline(&mut self, metric: usize, baseline: Baseline) -> Option<Effect> {
        let metric = self.run.runbook().metrics[metric].id.clone();
        let Baseline { median, low, high } = baseline;
        self.record_auto(
            format!("baseline {metric}"),
            Event::BaselineCaptured {
                metric,
                median,
                low,
                high,
            },
        )
    }

    /// Steps that prove themselves, and proofs that no longer hold.
    fn tend_steps(&mut self) -> Vec<Effect> {
        let stage = self.run.stage(self.now.wall);
        let runbook = self.run.runbook().clone();
        let candidates = runbook.step_indices().filter(|&step| {
            let definition = runbook.step(step);
            (!definition.checks.is_empty() || !definition.metrics.is_empty())
                && definition.command.is_none()
                && definition.record.is_none()
                && definition.sign.is_none()
                && (!definition.second || definition.soak.is_some())
        });
        candidates
            .filter_map(|step| self.tend_step(step, stage))
            .collect()
    }

    fn tend_step(&mut self, step: StepIndex, stage: Stage) -> Option<Effect> {
        if !self.run.is_present(step) {
            return None;
        }
        let proofs = self.live.proofs(step);
        let holds = proofs
            .iter()
            .all(|&proof| self.live.verdict(proof, self.now) == Verdict::Pass);
        match self.run.state(step).status {
            // Only a later sample contradicts: after a resume nothing was looked at yet.
            Status::Done if !proofs.iter().all(|&proof| self.live.was_seen(proof)) => None,
            Status::Done if !holds && self.can_be_contradicted(step, stage) => {
                self.contradict(step, &proofs)
            }
            Status::Todo | Status::Unknown if self.is_open_for_proof(step, stage) => {
                match self.run.runbook().step(step).soak {
                    Some(soak) => self.tend_soak(step, &proofs, soak),
                    None if holds => self.verify(step),
                    None => None,
                }
            }
            _ => None,
        }
    }

    /// Whether a step's turn has come, so that a passing check may tick it: never ahead of its stage, its gate or, where
    /// order matters, the steps before it.
    fn is_open_for_proof(&self, step: StepIndex, stage: Stage) -> bool {
        // After a decided rollback nothing of the way forward ticks by itself: what soaks now isn't what was launched.
        if self.run.rollback.is_some() && !self.is_rollback_step(step) {
            return false;
        }
        let definition = self.run.runbook().step(step);
        let applies = definition.condition.is_none() || self.run.state(step).applies == Some(true);
        let begun = self
            .run
            .section_of(step)
            .is_none_or(|at| self.run.runbook().phases[at.phase].stage <= stage);
        applies && begun && !self.run.within_resolved_parent(step) && self.obstacle(step).is_none()
    }

    fn can_be_contradicted(&self, step: StepIndex, stage: Stage) -> bool {
        let state = self.run.state(step);
        let by_proof = state.basis == Some(crate::journal::Basis::Verified)
            && self.run.runbook().step(step).soak.is_none();
        by_proof && self.is_still_decided_on(step, stage)
    }

    /// Whether a decision is ahead that stands on what a step proved: a gate; where there is none, the launch, or after
    /// it the end of the run. What a launch or a rollback changes on purpose contradicts nothing.
    fn is_still_decided_on(&self, step: StepIndex, stage: Stage) -> bool {
        let Some(at) = self.run.section_of(step) else {
            return false;
        };
        let gates = self.run.gate_sections();
        let mut ahead = gates.filter(|(gate, _)| *gate >= at).peekable();
        if ahead.peek().is_some() {
            return ahead.any(|(gate, _)| !self.run.is_passed(gate));
        }
        match self.run.runbook().phases[at.phase].stage {
            Stage::PreLaunch => stage == Stage::PreLaunch,
            Stage::Launch => false,
            Stage::PostLaunch => self.run.rollback.is_none(),
        }
    }

    fn contradict(&mut self, step: StepIndex, proofs: &[Proof]) -> Option<Effect> {
        let broken: Vec<Proof> = proofs
            .iter()
            .copied()
            .filter(|&proof| self.live.verdict(proof, self.now) != Verdict::Pass)
            .collect();
        let words: Vec<String> = broken
            .iter()
            .map(|&proof| match self.live.verdict(proof, self.now) {
                Verdict::Unknown(reason) => format!("unknown ({reason})"),
                verdict => format!("{} {}", verdict.name(), self.live.observed(proof)),
            })
            .collect();
        let sources: Vec<String> = broken
            .iter()
            .map(|&proof| self.live.source(proof))
            .collect();
        let evidence = Evidence {
            source: sources.join(", "),
            observed: words.join(", "),
            at: self.now.wall,
        };
        let step = self.run.runbook().step(step).id.clone();
        self.record_auto(
            format!("contradict {step}"),
            Event::StepContradicted { step, evidence },
        )
    }

    /// Counts the time in band: a breach starts it over, not being able to look pauses it.
    fn tend_soak(&mut self, step: StepIndex, proofs: &[Proof], needed: Duration) -> Option<Effect> {
        let now = self.now.monotonic;
        let verdicts: Vec<Verdict> = proofs
            .iter()
            .map(|&proof| self.live.verdict(proof, self.now))
            .collect();
        let soak = self.live.soaks.entry(step).or_default();
        if verdicts.contains(&Verdict::Fail) {
            if soak.clean > Duration::ZERO {
                soak.restarts += 1;
            }
            soak.clean = Duration::ZERO;
            soak.counted = None;
        } else if verdicts.iter().any(|verdict| verdict.is_unknown()) {
            soak.counted = None;
        } else {
            soak.clean += soak
                .counted
                .map_or(Duration::ZERO, |counted| now.saturating_sub(counted));
            soak.counted = Some(now);
        }
        if soak.clean < needed {
            return None;
        }
        let restarts = soak.restarts;
        let seen = self.evidence(proofs);
        let observed = format!(
            "in band for {}, restarts {restarts}: {}",
            text::format_duration(needed),
            seen.observed
        );
        let id = self.run.runbook().step(step).id.clone();
        let event = Event::StepDone {
            step: id.clone(),
            basis: crate::journal::Basis::Verified,
            value: Some(text::format_duration(needed)),
            signed: None,
            second: None,
            evidence: Some(Evidence { observed, ..seen }),
            against: None,
        };
        self.record_auto(format!("verify {id}"), event)
    }

    /// When every step of the rollback is settled, its proofs have to hold for as long as it says.
    fn tend_verification(&mut self) -> Option<Effect> {
        if self.run.rollback_stage() != Some(RollbackStage::Verify) {
            self.live.verified_since = None;
            return None;
        }
        let position = self.run.rollback.as_ref()?.rollback;
        let rollback = self.run.runbook().rollbacks[position].clone();
        let holds = rollback
            .verify
            .iter()
            .all(|&proof| self.live.verdict(proof, self.now) == Verdict::Pass);
        if !holds || rollback.verify.is_empty() {
            self.live.verified_since = None;
            return None;
        }
        let since = *self.live.verified_since.get_or_insert(self.now.monotonic);
        if self.now.monotonic.saturating_sub(since) < rollback.hold {
            return None;
        }
        let evidence = rollback
            .verify
            .iter()
            .map(|&proof| self.evidence(&[proof]))
            .collect();
        let event = Event::RollbackVerified {
            rollback: rollback.id,
            evidence,
        };
        self.record_auto("rollback verified".to_owned(), event)
    }

    /// The gates that stand before this section's steps and haven't passed.
    pub fn is_behind_gate(&self, at: SectionIndex) -> bool {
        self.run
            .gate_sections()
            .any(|(gate, _)| gate < at && !self.run.is_passed(gate))
    }
}

/// What somebody else's command prints is shown as well.
fn look_on(entry: &Entry) -> Vec<Effect> {
    match entry.event {
        Event::AttemptStarted { attempt, .. } => vec![Effect::Attend(attempt)],
        _ => Vec::new(),
    }
}

fn closing_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Launched => "launched, and the run is closed. q leaves",
        Ending::RolledBack => "rolled back, and the run is closed. q leaves",
        Ending::Scrubbed => "scrubbed: the run is closed. q leaves",
    }
}
