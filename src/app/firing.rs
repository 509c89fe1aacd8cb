//! Triggers: whether they fire, how long they stay quiet, and what happens when nobody decides.
//!
//! A trigger only asks. What it asks for gets louder with time and still runs nothing; the one that may act says so in
//! the runbook and is kept by [`super::unattended`].

use std::time::Duration;

use super::view::Tone;
use super::{App, Effect};
use crate::check::Verdict;
use crate::journal::{Decision, Event};
use crate::run::Status;
use crate::runbook::{Condition, Contact, Proof, Subject, TriggerMode};

/// How long a trigger stays quiet after it was answered, unless the runbook says otherwise.
pub const DEFAULT_SETTLE: Duration = Duration::from_secs(5 * 60);

/// How often the bell rings again while a decision is overdue.
pub const ESCALATION: Duration = Duration::from_secs(30);

impl App {
    pub(super) fn tend_triggers(&mut self) -> Vec<Effect> {
        let stage = self.run.stage(self.now.wall);
        let runbook = self.run.runbook().clone();
        let mut effects = Vec::new();
        for (position, trigger) in runbook.triggers.iter().enumerate() {
            let Some(condition) = &trigger.condition else {
                continue;
            };
            let armed = trigger.armed.contains(&stage)
                && !self.is_settling(position)
                && self.live.sentinel.blind().is_none();
            let held = self.terms_held(position, condition, armed);
            let fires = match condition {
                Condition::Any(_) => held.iter().any(|&held| held),
                Condition::All(_) => !held.is_empty() && held.iter().all(|&held| held),
            };
            if !fires
                || !armed
                || self.run.triggers[position].is_pending()
                || self.run.is_rolling_back()
            {
                continue;
            }
            let because = self.because(condition, &held);
            let event = Event::TriggerFired {
                trigger: trigger.id.clone(),
                because,
            };
            effects.extend(self.record_auto(format!("fire {}", trigger.id), event));
        }
        effects
    }

    /// Which terms have held for long enough; a term that can't be seen starts over.
    fn terms_held(&mut self, trigger: usize, condition: &Condition, armed: bool) -> Vec<bool> {
        let now = self.now.monotonic;
        let terms = condition.terms().iter().enumerate();
        terms
            .map(|(position, term)| {
                let holds = armed && self.subject_holds(term.subject);
                let since = &mut self.live.terms_since[trigger][position];
                *since = if holds { since.or(Some(now)) } else { None };
                since.is_some_and(|since| now.saturating_sub(since) >= term.sustained)
            })
            .collect()
    }

    pub(super) fn subject_holds(&self, subject: Subject) -> bool {
        let verdict = |proof| self.live.verdict(proof, self.now);
        match subject {
            Subject::CheckFails(check) => verdict(Proof::Check(check)) == Verdict::Fail,
            Subject::MetricFails(metric) => verdict(Proof::Metric(metric)) == Verdict::Fail,
            Subject::MetricWarns(metric) => matches!(
                verdict(Proof::Metric(metric)),
                Verdict::Warn | Verdict::Fail
            ),
            Subject::Unresolved => {
                self.live
                    .count(self.now, |verdict| verdict == Verdict::Fail)
                    > 0
                    || self.run.count_status(Status::Failed) > 0
            }
        }
    }

    fn because(&self, condition: &Condition, held: &[bool]) -> String {
        let terms = condition
            .terms()
            .iter()
            .zip(held)
            .filter(|(_, held)| **held);
        let words = terms.map(|(term, _)| match term.subject {
            Subject::CheckFails(check) => format!(
                "{} ({})",
                term.text,
                self.live.observed(Proof::Check(check))
            ),
            Subject::MetricFails(metric) | Subject::MetricWarns(metric) => {
                format!(
                    "{} ({})",
                    term.text,
                    self.live.observed(Proof::Metric(metric))
                )
            }
            Subject::Unresolved => term.text.clone(),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// After a decision, and after a rollback, a trigger stays quiet for its settle time: what it saw was answered.
    fn is_settling(&self, trigger: usize) -> bool {
        self.settling(trigger).is_some()
    }

    /// How much longer it stays quiet.
    pub(super) fn settling(&self, trigger: usize) -> Option<Duration> {
        let fired = self.run.triggers[trigger].fired.as_ref();
        let (decision, decided) = fired?.decision?;
        let settle = self.run.runbook().triggers[trigger]
            .settle
            .unwrap_or(DEFAULT_SETTLE);
        let since = match (decision, &self.run.rollback) {
            (Decision::RollBack, Some(rollback)) if rollback.started >= decided => {
                rollback.closed.map_or(self.now.wall, |(at, _)| at)
            }
            _ => decided,
        };
        let settle = jiff::SignedDuration::try_from(settle).unwrap_or_default();
        let left = settle.saturating_sub(self.now.wall.duration_since(since));
        // A clock that was set back must not make it longer than it is.
        let left = Duration::try_from(left.min(settle)).unwrap_or_default();
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn tend_decisions(&mut self) -> Vec<Effect> {
        let overdue: Vec<String> = self
            .run
            .pending_triggers()
            .filter(|&at| {
                self.run.triggers[at]
                    .fired
                    .as_ref()
                    .is_some_and(|fired| !fired.overdue)
            })
            .filter(|&at| {
                self.run
                    .decision_due(at)
                    .is_some_and(|due| self.now.wall >= due)
            })
            .map(|at| self.run.runbook().triggers[at].id.clone())
            .collect();
        overdue
            .into_iter()
            .filter_map(|trigger| {
                self.record_auto(
                    format!("overdue {trigger}"),
                    Event::DecisionOverdue { trigger },
                )
            })
            .collect()
    }

    /// What follows when a trigger's firing is on disk.
    pub(super) fn after_firing(&mut self, trigger: &str) -> Vec<Effect> {
        let runbook = self.run.runbook();
        let definition = runbook
            .find_trigger(trigger)
            .map(|at| &runbook.triggers[at]);
        let title = definition
            .map_or("a trigger", |trigger| &trigger.title)
            .to_owned();
        if definition.is_some_and(|trigger| trigger.mode == TriggerMode::Advise) {
            self.say(Tone::Warning, format!("{title}: advice, nothing is owed"));
            return Vec::new();
        }
        self.say(Tone::Alarm, format!("{title}: B decides"));
        vec![Effect::Bell]
    }

    /// What follows when it is on disk that nobody decided in time: it gets louder, and names who to call.
    pub(super) fn after_overdue(&mut self) -> Vec<Effect> {
        let call = match self.escalation_contact() {
            Some(contact) => format!("call {} ({})", contact.name, contact.reach),
            None => "escalate".to_owned(),
        };
        self.say(
            Tone::Alarm,
            format!("nobody has decided in time: {call}, or B decides now"),
        );
        self.bell_at = Some(self.now.monotonic + ESCALATION);
        vec![Effect::Bell]
    }

    /// Who is called when nobody decides: the contact of the role that answers last in a poll, else the first one.
    pub fn escalation_contact(&self) -> Option<&Contact> {
        let runbook = self.run.runbook();
        let decides = runbook.roles.last().map(|role| role.id.as_str());
        let of_role =
            |contact: &&Contact| contact.role.is_some() && contact.role.as_deref() == decides;
        let mut contacts = runbook.contacts.iter();
        contacts.find(of_role).or(runbook.contacts.first())
    }

    /// Rings again and again while a decision is overdue; it never does more than that.
    pub(super) fn tend_escalation(&mut self) -> Option<Effect> {
        let triggers = &self.run.triggers;
        let overdue = self.run.owed_decisions().any(|at| {
            let fired = triggers[at].fired.as_ref();
            fired.is_some_and(|fired| fired.overdue)
        });
        if !overdue {
            self.bell_at = None;
            return None;
        }
        // In a later session it goes on ringing.
        let at = *self.bell_at.get_or_insert(self.now.monotonic);
        if self.now.monotonic < at {
            return None;
        }
        self.bell_at = Some(self.now.monotonic + ESCALATION);
        Some(Effect::Bell)
    }
}
