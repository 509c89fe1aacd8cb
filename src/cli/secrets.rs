//! Where the values of secrets come from: a file, the environment, or a person, never an argument.
//!
//! Arguments are shown to everybody on the machine by `ps`. Each value is declared to [`redaction`] before anything
//! else can touch it.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crossterm::terminal;

use super::arguments::SecretFiles;
use super::context::Context;
use super::failure::{Exit, Failure};
use crate::runbook::Variable;
use crate::runbook::text::nearest;
use crate::runtime::redaction::{self, SHORTEST};
use crate::ui::text::visible;

/// More than this is no secret but a mistaken path.
const MOST_BYTES: u64 = 64 << 10;

/// The values of these variables' secrets: from `--secret-file`, the environment, a file that the environment names
/// (`NAME_FILE`), or else typed by the operator, if there is one to ask. Those that have no value are left out.
///
/// # Errors
/// When a file can't be read, or a value can't be kept secret.
pub fn gather(
    context: &Context,
    variables: &[Variable],
    from: &SecretFiles,
) -> Result<BTreeMap<String, String>, Failure> {
    let secrets = || variables.iter().filter(|variable| variable.secret);
    let given = given(variables, from)?;
    let mut values = BTreeMap::new();
    for secret in secrets() {
        let value = match find(&secret.name, &given)? {
            Some(value) => Some(value),
            None if context.can_ask() => ask(secret)?,
            None => None,
        };
        if let Some(value) = value {
            redaction::declare([value.as_str()]);
            refuse_unfit(&secret.name, &value)?;
            values.insert(secret.name.clone(), value);
        }
    }
    Ok(values)
}

/// The values that can be found without asking anybody; one that couldn't be masked counts as not set.
///
/// # Errors
/// When a file can't be read.
pub fn found(
    variables: &[Variable],
    from: &SecretFiles,
) -> Result<BTreeMap<String, String>, Failure> {
    let given = given(variables, from)?;
    let mut values = BTreeMap::new();
    for secret in variables.iter().filter(|variable| variable.secret) {
        let value = find(&secret.name, &given)?;
        let fit = value.filter(|value| refuse_unfit(&secret.name, value).is_ok());
        if let Some(value) = fit {
            redaction::declare([value.as_str()]);
            values.insert(secret.name.clone(), value);
        }
    }
    Ok(values)
}

fn given<'f>(
    variables: &[Variable],
    from: &'f SecretFiles,
) -> Result<BTreeMap<&'f str, &'f str>, Failure> {
    let files = from.files.iter();
    let given = files.map(|(name, path)| (name.as_str(), path.as_str()));
    let given = given.collect();
    let secrets = || variables.iter().filter(|variable| variable.secret);
    refuse_unknown(&given, || secrets().map(|secret| secret.name.as_str()))?;
    Ok(given)
}

fn refuse_unknown<'v, N: Iterator<Item = &'v str>>(
    given: &BTreeMap<&str, &str>,
    known: impl Fn() -> N,
) -> Result<(), Failure> {
    let unknown = |name: &&&str| !known().any(|known| known == **name);
    let Some(name) = given.keys().find(unknown) else {
        return Ok(());
    };
    let hint = match nearest(name, known()) {
        Some(near) => format!("did you mean `--secret-file {near}=…`?"),
        None => "`tminus show RUNBOOK` lists its variables".to_owned(),
    };
    Err(Failure::usage(format!("the runbook has no secret `{name}`")).hint(hint))
}

fn find(name: &str, given: &BTreeMap<&str, &str>) -> Result<Option<String>, Failure> {
    if let Some(path) = given.get(name) {
        return read(name, Path::new(path)).map(Some);
    }
    // A variable that is set to nothing says nothing.
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(value) = set(name) {
        return value.into_string().map(Some).map_err(|_| {
            Failure::usage(format!("the secret {name} isn't UTF-8 text"))
                .hint("set it to its text form, such as base64")
        });
    }
    set(&format!("{name}_FILE"))
        .map(|path| read(name, Path::new(&path)))
        .transpose()
}

/// The file's text without the line end that editors put behind it.
fn read(name: &str, path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        // One byte more than allowed tells a file that is too long.
        file.take(MOST_BYTES + 1).read_to_string(&mut text)
    });
    let failed = |cause: io::Error| {
        Failure::usage(format!(
            "failed to read the secret {name} from {}",
            path.display()
        ))
        .because(cause)
        .hint(format!(
            "check the path that --secret-file or {name}_FILE names"
        ))
    };
    let length = read.map_err(failed)?;
    if length as u64 > MOST_BYTES {
        return Err(failed(io::Error::other("it is longer than any secret")));
    }
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}

/// Refuses what can't be masked, or can't be handed to a command.
fn refuse_unfit(name: &str, value: &str) -> Result<(), Failure> {
    if value.contains('\0') {
        return Err(
            Failure::usage(format!("the secret {name} holds a zero byte"))
                .hint("no command can be given that; use its text form, such as base64"),
        );
    }
    if value.trim().len() < SHORTEST {
        let what = format!("the secret {name} is too short to be hidden");
        return Err(Failure::usage(what).hint(format!(
            "a secret has {SHORTEST} bytes or more: masking less would hide nothing and make all else unreadable"
        )));
    }
    Ok(())
}

/// Asks for a value that isn't shown; `None` when the operator gives none.
fn ask(secret: &Variable) -> Result<Option<String>, Failure> {
    let prompt = format!(
        "{} ({}), not shown: ",
        visible(&secret.label),
        visible(&secret.name)
    );
    let typed = typed_unseen(&prompt);
    let _ = io::stderr().write_all(b"\n");
    let typed = typed.map_err(|error| {
        Failure::new(
            Exit::Interrupted,
            format!("no value for the secret {}", secret.name),
        )
        .because(error)
        .hint(format!(
            "set {} in the environment, or name a file with --secret-file",
            secret.name
        ))
    })?;
    Ok(Some(typed).filter(|typed| !typed.is_empty()))
}

/// Gives the terminal its echo back.
struct Unseen;

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone needs none.
        let _ = terminal::disable_raw_mode();
    }
}

/// A line typed without echo, which is off before the prompt invites anyone to type. Raw mode also keeps ctrl-c from
/// ending the program with the echo still off.
fn typed_unseen(prompt: &str) -> io::Result<String> {
    terminal::enable_raw_mode()?;
    let _unseen = Unseen;
    io::stderr().write_all(prompt.as_bytes())?;
    line_of(io::stdin().lock().bytes())
}

/// One line of raw bytes, edited as terminals do.
fn line_of(bytes: impl Iterator<Item = io::Result<u8>>) -> io::Result<String> {
    let mut line = Vec::new();
    for byte in bytes {
        match byte? {
            b'\r' | b'\n' => {
                return String::from_utf8(line)
                    .map_err(|_| io::Error::other("what was typed isn't UTF-8 text"));
            }
            // Ctrl-c, and ctrl-d, which ends input.
            0x03 | 0x04 => break,
            // Backspace takes a whole character.
            0x08 | 0x7f => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-u takes all.
            0x15 => line.clear(),
            byte => line.push(byte),
        }
    }
    Err(io::Error::other("it was given up"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> Option<String> {
        line_of(bytes.iter().copied().map(Ok)).ok()
    }

    #[test]
    fn a_typed_line_is_edited_and_ended() {
        assert_eq!(typed(b"hunter2\rrest").as_deref(), Some("hunter2"));
        assert_eq!(
            typed("ab\u{e9}\u{7f}c\n".as_bytes()).as_deref(),
            Some("abc")
        );
        assert_eq!(typed(b"wrong\x15right\r").as_deref(), Some("right"));
        assert_eq!(typed(b"\x7f\r").as_deref(), Some(""));
        for given_up in [&b"abc\x03"[..], b"abc\x04", b"abc", b"\xff\r"] {
            assert_eq!(typed(given_up), None, "{given_up:?}");
        }
    }

    #[test]
    fn a_file_ends_without_its_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " two\nlines \r\n").unwrap();
        assert_eq!(read("TOKEN", file.path()).unwrap(), " two\nlines ");
    }

    #[test]
    fn what_can_not_be_hidden_is_refused() {
        assert!(refuse_unfit("TOKEN", "abc").is_err());
        assert!(refuse_unfit("TOKEN", "abc \n ").is_err());
        assert!(refuse_unfit("TOKEN", "abc\0def").is_err());
        assert!(refuse_unfit("TOKEN", "abcd").is_ok());
    }
}
