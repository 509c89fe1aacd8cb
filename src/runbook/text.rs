//! The small notations inside a runbook's strings: slugs, durations, times relative to T-0, nearest names.
//!
//! They are kept apart from loading because screens and reports write them back: whatever is shown of a
//! duration or an offset is what an author could have typed.

use std::time::Duration;

use jiff::SignedDuration;

/// Longer times than this (ten thousand days) are taken for a typing mistake; it also keeps sums of times far
/// from overflow.
const LONGEST: Duration = Duration::from_hours(24 * 10_000);

/// A duration or an offset that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotationError {
    /// What is wrong.
    pub message: String,
    /// How to write it.
    pub help: String,
}

/// The id that a title stands for: `TLS 1.2 or newer` is `tls-1-2-or-newer`.
///
/// Letters and digits of every script are kept. A title without any (`…`) gives its code points, so that the
/// result is never empty for a title that isn't, and stays the same from run to run.
pub fn slug(title: &str) -> String {
    let mut result = String::with_capacity(title.len());
    for character in title.chars() {
        if character.is_alphanumeric() {
            // `İ` becomes two characters, of which the second is no letter.
            result.extend(character.to_lowercase().filter(|c| c.is_alphanumeric()));
        } else if !is_apostrophe(character) && !result.is_empty() && !result.ends_with('-') {
            result.push('-');
        }
    }
    if result.ends_with('-') {
        result.pop();
    }
    if result.is_empty() {
        code_points(title)
    } else {
        result
    }
}

fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '\u{2019}')
}

fn code_points(title: &str) -> String {
    let points: Vec<String> = title
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(8)
        .map(|c| format!("u{:x}", u32::from(c)))
        .collect();
    points.join("-")
}

/// Whether `text` can stand in a step's id: letters, digits, `-`, `_` and `.` only.
pub fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Whether `text` can be the name of an environment variable.
pub fn is_variable_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Units from large to small, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// `1 step`, `3 steps`.
pub fn count(number: impl std::fmt::Display, one: &str, more: &str) -> String {
    let number = number.to_string();
    let noun = if number == "1" { one } else { more };
    format!("{number} {noun}")
}

/// Reads `500ms`, `90s`, `30m`, `1h30m`, `7d`: whole numbers with units, larger units first.
///
/// # Errors
/// When the text is none of these, or longer than ten thousand days.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// assert_eq!(tminus::runbook::text::parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, NotationError> {
    let unreadable = || unreadable_duration(text);
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after_number) = split_while(rest, |c| c.is_ascii_digit());
        let (unit, after_unit) = split_while(after_number, |c| c.is_ascii_alphabetic());
        let (_, length) = units
            .find(|(name, _)| *name == unit)
            .ok_or_else(unreadable)?;
        let count: u64 = number.parse().map_err(|_| unreadable())?;
        let part = count.checked_mul(*length).ok_or_else(too_long)?;
        total = total.checked_add(part).ok_or_else(too_long)?;
        rest = after_unit;
    }
    match Duration::from_millis(total) {
        _ if text.is_empty() => Err(unreadable()),
        long if long > LONGEST => Err(too_long()),
        duration => Ok(duration),
    }
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

fn unreadable_duration(text: &str) -> NotationError {
    let bare_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    NotationError {
        message: format!("`{text}` isn't a duration"),
        help: if bare_number {
            format!("add a unit: `{text}s`, `{text}m` or `{text}h`")
        } else {
            "write it like `500ms`, `90s`, `30m`, `1h30m` or `7d`".to_owned()
        },
    }
}

fn too_long() -> NotationError {
    NotationError {
        message: "this is longer than ten thousand days".to_owned(),
        help: "write a shorter time, like `90s` or `7d`".to_owned(),
    }
}

/// Writes a duration so that [`parse_duration`] reads it back; parts below a millisecond are left out.
///
/// Days are used from two days on: an author who plans for `T+24h` means the hours.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let days_from = 2 * UNITS[0].1;
    let units = if rest >= days_from {
        &UNITS[..]
    } else {
        &UNITS[1..]
    };
    let mut result = String::new();
    for (name, length) in units {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            result.push_str(&format!("{count}{name}"));
        }
    }
    if result.is_empty() {
        "0s".to_owned()
    } else {
        result
    }
}

/// Reads a time relative to T-0: `T-4h`, `T-0`, `T+24h`.
///
/// # Errors
/// When the text isn't `T`, a sign and a duration (or `0`).
pub fn parse_offset(text: &str) -> Result<SignedDuration, NotationError> {
    let unreadable = || NotationError {
        message: format!("`{text}` isn't a time relative to T-0"),
        help: "write it like `T-4h`, `T-0` or `T+24h`".to_owned(),
    };
    let signed = text.strip_prefix('T').ok_or_else(unreadable)?;
    let (negative, distance) = match (signed.strip_prefix('-'), signed.strip_prefix('+')) {
        (Some(distance), _) => (true, distance),
        (None, Some(distance)) => (false, distance),
        (None, None) => return Err(unreadable()),
    };
    let distance = if distance == "0" {
        Duration::ZERO
    } else {
        parse_duration(distance).map_err(|_| unreadable())?
    };
    let distance = SignedDuration::try_from(distance).map_err(|_| unreadable())?;
    Ok(if negative { -distance } else { distance })
}

/// Writes a time relative to T-0 so that [`parse_offset`] reads it back.
pub fn format_offset(offset: SignedDuration) -> String {
    let distance = offset.unsigned_abs();
    if distance < Duration::from_millis(1) {
        return "T-0".to_owned();
    }
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!("T{sign}{}", format_duration(distance))
}

/// The candidate that `written` was most likely meant to be, if any is close enough.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Comparing costs the product of both lengths: what is much longer than any name isn't a misspelt one.
    if written.len() > 200 {
        return None;
    }
    let lower = written.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(written.len()) <= 24)
        .map(|candidate| (closeness(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(closeness, _)| *closeness >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn closeness(written: &str, candidate: &str) -> f64 {
    if written == candidate {
        return 1.0;
    }
    // A word and the same word with an ending ("check" for "checks", "rollbacks" for "rollback") is a near miss
    // however short; otherwise Jaro-Winkler, which forgives swapped letters.
    strsim::jaro_winkler(written, candidate).min(if shares_length(written, candidate) {
        1.0
    } else {
        0.79
    })
}

/// Keeps `id` from being offered for `identification-number`: a near miss has about the right length.
fn shares_length(written: &str, candidate: &str) -> bool {
    let (short, long) = (
        written.len().min(candidate.len()),
        written.len().max(candidate.len()),
    );
    long - short <= 2 || long <= short * 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slugs_keep_letters_and_digits_of_every_script() {
        assert_eq!(slug("TLS 1.2 or newer"), "tls-1-2-or-newer");
        assert_eq!(slug("  Don't -- panic!  "), "dont-panic");
        assert_eq!(slug("Über Größe 東京"), "über-größe-東京");
        assert_eq!(slug("Roll out ${VERSION}"), "roll-out-version");
        assert_eq!(slug("…"), "u2026");
        assert_eq!(slug("🚀🚀"), "u1f680-u1f680");
        assert_eq!(slug("İx"), "ix");
        assert_eq!(slug("   "), "");
    }

    #[test]
    fn durations_are_read_and_written_back() {
        for (text, seconds, back) in [
            ("90s", 90.0, "1m30s"),
            ("30m", 1800.0, "30m"),
            ("1h30m", 5400.0, "1h30m"),
            ("7d", 604_800.0, "7d"),
            ("24h", 86_400.0, "24h"),
            ("500ms", 0.5, "500ms"),
            ("0s", 0.0, "0s"),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration, Duration::from_secs_f64(seconds), "{text}");
            assert_eq!(format_duration(duration), back);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_right_spelling() {
        for text in ["", "s", "5 m", "1m1h", "1s1s", "-5s", "1.5h", "10x", "٣s"] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.help.contains("1h30m"), "{text}: {error:?}");
        }
        assert_eq!(
            parse_duration("90").unwrap_err().help,
            "add a unit: `90s`, `90m` or `90h`"
        );
        assert!(
            parse_duration("999999999999999d")
                .unwrap_err()
                .message
                .contains("ten thousand days")
        );
    }

    #[test]
    fn offsets_are_read_and_written_back() {
        for (text, seconds) in [
            ("T-4h", -14_400),
            ("T-0", 0),
            ("T+24h", 86_400),
            ("T+90s", 90),
        ] {
            assert_eq!(
                parse_offset(text).unwrap(),
                SignedDuration::from_secs(seconds),
                "{text}"
            );
        }
        assert_eq!(parse_offset("T+0").unwrap(), SignedDuration::ZERO);
        for text in ["", "T", "T4h", "-4h", "t-4h", "T-", "T--4h", "T-4"] {
            assert!(parse_offset(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("titel", ["id", "title", "text"]), Some("title"));
        assert_eq!(
            nearest("destructve", ["safe", "destructive"]),
            Some("destructive")
        );
        assert_eq!(
            nearest("tls-chekc", ["tls-check", "api"]),
            Some("tls-check")
        );
        assert_eq!(nearest("banana", ["id", "title", "text"]), None);
        assert_eq!(nearest("x", ["expect"]), None);
    }

    proptest! {
        #[test]
        fn a_written_duration_reads_back(milliseconds in 0_u64..864_000_000_000) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn a_written_offset_reads_back(milliseconds in -864_000_000_000_i64..864_000_000_000) {
            let offset = SignedDuration::from_millis(milliseconds);
            prop_assert_eq!(parse_offset(&format_offset(offset)), Ok(offset));
        }

        #[test]
        fn a_slug_is_an_id_and_stays_itself(title in "\\PC*[a-z]\\PC*") {
            let slugged = slug(&title);
            prop_assert!(is_id(&slugged), "{slugged}");
            prop_assert_eq!(slug(&slugged), slugged);
        }

        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = parse_duration(&text);
            let _ = parse_offset(&text);
            let _ = nearest(&text, ["title", "steps"]);
        }
    }
}
