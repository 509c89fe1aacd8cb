//! Words and initials: a person who speaks for a step, and a second one who looked as well.
//!
//! Who acts can never be the second person, however they spell their name: four eyes are only worth something when
//! they belong to two.

use super::view::Purpose;
use super::{App, Effect};
use crate::check::Verdict;
use crate::journal::{Basis, Evidence};
use crate::runbook::StepIndex;

impl App {
    pub(super) fn answer_second(
        &mut self,
        step: StepIndex,
        value: Option<String>,
        words: Option<String>,
        typed: &str,
    ) -> Result<Vec<Effect>, String> {
        let initials = Some(self.check_second_person(typed)?);
        if let Some(words) = words {
            let evidence = Some(self.said(words));
            return Ok(self.record_done(step, value, initials, Basis::Attested, evidence));
        }
        let proofs = self.live.proofs(step);
        let is_proved = !proofs.is_empty()
            && value.is_none()
            && proofs
                .iter()
                .all(|&proof| self.live.verdict(proof, self.now) == Verdict::Pass);
        Ok(if is_proved {
            let evidence = Some(self.evidence(&proofs));
            self.record_done(step, value, initials, Basis::Verified, evidence)
        } else {
            self.record_done(step, value, initials, Basis::Attested, None)
        })
    }

    /// A person speaks for a step that should have proved itself; the words stay with it as its evidence.
    pub(super) fn attest(&mut self, step: StepIndex, words: String) -> Vec<Effect> {
        if self.run.runbook().step(step).second {
            self.ask_second(step, None, Some(words));
            return Vec::new();
        }
        let evidence = Some(self.said(words));
        self.record_done(step, None, None, Basis::Attested, evidence)
    }

    fn said(&self, words: String) -> Evidence {
        Evidence {
            source: "said".to_owned(),
            observed: words,
            at: self.now.wall,
        }
    }

    fn ask_second(&mut self, step: StepIndex, value: Option<String>, words: Option<String>) {
        let title = &self.run.runbook().step(step).title;
        let title = format!("{title}: a second person's initials");
        let hint = format!("not {}'s own", self.options.operator);
        self.prompt(Purpose::SecondPerson(step, value, words), &title, hint, "");
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

    pub(super) fn finish_recording(
        &mut self,
        step: StepIndex,
        value: Option<String>,
    ) -> Vec<Effect> {
        if self.run.runbook().step(step).second {
            self.ask_second(step, value, None);
            return Vec::new();
        }
        self.record_done(step, value, None, Basis::Attested, None)
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
