//! How near each trigger is to firing, for those who decide.
//!
//! Nothing here fires anything: that is done where time is tended. What it says has to agree with that, though, so
//! both ask the same questions.

use std::time::Duration;

use super::App;
use crate::check::{Reason, Verdict};
use crate::runbook::{Condition, Proof, Stage, Subject, Term};

/// Whether a trigger would fire if its condition held now, or why it wouldn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arming {
    /// It would.
    Armed,
    /// It has no condition: an operator fires it.
    ByHand,
    /// The run isn't in one of its stages.
    Elsewhere(Vec<Stage>),
    /// It was answered, and stays quiet for so long.
    Settling(Duration),
    /// What it looks at can't be seen, so its condition can't hold.
    Unseen,
    /// Nothing of the network can be seen from here, our own resolver and route included.
    Blind,
    /// A rollback is under way.
    RollingBack,
}

/// What a term says now.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook<'a> {
    /// The term.
    pub term: &'a Term,
    /// What it looks at; `None` for "anything".
    pub proof: Option<Proof>,
    /// What is believed of it: fail where the term says "unresolved" and something is.
    pub verdict: Verdict,
    /// Whether it holds, and has for long enough.
    pub holds: bool,
    /// How long, of how long, what it looks at has been breached or it has held.
    pub lasted: Option<(Duration, Duration)>,
    /// When it will hold if things go on as in the last minute.
    pub ahead: Option<Duration>,
}

impl App {
    /// Whether a trigger would fire if its condition held, or why it wouldn't.
    pub fn arming(&self, trigger: usize) -> Arming {
        let definition = &self.run.runbook().triggers[trigger];
        let Some(condition) = &definition.condition else {
            return Arming::ByHand;
        };
        if self.run.is_rolling_back() {
            Arming::RollingBack
        } else if !definition.armed.contains(&self.run.stage(self.now.wall)) {
            Arming::Elsewhere(definition.armed.clone())
        } else if let Some(left) = self.settling(trigger) {
            Arming::Settling(left)
        } else if self.live.sentinel.blind().is_some() {
            Arming::Blind
        } else if !self.can_hold(condition) {
            Arming::Unseen
        } else {
            Arming::Armed
        }
    }

    /// Whether enough of a condition is seen for it to hold.
    fn can_hold(&self, condition: &Condition) -> bool {
        let is_seen = |term: &Term| {
            self.proof_of(term)
                .is_none_or(|proof| !self.live.verdict(proof, self.now).is_unknown())
        };
        match condition {
            Condition::Any(terms) => terms.iter().any(is_seen),
            Condition::All(terms) => terms.iter().all(is_seen),
        }
    }

    fn proof_of(&self, term: &Term) -> Option<Proof> {
        match term.subject {
            Subject::CheckFails(check) => Some(Proof::Check(check)),
            Subject::MetricFails(metric) | Subject::MetricWarns(metric) => {
                Some(Proof::Metric(metric))
            }
            Subject::Unresolved => None,
        }
    }

    /// What each of a trigger's terms says now, in the runbook's order.
    pub fn outlooks(&self, trigger: usize) -> Vec<Outlook<'_>> {
        let condition = &self.run.runbook().triggers[trigger].condition;
        let terms = condition.iter().flat_map(Condition::terms).enumerate();
        terms
            .map(|(position, term)| self.outlook(term, self.live.terms_since[trigger][position]))
            .collect()
    }

    fn outlook<'a>(&'a self, term: &'a Term, since: Option<Duration>) -> Outlook<'a> {
        let held = since.map(|since| self.now.monotonic.saturating_sub(since));
        let proof = self.proof_of(term);
        let verdict = match proof {
            Some(proof) => self.live.verdict(proof, self.now),
            None if self.subject_holds(term.subject) => Verdict::Fail,
            None => Verdict::Pass,
        };
        let lasted = match held {
            Some(held) => Some((held, term.sustained)).filter(|_| held < term.sustained),
            None => self.breached(term),
        };
        Outlook {
            term,
            proof,
            verdict,
            holds: held.is_some_and(|held| held >= term.sustained),
            lasted,
            ahead: self.ahead(term).filter(|_| held.is_none()),
        }
    }

    /// How long, of how long, a metric has been breached that doesn't fail yet.
    fn breached(&self, term: &Term) -> Option<(Duration, Duration)> {
        match term.subject {
            Subject::MetricFails(metric) => {
                let state = self.live.metric(metric);
                let seen = state.verdict(self.now) != Verdict::Unknown(Reason::Stale);
                state.pending(self.now).filter(|_| seen)
            }
            _ => None,
        }
    }

    fn ahead(&self, term: &Term) -> Option<Duration> {
        let ahead = match term.subject {
            Subject::MetricFails(metric) => self.live.metric(metric).fails_in(self.now),
            Subject::MetricWarns(metric) => self.live.metric(metric).warns_in(self.now),
            _ => None,
        };
        Some(ahead?.saturating_add(term.sustained))
    }
}
