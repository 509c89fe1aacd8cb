//! What always holds in the core, whatever comes in, in whatever order.
//!
//! Random stories are told to the same world as the written ones: keys that are bound and keys that aren't, whole
//! acts, pastes, clicks, sizes down to nothing, verdicts, numbers that are none, ends of commands that never ran, a
//! disk that is slow, full or broken, clocks that leap and wall clocks that go back, crashes in between.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use support::world::{Disk, World, runbook_from};
use tminus::app::keys::{Bindings, Key, KeyCode};
use tminus::app::output::Line;
use tminus::app::{Msg, Options};
use tminus::check::{Blind, Judgement, Reason, Verdict};
use tminus::journal::Outcome;
use tminus::runbook::Runbook;
use tminus::ui;
use tminus::ui::theme::{Background, ColourDepth, Palette, Theme};

/// Something that happens to the core.
#[derive(Clone, Debug)]
enum Happening {
    /// One key.
    Key(Key),
    /// Several keys as a person presses them, waiting out every dead time.
    Act(&'static str),
    /// Text typed or pasted.
    Type(String),
    Paste(String),
    Wheel(i32),
    Click(usize),
    Resize(u16, u16),
    /// What a check or a metric says from now on.
    Check(usize, Verdict),
    Metric(usize, Result<f64, Reason>),
    /// An answer that nobody waited for.
    Checked(usize, Verdict),
    Sampled(usize, f64),
    Spawned(u64),
    Output(u64, usize),
    Ended(u64, Outcome),
    Disk(Disk),
    /// Time passes, with or without a turn for the core in between.
    Wait(Duration),
    Leap(Duration),
    /// The wall clock is set, forward or back.
    ShiftWall(i64),
    Slept,
    /// The program is stopped for so long.
    Stop(Duration),
    /// Looks aren't answered, or all of them are.
    Looks(bool),
    /// The program is killed and started again.
    Resume {
        read_only: bool,
    },
}

/// Acts that get a run somewhere, so that random stories don't all end at the first item.
const ACTS: &[&str] = &[
    "space",
    ". space",
    ". space y",
    ". space 2 2 enter",
    ". x y",
    ". x",
    "2 x y",
    "2 x d e m o enter",
    "2 x p r o d - e u enter",
    "2 x",
    "2 x b o enter p r o d - e u enter",
    "2 space",
    "3 space",
    "3 space n o enter",
    ". enter enter",
    "W n o enter",
    "S n o enter",
    "u",
    "H n o enter",
    "H",
    "P + + +",
    "P - n o enter",
    "P 0",
    "B 1 p r o d - e u enter",
    "B 2 p r o d - e u enter",
    "B 1 d e m o enter",
    "B a n o enter",
    "B h n o enter",
    "4 x y",
    "4 space",
    "U y",
    "U p r o d - e u enter",
    "B u U y",
    "4 G x y",
    "C",
    "ctrl-c y",
    "c enter",
    "a n o enter",
    ": r e c y c l e enter n o enter",
    ": s c r u b enter n o enter",
    ": c l o s e space t h e space r u n enter enter",
    ": r e p o r t enter enter n o enter",
    ": w o r d enter n o enter",
    ": m o v e space T enter i n space 5 m enter",
    ": t a k e space a enter enter enter",
    ": p o d s enter",
    "/ a enter n N",
];

/// How far a run has come before its random story begins.
const BEGINNINGS: &[&[&str]] = &[
    &[],
    // The poll is GO, a hold that is on is released, the first option is taken.
    &["P + + +", "esc H esc", "2 enter enter esc"],
    // And its first command runs.
    &[
        "P + + +",
        "esc H esc",
        "2 enter enter esc",
        "2 x y",
        "2 x d e m o enter",
        "2 x p r o d - e u enter",
    ],
    &["B 1 p r o d - e u enter", "esc esc B 1 d e m o enter"],
];

static KESTREL: LazyLock<Arc<Runbook>> = LazyLock::new(|| {
    let version = BTreeMap::from([("VERSION".to_owned(), "v2.41.0".to_owned())]);
    repository_runbook("tests/fixtures/kestrel.toml", &version)
});

static DEMO: LazyLock<Arc<Runbook>> =
    LazyLock::new(|| repository_runbook("runbooks/demo.toml", &BTreeMap::new()));

fn repository_runbook(path: &str, variables: &BTreeMap<String, String>) -> Arc<Runbook> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(path).expect("it is in the repository");
    runbook_from(&text, variables).expect("it is sound")
}

fn any_key() -> impl Strategy<Value = Key> {
    let bound: Vec<Key> = Bindings::default()
        .all()
        .iter()
        .flat_map(|binding| binding.keys.clone())
        .collect();
    let named = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Left,
        KeyCode::BackTab,
    ];
    let any =
        (any::<char>(), any::<bool>(), any::<bool>()).prop_map(|(character, ctrl, alt)| Key {
            code: KeyCode::Char(character),
            ctrl,
            alt,
        });
    prop_oneof![
        6 => prop::sample::select(bound),
        2 => prop::sample::select(named.map(Key::plain).to_vec()),
        1 => any,
    ]
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    let reasons = [Reason::NoData, Reason::Timeout, Reason::Nan];
    prop_oneof![
        4 => Just(Verdict::Pass),
        1 => Just(Verdict::Warn),
        3 => Just(Verdict::Fail),
        2 => prop::sample::select(reasons.to_vec()).prop_map(Verdict::Unknown),
    ]
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Exited { code: 0 }),
        1 => any::<i32>().prop_map(|code| Outcome::Exited { code }),
        1 => any::<i32>().prop_map(|signal| Outcome::Signalled { signal }),
        1 => ".{0,12}".prop_map(|why| Outcome::NotStarted { why }),
        1 => Just(Outcome::Stopped),
    ]
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.1),
        Just(9.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        any::<f64>(),
    ]
}

fn any_disk() -> impl Strategy<Value = Disk> {
    prop_oneof![
        12 => Just(Disk::Good),
        4 => Just(Disk::Slow),
        3 => Just(Disk::Full),
        1 => Just(Disk::Broken),
    ]
}

fn any_size() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        Just((0, 0)),
        Just((1, 1)),
        Just((80, 24)),
        Just((120, 40)),
        (0..=220_u16, 0..=70_u16),
        // Long and thin, both ways.
        (0..=3_u16, 0..=70_u16),
        (0..=220_u16, 0..=3_u16),
    ]
}

fn any_happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let metric = prop_oneof![any_number().prop_map(Ok), Just(Err(Reason::Timeout))];
    prop_oneof![
        10 => any_key().prop_map(H::Key),
        14 => prop::sample::select(ACTS.to_vec()).prop_map(H::Act),
        1 => ".{0,20}".prop_map(H::Type),
        1 => "(prod-eu|(?s).{0,20})".prop_map(H::Paste),
        1 => any::<i32>().prop_map(H::Wheel),
        3 => (0..60_usize).prop_map(H::Click),
        3 => any_size().prop_map(|(columns, rows)| H::Resize(columns, rows)),
        4 => (0..4_usize, any_verdict()).prop_map(|(check, verdict)| H::Check(check, verdict)),
        3 => (0..2_usize, metric).prop_map(|(metric, reads)| H::Metric(metric, reads)),
        1 => (0..4_usize, any_verdict()).prop_map(|(check, verdict)| H::Checked(check, verdict)),
        1 => (0..2_usize, any_number()).prop_map(|(metric, value)| H::Sampled(metric, value)),
        1 => (0..5_u64).prop_map(H::Spawned),
        2 => (0..5_u64, 0..50_usize).prop_map(|(attempt, lines)| H::Output(attempt, lines)),
        5 => (0..5_u64, any_outcome()).prop_map(|(attempt, outcome)| H::Ended(attempt, outcome)),
        3 => any_disk().prop_map(H::Disk),
        4 => (0..15_000_u64).prop_map(|millis| H::Wait(Duration::from_millis(millis))),
        4 => (0..7_200_u64).prop_map(|seconds| H::Leap(Duration::from_secs(seconds))),
        1 => (-100_000..100_000_i64).prop_map(H::ShiftWall),
        1 => Just(H::Slept),
        1 => (6..3_600u64).prop_map(|seconds| H::Stop(Duration::from_secs(seconds))),
        1 => any::<bool>().prop_map(H::Looks),
        1 => any::<bool>().prop_map(|read_only| H::Resume { read_only }),
    ]
}

/// Which runbook, how many minutes before T-0, how far already, and what happens then.
type Story = (bool, i64, &'static [&'static str], Vec<Happening>);

fn any_story() -> impl Strategy<Value = Story> {
    let happenings = prop::collection::vec(any_happening(), 1..80);
    let beginning = prop::sample::select(BEGINNINGS.to_vec());
    (any::<bool>(), 0..120_i64, beginning, happenings)
}

/// A run of one of two runbooks in which all is well so far.
fn world(demo: bool, minutes: i64, beginning: &[&'static str]) -> World {
    let runbook = Arc::clone(if demo { &DEMO } else { &KESTREL });
    let mut world = World::open(runbook, options(false), SignedDuration::from_mins(minutes));
    for check in 0..4 {
        world.checks.insert(check, Verdict::Pass);
    }
    for metric in 0..2 {
        world.metrics.insert(metric, Ok(0.1));
    }
    world.wait(Duration::from_secs(40));
    for keys in beginning {
        happen(&mut world, &Happening::Act(keys));
    }
    world
}

fn options(read_only: bool) -> Options {
    Options {
        operator: "ana".to_owned(),
        read_only,
        coach: true,
        environment: String::new(),
    }
}

fn happen(world: &mut World, happening: &Happening) {
    match happening.clone() {
        Happening::Key(key) => world.press(key),
        Happening::Act(keys) => {
            for key in keys.split_whitespace() {
                world.leap(tminus::app::overlay::DEAD_TIME);
                world.press(key.parse().expect("ACTS names known keys"));
            }
        }
        Happening::Type(text) => world.type_text(&text),
        Happening::Paste(text) => world.send(Msg::Paste(text)),
        Happening::Wheel(lines) => world.send(Msg::Wheel(lines)),
        Happening::Click(row) => world.send(Msg::Click(row)),
        Happening::Resize(columns, rows) => world.send(Msg::Resize(columns, rows)),
        Happening::Disk(disk) => {
            world.disk = disk;
            world.send(Msg::Tick);
        }
        Happening::Wait(time) => world.wait(time),
        Happening::Leap(time) => world.leap(time),
        Happening::ShiftWall(seconds) => world.shift_wall(SignedDuration::from_secs(seconds)),
        Happening::Slept => world.send(Msg::Slept),
        Happening::Stop(time) => world.stop(time),
        Happening::Looks(true) => world.release_looks(),
        Happening::Looks(false) => world.looks_wait = true,
        Happening::Resume { read_only } => world.resume(options(read_only)),
        measured_or_ran => happen_outside(world, measured_or_ran),
    }
}

/// What probes and commands do.
fn happen_outside(world: &mut World, happening: Happening) {
    match happening {
        Happening::Check(check, verdict) => {
            world.checks.insert(check, verdict);
        }
        Happening::Metric(metric, reads) => {
            world.metrics.insert(metric, reads);
        }
        Happening::Checked(check, verdict) => {
            let judgement = Judgement {
                verdict,
                observed: String::new(),
                because: String::new(),
                took: Duration::ZERO,
            };
            world.send(Msg::Checked { check, judgement });
        }
        Happening::Sampled(metric, value) => {
            let nan = Blind {
                reason: Reason::Nan,
                detail: "nan".to_owned(),
            };
            let sample = if value.is_nan() { Err(nan) } else { Ok(value) };
            world.send(Msg::Sampled {
                metric,
                sample: sample.into(),
            });
        }
        Happening::Spawned(attempt) => world.send(Msg::Spawned { attempt, pid: 7 }),
        Happening::Output(attempt, lines) => world.send(Msg::Output {
            attempt,
            lines: vec![Line::plain("printed"); lines],
            partial: (lines.is_multiple_of(2)).then(|| Line::plain("…")),
            skipped: 3,
        }),
        Happening::Ended(attempt, outcome) => world.send(Msg::Ended {
            attempt,
            outcome,
            took: Duration::from_secs(attempt),
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing panics, nothing is acted on that isn't recorded, nothing is recorded by a read-only session, and the
    /// journal gives back the run exactly as it stands, after every single happening.
    #[test]
    fn the_laws_hold_in_every_story((demo, minutes, beginning, happenings) in any_story()) {
        let mut world = world(demo, minutes, beginning);
        for happening in &happenings {
            happen(&mut world, happening);
            world.check_resumable();
            prop_assert_eq!(world.breach.as_deref(), None, "after {:?}", happening);
        }
    }

    /// Whatever state a story leads to can be drawn at whatever size, in every palette.
    #[test]
    fn every_state_can_be_drawn((demo, minutes, beginning, happenings) in any_story(), (columns, rows) in any_size()) {
        let mut world = world(demo, minutes, beginning);
        world.send(Msg::Resize(columns, rows));
        for (number, happening) in happenings.iter().enumerate() {
            happen(&mut world, happening);
            if number.is_multiple_of(4) || number + 1 == happenings.len() {
                draw(&world, number);
            }
        }
    }
}

fn draw(world: &World, number: usize) {
    let depths = [
        ColourDepth::None,
        ColourDepth::Ansi16,
        ColourDepth::Indexed256,
        ColourDepth::TrueColour,
    ];
    let theme = Theme::new(Palette {
        depth: depths[number % depths.len()],
        background: if number.is_multiple_of(3) {
            Background::Light
        } else {
            Background::Dark
        },
        ascii: number.is_multiple_of(5),
    });
    let (columns, rows) = world.app.view.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("memory can't fail");
    terminal
        .draw(|frame| ui::draw(&world.app, &theme, frame))
        .expect("memory can't fail");
}
