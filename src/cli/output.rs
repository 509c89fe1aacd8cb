//! Standard output is for data, standard error for messages, and neither may bring the program down.
//!
//! `println!` panics when the reader has gone, and `tminus completions bash | head` is nobody's mistake.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use serde::Serialize;

use super::failure::{Exit, Failure};
use crate::runtime::redaction::declared;
use crate::ui::text::{is_hidden, visible};

/// Version of every JSON document that is printed. Fields may be added; what is there never changes its meaning.
const SCHEMA: u32 = 1;

/// Writes data to standard output.
///
/// # Errors
/// A reader that has gone ends the program in silence and in success: it has what it wanted.
pub fn data(text: &str) -> Result<(), Failure> {
    data_bytes(declared().redact(text).as_bytes())
}

/// [`data`] for bytes.
///
/// # Errors
/// As for [`data`].
pub fn data_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::silent(Exit::Ok),
        _ => Failure::new(Exit::Failure, "failed to write to standard output")
            .because(error)
            .hint("check the disk or the program that reads it"),
    })
}

/// Writes one JSON document with the number of its schema in front, on lines of its own.
///
/// # Errors
/// As for [`data`].
pub fn json(document: &impl Serialize) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Numbered<'a, T> {
        schema: u32,
        #[serde(flatten)]
        document: &'a T,
    }
    let numbered = Numbered {
        schema: SCHEMA,
        document,
    };
    let mut text = serde_json::to_string_pretty(&numbered).map_err(|error| {
        Failure::new(Exit::Failure, "failed to write JSON")
            .because(error)
            .hint("report this as a defect of tminus")
    })?;
    text.push('\n');
    data(&harmless_json(&text))
}

/// The same JSON, with characters that steer a terminal or hide on it written as `\uXXXX`. JSON escapes only the first
/// 32 of them itself, and terminals obey the others (C1) too.
pub fn harmless_json(text: &str) -> Cow<'_, str> {
    let is_harmful = |character: char| character != '\n' && is_hidden(character);
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_harmful(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                harmless.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            harmless.push(character);
        }
    }
    Cow::Owned(harmless)
}

/// Writes a message to standard error. One that can't be written is lost: there is nowhere to say so.
pub fn say(message: impl fmt::Display) {
    let mut text = String::new();
    for line in declared().redact(&message.to_string()).lines() {
        text.push_str(&visible(line));
        text.push('\n');
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes what was drawn for a terminal (and made harmless) to standard error.
pub fn draw(drawing: &str) {
    let _ = io::stderr().write_all(declared().redact(drawing).as_bytes());
}

/// Columns of the terminal that standard output is, if it is one.
pub fn columns() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(out).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_without_what_steers_a_terminal() {
        let value = serde_json::json!({"title": "a\u{9b}2J\u{202e}\u{7f}\u{e0001}ü\n\u{1b}"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let harmless = harmless_json(&text);
        assert!(!harmless.contains(|character| character != '\n' && is_hidden(character)));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&harmless).unwrap(),
            value
        );
        assert!(matches!(harmless_json("{\"ü\": 1}\n"), Cow::Borrowed(_)));
    }
}
