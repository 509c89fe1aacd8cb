//! Ways back: rollbacks, and what triggers them.

use std::time::Duration;

use super::super::blocks::{Block, Item, Kind};
use super::super::outline::{Rollback, Step, Trigger};
use super::super::stage;
use super::super::steps::{Gathered, Mode, gather};
use super::super::tree::{self, Node};
use super::choices::platform;
use super::headings::{is_procedure, written_duration};
use super::{Arranger, visit};

/// More ways back than this are no offer to somebody who has to decide; all of them can be taken anyway.
const MOST_OFFERED: usize = 9;

/// What is found below one heading that goes back.
#[derive(Default)]
struct Back {
    rollbacks: Vec<Rollback>,
    triggers: Vec<Trigger>,
    /// Texts that belong to none of its parts.
    text: Vec<String>,
    comments: Vec<String>,
    within: Option<Duration>,
}

impl Arranger<'_> {
    /// Takes in a heading that goes back; says whether there was anything to walk in it.
    pub(super) fn way_back(&mut self, node: &mut Node) -> bool {
        if !self.mode.plain && (is_readiness(node) || !goes_back(node, self.mode)) {
            return false;
        }
        let mut back = Back::default();
        self.back(node, &mut back);
        let first = self.outline.rollbacks.len();
        if let (Some(within), Some(rollback)) = (back.within, back.rollbacks.first_mut()) {
            rollback.within = rollback.within.or(Some(within));
        }
        self.place_texts(&mut back);
        let main: Vec<usize> = (0..back.rollbacks.len())
            .filter(|&index| !is_aftermath(&back.rollbacks[index].title))
            .take(MOST_OFFERED)
            .map(|index| first + index)
            .collect();
        for trigger in &mut back.triggers {
            trigger.rollbacks.clone_from(&main);
        }
        self.outline.rollbacks.append(&mut back.rollbacks);
        self.outline.triggers.append(&mut back.triggers);
        true
    }

    /// Texts go to the first rollback; where there is none, to the next section.
    fn place_texts(&mut self, back: &mut Back) {
        let text = std::mem::take(&mut back.text);
        let comments = std::mem::take(&mut back.comments);
        match back.rollbacks.first_mut() {
            Some(rollback) => {
                rollback.text.splice(0..0, text);
                rollback.comments.splice(0..0, comments);
            }
            None => {
                self.pending.extend(text);
                self.outline.comments.extend(comments);
            }
        }
    }

    fn back(&mut self, node: &mut Node, back: &mut Back) {
        self.heading_rest(node);
        if self.mode.plain {
            self.back_of_export(node, back);
            return;
        }
        if stage::is_trigger(&node.title, true) {
            self.triggers(node, back);
            return;
        }
        tree::split_labels(node, true, &|_| true);
        let mode = rollback_mode(self.mode, node);
        let mut gathered = gather(self.shared, &node.blocks, mode, &node.title);
        if let Some(sign) = &node.status {
            gathered.text.insert(0, self.shared.status(sign, node.line));
        }
        back.within = back
            .within
            .or_else(|| gathered.text.iter().find_map(|text| timed(text)));
        if is_procedure(node) {
            self.staged(node, gathered, back);
            return;
        }
        if gathered.steps.is_empty() {
            let title = node.title.trim_end_matches(':');
            self.shared.notes.keep(node.line, title);
            back.comments
                .push(format!("“{title}” (line {})", node.line));
            back.text.append(&mut gathered.text);
            back.comments.append(&mut gathered.comments);
        } else {
            self.push_rollback(node, gathered, back);
        }
        for child in &mut std::mem::take(&mut node.children) {
            self.back(child, back);
        }
    }

    fn back_of_export(&mut self, node: &Node, back: &mut Back) {
        if node.title == "Rollback triggers" {
            self.triggers(node, back);
            return;
        }
        let gathered = gather(self.shared, &node.blocks, self.mode, &node.title);
        self.push_rollback(node, gathered, back);
    }

    /// Numbered headings are the stages of one procedure.
    fn staged(&mut self, node: &mut Node, mut gathered: Gathered, back: &mut Back) {
        for child in &mut std::mem::take(&mut node.children) {
            if stage::is_trigger(&child.title, true) {
                self.triggers(child, back);
                continue;
            }
            gathered.steps.push(self.numbered_step(child));
        }
        self.push_rollback(node, gathered, back);
    }

    fn push_rollback(&mut self, node: &Node, gathered: Gathered, back: &mut Back) {
        let title = node.title.strip_prefix("Rollback: ").unwrap_or(&node.title);
        let guessed = || stage::budget(title).filter(|_| !self.mode.plain);
        let within = written_duration(title, "within").or_else(guessed);
        let title = title
            .rsplit_once(" (within ")
            .map_or(title, |(title, _)| title);
        let what = format!("“{title}” is a way back");
        self.shared.notes.guess(node.line, &what);
        let mut comments = vec![format!("guessed from line {}: {what}", node.line)];
        comments.extend(gathered.comments);
        let written = gathered.text.first().and_then(|text| after_option(text));
        let option = written
            .filter(|_| self.mode.plain)
            .map(str::to_owned)
            .or_else(|| self.option_of(title));
        back.rollbacks.push(Rollback {
            id: node.id.clone(),
            title: if self.mode.plain {
                title
            } else {
                title.trim_end_matches(':')
            }
            .to_owned(),
            option,
            within,
            text: gathered.text,
            comments,
            steps: gathered.steps,
        });
    }

    /// The option that a rollback undoes: the one that names the same platform.
    fn option_of(&self, title: &str) -> Option<String> {
        self.options.get(platform(title)?).cloned()
    }

    fn triggers(&mut self, node: &Node, back: &mut Back) {
        self.shared.notes.keep(node.line, &node.title);
        back.comments
            .push(format!("triggers: “{}” (line {})", node.title, node.line));
        for block in &node.blocks {
            match &block.kind {
                Kind::List(list) => {
                    for item in &list.items {
                        self.trigger(item, back);
                    }
                }
                Kind::Rule => {}
                _ => {
                    self.shared.notes.keep(block.line, &block.raw);
                    back.text.push(block.raw.clone());
                }
            }
        }
        for child in &node.children {
            self.triggers(child, back);
        }
    }

    fn trigger(&mut self, item: &Item, back: &mut Back) {
        let gathered = gather(
            self.shared,
            std::slice::from_ref(&as_list(item)),
            every_bullet(self.mode),
            "",
        );
        let mut found = gathered.steps.into_iter();
        let Some(step) = found.next() else {
            back.text.extend(gathered.text);
            return;
        };
        self.shared.notes.guess(
            item.line,
            format!("“{}” is a trigger that people fire", step.title),
        );
        let mut text = vec![format!(
            "guessed from line {}: a trigger that people fire",
            item.line
        )];
        text.extend(step.text);
        let below: Vec<Step> = step.steps.into_iter().chain(found).collect();
        back.triggers.push(Trigger {
            title: step.title,
            text: Some(text.join("\n")),
            rollbacks: Vec::new(),
        });
        push_below(below, back);
    }
}

/// The option that an export names in a rollback's text.
fn after_option(text: &str) -> Option<&str> {
    text.lines()
        .next()?
        .strip_prefix("Offered after “")?
        .strip_suffix("” was taken.")
}

/// Conditions below a condition are triggers too.
fn push_below(steps: Vec<Step>, back: &mut Back) {
    for step in steps {
        back.triggers.push(Trigger {
            title: step.title,
            text: (!step.text.is_empty()).then(|| step.text.join("\n")),
            rollbacks: Vec::new(),
        });
        push_below(step.steps, back);
    }
}

fn as_list(item: &Item) -> Block {
    let list = super::List {
        ordered: false,
        items: vec![item.clone()],
        boxes: item.boxes,
    };
    Block {
        line: item.line,
        end: item.line + 1,
        raw: String::new(),
        kind: Kind::List(list),
    }
}

fn every_bullet(mode: Mode) -> Mode {
    Mode {
        ordered: true,
        bullets: true,
        ..mode
    }
}

/// Under a rollback ordered lists are steps; bullets only where there is nothing else.
fn rollback_mode(mode: Mode, node: &Node) -> Mode {
    let others = node.blocks.iter().any(|block| match &block.kind {
        Kind::List(list) => list.ordered || list.boxes > 0,
        Kind::Code(_) => true,
        _ => false,
    });
    Mode {
        ordered: true,
        bullets: !others && node.children.is_empty(),
        ..mode
    }
}

/// A checklist about being ready to go back is no way back.
fn is_readiness(node: &Node) -> bool {
    let lower = node.title.to_lowercase();
    let ready = ["readiness", "preparation", "prepared", "tested", "testing"];
    ready.iter().any(|word| lower.contains(word))
        && super::super::blocks::boxes_in(&node.blocks) > 0
}

/// Whether anything below the heading can be walked or fires.
fn goes_back(node: &Node, mode: Mode) -> bool {
    let mut found = false;
    visit(node, &mut |node| {
        let lists = node
            .blocks
            .iter()
            .any(|block| matches!(block.kind, Kind::List(_)));
        found |= lists
            || node
                .blocks
                .iter()
                .any(|block| rollback_mode(mode, node).takes(block));
    });
    found
}

fn is_aftermath(title: &str) -> bool {
    let lower = title.to_lowercase();
    lower.starts_with("post") || lower.starts_with("after") || lower.starts_with("communicat")
}

/// A budget in a line that speaks of time.
fn timed(text: &str) -> Option<Duration> {
    let lower = text.to_lowercase();
    let speaks = lower.contains("time") || lower.contains("within") || lower.contains("duration");
    speaks.then(|| stage::budget(text)).flatten()
}
