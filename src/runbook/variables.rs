//! `${NAME}` in a runbook's texts: finding it, and filling it in when a run starts.
//!
//! Shell text is never touched: what an operator types must not become part of a command, so commands get
//! variables through their environment. `$${NAME}` stands for the characters `${NAME}`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use regex::Regex;

use super::text::{is_variable_name, nearest};
use super::{Runbook, Section, Step, Variable};
use crate::check::notation::Notated;
use crate::check::{Check, Expectation, Notation, Probe};

/// Names that come from the run itself, in messages only.
pub const BUILT_IN: [&str; 7] = ["TITLE", "STATE", "T", "L", "SLIP", "UTC", "RUN"];

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Stands for itself.
    Plain(&'t str),
    /// `$${`, which stands for `${`.
    Escape,
    /// `${NAME}`.
    Name {
        /// What is between the braces.
        name: &'t str,
        /// Byte range from `$` to `}`.
        at: Range<usize>,
    },
    /// A `${` that never closes or holds no name.
    Broken(Range<usize>),
}

/// Takes a text apart.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(dollar) = text[from..].find("${").map(|found| from + found) {
        if text[from..dollar].ends_with('$') {
            pieces.extend([Piece::Plain(&text[from..dollar - 1]), Piece::Escape]);
            from = dollar + 2;
            continue;
        }
        pieces.push(Piece::Plain(&text[from..dollar]));
        let inside = &text[dollar + 2..];
        let length = inside.find('}').unwrap_or(inside.len());
        let name = &inside[..length];
        let end = (dollar + 2 + length + 1).min(text.len());
        let closed = length < inside.len();
        pieces.push(if closed && is_variable_name(name) {
            Piece::Name {
                name,
                at: dollar..end,
            }
        } else {
            Piece::Broken(dollar..end)
        });
        from = end;
    }
    pieces.push(Piece::Plain(&text[from..]));
    pieces
}

/// Fills in every `${NAME}` that `value` knows and turns `$${` into `${`; what it doesn't know stays.
pub fn fill<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    rewrite(text, value, "${")
}

/// Like [`fill`], for a text that will be filled again: `$${` stays.
fn fill_partly<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    rewrite(text, value, "$${")
}

fn rewrite<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>, escape: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(plain) => result.push_str(plain),
            Piece::Escape => result.push_str(escape),
            Piece::Name { name, at } => result.push_str(value(name).unwrap_or(&text[at])),
            Piece::Broken(at) => result.push_str(&text[at]),
        }
    }
    result
}

/// Compiles a variable's pattern so that it has to match the whole value.
pub(super) fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

/// A value that a run can't start with, or lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// The runbook has no such variable.
    #[error("the runbook has no variable `{name}`: {}", correction(nearest.as_deref()))]
    Unknown {
        /// The name that was given.
        name: String,
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// A required variable has no value.
    #[error("`{name}` ({label}) has no value: add `--var {name}=…`")]
    Missing {
        /// The variable.
        name: String,
        /// Its label.
        label: String,
    },
    /// A value doesn't match its pattern. The value of a secret is never named.
    #[error("{} doesn't match `{pattern}`: {}", quoted(name, value.as_deref()), remedy(name, value.is_none()))]
    Pattern {
        /// The variable.
        name: String,
        /// The value; `None` for a secret.
        value: Option<String>,
        /// The pattern.
        pattern: String,
    },
    /// A secret was given where others can read it.
    #[error(
        "`{name}` is a secret: set it in the environment (`export {name}=…`), not with `--var`"
    )]
    SecretGiven {
        /// The variable.
        name: String,
    },
    /// With the values filled in, a text isn't what it has to be. The text isn't named: it may hold a secret.
    #[error(
        "{of}: its `{key}` can't be used with these values: {message}; give its variables others"
    )]
    Notation {
        /// The check, metric or message, with its id.
        of: String,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// With the values filled in, an expectation can't be read any more.
    #[error("check `{check}`: `{text}` can't be read: {message}; choose other values with `--var`")]
    Expectation {
        /// The check.
        check: String,
        /// The expectation as it is with the values filled in.
        text: String,
        /// What is wrong with it.
        message: String,
    },
}

fn correction(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("did you mean `--var {name}=…`?"),
        None => "leave that `--var` out, or add it under `[vars]`".to_owned(),
    }
}

fn quoted(name: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("`{name}={value}`"),
        None => format!("the value of the secret `{name}`"),
    }
}

fn remedy(name: &str, secret: bool) -> String {
    if secret {
        format!("set `{name}` in the environment")
    } else {
        format!("write `--var {name}=…` with one that does")
    }
}

/// Everything that is wrong with the values for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableErrors(pub Vec<VariableError>);

impl fmt::Display for VariableErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for VariableErrors {}

/// The values that a run has, from those given and the defaults. Secrets aren't among them.
///
/// # Errors
/// All at once: unknown names, missing values, values that don't match their pattern, secrets given in the open.
pub fn settle(
    variables: &[Variable],
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, VariableErrors> {
    let mut errors = unknown_names(variables, given);
    let mut values = BTreeMap::new();
    for variable in variables {
        let name = variable.name.clone();
        match given.get(&name) {
            Some(_) if variable.secret => errors.push(VariableError::SecretGiven { name }),
            _ if variable.secret => {}
            given => match given.or(variable.default.as_ref()) {
                Some(value) => {
                    errors.extend(mismatch(variable, value));
                    values.insert(name, value.clone());
                }
                None => errors.push(VariableError::Missing {
                    name,
                    label: variable.label.clone(),
                }),
            },
        }
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(VariableErrors(errors))
    }
}

fn unknown_names(variables: &[Variable], given: &BTreeMap<String, String>) -> Vec<VariableError> {
    let known = || variables.iter().map(|variable| variable.name.as_str());
    let unknown = given
        .keys()
        .filter(|name| known().all(|known| known != name.as_str()));
    let error = |name: &String| VariableError::Unknown {
        name: name.clone(),
        nearest: nearest(name, known()).map(str::to_owned),
    };
    unknown.map(error).collect()
}

fn mismatch(variable: &Variable, value: &str) -> Option<VariableError> {
    let pattern = variable.pattern.as_deref()?;
    // Loading compiled it once; a pattern that doesn't compile fits nothing.
    let fits = whole(pattern).is_ok_and(|pattern| pattern.is_match(value));
    (!fits).then(|| VariableError::Pattern {
        name: variable.name.clone(),
        value: (!variable.secret).then(|| value.to_owned()),
        pattern: pattern.to_owned(),
    })
}

/// The runbook with the given values and the defaults filled in.
///
/// Secrets go only where a probe, a metric's source or a webhook asks for them; those that `secrets` doesn't
/// hold stay as `${NAME}`, so that a runbook resolved with an empty map may be shown and written anywhere.
///
/// # Errors
/// As [`settle`]; also secrets that don't match their pattern and expectations that the values break.
pub fn resolve(
    runbook: &Runbook,
    given: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, String>,
) -> Result<Runbook, VariableErrors> {
    let settled = settle(&runbook.variables, given);
    let secret = runbook.variables.iter().filter(|variable| variable.secret);
    let mut errors: Vec<VariableError> = secret
        .filter_map(|variable| mismatch(variable, secrets.get(&variable.name)?))
        .collect();
    let values = settled.unwrap_or_else(|settling| {
        errors.splice(0..0, settling.0);
        BTreeMap::new()
    });
    if !errors.is_empty() {
        return Err(VariableErrors(errors));
    }
    let mut filled = runbook.clone();
    let errors = Filling {
        values: &values,
        secrets,
    }
    .fill_runbook(&mut filled);
    if errors.is_empty() {
        Ok(filled)
    } else {
        Err(VariableErrors(errors))
    }
}

/// The values while a runbook is filled in.
struct Filling<'v> {
    values: &'v BTreeMap<String, String>,
    secrets: &'v BTreeMap<String, String>,
}

impl<'v> Filling<'v> {
    fn open(&self, name: &str) -> Option<&'v str> {
        self.values.get(name).map(String::as_str)
    }

    fn any(&self, name: &str) -> Option<&'v str> {
        self.open(name)
            .or_else(|| self.secrets.get(name).map(String::as_str))
    }

    /// Fills a text that people see.
    fn shown(&self, text: &mut String) {
        if text.contains("${") {
            *text = fill(text, |name| self.open(name));
        }
    }

    /// Fills a text that only goes over the wire.
    fn sent(&self, text: &mut String) {
        if text.contains("${") {
            *text = fill(text, |name| self.any(name));
        }
    }

    fn all<'t>(&self, texts: impl IntoIterator<Item = &'t mut String>) {
        texts.into_iter().for_each(|text| self.shown(text));
    }

    fn fill_runbook(&self, runbook: &mut Runbook) -> Vec<VariableError> {
        self.all([
            &mut runbook.title,
            &mut runbook.summary,
            &mut runbook.target,
        ]);
        self.all(runbook.roles.iter_mut().map(|role| &mut role.title));
        for phase in &mut runbook.phases {
            self.shown(&mut phase.title);
            phase
                .sections
                .iter_mut()
                .for_each(|section| self.fill_section(section));
        }
        runbook
            .steps
            .iter_mut()
            .for_each(|step| self.fill_step(step));
        for metric in &mut runbook.metrics {
            self.all([&mut metric.title, &mut metric.unit]);
            metric
                .source
                .texts_mut()
                .into_iter()
                .for_each(|text| self.sent(text));
        }
        self.fill_lists(runbook);
        let metrics = runbook.metrics.iter();
        let mut errors: Vec<VariableError> = metrics
            .flat_map(|metric| misfits(&format!("metric `{}`", metric.id), metric.source.notated()))
            .collect();
        let checks = runbook.checks.iter_mut();
        errors.extend(checks.flat_map(|check| self.fill_check(check)));
        for message in &runbook.messages {
            let webhook = message.webhook.iter();
            let notated = webhook.map(|url| ("webhook", Notation::WebUrl, url.as_str()));
            errors.extend(misfits(
                &format!("message `{}`", message.id),
                notated.collect(),
            ));
        }
        errors
    }

    fn fill_section(&self, section: &mut Section) {
        self.shown(&mut section.title);
        self.all(&mut section.text);
        self.all(section.gate.as_mut().map(|gate| &mut gate.question));
        let options = section
            .choice
            .iter_mut()
            .flat_map(|choice| &mut choice.options);
        self.all(options.map(|option| &mut option.title));
    }

    fn fill_step(&self, step: &mut Step) {
        self.shown(&mut step.title);
        for text in [
            &mut step.condition,
            &mut step.why,
            &mut step.text,
            &mut step.link,
        ] {
            self.all(text);
        }
        if let Some(record) = &mut step.record {
            self.all([&mut record.label, &mut record.unit]);
        }
        self.all(
            step.command
                .as_mut()
                .and_then(|command| command.dir.as_mut()),
        );
    }

    fn fill_lists(&self, runbook: &mut Runbook) {
        self.all(
            runbook
                .triggers
                .iter_mut()
                .map(|trigger| &mut trigger.title),
        );
        self.all(
            runbook
                .rollbacks
                .iter_mut()
                .map(|rollback| &mut rollback.title),
        );
        self.all(
            runbook
                .rollbacks
                .iter_mut()
                .flat_map(|rollback| &mut rollback.text),
        );
        for message in &mut runbook.messages {
            self.shown(&mut message.title);
            message.text = fill_partly(&message.text, |name| self.open(name));
            message
                .webhook
                .iter_mut()
                .for_each(|webhook| self.sent(webhook));
        }
        self.all(
            runbook
                .quick_commands
                .iter_mut()
                .map(|quick| &mut quick.title),
        );
        self.all(
            runbook
                .quick_commands
                .iter_mut()
                .flat_map(|quick| &mut quick.command.dir),
        );
        self.all(
            runbook
                .contacts
                .iter_mut()
                .flat_map(|contact| [&mut contact.name, &mut contact.reach]),
        );
        self.all(
            runbook
                .links
                .iter_mut()
                .flat_map(|link| [&mut link.title, &mut link.url]),
        );
        self.all(runbook.upkeep.iter_mut().map(|upkeep| &mut upkeep.title));
        self.all(runbook.drills.iter_mut().map(|drill| &mut drill.title));
    }

    fn fill_check(&self, check: &mut Check) -> Vec<VariableError> {
        self.shown(&mut check.title);
        check
            .probe
            .texts_mut()
            .into_iter()
            .for_each(|text| self.sent(text));
        let kind = check.probe.kind();
        let mut errors = misfits(&format!("check `{}`", check.id), check.probe.notated());
        for expectation in check
            .expect
            .iter_mut()
            .filter(|expectation| expectation.text().contains("${"))
        {
            let text = fill(expectation.text(), |name| self.open(name));
            match Expectation::parse(&text, kind) {
                Ok(filled) => *expectation = filled,
                Err(error) => errors.push(VariableError::Expectation {
                    check: check.id.clone(),
                    text,
                    message: error.message,
                }),
            }
        }
        if let Probe::Tls { refuses, .. } = &mut check.probe {
            *refuses = refused_versions(&check.expect);
        }
        errors
    }
}

/// The TLS versions that a probe has to try because an expectation wants them refused.
pub(super) fn refused_versions(expected: &[Expectation]) -> Vec<String> {
    let versions = expected.iter().filter_map(Expectation::refused_version);
    versions.map(str::to_owned).collect()
}

/// The texts that aren't what they have to be. One that waits for a secret can't be judged.
fn misfits(of: &str, texts: Vec<Notated<'_>>) -> Vec<VariableError> {
    let filled = texts.into_iter().filter(|(.., text)| !text.contains("${"));
    let misfit = |(key, notation, text): Notated<'_>| {
        let error = notation.check(text).err()?;
        Some(VariableError::Notation {
            of: of.to_owned(),
            key,
            message: error.message,
        })
    };
    filled.filter_map(misfit).collect()
}
