//! What a journal promises, tried on every event and every kind of damage.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::check::{Reason, Verdict};
use crate::journal::{Answer, Basis, Decision, Direction, Evidence, Mode, Outcome};
use crate::runbook::StepId;

/// The journal that the first release wrote, with each of its events.
const V1: &[u8] = include_bytes!("../../../tests/journals/v1.jsonl");

fn header() -> Header {
    Header {
        run: "kestrel-0605-1520".to_owned(),
        nonce: "8d5f0c6a31e7b2940f1c5ae2d47b9036".to_owned(),
    }
}

fn noon() -> Timestamp {
    "2026-06-05T12:00:00.25Z".parse().unwrap()
}

fn evidence() -> Evidence {
    Evidence {
        source: "check api".to_owned(),
        observed: "HTTP 200 in 31 ms".to_owned(),
        at: noon(),
    }
}

pub(crate) fn note(text: &str) -> Event {
    Event::NoteAdded {
        step: None,
        text: text.to_owned(),
    }
}

/// The first event of a run with this frozen runbook.
pub(crate) fn opening(runbook_hash: &str) -> Event {
    Event::RunOpened {
        format: 1,
        run: "kestrel-0605-1520".to_owned(),
        runbook: "kestrel".to_owned(),
        runbook_hash: runbook_hash.to_owned(),
        title: "Kestrel 2.0 — launch".to_owned(),
        mode: Mode::Live,
        target: "production".to_owned(),
        t0: noon(),
        variables: BTreeMap::from([("version".to_owned(), "2.0".to_owned())]),
        roles: BTreeMap::from([("ic".to_owned(), "ana".to_owned())]),
        host: "42@ops-1".to_owned(),
    }
}

/// Every event. A later version adds its own at the end, where `V1` doesn't reach.
fn one_of_each() -> Vec<Event> {
    let text = || "ready".to_owned();
    let step = || StepId("deploy-api".to_owned());
    vec![
        opening("00ff"),
        Event::RunResumed { host: text() },
        Event::TargetMoved {
            t0: noon(),
            reason: text(),
        },
        Event::RoleTaken {
            role: text(),
            operator: text(),
        },
        Event::HoldStarted {
            reason: text(),
            gate: Some(text()),
        },
        Event::HoldReleased {},
        Event::OptionChosen {
            section: text(),
            option: text(),
        },
        Event::ApplicabilityAnswered {
            step: step(),
            applies: false,
            reason: Some(text()),
        },
        Event::StepDone {
            step: step(),
            basis: Basis::Verified,
            value: Some("3.2 %".to_owned()),
            signed: None,
            second: None,
            evidence: Some(evidence()),
            against: None,
        },
        Event::StepContradicted {
            step: step(),
            evidence: evidence(),
        },
        Event::StepWaived {
            step: step(),
            reason: text(),
        },
        Event::StepSkipped {
            step: step(),
            reason: text(),
        },
        Event::StepReopened {
            step: step(),
            reason: text(),
        },
        Event::NoteAdded {
            step: Some(step()),
            text: "two\nlines, \"quoted\" \u{1b}[31m".to_owned(),
        },
        Event::TodoAdded {
            step: None,
            text: text(),
        },
        Event::StatusSent {
            message: text(),
            text: text(),
        },
        Event::AttemptStarted {
            attempt: 1,
            step: None,
            direction: Direction::Undo,
            command: text(),
            second: Some("bo".to_owned()),
        },
        Event::AttemptInterrupted { attempt: 1 },
        Event::AttemptEnded {
            attempt: 1,
            outcome: Outcome::Exited { code: 0 },
            took_ms: 1200,
            last_line: Some(text()),
        },
        Event::VerdictChanged {
            source: text(),
            from: Verdict::Pass,
            to: Verdict::Unknown(Reason::Timeout),
            observed: text(),
        },
        Event::BaselineCaptured {
            metric: text(),
            median: 0.1,
            low: -3.5e-9,
            high: 1e300,
        },
        Event::TriggerFired {
            trigger: text(),
            because: text(),
        },
        Event::DecisionOverdue { trigger: text() },
        Event::Decided {
            triggers: vec![text()],
            decision: Decision::HoldAndWatch,
            reason: text(),
        },
        Event::RollbackStarted {
            rollback: text(),
            typed: text(),
            trigger: None,
        },
        Event::RollbackVerified {
            rollback: text(),
            evidence: vec![evidence()],
        },
        Event::RollbackAttested {
            rollback: text(),
            reason: text(),
        },
        Event::GateAnswered {
            gate: text(),
            role: text(),
            answer: Answer::NoGo,
            reason: Some(text()),
        },
        Event::GateReset { gate: text() },
        Event::Recycled {
            steps: vec![step()],
            reason: text(),
        },
        Event::RunClosed {
            ending: crate::journal::Ending::Launched,
            reason: text(),
        },
        Event::StepDone {
            step: step(),
            basis: Basis::Attested,
            value: None,
            signed: Some(text()),
            second: Some(text()),
            evidence: None,
            against: Some(evidence()),
        },
        Event::RollbackStarted {
            rollback: text(),
            typed: text(),
            trigger: Some(text()),
        },
        Event::RollbackAnnounced {
            rollback: text(),
            trigger: text(),
        },
        Event::RollbackHandedOver {
            trigger: text(),
            reason: text(),
        },
    ]
}

/// Any text: control characters, quotes and line ends included.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..8).prop_map(String::from_iter)
}

fn step() -> impl Strategy<Value = StepId> {
    text().prop_map(StepId)
}

fn time() -> impl Strategy<Value = Timestamp> {
    let seconds = Timestamp::MIN.as_second()..Timestamp::MAX.as_second();
    (seconds, 0..1_000_000_000).prop_map(|(second, nano)| Timestamp::new(second, nano).unwrap())
}

fn number() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |number| number.is_finite())
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    (text(), text(), time()).prop_map(|(source, observed, at)| Evidence {
        source,
        observed,
        at,
    })
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    use Reason::{
        Auth, Connect, Dns, MissingTool, Nan, NoData, Parse, Stale, Timeout, Tls, Unsupported,
    };
    let reasons = [
        NoData,
        Nan,
        Timeout,
        Dns,
        Connect,
        Tls,
        Auth,
        Parse,
        Stale,
        MissingTool,
        Unsupported,
    ];
    let known = [Verdict::Pass, Verdict::Warn, Verdict::Fail].into_iter();
    select(
        known
            .chain(reasons.map(Verdict::Unknown))
            .collect::<Vec<_>>(),
    )
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        any::<i32>().prop_map(|code| Outcome::Exited { code }),
        any::<i32>().prop_map(|signal| Outcome::Signalled { signal }),
        text().prop_map(|why| Outcome::NotStarted { why }),
        Just(Outcome::Stopped),
        text().prop_map(|why| Outcome::Unknown { why }),
    ]
}

fn any_opening() -> impl Strategy<Value = Event> {
    let names = (text(), text(), text(), text(), text(), text());
    let maps = (
        btree_map(text(), text(), 0..3),
        btree_map(text(), text(), 0..3),
    );
    let mode = select(vec![Mode::Live, Mode::Drill]);
    (names, maps, time(), mode, any::<u32>()).prop_map(
        |(
            (run, runbook, runbook_hash, title, target, host),
            (variables, roles),
            t0,
            mode,
            format,
        )| {
            Event::RunOpened {
                format,
                run,
                runbook,
                runbook_hash,
                title,
                mode,
                target,
                t0,
                variables,
                roles,
                host,
            }
        },
    )
}

fn any_step_event() -> impl Strategy<Value = Event> {
    let basis = select(vec![Basis::Verified, Basis::Attested]);
    prop_oneof![
        (step(), any::<bool>(), option::of(text())).prop_map(|(step, applies, reason)| {
            Event::ApplicabilityAnswered {
                step,
                applies,
                reason,
            }
        }),
        (
            step(),
            basis,
            option::of(text()),
            option::of(text()),
            option::of(text()),
            option::of(any_evidence()),
            option::of(any_evidence())
        )
            .prop_map(|(step, basis, value, signed, second, evidence, against)| {
                Event::StepDone {
                    step,
                    basis,
                    value,
                    signed,
                    second,
                    evidence,
                    against,
                }
            }),
        (step(), any_evidence())
            .prop_map(|(step, evidence)| Event::StepContradicted { step, evidence }),
        (step(), text()).prop_map(|(step, reason)| Event::StepWaived { step, reason }),
        (step(), text()).prop_map(|(step, reason)| Event::StepSkipped { step, reason }),
        (step(), text()).prop_map(|(step, reason)| Event::StepReopened { step, reason }),
        (option::of(step()), text()).prop_map(|(step, text)| Event::NoteAdded { step, text }),
        (option::of(step()), text()).prop_map(|(step, text)| Event::TodoAdded { step, text }),
        (vec(step(), 0..3), text()).prop_map(|(steps, reason)| Event::Recycled { steps, reason }),
    ]
}

fn any_attempt_event() -> impl Strategy<Value = Event> {
    let direction = select(vec![Direction::Run, Direction::Undo]);
    prop_oneof![
        (
            any::<u64>(),
            option::of(step()),
            direction,
            text(),
            option::of(text())
        )
            .prop_map(|(attempt, step, direction, command, second)| {
                Event::AttemptStarted {
                    attempt,
                    step,
                    direction,
                    command,
                    second,
                }
            }),
        any::<u64>().prop_map(|attempt| Event::AttemptInterrupted { attempt }),
        (
            any::<u64>(),
            any_outcome(),
            any::<u64>(),
            option::of(text())
        )
            .prop_map(
                |(attempt, outcome, took_ms, last_line)| Event::AttemptEnded {
                    attempt,
                    outcome,
                    took_ms,
                    last_line
                }
            ),
    ]
}

fn any_run_event() -> impl Strategy<Value = Event> {
    use crate::journal::Ending::{Launched, RolledBack, Scrubbed};
    let answer = select(vec![Answer::Go, Answer::NoGo, Answer::Absent]);
    let ending = select(vec![Launched, RolledBack, Scrubbed]);
    prop_oneof![
        any_opening(),
        text().prop_map(|host| Event::RunResumed { host }),
        (time(), text()).prop_map(|(t0, reason)| Event::TargetMoved { t0, reason }),
        (text(), text()).prop_map(|(role, operator)| Event::RoleTaken { role, operator }),
        (text(), option::of(text())).prop_map(|(reason, gate)| Event::HoldStarted { reason, gate }),
        Just(Event::HoldReleased {}),
        (text(), text()).prop_map(|(section, option)| Event::OptionChosen { section, option }),
        (text(), text()).prop_map(|(message, text)| Event::StatusSent { message, text }),
        (text(), text(), answer, option::of(text())).prop_map(|(gate, role, answer, reason)| {
            Event::GateAnswered {
                gate,
                role,
                answer,
                reason,
            }
        }),
        text().prop_map(|gate| Event::GateReset { gate }),
        (ending, text()).prop_map(|(ending, reason)| Event::RunClosed { ending, reason }),
    ]
}

fn any_alarm_event() -> impl Strategy<Value = Event> {
    use Decision::{FalseAlarm, FixForward, HoldAndWatch, RollBack};
    let decision = select(vec![RollBack, HoldAndWatch, FixForward, FalseAlarm]);
    prop_oneof![
        (text(), any_verdict(), any_verdict(), text()).prop_map(|(source, from, to, observed)| {
            Event::VerdictChanged {
                source,
                from,
                to,
                observed,
            }
        }),
        (text(), number(), number(), number()).prop_map(|(metric, median, low, high)| {
            Event::BaselineCaptured {
                metric,
                median,
                low,
                high,
            }
        }),
        (text(), text()).prop_map(|(trigger, because)| Event::TriggerFired { trigger, because }),
        text().prop_map(|trigger| Event::DecisionOverdue { trigger }),
        (vec(text(), 0..3), decision, text()).prop_map(|(triggers, decision, reason)| {
            Event::Decided {
                triggers,
                decision,
                reason,
            }
        }),
        (text(), text(), option::of(text())).prop_map(|(rollback, typed, trigger)| {
            Event::RollbackStarted {
                rollback,
                typed,
                trigger,
            }
        }),
        (text(), text())
            .prop_map(|(rollback, trigger)| Event::RollbackAnnounced { rollback, trigger }),
        (text(), text())
            .prop_map(|(trigger, reason)| Event::RollbackHandedOver { trigger, reason }),
        (text(), vec(any_evidence(), 0..3))
            .prop_map(|(rollback, evidence)| Event::RollbackVerified { rollback, evidence }),
        (text(), text())
            .prop_map(|(rollback, reason)| Event::RollbackAttested { rollback, reason }),
    ]
}

/// Any event, at any time, by anybody.
fn happening() -> impl Strategy<Value = (Timestamp, String, Event)> {
    let event = prop_oneof![
        any_run_event(),
        any_step_event(),
        any_attempt_event(),
        any_alarm_event()
    ];
    (time(), text(), event)
}

fn write_all(
    header: &Header,
    happenings: Vec<(Timestamp, String, Event)>,
) -> (Vec<Entry>, Vec<u8>) {
    let mut chain = Chain::new(header);
    let mut bytes = header.line().into_bytes();
    let mut entries = Vec::new();
    for (at, by, event) in happenings {
        let (entry, line) = chain.write(at, &by, event).unwrap();
        entries.push(entry);
        bytes.extend_from_slice(&line);
    }
    (entries, bytes)
}

fn sample() -> (Vec<Entry>, Vec<u8>) {
    let events = one_of_each().into_iter();
    write_all(
        &header(),
        events
            .map(|event| (noon(), "ana".to_owned(), event))
            .collect(),
    )
}

/// The sample's lines with one rearrangement.
fn rearranged(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Decoded {
    let (_, bytes) = sample();
    let mut lines: Vec<Vec<u8>> = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    change(&mut lines);
    decode(&lines.concat()).unwrap()
}

fn assert_damaged(decoded: &Decoded, line: u64, fault: &Fault) {
    let (entries, _) = sample();
    assert!(entries.starts_with(&decoded.entries));
    assert_eq!(
        decoded.entries.len() as u64,
        line - 2,
        "the entries end before the damage"
    );
    match &decoded.ending {
        Ending::Damaged(damage) => assert_eq!((damage.line, &damage.fault), (line, fault)),
        other => panic!("not damaged: {other:?}"),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(happenings in vec(happening(), 0..12)) {
        let (entries, bytes) = write_all(&header(), happenings);
        let decoded = decode(&bytes).unwrap();
        prop_assert_eq!(&decoded.entries, &entries);
        prop_assert_eq!(decoded.ending, Ending::Clean);
        prop_assert_eq!(decoded.valid_len, bytes.len());
        prop_assert_eq!(decoded.header, header());
    }

    #[test]
    fn a_cut_journal_is_a_prefix_and_never_called_damaged(
        happenings in vec(happening(), 0..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let (entries, bytes) = write_all(&header(), happenings);
        let cut = &bytes[..cut.index(bytes.len() + 1)];
        if let Ok(decoded) = decode(cut) {
            prop_assert!(entries.starts_with(&decoded.entries));
            prop_assert!(decoded.ending.damage().is_none());
            let whole_lines = cut.iter().filter(|&&byte| byte == b'\n').count();
            prop_assert!(decoded.entries.len() + 1 >= whole_lines, "an acknowledged entry is gone");
        } else {
            prop_assert!(cut.len() < header().line().len());
        }
    }

    #[test]
    fn a_flipped_bit_is_reported_wherever_it_is(
        happenings in vec(happening(), 1..5),
        place in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let (entries, mut bytes) = write_all(&header(), happenings);
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        if let Ok(decoded) = decode(&bytes) {
            prop_assert!(decoded.ending != Ending::Clean && decoded.ending != Ending::MissingNewline);
            prop_assert!(entries.starts_with(&decoded.entries));
            prop_assert!(decoded.valid_len <= place.max(header().line().len()));
        }
    }

    #[test]
    fn a_zero_filled_stretch_is_reported(
        happenings in vec(happening(), 1..5),
        from in any::<prop::sample::Index>(),
        len in 1..600_usize,
    ) {
        let (entries, mut bytes) = write_all(&header(), happenings);
        let from = from.index(bytes.len());
        let to = bytes.len().min(from + len);
        bytes[from..to].fill(0);
        if let Ok(decoded) = decode(&bytes) {
            prop_assert!(decoded.ending != Ending::Clean && decoded.ending != Ending::MissingNewline);
            prop_assert!(entries.starts_with(&decoded.entries));
            prop_assert!(decoded.valid_len <= from.max(header().line().len()));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..300)) {
        let mut journal = header().line().into_bytes();
        journal.extend_from_slice(&bytes);
        prop_assert!(decode(&journal).unwrap().entries.is_empty());
        let _ = decode(&bytes);
        let _ = peek(&bytes);
    }
}

#[test]
fn the_sample_holds_every_event() {
    // Serde lists the names it knows when it meets one that it doesn't.
    let complaint = serde_json::from_str::<Event>(r#"{"?":{}}"#)
        .unwrap_err()
        .to_string();
    let known: BTreeSet<&str> = complaint.split('`').skip(3).step_by(2).collect();
    let (entries, _) = sample();
    let texts: Vec<String> = entries
        .iter()
        .map(|entry| serde_json::to_string(&entry.event).unwrap())
        .collect();
    let sampled: BTreeSet<&str> = texts
        .iter()
        .map(|text| split_event(text).unwrap().0)
        .collect();
    assert_eq!(sampled, known);
}

#[test]
fn the_first_release_is_still_read() {
    let decoded = decode(V1).unwrap();
    let (entries, _) = sample();
    assert_eq!(decoded.ending, Ending::Clean);
    assert_eq!(decoded.entries.len(), 31);
    assert!(entries.starts_with(&decoded.entries));
}

#[test]
fn the_chain_is_the_documented_one() {
    let mut lines = str::from_utf8(V1).unwrap().lines();
    let checksum = |text: &str| String::from_utf8(digits(Sha256::digest(text)).to_vec()).unwrap();
    let mut previous = checksum(lines.next().unwrap());
    for line in lines {
        let [_, seq, hash, json] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            panic!("not four words: {line}");
        };
        assert_eq!(hash, checksum(&format!("{previous} {seq} {json}")));
        previous = hash.to_owned();
    }
    // Told by `sha256sum`, so that this isn't only our own word.
    assert_eq!(checksum("tminus"), "110e0164cde04124ffa3e7003c1beef1");
}

#[test]
fn a_doubled_line_is_damage() {
    let decoded = rearranged(|lines| lines.insert(5, lines[4].clone()));
    assert_damaged(
        &decoded,
        6,
        &Fault::Sequence {
            expected: 5,
            found: 4,
        },
    );
}

#[test]
fn a_removed_line_is_damage() {
    let decoded = rearranged(|lines| drop(lines.remove(4)));
    assert_damaged(
        &decoded,
        5,
        &Fault::Sequence {
            expected: 4,
            found: 5,
        },
    );
}

#[test]
fn exchanged_lines_are_damage() {
    let decoded = rearranged(|lines| lines.swap(4, 5));
    assert_damaged(
        &decoded,
        5,
        &Fault::Sequence {
            expected: 4,
            found: 5,
        },
    );
}

#[test]
fn a_line_of_another_journal_is_damage() {
    let other = Header {
        nonce: "another".to_owned(),
        ..header()
    };
    let notes = (0..9)
        .map(|_| (noon(), "ana".to_owned(), note("fine")))
        .collect();
    let (_, foreign) = write_all(&other, notes);
    let foreign: Vec<&[u8]> = foreign.split_inclusive(|&byte| byte == b'\n').collect();
    let decoded = rearranged(|lines| lines[4] = foreign[4].to_vec());
    assert_damaged(&decoded, 5, &Fault::Hash);
}

#[test]
fn a_header_of_another_journal_is_damage() {
    let other = Header {
        nonce: "another".to_owned(),
        ..header()
    };
    let decoded = rearranged(|lines| lines[0] = other.line().into_bytes());
    assert_damaged(&decoded, 2, &Fault::Hash);
}

#[test]
fn only_a_whole_wrong_line_at_the_very_end_is_for_a_person_to_judge() {
    let (_, mut bytes) = sample();
    let len = bytes.len();
    bytes[len - 4] ^= 1;
    assert!(matches!(
        decode(&bytes).unwrap().ending,
        Ending::BadLastLine(_)
    ));
    bytes.extend_from_slice(b"1 32");
    assert!(matches!(decode(&bytes).unwrap().ending, Ending::Damaged(_)));
}

#[test]
fn a_crash_leaves_a_torn_tail() {
    let (entries, bytes) = sample();
    for tail in [&b"1 32 ab"[..], &[0; 4096], b"1 32 ab\0\0\0"] {
        let decoded = decode(&[&bytes, tail].concat()).unwrap();
        assert_eq!(decoded.ending, Ending::TornTail { bytes: tail.len() });
        assert_eq!(decoded.entries, entries);
        assert_eq!(decoded.valid_len, bytes.len());
    }
}

#[test]
fn an_entry_that_lacks_only_its_newline_counts() {
    let (entries, bytes) = sample();
    let decoded = decode(&bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(decoded.ending, Ending::MissingNewline);
    assert_eq!(decoded.entries, entries);
}

#[test]
fn other_files_and_later_forms_are_told_apart() {
    assert_eq!(decode(b""), Err(HeaderError::NotAJournal));
    assert_eq!(decode(b"# Runbook\n"), Err(HeaderError::NotAJournal));
    assert_eq!(
        decode(b"tminus-journal 0 a b\n"),
        Err(HeaderError::NotAJournal)
    );
    let newer = HeaderError::Newer {
        version: "2".to_owned(),
    };
    assert_eq!(decode(b"tminus-journal 2 a b c d\n"), Err(newer));
}

/// Reads one entry whose JSON this version would not have written.
fn read_json(json: &str) -> Result<Event, Fault> {
    let mut chain = Chain::new(&header());
    let hash = String::from_utf8(chain.next_hash(json.as_bytes()).to_vec()).unwrap();
    chain
        .read(format!("1 1 {hash} {json}").as_bytes())
        .map(|entry| entry.event)
}

#[test]
fn events_of_later_versions_are_kept_as_they_came() {
    let frame = r#"{"at":"2026-06-05T12:00:00Z","by":"ana","event""#;
    let cases = [
        (
            "moon-landed",
            format!(r#"{frame}:"moon-landed","crater":[1,2]}}"#),
        ),
        (
            "decided",
            format!(r#"{frame}:"decided","triggers":[],"decision":"flee","reason":""}}"#),
        ),
        ("step-done", format!(r#"{frame}:"step-done"}}"#)),
    ];
    for (name, json) in cases {
        let event = read_json(&json).unwrap();
        assert_eq!(
            event,
            Event::Unrecognised {
                name: name.to_owned(),
                json: json.clone()
            }
        );
        let at = "2026-06-05T12:00:00Z".parse().unwrap();
        let (_, line) = Chain::new(&header()).write(at, "ana", event).unwrap();
        assert!(line.ends_with(format!(" {json}\n").as_bytes()));
    }
}

#[test]
fn new_fields_are_passed_over_and_missing_ones_are_none() {
    let json = r#"{"at":"2026-06-05T12:00:00Z","by":"ana","event":"note-added","mood":{"a":[]},"text":"fine"}"#;
    assert_eq!(read_json(json), Ok(note("fine")));
}

#[test]
fn an_entry_without_time_or_actor_is_damage() {
    assert_eq!(
        read_json(r#"{"event":"hold-released"}"#),
        Err(Fault::Content)
    );
    assert_eq!(read_json("null"), Err(Fault::Content));
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let mut chain = Chain::new(&header());
    let before = chain;
    let endless = Event::BaselineCaptured {
        metric: "latency".to_owned(),
        median: f64::NAN,
        low: 0.0,
        high: f64::INFINITY,
    };
    assert!(matches!(
        chain.write(noon(), "ana", endless),
        Err(EncodeError::NotTheSame)
    ));
    let forged = Event::Unrecognised {
        name: "moon-landed".to_owned(),
        json: "{}\n1 2".to_owned(),
    };
    assert!(matches!(
        chain.write(noon(), "ana", forged),
        Err(EncodeError::NotTheSame)
    ));
    assert_eq!(chain, before);
}

#[test]
fn json_for_people_has_the_number_in_front() {
    let entry = Entry {
        seq: 7,
        at: noon(),
        by: "ana".to_owned(),
        event: Event::HoldReleased {},
    };
    assert_eq!(
        to_json(&entry).unwrap(),
        r#"{"seq":7,"at":"2026-06-05T12:00:00.25Z","by":"ana","event":"hold-released"}"#
    );
}

#[test]
fn a_glance_reads_a_line_without_the_chain() {
    let (entries, bytes) = sample();
    let line = bytes.split(|&byte| byte == b'\n').nth(9).unwrap();
    assert_eq!(peek(line).as_ref(), Some(&entries[8]));
}
