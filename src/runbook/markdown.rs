//! Any Markdown checklist as a runbook: what is in it, what was guessed, what was kept as text.
//!
//! GitHub's reading is the base, and on top of it stands what people mean by their lists: stages in headings,
//! commands in fences, options, ways back, signatures, blanks. An import always goes through TOML, so that what is
//! frozen when a run starts is one format, and so that a person can go on from there. Nothing is dropped in
//! silence: every line is in the TOML or in [`Import::kept`].

mod arrange;
mod blocks;
mod exported;
mod fields;
mod marks;
mod outline;
mod roles;
mod shell;
mod source;
mod stage;
mod steps;
mod tree;
mod write;

use std::collections::HashSet;

use serde::Serialize;

use self::steps::Shared;
use super::diagnostic::Diagnostic;
use super::load::{MOST_BYTES, MOST_STEPS};

/// Something about a line of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The line, from 1.
    pub line: usize,
    /// What was guessed, or the words that were kept.
    pub what: String,
}

/// A checklist that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Boxes that became steps or triggers.
    pub tasks: usize,
    /// Steps in phases, options, rollbacks and upkeep together.
    pub steps: usize,
    /// What was guessed, in the order of lines.
    pub guesses: Vec<Note>,
    /// What was kept as text, in the order of lines.
    pub kept: Vec<Note>,
    /// Why the checklist can't be a runbook; there are no steps then.
    pub refusal: Option<Diagnostic>,
    toml: String,
}

/// Reads a checklist. Nothing is executed or contacted, and the same bytes always give the same result.
pub fn import(file_name: &str, bytes: &[u8]) -> Import {
    read(file_name, bytes).unwrap_or_else(|refusal| refuse(file_name, *refusal))
}

fn read(file_name: &str, bytes: &[u8]) -> Result<Import, Box<Diagnostic>> {
    check(
        "too-large",
        bytes.len(),
        MOST_BYTES,
        "bytes in the checklist",
    )?;
    let mut shared = Shared::default();
    let source = source::read(bytes, &mut shared.notes);
    let root = tree::read(&source.text, &mut shared.notes);
    let document = arrange::Document {
        root,
        front: source.front,
        file_name: file_name.to_owned(),
    };
    let outline = arrange::arrange(document, &mut shared);
    let steps = outline.steps();
    check(
        "too-many-steps",
        steps,
        MOST_STEPS,
        "steps in the checklist",
    )?;
    let toml = write::toml(&outline);
    check(
        "too-large",
        toml.len(),
        MOST_BYTES,
        "bytes in the runbook made of it",
    )?;
    shared.notes.keep_lost(&source.text, &toml);
    if steps == 0 {
        let what = "nothing in this file looks like a step";
        shared.notes.guess(1, what);
    }
    let (guesses, kept) = shared.notes.into_lists();
    Ok(Import {
        tasks: shared.tasks,
        steps,
        guesses,
        kept,
        refusal: None,
        toml,
    })
}

fn check(code: &'static str, count: usize, most: usize, what: &str) -> Result<(), Box<Diagnostic>> {
    if count <= most {
        return Ok(());
    }
    let message = format!("there are {count} {what}; there may be {most}");
    let diagnostic = Diagnostic::error(code, 0..0, message);
    Err(Box::new(
        diagnostic.help("split it into several checklists"),
    ))
}

/// The TOML of an import: it loads without errors, also where the checklist was refused.
pub fn to_toml(import: &Import) -> String {
    import.toml.clone()
}

fn refuse(file_name: &str, refusal: Diagnostic) -> Import {
    let name = arrange::base_name(file_name);
    let outline = outline::Outline {
        title: "Checklist".to_owned(),
        comments: vec![format!("{name} was not imported: {}", refusal.message)],
        ..outline::Outline::default()
    };
    Import {
        tasks: 0,
        steps: 0,
        guesses: Vec::new(),
        kept: Vec::new(),
        toml: write::toml(&outline),
        refusal: Some(refusal),
    }
}

/// What there is to say about a document's lines.
#[derive(Debug, Default)]
struct Notes {
    guesses: Vec<Note>,
    kept: Vec<Note>,
}

impl Notes {
    fn guess(&mut self, line: usize, what: impl Into<String>) {
        self.guesses.push(Note {
            line,
            what: what.into(),
        });
    }

    fn keep(&mut self, line: usize, what: &str) {
        if !what.trim().is_empty() {
            self.kept.push(Note {
                line,
                what: what.to_owned(),
            });
        }
    }

    /// Keeps every line of which a word is neither in the runbook nor kept so far: whatever else goes wrong, nothing
    /// gets lost in silence.
    fn keep_lost(&mut self, source: &str, toml: &str) {
        let kept: Vec<String> = self.kept.iter().map(|note| note.what.clone()).collect();
        let known: HashSet<&str> = words(toml)
            .chain(kept.iter().flat_map(|what| words(what)))
            .collect();
        for (index, line) in source.lines().enumerate() {
            let start = line.trim_start();
            let fence = start.starts_with("```") || start.starts_with("~~~");
            let lost = |word: &str| word.chars().any(char::is_alphabetic) && !known.contains(word);
            let content = marks::without_box(line);
            if !fence && words(content).any(lost) {
                self.keep(index + 1, line);
            }
        }
    }

    fn into_lists(mut self) -> (Vec<Note>, Vec<Note>) {
        self.guesses.sort_by_key(|note| note.line);
        self.kept.sort_by_key(|note| note.line);
        (self.guesses, self.kept)
    }
}

/// Whether words of a text are in none of the others.
fn loses_words(raw: &str, held: &[&str]) -> bool {
    let known: HashSet<&str> = held.iter().flat_map(|text| words(text)).collect();
    words(raw).any(|word| !known.contains(word))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}
