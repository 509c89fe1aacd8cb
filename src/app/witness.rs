//! Words and initials: a person who speaks for a step, and a second one who looked as well.
//!
//! Who acts can never be the second person, however they spell their name: four eyes are only worth something when
//! they belong to two.

use super::view::{Purpose, Said};
use super::{App, Effect};
use crate::check::Verdict;
use crate::journal::{Basis, Event, Evidence};
use crate::runbook::StepIndex;

impl App {
    pub(super) fn answer_second(
        &mut self,
        step: StepIndex,
        said: Said,
        typed: &str,
    ) -> Result<Vec<Effect>, String> {
        let second = self.check_second_person(typed)?;
        Ok(self.record_said(step, said, Some(second)))
    }

    /// A person speaks for a step that should have proved itself; the words stay with it as its evidence.
    pub(super) fn attest(&mut self, step: StepIndex, words: String) -> Vec<Effect> {
        let words = Some(words);
        self.finish_recording(
            step,
            Said {
                words,
                ..Said::default()
            },
        )
    }

    /// Records a step for which everything is said, or asks for the second person that it needs.
    pub(super) fn finish_recording(&mut self, step: StepIndex, said: Said) -> Vec<Effect> {
        if !self.run.runbook().step(step).second {
            return self.record_said(step, said, None);
        }
        let title = &self.run.runbook().step(step).title;
        let title = format!("{title}: a second person's initials");
        let hint = format!("not {}'s own", self.options.operator);
        self.prompt(Purpose::SecondPerson(step, said), &title, hint, "");
        Vec::new()
    }

    /// Where people had nothing to say but yes, checks that pass now are the proof.
    fn record_said(&mut self, step: StepIndex, said: Said, second: Option<String>) -> Vec<Effect> {
        let is_proved = said == Said::default() && self.is_proved_now(step);
        let (basis, evidence, against) = if is_proved {
            let proofs = self.live.proofs(step);
            (Basis::Verified, Some(self.evidence(&proofs)), None)
        } else {
            let words = said.words.map(|words| self.said(words));
            (Basis::Attested, words, self.against(step))
        };
        // Where nobody signs, the initials stand for the signature.
        let (signed, second) = match said.signed {
            Some(signed) => (Some(signed), second),
            None => (second, None),
        };
        let value = said.value;
        let step = self.run.runbook().step(step).id.clone();
        self.record(Event::StepDone {
            step,
            basis,
            value,
            signed,
            second,
            evidence,
            against,
        })
    }

    fn is_proved_now(&self, step: StepIndex) -> bool {
        let proofs = self.live.proofs(step);
        let passes = |&proof| self.live.verdict(proof, self.now) == Verdict::Pass;
        !proofs.is_empty() && proofs.iter().all(passes)
    }

    fn said(&self, words: String) -> Evidence {
        Evidence {
            source: "said".to_owned(),
            observed: words,
            at: self.now.wall,
        }
    }

    /// Accepts the initials of somebody else.
    pub(super) fn check_second_person(&self, typed: &str) -> Result<String, String> {
        let typed = typed.trim();
        if spelled(typed).is_empty() {
            return Err("initials are needed".to_owned());
        }
        if names_of(&self.options.operator).contains(&spelled(typed)) {
            return Err("that is you: a second person has to confirm".to_owned());
        }
        Ok(typed.to_owned())
    }
}

/// What somebody may sign as: the name, each part of it, and its initials.
fn names_of(operator: &str) -> Vec<String> {
    let parts = || {
        operator
            .split(|character: char| !character.is_alphanumeric())
            .filter(|part| !part.is_empty())
    };
    let initials: String = parts().filter_map(|part| part.chars().next()).collect();
    let mut names: Vec<String> = parts().map(spelled).collect();
    names.extend([spelled(operator), spelled(&initials)]);
    names
}

/// A name for comparing: `A. L.` and `al` are the same person.
fn spelled(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_acts_is_known_by_every_way_to_sign() {
        let names = names_of("Ana Lopez");
        for signed in ["ana lopez", "Ana", "LOPEZ", "A.L.", "al", "ana.lopez"] {
            assert!(names.contains(&spelled(signed)), "{signed}");
        }
        for signed in ["bo", "anabel", "l.a."] {
            assert!(!names.contains(&spelled(signed)), "{signed}");
        }
    }
}
