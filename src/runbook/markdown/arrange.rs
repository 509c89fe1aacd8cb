//! From the tree of headings to phases and their sections; what is something else goes to the files beside this.

use std::collections::HashMap;

use jiff::SignedDuration;

use super::blocks::{Kind, List, is_check_table};
use super::outline::{Choice, Outline, Phase, Section, Step};
use super::source::Field;
use super::stage::{self, Guess};
use super::steps::{Gathered, Mode, Shared, gather};
use super::tree::{self, Node};
use crate::runbook::Stage;

mod back;
mod choices;
mod finish;
mod head;
mod headings;
mod lists;

pub(super) use self::head::base_name;
use self::head::{only_top_heading, title_of_file};
use self::headings::{
    guess_of, is_critical, is_numbered_step, is_procedure, is_sign_off, last_before,
    take_stage_line,
};

/// How an export begins.
const EXPORT_MARK: &str = "<!-- Exported by tminus";

/// A whole document, ready to be arranged.
pub(super) struct Document {
    pub(super) root: Node,
    pub(super) front: Vec<Field>,
    pub(super) file_name: String,
}

/// Arranges a document; what is shared keeps the notes and counts.
pub(super) fn arrange(document: Document, shared: &mut Shared) -> Outline {
    let mut arranger = Arranger {
        mode: mode_of(&document.root),
        shared,
        outline: Outline::default(),
        drafts: Vec::new(),
        pending: Vec::new(),
        options: HashMap::new(),
        later: false,
        afterwards: false,
        last_before: None,
    };
    arranger.document(document);
    arranger.finish()
}

/// In a document without any box the ordered lists are the steps, and rows of tables that list things to do; without
/// those the bullets.
fn mode_of(root: &Node) -> Mode {
    let (mut boxes, mut ordered, mut rows) = (0, false, false);
    visit(root, &mut |node| {
        boxes += super::blocks::boxes_in(&node.blocks);
        rows |= node
            .blocks
            .iter()
            .any(|block| matches!(&block.kind, Kind::Table(rows) if is_check_table(rows)));
        ordered |= node
            .blocks
            .iter()
            .any(|block| matches!(&block.kind, Kind::List(list) if list.ordered));
    });
    let plain = is_export(root);
    Mode {
        ordered: boxes == 0 && !plain,
        bullets: boxes == 0 && !ordered && !rows && !plain,
        rows: boxes == 0 && !plain,
        plain,
        ..Mode::default()
    }
}

/// Whether this program wrote the document: then nothing in it needs guessing.
fn is_export(root: &Node) -> bool {
    let first = root.blocks.first();
    first.is_some_and(|block| {
        matches!(block.kind, Kind::Comment) && block.raw.starts_with(EXPORT_MARK)
    })
}

fn visit<'n>(node: &'n Node, see: &mut dyn FnMut(&'n Node)) {
    see(node);
    for child in &node.children {
        visit(child, see);
    }
}

/// A phase whose sections are still coming.
struct Draft {
    phase: Phase,
    /// Its heading says nothing of a stage and holds no other headings.
    plain: bool,
    /// The stage was written by an export.
    written: bool,
    /// Where it stands in the document doesn't say when it is due.
    apart: bool,
    line: usize,
}

struct Arranger<'a> {
    mode: Mode,
    shared: &'a mut Shared,
    outline: Outline,
    drafts: Vec<Draft>,
    /// Texts that wait for the next section.
    pending: Vec<String>,
    /// Of each platform the title of the first option that names it.
    options: HashMap<&'static str, String>,
    /// A launch or what follows it was met: what says nothing of a stage comes after it.
    later: bool,
    /// What follows a launch was met.
    afterwards: bool,
    /// The line of the last heading that is due before the launch.
    last_before: Option<usize>,
}

/// Where a heading stands while the tree is walked.
#[derive(Clone)]
struct Place {
    /// Position of the phase in the drafts.
    draft: usize,
    /// Titles between the phase and the heading.
    path: Vec<String>,
    /// The id that an export wrote behind the heading.
    id: String,
    guess: Option<Guess>,
    must: bool,
}

impl Arranger<'_> {
    fn document(&mut self, document: Document) {
        let Document {
            mut root,
            front,
            file_name,
        } = document;
        self.learn_legend(&root);
        self.outline
            .comments
            .push(format!("Imported from {}.", base_name(&file_name)));
        let written = self.front_matter(&front);
        let titled = only_top_heading(&root);
        self.outline.title = match (&titled, written) {
            (Some(_), _) => String::new(),
            (None, Some(title)) => title,
            (None, None) => title_of_file(&file_name),
        };
        if titled.is_some() {
            let blocks = std::mem::take(&mut root.blocks);
            root = std::mem::take(&mut root.children).swap_remove(0);
            root.blocks.splice(0..0, blocks);
            self.outline.title = root.title.clone();
            self.heading_rest(&root);
        }
        self.top(root);
    }

    /// Walks the children of the title.
    fn top(&mut self, mut root: Node) {
        self.split_labels(&mut root, false);
        self.preamble(&mut root);
        self.last_before = last_before(&root);
        for mut node in root.children {
            let guess = self.guess(&node);
            self.top_heading(&mut node, guess);
        }
    }

    /// The stage a heading speaks of, in the light of the headings around it.
    fn guess(&self, node: &Node) -> Option<Guess> {
        let mut guess = guess_of(node)?;
        let certain = guess.strong && guess.pure;
        if !certain && self.last_before > Some(node.line) {
            guess.stage = Stage::PreLaunch;
        }
        // `Deployment checklist` is a topic where its own headings say when.
        let says_when = |child: &Node| guess_of(child).is_some_and(|guess| guess.strong);
        let topic = !guess.strong && node.children.iter().any(says_when);
        (!topic).then_some(guess)
    }

    fn top_heading(&mut self, node: &mut Node, guess: Option<Guess>) {
        let explicit = take_stage_line(node);
        let special = match (&explicit, self.mode.plain) {
            (Some(_), _) => false,
            (None, true) => self.special_of_export(node),
            (None, false) => self.special(node),
        };
        if special {
            return;
        }
        if explicit.is_none() && !self.has_steps(node) {
            self.text_only(node, guess);
            return;
        }
        let leaf = node.children.is_empty();
        let place = match explicit {
            Some((stage, at)) => self.open_written(node, stage, at),
            None => self.open_phase(&node.title, node.line, guess, leaf),
        };
        self.walk(node, &place);
    }

    fn open_written(&mut self, node: &Node, stage: Stage, at: Option<SignedDuration>) -> Place {
        self.later |= stage != Stage::PreLaunch;
        self.afterwards |= stage == Stage::PostLaunch;
        self.drafts.push(Draft {
            phase: Phase {
                id: node.id.clone(),
                ..phase(&node.title, stage, at)
            },
            plain: false,
            written: true,
            apart: false,
            line: 0,
        });
        self.place(Some(Guess {
            stage,
            strong: true,
            pure: false,
            apart: false,
        }))
    }

    /// Opens a phase at the end.
    fn open_phase(&mut self, title: &str, line: usize, guess: Option<Guess>, leaf: bool) -> Place {
        let stage = match guess {
            // After the launch nothing goes back to it.
            Some(guess) if guess.stage == Stage::Launch && self.afterwards => Stage::PostLaunch,
            // The order of a procedure is worth more than a word in a heading.
            Some(guess) if guess.stage == Stage::PreLaunch && self.later && !guess.apart => {
                Stage::PostLaunch
            }
            Some(guess) => guess.stage,
            None if self.later => Stage::PostLaunch,
            None => Stage::PreLaunch,
        };
        self.later |= stage != Stage::PreLaunch;
        self.afterwards |= stage == Stage::PostLaunch;
        let mut phase = phase(title, stage, stage::time(title));
        if guess.is_some() {
            let what = format!("“{title}” is a {} phase", stage.name());
            self.shared.notes.guess(line, &what);
            phase
                .comments
                .push(format!("guessed from line {line}: {what}"));
        }
        self.drafts.push(Draft {
            phase,
            plain: leaf && guess.is_none(),
            written: false,
            apart: guess.is_some_and(|guess| guess.apart),
            line,
        });
        self.place(guess)
    }

    fn place(&self, guess: Option<Guess>) -> Place {
        Place {
            draft: self.drafts.len() - 1,
            path: Vec::new(),
            id: String::new(),
            guess,
            must: false,
        }
    }

    /// Walks a heading that is a phase or stands below one.
    fn walk(&mut self, node: &mut Node, place: &Place) {
        self.heading_rest(node);
        let sign_off = is_sign_off(&node.title) && !self.mode.plain;
        self.split_labels(node, sign_off);
        let must = place.must || (is_critical(node) && !self.mode.plain);
        let place = Place {
            must,
            ..place.clone()
        };
        let mode = Mode {
            sign_off,
            must,
            ..self.mode
        };
        let mut gathered = gather(self.shared, &node.blocks, mode, &node.title);
        if let Some(sign) = &node.status {
            let optional = self.shared.is_optional(sign);
            gathered.text.insert(0, self.shared.status(sign, node.line));
            for step in gathered.steps.iter_mut().filter(|_| optional) {
                step.optional = true;
            }
        }
        if let Some(due) =
            stage::deadline(&node.title).filter(|_| node.title.to_lowercase().starts_with("within"))
        {
            for step in &mut gathered.steps {
                step.at = step.at.or(Some(due));
            }
        }
        self.numbered_headings(node, &mut gathered);
        self.section(node, gathered, place);
    }

    /// `Step 3: Drain the queue`: the headings below are the steps, where nothing in the document has a box.
    fn numbered_headings(&mut self, node: &mut Node, gathered: &mut Gathered) {
        if !self.mode.ordered || !is_procedure(node) {
            return;
        }
        for mut child in std::mem::take(&mut node.children) {
            if is_numbered_step(&child) {
                self.shared
                    .notes
                    .guess(child.line, "a numbered heading was taken for a step");
                gathered.steps.push(self.numbered_step(&mut child));
            } else {
                node.children.push(child);
            }
        }
    }

    /// The step that a numbered heading stands for, with what stands below it.
    fn numbered_step(&mut self, node: &mut Node) -> Step {
        let ordered = Mode {
            ordered: true,
            ..self.mode
        };
        let saved = std::mem::replace(&mut self.mode, ordered);
        let mut below = self.all_steps(node);
        self.mode = saved;
        let mut step = match below.steps.as_mut_slice() {
            [only] if only.title == node.title => std::mem::take(only),
            _ => Step {
                title: node.title.clone(),
                steps: below.steps,
                ..Step::default()
            },
        };
        step.text.extend(below.text);
        step.comments.extend(below.comments);
        step
    }

    fn section(&mut self, node: &mut Node, gathered: Gathered, place: Place) {
        let title = match place.path.as_slice() {
            [] => node.title.clone(),
            path => path.join(": "),
        };
        let options = match (self.mode.plain, place.path.is_empty()) {
            (true, true) => Vec::new(),
            _ => self.take_options(node, &title),
        };
        let holds_others = !node.children.is_empty() || !options.is_empty();
        if gathered.steps.is_empty() && holds_others {
            self.pending.extend(gathered.text);
            self.drafts[place.draft]
                .phase
                .comments
                .extend(gathered.comments);
        } else if !gathered.steps.is_empty() || !place.path.is_empty() || !gathered.text.is_empty()
        {
            self.emit(title.clone(), gathered, &place);
        }
        if !options.is_empty() {
            let text = std::mem::take(&mut self.pending);
            self.drafts[place.draft].phase.sections.push(Section {
                id: place.id.clone(),
                title,
                text,
                options,
                ..Section::default()
            });
        }
        for child in &mut std::mem::take(&mut node.children) {
            self.child(child, &place);
        }
    }

    fn child(&mut self, node: &mut Node, place: &Place) {
        if self.mode.plain {
            let mut inner = below(place, &node.title);
            inner.id.clone_from(&node.id);
            self.walk(node, &inner);
            return;
        }
        if self.special(node) {
            return;
        }
        if !self.has_steps(node) && !node.children.is_empty() {
            // Nothing to do in it: one section holds it all.
            let text = self.texts_of(node);
            let gathered = Gathered {
                text,
                ..Gathered::default()
            };
            self.emit(below(place, &node.title).path.join(": "), gathered, place);
            return;
        }
        let guess = self.guess(node);
        if let Some(guess) = guess.filter(|guess| self.splits(*guess, node, place)) {
            let parent = self.drafts[place.draft].phase.title.clone();
            let written = self.drafts[place.draft].written;
            let inner = self.open_phase(&node.title, node.line, Some(guess), false);
            let draft = &mut self.drafts[inner.draft];
            draft.written = written;
            draft.phase.comments.push(format!("under “{parent}”"));
            self.walk(node, &inner);
            return;
        }
        // What follows a heading that opened a phase stays behind it.
        if place.draft + 1 < self.drafts.len() && place.path.is_empty() {
            let leaf = node.children.is_empty();
            let after = self.open_phase(&node.title, node.line, None, leaf);
            self.walk(node, &after);
            return;
        }
        self.walk(node, &below(place, &node.title));
    }

    /// Whether a heading below a phase opens one of its own.
    fn splits(&self, guess: Guess, node: &Node, place: &Place) -> bool {
        let draft = &self.drafts[place.draft];
        if draft.written || !self.has_steps(node) {
            return false;
        }
        let timed = stage::t_time(&node.title).is_some();
        let differs = guess.stage != draft.phase.stage;
        let parent_strong = place.guess.is_some_and(|guess| guess.strong);
        let direct = place.path.is_empty();
        timed || (differs && guess.strong && (guess.pure || (direct && !parent_strong)))
    }

    fn emit(&mut self, title: String, gathered: Gathered, place: &Place) {
        let mut text = std::mem::take(&mut self.pending);
        text.extend(gathered.text);
        self.drafts[place.draft].phase.sections.push(Section {
            id: place.id.clone(),
            title,
            text,
            comments: gathered.comments,
            steps: gathered.steps,
            options: Vec::new(),
        });
    }

    /// A heading under which there is nothing to do joins the phase before it, or the first one.
    fn text_only(&mut self, node: &mut Node, guess: Option<Guess>) {
        let text = self.texts_of(node);
        if self.mode.plain {
            self.outline.comments.push(node.title.clone());
            self.outline.comments.extend(text);
            return;
        }
        let stage = self.drafts.last().map(|draft| draft.phase.stage);
        if stage.is_some() && guess.is_some_and(|guess| guess.strong && Some(guess.stage) > stage) {
            self.open_phase(&node.title, node.line, guess, false);
        }
        match self.drafts.last_mut() {
            Some(draft) => draft.phase.sections.push(Section {
                title: node.title.clone(),
                text,
                ..Section::default()
            }),
            None => {
                self.pending.push(as_label(&node.title));
                self.pending.extend(text);
            }
        }
    }

    /// All texts of a heading and of those below it, with their titles.
    fn texts_of(&mut self, node: &mut Node) -> Vec<String> {
        self.shared.notes.keep(node.line, &node.title);
        self.heading_rest(node);
        let no_steps = Mode::default();
        let mut texts = Vec::new();
        if let Some(sign) = &node.status {
            texts.push(self.shared.status(sign, node.line));
        }
        let gathered = gather(self.shared, &node.blocks, no_steps, &node.title);
        texts.extend(gathered.text);
        self.outline.comments.extend(gathered.comments);
        for child in &mut node.children {
            texts.push(as_label(&child.title));
            texts.extend(self.texts_of(child));
        }
        texts
    }

    /// Keeps what a heading's title left out.
    fn heading_rest(&mut self, node: &Node) {
        if let Some(raw) = &node.raw {
            self.shared.notes.keep(node.line, raw);
            self.pending.push(raw.clone());
        }
    }

    fn split_labels(&mut self, node: &mut Node, sign_off: bool) {
        let mode = Mode {
            sign_off,
            ..self.mode
        };
        if !sign_off && !mode.plain {
            tree::split_labels(node, false, &|block| mode.takes(block));
        }
    }

    fn has_steps(&self, node: &Node) -> bool {
        let mode = Mode {
            sign_off: is_sign_off(&node.title),
            ..self.mode
        };
        let numbered = self.mode.ordered && is_numbered_step(node);
        numbered
            || node.blocks.iter().any(|block| mode.takes(block))
            || node.children.iter().any(|child| self.has_steps(child))
    }

    fn has_boxes(&self, node: &Node) -> bool {
        let mut boxes = 0;
        visit(node, &mut |node| {
            boxes += super::blocks::boxes_in(&node.blocks)
        });
        boxes > 0
    }
}

/// A heading that became a line of text.
fn as_label(title: &str) -> String {
    format!("{}:", title.trim_end_matches(':'))
}

fn phase(title: &str, stage: Stage, at: Option<SignedDuration>) -> Phase {
    Phase {
        id: String::new(),
        title: title.to_owned(),
        stage,
        at,
        comments: Vec::new(),
        sections: Vec::new(),
    }
}

fn below(place: &Place, title: &str) -> Place {
    let mut place = place.clone();
    place.path.push(title.to_owned());
    place
}

/// An alternative with its steps.
fn choice(title: &str, id: &str, gathered: Gathered) -> Choice {
    let mut comments = gathered.comments;
    comments.extend(gathered.text);
    Choice {
        id: id.to_owned(),
        title: title.to_owned(),
        comments,
        steps: gathered.steps,
    }
}
