//! Reading the words of expectations and limits, always knowing where in the text they stand.

use std::ops::{Range, RangeInclusive};

use jiff::{Span, SpanRelativeTo};
use regex::bytes::{Regex, RegexBuilder};

use super::SyntaxError;
use crate::check::Comparison;

/// A place in the text of an expectation or a limit.
#[derive(Clone, Copy)]
pub(in crate::check) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(in crate::check) fn new(text: &'a str) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.skip_space();
        cursor
    }

    /// What hasn't been read yet.
    pub(in crate::check) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Where that stands.
    pub(in crate::check) fn rest_range(&self) -> Range<usize> {
        self.at..self.at + self.rest().trim_end().len()
    }

    pub(in crate::check) fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn advance(&mut self, bytes: usize) -> (&'a str, Range<usize>) {
        let range = self.at..self.at + bytes;
        self.at = range.end;
        self.skip_space();
        (&self.text[range.clone()], range)
    }

    /// Takes `token` if it stands here.
    pub(in crate::check) fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.advance(token.len());
        }
        found
    }

    /// Takes so many bytes, which have to end at a character's end.
    pub(in crate::check) fn take_bytes(&mut self, bytes: usize) -> &'a str {
        self.advance(bytes).0
    }

    /// Takes `word` if it stands here as a whole word.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let found = ahead.word().0 == word;
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes everything up to the next space, quote or operator; empty when one of these stands here.
    pub(in crate::check) fn word(&mut self) -> (&'a str, Range<usize>) {
        let ends = |c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '=' | '!' | '/' | '*')
        };
        let rest = self.rest();
        self.advance(rest.find(ends).unwrap_or(rest.len()))
    }

    /// Takes everything up to the next space.
    pub(super) fn chunk(&mut self) -> (&'a str, Range<usize>) {
        let rest = self.rest();
        self.advance(rest.find(char::is_whitespace).unwrap_or(rest.len()))
    }

    /// Takes a comparison; `=` is told to be `==`.
    pub(in crate::check) fn comparison(&mut self) -> Result<Option<Comparison>, SyntaxError> {
        // Two characters first, or `<=` would be read as `<`.
        for comparison in Comparison::ALL {
            if self.take(comparison.symbol()) {
                return Ok(Some(comparison));
            }
        }
        if self.rest().starts_with('=') {
            return Err(self.error("`=` compares nothing", Some("write `==`")));
        }
        Ok(None)
    }

    /// Takes a finite number.
    pub(in crate::check) fn number(&mut self) -> Result<f64, SyntaxError> {
        let before = *self;
        let (word, range) = self.word();
        finite(word).ok_or_else(|| match word {
            "" => before.error("a number is missing", None),
            _ => syntax_error(range, format!("`{word}` is not a number"), unit_help(word)),
        })
    }

    /// Takes a number in this unit.
    pub(super) fn quantity(&mut self, unit: Unit) -> Result<f64, SyntaxError> {
        let before = *self;
        let (word, range) = self.word();
        unit.read(word).ok_or_else(|| match word {
            "" => before.error("a number is missing", Some(unit.help())),
            _ => syntax_error(
                range,
                format!("`{word}` is not {}", unit.name()),
                Some(unit.help()),
            ),
        })
    }

    /// Takes an inclusive range such as `200..299`.
    pub(super) fn range(&mut self, unit: Unit) -> Result<(f64, f64), SyntaxError> {
        let (word, range) = self.word();
        word.split_once("..")
            .and_then(|(low, high)| unit.read(low).zip(unit.read(high)))
            .filter(|(low, high)| low <= high)
            .ok_or_else(|| {
                syntax_error(
                    range,
                    format!("`{word}` is not a range"),
                    Some("write it like `200..299`; both ends belong to it"),
                )
            })
    }

    /// Takes `"text"` or `'text'`; in double quotes `\"`, `\\`, `\n`, `\r` and `\t` are understood.
    pub(in crate::check) fn string(&mut self) -> Result<String, SyntaxError> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return Err(self.error("a text in quotes is missing", Some("write it like \"ok\"")));
        };
        let mut text = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                c if c == quote => {
                    self.advance(index + 1);
                    return Ok(text);
                }
                '\\' if quote == '"' => {
                    text.push(escaped(characters.next().map(|(_, c)| c)).ok_or_else(|| {
                        let at = self.at + index;
                        syntax_error(
                            at..at + 1,
                            "an escape that isn't known",
                            Some("known are \\\" \\\\ \\n \\r \\t"),
                        )
                    })?)
                }
                c => text.push(c),
            }
        }
        Err(self.error("the quote is never closed", None))
    }

    /// Takes a text in quotes, as the regular expression that finds it.
    pub(super) fn literal(&mut self) -> Result<Regex, SyntaxError> {
        let before = *self;
        let pattern = regex::escape(&self.string()?);
        Regex::new(&pattern).map_err(|_| before.error("the text is too long", None))
    }

    /// Takes `/regex/` or `/regex/i`.
    pub(super) fn regex(&mut self) -> Result<Regex, SyntaxError> {
        let rest = self.rest();
        let Some(body) = rest.strip_prefix('/') else {
            return Err(self.error(
                "a regular expression is missing",
                Some("write it between slashes, like /ready/"),
            ));
        };
        let end = closing_slash(body)
            .ok_or_else(|| self.error("the regular expression is never closed", None))?;
        let (pattern, start) = (body[..end].replace("\\/", "/"), self.at);
        self.advance(end + 2);
        let ignore_case = self.take_word("i");
        RegexBuilder::new(&pattern)
            .case_insensitive(ignore_case)
            .build()
            .map_err(|error| {
                syntax_error(start..start + end + 2, last_line(&error.to_string()), None)
            })
    }

    /// The text up to `offset` bytes from here, and a cursor that stands there.
    pub(super) fn split(&self, offset: usize) -> (&'a str, Self) {
        let mut ahead = *self;
        let (text, _) = ahead.advance(offset);
        (text, ahead)
    }

    /// Moves a mistake found in the text that starts here to its place in the whole.
    pub(super) fn shift(&self, error: SyntaxError) -> SyntaxError {
        SyntaxError {
            at: error.at.start + self.at..error.at.end + self.at,
            ..error
        }
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// When something does.
    pub(in crate::check) fn end(&self) -> Result<(), SyntaxError> {
        if self.at_end() {
            return Ok(());
        }
        Err(self.error(
            "nothing more is expected here",
            Some("write one expectation a string"),
        ))
    }

    /// A mistake that lies in all the rest, or at the end when there is no rest.
    pub(in crate::check) fn error(
        &self,
        message: impl Into<String>,
        help: Option<&str>,
    ) -> SyntaxError {
        syntax_error(self.rest_range(), message, help)
    }
}

pub(in crate::check) fn syntax_error(
    at: Range<usize>,
    message: impl Into<String>,
    help: Option<&str>,
) -> SyntaxError {
    SyntaxError {
        at,
        message: message.into(),
        help: help.map(str::to_owned),
    }
}

/// A finite number in plain digits; unlike `str::parse`, no `inf` and no `NaN`.
pub(in crate::check) fn finite(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse()
        .ok()
        .filter(|number: &f64| plain && number.is_finite())
}

/// The versions that a handshake can agree on.
const TLS_VERSIONS: [f64; 4] = [1.0, 1.1, 1.2, 1.3];

fn whole(text: &str, range: RangeInclusive<u16>) -> Option<f64> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.map(f64::from)
}

/// How the number of an expectation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A plain number.
    Plain,
    /// An HTTP status, which has three digits; RFC 9110, section 15.
    Status,
    /// The code with which a process exits.
    Exit,
    /// A TLS version.
    TlsVersion,
    /// A time, read as seconds.
    Time,
    /// Permission bits, in octal.
    Mode,
    /// Bytes.
    Size,
}

impl Unit {
    fn read(self, word: &str) -> Option<f64> {
        match self {
            Self::Plain => finite(word),
            Self::Status => whole(word, 100..=999),
            Self::Exit => whole(word, 0..=255),
            Self::TlsVersion => finite(word).filter(|number| TLS_VERSIONS.contains(number)),
            Self::Time => seconds(word),
            Self::Mode => mode(word),
            Self::Size => bytes(word),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "a number",
            Self::Status => "an HTTP status",
            Self::Exit => "an exit code",
            Self::TlsVersion => "a TLS version",
            Self::Time => "a time",
            Self::Mode => "a file mode",
            Self::Size => "a size",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Plain => "write a plain number, without a unit",
            Self::Status => "write a number of three digits, like `200`",
            Self::Exit => "write a whole number from 0 to 255",
            Self::TlsVersion => "write one of 1.0, 1.1, 1.2, 1.3",
            Self::Time => "write a time like `500ms`, `3s`, `1h30m` or `21d`",
            Self::Mode => "write it in octal, like `0600`",
            Self::Size => "write bytes, or a unit: `0`, `10kB`, `1.5MiB`",
        }
    }
}

fn seconds(text: &str) -> Option<f64> {
    // jiff's own grammar is wider ("2 days ago", "P1D"); one spelling is enough here.
    let plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'.');
    let span: Span = text.parse().ok().filter(|_| plain)?;
    span.total((jiff::Unit::Second, SpanRelativeTo::days_are_24_hours()))
        .ok()
}

fn mode(text: &str) -> Option<f64> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = !digits.starts_with('+');
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|bits| octal && *bits <= 0o7777)
        .map(f64::from)
}

fn bytes(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(finite(digits)? * factor)
}

fn escaped(character: Option<char>) -> Option<char> {
    Some(match character? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        c @ ('"' | '\\') => c,
        _ => return None,
    })
}

/// The first slash that no backslash stands before.
fn closing_slash(body: &str) -> Option<usize> {
    let mut after_backslash = false;
    body.bytes().position(|byte| {
        let closes = byte == b'/' && !after_backslash;
        after_backslash = byte == b'\\' && !after_backslash;
        closes
    })
}

fn unit_help(word: &str) -> Option<&'static str> {
    let has_unit = word.starts_with(|c: char| c.is_ascii_digit())
        && !word.ends_with(|c: char| c.is_ascii_digit());
    has_unit.then_some("leave the unit out")
}

/// The regex crate draws its errors over several lines; the last one says what is wrong.
fn last_line(error: &str) -> String {
    error
        .lines()
        .last()
        .unwrap_or("the regular expression is wrong")
        .trim_start_matches("error: ")
        .to_owned()
}
