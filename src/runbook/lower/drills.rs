//! Drills: faults and the times at which they happen.

use std::ops::Range;
use std::time::Duration;

use jiff::SignedDuration;

use super::names::Kind;
use super::{Entry, Lowering};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::document::{
    DrillTable, DurationText, FaultVerdict, InjectTable, Located, TargetsTable, Text,
};
use crate::runbook::shape::listed;
use crate::runbook::text::{nearest, parse_duration, parse_offset};
use crate::runbook::{Drill, Fault, Inject, InjectTime, StepIndex, Targets};

impl Lowering<'_> {
    pub(super) fn drill(&mut self, entry: Entry<'_, DrillTable>) -> Drill {
        let Entry {
            table,
            span,
            siblings,
            ..
        } = entry;
        let title = self.title(table.title, &span, "drill");
        Drill {
            id: self.identify(table.id, Some(&title), &span, "drill", siblings),
            title,
            injects: table
                .inject
                .into_iter()
                .filter_map(|inject| self.inject(inject))
                .collect(),
            targets: table
                .targets
                .map(|targets| self.targets(&targets.value))
                .unwrap_or_default(),
        }
    }

    fn targets(&mut self, table: &TargetsTable) -> Targets {
        Targets {
            detect: self.some_duration(table.detect.as_ref()),
            decide: self.some_duration(table.decide.as_ref()),
            rollback: self.some_duration(table.rollback.as_ref()),
        }
    }

    fn inject(&mut self, inject: Located<InjectTable>) -> Option<Inject> {
        let Located { value: table, span } = inject;
        let when = self.inject_time(&table, &span);
        let fault = self.fault(table, &span);
        Some(Inject {
            when: when?,
            fault: fault?,
        })
    }

    fn inject_time(&mut self, table: &InjectTable, span: &Range<usize>) -> Option<InjectTime> {
        match (&table.at, &table.after) {
            (Some(at), None) => self.inject_at(at),
            (None, Some(after)) if after.value == "rollback" => {
                Some(InjectTime::Rollback(Duration::ZERO))
            }
            (None, Some(after)) => {
                let message = format!(
                    "`{}` isn't something that an inject can come after",
                    after.value
                );
                self.error(
                    "inject",
                    &after.span,
                    message,
                    "write `after = \"rollback\"`, or a time as `at = \"T+40s\"`",
                );
                None
            }
            (Some(_), Some(after)) => {
                self.error(
                    "inject",
                    &after.span,
                    "this inject has two times",
                    "keep one of `at` and `after`",
                );
                None
            }
            (None, None) if self.gaps.has(span, "at") || self.gaps.has(span, "after") => None,
            (None, None) => {
                let help =
                    "add `at = \"T+40s\"`, `at = \"rollback+20s\"` or `after = \"rollback\"`";
                self.error("inject", span, "this inject has no time", help);
                None
            }
        }
    }

    fn inject_at(&mut self, at: &Text) -> Option<InjectTime> {
        let time = match at.value.strip_prefix("rollback+") {
            Some(distance) => parse_duration(distance).map(InjectTime::Rollback),
            None => {
                parse_offset(&at.value).map(|offset: SignedDuration| InjectTime::Launch(offset))
            }
        };
        match time {
            Ok(time) => Some(time),
            Err(error) => {
                let help = "write a time like `T+40s`, or `rollback+20s`";
                self.error("offset", &at.span, error.message, help);
                None
            }
        }
    }

    /// What happens: exactly one of `metric`, `check` and `step`, with the keys that belong to it.
    fn fault(&mut self, table: InjectTable, span: &Range<usize>) -> Option<Fault> {
        let targets = [
            table.metric.is_some(),
            table.check.is_some(),
            table.step.is_some(),
        ];
        let written = targets.iter().filter(|written| **written).count();
        let lost = ["metric", "check", "step"]
            .iter()
            .any(|key| self.gaps.has(span, key));
        if written != 1 {
            if !lost {
                let message = if written == 0 {
                    "nothing happens in this inject"
                } else {
                    "this inject is several faults"
                };
                let help = "name one of `metric` (with `to`), `check` (with `is`) and `step` (with `hangs` or `exit`)";
                self.error("inject", span, message, help);
            }
            return None;
        }
        self.check_fault_keys(&table, span);
        match (table.metric, table.check, table.step) {
            (Some(metric), ..) => {
                let to = self.required(table.to, span, "to", "inject");
                let over = self.duration(table.over.as_ref()).unwrap_or_default();
                let metric = self.reference(Kind::Metric, &metric.value, metric.span)?;
                Some(Fault::Metric {
                    metric,
                    to: to?.value,
                    over,
                })
            }
            (_, Some(check), _) => {
                let is = self.required(table.is, span, "is", "inject");
                let check = self.reference(Kind::Check, &check.value, check.span)?;
                Some(Fault::Check {
                    check,
                    is: name_of(is?).to_owned(),
                })
            }
            (.., Some(step)) => self.step_fault(&step, table.hangs, table.exit),
            (None, None, None) => None,
        }
    }

    fn step_fault(
        &mut self,
        step: &Text,
        hangs: Option<DurationText>,
        exit: Option<Located<i64>>,
    ) -> Option<Fault> {
        let found = self.find_command_step(step);
        if let Some(hangs) = hangs {
            let time = self.duration(Some(&hangs))?;
            return Some(Fault::StepHangs { step: found?, time });
        }
        let code = self.whole(exit.as_ref(), 1..=255)?;
        let exit = i32::try_from(code).ok()?;
        Some(Fault::StepFails { step: found?, exit })
    }

    /// Keys of another kind of fault, and a step without a fault.
    fn check_fault_keys(&mut self, table: &InjectTable, span: &Range<usize>) {
        let strangers: Vec<&str> = [
            ("to", table.to.is_some(), table.metric.is_some()),
            ("over", table.over.is_some(), table.metric.is_some()),
            ("is", table.is.is_some(), table.check.is_some()),
            ("hangs", table.hangs.is_some(), table.step.is_some()),
            ("exit", table.exit.is_some(), table.step.is_some()),
        ]
        .into_iter()
        .filter(|(_, written, fits)| *written && !fits)
        .map(|(key, ..)| key)
        .collect();
        if !strangers.is_empty() {
            let message = format!(
                "{} doesn't belong to this kind of fault",
                listed(&strangers)
            );
            let help =
                "`to` and `over` belong to `metric`, `is` to `check`, `hangs` and `exit` to `step`";
            self.error("inject", span, message, help);
        }
        let lost = self.gaps.has(span, "hangs") || self.gaps.has(span, "exit");
        if table.step.is_some() && (table.hangs.is_some() == table.exit.is_some()) && !lost {
            let help = "add one of `hangs = \"90s\"` and `exit = 1`";
            self.error(
                "inject",
                span,
                "this inject doesn't say what the step's command does",
                help,
            );
        }
    }

    /// The step with a command that a drill means: by its whole id, or by the end of it where only one fits.
    fn find_command_step(&mut self, written: &Text) -> Option<StepIndex> {
        let tail = format!("/{}", written.value);
        let whole = self
            .steps
            .iter()
            .position(|step| step.id.0 == written.value);
        let fits = self
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.id.0.ends_with(&tail));
        let found: Vec<usize> = whole.map_or_else(
            || fits.map(|(index, _)| index).collect(),
            |index| vec![index],
        );
        match found.as_slice() {
            [] => {
                self.report_no_step(written);
                None
            }
            [only] if self.steps[*only].command.is_some() => Some(StepIndex(*only)),
            [only] if self.gaps.has(&self.steps[*only].span, "run") => None,
            [only] => {
                let place = self.steps[*only].span.clone();
                let message = format!(
                    "the step `{}` has no command that could fail",
                    written.value
                );
                let diagnostic = Diagnostic::error("inject", written.span.clone(), message);
                self.report(
                    diagnostic
                        .help("name a step with `run`")
                        .related(place, "the step"),
                );
                None
            }
            [first, second, ..] => {
                let (first, second) = (&self.steps[*first], &self.steps[*second]);
                let message = format!("several steps are called `{}`", written.value);
                let diagnostic =
                    Diagnostic::error("ambiguous-reference", written.span.clone(), message)
                        .help(format!("write the whole id, such as `{}`", first.id))
                        .related(first.span.clone(), "one of them")
                        .related(second.span.clone(), "another");
                self.report(diagnostic);
                None
            }
        }
    }

    fn report_no_step(&mut self, written: &Text) {
        if !self.gaps.is_empty() {
            // Some step may have been cut out.
            return;
        }
        let commands = || self.steps.iter().filter(|step| step.command.is_some());
        let tails = commands().filter_map(|step| step.id.0.rsplit('/').next());
        let near = nearest(
            &written.value,
            commands().map(|step| step.id.0.as_str()).chain(tails),
        );
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a step's id is its title in small letters, joined by `-`, unless written"
                .to_owned(),
        };
        self.error(
            "unknown-reference",
            &written.span,
            format!("there is no step `{}`", written.value),
            help,
        );
    }
}

fn name_of(verdict: FaultVerdict) -> &'static str {
    match verdict {
        FaultVerdict::Pass => "pass",
        FaultVerdict::Fail => "fail",
        FaultVerdict::Unknown => "unknown",
    }
}
