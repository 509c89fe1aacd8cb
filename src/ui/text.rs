//! Text on its way to the screen: made harmless, measured in cells, cut and padded; and how times are written.
//!
//! Titles, outputs and values come from files and programs we don't trust. Everything foreign goes through
//! [`visible`], so that no byte of it can steer the terminal or make one text look like another.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

/// How many cells a text takes.
pub fn width(text: &str) -> usize {
    if is_plain(text) {
        return text.len();
    }
    text.graphemes(true).map(grapheme_width).sum()
}

/// Printable ASCII: one byte, one cell. Almost everything is, so it gets a short way.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn grapheme_width(grapheme: &str) -> usize {
    if grapheme.chars().any(char::is_control) {
        0
    } else {
        usize::from(grapheme.cell_width())
    }
}

/// Cuts a text to so many cells, with `…` where something is missing; never splits a grapheme.
pub fn fit(text: &str, cells: usize) -> Cow<'_, str> {
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let Some(room) = cells.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let mut taken = 0;
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        taken += grapheme_width(grapheme);
        if taken > room {
            break;
        }
        end = at + grapheme.len();
    }
    Cow::Owned(format!("{}…", text[..end].trim_end()))
}

/// Cuts facts written one behind the other (`200 · 34ms`) to so many cells: whole facts as long as the first one
/// fits, because a number that is cut reads like another number.
pub fn fit_facts(text: &str, cells: usize) -> Cow<'_, str> {
    let shorter = text
        .rmatch_indices(BETWEEN_FACTS)
        .map(|(at, _)| &text[..at]);
    let mut last = text;
    for facts in std::iter::once(text).chain(shorter) {
        if width(facts) <= cells {
            return Cow::Borrowed(facts);
        }
        last = facts;
    }
    fit(last, cells)
}

/// What stands between two facts about one thing.
const BETWEEN_FACTS: &str = " · ";

/// Exactly so many cells: cut or filled with spaces behind.
pub fn pad(text: &str, cells: usize) -> String {
    let text = fit(text, cells);
    let gap = cells.saturating_sub(width(&text));
    format!("{text}{:gap$}", "")
}

/// Exactly so many cells: cut or filled with spaces in front.
pub fn pad_left(text: &str, cells: usize) -> String {
    let text = fit(text, cells);
    let gap = cells.saturating_sub(width(&text));
    format!("{:gap$}{text}", "")
}

/// Makes what can't be seen visible: control characters as `^[`, those that turn or hide text as `<202e>`.
///
/// Line ends and tabs become spaces, because a panel's line is one line. Variation selectors are dropped: terminals
/// don't agree on the width of what they follow.
pub fn visible(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        push_visible(&mut shown, character);
    }
    Cow::Owned(shown)
}

fn push_visible(shown: &mut String, character: char) {
    match character {
        '\t' | '\n' | '\u{2028}' | '\u{2029}' => shown.push(' '),
        '\u{fe00}'..='\u{fe0f}' => {}
        '\0'..='\x1f' => {
            shown.push('^');
            shown.push(char::from(character as u8 + b'@'));
        }
        '\x7f' => shown.push_str("^?"),
        hidden if is_hidden(hidden) => shown.push_str(&format!("<{:x}>", u32::from(hidden))),
        plain => shown.push(plain),
    }
}

/// Control characters, and format characters without a picture of their own (Unicode's bidirectional controls,
/// zero-width characters, fillers and tags).
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Fills `${NAME}` from the run's variables; what isn't among them (a secret) stays as it is written.
pub fn filled<'a>(text: &'a str, variables: &BTreeMap<String, String>) -> Cow<'a, str> {
    if !text.contains("${") {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        result.push_str(before);
        let Some(end) = from.find('}') else { break };
        let written = &from[..=end];
        result.push_str(variables.get(&from[2..end]).map_or(written, String::as_str));
        rest = &from[end + 1..];
        if rest.is_empty() {
            return Cow::Owned(result);
        }
    }
    result.push_str(&rest[rest.find("${").unwrap_or(0)..]);
    Cow::Owned(result)
}

/// A clock's reading with its sign: `T-00:12:40`, from a hundred hours on `T+5d02:10:00`.
///
/// Before zero it counts down to the second in which zero is reached, so `T+00:00:00` shows at zero, not before.
pub fn signed_clock(name: &str, reading: SignedDuration) -> String {
    let below = i64::from(reading.subsec_nanos() < 0);
    let seconds = reading.as_secs().saturating_sub(below);
    let sign = if seconds < 0 { '-' } else { '+' };
    let magnitude = seconds.unsigned_abs();
    let (days, hours) = if magnitude < 100 * 3600 {
        (0, magnitude / 3600)
    } else {
        (magnitude / 86_400, magnitude / 3600 % 24)
    };
    let (minutes, seconds) = (magnitude / 60 % 60, magnitude % 60);
    if days > 0 {
        format!("{name}{sign}{days}d{hours:02}:{minutes:02}:{seconds:02}")
    } else {
        format!("{name}{sign}{hours:02}:{minutes:02}:{seconds:02}")
    }
}

/// A running time as a stopwatch shows it: `0:04`, `4:10`, `1:02:10`; parts of a second are left out.
pub fn stopwatch(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// A length of time in its two largest units: `34ms`, `3s`, `2m10s`, `1h42m`, `3d04h`.
pub fn short_duration(time: Duration) -> String {
    if time < Duration::from_secs(1) && !time.is_zero() {
        return format!("{}ms", time.as_millis().max(1));
    }
    age(time)
}

/// How old something is, in whole seconds: `0s`, `9s`, `2m10s`, `1h42m`, `3d04h`.
pub fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => two_units(minutes, "m", seconds % 60, "s"),
        (0, hours, minutes) => two_units(hours, "h", minutes % 60, "m"),
        (days, hours, _) => two_units(days, "d", hours % 24, "h"),
    }
}

/// How old a sample is, rounded down to steps that grow with it: `0s`, `5s`, `2m10s`, `42m`.
///
/// A column of ages that all count every second draws the eye, and a slow line, to where nothing happens.
pub fn sample_age(time: Duration) -> String {
    let seconds = time.as_secs();
    let step = match seconds {
        0..60 => 5,
        60..600 => 10,
        _ => 60,
    };
    age(Duration::from_secs(seconds - seconds % step))
}

fn two_units(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large}{large_unit}"),
        small => format!("{large}{large_unit}{small:02}{small_unit}"),
    }
}

/// A moment's time of day in UTC: `15:47:20`.
pub fn wall(at: Timestamp) -> String {
    let second = at.as_second().rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// A moment's hour and minute in UTC: `15:47`.
pub fn wall_minute(at: Timestamp) -> String {
    let minute = at.as_second().rem_euclid(86_400) / 60;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The time between two moments, nothing when the first is later.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_bytes_cannot_steer_the_terminal() {
        assert_eq!(visible("a\x1b[2Jb\r\u{9b}1m"), "a^[[2Jb^M<9b>1m");
        assert_eq!(visible("prod\u{202e}ue-\u{200b}"), "prod<202e>ue-<200b>");
        assert_eq!(visible("one\ttwo\nthree"), "one two three");
        assert_eq!(visible("⚠\u{fe0f} é 東京"), "⚠ é 東京");
    }

    #[test]
    fn facts_are_shown_whole_or_not_at_all() {
        assert_eq!(fit_facts("200 · 34ms", 10), "200 · 34ms");
        assert_eq!(fit_facts("200 · 34ms", 9), "200");
        assert_eq!(fit_facts("exit 0 · 2 of 3 · 1s", 15), "exit 0 · 2 of 3");
        assert_eq!(fit_facts("connected", 5), "conn…");
    }

    #[test]
    fn cutting_keeps_graphemes_whole() {
        assert_eq!(fit("Error rate", 10), "Error rate");
        assert_eq!(fit("Error rate", 9), "Error ra…");
        assert_eq!(fit("Error rate", 7), "Error…");
        assert_eq!(fit("東京都", 4), "東…");
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(fit("ab", 0), "");
        assert_eq!(pad_left("7", 3), "  7");
    }

    #[test]
    fn variables_are_filled_and_secrets_stay_as_written() {
        let variables = BTreeMap::from([("VERSION".to_owned(), "v2".to_owned())]);
        assert_eq!(filled("deploy ${VERSION} now", &variables), "deploy v2 now");
        assert_eq!(filled("with ${TOKEN}", &variables), "with ${TOKEN}");
        assert_eq!(filled("${VERSION} and ${open", &variables), "v2 and ${open");
    }

    #[test]
    fn a_countdown_reads_zero_at_zero_and_not_before() {
        let clock = |millis| signed_clock("T", SignedDuration::from_millis(millis));
        assert_eq!(clock(-760_000), "T-00:12:40");
        assert_eq!(clock(-1), "T-00:00:01");
        assert_eq!(clock(0), "T+00:00:00");
        assert_eq!(clock(999), "T+00:00:00");
        assert_eq!(clock(-5 * 86_400_000), "T-5d00:00:00");
    }

    #[test]
    fn times_are_written_in_at_most_two_units() {
        let short = |millis| short_duration(Duration::from_millis(millis));
        assert_eq!(short(34), "34ms");
        assert_eq!(short(130_000), "2m10s");
        assert_eq!(short(6_120_000), "1h42m");
        assert_eq!(short(2 * 86_400_000), "2d");
        assert_eq!(age(Duration::from_millis(400)), "0s");
        let sampled = |seconds| sample_age(Duration::from_secs(seconds));
        assert_eq!(
            [4, 9, 59, 69, 130, 659].map(sampled),
            ["0s", "5s", "55s", "1m", "2m10s", "10m"]
        );
        assert_eq!(stopwatch(Duration::from_secs(250)), "4:10");
        assert_eq!(stopwatch(Duration::from_secs(3730)), "1:02:10");
    }

    proptest! {
        #[test]
        fn padding_gives_exactly_the_cells_asked_for(text in ".{0,40}", cells in 0..60usize) {
            let shown = visible(&text);
            prop_assert_eq!(width(&pad(&shown, cells)), cells);
        }

        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(is_hidden));
        }

        #[test]
        fn clocks_never_panic(seconds in any::<i64>(), nanos in -999_999_999..999_999_999i32) {
            let reading = SignedDuration::from_secs(seconds);
            let reading = reading.saturating_add(SignedDuration::from_nanos(i64::from(nanos)));
            prop_assert!(signed_clock("L", reading).len() < 32);
        }
    }
}
