//! The whole program, measured in a pseudo-terminal: `cargo bench --bench program`.
//!
//! Prints start, key, idle, memory and resize figures as a table, medians of several runs. Nothing is asserted here:
//! machines differ, so figures are to be compared within one run, not with a number in a file.

mod measured;
#[path = "../tests/terminal/mod.rs"]
mod terminal;

use std::path::Path;
use std::time::{Duration, Instant};

use measured::{
    cpu_seconds, key_latencies, left, median, milliseconds, peak_memory, percentile, row,
};
use terminal::Terminal;

const SIZE: (u16, u16) = (120, 40);
const RUNS: usize = 9;

/// A runbook of this many steps, with four checks and four metrics that are alive.
fn runbook(steps: usize) -> String {
    let mut text = String::from(
        "format = 1\ntitle = \"Measured\"\ntarget = \"bench\"\n[roles]\nops = \"Operations\"\n",
    );
    for number in 0..4 {
        text.push_str(&format!(
            "[[check]]\nid = \"c{number}\"\ntitle = \"Check {number}\"\nenv = {{ name = \"HOME\" }}\nexpect = [\"set\"]\n\
             every = \"2s\"\ntimeout = \"1s\"\n\
             [[metric]]\nid = \"m{number}\"\ntitle = \"Metric {number}\"\ncommand = {{ run = \"echo {number}\" }}\n\
             fail = \"> 10\"\nevery = \"10s\"\ntimeout = \"1s\"\n"
        ));
    }
    text.push_str("[[phase]]\ntitle = \"Launch\"\nstage = \"pre-launch\"\n");
    text.push_str(
        "[[phase.section]]\ntitle = \"Noise\"\nsteps = [{ title = \"Prints without end\", run = \"yes\", level = \"safe\" }]\n",
    );
    for section in 0..steps.div_ceil(8) {
        text.push_str(&format!(
            "[[phase.section]]\ntitle = \"Section {section}\"\nsteps = [\n"
        ));
        for step in (section * 8)..((section + 1) * 8).min(steps) {
            text.push_str(&format!("  \"Step number {step} is done\",\n"));
        }
        text.push_str("]\n");
    }
    text
}

async fn started(file: &Path, state: &Path) -> (Terminal, f64) {
    let path = file.to_string_lossy().into_owned();
    shown(&["run", &path, "--in", "1h", "--trust"], state).await
}

/// Starts tminus and waits for a readable board; also how long that took, in milliseconds.
async fn shown(arguments: &[&str], state: &Path) -> (Terminal, f64) {
    let begin = Instant::now();
    let mut terminal = Terminal::start(arguments, SIZE, state);
    // The last words of the frame: what is above them has arrived by then.
    terminal.wait_for("q leave").await;
    let took = milliseconds(begin.elapsed());
    (terminal, took)
}

/// A new run has to be on disk before it shows: eight syncs. A resumed one only reads.
async fn measure_start(dir: &Path, steps: usize) {
    let file = dir.join(format!("steps-{steps}.toml"));
    std::fs::write(&file, runbook(steps)).expect("a scratch file");
    let (mut new, mut resumed) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let state = dir.join(format!("start-{steps}-{run}"));
        let (terminal, took) = started(&file, &state).await;
        new.push(took);
        left(terminal).await;
        let (terminal, took) = shown(&["resume"], &state).await;
        resumed.push(took);
        left(terminal).await;
    }
    row(
        &format!("new run to board, {steps} steps"),
        median(new),
        "ms",
    );
    row(
        &format!("resume to board, {steps} steps"),
        median(resumed),
        "ms",
    );
}

async fn measure_keys(dir: &Path) {
    let (mut terminal, _) = started(&dir.join("steps-1000.toml"), &dir.join("keys")).await;
    key_latencies(&mut terminal, 20).await;
    let (mut times, bytes) = key_latencies(&mut terminal, 200).await;
    row("key to paint, p50", percentile(&mut times, 0.5), "ms");
    row("key to paint, p99", percentile(&mut times, 0.99), "ms");
    row("bytes to the terminal per key", bytes, "B");
    let before = (terminal.received.len(), Instant::now());
    let keys = "j".repeat(101);
    terminal.send(&keys).await;
    terminal.wait_for("Step number 100 ").await;
    row(
        "101 keys in one write",
        milliseconds(before.1.elapsed()),
        "ms",
    );
    row(
        "101 keys in one write, bytes",
        (terminal.received.len() - before.0) as f64,
        "B",
    );
    row("leaving with q", left(terminal).await, "ms");
}

async fn measure_flood(dir: &Path) {
    let (mut terminal, _) = started(&dir.join("steps-1000.toml"), &dir.join("flood")).await;
    let id = terminal.child.id().expect("it runs");
    terminal.send("x").await;
    terminal.wait_for("RUNNING").await;
    terminal.send("\x1b").await;
    terminal.wait_for("Step number 0 ").await;
    let (mut times, _) = key_latencies(&mut terminal, 200).await;
    row(
        "key to paint under `yes`, p50",
        percentile(&mut times, 0.5),
        "ms",
    );
    row(
        "key to paint under `yes`, p99",
        percentile(&mut times, 0.99),
        "ms",
    );
    row("peak memory under `yes`", peak_memory(id), "MiB");
    // The command would outlive the screen.
    terminal.send("\x03").await;
    terminal.wait_for("Interrupt the running command?").await;
    // The dialog's dead time.
    terminal.take_in_for(Duration::from_millis(400)).await;
    terminal.send("y").await;
    terminal.wait_for("stopped, effects unknown").await;
    left(terminal).await;
}

async fn measure_idle(dir: &Path) {
    let (mut terminal, _) = started(&dir.join("steps-1000.toml"), &dir.join("idle")).await;
    let id = terminal.child.id().expect("it runs");
    let idle = Duration::from_secs(10);
    terminal.take_in_for(Duration::from_secs(2)).await;
    let (cpu, bytes) = (cpu_seconds(id), terminal.received.len());
    terminal.take_in_for(idle).await;
    row("idle CPU in 10 s", cpu_seconds(id) - cpu, "s");
    row(
        "idle bytes per second",
        (terminal.received.len() - bytes) as f64 / idle.as_secs_f64(),
        "B",
    );
    row("peak memory", peak_memory(id), "MiB");
    let cpu = cpu_seconds(id);
    for turn in 0..100_u16 {
        terminal.resize(80 + turn % 50, 24 + turn % 20);
        terminal.take_in_for(Duration::from_millis(20)).await;
    }
    row("resize storm, 100 in 2 s: CPU", cpu_seconds(id) - cpu, "s");
    left(terminal).await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let dir = tempfile::tempdir().expect("a scratch directory");
    println!("tminus at {}x{}, medians of {RUNS} starts", SIZE.0, SIZE.1);
    runtime.block_on(async {
        measure_start(dir.path(), 20).await;
        measure_start(dir.path(), 1_000).await;
        measure_keys(dir.path()).await;
        measure_flood(dir.path()).await;
        measure_idle(dir.path()).await;
    });
}
