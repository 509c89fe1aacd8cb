//! What a heading says of what stands below it.

use std::time::Duration;

use jiff::SignedDuration;

use super::super::blocks::{Block, Kind};
use super::super::stage::{self, Guess};
use super::super::tree::Node;
use crate::runbook::Stage;
use crate::runbook::text::{parse_duration, parse_offset};

/// The stage that a heading speaks of, or else the prose right below it (`before going to production`).
pub(super) fn guess_of(node: &Node) -> Option<Guess> {
    let prose = |block: &&Block| matches!(block.kind, Kind::Prose(_));
    let says = |block: &Block| {
        let lower = block.raw.to_lowercase();
        let before = [
            "before going",
            "before launch",
            "before the launch",
            "before deploy",
            "before release",
            "prior to",
        ];
        before
            .iter()
            .any(|start| lower.starts_with(start) || lower.contains(&format!(" {start}")))
    };
    let first = || node.blocks.iter().find(prose).filter(|block| says(block));
    stage::stage(&node.title).or_else(|| {
        first().map(|_| Guess {
            stage: Stage::PreLaunch,
            strong: true,
            pure: false,
            apart: true,
        })
    })
}

/// The line of the last heading that is due before the launch. What stands above it is so too, unless a heading that
/// says nothing but `Launch day` comes first.
pub(super) fn last_before(root: &Node) -> Option<usize> {
    let mut last = None;
    let mut turned = false;
    let mut see = |node: &Node| {
        let Some(guess) = guess_of(node).filter(|guess| guess.strong) else {
            return;
        };
        let list = guess.apart && !guess.pure;
        match guess.stage {
            Stage::PreLaunch if !turned && !list => last = Some(node.line),
            Stage::PreLaunch => {}
            Stage::Launch | Stage::PostLaunch => turned |= guess.pure,
        }
    };
    forward(root, &mut see);
    last
}

/// Walks the headings that lead forward, in the document's order.
fn forward(node: &Node, see: &mut dyn FnMut(&Node)) {
    for child in &node.children {
        if !stage::is_rollback(&child.title) {
            see(child);
            forward(child, see);
        }
    }
}

pub(super) fn is_numbered_step(node: &Node) -> bool {
    let lower = node.title.to_lowercase();
    let number = lower.strip_prefix("step ");
    number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether the headings below are the numbered steps of one procedure.
pub(super) fn is_procedure(node: &Node) -> bool {
    node.children
        .iter()
        .filter(|child| is_numbered_step(child))
        .count()
        > 1
}

pub(super) fn is_sign_off(title: &str) -> bool {
    let lower = title.to_lowercase().replace(['-', ' '], "");
    ["signoff", "signatures", "approvals", "signedoff"]
        .iter()
        .any(|word| lower.contains(word))
}

/// Whether a heading or the prose right below it says that everything there must be done.
pub(super) fn is_critical(node: &Node) -> bool {
    let says =
        |text: &str| text.contains("MUST be") || text.to_lowercase().contains("must be completed");
    node.title.to_lowercase().contains("critical path")
        || node
            .blocks
            .iter()
            .any(|block| matches!(block.kind, Kind::Prose(_)) && says(&block.raw))
}

/// The stage line that an export writes below a phase's title, taken out of it.
pub(super) fn take_stage_line(node: &mut Node) -> Option<(Stage, Option<SignedDuration>)> {
    let Kind::Prose(prose) = &node.blocks.first()?.kind else {
        return None;
    };
    let text = prose.joined();
    let rest = text.strip_prefix("Stage: ")?;
    let (name, at) = match rest.split_once(" · ") {
        Some((name, at)) => (name, Some(parse_offset(at).ok()?)),
        None => (rest, None),
    };
    let stage = [Stage::PreLaunch, Stage::Launch, Stage::PostLaunch]
        .into_iter()
        .find(|stage| stage.name() == name)?;
    node.blocks.remove(0);
    Some((stage, at))
}

/// A duration written by an export, `(every 7d)` or `(within 5m)`, behind this word at the end of a title.
pub(super) fn written_duration(title: &str, word: &str) -> Option<Duration> {
    let (_, rest) = title.rsplit_once(&format!("({word} "))?;
    parse_duration(rest.strip_suffix(')')?).ok()
}

/// The option that a title names explicitly: `Option A: Docker Compose` gives `Docker Compose`.
pub(super) fn option_title(title: &str) -> Option<&str> {
    let (first, rest) = title.split_once(' ')?;
    let kinds = [
        "option",
        "alternative",
        "variant",
        "method",
        "approach",
        "path",
    ];
    if !kinds.contains(&first.to_lowercase().as_str()) {
        return None;
    }
    let (letter, name) = rest.split_once([':', '.', '–', '—', '-', ')'])?;
    let short = letter.trim().chars().count() <= 2 && !letter.trim().is_empty();
    (short && !name.trim().is_empty()).then(|| name.trim())
}
