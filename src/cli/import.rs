//! `tminus import`: a team's Markdown checklist as a runbook, and every guess that took.
//!
//! The runbook is the data and goes to standard output or a file; what was guessed and what was kept as text is the
//! message. With `--json` it is the other way around, so that a script can hold an import against what it expects.

use std::borrow::Cow;

use serde::Serialize;

use super::arguments;
use super::failure::{Exit, Failure, Outcome};
use super::library::{self, Source};
use super::lint::plural;
use super::output;
use super::writing::{self, Existing};
use crate::runbook::markdown::{self, Import, Note, to_toml};

#[derive(Serialize)]
struct Report<'a> {
    tasks: usize,
    steps: usize,
    guesses: &'a [Note],
    kept: &'a [Note],
}

/// `tminus import`. Executes and contacts nothing.
///
/// # Errors
/// When the file can't be read or is no checklist, or the runbook can't be written.
pub fn import(arguments: &arguments::Import) -> Outcome {
    refuse_toml(&arguments.file)?;
    let source = library::read_raw(&arguments.file)?;
    let import = taken(&source)?;
    let toml = to_toml(&import);
    if let Some(path) = &arguments.output {
        let existing = Existing::forced(arguments.force);
        let hint = "name another file, or replace this one with --force";
        writing::write(path, &toml, existing, hint)?;
    } else if !arguments.json {
        output::data(&toml)?;
    }
    if arguments.json {
        output::json(&Report {
            tasks: import.tasks,
            steps: import.steps,
            guesses: &import.guesses,
            kept: &import.kept,
        })?;
    } else {
        output::say(report(&source.shown, &import));
    }
    Ok(Exit::Ok)
}

/// A checklist that was read, as the runbook it becomes.
///
/// # Errors
/// When no runbook can be made of it, or one without a single step.
pub fn source(raw: Source) -> Result<Source, Failure> {
    let import = taken(&raw)?;
    if import.steps == 0 {
        let what = format!(
            "failed to load {}: nothing in it looks like a step",
            raw.shown
        );
        let hint = format!(
            "steps are `- [ ] …` or numbered; `tminus import {}` shows what was kept",
            raw.shown
        );
        return Err(Failure::new(Exit::Findings, what).hint(hint));
    }
    Ok(Source {
        bytes: Cow::Owned(to_toml(&import).into_bytes()),
        notice: Some(format!(
            "imported with {}; `tminus import {}` lists what was guessed",
            counts(&import),
            raw.shown
        )),
        ..raw
    })
}

fn taken(source: &Source) -> Result<Import, Failure> {
    let import = markdown::import(&source.shown, &source.bytes);
    let Some(refusal) = &import.refusal else {
        return Ok(import);
    };
    let failure = Failure::new(
        Exit::Findings,
        format!("failed to import {}: {}", source.shown, refusal.message),
    );
    Err(match &refusal.help {
        Some(help) => failure.hint(help),
        None => failure,
    })
}

/// A runbook read as Markdown would be one long paragraph.
fn refuse_toml(file: &str) -> Result<(), Failure> {
    if !file.ends_with(".toml") {
        return Ok(());
    }
    let what = format!("failed to import {file}: it is a runbook already");
    Err(Failure::usage(what).hint(format!("start it with `tminus run {file}`")))
}

fn counts(import: &Import) -> String {
    let guesses = match import.guesses.len() {
        1 => "1 guess".to_owned(),
        count => format!("{count} guesses"),
    };
    format!(
        "{}, {guesses}, {} kept as text",
        plural(import.steps, "step"),
        plural(import.kept.len(), "line"),
    )
}

/// What was made of the checklist: a line of counts, then each guess and each kept line in the order of the file.
fn report(file: &str, import: &Import) -> String {
    let guesses = import.guesses.iter().map(|note| (note, "guessed"));
    let kept = import.kept.iter().map(|note| (note, "kept"));
    let mut notes: Vec<(&Note, &str)> = guesses.chain(kept).collect();
    notes.sort_by_key(|(note, _)| note.line);
    let widest = notes
        .last()
        .map_or(0, |(note, _)| note.line.to_string().len());
    let mut lines = vec![format!(
        "{file}: {}, {}",
        plural(import.tasks, "task"),
        counts(import)
    )];
    lines.extend(notes.iter().map(|(note, did)| {
        let what = note.what.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{:>widest$}  {did:<7}  {what}", note.line)
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_and_kept_lines_stand_in_the_order_of_the_file() {
        let note = |line, what: &str| Note {
            line,
            what: what.to_owned(),
        };
        let mut import = markdown::import("x.md", b"- [ ] a\n");
        import.guesses = vec![note(2, "a stage"), note(120, "a\n  level")];
        import.kept = vec![note(31, "a table")];
        assert_eq!(
            report("x.md", &import),
            "x.md: 1 task, 1 step, 2 guesses, 1 line kept as text\n  2  guessed  a stage\n 31  kept     a table\n120  guessed  a level"
        );
    }
}
