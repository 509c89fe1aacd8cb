//! Holding facts against expectations.
//!
//! A target that answered wrongly fails; what we failed to see is unknown. So a text that isn't in the part of a
//! body we read is unknown, not missing, and a definite failure outweighs anything unknown beside it.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::time::Duration;

use super::{Bounds, Expectation, Fact, JsonTest, Judgement, Place, Quantity, Test, TextTest};
use crate::check::foreign::{quote, quote_bytes};
use crate::check::json_path::{Document, Found};
use crate::check::{Blind, Comparison, DnsAnswer, Facts, FileFacts, Observation, Reason, Verdict};

/// Headers whose values are secrets: they are judged, never quoted.
const SECRET_HEADERS: [&str; 3] = ["set-cookie", "authorization", "www-authenticate"];

/// Judges an observation by the expectations, in order; the first that fails is named.
///
/// Three things fail whatever else is expected, unless an expectation speaks of them: an HTTP status of 500 and
/// above, a command's exit code other than 0, and a name without addresses. Otherwise a server that answers
/// *"503"* quickly would pass `latency < 500ms`.
pub fn judge(expectations: &[Expectation], observation: &Observation) -> Judgement {
    let (verdict, because) = match &observation.facts {
        Ok(facts) => weigh(expectations, &Look::new(facts, observation.took)),
        Err(blind) => (Verdict::Unknown(blind.reason), explain(blind)),
    };
    Judgement {
        verdict,
        observed: observed(observation),
        because,
        took: observation.took,
    }
}

fn explain(blind: &Blind) -> String {
    match blind.detail.as_str() {
        "" => blind.reason.to_string(),
        detail => quote(detail),
    }
}

fn weigh(expectations: &[Expectation], look: &Look<'_>) -> (Verdict, String) {
    let mut verdict = partly_blind(look.facts);
    for expectation in expectations {
        match look.outcome(&expectation.test) {
            Outcome::Holds => {}
            Outcome::Fails(got) => {
                let because = format!("wanted {}, got {got}", quote(&expectation.text));
                return (Verdict::Fail, because);
            }
            Outcome::Blind(reason, why) if verdict.0 == Verdict::Pass => {
                verdict = (Verdict::Unknown(reason), why);
            }
            Outcome::Blind(..) => {}
        }
    }
    match plainly_wrong(expectations, look.facts) {
        Some(because) => (Verdict::Fail, because),
        None => verdict,
    }
}

/// Where the verdict starts: a resolver that was to be asked and didn't answer can't be passed over.
fn partly_blind(facts: &Facts) -> (Verdict, String) {
    let answers = match facts {
        Facts::Dns { answers } => answers.as_slice(),
        _ => &[],
    };
    let unseen = answers
        .iter()
        .find_map(|answer| answer.values.as_ref().err());
    unseen.map_or((Verdict::Pass, String::new()), |blind| {
        (Verdict::Unknown(blind.reason), explain(blind))
    })
}

/// What is wrong without anybody having to say so; see [`judge`].
fn plainly_wrong(expectations: &[Expectation], facts: &Facts) -> Option<String> {
    let speaks_of = |about: fn(&Test) -> bool| expectations.iter().any(|one| about(&one.test));
    match facts {
        Facts::Refused if expectations.is_empty() => Some("the connection was refused".to_owned()),
        Facts::Broken { why } if expectations.is_empty() => Some(quote(why)),
        Facts::Http { status, .. } if *status >= 500 => {
            let said = speaks_of(|test| matches!(test, Test::Number(Quantity::Status, _)));
            (!said).then(|| format!("the server answered {status}"))
        }
        Facts::Command { exit, .. } if *exit != Some(0) => {
            let said = speaks_of(|test| matches!(test, Test::Number(Quantity::Exit, _)));
            (!said).then(|| format!("the command ended with {}", exit_words(*exit)))
        }
        Facts::Dns { answers } => {
            let missing = |answer: &&DnsAnswer| answer.values.as_ref().is_ok_and(Vec::is_empty);
            let without = answers.iter().find(missing)?;
            Some(format!("the name has {}", resolver_words(without)))
        }
        _ => None,
    }
}

/// What came of one expectation.
enum Outcome {
    Holds,
    /// With what was got instead, in a few words.
    Fails(String),
    Blind(Reason, String),
}

impl Outcome {
    fn of(holds: bool, got: impl FnOnce() -> String) -> Self {
        if holds {
            Self::Holds
        } else {
            Self::Fails(got())
        }
    }

    /// The probe brought home something that this expectation isn't about, which no valid runbook leads to.
    fn mismatch() -> Self {
        Self::Blind(
            Reason::Parse,
            "the probe brought home something else".to_owned(),
        )
    }
}

/// Facts, with their body parsed as JSON once for all expectations that need it.
struct Look<'a> {
    facts: &'a Facts,
    took: Duration,
    document: OnceCell<Result<Document, String>>,
}

impl<'a> Look<'a> {
    fn new(facts: &'a Facts, took: Duration) -> Self {
        Self {
            facts,
            took,
            document: OnceCell::new(),
        }
    }

    fn outcome(&self, test: &Test) -> Outcome {
        if matches!(self.facts, Facts::Refused) {
            let wanted = matches!(test, Test::Fact(Fact::Refused));
            return Outcome::of(wanted, || "a refused connection".to_owned());
        }
        if let Facts::Broken { why } = self.facts {
            return Outcome::Fails(quote(why));
        }
        match test {
            Test::Number(quantity, bounds) => self.number(*quantity, *bounds),
            Test::Text(place, test) => self.text(place, test),
            Test::Json(path, test) => match self.document() {
                Ok(document) => match path.find(document) {
                    Ok(found) => json(&found, test),
                    Err(error) => Outcome::Fails(error),
                },
                Err(outcome) => outcome,
            },
            Test::Fact(fact) => self.fact(fact),
        }
    }

    fn number(&self, quantity: Quantity, bounds: Bounds) -> Outcome {
        let missing = |what: &str| Outcome::Fails(what.to_owned());
        let value = match (quantity, self.facts) {
            (Quantity::Latency, _) => self.took.as_secs_f64(),
            (Quantity::Status, Facts::Http { status, .. }) => f64::from(*status),
            (Quantity::Version, Facts::Tls { version, .. }) => match version.parse() {
                Ok(version) => version,
                Err(_) => return missing(&quote(version)),
            },
            (Quantity::ExpiresIn, Facts::Tls { expires_in, .. }) => *expires_in as f64,
            (Quantity::Exit, Facts::Command { exit, .. }) => match exit {
                Some(code) => f64::from(*code),
                None => return missing("the end by a signal"),
            },
            (Quantity::Length, Facts::Env { value }) => match value {
                Some(value) => value.chars().count() as f64,
                None => return missing("no such variable"),
            },
            (Quantity::Mode | Quantity::Age | Quantity::Size, Facts::File(file)) => match file {
                Some(file) => of_file(quantity, file),
                None => return missing("no such file"),
            },
            _ => return Outcome::mismatch(),
        };
        Outcome::of(bounds.holds(value), || number_words(quantity, value))
    }

    fn text(&self, place: &Place, test: &TextTest) -> Outcome {
        match (place, self.facts) {
            (Place::Header(name), Facts::Http { headers, .. }) => header_text(name, headers, test),
            (
                Place::Body,
                Facts::Http {
                    body, truncated, ..
                },
            ) => {
                let got = || format!("{} without it", size_words(body.len() as f64));
                whole_text(body, *truncated, test, got)
            }
            (Place::Banner, Facts::Connected { banner }) => output_text(banner, test),
            (Place::Stdout, Facts::Command { stdout, .. }) => output_text(stdout, test),
            (Place::Stderr, Facts::Command { stderr, .. }) => output_text(stderr, test),
            (Place::Value, Facts::Env { value: Some(value) }) => {
                // Never the value itself: it may be a key.
                Outcome::of(test.holds(value.as_bytes()), || "another value".to_owned())
            }
            (Place::Value, Facts::Env { value: None }) => {
                Outcome::Fails("no such variable".to_owned())
            }
            (Place::Content, Facts::File(Some(file))) => {
                let truncated = file.size > file.content.len() as u64;
                whole_text(&file.content, truncated, test, || {
                    "other content".to_owned()
                })
            }
            (Place::Content, Facts::File(None)) => Outcome::Fails("no such file".to_owned()),
            _ => Outcome::mismatch(),
        }
    }

    fn fact(&self, fact: &Fact) -> Outcome {
        match (fact, self.facts) {
            (Fact::HeaderExists(name), Facts::Http { headers, .. }) => {
                Outcome::of(has_header(headers, name), || "no such header".to_owned())
            }
            (Fact::HeaderAbsent(name), Facts::Http { headers, .. }) => {
                Outcome::of(!has_header(headers, name), || "that header".to_owned())
            }
            (Fact::Trusted, Facts::Tls { doubt, .. }) => match doubt {
                None => Outcome::Holds,
                Some(why) => Outcome::Fails(quote(why)),
            },
            (Fact::Refuses(old), Facts::Tls { refused, .. }) => {
                Outcome::of(refused.contains(old), || format!("TLS {old} is accepted"))
            }
            (Fact::Resolves, Facts::Dns { answers }) => agreement(answers),
            (Fact::ResolvesTo(wanted), Facts::Dns { answers }) => {
                every_resolver(answers, |values| {
                    values.iter().any(|value| same_address(value, wanted))
                })
            }
            (Fact::Refused, _) => Outcome::Fails("a connection".to_owned()),
            (Fact::Connects, Facts::Connected { .. } | Facts::Health { .. }) => Outcome::Holds,
            (Fact::Set, Facts::Env { value }) => {
                let set = value.as_ref().is_some_and(|value| !value.is_empty());
                Outcome::of(set, || env_words(value.as_deref()))
            }
            (Fact::Absent, Facts::Env { value }) => {
                Outcome::of(value.is_none(), || env_words(value.as_deref()))
            }
            (Fact::Exists, Facts::File(file)) => {
                Outcome::of(file.is_some(), || "no such file".to_owned())
            }
            (Fact::Absent, Facts::File(file)) => {
                Outcome::of(file.is_none(), || "a file".to_owned())
            }
            (Fact::NoneFiring, Facts::Alerts { firing }) => {
                Outcome::of(firing.is_empty(), || list_words(firing, "none firing"))
            }
            (Fact::Firing(name), Facts::Alerts { firing }) => {
                Outcome::of(firing.contains(name), || list_words(firing, "none firing"))
            }
            (Fact::Serving, Facts::Health { status }) => {
                Outcome::of(status.eq_ignore_ascii_case("SERVING"), || quote(status))
            }
            _ => Outcome::mismatch(),
        }
    }

    fn document(&self) -> Result<&Document, Outcome> {
        let (bytes, truncated) = match self.facts {
            Facts::Http {
                body, truncated, ..
            } => (body, *truncated),
            Facts::Command { stdout, .. } => (stdout, false),
            _ => return Err(Outcome::mismatch()),
        };
        if truncated {
            return Err(cut_short(bytes));
        }
        let parsed = self.document.get_or_init(|| Document::parse(bytes));
        parsed
            .as_ref()
            .map_err(|error| Outcome::Fails(error.clone()))
    }
}

/// Every resolver that answered has to have said what is wanted; see [`partly_blind`] for those that didn't.
fn every_resolver(answers: &[DnsAnswer], wanted: impl Fn(&[String]) -> bool) -> Outcome {
    let said_wrong =
        |answer: &&DnsAnswer| answer.values.as_ref().is_ok_and(|values| !wanted(values));
    match answers.iter().find(said_wrong) {
        None => Outcome::Holds,
        Some(answer) => Outcome::Fails(resolver_words(answer)),
    }
}

/// Every resolver has to know the name, and all of them the same of it.
fn agreement(answers: &[DnsAnswer]) -> Outcome {
    let mut heard = answers.iter().filter(|answer| answer.values.is_ok());
    let Some(first) = heard.next() else {
        return Outcome::Holds;
    };
    match heard.find(|other| other.values != first.values) {
        Some(other) => Outcome::Fails(format!(
            "{}, but {}",
            resolver_words(first),
            resolver_words(other)
        )),
        None => every_resolver(answers, |values| !values.is_empty()),
    }
}

/// What a resolver said, and which one it was unless it was the system's.
fn resolver_words(answer: &DnsAnswer) -> String {
    let said = match &answer.values {
        Ok(values) => list_words(values, "no such record"),
        Err(blind) => blind.reason.to_string(),
    };
    match answer.resolver.as_str() {
        "" => said,
        resolver => format!("{said} from {}", quote(resolver)),
    }
}

/// What all resolvers said, in one phrase when they agree.
fn answers_words(answers: &[DnsAnswer]) -> String {
    match answers {
        [first, others @ ..] if others.iter().all(|other| other.values == first.values) => {
            match &first.values {
                Ok(values) => list_words(values, "no such record"),
                Err(blind) => blind.reason.to_string(),
            }
        }
        answers => answers
            .iter()
            .map(resolver_words)
            .collect::<Vec<_>>()
            .join(" · "),
    }
}

impl TextTest {
    fn holds(&self, text: &[u8]) -> bool {
        match self {
            Self::Is(wanted) => text == wanted.as_bytes(),
            Self::IsNot(unwanted) => text != unwanted.as_bytes(),
            Self::Finds(regex) => regex.is_match(text),
        }
    }
}

fn header_text(name: &str, headers: &[(String, String)], test: &TextTest) -> Outcome {
    let values: Vec<&str> = header_values(headers, name).collect();
    let holds = |value: &&str| test.holds(value.as_bytes());
    let held = match test {
        TextTest::IsNot(_) => !values.is_empty() && values.iter().all(holds),
        _ => values.iter().any(holds),
    };
    Outcome::of(held, || match values.first() {
        None => "no such header".to_owned(),
        Some(_) if SECRET_HEADERS.contains(&name) => "another value".to_owned(),
        Some(value) => format!("\"{}\"", quote(value)),
    })
}

fn header_values<'a>(
    headers: &'a [(String, String)],
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn has_header(headers: &[(String, String)], name: &str) -> bool {
    header_values(headers, name).next().is_some()
}

/// A text that may have been cut at our cap, which must not be mistaken for one that ends there.
fn whole_text(
    text: &[u8],
    truncated: bool,
    test: &TextTest,
    got: impl FnOnce() -> String,
) -> Outcome {
    let found = matches!(test, TextTest::Finds(_));
    match (test.holds(text), truncated) {
        (true, true) if found => Outcome::Holds,
        (_, true) => cut_short(text),
        (held, false) => Outcome::of(held, got),
    }
}

fn cut_short(text: &[u8]) -> Outcome {
    let read = size_words(text.len() as f64);
    Outcome::Blind(Reason::Parse, format!("only the first {read} were read"))
}

/// Output of a command or a peer, without the line break it usually ends with.
fn output_text(output: &[u8], test: &TextTest) -> Outcome {
    let text = output.trim_ascii_end();
    Outcome::of(test.holds(text), || match text {
        [] => "nothing".to_owned(),
        text => format!("\"{}\"", quote_bytes(text)),
    })
}

/// Every value found has to be as wanted; none at all is a missing field.
fn json(found: &[Found], test: &JsonTest) -> Outcome {
    let missing = |value: &Found| *value == Found::Null;
    match test {
        JsonTest::Absent => match found.iter().find(|value| !missing(value)) {
            None => Outcome::Holds,
            Some(value) => Outcome::Fails(value.to_string()),
        },
        _ if found.is_empty() => Outcome::Fails("no such field".to_owned()),
        test => match found.iter().find(|value| !json_value(value, test)) {
            None => Outcome::Holds,
            Some(Found::Null) => Outcome::Fails("no such field".to_owned()),
            Some(value) => Outcome::Fails(value.to_string()),
        },
    }
}

fn json_value(value: &Found, test: &JsonTest) -> bool {
    match (test, value) {
        (JsonTest::Compare(Comparison::Equal, Found::Null), value) => *value == Found::Null,
        (_, Found::Null) => false,
        (JsonTest::Exists, _) => true,
        (JsonTest::Absent, _) => false,
        (JsonTest::Compare(comparison, Found::Number(bound)), Found::Number(number)) => {
            comparison.holds(*number, *bound)
        }
        (JsonTest::Compare(_, _), Found::Number(number)) if number.is_nan() => false,
        (JsonTest::Compare(Comparison::Equal, wanted), value) => value == wanted,
        (JsonTest::Compare(Comparison::NotEqual, unwanted), value) => value != unwanted,
        (JsonTest::Within(low, high), Found::Number(number)) => (low..=high).contains(&number),
        (JsonTest::Finds(regex), Found::Text(text)) => regex.is_match(text.as_bytes()),
        _ => false,
    }
}

fn of_file(quantity: Quantity, file: &FileFacts) -> f64 {
    match quantity {
        Quantity::Mode => f64::from(file.mode),
        Quantity::Age => file.age.as_secs_f64(),
        _ => file.size as f64,
    }
}

/// Addresses by value (`::1` is `0:0:0:0:0:0:0:1`), names without regard to case and the root's dot.
fn same_address(value: &str, wanted: &str) -> bool {
    match (value.parse::<IpAddr>(), wanted.parse::<IpAddr>()) {
        (Ok(value), Ok(wanted)) => value == wanted,
        _ => {
            let plain = |name: &str| name.trim_end_matches('.').to_lowercase();
            plain(value) == plain(wanted)
        }
    }
}

/// What was seen, in a few words.
fn observed(observation: &Observation) -> String {
    let took = time_words(observation.took.as_secs_f64());
    match &observation.facts {
        Err(blind) => blind.reason.to_string(),
        Ok(Facts::Refused) => "refused".to_owned(),
        Ok(Facts::Broken { why }) => quote(why),
        Ok(Facts::Connected { .. }) => format!("connected · {took}"),
        Ok(Facts::Http { status, .. }) => format!("{status} · {took}"),
        Ok(Facts::Tls {
            version,
            expires_in,
            doubt,
            ..
        }) => tls_words(version, *expires_in, doubt.is_none()),
        Ok(Facts::Dns { answers }) => answers_words(answers),
        Ok(Facts::Env { value }) => env_words(value.as_deref()),
        Ok(Facts::File(None)) => "no such file".to_owned(),
        Ok(Facts::File(Some(file))) => file_words(file),
        Ok(Facts::Command { exit, .. }) => format!("{} · {took}", exit_words(*exit)),
        Ok(Facts::Alerts { firing }) => match firing.len() {
            0 => "none firing".to_owned(),
            count => quote(&format!("{count} firing: {}", firing.join(", "))),
        },
        Ok(Facts::Health { status }) => format!("{} · {took}", quote(status)),
    }
}

fn tls_words(version: &str, expires_in: i64, trusted: bool) -> String {
    let left = expires_in as f64;
    let life = match expires_in {
        ..=0 => format!("expired {} ago", time_words(-left)),
        _ => format!("{} left", time_words(left)),
    };
    let doubt = if trusted { "" } else { ", not trusted" };
    format!("TLS {} · {life}{doubt}", quote(version))
}

/// Only whether it is set and how long it is: the value may be a key.
fn env_words(value: Option<&str>) -> String {
    match value.map(|value| value.chars().count()) {
        None => "not set".to_owned(),
        Some(0) => "set, but empty".to_owned(),
        Some(1) => "set, 1 character".to_owned(),
        Some(length) => format!("set, {length} characters"),
    }
}

fn file_words(file: &FileFacts) -> String {
    let size = size_words(of_file(Quantity::Size, file));
    let age = time_words(file.age.as_secs_f64());
    format!("{size} · {:04o} · {age} old", file.mode)
}

fn exit_words(exit: Option<i32>) -> String {
    exit.map_or_else(|| "a signal".to_owned(), |code| format!("exit {code}"))
}

fn list_words(values: &[String], none: &str) -> String {
    if values.is_empty() {
        return none.to_owned();
    }
    quote(&values.join(", "))
}

fn number_words(quantity: Quantity, value: f64) -> String {
    match quantity {
        Quantity::Latency | Quantity::Age => time_words(value),
        Quantity::ExpiresIn if value <= 0.0 => format!("expired {} ago", time_words(-value)),
        Quantity::ExpiresIn => time_words(value),
        Quantity::Mode => format!("{:04o}", value as u32),
        Quantity::Size => size_words(value),
        Quantity::Length => format!("{value} characters"),
        Quantity::Status | Quantity::Version | Quantity::Exit => value.to_string(),
    }
}

/// A time in one unit, the way a glance wants it: `34ms`, `2.1s`, `14m`, `5h`, `89d`.
fn time_words(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    // Rounded down from minutes on: "1d" must not be what is left of 23 hours.
    match seconds {
        s if s < 0.9995 => format!("{:.0}ms", s * 1000.0),
        s if s < 10.0 => format!("{s:.1}s"),
        s if s < 2.0 * MINUTE => format!("{:.0}s", s.floor()),
        s if s < 2.0 * HOUR => format!("{:.0}m", (s / MINUTE).floor()),
        s if s < 2.0 * DAY => format!("{:.0}h", (s / HOUR).floor()),
        s => format!("{:.0}d", (s / DAY).floor()),
    }
}

fn size_words(bytes: f64) -> String {
    match bytes {
        b if b < 1e3 => format!("{b} bytes"),
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::expectation::defaults;

    fn look(kind: &str, expected: &[&str], facts: Facts) -> Judgement {
        let parse = |text: &&str| Expectation::parse(text, kind).unwrap();
        let expectations: Vec<_> = expected.iter().map(parse).collect();
        let took = Duration::from_millis(34);
        judge(
            &expectations,
            &Observation {
                facts: Ok(facts),
                took,
            },
        )
    }

    fn verdict(kind: &str, expected: &str, facts: Facts) -> Verdict {
        look(kind, &[expected], facts).verdict
    }

    fn http(status: u16, body: &str) -> Facts {
        Facts::Http {
            status,
            headers: vec![
                ("location".to_owned(), "https://new.example/".to_owned()),
                ("set-cookie".to_owned(), "session=hunter2".to_owned()),
            ],
            body: body.as_bytes().to_vec(),
            truncated: false,
        }
    }

    fn cut(body: &str) -> Facts {
        match http(200, body) {
            Facts::Http {
                status,
                headers,
                body,
                ..
            } => Facts::Http {
                status,
                headers,
                body,
                truncated: true,
            },
            other => other,
        }
    }

    fn env(value: &str) -> Facts {
        Facts::Env {
            value: Some(value.to_owned()),
        }
    }

    fn file(mode: u32, content: &str) -> Facts {
        Facts::File(Some(FileFacts {
            size: content.len() as u64,
            mode,
            age: Duration::from_secs(3_600),
            content: content.as_bytes().to_vec(),
        }))
    }

    fn command(exit: Option<i32>, stdout: &str) -> Facts {
        Facts::Command {
            exit,
            stdout: stdout.as_bytes().to_vec(),
            stderr: b"warning\n".to_vec(),
        }
    }

    /// What each resolver said, with no addresses where it didn't answer.
    fn dns(answers: &[(&str, Result<&[&str], Reason>)]) -> Facts {
        let answer = |&(resolver, values): &(&str, Result<&[&str], Reason>)| DnsAnswer {
            resolver: resolver.to_owned(),
            values: values
                .map(|values| values.iter().map(ToString::to_string).collect())
                .map_err(|reason| Blind {
                    reason,
                    detail: String::new(),
                }),
        };
        Facts::Dns {
            answers: answers.iter().map(answer).collect(),
        }
    }

    fn tls(days: i64) -> Facts {
        Facts::Tls {
            version: "1.3".to_owned(),
            refused: vec!["1.0".to_owned(), "1.1".to_owned()],
            expires_in: days * 86_400,
            doubt: None,
        }
    }

    #[test]
    fn rule_1_a_refused_connection_or_a_5xx_fails() {
        for (kind, expected) in [
            ("http", "status < 300"),
            ("http", "latency < 500ms"),
            ("tcp", "connects"),
            ("tls", "trusted"),
            ("grpc", "serving"),
        ] {
            let judgement = look(kind, &[expected], Facts::Refused);
            assert_eq!(judgement.verdict, Verdict::Fail, "{kind} {expected}");
            assert_eq!(judgement.observed, "refused");
        }
        assert_eq!(look("http", &[], Facts::Refused).verdict, Verdict::Fail);
        assert_eq!(
            verdict("http", "latency < 500ms", http(503, "")),
            Verdict::Fail
        );
        assert_eq!(
            verdict("http", "status == 503", http(503, "")),
            Verdict::Pass
        );
        assert_eq!(look("http", &[], http(500, "")).verdict, Verdict::Fail);
    }

    #[test]
    fn rule_1_what_we_could_not_see_is_unknown() {
        let reasons = [
            Reason::Timeout,
            Reason::Dns,
            Reason::Connect,
            Reason::Tls,
            Reason::Auth,
            Reason::MissingTool,
        ];
        for reason in reasons {
            let blind = Blind {
                reason,
                detail: "a\u{1b}b".to_owned(),
            };
            let observation = Observation {
                facts: Err(blind),
                took: Duration::ZERO,
            };
            for expectations in [defaults("http"), defaults("tcp"), Vec::new()] {
                let judgement = judge(&expectations, &observation);
                assert_eq!(judgement.verdict, Verdict::Unknown(reason));
                assert_eq!(judgement.because, "a\\u{1b}b");
                assert_eq!(judgement.observed, reason.to_string());
            }
        }
    }

    #[test]
    fn a_port_that_must_be_closed() {
        assert_eq!(verdict("tcp", "refused", Facts::Refused), Verdict::Pass);
        let open = look("tcp", &["refused"], Facts::Connected { banner: Vec::new() });
        assert_eq!(open.verdict, Verdict::Fail);
        assert_eq!(open.because, "wanted refused, got a connection");
    }

    #[test]
    fn status_and_latency() {
        let judgement = look("http", &["status == 200", "latency < 500ms"], http(200, ""));
        assert_eq!(
            (judgement.verdict, judgement.observed.as_str()),
            (Verdict::Pass, "200 · 34ms")
        );
        let slow = look("http", &["latency < 0.03s"], http(200, ""));
        assert_eq!(slow.because, "wanted latency < 0.03s, got 34ms");
        assert_eq!(
            verdict("http", "status in 200..299", http(299, "")),
            Verdict::Pass
        );
        assert_eq!(
            verdict("http", "status in 200..299", http(301, "")),
            Verdict::Fail
        );
    }

    #[test]
    fn the_first_failure_is_named() {
        let judgement = look(
            "http",
            &[
                "status == 200",
                "body contains \"ok\"",
                "body contains \"x\"",
            ],
            http(200, "no"),
        );
        assert_eq!(
            judgement.because,
            "wanted body contains \"ok\", got 2 bytes without it"
        );
    }

    #[test]
    fn headers() {
        for (expected, wanted) in [
            ("header location exists", Verdict::Pass),
            ("header Location matches /^https/", Verdict::Pass),
            ("header location contains \"old\"", Verdict::Fail),
            ("header location != \"x\"", Verdict::Pass),
            ("header server absent", Verdict::Pass),
            ("header server exists", Verdict::Fail),
            ("header server != \"x\"", Verdict::Fail),
        ] {
            assert_eq!(
                verdict("http", expected, http(301, "")),
                wanted,
                "{expected}"
            );
        }
        let cookie = look(
            "http",
            &["header set-cookie contains \"Secure\""],
            http(200, ""),
        );
        assert!(!cookie.because.contains("hunter2"), "{}", cookie.because);
    }

    #[test]
    fn a_missing_json_field_fails_and_is_never_0() {
        for expected in [
            "json .n < 5",
            "json .n >= 0",
            "json .n == 0",
            "json .n != 7",
            "json .n != \"x\"",
            "json .n exists",
        ] {
            let judgement = look("http", &[expected], http(200, r#"{"m":1}"#));
            assert_eq!(judgement.verdict, Verdict::Fail, "{expected}");
            assert!(
                judgement.because.ends_with("got no such field"),
                "{}",
                judgement.because
            );
        }
        assert_eq!(
            verdict("http", "json .n absent", http(200, "{}")),
            Verdict::Pass
        );
        assert_eq!(
            verdict("http", "json .n == null", http(200, "{}")),
            Verdict::Pass
        );
    }

    #[test]
    fn json_values_are_floating_point_and_typed() {
        let body = r#"{"n":0.05,"s":"5","ok":true,"list":[{"up":true},{"up":false}]}"#;
        for (expected, wanted) in [
            ("json .n > 0.04", Verdict::Pass),
            ("json .n > 0.05", Verdict::Fail),
            ("json .n in 0.01..0.1", Verdict::Pass),
            ("json .s > 3", Verdict::Fail),
            ("json .s == \"5\"", Verdict::Pass),
            ("json .s contains \"5\"", Verdict::Pass),
            ("json .s matches /^[0-9]$/", Verdict::Pass),
            ("json .ok == true", Verdict::Pass),
            ("json .ok != false", Verdict::Pass),
            ("json .ok == 1", Verdict::Fail),
            ("json .list | length == 2", Verdict::Pass),
            ("json .list[].up == true", Verdict::Fail),
            ("json .list[0].up == true", Verdict::Pass),
            ("json .list[] | select(.up) | .up == true", Verdict::Pass),
            ("json .list.x == 1", Verdict::Fail),
        ] {
            assert_eq!(
                verdict("http", expected, http(200, body)),
                wanted,
                "{expected}"
            );
        }
        assert_eq!(
            verdict("http", "json .a == 1", http(200, "<html>")),
            Verdict::Fail
        );
        assert_eq!(
            verdict(
                "command",
                "json .ready == 3",
                command(Some(0), r#"{"ready":3}"#)
            ),
            Verdict::Pass
        );
    }

    #[test]
    fn nan_never_passes() {
        for expected in [
            "json nan < 1",
            "json nan > 1",
            "json nan == 1",
            "json nan != 1",
            "json nan != \"x\"",
            "json nan in 0..1",
        ] {
            assert_eq!(
                verdict("http", expected, http(200, "{}")),
                Verdict::Fail,
                "{expected}"
            );
        }
    }

    #[test]
    fn a_cut_body_is_unknown_unless_it_already_shows_what_was_wanted() {
        let unknown = Verdict::Unknown(Reason::Parse);
        assert_eq!(
            verdict("http", "body contains \"ok\"", cut("all ok")),
            Verdict::Pass
        );
        assert_eq!(
            verdict("http", "body contains \"bye\"", cut("all ok")),
            unknown
        );
        assert_eq!(verdict("http", "json .a == 1", cut("{\"a\":1")), unknown);
        let both = look(
            "http",
            &["body contains \"bye\"", "status == 201"],
            cut("all ok"),
        );
        assert_eq!(
            both.verdict,
            Verdict::Fail,
            "a definite failure outweighs what is unknown"
        );
    }

    #[test]
    fn an_environment_variable_is_never_shown() {
        let secret = "hunter2-and-more";
        for expected in [
            "set",
            "length >= 64",
            "== \"production\"",
            "!= \"hunter2-and-more\"",
            "contains \"x\"",
            "matches /^x/",
            "absent",
        ] {
            let judgement = look("env", &[expected], env(secret));
            let said = judgement.observed.clone()
                + judgement
                    .because
                    .strip_prefix(&format!("wanted {expected}"))
                    .unwrap_or("");
            assert!(!said.contains("hunter2"), "{expected}: {said}");
            assert_eq!(judgement.observed, "set, 16 characters");
            assert_eq!(
                judgement.verdict == Verdict::Pass,
                expected == "set",
                "{expected}"
            );
        }
        assert_eq!(verdict("env", "set", env("")), Verdict::Fail);
        for expected in ["set", "length >= 0", "!= \"*\""] {
            assert_eq!(
                verdict("env", expected, Facts::Env { value: None }),
                Verdict::Fail,
                "{expected}"
            );
        }
        assert_eq!(
            verdict("env", "!= \"*\"", env("https://a.example")),
            Verdict::Pass
        );
        assert_eq!(
            verdict("env", "== \"production\"", env("production")),
            Verdict::Pass
        );
        assert_eq!(
            verdict("env", "length >= 64", env(&"é".repeat(64))),
            Verdict::Pass
        );
    }

    #[test]
    fn files() {
        for (expected, wanted) in [
            ("exists", Verdict::Pass),
            ("absent", Verdict::Fail),
            ("mode <= 0600", Verdict::Pass),
            ("mode == 0644", Verdict::Fail),
            ("age < 24h", Verdict::Pass),
            ("age < 59m", Verdict::Fail),
            ("size > 0", Verdict::Pass),
            ("contains \"listen\"", Verdict::Pass),
            ("matches /^x/", Verdict::Fail),
        ] {
            assert_eq!(
                verdict("file", expected, file(0o600, "listen 80")),
                wanted,
                "{expected}"
            );
            let missing = if expected == "absent" {
                Verdict::Pass
            } else {
                Verdict::Fail
            };
            assert_eq!(
                verdict("file", expected, Facts::File(None)),
                missing,
                "{expected}, missing"
            );
        }
        let open = look("file", &["mode <= 0600"], file(0o644, "listen 80"));
        assert_eq!(open.observed, "9 bytes · 0644 · 60m old");
        assert_eq!(open.because, "wanted mode <= 0600, got 0644");
    }

    #[test]
    fn commands() {
        assert_eq!(
            verdict(
                "command",
                "stdout == \"ready\"",
                command(Some(0), "ready\n")
            ),
            Verdict::Pass
        );
        assert_eq!(
            verdict(
                "command",
                "stdout matches /READY/i",
                command(Some(0), "ready\n")
            ),
            Verdict::Pass
        );
        assert_eq!(
            verdict("command", "stderr contains \"warn\"", command(Some(0), "")),
            Verdict::Pass
        );
        assert_eq!(
            verdict(
                "command",
                "stdout contains \"ready\"",
                command(Some(1), "ready")
            ),
            Verdict::Fail
        );
        assert_eq!(
            verdict("command", "exit in 0..1", command(Some(1), "")),
            Verdict::Pass
        );
        assert_eq!(
            verdict("command", "exit == 0", command(None, "")),
            Verdict::Fail
        );
        let other = look(
            "command",
            &["stdout == \"x\""],
            command(Some(0), "\u{1b}]0;evil\u{7}"),
        );
        assert_eq!(
            other.because,
            "wanted stdout == \"x\", got \"\\u{1b}]0;evil\\u{7}\""
        );
    }

    #[test]
    fn tls_facts() {
        for (expected, wanted) in [
            ("version >= 1.2", Verdict::Pass),
            ("refuses 1.1", Verdict::Pass),
            ("refuses 1.2", Verdict::Fail),
            ("expires_in > 21d", Verdict::Fail),
            ("expires_in > 20d", Verdict::Fail),
            ("expires_in > 19d", Verdict::Pass),
            ("trusted", Verdict::Pass),
        ] {
            assert_eq!(verdict("tls", expected, tls(20)), wanted, "{expected}");
        }
        assert_eq!(
            look("tls", &["trusted"], tls(89)).observed,
            "TLS 1.3 · 89d left"
        );
        assert_eq!(
            look("tls", &["expires_in > 1d"], tls(-3)).because,
            "wanted expires_in > 1d, got expired 3d ago"
        );
    }

    #[test]
    fn names() {
        let addresses = || dns(&[("", Ok(&["2001:db8::1", "203.0.113.7"]))]);
        let nothing = || dns(&[("", Ok(&[]))]);
        assert_eq!(
            verdict("dns", "resolves to 203.0.113.7", addresses()),
            Verdict::Pass
        );
        assert_eq!(
            verdict("dns", "resolves to 2001:db8:0::1", addresses()),
            Verdict::Pass
        );
        assert_eq!(
            verdict("dns", "resolves to 203.0.113.8", addresses()),
            Verdict::Fail
        );
        assert_eq!(
            verdict("dns", "resolves to '2001:DB8::1'", addresses()),
            Verdict::Pass
        );
        assert_eq!(verdict("dns", "resolves", nothing()), Verdict::Fail);
        assert_eq!(verdict("dns", "latency < 1s", nothing()), Verdict::Fail);
    }

    #[test]
    fn every_resolver_has_to_say_it() {
        let moved = ("one", Ok(["203.0.113.7"].as_slice()));
        let behind = ("two", Ok(["203.0.113.6"].as_slice()));
        let missing = ("two", Ok([].as_slice()));
        let silent = ("two", Err(Reason::Timeout));
        let cases = [
            ([moved, ("two", moved.1)], "resolves", Verdict::Pass, ""),
            (
                [moved, ("two", moved.1)],
                "resolves to 203.0.113.7",
                Verdict::Pass,
                "",
            ),
            (
                [moved, behind],
                "resolves to 203.0.113.7",
                Verdict::Fail,
                "got 203.0.113.6 from two",
            ),
            (
                [moved, behind],
                "resolves",
                Verdict::Fail,
                "got 203.0.113.7 from one, but 203.0.113.6 from two",
            ),
            (
                [moved, missing],
                "latency < 1s",
                Verdict::Fail,
                "the name has no such record from two",
            ),
            (
                [moved, silent],
                "resolves to 203.0.113.7",
                Verdict::Unknown(Reason::Timeout),
                "timed out",
            ),
            (
                [moved, silent],
                "latency < 1s",
                Verdict::Unknown(Reason::Timeout),
                "timed out",
            ),
            (
                [behind, silent],
                "resolves to 203.0.113.7",
                Verdict::Fail,
                "got 203.0.113.6 from two",
            ),
        ];
        for (answers, expected, verdict, because) in cases {
            let judged = look("dns", &[expected], dns(&answers));
            assert_eq!(judged.verdict, verdict, "{answers:?} {expected}");
            assert!(judged.because.ends_with(because), "{}", judged.because);
        }
    }

    #[test]
    fn an_answer_nobody_can_use_fails_whatever_is_expected() {
        let broken = || Facts::Broken {
            why: "the certificate has expired".to_owned(),
        };
        for (kind, expected) in [
            ("http", "status == 200"),
            ("http", "latency < 1s"),
            ("http", "header server absent"),
            ("tcp", "refused"),
            ("tls", "refuses 1.1"),
            ("grpc", "connects"),
            ("websocket", "connects"),
        ] {
            let judged = look(kind, &[expected], broken());
            assert_eq!(judged.verdict, Verdict::Fail, "{kind} {expected}");
            assert!(
                judged.because.ends_with("got the certificate has expired"),
                "{}",
                judged.because
            );
        }
        assert_eq!(look("http", &[], broken()).verdict, Verdict::Fail);
    }

    #[test]
    fn alerts() {
        let firing = || Facts::Alerts {
            firing: vec!["HighLoad".to_owned(), "Watchdog".to_owned()],
        };
        assert_eq!(
            look("alerts", &["none firing"], firing()).because,
            "wanted none firing, got HighLoad, Watchdog"
        );
        assert_eq!(
            verdict("alerts", "firing \"Watchdog\"", firing()),
            Verdict::Pass
        );
        assert_eq!(
            verdict(
                "alerts",
                "none firing",
                Facts::Alerts { firing: Vec::new() }
            ),
            Verdict::Pass
        );
    }

    #[test]
    fn health_and_banners() {
        let health = |status: &str| Facts::Health {
            status: status.to_owned(),
        };
        assert_eq!(verdict("grpc", "serving", health("SERVING")), Verdict::Pass);
        assert_eq!(
            verdict("grpc", "serving", health("NOT_SERVING")),
            Verdict::Fail
        );
        let pong = Facts::Connected {
            banner: b"+PONG\r\n".to_vec(),
        };
        assert_eq!(
            verdict("tcp", "banner contains \"+PONG\"", pong),
            Verdict::Pass
        );
    }

    #[test]
    fn times_are_short() {
        let words: Vec<_> = [0.0004, 0.034, 2.14, 65.0, 3_600.0, 7_300.0, 8e6]
            .map(time_words)
            .into();
        assert_eq!(words, ["0ms", "34ms", "2.1s", "65s", "60m", "2h", "92d"]);
    }
}
