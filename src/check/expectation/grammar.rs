//! The grammar of expectations: `SUBJECT [OPERATOR] [VALUE]`, each kind of probe with its own subjects.

use regex::bytes::Regex;

use super::cursor::{Cursor, Unit, finite, syntax_error};
use super::{Bounds, Fact, JsonTest, Kind, Place, Quantity, SyntaxError, Test, TextTest};
use crate::check::Comparison;
use crate::check::json_path::{Found, JsonPath};
use crate::check::notation::is_header_name;

pub(super) fn parse(text: &str, kind: Kind) -> Result<Test, SyntaxError> {
    let mut cursor = Cursor::new(text);
    let test = test(&mut cursor, kind)?;
    cursor.end()?;
    Ok(test)
}

fn test(cursor: &mut Cursor<'_>, kind: Kind) -> Result<Test, SyntaxError> {
    if kind == Kind::Env && cursor.rest().starts_with(['=', '!']) {
        return Ok(Test::Text(Place::Value, text_test(cursor)?));
    }
    let before = *cursor;
    let (word, at) = cursor.word();
    if !kind.words().contains(&word) {
        return Err(unknown_word(
            kind,
            word,
            if word.is_empty() {
                before.rest_range()
            } else {
                at
            },
        ));
    }
    match word {
        "contains" | "matches" => {
            *cursor = before;
            let place = if kind == Kind::Env {
                Place::Value
            } else {
                Place::Content
            };
            Ok(Test::Text(place, text_test(cursor)?))
        }
        "header" => header(cursor),
        "json" => json(cursor),
        word => match (quantity(word), place(word)) {
            (Some(quantity), _) => Ok(Test::Number(quantity, bounds(cursor, quantity.unit())?)),
            (_, Some(place)) => Ok(Test::Text(place, text_test(cursor)?)),
            _ => Ok(Test::Fact(fact(cursor, word)?)),
        },
    }
}

fn unknown_word(kind: Kind, word: &str, at: std::ops::Range<usize>) -> SyntaxError {
    let known = kind
        .words()
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let message = if word.is_empty() {
        format!(
            "an expectation of a `{}` check starts with {known}",
            kind.name()
        )
    } else {
        format!(
            "a `{}` check doesn't see `{word}`; it knows {known}",
            kind.name()
        )
    };
    syntax_error(at, message, nearest(kind, word).as_deref())
}

/// The word of this kind that was probably meant.
fn nearest(kind: Kind, word: &str) -> Option<String> {
    let distance = |known: &str| strsim::osa_distance(known, &word.to_lowercase());
    let best = kind.words().iter().min_by_key(|known| distance(known))?;
    let close = distance(best) <= 2 && distance(best) < best.len();
    close.then(|| format!("did you mean `{best}`?"))
}

impl Quantity {
    pub(super) fn unit(self) -> Unit {
        match self {
            Self::Latency | Self::ExpiresIn | Self::Age => Unit::Time,
            Self::Mode => Unit::Mode,
            Self::Size => Unit::Size,
            Self::Status => Unit::Status,
            Self::Exit => Unit::Exit,
            Self::Version => Unit::TlsVersion,
            Self::Length => Unit::Plain,
        }
    }
}

fn quantity(word: &str) -> Option<Quantity> {
    Some(match word {
        "status" => Quantity::Status,
        "latency" => Quantity::Latency,
        "version" => Quantity::Version,
        "expires_in" => Quantity::ExpiresIn,
        "exit" => Quantity::Exit,
        "length" => Quantity::Length,
        "mode" => Quantity::Mode,
        "age" => Quantity::Age,
        "size" => Quantity::Size,
        _ => return None,
    })
}

fn place(word: &str) -> Option<Place> {
    Some(match word {
        "body" => Place::Body,
        "banner" => Place::Banner,
        "stdout" => Place::Stdout,
        "stderr" => Place::Stderr,
        _ => return None,
    })
}

fn bounds(cursor: &mut Cursor<'_>, unit: Unit) -> Result<Bounds, SyntaxError> {
    if cursor.take_word("in") {
        let (low, high) = cursor.range(unit)?;
        return Ok(Bounds::Within(low, high));
    }
    let Some(comparison) = cursor.comparison()? else {
        return Err(cursor.error(
            "a comparison is missing",
            Some("write one of < <= > >= == !=, or `in LOW..HIGH`"),
        ));
    };
    Ok(Bounds::Compare(comparison, cursor.quantity(unit)?))
}

fn text_test(cursor: &mut Cursor<'_>) -> Result<TextTest, SyntaxError> {
    if let Some(regex) = search(cursor)? {
        return Ok(TextTest::Finds(regex));
    }
    let before = *cursor;
    match cursor.comparison()? {
        Some(Comparison::Equal) => Ok(TextTest::Is(cursor.string()?)),
        Some(Comparison::NotEqual) => Ok(TextTest::IsNot(cursor.string()?)),
        _ => Err(before.error(
            "a test of the text is missing",
            Some("write `contains \"x\"`, `matches /x/`, `== \"x\"` or `!= \"x\"`"),
        )),
    }
}

/// `contains "text"` or `matches /regex/`.
fn search(cursor: &mut Cursor<'_>) -> Result<Option<Regex>, SyntaxError> {
    if cursor.take_word("contains") {
        return cursor.literal().map(Some);
    }
    if cursor.take_word("matches") {
        return cursor.regex().map(Some);
    }
    Ok(None)
}

fn header(cursor: &mut Cursor<'_>) -> Result<Test, SyntaxError> {
    let before = *cursor;
    let (name, at) = cursor.word();
    let name = name.to_ascii_lowercase();
    if name.is_empty() {
        return Err(before.error(
            "the header's name is missing",
            Some("write it like `header location exists`"),
        ));
    }
    if !is_header_name(&name) {
        return Err(syntax_error(
            at,
            "this isn't a header's name".to_owned(),
            Some("write it like `header location exists`"),
        ));
    }
    if cursor.take_word("exists") {
        return Ok(Test::Fact(Fact::HeaderExists(name)));
    }
    if cursor.take_word("absent") {
        return Ok(Test::Fact(Fact::HeaderAbsent(name)));
    }
    if cursor.at_end() {
        return Err(cursor.error(
            "a test of the header is missing",
            Some("write `exists`, `absent`, or what it has to be"),
        ));
    }
    Ok(Test::Text(Place::Header(name), text_test(cursor)?))
}

fn fact(cursor: &mut Cursor<'_>, word: &str) -> Result<Fact, SyntaxError> {
    Ok(match word {
        "trusted" => Fact::Trusted,
        "refused" => Fact::Refused,
        "connects" => Fact::Connects,
        "set" => Fact::Set,
        "exists" => Fact::Exists,
        "absent" => Fact::Absent,
        "serving" => Fact::Serving,
        "refuses" => Fact::Refuses(tls_version(cursor)?),
        "resolves" if cursor.take_word("to") => Fact::ResolvesTo(address(cursor)?),
        "resolves" => Fact::Resolves,
        "firing" => Fact::Firing(cursor.string()?),
        "none" if cursor.take_word("firing") => Fact::NoneFiring,
        _ => return Err(cursor.error("`firing` is missing", Some("write `none firing`"))),
    })
}

fn tls_version(cursor: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    let before = *cursor;
    match cursor.word().0 {
        version @ ("1.0" | "1.1" | "1.2" | "1.3") => Ok(version.to_owned()),
        _ => Err(before.error(
            "a TLS version is missing",
            Some("write one of 1.0, 1.1, 1.2, 1.3"),
        )),
    }
}

fn address(cursor: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    // In quotes it may hold spaces, as the values of TXT and MX records do.
    if cursor.rest().starts_with(['"', '\'']) {
        return cursor.string();
    }
    let before = *cursor;
    match cursor.chunk().0 {
        "" => Err(before.error("an address or a record's value is missing", None)),
        address => Ok(address.to_owned()),
    }
}

/// `json PATH TEST`. A path may itself hold comparisons (`.[] | select(.n > 1) | .ok == true`), so the test starts
/// at the first place from which everything to the end reads as one.
fn json(cursor: &mut Cursor<'_>) -> Result<Test, SyntaxError> {
    let mut last_mistake = None;
    for place in json_test_places(cursor.rest()) {
        let (path_text, mut test_cursor) = cursor.split(place);
        match json_test(&mut test_cursor).and_then(|test| test_cursor.end().map(|()| test)) {
            Ok(test) => {
                let path =
                    JsonPath::parse(path_text.trim_end()).map_err(|error| cursor.shift(error))?;
                *cursor = test_cursor;
                return Ok(Test::Json(path, test));
            }
            Err(mistake) => last_mistake = Some(mistake),
        }
    }
    Err(last_mistake.unwrap_or_else(|| {
        cursor.error(
            "a test of the value is missing",
            Some("write it like `json .ready == true` or `json .id exists`"),
        )
    }))
}

/// Byte positions at which a JSON test may start: operators and words outside of quotes.
fn json_test_places(text: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut in_string = false;
    let mut previous = ' ';
    for (index, character) in text.char_indices() {
        match character {
            '"' if previous != '\\' => in_string = !in_string,
            _ if in_string => {}
            '<' | '>' | '=' | '!' if !matches!(previous, '<' | '>' | '=' | '!') => {
                places.push(index)
            }
            'a'..='z' if previous.is_whitespace() && starts_with_test_word(&text[index..]) => {
                places.push(index)
            }
            _ => {}
        }
        previous = character;
    }
    places
}

fn starts_with_test_word(text: &str) -> bool {
    ["contains", "matches", "exists", "absent", "in"]
        .iter()
        .any(|word| {
            text.strip_prefix(word)
                .is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace))
        })
}

fn json_test(cursor: &mut Cursor<'_>) -> Result<JsonTest, SyntaxError> {
    if cursor.take_word("exists") {
        return Ok(JsonTest::Exists);
    }
    if cursor.take_word("absent") {
        return Ok(JsonTest::Absent);
    }
    if cursor.take_word("in") {
        let (low, high) = cursor.range(Unit::Plain)?;
        return Ok(JsonTest::Within(low, high));
    }
    if let Some(regex) = search(cursor)? {
        return Ok(JsonTest::Finds(regex));
    }
    let Some(comparison) = cursor.comparison()? else {
        return Err(cursor.error("a comparison is missing", None));
    };
    let before = *cursor;
    let literal = json_literal(cursor)?;
    let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    if ordered && !matches!(literal, Found::Number(_)) {
        return Err(before.error(
            "only numbers can be ordered",
            Some("use `==` or `!=` for everything else"),
        ));
    }
    Ok(JsonTest::Compare(comparison, literal))
}

fn json_literal(cursor: &mut Cursor<'_>) -> Result<Found, SyntaxError> {
    if cursor.rest().starts_with(['"', '\'']) {
        return cursor.string().map(Found::Text);
    }
    let before = *cursor;
    match cursor.word().0 {
        "true" => Ok(Found::Bool(true)),
        "false" => Ok(Found::Bool(false)),
        "null" => Ok(Found::Null),
        word => finite(word).map(Found::Number).ok_or_else(|| {
            before.error(
                "a value is missing",
                Some("write a number, a text in quotes, true, false or null"),
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::Expectation;
    use crate::check::expectation::defaults;

    fn mistake(kind: &str, text: &str) -> SyntaxError {
        Expectation::parse(text, kind).unwrap_err()
    }

    #[test]
    fn every_documented_form_parses() {
        let forms = [
            ("http", "status == 200"),
            ("http", "status in 200..299"),
            ("http", "latency < 500ms"),
            ("http", "header strict-transport-security exists"),
            ("http", "header server absent"),
            ("http", "header content-type == \"application/json\""),
            ("http", "header X-Frame-Options contains \"DENY\""),
            ("http", "header location matches /^https/"),
            ("http", "body contains \"ok\""),
            ("http", "body matches /a\\/b/i"),
            ("http", "json .a.b >= 3"),
            ("http", "json .poller_running == true"),
            ("http", "json .name contains 'x'"),
            ("http", "json .id exists"),
            ("http", "json .items[] | select(.n > 1) | .ok == true"),
            ("http", "json .[\"a == b\"] == \"c == d\""),
            ("tls", "version >= 1.2"),
            ("tls", "refuses 1.1"),
            ("tls", "expires_in > 21d"),
            ("tls", "trusted"),
            ("dns", "resolves to 203.0.113.7"),
            ("dns", "resolves to 2001:db8::1"),
            ("dns", "resolves to \"10 mail.kestrel.example\""),
            ("dns", "resolves"),
            ("tcp", "refused"),
            ("tcp", "connects"),
            ("tcp", "banner contains \"+PONG\""),
            ("command", "exit == 0"),
            ("command", "stdout matches /ready/"),
            ("command", "stdout contains \"x\""),
            ("command", "stdout == \"x\""),
            ("env", "set"),
            ("env", "length >= 64"),
            ("env", "== \"production\""),
            ("env", "!= \"*\""),
            ("file", "exists"),
            ("file", "absent"),
            ("file", "contains \"x\""),
            ("file", "matches /x/"),
            ("file", "mode <= 0600"),
            ("file", "age < 24h"),
            ("file", "size > 0"),
            ("file", "size < 1.5MiB"),
            ("alerts", "none firing"),
            ("alerts", "firing \"Watchdog\""),
            ("grpc", "serving"),
            ("websocket", "connects"),
        ];
        for (kind, text) in forms {
            let parsed = Expectation::parse(text, kind);
            assert_eq!(
                parsed.map(|expectation| expectation.text().to_owned()),
                Ok(text.to_owned()),
                "{kind}: {text}"
            );
        }
    }

    #[test]
    fn every_kind_has_a_default_that_parses() {
        for kind in Kind::ALL {
            assert_eq!(defaults(kind.name()).len(), 1, "{}", kind.name());
        }
        assert!(defaults("nonsense").is_empty());
    }

    #[test]
    fn every_known_word_starts_something() {
        for kind in Kind::ALL {
            for word in kind.words() {
                let error = parse(word, kind).err();
                let unknown = error
                    .as_ref()
                    .is_some_and(|error| error.message.contains("doesn't see"));
                assert!(!unknown, "{} knows {word}", kind.name());
            }
        }
    }

    #[test]
    fn a_wrong_subject_names_what_the_kind_knows_and_the_nearest() {
        let error = mistake("http", "  statsu == 200");
        assert_eq!(error.at, 2..8);
        assert!(
            error
                .message
                .contains("`status`, `latency`, `header`, `body`, `json`"),
            "{error}"
        );
        assert_eq!(error.help.as_deref(), Some("did you mean `status`?"));
        assert_eq!(mistake("tcp", "status == 200").help, None);
        assert!(
            mistake("env", "")
                .message
                .starts_with("an expectation of a `env` check starts with")
        );
        assert!(Expectation::parse("x", "ping").is_err());
    }

    #[test]
    fn mistakes_point_at_their_place() {
        let cases = [
            ("http", "status = 200", 7..12),
            ("http", "status 200", 7..10),
            ("http", "status == 2oo", 10..13),
            ("http", "status in 299..200", 10..18),
            ("http", "latency < 500", 10..13),
            ("http", "latency < 5parsecs", 10..18),
            ("http", "status == 200 ok", 14..16),
            ("http", "body contains ok", 14..16),
            ("http", "body contains \"ok", 14..17),
            ("http", "body matches /(/", 13..16),
            ("http", "header", 6..6),
            ("http", "json .a", 5..7),
            ("http", "json .a == foo", 11..14),
            ("http", "json .a > \"x\"", 10..13),
            ("http", "json .a | lenght > 1", 10..16),
            ("tls", "refuses 9.9", 8..11),
            ("tls", "version >= 9", 11..12),
            ("http", "status == 20", 10..12),
            ("http", "status in 0..299", 10..16),
            ("http", "header a:b exists", 7..10),
            ("command", "exit == 256", 8..11),
            ("command", "exit == -1", 8..10),
            ("file", "mode <= 0800", 8..12),
            ("alerts", "none", 4..4),
        ];
        for (kind, text, at) in cases {
            assert_eq!(mistake(kind, text).at, at, "{kind}: {text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails(kind in 0..10usize, text in "[a-z_]{0,8}[ =<>!]{0,3}\\PC{0,40}") {
            if let Err(error) = Expectation::parse(&text, Kind::ALL[kind].name()) {
                prop_assert!(text.get(error.at.clone()).is_some(), "{text:?} {error:?}");
            }
        }

        #[test]
        fn any_json_expectation_parses_or_fails(path in "json [.a|\\[\\](){}\"$@<>=! 0-9;:,/*-]{0,60}") {
            if let Err(error) = Expectation::parse(&path, "http") {
                prop_assert!(path.get(error.at.clone()).is_some(), "{path:?} {error:?}");
            }
        }
    }
}
