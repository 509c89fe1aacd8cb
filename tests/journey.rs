//! The main job, end to end, with the real binary in a real terminal.

mod terminal;

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use terminal::Terminal;

const WIDE: (u16, u16) = (120, 40);

const RUNBOOK: &str = r#"
format = 1
title = "Small launch"
target = "prod-small"
[roles]
ops = "Operations"
[[phase]]
title = "Before"
stage = "pre-launch"
[[phase.section]]
title = "Ready"
steps = [
  "First thing is so", "Second thing is so", "Third thing is so", "Fourth thing is so",
  "Fifth thing is so", "Sixth thing is so", "Seventh thing is so", "Eighth thing is so",
]
[[phase]]
title = "T-0"
stage = "launch"
[[phase.section]]
title = "Deploy"
order = "do-confirm"
steps = [
  { title = "Count to fifty thousand", run = "seq 50000", level = "safe" },
]
"#;

fn runbook(dir: &Path) -> String {
    let path = dir.join("small.toml");
    std::fs::write(&path, RUNBOOK).expect("the runbook is written");
    path.to_string_lossy().into_owned()
}

/// What `tminus status --json` says of the newest run.
fn status(state: &Path) -> serde_json::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_tminus"))
        .args(["status", "--json"])
        .env("TMINUS_STATE_DIR", state)
        .output()
        .expect("status runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!(
            "status isn't JSON ({error}): {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn text(value: &str) -> serde_json::Value {
    serde_json::Value::String(value.to_owned())
}

/// A run whose one step is proved by a file that is there.
const PROVED: &str = r#"
format = 1
title = "Proved"
[[check]]
id = "there"
title = "It is there"
file = { path = "proved.toml" }
expect = ["exists"]
every = "1s"
timeout = "500ms"
fail_after = 1
[[phase]]
title = "Before"
stage = "pre-launch"
[[phase.section]]
title = "Ready"
steps = [{ title = "It is there", check = "there" }, "A word"]
[[phase.section]]
title = "Go"
gate = { question = "Go?", roles = ["ops"] }
[roles]
ops = "Operations"
"#;

/// Sleeping, setting a clock and being stopped are all seen by the binary itself, as nobody else tells it.
#[cfg(debug_assertions)]
#[tokio::test]
async fn a_jump_of_time_puts_everything_in_doubt_until_it_was_looked_at_again() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let path = dir.path().join("proved.toml");
    std::fs::write(&path, PROVED).expect("the runbook is written");
    let clocks = dir.path().join("clocks");
    let clocks_path = clocks.to_string_lossy().into_owned();
    let path = path.to_string_lossy().into_owned();
    let mut screen = Terminal::start_with(
        &["run", &path, "--in", "5h", "--trust"],
        WIDE,
        dir.path(),
        &[("TMINUS_TEST_CLOCKS", &clocks_path)],
    );
    screen.wait_for("5 LOG 2").await;
    // Seconds added to the wall clock, and to the monotonic one: an hour forward, back again, ten minutes stopped.
    let mut entries = 2;
    for shift in ["3600 0", "0 0", "600 600"] {
        std::fs::write(&clocks, shift).expect("the clocks are set");
        // The proof was taken back, and looked at again.
        entries += 2;
        screen.wait_for(&format!("5 LOG {entries}")).await;
        screen.wait_for("is [?]: check there unknown (stale)").await;
        screen.wait_for("verified").await;
    }
}

#[tokio::test]
async fn the_demo_goes_from_start_to_a_verified_rollback() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let mut screen = Terminal::start(&["demo", "--in", "15m"], WIDE, dir.path());
    screen.wait_for("verified").await;
    screen.wait_for("MUST 1/2").await;
    screen.send(" ").await;
    screen.wait_for("1 PRE 2/3").await;
    screen.send(" ").await;
    screen.wait_for("took (s)").await;
    screen.send("95\r").await;
    screen.wait_for("1 PRE 3/3").await;
    screen.send("P").await;
    screen.wait_for("0 of 2 answered").await;
    screen.send("+").await;
    screen.wait_for("1 of 2 answered").await;
    screen.send("+").await;
    screen.wait_for("GO from everyone").await;
    screen.send("\x1b").await;
    screen.wait_for("Roll out v2.41.0").await;
    confirm_early(&mut screen).await;
    screen.wait_for("instance 4 of 4").await;
    screen.wait_for("exit 0 after").await;
    // Leaving the step's screen shows the board again, the cursor on what is next.
    screen.send("\x1b").await;
    screen.wait_for("Sections").await;
    screen.send("x").await;
    screen.wait_for("[x] 2.1.2").await;
    screen.send("\x1b").await;
    screen.wait_for("2 T-0 2/3").await;
    screen.wait_for("Sections").await;
    confirm_early(&mut screen).await;
    screen.wait_for("2 T-0 3/3").await;
    // The new version goes bad by itself half a minute after the deploy.
    screen.wait_for("TRIGGER More than 2 %").await;
    screen.send("B").await;
    screen.wait_for("Decide: go back?").await;
    press_when_awake(&mut screen, "1", "Type the target").await;
    press_when_awake(&mut screen, "demo\r", "STEPS 0/3").await;
    for step in 1..=3 {
        screen.wait_for(&format!(">[ ] R1.{step}")).await;
        screen.send("x").await;
        if step < 3 {
            screen.wait_for("any other key nothing runs").await;
            press_when_awake(&mut screen, "y", &format!("R1.{step}")).await;
        }
        screen.wait_for(&format!("[x] R1.{step}")).await;
        screen.send("4").await;
    }
    screen.wait_for("VERIFIED").await;
    assert_eq!(status(dir.path())["state"], text("rolled-back"));
    screen.send("q").await;
    assert_eq!(screen.finish().await, Some(0));
    assert!(!screen.is_taken_over(), "the terminal is given back");
}

/// Presses `x` long before T-0, which asks for the target's name.
async fn confirm_early(screen: &mut Terminal) {
    screen.send("x").await;
    screen.wait_for("T-0 IS IN 1").await;
    press_when_awake(screen, "demo\r", "Output").await;
}

/// A dialog swallows keys for its first 300 ms, so a person's answer is tried until it shows.
async fn press_when_awake(screen: &mut Terminal, keys: &str, shows: &str) {
    screen
        .take_in_for(std::time::Duration::from_millis(400))
        .await;
    screen.send(keys).await;
    screen.wait_for(shows).await;
}

#[tokio::test]
async fn what_the_screen_showed_survives_kill_9() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let file = runbook(dir.path());
    let mut screen = Terminal::start(&["run", &file, "--trust"], WIDE, dir.path());
    screen.wait_for("First thing").await;
    for shown in 1..=8 {
        screen.send(" ").await;
        screen.wait_for(&format!("1 PRE {shown}/8")).await;
        screen.signal(Signal::KILL);
        screen.finish().await;
        let before = status(dir.path());
        assert_eq!(before["done"], serde_json::json!(shown));
        screen = Terminal::start(&["resume"], WIDE, dir.path());
        screen.wait_for(&format!("1 PRE {shown}/8")).await;
    }
}

#[tokio::test]
async fn every_way_out_gives_the_terminal_back() {
    for way in ["q", "TERM", "HUP", "INT", "panic"] {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let file = runbook(dir.path());
        let environment: &[(&str, &str)] = if way == "panic" {
            &[("TMINUS_TEST_PANIC", "1")]
        } else {
            &[]
        };
        let mut screen =
            Terminal::start_with(&["run", &file, "--trust"], WIDE, dir.path(), environment);
        if way != "panic" {
            screen.wait_for("First thing").await;
            assert!(screen.is_taken_over());
        }
        match way {
            "q" => screen.send("q").await,
            "TERM" => screen.signal(Signal::TERM),
            "HUP" => screen.signal(Signal::HUP),
            "INT" => screen.signal(Signal::INT),
            _ => {}
        }
        screen.finish().await;
        assert!(
            !screen.is_taken_over(),
            "{way} leaves the terminal as it was"
        );
        if way == "panic" {
            assert!(
                screen.screen().contains("What was recorded is safe"),
                "{}",
                screen.screen()
            );
        }
    }
}

#[tokio::test]
async fn a_flood_of_output_is_taken_in_and_keys_still_work() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let file = runbook(dir.path());
    let mut screen = Terminal::start(&["run", &file, "--trust"], WIDE, dir.path());
    screen.wait_for("First thing").await;
    screen.send("2x").await;
    screen.wait_for("exit 0 after").await;
    screen.wait_for("50000 lines").await;
    screen.send("\x1b").await;
    screen.wait_for("Sections").await;
    screen.send("?").await;
    screen.wait_for("Keys").await;
    screen.send("q").await;
    screen.send("q").await;
    assert_eq!(screen.finish().await, Some(0));
}

#[tokio::test]
async fn any_size_is_survived() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let file = runbook(dir.path());
    let mut screen = Terminal::start(&["run", &file, "--trust"], (1, 1), dir.path());
    for size in [(20, 5), (1, 1), (200, 60), (2, 50), (300, 2), (80, 24)] {
        screen.resize(size.0, size.1);
        screen
            .take_in_for(std::time::Duration::from_millis(50))
            .await;
    }
    screen.wait_for("First thing").await;
    screen.send(" ").await;
    screen.wait_for("1 PRE 1/8").await;
    screen.send("q").await;
    assert_eq!(screen.finish().await, Some(0));
}

#[tokio::test]
async fn a_key_that_comes_with_a_resize_is_not_lost() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let file = runbook(dir.path());
    let mut screen = Terminal::start(&["run", &file, "--trust"], WIDE, dir.path());
    screen.wait_for("First thing").await;
    for turn in 0..20 {
        screen.resize(WIDE.0 + turn, WIDE.1);
        screen.send("?").await;
        screen.wait_for("Keys").await;
        screen.resize(WIDE.0, WIDE.1 + turn);
        screen.send("q").await;
        screen.wait_gone("Keys").await;
    }
    screen.send("q").await;
    assert_eq!(screen.finish().await, Some(0));
}

#[tokio::test]
async fn no_color_means_no_colour() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let file = runbook(dir.path());
    let mut screen = Terminal::start_with(
        &["run", &file, "--trust"],
        WIDE,
        dir.path(),
        &[("NO_COLOR", "1")],
    );
    screen.wait_for("First thing").await;
    screen.send("q").await;
    screen.finish().await;
    let received = String::from_utf8_lossy(&screen.received).into_owned();
    let is_code = |code: &str| {
        code.chars()
            .all(|character| character.is_ascii_digit() || character == ';')
    };
    let codes = received
        .split("\x1b[")
        .skip(1)
        .filter_map(|rest| rest.split_once('m'));
    let coloured = codes.filter(|(code, _)| is_code(code)).any(|(code, _)| {
        let mut numbers = code.split(';');
        numbers.any(|number| {
            matches!(
                number.parse::<u8>(),
                Ok(30..=38 | 40..=48 | 90..=97 | 100..=107)
            )
        })
    });
    assert!(!coloured, "no colour code is sent: {received:?}");
}
