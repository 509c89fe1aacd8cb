//! Headings as a tree, with checklists from fences and folded parts put where they belong.

use std::borrow::Cow;

use super::Notes;
use super::blocks::{self, Block, Kind, Prose};
use super::exported;
use super::marks::trailing_status;
use super::shell::{Use, classify};

/// Fences within fences and tags within tags are opened up to this depth.
const MOST_OPENED: usize = 3;

/// A heading with what stands below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Written by an export; empty where the title gives it.
    pub(super) id: String,
    /// Plain title, its status mark taken off.
    pub(super) title: String,
    pub(super) status: Option<String>,
    /// The heading as it was written, where its title doesn't hold all words of it.
    pub(super) raw: Option<String>,
    pub(super) line: usize,
    pub(super) level: usize,
    pub(super) blocks: Vec<Block>,
    pub(super) children: Vec<Node>,
}

/// Reads a document.
pub(super) fn read(text: &str, notes: &mut Notes) -> Node {
    let mut builder = Builder {
        open: vec![Node::default()],
        notes,
    };
    builder.add(blocks::read(text, 1), 0, 0);
    builder.close_to(1);
    builder.open.pop().unwrap_or_default()
}

struct Builder<'n> {
    /// The root and the headings that are open, each deeper than the one before.
    open: Vec<Node>,
    notes: &'n mut Notes,
}

impl Builder<'_> {
    /// Adds blocks whose headings are so many levels deeper than written.
    fn add(&mut self, blocks: Vec<Block>, shift: usize, opened: usize) {
        for block in blocks {
            match block.kind {
                Kind::Heading(level, prose) => self.heading(level + shift, prose, block.line),
                Kind::Code(ref code) if opened < MOST_OPENED => {
                    let inner = opens(code).then(|| blocks::read(&code.body, code.body_line));
                    match inner.filter(|inner| is_checklist(inner)) {
                        Some(inner) => {
                            let what =
                                "the Markdown inside the fence was read as part of the checklist";
                            self.notes.guess(block.line, what);
                            self.insert(inner, opened + 1);
                        }
                        None => self.push(block),
                    }
                }
                Kind::Html if opened < MOST_OPENED => {
                    self.notes.keep(block.line, &block.raw);
                    let inner = blocks::read(&without_tags(&block.raw), block.line);
                    self.add(inner, 0, opened + 1);
                }
                _ => self.push(block),
            }
        }
    }

    /// What a fence holds stands below the heading that the fence stands under.
    fn insert(&mut self, inner: Vec<Block>, opened: usize) {
        let depth = self.open.len();
        let enclosing = self.open.last().map_or(0, |node| node.level);
        let levels = inner.iter().filter_map(|block| match block.kind {
            Kind::Heading(level, _) => Some(level),
            _ => None,
        });
        let highest = levels.min().unwrap_or(1);
        self.add(inner, (enclosing + 1).saturating_sub(highest), opened);
        self.close_to(depth);
    }

    /// Adds a block to the heading that is open. Behind a fence with headings of its own, what there is to do goes on
    /// below a heading of its own, too: it would come before theirs otherwise.
    fn push(&mut self, block: Block) {
        let Some(node) = self.open.last_mut() else {
            return;
        };
        if node.children.is_empty() || !(block.boxes() > 0 || matches!(block.kind, Kind::Code(_))) {
            node.blocks.push(block);
            return;
        }
        let title = format!("{} (continued)", node.title);
        let going_on = node.children.last().is_some_and(|last| last.title == title);
        if !going_on {
            node.children.push(Node {
                title,
                line: block.line,
                level: node.level + 1,
                ..Node::default()
            });
        }
        if let Some(last) = node.children.last_mut() {
            last.blocks.push(block);
        }
    }

    fn heading(&mut self, level: usize, prose: Prose, line: usize) {
        let joined = prose.joined();
        // An escape in a heading says that it means itself.
        let written = prose.raw.contains('\\');
        let (title, status) = match trailing_status(&joined).filter(|_| !written) {
            Some((title, status)) => (title, Some(status)),
            None => (joined.as_str(), None),
        };
        let title = if written {
            title.trim().to_owned()
        } else {
            super::shell::without_number(title.trim()).to_owned()
        };
        if title.trim().is_empty() {
            return;
        }
        let keep = self.open.iter().position(|node| node.level >= level);
        self.close_to(keep.unwrap_or(self.open.len()).max(1));
        let (written_raw, id) = exported::id(&prose.raw).unwrap_or((&prose.raw, ""));
        // The number in front of a heading says what its place says anyway.
        let bare = super::shell::without_number(written_raw.trim_start_matches(['#', ' ']));
        let raw = super::loses_words(bare, &[&title]).then(|| prose.raw.clone());
        self.open.push(Node {
            id: id.to_owned(),
            title,
            status,
            raw,
            line,
            level,
            ..Node::default()
        });
    }

    /// Closes headings until so many are open.
    fn close_to(&mut self, count: usize) {
        while self.open.len() > count.max(1) {
            let node = self.open.pop().unwrap_or_default();
            if let Some(parent) = self.open.last_mut() {
                parent.children.push(node);
            }
        }
    }
}

fn opens(code: &blocks::Code) -> bool {
    classify(&code.language, "") == Use::Markdown
}

/// Whether Markdown in a fence is a checklist or a procedure, and not just an example of some text.
fn is_checklist(inner: &[Block]) -> bool {
    blocks::boxes_in(inner) > 0
        || inner
            .iter()
            .any(|block| matches!(&block.kind, Kind::List(list) if list.ordered))
}

/// An HTML block without its tags, line by line: summaries become labels, list items items.
pub(super) fn without_tags(html: &str) -> String {
    let lines: Vec<Cow<'_, str>> = html.lines().map(line_without_tags).collect();
    lines.join("\n")
}

fn line_without_tags(line: &str) -> Cow<'_, str> {
    if !line.contains('<') {
        return Cow::Borrowed(line);
    }
    let mut result = String::new();
    let mut rest = line;
    while let Some((before, tag)) = rest.split_once('<') {
        result.push_str(before);
        let Some((tag, after)) = tag.split_once('>') else {
            result.push('<');
            rest = tag;
            break;
        };
        result.push_str(&replacement(tag));
        rest = after;
    }
    result.push_str(rest);
    Cow::Owned(result)
}

fn replacement(tag: &str) -> Cow<'_, str> {
    let name = tag
        .split([' ', '/'])
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    let opening = !tag.starts_with('/');
    match (name.to_ascii_lowercase().as_str(), opening) {
        ("summary" | "b" | "strong", _) => Cow::Borrowed("**"),
        ("li", true) => Cow::Borrowed("- "),
        ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", true) => {
            Cow::Owned("#".repeat(usize::from(name.as_bytes()[1] - b'0')) + " ")
        }
        ("input", true) if tag.contains("checked") => Cow::Borrowed("[x]"),
        ("input", true) if tag.contains("checkbox") => Cow::Borrowed("[ ]"),
        _ => Cow::Borrowed(""),
    }
}

/// The words of a label: a short line that is bold or ends with a colon; and whether it is bold.
pub(super) fn label(prose: &Prose) -> Option<(String, bool)> {
    let text = prose.joined();
    let raw = prose.raw.trim().trim_end_matches(':');
    let bold = ["**", "__"].iter().any(|mark| {
        let inside = raw
            .strip_prefix(mark)
            .and_then(|rest| rest.strip_suffix(mark));
        inside.is_some_and(|inside| !inside.contains(mark))
    });
    let short = text.len() <= 120 && !text.contains("__") && prose.boxes() == 0;
    let ends = text.ends_with([':', '：']);
    let words = text.trim_end_matches([':', '：']).trim().to_owned();
    (short && !words.is_empty() && (bold || ends)).then_some((words, bold))
}

/// Makes headings of labels that stand before lists (or, with `code`, before fences) which become steps.
pub(super) fn split_labels(node: &mut Node, code: bool, is_steps: &dyn Fn(&Block) -> bool) {
    let heads = |index: usize, blocks: &[Block]| -> Option<(String, bool)> {
        let Kind::Prose(prose) = &blocks[index].kind else {
            return None;
        };
        let next = blocks.get(index + 1)?;
        let list = matches!(next.kind, Kind::List(_)) && (is_steps(next) || code);
        let fence = code && matches!(next.kind, Kind::Code(_));
        label(prose).filter(|_| list || fence)
    };
    let found: Vec<Option<(String, bool)>> = (0..node.blocks.len())
        .map(|index| heads(index, &node.blocks))
        .collect();
    let several = found.iter().flatten().count() > 1;
    let mut children: Vec<Node> = Vec::new();
    let mut own = Vec::new();
    for (block, label) in std::mem::take(&mut node.blocks).into_iter().zip(found) {
        match (label, children.last_mut()) {
            (Some((title, bold)), _) if bold || several || code => children.push(Node {
                title,
                line: block.line,
                level: node.level + 1,
                ..Node::default()
            }),
            (_, Some(child)) => child.blocks.push(block),
            (_, None) => own.push(block),
        }
    }
    node.blocks = own;
    children.append(&mut node.children);
    node.children = children;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(node: &Node) -> String {
        let children: Vec<String> = node.children.iter().map(titles).collect();
        format!("{}({})", node.title, children.join(" "))
    }

    #[test]
    fn headings_make_a_tree_even_when_levels_are_left_out() {
        let root = read("# A\n### B\n## C\n#### D\n# E\n", &mut Notes::default());
        assert_eq!(titles(&root), "(A(B() C(D())) E())");
    }

    #[test]
    fn a_checklist_in_a_fence_stands_below_its_heading() {
        let text = "## A\n### B\n```markdown\n## C\n- [ ] x\n```\n### D\n";
        assert_eq!(
            titles(&read(text, &mut Notes::default())),
            "(A(B(C()) D()))"
        );
    }

    #[test]
    fn folded_parts_are_opened() {
        let text = "<details>\n<summary>More</summary>\n- [ ] x\n</details>\n";
        let root = read(text, &mut Notes::default());
        assert_eq!(blocks::boxes_in(&root.blocks), 1);
    }

    #[test]
    fn statuses_and_numbers_come_off_titles() {
        let root = read("## 3. Redis [🔴]\n## 1\\. Kept\n", &mut Notes::default());
        assert_eq!(root.children[0].title, "Redis");
        assert_eq!(root.children[0].status.as_deref(), Some("🔴"));
        assert_eq!(root.children[1].title, "1. Kept");
    }
}
