//! From the raw shapes of a file to the model, with everything that is wrong in meaning reported at once.
//!
//! Ids are collected first, because references may point forward: a step names a check that stands below it.
//! After a mistake something plausible is put in its place and the work goes on; since a runbook with an error
//! is never handed out, a stand-in can't reach a run.

mod advice;
mod drills;
mod limits;
mod lists;
mod metrics;
mod names;
mod notations;
mod probes;
mod reach;
mod steps;
mod texts;
mod triggers;
mod unwatched;

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use jiff::SignedDuration;

use self::names::{Kind, Names, Siblings};
use self::texts::Use;
use super::diagnostic::{Diagnostic, Level};
use super::document::{
    Document, DurationText, Located, OffsetText, Text, VariableTable, WindowTable,
};
use super::shape::Gaps;
use super::text::{self, is_variable_name};
use super::variables::{BUILT_IN, whole};
use super::{Role, Runbook, Stage, Step, Variable, Window};
use crate::check::Severity;

/// The one format this program reads.
const FORMAT: i64 = 1;

/// So many other places are shown with a mistake.
const MOST_RELATED: usize = 4;

/// The place of the document's root table.
const ROOT: Range<usize> = 0..0;

/// Lowers a document; the runbook is only of use when there is no error among the diagnostics.
pub(super) fn lower(document: Document, source: &str, gaps: &Gaps) -> (Runbook, Vec<Diagnostic>) {
    let mut lowering = Lowering {
        source,
        gaps,
        problems: Vec::new(),
        advice: Vec::new(),
        names: Names::default(),
        variables: HashMap::new(),
        steps: Vec::new(),
        missed: HashMap::new(),
        variables_in_doubt: gaps.has(&ROOT, "vars")
            || document
                .vars
                .as_ref()
                .is_some_and(|vars| gaps.touch(&vars.span)),
        severities: Vec::new(),
        limits: Vec::new(),
        automatic_rollbacks: Vec::new(),
    };
    let runbook = lowering.runbook(document);
    let mut problems = lowering.problems;
    if gaps.is_empty()
        && problems
            .iter()
            .all(|problem| problem.level == Level::Warning)
    {
        problems.extend(lowering.advice);
        problems.extend(advice::on_the_whole(&runbook, source));
        problems.extend(unwatched::thresholds(&runbook, source));
    }
    (runbook, problems)
}

struct Lowering<'a> {
    source: &'a str,
    gaps: &'a Gaps,
    problems: Vec<Diagnostic>,
    /// What is said when there is nothing worse to say.
    advice: Vec<Diagnostic>,
    names: Names,
    variables: HashMap<String, Known>,
    steps: Vec<Step>,
    /// What was missing, with the position of its report among the problems.
    missed: HashMap<String, usize>,
    /// Whether a variable may have been cut out.
    variables_in_doubt: bool,
    /// Of each check.
    severities: Vec<Severity>,
    /// Of each metric, whether it can warn and whether it can fail.
    limits: Vec<(bool, bool)>,
    /// Of each rollback, whether a trigger may start it.
    automatic_rollbacks: Vec<bool>,
}

/// What texts have to know of a variable.
struct Known {
    place: Range<usize>,
    secret: bool,
    default: Option<String>,
}

/// One table of a list.
struct Entry<'s, T> {
    table: T,
    span: Range<usize>,
    /// Its position in the list.
    index: usize,
    /// The ids of those before it.
    siblings: &'s mut Siblings,
}

impl Lowering<'_> {
    fn runbook(&mut self, document: Document) -> Runbook {
        self.check_format(document.format.as_ref());
        self.collect_names(&document);
        let variables = self.variables(document.vars.map_or_else(Vec::new, |vars| vars.value.0));
        let roles = self.roles(document.roles.map(|roles| roles.value.0));
        let title = self.title(document.title, &ROOT, "runbook");
        let window = document
            .window
            .map(|window| self.window(window))
            .unwrap_or_default();
        let metrics = self.all(document.metric, Self::metric);
        let checks = self.all(document.check, Self::check);
        self.warn_of_no_rollback(&document.phase, document.rollback.is_empty());
        let phases = self.all(document.phase, Self::phase);
        let budget = window.rollback_budget;
        let rollbacks = self.all(document.rollback, |this, entry| {
            this.rollback(entry, budget)
        });
        let upkeep = self.all(document.upkeep, Self::upkeep);
        Runbook {
            summary: document
                .summary
                .map(|text| self.text(text, Use::Shown))
                .unwrap_or_default(),
            target: document
                .target
                .map_or_else(|| title.clone(), |text| self.text(text, Use::Shown)),
            title,
            roles,
            variables,
            window,
            checks,
            metrics,
            triggers: self.all(document.trigger, Self::trigger),
            phases,
            rollbacks,
            messages: self.all(document.message, Self::message),
            quick_commands: self.all(document.command, Self::quick_command),
            contacts: self.all(document.contact, Self::contact),
            links: self.all(document.link, Self::link),
            upkeep,
            drills: self.all(document.drill, Self::drill),
            steps: std::mem::take(&mut self.steps),
        }
    }

    /// Lowers every table of a list.
    fn all<T, M>(
        &mut self,
        tables: Vec<Located<T>>,
        mut lower: impl FnMut(&mut Self, Entry<'_, T>) -> M,
    ) -> Vec<M> {
        let mut siblings = Siblings::default();
        let mut result = Vec::with_capacity(tables.len());
        for (index, Located { value: table, span }) in tables.into_iter().enumerate() {
            result.push(lower(
                self,
                Entry {
                    table,
                    span,
                    index,
                    siblings: &mut siblings,
                },
            ));
        }
        result
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// Reports what is missing; where it is missed again, only the place is added. What is named often and defined
    /// nowhere is one mistake.
    fn report_once(&mut self, what: String, diagnostic: Diagnostic) {
        let Some(first) = self.missed.get(&what) else {
            self.missed.insert(what, self.problems.len());
            return self.report(diagnostic);
        };
        let related = &mut self.problems[*first].related;
        if related.len() < MOST_RELATED {
            related.push((diagnostic.span, "here too".to_owned()));
        }
    }

    fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report(Diagnostic::error(code, span.clone(), message).help(help));
    }

    /// The value of a required key; its absence is reported unless it was cut out for another mistake.
    fn required<T>(
        &mut self,
        value: Option<T>,
        table: &Range<usize>,
        key: &str,
        of: &str,
    ) -> Option<T> {
        if value.is_none() && !self.gaps.has(table, key) {
            self.error(
                "missing-key",
                table,
                format!("this {of} has no `{key}`"),
                format!("add `{key} = …`"),
            );
        }
        value
    }

    fn check_format(&mut self, format: Option<&Located<i64>>) {
        let Some(format) = format else {
            if !self.gaps.has(&ROOT, "format") {
                let message = "this runbook doesn't say which `format` it is written in";
                self.error(
                    "missing-key",
                    &ROOT,
                    message,
                    format!("begin it with `format = {FORMAT}`"),
                );
            }
            return;
        };
        if format.value != FORMAT {
            let help = if format.value > FORMAT {
                "use a newer tminus".to_owned()
            } else {
                format!("write `format = {FORMAT}`")
            };
            let message = format!(
                "format {} is unknown: this tminus reads format {FORMAT}",
                format.value
            );
            self.error("unsupported-format", &format.span, message, help);
        }
    }

    fn roles(&mut self, roles: Option<Vec<(Text, Text)>>) -> Vec<Role> {
        let Some(roles) = roles else {
            return vec![Role {
                id: "ic".to_owned(),
                title: "Incident commander".to_owned(),
            }];
        };
        let mut role = |(id, title): (Text, Text)| {
            self.check_id(&id);
            Role {
                id: id.value,
                title: self.text(title, Use::Shown),
            }
        };
        roles.into_iter().map(&mut role).collect()
    }

    fn variables(&mut self, variables: Vec<(Text, Located<VariableTable>)>) -> Vec<Variable> {
        for (name, table) in &variables {
            self.check_variable_name(name);
            let default = table.value.default.as_ref();
            let known = Known {
                place: name.span.clone(),
                secret: table.value.secret,
                default: default.map(|default| default.value.clone()),
            };
            self.variables.insert(name.value.clone(), known);
        }
        variables
            .into_iter()
            .map(|(name, table)| self.variable(name, table.value))
            .collect()
    }

    fn check_variable_name(&mut self, name: &Text) {
        if BUILT_IN.contains(&name.value.as_str()) {
            let message = format!("`{}` is filled in by the run itself", name.value);
            self.error("reserved-id", &name.span, message, "choose another name");
        } else if !is_variable_name(&name.value) {
            let message = format!(
                "`{}` can't be the name of an environment variable",
                name.value
            );
            self.error(
                "bad-id",
                &name.span,
                message,
                "use letters, digits and `_`, a digit not first",
            );
        }
    }

    fn variable(&mut self, name: Text, table: VariableTable) -> Variable {
        if let Some(pattern) = &table.pattern {
            self.check_pattern(pattern, table.default.as_ref());
        }
        if let (true, Some(default)) = (table.secret, &table.default) {
            let message = format!(
                "the secret `{}` has a default, which everybody who has this file can read",
                name.value
            );
            self.error(
                "secret-default",
                &default.span,
                message,
                "leave `default` out: it comes from the environment",
            );
        }
        Variable {
            label: table
                .label
                .map_or_else(|| name.value.clone(), |label| label.value),
            name: name.value,
            default: table.default.map(|default| default.value),
            pattern: table.pattern.map(|pattern| pattern.value),
            secret: table.secret,
            span: name.span,
        }
    }

    fn check_pattern(&mut self, pattern: &Text, default: Option<&Text>) {
        match (whole(&pattern.value), default) {
            (Err(error), _) => {
                let words = error.to_string();
                let reason = words
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ");
                let message = format!("this isn't a regular expression: {reason}");
                self.error(
                    "bad-pattern",
                    &pattern.span,
                    message,
                    "a literal dot, bracket or `+` needs a backslash",
                );
            }
            (Ok(whole), Some(default)) if !whole.is_match(&default.value) => {
                let message = format!("the default `{}` doesn't match the pattern", default.value);
                let diagnostic =
                    Diagnostic::error("default-mismatch", default.span.clone(), message)
                        .help("change one of them; the pattern has to match the whole value")
                        .related(pattern.span.clone(), "the pattern");
                self.report(diagnostic);
            }
            _ => {}
        }
    }

    fn window(&mut self, table: Located<WindowTable>) -> Window {
        let opens = self.offset(table.value.opens.as_ref());
        let closes = self.offset(table.value.closes.as_ref());
        if let (Some(from), Some(to), Some(written)) = (opens, closes, &table.value.closes)
            && to <= from
        {
            let help = "`closes` has to be later than `opens`";
            self.error(
                "window",
                &written.0.span,
                "the window closes before it opens",
                help,
            );
        }
        Window {
            opens,
            closes,
            rollback_budget: self.duration(table.value.rollback_budget.as_ref()),
        }
    }

    fn warn_of_no_rollback(&mut self, phases: &[Located<super::document::PhaseTable>], none: bool) {
        let launch = phases
            .iter()
            .find(|phase| phase.value.stage == Some(Stage::Launch));
        if let Some(launch) = launch.filter(|_| none && !self.gaps.has(&ROOT, "rollback")) {
            let message = "this runbook launches and has no way back";
            let warning = Diagnostic::warning("no-rollback", launch.span.clone(), message);
            self.report(warning.help("add a `[[rollback]]` with the steps that undo the launch"));
        }
    }

    /// A duration; `None` too when it can't be read, which is reported.
    fn duration(&mut self, written: Option<&DurationText>) -> Option<Duration> {
        let written = &written?.0;
        match text::parse_duration(&written.value) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.error("duration", &written.span, error.message, error.help);
                None
            }
        }
    }

    /// A duration that must not be zero.
    fn some_duration(&mut self, written: Option<&DurationText>) -> Option<Duration> {
        let duration = self.duration(written)?;
        if duration.is_zero() {
            let span = written.map_or(ROOT, |written| written.0.span.clone());
            self.error(
                "out-of-range",
                &span,
                "this has to be longer than nothing",
                "write a time like `10s`",
            );
        }
        Some(duration)
    }

    /// A time relative to T-0; `None` too when it can't be read, which is reported.
    fn offset(&mut self, written: Option<&OffsetText>) -> Option<SignedDuration> {
        let written = &written?.0;
        match text::parse_offset(&written.value) {
            Ok(offset) => Some(offset),
            Err(error) => {
                self.error("offset", &written.span, error.message, error.help);
                None
            }
        }
    }

    /// A whole number within a range.
    fn whole(
        &mut self,
        written: Option<&Located<i64>>,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let written = written?;
        let number = u32::try_from(written.value)
            .ok()
            .filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("{} is out of range", written.value);
            let help = format!("write a number from {} to {}", range.start(), range.end());
            self.error("out-of-range", &written.span, message, help);
        }
        number
    }

    /// The ids that references may name.
    fn collect_names(&mut self, document: &Document) {
        let phases = document.phase.iter();
        let sections = phases.flat_map(|phase| &phase.value.section);
        for section in sections {
            if self.gaps.has(&section.span, "option") {
                self.names.doubt(Kind::Option);
            }
            self.collect_list(Kind::Option, "option", &section.value.option, |option| {
                (&option.id, &option.title)
            });
        }
        self.collect_list(Kind::Check, "check", &document.check, |check| {
            (&check.id, &check.title)
        });
        self.collect_list(Kind::Metric, "metric", &document.metric, |metric| {
            (&metric.id, &metric.title)
        });
        self.collect_list(Kind::Rollback, "rollback", &document.rollback, |table| {
            (&table.id, &table.title)
        });
        self.automatic_rollbacks = document
            .rollback
            .iter()
            .map(|rollback| rollback.value.auto || self.gaps.has(&rollback.span, "auto"))
            .collect();
        self.collect_roles(document);
    }

    fn collect_list<T>(
        &mut self,
        kind: Kind,
        key: &str,
        tables: &[Located<T>],
        named: impl Fn(&T) -> (&Option<Text>, &Option<Text>),
    ) {
        for table in tables {
            let (id, title) = named(&table.value);
            let unnamed = id.is_none() && title.is_none();
            if unnamed || self.gaps.has(&table.span, "id") || self.gaps.has(&table.span, "title") {
                self.names.doubt(kind);
            }
            let place = id.as_ref().map_or(&table.span, |id| &id.span);
            self.names.add(
                kind,
                text_or_slug(id.as_ref(), title.as_ref()),
                place.clone(),
            );
        }
        if self.gaps.has(&ROOT, key) {
            self.names.doubt(kind);
        }
    }

    fn collect_roles(&mut self, document: &Document) {
        let Some(roles) = &document.roles else {
            self.names.add(Kind::Role, "ic".to_owned(), ROOT);
            if self.gaps.has(&ROOT, "roles") {
                self.names.doubt(Kind::Role);
            }
            return;
        };
        for (id, _) in &roles.value.0 {
            self.names
                .add(Kind::Role, id.value.clone(), id.span.clone());
        }
        if self.gaps.touch(&roles.span) {
            self.names.doubt(Kind::Role);
        }
    }
}

fn text_or_slug(id: Option<&Text>, title: Option<&Text>) -> String {
    match (id, title) {
        (Some(id), _) => id.value.clone(),
        (None, Some(title)) => text::slug(&title.value),
        (None, None) => String::new(),
    }
}
