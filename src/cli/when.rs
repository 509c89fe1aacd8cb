//! Times as people type them when a launch is put on the clock: `--at 16:15`, `--in 30m`.

use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// T-0 when nothing is said: enough to look around, little enough to notice.
pub const DEFAULT_LEAD: Duration = Duration::from_secs(30 * 60);

/// A time further back than this is taken for a slip of the finger.
const LONGEST_AGO: SignedDuration = SignedDuration::from_hours(24);

/// A time that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// It is in no form that is known.
    #[error("`{0}` isn't a time; write `16:15` (local), `16:15Z` (UTC) or `2026-06-05T16:15:00Z`")]
    Form(String),
    /// It is long over.
    #[error("{0} is more than a day ago; give a time to come")]
    Past(Timestamp),
    /// It is beyond the calendar.
    #[error("`{0}` is out of range; give a time this century")]
    Range(String),
}

/// Reads a moment: RFC 3339, a date and time in `zone`, or the next time the clock shows `HH:MM[:SS]`.
///
/// # Errors
/// When it is none of these, or more than a day ago.
pub fn parse_at(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, TimeError> {
    let written = text.trim();
    let moment = if let Ok(moment) = written.parse::<Timestamp>() {
        moment
    } else if let Some(time) = written.strip_suffix(['Z', 'z']).and_then(time_of_day) {
        next(time, now, &TimeZone::UTC).ok_or_else(|| TimeError::Range(text.to_owned()))?
    } else if let Some(time) = time_of_day(written) {
        next(time, now, zone).ok_or_else(|| TimeError::Range(text.to_owned()))?
    } else {
        date_and_time(written, zone).ok_or_else(|| TimeError::Form(text.to_owned()))?
    };
    if now.duration_since(moment) > LONGEST_AGO {
        return Err(TimeError::Past(moment));
    }
    Ok(moment)
}

/// The moment so long from now.
///
/// # Errors
/// When it is beyond the calendar.
pub fn after(lead: Duration, now: Timestamp) -> Result<Timestamp, TimeError> {
    now.checked_add(lead)
        .map_err(|_| TimeError::Range(format!("{}s from now", lead.as_secs())))
}

/// `HH:MM` or `HH:MM:SS`. The library also takes `16` and `T16`, in which a typing mistake would hide.
fn time_of_day(text: &str) -> Option<Time> {
    let looks_right = text.len() >= 4
        && text.contains(':')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b':');
    if !looks_right {
        return None;
    }
    let padded = if text.find(':') == Some(1) {
        format!("0{text}")
    } else {
        text.to_owned()
    };
    padded.parse().ok()
}

/// A date and a time, and not a date alone: nobody launches at midnight by leaving the time out.
fn date_and_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let moment: DateTime = text.contains(':').then(|| text.parse().ok())??;
    zone.to_timestamp(moment).ok()
}

/// When the clocks of `zone` show this time next, this second included.
fn next(time: Time, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let today = now.to_zoned(zone.clone()).date();
    let moment = zone.to_timestamp(today.to_datetime(time)).ok()?;
    if moment.as_second() >= now.as_second() {
        return Some(moment);
    }
    let tomorrow = today.checked_add(1.day()).ok()?;
    zone.to_timestamp(tomorrow.to_datetime(time)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<String, TimeError> {
        let now: Timestamp = "2026-06-05T15:20:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        parse_at(text, now, &zone).map(|moment| moment.to_string())
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        assert_eq!(at("18:15").unwrap(), "2026-06-05T16:15:00Z");
        assert_eq!(at("16:15Z").unwrap(), "2026-06-05T16:15:00Z");
        assert_eq!(at("17:19").unwrap(), "2026-06-06T15:19:00Z");
        assert_eq!(at("9:30").unwrap(), "2026-06-06T07:30:00Z");
        assert_eq!(
            at("17:20:00").unwrap(),
            "2026-06-05T15:20:00Z",
            "now counts"
        );
    }

    #[test]
    fn a_date_and_time_is_taken_as_it_is() {
        assert_eq!(at("2026-06-07T08:00:00Z").unwrap(), "2026-06-07T08:00:00Z");
        assert_eq!(
            at("2026-06-07T08:00+02:00").unwrap(),
            "2026-06-07T06:00:00Z"
        );
        assert_eq!(at("2026-06-07 08:00").unwrap(), "2026-06-07T06:00:00Z");
    }

    #[test]
    fn what_can_be_misread_is_refused() {
        for text in [
            "",
            "16",
            "1615",
            "25:00",
            "16:60",
            "soon",
            "2026-06-07",
            "16:15 Z",
            "-1:00",
        ] {
            assert_eq!(at(text), Err(TimeError::Form(text.to_owned())), "{text}");
        }
        assert!(matches!(
            at("2025-06-05T16:15:00Z"),
            Err(TimeError::Past(_))
        ));
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_taken_an_hour_later() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let now: Timestamp = "2026-03-29T00:30:00Z".parse().unwrap();
        let moment = parse_at("02:30", now, &zone).unwrap();
        assert_eq!(moment.to_string(), "2026-03-29T01:30:00Z");
    }
}
