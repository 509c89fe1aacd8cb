//! What headings say about when: stages, times relative to T-0, recurring lists, ways back.
//!
//! Everything here is a guess from words, so each function looks at one text and says no when in doubt.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::SignedDuration;
use regex::Regex;

use crate::runbook::Stage;
use crate::runbook::text::{format_duration, parse_duration};

/// A stage that a heading speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) stage: Stage,
    /// Not merely a word like "deployment", which is a topic as often as a time.
    pub(super) strong: bool,
    /// The heading says nothing else.
    pub(super) pure: bool,
    /// It names a list that may stand anywhere in a document (`Critical path`, `Prerequisites`), and not a moment that
    /// comes after what stands above it.
    pub(super) apart: bool,
}

/// Lists that authors put at the end though they are due before the launch.
const APART: &[&str] = &[
    "critical",
    "prerequisites",
    "prerequisite",
    "readiness",
    "prelaunch",
    "predeployment",
    "preflight",
];

const UNIT: &str = r"(minutes?|mins?|hours?|hrs?|days?|weeks?|months?|seconds?|secs?|[smhdw])\b";

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is written here and a test compiles it")
}

static T_TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b[TL]\s?(-|\+|−|–|minus\b|plus\b)\s?(\d{{1,4}})(?:\s?{UNIT})?"
    ))
});
static D_DAY: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[DJ]\s?([-+−–])\s?(\d{1,3})\b"));
static AROUND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(\d{{1,4}})(?:\s?(?:-|–|to)\s?(\d{{1,4}}))?[\s-]?{UNIT}\s(before|prior|ahead|after|post|later)\b"
    ))
});
static WITHIN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(?:within|in the first|first)\s(?:the\s)?(\d{{1,4}})\s?-?{UNIT}"
    ))
});
static BELOW: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)(?:<|≤|under|within|less than|max\.?|up to)\s?(\d{{1,4}})\s?{UNIT}"
    ))
});
static EVERY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\bevery\s((?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?)(?:\b|$)"));
static EVERY_UNIT: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?i)\bevery\s(\d{{1,3}})?\s?{UNIT}")));

fn length(count: &str, unit: &str) -> Option<Duration> {
    let count: u64 = count.parse().ok()?;
    let unit = unit.to_lowercase();
    let seconds = match unit.as_str() {
        month if month.starts_with("mo") => 30 * 86_400,
        minute if minute.starts_with('m') => 60,
        hour if hour.starts_with('h') => 3_600,
        day if day.starts_with('d') => 86_400,
        week if week.starts_with('w') => 7 * 86_400,
        _ => 1,
    };
    let length = Duration::from_secs(count * seconds);
    // What the format can't hold isn't guessed.
    parse_duration(&format_duration(length)).ok()
}

fn signed(length: Duration, negative: bool) -> Option<SignedDuration> {
    let length = SignedDuration::try_from(length).ok()?;
    Some(if negative { -length } else { length })
}

/// The time relative to T-0 that a text names: `T-4h`, `T+4 hours`, `T-0`, `D-7`, `24 hours after`.
pub(super) fn time(text: &str) -> Option<SignedDuration> {
    t_time(text).or_else(|| time_around(text))
}

/// The time that is written as one, with a `T` or `D`.
pub(super) fn t_time(text: &str) -> Option<SignedDuration> {
    if let Some(found) = T_TIME.captures(text) {
        let negative = !matches!(found[1].to_lowercase().as_str(), "+" | "plus");
        return match found.get(3) {
            Some(unit) => signed(length(&found[2], unit.as_str())?, negative),
            None => (found[2].trim_start_matches('0').is_empty()).then_some(SignedDuration::ZERO),
        };
    }
    let found = D_DAY.captures(text)?;
    signed(length(&found[2], "d")?, &found[1] != "+")
}

/// Of a span the end that comes first: `1-2 weeks before` begins two weeks before.
fn time_around(text: &str) -> Option<SignedDuration> {
    let found = AROUND.captures(text)?;
    let before = matches!(
        found[4].to_lowercase().as_str(),
        "before" | "prior" | "ahead"
    );
    let first = length(&found[1], &found[3])?;
    let other = found
        .get(2)
        .and_then(|count| length(count.as_str(), &found[3]));
    let furthest = other.unwrap_or(first).max(first);
    let nearest = other.unwrap_or(first).min(first);
    signed(if before { furthest } else { nearest }, before)
}

/// When what stands below `Within 24 hours` is due.
pub(super) fn deadline(text: &str) -> Option<SignedDuration> {
    let found = WITHIN.captures(text)?;
    signed(length(&found[1], &found[2])?, false)
}

/// A time budget: `< 5 minutes`, `within 10 min`.
pub(super) fn budget(text: &str) -> Option<Duration> {
    let found = BELOW.captures(text)?;
    length(&found[1], &found[2]).filter(|length| !length.is_zero())
}

/// How often a list recurs, if its heading is that of a recurring list.
pub(super) fn recurrence(heading: &str) -> Option<Duration> {
    let lower = heading.to_lowercase();
    let names = [
        ("hourly", 1, "h"),
        ("daily", 1, "d"),
        ("nightly", 1, "d"),
        ("weekly", 7, "d"),
        ("biweekly", 14, "d"),
        ("fortnightly", 14, "d"),
        ("monthly", 30, "d"),
        ("quarterly", 90, "d"),
        ("annually", 365, "d"),
        ("yearly", 365, "d"),
        ("annual", 365, "d"),
    ];
    if let Some(written) = EVERY
        .captures(&lower)
        .and_then(|found| parse_duration(&found[1]).ok())
    {
        return (!written.is_zero()).then_some(written);
    }
    if let Some(found) = EVERY_UNIT
        .captures(&lower)
        .filter(|_| lower.starts_with("every"))
    {
        let count = found.get(1).map_or("1", |count| count.as_str());
        return length(count, &found[2]).filter(|length| !length.is_zero());
    }
    let first = words(&lower).into_iter().next()?;
    let (_, count, unit) = names.iter().find(|(name, ..)| *name == first)?;
    length(&count.to_string(), unit)
}

/// Lower-case words, cut at everything that is no letter or digit.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a heading opens a way back.
pub(super) fn is_rollback(heading: &str) -> bool {
    let words = words(heading);
    let pair = |a: &str, b: &str| words.windows(2).any(|two| two[0] == a && two[1] == b);
    let single = [
        "rollback",
        "rollbacks",
        "backout",
        "revert",
        "reverting",
        "fallback",
    ];
    words.iter().any(|word| single.contains(&word.as_str()))
        || pair("roll", "back")
        || pair("rolling", "back")
        || pair("back", "out")
        || pair("backing", "out")
}

/// Whether a heading or label opens a list of reasons to go back.
pub(super) fn is_trigger(heading: &str, in_rollback: bool) -> bool {
    let lower = heading.to_lowercase();
    let words = words(heading);
    let has = |word: &str| words.iter().any(|candidate| candidate == word);
    let about = in_rollback || is_rollback(heading);
    let named = has("trigger") || has("triggers") || has("criteria") || has("conditions");
    let when = [
        "rollback if",
        "roll back if",
        "rollback when",
        "roll back when",
        "revert if",
        "abort if",
    ]
    .iter()
    .any(|start| lower.contains(start));
    about && (named || when || lower.starts_with("when to") || lower.starts_with("if any"))
}

/// Words that say when and nothing else.
const TIME_WORDS: &[&str] = &[
    "pre",
    "post",
    "before",
    "after",
    "during",
    "on",
    "the",
    "of",
    "day",
    "days",
    "launch",
    "deployment",
    "deploy",
    "deploying",
    "release",
    "go",
    "live",
    "golive",
    "cutover",
    "first",
    "hours",
    "hour",
    "week",
    "weeks",
    "within",
    "t",
    "phase",
    "stage",
    "checklist",
    "checks",
    "tasks",
    "steps",
    "prelaunch",
    "postlaunch",
    "predeployment",
    "rollout",
    "postdeployment",
    "prerelease",
    "postrelease",
    "preflight",
    "minutes",
    "flight",
    "d",
    "h",
    "at",
    "to",
    "next",
    "onward",
    "onwards",
];

/// The stage that a heading speaks of.
pub(super) fn stage(heading: &str) -> Option<Guess> {
    let words = without_pre_release(words(heading));
    let pure = words.iter().all(|word| {
        TIME_WORDS.contains(&word.as_str()) || word.chars().all(|c| c.is_ascii_digit())
    });
    let apart = pure || words.iter().any(|word| APART.contains(&word.as_str()));
    let guess = |stage, strong| Guess {
        stage,
        strong,
        pure,
        apart,
    };
    if let Some(time) = time(heading) {
        let stage = match time.signum() {
            -1 => Stage::PreLaunch,
            0 => Stage::Launch,
            _ => Stage::PostLaunch,
        };
        return Some(guess(stage, true));
    }
    let (stage, strong) = stage_of_words(&words)?;
    Some(guess(stage, strong))
}

/// `Publish the pre-release`: there it is a thing, and only at the beginning of a heading a time.
fn without_pre_release(words: Vec<String>) -> Vec<String> {
    let number = |word: &String| word.chars().all(|c| c.is_ascii_digit());
    let first = words.iter().position(|word| !number(word)).unwrap_or(0);
    let thing = |at: usize| {
        let pair = words[at] == "pre" && words.get(at + 1).is_some_and(|word| word == "release");
        at > first && (pair || words[at] == "prerelease")
    };
    let part = |at: usize| thing(at) || (at > 0 && thing(at - 1) && words[at] == "release");
    let keep: Vec<bool> = (0..words.len()).map(|at| !part(at)).collect();
    let kept = words.into_iter().zip(keep);
    kept.filter_map(|(word, keep)| keep.then_some(word))
        .collect()
}

/// Words, or pairs of words, that name a stage; the first row that is met decides.
const STAGES: [(Stage, bool, &[&str]); 5] = [
    (
        Stage::PostLaunch,
        true,
        &[
            "first 24",
            "first 48",
            "first week",
            "first day",
            "first hour",
            "success criteria",
            "within",
            "post",
            "after",
            "afterwards",
            "hypercare",
            "soak",
            "postmortem",
            "retrospective",
            "aftercare",
            "postlaunch",
            "postdeployment",
            "postdeploy",
            "postrelease",
        ],
    ),
    (
        Stage::PreLaunch,
        true,
        &[
            "pre",
            "before",
            "prelaunch",
            "predeployment",
            "predeploy",
            "prerelease",
            "preflight",
            "prerequisites",
            "prerequisite",
            "readiness",
            "critical",
            "prior",
            "beforehand",
            "leading up",
            "run up",
        ],
    ),
    // What is prepared may also be what comes next.
    (
        Stage::PreLaunch,
        false,
        &[
            "prepare",
            "preparing",
            "preparation",
            "preparations",
            "planning",
        ],
    ),
    (
        Stage::Launch,
        true,
        &[
            "launch day",
            "go live",
            "day of",
            "release day",
            "launch",
            "golive",
            "cutover",
            "during",
            "rollout",
            "liftoff",
            "deployment phase",
            "deployment execution",
            "deployment day",
            "deployment window",
            "deploy phase",
            "deploy day",
            "deploy window",
        ],
    ),
    (
        Stage::Launch,
        false,
        &[
            "deployment",
            "deploy",
            "deploying",
            "release",
            "releasing",
            "publish",
            "publishing",
            "execution",
            "migration",
        ],
    ),
];

fn stage_of_words(words: &[String]) -> Option<(Stage, bool)> {
    let says = |named: &&str| match named.split_once(' ') {
        Some((first, second)) => words
            .windows(2)
            .any(|two| two[0] == first && two[1] == second),
        None => words.iter().any(|word| word == named),
    };
    let row = STAGES.iter().find(|(_, _, names)| names.iter().any(says));
    row.map(|(stage, strong, _)| (*stage, *strong))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        time(text).map(crate::runbook::text::format_offset)
    }

    #[test]
    fn times_are_read_in_the_spellings_people_use() {
        for (text, offset) in [
            ("Pre-Launch (T-4 hours)", "T-4h"),
            ("Launch (T-0)", "T-0"),
            ("T+4h", "T+4h"),
            ("T minus 30 minutes", "T-30m"),
            ("T - 2 weeks", "T-14d"),
            ("D-7", "T-7d"),
            ("Pre-Deployment Phase (1-2 weeks before)", "T-14d"),
            ("Post-Deployment Phase (24-48 hours after)", "T+24h"),
        ] {
            assert_eq!(at(text).as_deref(), Some(offset), "{text}");
        }
        for text in ["", "Part-4", "T-4", "3 weeks", "IT-4h"] {
            assert_eq!(at(text), None, "{text}");
        }
        assert_eq!(deadline("Within 24 hours:").map(|d| d.as_hours()), Some(24));
        assert_eq!(
            budget("Immediate Rollback (< 5 minutes)"),
            Some(Duration::from_secs(300))
        );
    }

    #[test]
    fn headings_name_stages() {
        use Stage::{Launch, PostLaunch, PreLaunch};
        for (heading, stage_named, strong) in [
            ("Pre-Deployment Checklist", PreLaunch, true),
            ("Production Readiness Checklist", PreLaunch, true),
            ("Deployment Checklist", Launch, false),
            ("During Deployment", Launch, true),
            ("Launch Day", Launch, true),
            ("Deployment Phase (Day of deployment)", Launch, true),
            ("Post-Launch Verification", PostLaunch, true),
            ("First 24 Hours", PostLaunch, true),
            ("First Week", PostLaunch, true),
            ("Go-Live Validation", Launch, true),
        ] {
            let guess = stage(heading).unwrap();
            assert_eq!(
                (guess.stage, guess.strong),
                (stage_named, strong),
                "{heading}"
            );
        }
        assert!(stage("Post-Deployment").unwrap().pure);
        assert!(!stage("Pre-Deployment Verification").unwrap().pure);
        assert_eq!(stage("Network Security"), None);
    }

    #[test]
    fn recurring_lists_are_those_that_begin_with_the_word() {
        let days = |heading: &str| recurrence(heading).map(|every| every.as_secs() / 86_400);
        assert_eq!(days("Daily"), Some(1));
        assert_eq!(days("Weekly checks"), Some(7));
        assert_eq!(days("Quarterly"), Some(90));
        assert_eq!(days("Upkeep: Weekly (every 7d)"), Some(7));
        assert_eq!(days("Every 2 weeks"), Some(14));
        assert_eq!(days("First Week"), None);
        assert_eq!(days("Every service is up"), None);
    }

    #[test]
    fn ways_back_and_their_triggers_are_told_apart() {
        assert!(is_rollback("Rollback Plan (If Needed)"));
        assert!(is_rollback("How to roll back"));
        assert!(!is_rollback("Rolling update"));
        assert!(is_trigger("Rollback Triggers", false));
        assert!(is_trigger("Trigger Conditions:", true));
        assert!(is_trigger("Rollback if:", true));
        assert!(!is_trigger("Alert triggers", false));
        assert!(!is_trigger("Rollback Procedure", true));
    }
}
