//! Triggers and rollbacks, and the short sentences in them.

use std::ops::Range;
use std::time::Duration;

use super::names::Kind;
use super::steps::Place;
use super::texts::Use;
use super::{Entry, Lowering};
use crate::check::Severity;
use crate::runbook::document::{Located, RollbackTable, Text, TriggerTable};
use crate::runbook::text::parse_duration;
use crate::runbook::{
    Condition, Home, Order, Proof, Rollback, Stage, Subject, Term, Trigger, TriggerMode,
};

/// The sentences a trigger understands.
const TERMS: &str = "write `check ID fails`, `metric ID fails`, `metric ID warns`, each optionally with `for 30m`, or `unresolved for 30m`";

impl Lowering<'_> {
    pub(super) fn trigger(&mut self, entry: Entry<'_, TriggerTable>) -> Trigger {
        let Entry {
            table,
            span,
            siblings,
            ..
        } = entry;
        self.check_condition(&table, &span);
        let title = self.title(table.title, &span, "trigger");
        let id = self.identify(table.id, Some(&title), &span, "trigger", siblings);
        let mode = table.mode.unwrap_or_default();
        if mode == TriggerMode::Auto {
            self.check_automatic(&table.rollback.0, &span);
        }
        let condition = if table.all.0.is_empty() {
            let terms = self.terms(table.when.0);
            (!terms.is_empty()).then_some(Condition::Any(terms))
        } else {
            Some(Condition::All(self.terms(table.all.0)))
        };
        let armed: Vec<Stage> = table.armed.0.iter().map(|stage| stage.value).collect();
        Trigger {
            id,
            title,
            condition,
            manual: table.manual,
            armed: if armed.is_empty() {
                vec![Stage::Launch, Stage::PostLaunch]
            } else {
                armed
            },
            decide_within: self.some_duration(table.decide_within.as_ref()),
            rollbacks: self.references(Kind::Rollback, table.rollback.0),
            mode,
            settle: self.duration(table.settle.as_ref()),
            span,
        }
    }

    fn check_condition(&mut self, table: &TriggerTable, span: &Range<usize>) {
        if let (Some(_), Some(all)) = (table.when.0.first(), table.all.0.first()) {
            let message = "this trigger has both `when` and `all`";
            let help =
                "`when` fires on any of its list, `all` on every one together: keep one of them";
            self.error("trigger-condition", &all.span, message, help);
        }
        let nothing = table.when.0.is_empty() && table.all.0.is_empty() && !table.manual;
        let lost = ["when", "all", "manual"]
            .iter()
            .any(|key| self.gaps.has(span, key));
        if nothing && !lost {
            let help =
                "add `when = [\"metric ID fails\"]`, or `manual = true` if only people fire it";
            self.error(
                "trigger-condition",
                span,
                "nothing fires this trigger",
                help,
            );
        }
    }

    /// What a trigger starts by itself has to agree to it.
    fn check_automatic(&mut self, rollbacks: &[Text], span: &Range<usize>) {
        if rollbacks.is_empty() && !self.gaps.has(span, "rollback") {
            let help = "add `rollback = \"…\"`, or leave `mode` out";
            self.error(
                "auto-rollback",
                span,
                "this trigger acts by itself and names no rollback",
                help,
            );
        }
        for id in rollbacks {
            let position = self
                .names
                .ids(Kind::Rollback)
                .iter()
                .position(|known| *known == id.value);
            if position.is_some_and(|position| !self.automatic_rollbacks[position]) {
                let message = format!(
                    "the rollback `{}` doesn't allow a trigger to start it",
                    id.value
                );
                let help = "add `auto = true` to the rollback if it may start without a decision";
                self.error("auto-rollback", &id.span, message, help);
            }
        }
    }

    fn terms(&mut self, texts: Vec<Text>) -> Vec<Term> {
        texts
            .into_iter()
            .filter_map(|text| self.term(text))
            .collect()
    }

    fn term(&mut self, text: Text) -> Option<Term> {
        let words = words(&text.value);
        let plain: Vec<&str> = words.iter().map(|(_, word)| *word).collect();
        let (subject, rest) = match plain.as_slice() {
            ["check", _, "fails", rest @ ..] => (self.check_subject(&text, &words[1]), rest),
            ["metric", _, verdict @ ("fails" | "warns"), rest @ ..] => (
                self.metric_subject(&text, &words[1], *verdict == "fails"),
                rest,
            ),
            ["unresolved", rest @ ..] if rest.len() == 2 => (Some(Subject::Unresolved), rest),
            _ => {
                self.error(
                    "term",
                    &text.span,
                    "this isn't a condition that tminus knows",
                    TERMS,
                );
                return None;
            }
        };
        let sustained = match rest {
            [] => Duration::ZERO,
            ["for", _] => self.sustained(&text, &words[words.len() - 1])?,
            _ => {
                let start = words[words.len() - rest.len()].0.start;
                let place = self.inside(&text, start..text.value.len());
                self.error("term", &place, "this part isn't understood", TERMS);
                return None;
            }
        };
        Some(Term {
            subject: subject?,
            sustained,
            text: text.value,
        })
    }

    fn sustained(&mut self, text: &Text, (at, word): &(Range<usize>, &str)) -> Option<Duration> {
        match parse_duration(word) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let place = self.inside(text, at.clone());
                self.error("duration", &place, error.message, error.help);
                None
            }
        }
    }

    /// The position of what a word inside a text names.
    fn named(
        &mut self,
        kind: Kind,
        text: &Text,
        (at, word): &(Range<usize>, &str),
    ) -> Option<usize> {
        let place = self.inside(text, at.clone());
        self.reference(kind, word, place)
    }

    fn check_subject(&mut self, text: &Text, word: &(Range<usize>, &str)) -> Option<Subject> {
        let check = self.named(Kind::Check, text, word)?;
        if self.severities[check] == Severity::Warn {
            let message = format!("this never fires: the check `{}` only warns", word.1);
            let help = "leave `severity` out of the check if it is worth going back for";
            self.error("never-fires", &text.span, message, help);
        }
        Some(Subject::CheckFails(check))
    }

    fn metric_subject(
        &mut self,
        text: &Text,
        word: &(Range<usize>, &str),
        fails: bool,
    ) -> Option<Subject> {
        let metric = self.named(Kind::Metric, text, word)?;
        let (warns_too, can_fail) = self.limits[metric];
        if !can_fail && (fails || !warns_too) {
            let key = if fails { "fail" } else { "warn" };
            let message = format!(
                "this never fires: the metric `{}` has no limit at which it would {key}",
                word.1
            );
            let help = format!("add `{key} = \"…\"` to the metric");
            self.error("never-fires", &text.span, message, help);
        }
        Some(if fails {
            Subject::MetricFails(metric)
        } else {
            Subject::MetricWarns(metric)
        })
    }

    pub(super) fn rollback(
        &mut self,
        entry: Entry<'_, RollbackTable>,
        budget: Option<Duration>,
    ) -> Rollback {
        let Entry {
            table,
            span,
            index,
            siblings,
        } = entry;
        let title = self.title(table.title, &span, "rollback");
        let id = self.identify(table.id, Some(&title), &span, "rollback", siblings);
        let steps = self
            .required(table.steps, &span, "steps", "rollback")
            .unwrap_or_default();
        let place = Place::top(
            Home::Rollback(index),
            format!("rollback/{id}"),
            format!("R{}", index + 1),
            None,
        );
        let option = table.option.and_then(|option| {
            self.reference(Kind::Option, &option.value, option.span)?;
            Some(option.value)
        });
        Rollback {
            id,
            title,
            option,
            within: self.budget(table.within.as_ref(), budget),
            verify: table
                .verify
                .0
                .into_iter()
                .filter_map(|text| self.proof(&text))
                .collect(),
            hold: self.duration(table.hold.as_ref()).unwrap_or_default(),
            order: table.order.unwrap_or(Order::ReadDo),
            text: self.optional(table.text, Use::Shown),
            auto: table.auto,
            steps: self.steps(steps, &place),
            span,
        }
    }

    fn proof(&mut self, text: &Located<String>) -> Option<Proof> {
        let words = words(&text.value);
        match words.as_slice() {
            [(_, "check"), id] => self.named(Kind::Check, text, id).map(Proof::Check),
            [(_, "metric"), id] => self.named(Kind::Metric, text, id).map(Proof::Metric),
            _ => {
                let message = "this names nothing that could be verified";
                self.error(
                    "term",
                    &text.span,
                    message,
                    "write `check ID` or `metric ID`",
                );
                None
            }
        }
    }
}

/// The words of a text with their places.
fn words(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut from = 0;
    let word = |word| {
        // `split_whitespace` keeps the order, so each word is found at or after the end of the one before.
        let start = text[from..].find(word).map_or(from, |found| from + found);
        from = start + str::len(word);
        (start..from, word)
    };
    text.split_whitespace().map(word).collect()
}
