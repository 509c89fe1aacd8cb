//! What the benches of the whole program measure with: figures of a process, keys, and how figures are printed.

#![allow(dead_code, reason = "each bench uses its own part of this")]

use std::time::{Duration, Instant};

use crate::terminal::Terminal;

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that this share of all values does not exceed.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((last as f64 * share).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

/// A duration as a figure to print.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// CPU seconds (user and system) that a process has used.
pub fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = after_name
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    // utime and stime are fields 14 and 15 of the line, in ticks of 10 ms on Linux.
    (fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0)) / 100.0
}

/// The most memory a process has had, in MiB.
pub fn peak_memory(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or("");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1_024.0
}

/// Leaves with `q`; how long that took, in milliseconds.
pub async fn left(mut terminal: Terminal) -> f64 {
    let begin = Instant::now();
    terminal.send("q").await;
    terminal.finish().await;
    milliseconds(begin.elapsed())
}

/// Moves the cursor down and up and waits each time until the list shows it at the step. That row is known beforehand:
/// a frame that comes in two parts can't be taken for the next one.
pub async fn key_latencies(terminal: &mut Terminal, count: usize) -> (Vec<f64>, f64) {
    let mut times = Vec::new();
    let mut bytes = Vec::new();
    let here = named(terminal);
    terminal.send("j").await;
    terminal
        .wait_until("the next step", |screen| {
            !under_cursor(screen).is_empty() && under_cursor(screen) != here
        })
        .await;
    let there = named(terminal);
    for turn in 0..count {
        let (key, wanted) = if turn % 2 == 0 {
            ("k", &here)
        } else {
            ("j", &there)
        };
        let before = terminal.received.len();
        let begin = Instant::now();
        terminal.send(key).await;
        terminal
            .wait_until(wanted, |screen| under_cursor(screen) == *wanted)
            .await;
        times.push(milliseconds(begin.elapsed()));
        bytes.push((terminal.received.len() - before) as f64);
    }
    (times, median(bytes))
}

fn named(terminal: &Terminal) -> String {
    under_cursor(&terminal.screen()).to_owned()
}

/// The cursor's row in the list of items, which is the second of the board's columns.
fn under_cursor(screen: &str) -> &str {
    let row = screen.lines().find_map(|line| line.split("││>").nth(1));
    row.and_then(|row| row.split('│').next())
        .unwrap_or("")
        .trim_end()
}

/// Prints one figure.
pub fn row(what: &str, value: f64, unit: &str) {
    println!("{what:<36} {value:>10.2} {unit}");
}
