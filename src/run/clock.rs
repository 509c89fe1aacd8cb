//! T and L: the two clocks of a countdown.
//!
//! L is wall time to the target and never stops. T is procedure time: it stops in a hold. Planned holds are part of
//! the plan, so T stands nearer to zero than L by the holds ahead: with a planned hold of 15 minutes to come and the
//! target in 27:40, T reads T-00:12:40. A hold that lasts as long as planned costs nothing; every minute beyond it, and
//! every minute of an unplanned hold, is slip.

use jiff::{SignedDuration, Timestamp};

use crate::runbook::{Runbook, SectionIndex, Stage};

/// A hold that is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// The gate it belongs to, when it was planned.
    pub gate: Option<SectionIndex>,
}

/// T, L, holds and slip, for any moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The target: T-0 as wall time.
    target: Timestamp,
    /// Planned holds that haven't been used yet.
    planned: Vec<(SectionIndex, SignedDuration)>,
    /// How far T's zero has been moved by holds that are over, beyond `target - all planned holds`.
    shifted: SignedDuration,
    /// Sum of all planned holds, used or not.
    planned_total: SignedDuration,
    hold: Option<Hold>,
}

impl Clock {
    /// A clock for this runbook whose target isn't known yet.
    pub fn new(runbook: &Runbook) -> Self {
        let planned: Vec<_> = runbook
            .sections()
            .filter(|(at, _)| runbook.phases[at.phase].stage == Stage::PreLaunch)
            .filter_map(|(at, section)| {
                let hold = section.gate.as_ref()?.hold?;
                Some((
                    at,
                    SignedDuration::try_from(hold).unwrap_or(SignedDuration::ZERO),
                ))
            })
            .collect();
        let planned_total = planned.iter().fold(SignedDuration::ZERO, |sum, (_, hold)| {
            sum.saturating_add(*hold)
        });
        Self {
            target: Timestamp::UNIX_EPOCH,
            planned,
            shifted: SignedDuration::ZERO,
            planned_total,
            hold: None,
        }
    }

    /// The target: T-0 as wall time.
    pub fn target(&self) -> Timestamp {
        self.target
    }

    /// The hold that is on.
    pub fn hold_now(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Procedure time: negative before T-0, frozen in a hold.
    pub fn t(&self, now: Timestamp) -> SignedDuration {
        let moment = self.hold.as_ref().map_or(now, |hold| hold.since);
        moment
            .duration_since(self.target)
            .saturating_add(self.planned_total)
            .saturating_sub(self.shifted)
    }

    /// Wall time to the target: negative before it, never stops.
    pub fn l(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.target)
    }

    /// How much later than planned T reaches zero if nothing else holds it; negative when ahead of plan.
    pub fn slip(&self, now: Timestamp) -> SignedDuration {
        let mut ahead = self.planned_ahead();
        let mut shifted = self.shifted;
        if let Some(hold) = &self.hold {
            let lasted = now.duration_since(hold.since);
            shifted = shifted.saturating_add(lasted);
            if let Some(rest) = self.planned_rest(hold, lasted) {
                ahead = ahead
                    .saturating_sub(self.planned_for(hold))
                    .saturating_add(rest);
            }
        }
        shifted
            .saturating_add(ahead)
            .saturating_sub(self.planned_total)
    }

    /// The wall time at which something due at this procedure time is expected.
    pub fn wall_of(&self, t: SignedDuration, now: Timestamp) -> Timestamp {
        let launch = self
            .target
            .saturating_add(self.slip(now))
            .unwrap_or(self.target);
        launch.saturating_add(t).unwrap_or(launch)
    }

    /// The planned hold of a gate, if it hasn't been used.
    pub fn planned_hold(&self, gate: SectionIndex) -> Option<SignedDuration> {
        self.planned
            .iter()
            .find(|(at, _)| *at == gate)
            .map(|(_, hold)| *hold)
    }

    pub(super) fn move_target(&mut self, target: Timestamp) {
        self.target = target;
    }

    /// Drops planned holds that there is no time for: with the target in ten minutes and holds of fifteen, T would start
    /// beyond zero. Then T and L agree, and every hold is slip.
    pub(super) fn fit_planned_holds(&mut self, opened: Timestamp) {
        if self.planned_total >= self.target.duration_since(opened) {
            self.planned.clear();
            self.planned_total = SignedDuration::ZERO;
        }
    }

    pub(super) fn hold(&mut self, at: Timestamp, reason: String, gate: Option<SectionIndex>) {
        if self.hold.is_none() {
            self.hold = Some(Hold {
                since: at,
                reason,
                gate,
            });
        }
    }

    pub(super) fn release(&mut self, at: Timestamp) {
        let Some(hold) = self.hold.take() else { return };
        self.shifted = self.shifted.saturating_add(at.duration_since(hold.since));
        if let Some(gate) = hold.gate {
            self.planned.retain(|(section, _)| *section != gate);
        }
    }

    /// A gate that passed without its hold gives the planned time back.
    pub(super) fn forgo(&mut self, gate: SectionIndex) {
        if self
            .hold
            .as_ref()
            .is_none_or(|hold| hold.gate != Some(gate))
        {
            // T keeps its reading: the unused hold shortens the way to the launch instead.
            self.planned.retain(|(section, _)| *section != gate);
        }
    }

    fn planned_ahead(&self) -> SignedDuration {
        self.planned
            .iter()
            .fold(SignedDuration::ZERO, |sum, (_, hold)| {
                sum.saturating_add(*hold)
            })
    }

    fn planned_for(&self, hold: &Hold) -> SignedDuration {
        hold.gate
            .and_then(|gate| self.planned_hold(gate))
            .unwrap_or(SignedDuration::ZERO)
    }

    fn planned_rest(&self, hold: &Hold, lasted: SignedDuration) -> Option<SignedDuration> {
        let planned = self.planned_hold(hold.gate?)?;
        Some(planned.saturating_sub(lasted).max(SignedDuration::ZERO))
    }
}
