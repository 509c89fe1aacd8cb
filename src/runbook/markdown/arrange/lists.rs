//! Headings that are no phase: upkeep, quick commands, contacts, links.

use std::time::Duration;

use super::super::blocks::{Item, Kind};
use super::super::outline::{Command, Step, Upkeep};
use super::super::steps::{Gathered, gather};
use super::super::tree::Node;
use super::super::{exported, loses_words, shell, stage};
use super::headings::written_duration;
use super::{Arranger, visit};

impl Arranger<'_> {
    /// Headings that are no phase and no section; says whether this is one.
    pub(super) fn special(&mut self, node: &mut Node) -> bool {
        if stage::is_rollback(&node.title) || stage::is_trigger(&node.title, false) {
            return self.way_back(node);
        }
        if let Some(every) =
            stage::recurrence(upkeep_title(&node.title)).filter(|_| self.has_steps(node))
        {
            self.upkeep(node, every);
            return true;
        }
        let lower = node.title.to_lowercase();
        match lower.as_str() {
            title if title.contains("command") && !self.has_boxes(node) => {
                self.quick_commands(node)
            }
            "contact" | "contacts" => self.contacts(node),
            "links"
            | "resources"
            | "references"
            | "external resources"
            | "additional resources" => self.links(node),
            _ => false,
        }
    }

    /// The same for the headings that an export writes.
    pub(super) fn special_of_export(&mut self, node: &mut Node) -> bool {
        if let Some(every) = written_duration(&node.title, "every") {
            self.upkeep(node, every);
            return true;
        }
        match node.title.as_str() {
            title if title.starts_with("Rollback") => {
                self.way_back(node);
                true
            }
            "Quick commands" => self.quick_commands(node),
            "Contacts" => self.contacts(node),
            "Links" => self.pairs(node).is_some_and(|pairs| {
                self.outline.links.extend(pairs);
                true
            }),
            "Roles" => self.roles(node),
            _ => false,
        }
    }

    /// The roles as an export lists them: `ops: Operations`.
    fn roles(&mut self, node: &Node) -> bool {
        let Some(listed) = self.pairs(node) else {
            return false;
        };
        self.shared.roles.put_first(listed);
        true
    }

    pub(super) fn upkeep(&mut self, node: &mut Node, every: Duration) {
        let title = upkeep_title(&node.title).to_owned();
        let title = title
            .rsplit_once(" (every ")
            .map_or(title.as_str(), |(title, _)| title)
            .to_owned();
        let gathered = self.all_steps(node);
        let what = format!("“{title}” recurs: it became a list of upkeep");
        self.shared.notes.guess(node.line, &what);
        let mut comments = vec![format!("guessed from line {}: {what}", node.line)];
        comments.extend(gathered.comments);
        comments.extend(gathered.text);
        self.outline.upkeep.push(Upkeep {
            id: node.id.clone(),
            title,
            every,
            comments,
            steps: gathered.steps,
        });
    }

    /// The steps of a heading and of all below it, which become groups.
    pub(super) fn all_steps(&mut self, node: &mut Node) -> Gathered {
        self.heading_rest(node);
        let mut gathered = gather(self.shared, &node.blocks, self.mode, &node.title);
        for child in &mut node.children {
            let below = self.all_steps(child);
            gathered.comments.extend(below.comments);
            if below.steps.is_empty() {
                self.shared.notes.keep(child.line, &child.title);
                gathered.text.push(child.title.clone());
                gathered.text.extend(below.text);
                continue;
            }
            gathered.steps.push(Step {
                title: child.title.clone(),
                text: below.text,
                steps: below.steps,
                ..Step::default()
            });
        }
        gathered
    }

    pub(super) fn quick_commands(&mut self, node: &Node) -> bool {
        let mut commands = Vec::new();
        let mut alone = true;
        visit(node, &mut |node| {
            for block in &node.blocks {
                match &block.kind {
                    Kind::Code(code) if code.closed => {
                        match shell::classify(&code.language, &code.body) {
                            shell::Use::Command(run) => commands.push((
                                node.title.clone(),
                                node.line,
                                block.line,
                                run,
                                Vec::new(),
                            )),
                            _ => alone = false,
                        }
                    }
                    Kind::Rule => {}
                    Kind::Quote(_) if self.mode.plain => {
                        let mut said = Step::default();
                        let rest = exported::take(&mut said, std::slice::from_ref(block));
                        alone &= rest.is_empty();
                        if let Some((.., facts)) = commands.last_mut() {
                            *facts = said.facts;
                        }
                    }
                    _ => alone = false,
                }
            }
        });
        if commands.is_empty() || !alone {
            return false;
        }
        self.shared.notes.keep(node.line, &node.title);
        self.outline
            .comments
            .push(format!("Quick commands are those under “{}”.", node.title));
        for (heading, heading_line, line, run, facts) in commands {
            self.shared.notes.guess(
                line,
                "taken for quick commands; destructive until a level is written",
            );
            self.shared.notes.keep(heading_line, &heading);
            for piece in pieces_of(&run, self.mode.plain) {
                let title = piece
                    .title
                    .map_or(heading.clone(), |title| format!("{heading}: {title}"));
                self.outline.commands.push(Command {
                    title,
                    run: piece.run,
                    facts: facts.clone(),
                });
            }
        }
        true
    }

    /// A heading's only list, where every item is a name and something behind a colon.
    fn pairs(&mut self, node: &Node) -> Option<Vec<(String, String)>> {
        let items = only_items(node)?;
        let pairs = items.iter().map(contact).collect::<Option<_>>()?;
        self.shared.notes.keep(node.line, &node.title);
        Some(pairs)
    }

    pub(super) fn contacts(&mut self, node: &Node) -> bool {
        match self.pairs(node) {
            Some(pairs) => {
                self.shared.notes.guess(node.line, "taken for contacts");
                self.outline.contacts.extend(pairs);
                true
            }
            None => false,
        }
    }

    pub(super) fn links(&mut self, node: &Node) -> bool {
        let Some(items) = only_items(node) else {
            return false;
        };
        let pairs: Option<Vec<(String, String)>> = items.iter().map(link).collect();
        match pairs {
            Some(pairs) => {
                self.shared.notes.keep(node.line, &node.title);
                self.shared.notes.guess(node.line, "taken for links");
                self.outline.links.extend(pairs);
                true
            }
            None => false,
        }
    }
}

/// A block of commands in its pieces; one from an export is one command.
fn pieces_of(run: &str, whole: bool) -> Vec<shell::Piece> {
    if whole {
        return vec![shell::Piece {
            title: None,
            run: run.to_owned(),
        }];
    }
    shell::pieces(run)
}

fn upkeep_title(title: &str) -> &str {
    title.strip_prefix("Upkeep: ").unwrap_or(title)
}

/// The items of a heading's only list, if there is nothing else.
fn only_items(node: &Node) -> Option<&[Item]> {
    let mut blocks = node
        .blocks
        .iter()
        .filter(|block| !matches!(block.kind, Kind::Rule));
    match (blocks.next().map(|block| &block.kind), blocks.next()) {
        (Some(Kind::List(list)), None) if node.children.is_empty() && list.boxes == 0 => {
            Some(&list.items)
        }
        _ => None,
    }
}

fn contact(item: &Item) -> Option<(String, String)> {
    let [block] = item.blocks.as_slice() else {
        return None;
    };
    let Kind::Prose(prose) = &block.kind else {
        return None;
    };
    let text = prose.joined();
    let (name, reach) = text.split_once(": ")?;
    let whole = !loses_words(&block.raw, &[&text]);
    (whole && !name.trim().is_empty() && !reach.trim().is_empty())
        .then(|| (name.trim().to_owned(), reach.trim().to_owned()))
}

fn link(item: &Item) -> Option<(String, String)> {
    let [block] = item.blocks.as_slice() else {
        return None;
    };
    let Kind::Prose(prose) = &block.kind else {
        return None;
    };
    let [url] = prose.links.as_slice() else {
        return None;
    };
    let title = prose.joined();
    let whole = !loses_words(&block.raw, &[&title, url]);
    (whole && !title.is_empty() && !url.is_empty()).then(|| (title, url.clone()))
}
