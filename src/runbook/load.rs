//! From bytes to a [`Runbook`], or to everything that is wrong with them.
//!
//! A sound file takes the short way: parse, deserialise, validate. Only when serde refuses it, the file is
//! parsed again and walked against the schema, which is slower and finds every misshapen value instead of the
//! first (see `shape`). Limits come before everything that could take long or recurse.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Runbook;
use super::diagnostic::{self, Diagnostic, Finding, Level, MOST_SHOWN};
use super::document::{Document, Located, StepEntry};
use super::lower::lower;
use super::schema::json_schema;
use super::shape::{Gaps, prune};
use super::syntax::Damage;

/// Larger files are refused unread.
pub const MOST_BYTES: usize = 1 << 20;
/// More steps than this, in phases, options, rollbacks and upkeep together, are refused.
pub const MOST_STEPS: usize = 2_000;
/// Steps below steps below steps: at most so many levels.
pub const MOST_LEVELS: usize = 8;
/// Tables and arrays within each other: enough for the deepest step and what it holds.
const MOST_NESTING: usize = 32;

/// What became of a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The runbook, if there is no error.
    pub runbook: Option<Runbook>,
    /// Errors and warnings in the order of their places; at most [`MOST_SHOWN`], then one that counts the rest.
    pub diagnostics: Vec<Diagnostic>,
    /// The file's name as it was given.
    pub file_name: String,
    /// The file's text, as far as it could be read; the diagnostics point into it.
    pub text: String,
}

impl Loaded {
    /// The diagnostics as a person reads them.
    pub fn render(&self, color: bool) -> String {
        diagnostic::render(&self.diagnostics, &self.file_name, &self.text, color)
    }

    /// The diagnostics as a program reads them.
    pub fn findings(&self) -> Vec<Finding> {
        self.diagnostics
            .iter()
            .map(|diagnostic| diagnostic.finding(&self.file_name, &self.text))
            .collect()
    }

    /// Whether there is an error.
    pub fn has_errors(&self) -> bool {
        has_errors(&self.diagnostics)
    }
}

/// Reads a runbook. Nothing is executed or contacted, and the same bytes always give the same result.
pub fn load(file_name: &str, bytes: &[u8]) -> Loaded {
    let (text, read) = read_text(bytes);
    let (runbook, mut diagnostics) = match read {
        Ok(()) => read_document(&text),
        Err(diagnostic) => (None, vec![diagnostic]),
    };
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    diagnostics.dedup();
    let runbook = runbook.filter(|_| !has_errors(&diagnostics));
    cut_off(&mut diagnostics);
    Loaded {
        runbook,
        diagnostics,
        file_name: file_name.to_owned(),
        text,
    }
}

/// Shows no more than a person reads: a megabyte can hold half a million mistakes.
fn cut_off(diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.len() <= MOST_SHOWN {
        return;
    }
    let rest = diagnostics.split_off(MOST_SHOWN);
    let mut last = Diagnostic::warning(
        "more",
        rest[0].span.clone(),
        format!("{} more from here on", rest.len()),
    )
    .help("mend those above first, then look again");
    if has_errors(&rest) {
        last.level = Level::Error;
    }
    diagnostics.push(last);
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .any(|diagnostic| diagnostic.level == Level::Error)
}

fn read_text(bytes: &[u8]) -> (String, Result<(), Diagnostic>) {
    if bytes.len() > MOST_BYTES {
        let message = format!(
            "the file has {} bytes; a runbook may have {MOST_BYTES}",
            bytes.len()
        );
        let help = "split it into several runbooks, or move long texts behind links";
        return (
            String::new(),
            Err(Diagnostic::error("too-large", 0..0, message).help(help)),
        );
    }
    match str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), Ok(())),
        Err(error) => {
            let at = error.valid_up_to();
            let message = format!("byte {at} isn't UTF-8 text");
            let diagnostic = Diagnostic::error("not-utf8", at..at + '\u{fffd}'.len_utf8(), message)
                .label("not text")
                .help("save the file as UTF-8");
            (String::from_utf8_lossy(bytes).into_owned(), Err(diagnostic))
        }
    }
}

fn read_document(text: &str) -> (Option<Runbook>, Vec<Diagnostic>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    if let Some(place) =
        beyond_the_parser(&errors, text).or_else(|| nested_too_deep(root.get_ref(), 0))
    {
        return (None, vec![too_deep(place)]);
    }
    if errors.is_empty() {
        return read_root(root, text, text);
    }
    let damage = Damage::survey(&errors, text);
    let (root, _) = DeTable::parse_recoverable(&damage.rest);
    let (_, mut diagnostics) = read_root(root, &damage.rest, text);
    // A file with so many errors is no runbook, and what else is wrong with it says nothing.
    diagnostics
        .retain(|diagnostic| damage.errors.len() < MOST_SHOWN && damage.leaves(diagnostic, text));
    diagnostics.extend(damage.errors);
    (None, diagnostics)
}

/// Reads a document; `toml` is what it was parsed from, and `text` what its author wrote.
fn read_root(
    root: Spanned<DeTable<'_>>,
    toml: &str,
    text: &str,
) -> (Option<Runbook>, Vec<Diagnostic>) {
    let (document, gaps, mut diagnostics) = match deserialize(root) {
        Ok(document) => (Some(document), Gaps::default(), Vec::new()),
        Err(_) => read_misshapen(toml),
    };
    let Some(document) = document else {
        return (None, diagnostics);
    };
    if let Some(place) = more_steps_than_allowed(&document) {
        diagnostics.push(too_many_steps(place));
        return (None, diagnostics);
    }
    let (runbook, found) = lower(document, text, &gaps);
    diagnostics.extend(found);
    (Some(runbook), diagnostics)
}

fn deserialize(root: Spanned<DeTable<'_>>) -> Result<Document, toml::de::Error> {
    Document::deserialize(toml::de::Deserializer::from(root))
}

/// The slow way: everything misshapen is reported and cut out, the rest is read.
fn read_misshapen(text: &str) -> (Option<Document>, Gaps, Vec<Diagnostic>) {
    let (mut root, _) = DeTable::parse_recoverable(text);
    let schema = json_schema();
    let (mut diagnostics, gaps) = prune(&mut root, &schema);
    match deserialize(root) {
        Ok(document) => (Some(document), gaps, diagnostics),
        Err(error) => {
            // Only if the schema and serde ever disagree: better serde's words than none.
            let span = error.span().unwrap_or(0..0);
            let help = "`tminus schema` says what may stand here";
            diagnostics.push(Diagnostic::error("wrong-type", span, error.message()).help(help));
            (None, gaps, diagnostics)
        }
    }
}

/// The place at which the parser refused to nest deeper. It keeps its own limit of 80, so it neither overflows
/// the stack nor takes long, whatever it is given.
fn beyond_the_parser(errors: &[toml::de::Error], text: &str) -> Option<Range<usize>> {
    let refusal = errors
        .iter()
        .find(|error| error.message().contains("recurs"))?;
    Some(refusal.span().unwrap_or_else(|| longest_key(text)))
}

fn too_deep(place: Range<usize>) -> Diagnostic {
    Diagnostic::error("too-deep", place, "this is nested too deeply")
        .label("too deep from here on")
        .help(format!(
            "a runbook needs at most {MOST_LEVELS} levels of steps; flatten this part"
        ))
}

/// Where the parser, which doesn't say, met a dotted key with too many parts.
fn longest_key(text: &str) -> Range<usize> {
    let mut start = 0;
    let mut dots = 0;
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            b'.' if dots >= 79 => return start..start,
            b'.' => dots += 1,
            b'=' | b'\n' | b'{' | b',' | b'[' => (start, dots) = (offset + 1, 0),
            _ => {}
        }
    }
    0..0
}

/// The first value that is too deep. The parser's own limit keeps this from recursing without end.
fn nested_too_deep(table: &DeTable<'_>, depth: usize) -> Option<Range<usize>> {
    table.iter().find_map(|(key, value)| {
        let too_deep = value_too_deep(value, depth + 1)?;
        Some(if too_deep.is_empty() {
            key.span()
        } else {
            too_deep
        })
    })
}

fn value_too_deep(value: &Spanned<DeValue<'_>>, depth: usize) -> Option<Range<usize>> {
    match value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) if depth > MOST_NESTING => Some(value.span()),
        DeValue::Table(table) => nested_too_deep(table, depth),
        DeValue::Array(array) => array
            .iter()
            .find_map(|element| value_too_deep(element, depth + 1)),
        _ => None,
    }
}

/// The first step that is one too many.
fn more_steps_than_allowed(document: &Document) -> Option<Range<usize>> {
    let mut left = MOST_STEPS;
    let sections = document.phase.iter().flat_map(|phase| &phase.value.section);
    let forward = sections.flat_map(|section| {
        let options = section
            .value
            .option
            .iter()
            .map(|option| &option.value.steps);
        std::iter::once(&section.value.steps).chain(options)
    });
    let back = document
        .rollback
        .iter()
        .flat_map(|rollback| &rollback.value.steps);
    let upkeep = document
        .upkeep
        .iter()
        .flat_map(|upkeep| &upkeep.value.steps);
    forward
        .chain(back)
        .chain(upkeep)
        .find_map(|steps| count_down(steps, &mut left))
}

fn count_down(steps: &[Located<StepEntry>], left: &mut usize) -> Option<Range<usize>> {
    steps.iter().find_map(|step| {
        if *left == 0 {
            return Some(step.span.clone());
        }
        *left -= 1;
        match &step.value {
            StepEntry::Plain(_) => None,
            StepEntry::Table(table) => count_down(&table.steps, left),
        }
    })
}

fn too_many_steps(place: Range<usize>) -> Diagnostic {
    let message = format!("a runbook may have {MOST_STEPS} steps; this one is more");
    Diagnostic::error("too-many-steps", place, message)
        .label("the first one too many")
        .help("split the launch into several runbooks")
}
