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
    let syntax = syntax_errors(&errors, text);
    let (document, gaps, mut diagnostics) = match deserialize(root) {
        Ok(document) => (Some(document), Gaps::default(), Vec::new()),
        Err(_) => read_misshapen(text),
    };
    let mut runbook = None;
    if let Some(document) = document {
        match more_steps_than_allowed(&document) {
            Some(place) => diagnostics.push(too_many_steps(place)),
            None => {
                let (lowered, found) = lower(document, text, &gaps);
                runbook = Some(lowered);
                diagnostics.extend(found);
            }
        }
    }
    if !syntax.is_empty() {
        // A file with so many errors is no runbook, and what else is wrong with it says nothing.
        diagnostics.retain(|diagnostic| {
            syntax.len() < MOST_SHOWN && stands_beside(diagnostic, &syntax, text)
        });
        diagnostics.extend(syntax);
    }
    (runbook, diagnostics)
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

/// The syntax errors, one a line: what follows on the same line is mostly a consequence.
fn syntax_errors(errors: &[toml::de::Error], text: &str) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = errors
        .iter()
        .map(|error| syntax_error(error, text))
        .collect();
    found.sort_by_key(|diagnostic| diagnostic.span.start);
    let mut lines = Lines::of(text);
    let mut last = None;
    found.retain(|diagnostic| {
        let line = lines.number(diagnostic.span.start);
        last.replace(line) != Some(line)
    });
    found
}

/// Numbers the lines of growing offsets in one pass: half a million errors are possible in a megabyte.
struct Lines<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            offset: 0,
            line: 0,
        }
    }

    /// The line of this offset; a smaller offset than the one before counts as the same place.
    fn number(&mut self, offset: usize) -> usize {
        if let Some(between) = self.text.as_bytes().get(self.offset..offset) {
            self.line += between.iter().filter(|byte| **byte == b'\n').count();
            self.offset = offset;
        }
        self.line
    }
}

fn syntax_error(error: &toml::de::Error, text: &str) -> Diagnostic {
    let message = error.message();
    let span = error.span().unwrap_or(0..0);
    if message.starts_with("duplicate key") {
        let name = text.get(span.clone()).unwrap_or_default();
        return Diagnostic::error(
            "duplicate-key",
            span,
            format!("`{name}` is already set in this table"),
        )
        .label("set again here")
        .help("keep one of them; several entries of a list are written `[[…]]`");
    }
    let help = if message.starts_with("string values must be quoted") {
        let word = text.get(span.clone()).unwrap_or_default();
        format!("put it in quotes: `\"{word}\"`")
    } else {
        "look for a missing quote, bracket, comma or `=` here or just before".to_owned()
    };
    Diagnostic::error("syntax", span, message).help(help)
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

/// Mistakes that a part lost to a syntax error can't have caused.
const INDEPENDENT: [&str; 12] = [
    "bad-id",
    "bad-pattern",
    "bad-placeholder",
    "duration",
    "expectation",
    "limit",
    "offset",
    "out-of-range",
    "unknown-key",
    "unknown-value",
    "unsupported-format",
    "wrong-type",
];

/// Whether a mistake is one of its own beside these syntax errors, as far as that can be told.
///
/// The parser goes on after an error with what it could make of the rest. A damaged value is reported once; a
/// damaged header moves the keys below it into another table, after which nothing can be said of any key.
fn stands_beside(diagnostic: &Diagnostic, syntax: &[Diagnostic], text: &str) -> bool {
    let line = |offset: usize| {
        text[..text.floor_char_boundary(offset)]
            .rfind('\n')
            .map_or(0, |newline| newline + 1)
    };
    let in_header =
        |error: &Diagnostic| text[line(error.span.start)..].trim_start().starts_with('[');
    INDEPENDENT.contains(&diagnostic.code)
        && !syntax.iter().any(in_header)
        && syntax
            .iter()
            .all(|error| line(error.span.start) != line(diagnostic.span.start))
}
