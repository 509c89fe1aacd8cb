//! The head of a document: its title and summary, fields to fill in, front matter, the legend of its signs.

use std::collections::HashSet;

use super::super::blocks::{Block, Item, Kind, List};
use super::super::fields;
use super::super::loses_words;
use super::super::marks::legend_entry;
use super::super::source::Field;
use super::super::steps::gather;
use super::super::tree::{self, Node};
use super::{Arranger, visit};

impl Arranger<'_> {
    /// What stands before the first heading below the title.
    pub(super) fn preamble(&mut self, root: &mut Node) {
        self.header_fields(root);
        if let Some((index, summary)) = summary_of(&root.blocks) {
            root.blocks.remove(index);
            self.outline.summary = summary;
        }
        let mut gathered = gather(self.shared, &root.blocks, self.mode, "");
        self.numbered_headings(root, &mut gathered);
        if self.mode.plain {
            self.outline.comments.extend(gathered.text);
            return;
        }
        if gathered.steps.is_empty() {
            self.pending.extend(gathered.text);
            self.outline.comments.extend(gathered.comments);
            return;
        }
        let title = self.outline.title.clone();
        let place = self.open_phase(&title, root.line.max(1), None, true);
        self.emit("Checklist".to_owned(), gathered, &place);
    }

    /// Fields with blanks become variables; a paragraph of nothing else is used up.
    fn header_fields(&mut self, root: &mut Node) {
        let mut rest = Vec::new();
        for block in std::mem::take(&mut root.blocks) {
            let fields = fields::of_header(&block, self.mode.plain);
            let all = !fields.is_empty() && fields.len() >= block.raw.lines().count();
            for field in fields {
                let what = format!("the field “{}” is asked for when a run starts", field.label);
                self.shared.notes.guess(block.line, what);
                fields::add(&mut self.shared.variables, field);
            }
            if !all {
                rest.push(block);
            }
        }
        root.blocks = rest;
    }

    /// Learns what signs mean from a list whose every item is a sign and its meaning.
    pub(super) fn learn_legend(&mut self, root: &Node) {
        let mut found = None;
        visit(root, &mut |node| {
            for block in &node.blocks {
                if let Kind::List(list) = &block.kind
                    && list.items.len() > 1
                    && let Some(entries) = legend(list)
                {
                    found.get_or_insert((block.line, entries));
                }
            }
        });
        if let Some((line, entries)) = found {
            self.shared
                .notes
                .guess(line, format!("a legend of {} status marks", entries.len()));
            self.shared.legend.extend(entries);
        }
    }

    /// Takes over what the front matter says; gives its title.
    pub(super) fn front_matter(&mut self, front: &[Field]) -> Option<String> {
        let mut named = None;
        let mut title = None;
        for Field { line, key, value } in front {
            match key.as_str() {
                "title" => title = Some(value.clone()),
                "name" => named = Some(value.clone()),
                "description" => self.outline.summary.clone_from(value),
                _ => {}
            }
            self.shared.notes.keep(*line, &format!("{key}: {value}"));
            self.outline.comments.push(format!("{key}: {value}"));
        }
        title.or(named).filter(|title| !title.trim().is_empty())
    }
}

/// Every sign of a list with its meaning, if all of its items are such.
fn legend(list: &List) -> Option<Vec<(String, String)>> {
    let entry = |item: &Item| {
        let [block] = item.blocks.as_slice() else {
            return None;
        };
        // A sign like ⬜ is a box, too: look at what was written.
        let (sign, meaning) = legend_entry(&block.raw)?;
        Some((sign, meaning.to_owned()))
    };
    let entries: Vec<(String, String)> = list.items.iter().map(entry).collect::<Option<_>>()?;
    let signs: HashSet<&String> = entries.iter().map(|(sign, _)| sign).collect();
    (signs.len() == entries.len() && list.boxes == 0).then_some(entries)
}

/// The first paragraph, if it is prose of a readable length.
fn summary_of(blocks: &[Block]) -> Option<(usize, String)> {
    let (index, block) = blocks
        .iter()
        .enumerate()
        .find(|(_, block)| !matches!(block.kind, Kind::Rule | Kind::Comment | Kind::Html))?;
    let Kind::Prose(prose) = &block.kind else {
        return None;
    };
    let text = prose.joined();
    let plain = text.len() <= 400
        && !text.contains("___")
        && block.boxes() == 0
        && tree::label(prose).is_none();
    let whole = !loses_words(&prose.raw, &[&text]);
    (plain && whole && !text.is_empty()).then_some((index, text))
}

/// The document's one heading of the highest level, if it comes first: its title.
pub(super) fn only_top_heading(root: &Node) -> Option<()> {
    let [only] = root.children.as_slice() else {
        return None;
    };
    let title = only.level == 1 || !only.children.is_empty();
    title.then_some(())
}

/// A file's name without the folders in front of it, which are nobody else's business.
pub(in crate::runbook::markdown) fn base_name(file_name: &str) -> &str {
    file_name.rsplit(['/', '\\']).next().unwrap_or(file_name)
}

pub(super) fn title_of_file(file_name: &str) -> String {
    let name = base_name(file_name);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let words = stem.replace(['-', '_'], " ");
    let words = words.trim();
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => "Checklist".to_owned(),
    }
}
