//! Blanks to fill in (`____`), signatures, and conditions in brackets.

use super::blocks::{Block, Kind};
use super::outline::Variable;
use crate::runbook::variables::BUILT_IN;

/// A run of underscores at least so long is a blank to fill in.
const BLANK: &str = "___";

/// A header field: a label, and its value if one is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) label: String,
    /// The name that is written behind the label in backticks, if any.
    pub(super) name: Option<String>,
    pub(super) default: Option<String>,
}

/// A blank in a task: what is recorded, and in which unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) label: String,
    pub(super) unit: String,
}

/// The fields with blanks in a block of prose or a list.
pub(super) fn of_block(block: &Block) -> Vec<Field> {
    if matches!(block.kind, Kind::Prose(_) | Kind::List(_)) && block.raw.contains(BLANK) {
        block.raw.lines().flat_map(blanks).collect()
    } else {
        Vec::new()
    }
}

/// Fields of a document's header: once one has a blank, the others with a value belong to it.
///
/// In an export every such line is a field, whether a blank is left or not.
pub(super) fn of_header(block: &Block, export: bool) -> Vec<Field> {
    if !matches!(block.kind, Kind::Prose(_)) || !(export || block.raw.contains(BLANK)) {
        return Vec::new();
    }
    let fields = block.raw.lines().flat_map(|line| {
        let found = blanks(line);
        if found.is_empty() {
            written(line).into_iter().collect()
        } else {
            found
        }
    });
    fields.collect()
}

/// Every label in a line that stands before a blank.
fn blanks(line: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(BLANK) {
        fields.extend(labelled(before, None));
        rest = after.trim_start_matches('_');
    }
    fields
}

/// `**Label**: value`.
fn written(line: &str) -> Option<Field> {
    let bold = line.trim().strip_prefix("**")?;
    let (label, value) = bold.split_once("**")?;
    // The name in brackets belongs to the label.
    let (name, value) = match value.split_once("): ") {
        Some((name, value)) if name.starts_with(" (`") => (name, value),
        _ => ("", value),
    };
    let label = &format!("{label}{name}");
    let value = without_escapes(value.trim().trim_start_matches(':').trim());
    if label.ends_with(':') || !value.is_empty() {
        labelled(label, (!value.is_empty()).then_some(value))
    } else {
        None
    }
}

/// `a\_b` as it is shown.
fn without_escapes(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escapes =
            character == '\\' && characters.peek().is_some_and(char::is_ascii_punctuation);
        match escapes.then(|| characters.next()).flatten() {
            Some(escaped) => result.push(escaped),
            None => result.push(character),
        }
    }
    result
}

fn labelled(before: &str, default: Option<String>) -> Option<Field> {
    let plain = plain(before);
    let (label, name) = match plain.split_once('`') {
        Some((label, code)) => (label, code.split('`').next().map(str::to_owned)),
        None => (plain.as_str(), None),
    };
    let label = label
        .trim()
        .trim_end_matches(['(', ':', ' ', '-', '–', '|'])
        .trim();
    let label = &label[..label.floor_char_boundary(80)];
    label.chars().any(char::is_alphanumeric).then(|| Field {
        label: label.to_owned(),
        name,
        default,
    })
}

/// Words without emphasis, list markers and what else stands in front of a label.
fn plain(text: &str) -> String {
    let text = text.replace("**", "").replace("\\", "");
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '`');
    text.trim_end_matches([':', ' ', '*']).to_owned()
}

/// Names that a program's environment gives a meaning of its own.
const TAKEN: [&str; 14] = [
    "PATH", "HOME", "USER", "SHELL", "PWD", "IFS", "ENV", "LANG", "TERM", "TZ", "TMPDIR", "EDITOR",
    "CDPATH", "PS4",
];

/// Adds a variable for a field, under a name that no other has.
pub(super) fn add(variables: &mut Vec<Variable>, field: Field) {
    if variables.iter().any(|known| known.label == field.label) || variables.len() >= 100 {
        return;
    }
    let wanted = field.name.filter(|name| is_free(name, variables));
    let name = wanted.unwrap_or_else(|| free_name(&field.label, variables));
    variables.push(Variable {
        name,
        label: field.label,
        default: field.default,
    });
}

fn is_free(name: &str, variables: &[Variable]) -> bool {
    crate::runbook::text::is_variable_name(name)
        && !BUILT_IN.contains(&name)
        && !variables.iter().any(|known| known.name == name)
}

fn free_name(label: &str, variables: &[Variable]) -> String {
    let mut name = String::new();
    for character in label.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character.to_ascii_uppercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    let name = match name.chars().next() {
        None => "FIELD".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("FIELD_{name}"),
        Some(_) if TAKEN.contains(&name) || BUILT_IN.contains(&name) || name.starts_with("LD_") => {
            format!("RUN_{name}")
        }
        Some(_) => name.to_owned(),
    };
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    std::iter::once(name.clone())
        .chain(numbered)
        .find(|candidate| is_free(candidate, variables))
        .unwrap_or(name)
}

/// Whether a line is for a signature; under a heading that asks for them every blank is.
pub(super) fn is_signature(text: &str, asked: bool) -> bool {
    let lower = text.to_lowercase();
    let dated = lower.contains("date") || lower.contains("signature") || lower.contains("signed");
    text.contains(BLANK) && (asked || dated)
}

/// Who signs, and what else the line says.
pub(super) fn signer(text: &str) -> (String, String) {
    let end = [text.find(BLANK), text.find(": ")]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(text.len());
    let who = plain(&text[..end]);
    let rest: Vec<&str> = text[end..]
        .split('_')
        .map(|part| part.trim().trim_start_matches(':').trim())
        .filter(|part| !part.is_empty())
        .collect();
    (who.trim().to_owned(), rest.join(" "))
}

/// The value that a task asks for: `Backup size: ____ GB`.
pub(super) fn value(text: &str) -> Option<Value> {
    let (before, after) = text.split_once(BLANK)?;
    let label = plain(before);
    let unit = after.trim_start_matches('_').trim();
    let short = unit.len() <= 12 && !unit.contains('_');
    (label.chars().any(char::is_alphanumeric) && label.len() <= 120).then(|| Value {
        label,
        unit: if short {
            unit.to_owned()
        } else {
            String::new()
        },
    })
}

/// The condition in brackets at the end of a task: `(if applicable)`, `(only if migrating)`.
pub(super) fn condition(text: &str) -> Option<String> {
    let inside = last_brackets(text)?;
    let lower = inside.to_lowercase();
    let start = ["if ", "only if ", "when ", "where "]
        .iter()
        .find(|start| lower.starts_with(**start))?;
    let condition = inside.get(start.len()..)?.trim();
    (!condition.is_empty()).then(|| condition.to_owned())
}

/// Whether a task says of itself that it may be left out.
pub(super) fn is_optional(text: &str) -> bool {
    let marked = |inside: &str| inside.to_lowercase().starts_with("optional");
    last_brackets(text).is_some_and(marked) || text.to_lowercase().starts_with("optional:")
}

fn last_brackets(text: &str) -> Option<&str> {
    let inside = text.trim_end_matches([' ', '.', ':']).strip_suffix(')')?;
    Some(&inside[inside.rfind('(')? + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_make_fields_and_written_values_defaults() {
        let text = "**Date**: ____ **By**: _____\n**Environment**: Production\n**Version** (`VERSION`): ____\n";
        let block = super::super::blocks::read(text, 1).remove(0);
        let fields: Vec<(String, Option<String>, Option<String>)> = of_header(&block, false)
            .into_iter()
            .map(|field| (field.label, field.name, field.default))
            .collect();
        let plain = |label: &str| (label.to_owned(), None, None);
        assert_eq!(
            fields,
            [
                plain("Date"),
                plain("By"),
                (
                    "Environment".to_owned(),
                    None,
                    Some("Production".to_owned())
                ),
                ("Version".to_owned(), Some("VERSION".to_owned()), None),
            ]
        );
    }

    #[test]
    fn names_are_free_and_harm_no_environment() {
        let mut variables = Vec::new();
        for label in ["Path", "path", "2nd", "東京", "State", "Path!"] {
            add(
                &mut variables,
                Field {
                    label: label.to_owned(),
                    name: None,
                    default: None,
                },
            );
        }
        let names: Vec<&str> = variables.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "RUN_PATH",
                "RUN_PATH_2",
                "FIELD_2ND",
                "FIELD",
                "RUN_STATE",
                "RUN_PATH_3"
            ]
        );
    }

    #[test]
    fn signatures_and_values_are_told_apart() {
        assert!(is_signature("Lead: ____ Date: ____", false));
        assert!(!is_signature("Size: ____ GB", false));
        assert_eq!(
            signer("Deployment Manager: _____ Date: ____"),
            ("Deployment Manager".to_owned(), "Date:".to_owned())
        );
        assert_eq!(
            signer("QA/Testing"),
            ("QA/Testing".to_owned(), String::new())
        );
        assert_eq!(
            value("Backup size: ____ GB"),
            Some(Value {
                label: "Backup size".to_owned(),
                unit: "GB".to_owned()
            })
        );
    }

    #[test]
    fn conditions_stand_in_brackets_at_the_end() {
        assert_eq!(
            condition("GDPR (if applicable)").as_deref(),
            Some("applicable")
        );
        assert_eq!(condition("Rules (or equivalent)"), None);
        assert!(is_optional("Canary deployments (optional)"));
    }
}
