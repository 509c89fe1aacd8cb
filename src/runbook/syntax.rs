//! Syntax errors: one for each mistake, and as much of the rest of the file as the mistakes left.
//!
//! After an error the parser goes on with whatever it can make of the rest: behind a bracket that is never closed
//! every line is an error. So a file with an error is cut into its entries, a line that begins a key or a header and
//! what hangs below it, and each is parsed alone. One that is broken alone is a mistake of its own, the others are
//! sound. The broken ones are blanked out, which moves nothing, and the rest is read as usual.

use std::collections::HashSet;
use std::ops::Range;

use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Level};
use super::text::slug;

/// What is wrong with a file as TOML.
#[derive(Debug)]
pub(super) struct Damage {
    /// An error for each mistake, in the order of their places.
    pub(super) errors: Vec<Diagnostic>,
    /// The file with the broken entries blanked out.
    pub(super) rest: String,
    /// Where the broken entries stood.
    broken: Vec<Range<usize>>,
    /// What stands behind a key that was set twice, in its table: perhaps another's, whose header is missing.
    doubtful: Vec<Range<usize>>,
    /// The tables that a header begins, with all that belongs to them.
    tables: Vec<Range<usize>>,
    /// The words of the broken entries: what could have been defined there.
    lost: String,
}

impl Damage {
    /// What the parser's errors come down to.
    pub(super) fn survey(found: &[toml::de::Error], text: &str) -> Self {
        let entries = entries(text);
        let mut errors = Vec::new();
        let mut broken = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            if let Some(error) = first_error(&text[entry.range.clone()]) {
                errors.push(syntax_error(&error, text, entry.range.start));
                broken.push(entry.range.start..end_of_damage(&entries, position));
            }
        }
        if errors.is_empty() {
            // Sound alone and not together; the first of such errors is the cause of the others.
            let first = found.iter().filter(|error| !is_duplicate(error));
            let first = first.min_by_key(|error| start_of(error));
            errors.extend(first.map(|error| syntax_error(error, text, 0)));
        }
        let rest = blanked(text, &broken);
        let lost: String = broken.iter().map(|place| &text[place.clone()]).collect();
        let mut damage = Self {
            errors,
            rest,
            broken,
            doubtful: Vec::new(),
            tables: tables(&entries, text.len()),
            lost: slug(&lost),
        };
        damage.add_duplicates(text);
        damage.doubtful = joined(damage.doubtful);
        damage.errors.sort_by_key(|error| error.span.start);
        damage
    }

    /// Keys that are set twice: the first in each table, as a missing header makes duplicates of all that follow.
    fn add_duplicates(&mut self, text: &str) {
        let (_, found) = DeTable::parse_recoverable(&self.rest);
        let mut tables = HashSet::new();
        let mut names = HashSet::new();
        for error in found.iter().filter(|error| is_duplicate(error)) {
            let span = error.span().unwrap_or(0..0);
            let name = text.get(span.clone()).unwrap_or_default();
            let (table, in_header) = self.table_of(span.start);
            // A header that clashes with one of another kind does so again and again.
            if tables.insert(table) && (!in_header || names.insert(name.to_owned())) {
                self.errors.push(syntax_error(error, text, 0));
            }
            let end = self.around(span.start).end;
            let line = text.get(span.start..).and_then(|rest| rest.lines().next());
            self.lost.push_str(&slug(line.unwrap_or_default()));
            self.doubtful.push(span.start..end);
        }
    }

    /// Where the nearest table around a place begins, and whether the place is in its header.
    fn table_of(&self, place: usize) -> (usize, bool) {
        let before = self.tables.partition_point(|table| table.start <= place);
        let start = before.checked_sub(1).map_or(0, |at| self.tables[at].start);
        let in_header = before > 0 && !self.rest[start..place.max(start)].contains('\n');
        (start, in_header)
    }

    /// Whether a mistake is one of its own, and not caused by what the broken entries took with them.
    pub(super) fn leaves(&self, diagnostic: &Diagnostic, text: &str) -> bool {
        let place = diagnostic.span.start;
        if holds(&self.doubtful, place) || diagnostic.level == Level::Warning {
            return false;
        }
        if diagnostic.code == "unknown-reference" || diagnostic.code == "unknown-variable" {
            let name = slug(text.get(diagnostic.span.clone()).unwrap_or_default());
            return !self.lost.contains(&name);
        }
        let around = self.around(place);
        let is_whole = || {
            !self
                .broken
                .iter()
                .any(|broken| around.contains(&broken.start))
        };
        INDEPENDENT.contains(&diagnostic.code)
            || (is_whole() && !ABOUT_OTHERS.contains(&diagnostic.code))
    }

    /// The innermost table around a place, with the tables below it.
    fn around(&self, place: usize) -> Range<usize> {
        let before = self.tables.partition_point(|table| table.start <= place);
        let mut begun = self.tables[..before].iter().rev();
        let around = begun.find(|table| table.contains(&place));
        around.cloned().unwrap_or(0..self.rest.len())
    }
}

/// Ranges in order, those that overlap as one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// Whether one of these ranges, which don't overlap and are in order, holds a place.
fn holds(ranges: &[Range<usize>], place: usize) -> bool {
    let before = ranges.partition_point(|range| range.start <= place);
    before > 0 && ranges[before - 1].contains(&place)
}

/// Mistakes that a part lost to a syntax error can't have caused.
const INDEPENDENT: [&str; 15] = [
    "bad-id",
    "bad-pattern",
    "bad-placeholder",
    "duplicate-id",
    "duration",
    "expectation",
    "json-path",
    "limit",
    "offset",
    "out-of-range",
    "selector",
    "unknown-key",
    "unknown-value",
    "url",
    "wrong-type",
];

/// Mistakes in how a table fits another, of which a key may have been lost.
const ABOUT_OTHERS: [&str; 3] = ["auto-rollback", "choice", "never-fires"];

/// A line that begins something at the file's top level, and all that hangs below it.
#[derive(Debug)]
struct Entry<'t> {
    range: Range<usize>,
    /// What stands in its brackets, if it is a header.
    header: Option<&'t str>,
}

/// Cuts a text into entries. Whatever is before the first belongs to it.
fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut string = None;
    let mut last = "";
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let header = header_of(line);
        if string.is_none() && (header.is_some() || begins_key(line, last)) {
            let start = if entries.is_empty() { 0 } else { offset };
            if let Some(before) = entries.last_mut() {
                before.range.end = offset;
            }
            entries.push(Entry {
                range: start..text.len(),
                header,
            });
        }
        let comment = line.trim_start().starts_with('#');
        if string.is_some() || !comment {
            string = open_string(line, string);
        }
        if !comment && !line.trim().is_empty() {
            last = line;
        }
        offset += line.len();
    }
    if entries.is_empty() {
        entries.push(Entry {
            range: 0..text.len(),
            header: None,
        });
    }
    entries
}

/// What stands in the brackets of `[header]` or `[[header]]`, however many of them are there.
fn header_of(line: &str) -> Option<&str> {
    let opened = line.starts_with('[');
    let closed = line.trim_end().ends_with(']') && !line.contains(['=', '"', '\'', ',']);
    let inside = line.trim_start_matches('[').trim_start();
    if !(opened || closed)
        || !inside.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    {
        return None;
    }
    inside.split([']', '#', '\n', '\r', ' ', '\t']).next()
}

/// Whether a line begins a key: it is not indented, and the line before it isn't waiting for more.
fn begins_key(line: &str, last: &str) -> bool {
    let waiting = last.trim_end().ends_with([',', '[', '{', '=']);
    !waiting && line.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The quotes of the string of several lines that is open after a line.
fn open_string(line: &str, mut open: Option<&'static str>) -> Option<&'static str> {
    let mut rest = line;
    loop {
        let next = match open {
            Some(quotes) => rest.find(quotes).map(|at| (at, quotes)),
            None => {
                let found = ["\"\"\"", "'''"].map(|quotes| Some((rest.find(quotes)?, quotes)));
                found.into_iter().flatten().min()
            }
        };
        let Some((at, quotes)) = next else {
            return open;
        };
        open = if open.is_some() { None } else { Some(quotes) };
        rest = &rest[at + quotes.len()..];
    }
}

/// Where a broken entry's damage ends: a lost header takes along its keys and the tables below it.
fn end_of_damage(entries: &[Entry<'_>], position: usize) -> usize {
    let entry = &entries[position];
    let Some(path) = entry.header else {
        return entry.range.end;
    };
    end_of_table(entries, position, path)
}

fn end_of_table(entries: &[Entry<'_>], position: usize, path: &str) -> usize {
    let below = |header: &str| {
        header
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let inside = entries[position + 1..]
        .iter()
        .take_while(|next| next.header.is_none_or(below));
    inside.last().unwrap_or(&entries[position]).range.end
}

/// Every header's table, with the tables below it; the keys before the first header are one too.
fn tables(entries: &[Entry<'_>], length: usize) -> Vec<Range<usize>> {
    let headers = entries.iter().enumerate();
    let mut tables: Vec<Range<usize>> = headers
        .filter_map(|(position, entry)| {
            let end = end_of_table(entries, position, entry.header?);
            Some(entry.range.start..end)
        })
        .collect();
    let first = tables.first().map_or(length, |table| table.start);
    tables.insert(0, 0..first);
    tables
}

fn first_error(text: &str) -> Option<toml::de::Error> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let errors = errors.into_iter().filter(|error| !is_duplicate(error));
    errors.min_by_key(start_of)
}

fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message().starts_with("duplicate key")
}

fn start_of(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// The text with these places blank; line breaks stay, so that nothing moves.
fn blanked(text: &str, places: &[Range<usize>]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    for place in places {
        // A table within a table that is lost already.
        let start = place.start.max(from);
        rest.push_str(&text[from..start]);
        from = place.end.max(start);
        let blanks = text[start..from].bytes();
        rest.extend(blanks.map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
    }
    rest.push_str(&text[from..]);
    rest
}

fn syntax_error(error: &toml::de::Error, text: &str, offset: usize) -> Diagnostic {
    let message = error.message();
    let span = error.span().unwrap_or(0..0);
    let span = span.start + offset..span.end + offset;
    if is_duplicate(error) {
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
