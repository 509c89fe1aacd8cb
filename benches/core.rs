//! What the core costs: loading, replaying, reacting, drawing. `cargo bench --bench core` prints the table.
//!
//! Sizes are the limits that are promised: a runbook of 2,000 steps, a journal of 100,000 entries, 1,000 checks. What
//! counts is the ratio between two runs on one machine, so nothing here asserts a time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tminus::app::keys::Key;
use tminus::app::{App, Effect, Msg, Options};
use tminus::check::{Judgement, Now, Verdict};
use tminus::journal::codec::{self, Chain, Header};
use tminus::journal::{Basis, Entry, Event, Mode};
use tminus::run::Run;
use tminus::runbook::{self, Runbook};
use tminus::ui;
use tminus::ui::theme::{Background, ColourDepth, Palette, Theme};

const STEPS: usize = 2_000;
const CHECKS: usize = 1_000;
const ENTRIES: usize = 100_000;

fn main() {
    divan::main();
}

/// A runbook of 2,000 steps in sections of twenty; the first `checks` steps are each proved by a check of its own.
fn runbook_text(checks: usize) -> String {
    let mut text = String::from("format = 1\ntitle = \"Large\"\ntarget = \"prod\"\n");
    for check in 0..checks {
        let _ = write!(
            text,
            "[[check]]\nid = \"c{check}\"\ntitle = \"Check {check}\"\nevery = \"2s\"\ntimeout = \"1s\"\n\
             env = {{ name = \"X\" }}\nexpect = [\"set\"]\n"
        );
    }
    text.push_str("[[phase]]\nid = \"pre\"\ntitle = \"Pre-launch\"\nstage = \"pre-launch\"\n");
    for step in 0..STEPS {
        if step % 20 == 0 {
            let close = if step == 0 { "" } else { "]\n" };
            let _ = write!(
                text,
                "{close}[[phase.section]]\ntitle = \"Section {}\"\nsteps = [\n",
                step / 20
            );
        }
        if step < checks {
            let _ = writeln!(
                text,
                "  {{ title = \"Step {step}\", check = \"c{step}\" }},"
            );
        } else {
            let _ = writeln!(text, "  \"Step {step}\",");
        }
    }
    text.push_str("]\n");
    text
}

fn runbook(checks: usize) -> Arc<Runbook> {
    let loaded = runbook::load("large.toml", runbook_text(checks).as_bytes());
    let errors = loaded.render(false);
    Arc::new(
        loaded
            .runbook
            .unwrap_or_else(|| panic!("the runbook is sound: {errors}")),
    )
}

fn now(millis: u64) -> Now {
    let wall = Timestamp::UNIX_EPOCH.saturating_add(Duration::from_millis(millis));
    Now {
        wall: wall.expect("within range"),
        monotonic: Duration::from_millis(millis),
    }
}

fn opened() -> Event {
    Event::RunOpened {
        format: 1,
        run: "bench".to_owned(),
        runbook: "large".to_owned(),
        runbook_hash: String::new(),
        title: "Large".to_owned(),
        mode: Mode::Live,
        target: "prod".to_owned(),
        t0: now(3_600_000).wall,
        variables: BTreeMap::new(),
        roles: BTreeMap::new(),
        host: "bench".to_owned(),
    }
}

fn app(checks: usize) -> App {
    let entry = Entry {
        seq: 1,
        at: now(0).wall,
        by: "ana".to_owned(),
        event: opened(),
    };
    let options = Options {
        operator: "ana".to_owned(),
        ..Options::default()
    };
    App::new(runbook(checks), vec![entry], options, now(0))
}

/// An app that has seen every check pass and every step verified by it.
fn settled_app() -> App {
    let mut app = app(CHECKS);
    for check in 0..CHECKS {
        let effects = app.update(now(10), passed(check));
        answer(&mut app, effects);
    }
    app
}

fn passed(check: usize) -> Msg {
    let judgement = Judgement {
        verdict: Verdict::Pass,
        observed: "set".to_owned(),
        because: String::new(),
        took: Duration::from_millis(1),
    };
    Msg::Checked { check, judgement }
}

/// Says of everything that was to be recorded that it is.
fn answer(app: &mut App, effects: Vec<Effect>) {
    let mut waiting = effects;
    while let Some(effect) = waiting.pop() {
        if let Effect::Record { by, event } = effect {
            let entry = Entry {
                seq: app.run.seq + 1,
                at: now(10).wall,
                by,
                event,
            };
            waiting.extend(app.update(now(10), Msg::Recorded(entry)));
        }
    }
}

#[divan::bench]
fn load_2000_steps(bencher: Bencher<'_, '_>) {
    let text = runbook_text(CHECKS);
    bencher.bench(|| runbook::load("large.toml", text.as_bytes()));
}

fn journal(runbook: &Runbook) -> Vec<u8> {
    let header = Header {
        run: "bench".to_owned(),
        nonce: "0".repeat(32),
    };
    let mut chain = Chain::new(&header);
    let mut bytes = header.line().into_bytes();
    for number in 0..ENTRIES {
        let event = if number == 0 {
            opened()
        } else {
            tick(runbook, number)
        };
        let (_, line) = chain
            .write(now(0).wall, "ana", event)
            .expect("plain entries");
        bytes.extend(line);
    }
    bytes
}

fn tick(runbook: &Runbook, number: usize) -> Event {
    Event::StepDone {
        step: runbook.steps[number % STEPS].id.clone(),
        basis: Basis::Attested,
        value: Some(format!("{number} min")),
        signed: None,
        second: None,
        evidence: None,
        against: None,
    }
}

#[divan::bench(sample_count = 10)]
fn decode_100000_entries(bencher: Bencher<'_, '_>) {
    let bytes = journal(&runbook(0));
    bencher
        .counter(ItemsCount::new(ENTRIES))
        .bench(|| codec::decode(&bytes));
}

#[divan::bench(sample_count = 10)]
fn fold_100000_entries(bencher: Bencher<'_, '_>) {
    let runbook = runbook(0);
    let entries = codec::decode(&journal(&runbook))
        .expect("it has a header")
        .entries;
    bencher
        .counter(ItemsCount::new(ENTRIES))
        .with_inputs(|| entries.clone())
        .bench_values(|entries| Run::replay(Arc::clone(&runbook), entries));
}

/// A key that moves the cursor, among 2,000 steps of which 1,000 are watched by checks.
#[divan::bench]
fn key_down(bencher: Bencher<'_, '_>) {
    let mut app = settled_app();
    bencher.bench_local(|| app.update(now(20), Msg::Key(Key::char('j'))));
}

/// One of 1,000 checks answers and says what it said before.
#[divan::bench]
fn one_check_of_1000_answers(bencher: Bencher<'_, '_>) {
    let mut app = settled_app();
    bencher.bench_local(|| app.update(now(20), passed(7)));
}

/// All of 1,000 checks answer once, as they do every second at worst.
#[divan::bench(sample_count = 10)]
fn all_of_1000_checks_answer(bencher: Bencher<'_, '_>) {
    let mut app = settled_app();
    bencher.counter(ItemsCount::new(CHECKS)).bench_local(|| {
        for check in 0..CHECKS {
            divan::black_box(app.update(now(20), passed(check)));
        }
    });
}

/// A key while 1,000 verified steps wait for a slow disk.
#[divan::bench(sample_count = 10)]
fn key_while_1000_records_wait(bencher: Bencher<'_, '_>) {
    let mut app = app(CHECKS);
    for check in 0..CHECKS {
        app.update(now(10), passed(check));
    }
    bencher.bench_local(|| app.update(now(20), Msg::Key(Key::char('j'))));
}

#[divan::bench(args = [(80, 24), (120, 40), (200, 60)])]
fn draw(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    let mut app = settled_app();
    app.update(now(20), Msg::Resize(size.0, size.1));
    let palette = Palette {
        depth: ColourDepth::TrueColour,
        background: Background::Dark,
        ascii: false,
    };
    let theme = Theme::new(palette);
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("memory can't fail");
    bencher.bench_local(|| {
        terminal
            .draw(|frame| ui::draw(&app, &theme, frame))
            .expect("memory can't fail");
    });
}
