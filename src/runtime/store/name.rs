//! What runs are called.

use std::hash::{BuildHasher as _, RandomState};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::StoreError;

const LONGEST: usize = 80;
const LONGEST_STEM: usize = 32;

/// Refuses what isn't a plain name in one directory: it is joined to a path, and printed in commands to copy.
pub(super) fn check(run: &str) -> Result<(), StoreError> {
    let starts_well = run.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    let is_plain = run
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    if starts_well && is_plain && run.len() <= LONGEST {
        return Ok(());
    }
    Err(StoreError::BadName {
        run: run.to_owned(),
    })
}

/// A short name for a run that begins now, `STEM-MMDD-HHMM` in UTC, with `-2`, `-3` … when that is taken.
///
/// `runbook` is a bundled name or a path; of a path the file's stem counts.
pub fn run_name(runbook: &str, now: Timestamp, taken: impl Fn(&str) -> bool) -> String {
    let time = now
        .to_zoned(TimeZone::UTC)
        .strftime("%m%d-%H%M")
        .to_string();
    let first = format!("{}-{time}", stem(runbook));
    if !taken(&first) {
        return first;
    }
    (2_u64..)
        .map(|number| format!("{first}-{number}"))
        .find(|name| !taken(name))
        .unwrap_or(first)
}

fn stem(runbook: &str) -> String {
    let file = runbook.rsplit(['/', '\\']).next().unwrap_or_default();
    let file = file.rsplit_once('.').map_or(file, |(before, _)| before);
    let words: Vec<String> = file
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let mut stem = words.join("-");
    stem.truncate(LONGEST_STEM);
    let stem = stem.trim_end_matches('-');
    if stem.is_empty() {
        "run".to_owned()
    } else {
        stem.to_owned()
    }
}

/// 128 bits that differ from journal to journal. They have to be unlike, not secret, so the standard library's
/// hash keys, which are seeded by the system, are random enough.
pub(super) fn nonce() -> String {
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}
