//! What a step's line says besides its title: what kind of step it is, what its proof says, what came of it.

use std::time::Duration;

use ratatui::style::Style;

use super::List;
use crate::app::command::explain;
use crate::check::Verdict;
use crate::journal::Direction;
use crate::run::{Status, StepState};
use crate::runbook::{Level, Step, StepIndex};
use crate::ui::health::gravity;
use crate::ui::text::{age, between, stopwatch};
use crate::ui::unseen;

/// What a step's line says besides its title.
pub(super) struct Facts {
    /// The words.
    pub text: String,
    /// Fewer words, for a line on which these would cut the title.
    pub brief: Option<String>,
    /// How they look.
    pub style: Style,
    /// Whether it may push the title aside.
    pub is_long: bool,
}

impl Facts {
    /// Words that must be seen whole.
    pub fn short(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            brief: None,
            style,
            is_long: false,
        }
    }

    /// The same with fewer words for where these would cut the title.
    pub fn or(self, brief: impl Into<String>) -> Self {
        Self {
            brief: Some(brief.into()),
            ..self
        }
    }

    /// Words that may be cut.
    pub fn long(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            brief: None,
            style,
            is_long: true,
        }
    }
}

impl List<'_> {
    /// What kind of step it is, or what its proof says at present.
    pub(super) fn facts_of_open(
        &self,
        step: StepIndex,
        definition: &Step,
        quiet: Style,
    ) -> Option<Facts> {
        let state = self.app.run.state(step);
        if let (true, Some(reason)) = (state.skipped, &state.reason) {
            return Some(Facts::long(
                format!("passed over: {reason}"),
                self.theme.warning,
            ));
        }
        if definition.condition.is_some() && state.applies.is_none() {
            return Some(Facts::short("applies?", quiet));
        }
        if definition.is_group() {
            let settled = definition
                .children
                .iter()
                .filter(|&&child| self.app.run.is_settled(child))
                .count();
            return Some(Facts::short(
                format!("{settled}/{}", definition.children.len()),
                quiet,
            ));
        }
        if let Some(command) = &definition.command {
            let style = if command.level == Level::Ponr {
                self.theme.warning
            } else {
                quiet
            };
            return Some(Facts::short(level_word(command.level), style));
        }
        if let Some(time) = definition.soak {
            return Some(self.soak(step, time, quiet));
        }
        self.proof(step, quiet)
    }

    fn soak(&self, step: StepIndex, time: Duration, quiet: Style) -> Facts {
        match self.app.live.soaks.get(&step) {
            None => Facts::short(format!("soak {}", age(time)), quiet),
            Some(soak) => {
                let style = if soak.counted.is_some() {
                    self.theme.accent
                } else {
                    self.theme.unknown
                };
                let restarts = if soak.restarts > 0 {
                    format!(" ({}x)", soak.restarts)
                } else {
                    String::new()
                };
                let times = format!("{}/{}", stopwatch(soak.clean), stopwatch(time));
                Facts::short(format!("soak {times}{restarts}"), style).or(times)
            }
        }
    }

    /// The worst of what the step's checks and metrics say now; calm while all is well.
    fn proof(&self, step: StepIndex, quiet: Style) -> Option<Facts> {
        let proofs = self.app.live.proofs(step).into_iter();
        let (verdict, proof) = proofs
            .map(|proof| (self.app.live.verdict(proof, self.app.now), proof))
            .max_by_key(|(verdict, _)| gravity(*verdict))?;
        let style = if verdict == Verdict::Pass {
            quiet
        } else {
            self.theme.verdict(verdict)
        };
        Some(match verdict {
            Verdict::Unknown(reason) => {
                let brief = unseen::why(self.app, proof, reason);
                Facts::short(unseen::short_words(self.app, proof, reason), style).or(brief)
            }
            Verdict::Fail => {
                let observed = self.app.live.observed(proof);
                let brief = format!("{} !", first_fact(&observed));
                Facts::short(format!("{observed} !"), style).or(brief)
            }
            Verdict::Warn | Verdict::Pass => {
                let observed = self.app.live.observed(proof);
                let brief = first_fact(&observed).to_owned();
                Facts::short(observed, style).or(brief)
            }
        })
    }

    /// What came of it.
    pub(super) fn facts_of_begun(
        &self,
        step: StepIndex,
        definition: &Step,
        status: Status,
    ) -> Facts {
        let state = self.app.run.state(step);
        let reason = state.reason.as_deref().unwrap_or_default();
        match status {
            Status::Done => match self.app.overruled(step) {
                Some(red) => Facts::short(format!("OVER RED {}", red.observed), self.theme.alarm)
                    .or("OVER RED"),
                None => self.result(state),
            },
            Status::Waived => Facts::long(format!("waived: {reason}"), self.theme.dim),
            Status::NotApplicable => {
                Facts::long(format!("doesn't apply: {reason}"), self.theme.dim)
            }
            Status::Running => self.running(step),
            Status::Failed | Status::Unknown if definition.is_group() => {
                Facts::short("see below", self.theme.status(status))
            }
            Status::Failed | Status::Unknown | Status::Todo => {
                let by_proof = definition.command.is_none();
                let proof = by_proof
                    .then(|| self.proof(step, self.theme.text))
                    .flatten();
                proof.unwrap_or_else(|| Facts::long(self.why(state), self.theme.status(status)))
            }
        }
    }

    fn result(&self, state: &StepState) -> Facts {
        let style = self.theme.text;
        match (&state.value, &state.evidence) {
            (Some(value), _) => Facts::long(format!("= {value}"), style),
            (None, Some(evidence)) => {
                // That it ended well is what `verified` says already.
                let brief = match first_fact(&evidence.observed) {
                    "exit 0" => String::new(),
                    fact => format!("= {fact}"),
                };
                Facts::long(format!("= {}", evidence.observed), style).or(brief)
            }
            (None, None) => Facts::long("", style),
        }
    }

    fn running(&self, step: StepIndex) -> Facts {
        let attempt = self.app.run.latest_attempt(step);
        let ran = attempt.map_or(Duration::ZERO, |attempt| {
            between(attempt.started, self.app.now.wall)
        });
        let direction = attempt.map_or(Direction::Run, |attempt| attempt.direction);
        let usual = self.app.run.usual_time(step, direction);
        let ran = stopwatch(ran);
        match usual.map(|usual| stopwatch(usual.time)) {
            Some(usual) => Facts::short(format!("{ran} of {usual}"), self.theme.accent)
                .or(format!("{ran}/{usual}")),
            None => Facts::short(ran, self.theme.accent),
        }
    }

    fn why(&self, state: &StepState) -> String {
        if let Some(evidence) = &state.evidence {
            return evidence.observed.clone();
        }
        let attempt = state
            .attempt
            .and_then(|number| self.app.run.attempt(number));
        attempt
            .and_then(|attempt| attempt.outcome.as_ref())
            .map(explain)
            .unwrap_or_default()
    }
}

fn first_fact(observed: &str) -> &str {
    observed.split(" · ").next().unwrap_or(observed)
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Safe => "safe",
        Level::Changes => "changes",
        Level::Destructive => "destruct",
        Level::Ponr => "PONR",
    }
}
