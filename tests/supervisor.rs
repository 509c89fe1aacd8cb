//! What is promised about commands, against kills, dropped lines and a screen that stands still; with the real binary
//! in a real terminal.

#![allow(
    clippy::unwrap_used,
    reason = "a test that fails to set its stage fails"
)]

mod scene;
mod terminal;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use scene::{IN_TERMINAL, LOOK, Scene, WIDE, until};
use terminal::{PATIENCE, Terminal};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep, timeout};

/// Lets a command that waits for its cue go on.
async fn cue(fifo: &Path) {
    // Opening it the usual way would wait for its reader, in a thread that nothing can interrupt.
    let deadline = Instant::now() + PATIENCE;
    let mut sender = loop {
        match pipe::OpenOptions::new().open_sender(fifo) {
            Ok(sender) => break sender,
            Err(error) => assert!(Instant::now() < deadline, "nobody waits for it: {error}"),
        }
        sleep(LOOK).await;
    };
    let sent = sender.write_all(b"go\n").await;
    sent.expect("a FIFO can be written to");
}

/// A command that says that it runs, waits for its cue and ends in its own way.
const CUED: &str = "echo started; read -r line <cue; echo finished; exit 3";

#[tokio::test]
async fn p6_a_killed_program_leaves_its_command_running() {
    let scene = Scene::new(CUED);
    let fifo = scene.fifo("cue");
    let mut screen = scene.open().await;
    screen.send("x").await;
    screen.wait_for("│ started").await;
    screen.signal(Signal::KILL);
    screen.finish().await;
    cue(&fifo).await;
    scene.quiet().await;
    let known = &scene.asked()["attempts"][0];
    assert_eq!(known["state"], "over");
    assert_eq!(
        (&known["outcome"], &known["code"]),
        (&"exited".into(), &3.into())
    );
    assert_eq!(scene.status(), "running", "nobody has recorded it yet");
    let mut screen = scene.resume().await;
    screen.wait_for("exit 3").await;
    until("it is recorded", || {
        scene.asked()["attempts"] == serde_json::json!([])
    })
    .await;
    screen.send("\r").await;
    screen.wait_for("│ finished").await;
    assert_eq!(scene.status(), "failed");
    screen.send("q").await;
    screen.finish().await;
}

#[tokio::test]
async fn p6_a_closed_terminal_leaves_its_command_running_and_resume_reattaches() {
    let scene = Scene::new(CUED);
    let fifo = scene.fifo("cue");
    let mut screen = scene.open().await;
    screen.send("x").await;
    screen.wait_for("│ started").await;
    let mut program = screen.hang_up();
    let ended = timeout(PATIENCE, program.wait()).await;
    ended
        .expect("the program ends")
        .expect("its end can be awaited");
    assert_eq!(scene.status(), "running");
    let mut screen = scene.resume().await;
    screen.send("\r").await;
    screen.wait_for("│ started").await;
    cue(&fifo).await;
    screen.wait_for("│ finished").await;
    screen.wait_for("exit 3").await;
    screen.send("q").await;
    screen.finish().await;
    scene.quiet().await;
}

#[tokio::test]
async fn p6_a_program_that_stands_still_does_not_hold_its_command_up() {
    let scene = Scene::new(
        "echo started; read -r line <cue; yes | head -c 100000000 || true; touch printed",
    );
    let fifo = scene.fifo("cue");
    let mut screen = scene.open().await;
    screen.send("x").await;
    screen.wait_for("│ started").await;
    screen.signal(Signal::STOP);
    cue(&fifo).await;
    until("100 MB are printed", || scene.path("printed").exists()).await;
    let result = only_attempt(&scene).join("result.json");
    until("its end is written down", || result.exists()).await;
    screen.signal(Signal::CONT);
    screen.wait_for("exit 0 after").await;
    screen.send("q").await;
    screen.finish().await;
    scene.quiet().await;
    let log = only_attempt(&scene).join("output.log");
    let kept = fs::metadata(log).expect("the output is kept").len();
    assert!(kept < (64 << 20) + 100, "head and tail: {kept} bytes");
}

/// The directory of the only attempt of the only run.
fn only_attempt(scene: &Scene) -> PathBuf {
    scene.run_dir().join("attempts/1")
}

#[tokio::test]
async fn p6_leaving_says_what_goes_on() {
    let scene = Scene::new(CUED);
    let fifo = scene.fifo("cue");
    let mut screen = scene.open().await;
    screen.send("x").await;
    screen.wait_for("│ started").await;
    screen.send("q").await;
    assert_eq!(screen.finish().await, Some(0));
    let said = screen.screen();
    assert!(said.contains("goes on by itself: 1.1.1 Step 0"), "{said}");
    assert!(said.contains("tminus resume"), "{said}");
    cue(&fifo).await;
    scene.quiet().await;
}

#[tokio::test]
async fn p5_without_its_supervisor_the_outcome_is_unknown_and_a_person_says_what_it_was() {
    let scene = Scene::new(CUED);
    let fifo = scene.fifo("cue");
    let mut screen = scene.open().await;
    screen.send("x").await;
    screen.wait_for("│ started").await;
    let supervisor = scene.supervisor().expect("it runs");
    kill_process(supervisor, Signal::KILL).expect("it takes signals");
    screen
        .wait_for("UNKNOWN: its supervisor ended first; something that it started still")
        .await;
    until("it is recorded", || scene.status() == "unknown").await;
    cue(&fifo).await;
    screen.send(" ").await;
    screen.wait_for("what do you know of it?").await;
    screen.take_in_for(Duration::from_millis(400)).await;
    screen.send("\x1b").await;
    screen.wait_gone("what do you know of it?").await;
    screen.send("q").await;
    screen.finish().await;
    scene.quiet().await;
    assert_eq!(scene.status(), "unknown");
}

#[tokio::test]
async fn p5_a_run_whose_disk_failed_goes_on_elsewhere_and_takes_no_command_for_never_started() {
    let scene = Scene::new(CUED);
    let fifo = scene.fifo("cue");
    let mut screen = scene.open().await;
    screen.send("x").await;
    screen.wait_for("│ started").await;
    // A journal that isn't as it was left can't be trusted, as after an error of its disk.
    let journal = scene.run_dir().join("journal.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(journal);
    file.as_mut().unwrap().write_all(b"x").unwrap();
    screen.send("a").await;
    screen.wait_for("Note").await;
    screen.send("nothing more\r").await;
    screen.wait_for("NOT SAVED").await;
    screen.send("w").await;
    screen.wait_for("Write the run where?").await;
    let elsewhere = scene.path("other");
    screen.send("\x15").await;
    screen.send(elsewhere.to_str().unwrap()).await;
    screen.send("\r").await;
    screen.wait_for("is saved in").await;
    screen.send("q").await;
    screen.finish().await;
    let said = screen.screen().replace('\n', "");
    let way = format!("--state-dir {}", elsewhere.display());
    assert!(said.contains(&way), "{said}");
    cue(&fifo).await;
    scene.quiet().await;
    let arguments = ["resume", "--state-dir", elsewhere.to_str().unwrap()];
    let mut screen = Terminal::start(&arguments, WIDE, scene.folder.path());
    screen.wait_for("UNKNOWN: its run was moved").await;
    screen.send("q").await;
    screen.finish().await;
}

#[tokio::test]
async fn a_command_that_asks_for_a_terminal_has_one_and_is_shown_as_any_other() {
    let scene = Scene::new(&format!(
        "{IN_TERMINAL}; stty size; read -r answer || echo nobody answers"
    ));
    let mut screen = scene.open().await;
    screen.send("x").await;
    screen.wait_for("│ 40 120").await;
    screen.wait_for("│ nobody answers").await;
    screen.wait_for("exit 0 after").await;
    screen.send("q").await;
    screen.finish().await;
    scene.quiet().await;
}

#[tokio::test]
async fn the_pager_gets_the_terminal_and_gives_it_back() {
    let scene = Scene::new(r"printf 'all of it\n\033[2Jand more\n'");
    let pager = "trap : INT; cat >paged; echo \"paging $LESS $LESSSECURE\"; \
                 until read -r key </dev/tty; do :; done";
    let pager = format!("cd '{}'; {pager}", scene.folder.path().display());
    let file = scene.path("rollout.toml").to_string_lossy().into_owned();
    let mut screen = Terminal::start_with(
        &["run", &file, "--trust"],
        WIDE,
        scene.folder.path(),
        &[("PAGER", &pager)],
    );
    screen.wait_for("Step 0").await;
    screen.send("x").await;
    screen.wait_for("exit 0 after").await;
    screen.send("v").await;
    screen.wait_for("paging -R 1").await;
    let printed = fs::read_to_string(scene.path("paged")).expect("the pager got it");
    assert_eq!(printed, "all of it\n\u{241b}[2Jand more\n");
    // Meant for the pager, and the keys are too.
    screen.send("\x03q\r").await;
    screen.wait_for("exit 0 after").await;
    screen.send("q").await;
    assert_eq!(screen.finish().await, Some(0));
    assert!(!screen.is_taken_over());
}

#[tokio::test]
async fn watching_shows_what_a_command_prints() {
    let scene = Scene::new(CUED);
    let fifo = scene.fifo("cue");
    let mut driver = scene.open().await;
    let mut watcher = Terminal::start(&["watch"], WIDE, scene.folder.path());
    watcher.wait_for("Step 0").await;
    driver.send("x").await;
    driver.wait_for("│ started").await;
    watcher.send("\r").await;
    watcher.wait_for("│ started").await;
    cue(&fifo).await;
    watcher.wait_for("│ finished").await;
    watcher.wait_for("exit 3").await;
    for mut screen in [watcher, driver] {
        screen.send("q").await;
        screen.finish().await;
    }
    scene.quiet().await;
}

#[tokio::test]
async fn p5_ways_to_end_are_told_apart_and_explained() {
    let table = [
        ("true", "exit 0"),
        ("exit 1", "exit 1"),
        ("/dev/null", "exit 126: found, but not executable"),
        ("tminus-no-such-program", "exit 127: command not found"),
        ("exit 255", "exit 255"),
        (
            "kill -KILL $$",
            "ended by signal 9, KILL (somebody, or the kernel",
        ),
        (
            "bash -c 'kill -KILL $$'; true",
            "exit 137: something it ran was ended by signal 9",
        ),
        (
            "yes | head -1",
            "exit 141: something it ran was ended by signal 13, PIPE",
        ),
    ];
    let commands: Vec<&str> = table.iter().map(|(command, _)| *command).collect();
    let scene = Scene::with_steps(&commands);
    let mut screen = scene.open().await;
    for (at, (command, explained)) in table.into_iter().enumerate() {
        // The board shows again, the cursor on the step.
        screen.send("gg").await;
        screen.send(&"j".repeat(at)).await;
        screen.send("x").await;
        let said = format!("1.1.{}: {explained}", at + 1);
        screen
            .wait_until(command, |screen| screen.contains(&said))
            .await;
        screen.send("\x1b").await;
        screen.wait_for("Sections").await;
    }
    screen.send("q").await;
    screen.finish().await;
    scene.quiet().await;
}

#[tokio::test]
async fn p10_a_command_that_prints_without_end_costs_little_and_can_be_stopped() {
    let scene = Scene::new("yes");
    let mut screen = scene.open().await;
    screen.send("x").await;
    screen.wait_for("│ y").await;
    let log = only_attempt(&scene);
    until("it has printed more than is kept", || {
        log.join("output.3").exists()
    })
    .await;
    screen.send("?").await;
    screen.wait_for("Keys").await;
    screen.send("\x1b").await;
    for (pid, name) in scene.processes() {
        let resident = resident_bytes(pid).unwrap_or(0);
        assert!(resident < 200_000_000, "{name}: {resident} bytes");
    }
    screen.wait_gone("Keys").await;
    screen.send("\x03").await;
    screen.wait_for("Interrupt the running command?").await;
    screen.take_in_for(Duration::from_millis(400)).await;
    screen.send("y").await;
    screen.wait_for("stopped, effects unknown").await;
    screen.send("q").await;
    screen.finish().await;
    scene.quiet().await;
}

fn resident_bytes(pid: Pid) -> Option<u64> {
    let path = format!("/proc/{}/statm", pid.as_raw_nonzero());
    let pages = fs::read_to_string(path).ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// How often something is killed at a random moment. `TMINUS_TEST_KILLS=500` takes five minutes.
fn rounds() -> u64 {
    let rounds = std::env::var("TMINUS_TEST_KILLS").ok();
    rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(12)
}

/// One of the numbers below `below`, each as likely, by the splitmix64 generator.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % below
}

#[tokio::test]
async fn p4_p5_nothing_runs_twice_and_nothing_wrong_is_said_wherever_something_is_killed() {
    let usual = time_of_an_attempt().await;
    let mut seed = std::process::id().into();
    println!("seed {seed}, usual {usual:?}");
    for round in 0..rounds() {
        let is_program = random(&mut seed, 2) == 0;
        let percent = u32::try_from(random(&mut seed, 130)).expect("below 130");
        let delay = usual * percent / 100;
        let said = kill_in_between(is_program, delay).await;
        println!("round {round}: {said}");
    }
}

/// From a key to the recorded end, so that the random moments lie in between.
async fn time_of_an_attempt() -> Duration {
    let scene = Scene::new("echo x >>count");
    let mut screen = scene.open().await;
    let started = Instant::now();
    screen.send("x").await;
    screen.wait_for("exit 0 after").await;
    let took = started.elapsed();
    screen.send("q").await;
    screen.finish().await;
    took
}

async fn kill_in_between(is_program: bool, delay: Duration) -> String {
    let scene = Scene::new("echo x >>count");
    let mut screen = scene.open().await;
    screen.send("x").await;
    sleep(delay).await;
    if is_program {
        screen.signal(Signal::KILL);
    } else {
        if let Some(supervisor) = scene.supervisor() {
            // An error says that it has ended.
            let _ = kill_process(supervisor, Signal::KILL);
        }
        until("the end is recorded", || scene.status() != "running").await;
        screen.send("q").await;
    }
    screen.finish().await;
    scene.quiet().await;
    let mut screen = scene.resume().await;
    until("what became of it is found out", || {
        scene.status() != "running"
    })
    .await;
    screen.send("q").await;
    screen.finish().await;
    let who = if is_program { "program" } else { "supervisor" };
    println!("{who} killed after {delay:?}");
    scene.truth()
}
