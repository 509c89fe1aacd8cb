//! Blocks under one heading become steps, and what is no step becomes text.

use std::collections::BTreeMap;

mod items;

use self::items::{entitle, item_steps, sign};
use super::blocks::{Block, Code, Item, Kind, List, Prose, is_check_table, is_matrix};
use super::fields::{self, Field};
use super::marks::{Mark, bare_box, leading_box};
use super::outline::{Fact, Step, Variable};
use super::roles::Roles;
use super::shell::{self, Piece, Use};
use super::tree::label;
use super::{Notes, loses_words};

/// Which lists without boxes are steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) ordered: bool,
    pub(super) bullets: bool,
    /// Rows of tables that list things to do.
    pub(super) rows: bool,
    /// Every item is signed by whom it names.
    pub(super) sign_off: bool,
    /// Every task blocks.
    pub(super) must: bool,
    /// The document is an export: titles mean themselves and nothing is guessed from them.
    pub(super) plain: bool,
}

impl Mode {
    /// Whether a block gives steps.
    pub(super) fn takes(self, block: &Block) -> bool {
        match &block.kind {
            Kind::List(list) => self.takes_list(list),
            Kind::Code(code) => {
                code.closed
                    && matches!(shell::classify(&code.language, &code.body), Use::Command(_))
            }
            Kind::Quote(blocks) => blocks.iter().any(|block| self.takes(block)),
            Kind::Prose(prose) => {
                block.boxes() > 0 || (self.sign_off && fields::is_signature(&prose.joined(), true))
            }
            Kind::Table(rows) => {
                block.boxes() > 0
                    || (self.sign_off && rows.len() > 1)
                    || (self.rows && is_check_table(rows))
            }
            _ => false,
        }
    }

    fn takes_list(self, list: &List) -> bool {
        list.boxes > 0
            || self.sign_off
            || if list.ordered {
                self.ordered
            } else {
                self.bullets
            }
    }
}

/// What all of a document's steps share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) notes: Notes,
    /// Boxes that became steps or triggers.
    pub(super) tasks: usize,
    /// Ticks that were taken away: how many, and the first one's line.
    pub(super) ticked: (usize, usize),
    /// What the signs of the legend mean.
    pub(super) legend: BTreeMap<String, String>,
    /// How often each sign was used, and where first.
    pub(super) statuses: BTreeMap<String, (usize, usize)>,
    /// Roles that sign or act.
    pub(super) roles: Roles,
    pub(super) variables: Vec<Variable>,
}

impl Shared {
    /// Counts a status mark and says what it stood for.
    pub(super) fn status(&mut self, sign: &str, line: usize) -> String {
        let entry = self.statuses.entry(sign.to_owned()).or_insert((0, line));
        entry.0 += 1;
        match self.legend.get(sign) {
            Some(meaning) => format!("Status when imported: {sign} {meaning}"),
            None => format!("Status when imported: {sign}"),
        }
    }

    /// Whether the legend calls what has this sign optional.
    pub(super) fn is_optional(&self, sign: &str) -> bool {
        let meaning = self.legend.get(sign).map(|meaning| meaning.to_lowercase());
        meaning.is_some_and(|meaning| meaning.contains("optional") || meaning.contains("deferred"))
    }

    fn role(&mut self, title: &str) -> String {
        let id = crate::runbook::text::slug(title);
        self.roles.add(&id, title);
        id
    }

    /// Roles that an export names are known by their ids until its list of roles is met.
    fn name_roles(&mut self, step: &Step) {
        let does = step.facts.iter().filter_map(|(key, fact)| match fact {
            Fact::Literal(role) if *key == "role" => Some(role),
            _ => None,
        });
        for role in does.chain(&step.sign) {
            self.roles.add(role, role);
        }
    }

    fn marked(&mut self, step: &mut Step, mark: &Mark, line: usize) {
        self.tasks += 1;
        match mark {
            Mark::Open => {}
            Mark::Ticked => {
                let first = if self.ticked.0 == 0 {
                    line
                } else {
                    self.ticked.1
                };
                self.ticked = (self.ticked.0 + 1, first);
            }
            Mark::Other(sign) => {
                step.optional |= self.is_optional(sign);
                step.text.push(self.status(sign, line));
            }
        }
    }
}

/// What the blocks under a heading gave.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) steps: Vec<Step>,
    pub(super) text: Vec<String>,
    pub(super) comments: Vec<String>,
}

/// Turns the blocks under a heading into steps and text.
pub(super) fn gather(shared: &mut Shared, blocks: &[Block], mode: Mode, heading: &str) -> Gathered {
    let mut gatherer = Gatherer {
        shared,
        mode,
        heading,
        label: None,
        list_end: None,
        result: Gathered::default(),
    };
    for block in blocks {
        gatherer.block(block);
    }
    gatherer.keep_label();
    gatherer.result
}

struct Gatherer<'a> {
    shared: &'a mut Shared,
    mode: Mode,
    heading: &'a str,
    /// A label that waits for what it stands before.
    label: Option<(String, usize, String)>,
    /// The line after the last list of steps, and whether it had one item only.
    list_end: Option<(usize, bool)>,
    result: Gathered,
}

impl Gatherer<'_> {
    fn block(&mut self, block: &Block) {
        if !matches!(block.kind, Kind::Code(_)) {
            self.keep_label();
        }
        match &block.kind {
            Kind::List(list) if self.mode.takes_list(list) => {
                self.list(list);
                self.list_end = Some((block.end, list.items.len() == 1));
                return;
            }
            Kind::Code(code) => self.code(code, block),
            Kind::Prose(prose) => self.prose(prose, block),
            Kind::Quote(blocks) if self.mode.takes(block) => {
                for inner in blocks {
                    self.block(inner);
                }
            }
            Kind::Table(rows) if self.mode.takes(block) => self.table(rows, block),
            Kind::Comment => {
                self.shared.notes.keep(block.line, &block.raw);
                self.result.comments.push(block.raw.clone());
            }
            Kind::Html | Kind::Rule => {}
            _ => self.keep(block),
        }
        self.list_end = None;
    }

    fn keep(&mut self, block: &Block) {
        if let (true, Kind::Quote(blocks)) = (self.mode.plain, &block.kind) {
            for inner in blocks {
                let text = match &inner.kind {
                    Kind::Code(code) => code.body.trim_end(),
                    _ => &inner.raw,
                };
                self.keep_raw(inner.line, text);
            }
            return;
        }
        for field in fields::of_block(block) {
            self.variable(field, block.line);
        }
        self.keep_raw(block.line, &block.raw);
    }

    fn keep_raw(&mut self, line: usize, raw: &str) {
        if raw.trim().is_empty() {
            return;
        }
        self.shared.notes.keep(line, raw);
        self.result.text.push(raw.to_owned());
    }

    fn keep_label(&mut self) {
        if let Some((_, line, raw)) = self.label.take() {
            self.keep_raw(line, &raw);
        }
    }

    fn list(&mut self, list: &List) {
        for item in &list.items {
            if self.is_step(item, list) {
                let steps = item_steps(self.shared, item, self.mode, self.heading);
                self.result.steps.extend(steps);
            } else {
                self.note_item(item);
            }
        }
    }

    /// Among items with boxes one without is a remark, unless steps hang below it.
    fn is_step(&self, item: &Item, list: &List) -> bool {
        item.boxes > 0
            || self.mode.sign_off
            || (list.boxes == 0
                && if list.ordered {
                    self.mode.ordered
                } else {
                    self.mode.bullets
                })
    }

    fn note_item(&mut self, item: &Item) {
        for block in &item.blocks {
            self.shared.notes.keep(block.line, &block.raw);
            match self.result.steps.last_mut() {
                Some(step) => step.text.push(block.raw.clone()),
                None => self.result.text.push(block.raw.clone()),
            }
        }
    }

    fn prose(&mut self, prose: &Prose, block: &Block) {
        if block.boxes() > 0 {
            self.boxed_lines(prose, block);
        } else if let Some((words, _)) = label(prose) {
            self.label = Some((words, block.line, block.raw.clone()));
        } else if self.mode.sign_off && fields::is_signature(&prose.joined(), true) {
            for line in &prose.lines {
                let mut step = Step::default();
                sign(self.shared, &mut step, &line.text, line.number);
                self.result.steps.push(step);
            }
        } else {
            self.keep(block);
        }
    }

    /// Lines that begin with a box, without a list around them; what follows a box belongs to it.
    fn boxed_lines(&mut self, prose: &Prose, block: &Block) {
        self.shared
            .notes
            .guess(block.line, "boxes without a list were taken for tasks");
        let first = prose
            .lines
            .iter()
            .position(|line| bare_box(&line.text).is_some());
        let (before, boxed) = prose.lines.split_at(first.unwrap_or(0));
        if !before.is_empty() {
            let texts: Vec<&str> = before.iter().map(|line| line.text.trim()).collect();
            self.keep_raw(block.line, &texts.join("\n"));
        }
        let mut made: Vec<Step> = Vec::new();
        for line in boxed {
            match (bare_box(&line.text), made.last_mut()) {
                (Some((mark, rest)), _) => {
                    let mut step = Step::default();
                    entitle(self.shared, &mut step, rest, line.number, self.mode);
                    self.shared.marked(&mut step, &mark, line.number);
                    made.push(step);
                }
                (None, Some(step)) => {
                    step.title.push(' ');
                    step.title.push_str(line.text.trim());
                }
                (None, None) => {}
            }
        }
        if loses_words(
            &prose.raw,
            &prose
                .lines
                .iter()
                .map(|line| line.text.as_str())
                .collect::<Vec<_>>(),
        ) {
            self.keep_raw(block.line, &block.raw);
        }
        let before = made.len();
        made.retain(|step| !step.title.is_empty());
        self.shared.tasks -= before - made.len();
        self.result.steps.append(&mut made);
    }

    fn code(&mut self, code: &Code, block: &Block) {
        match shell::classify(&code.language, &code.body) {
            Use::Command(run) if code.closed => self.command(&run, block),
            _ => {
                self.keep_label();
                self.note_unclosed(code, block);
                let attached = self.list_end.is_some_and(|(end, _)| end == block.line);
                match self.result.steps.last_mut().filter(|_| attached) {
                    Some(step) => {
                        self.shared.notes.keep(block.line, &block.raw);
                        step.text.push(block.raw.clone());
                    }
                    None => self.keep_raw(block.line, &block.raw),
                }
            }
        }
    }

    fn note_unclosed(&mut self, code: &Code, block: &Block) {
        if !code.closed {
            let what =
                "this fence is never closed: everything after it is code, as GitHub shows it";
            self.shared.notes.guess(block.line, what);
        }
    }

    /// A command belongs to the item right above it, or becomes a step of its own.
    fn command(&mut self, run: &str, block: &Block) {
        let near = self.label.is_none()
            && self
                .list_end
                .is_some_and(|(end, single)| end == block.line || single);
        if near
            && let Some(step) = self
                .result
                .steps
                .last_mut()
                .map(last_leaf)
                .filter(|step| step.run.is_none())
        {
            let comment = command_comment(&mut self.shared.notes, run, block.line);
            step.comments.push(comment);
            step.run = Some(run.to_owned());
            return;
        }
        let label = self.label.take();
        if let Some((_, line, raw)) = &label
            && raw.split_whitespace().count() > 3
        {
            self.keep_raw(*line, raw);
        }
        let label = label.map(|(words, ..)| words);
        let pieces = shell::pieces(run);
        let several = pieces.len() > 1;
        if let (true, Some(label)) = (several, &label) {
            self.result
                .comments
                .push(format!("commands under “{label}”"));
        }
        for piece in pieces {
            let step = self.command_step(piece, label.as_deref(), block.line);
            self.result.steps.push(step);
        }
    }

    fn command_step(&mut self, piece: Piece, label: Option<&str>, line: usize) -> Step {
        let title = piece
            .title
            .or_else(|| label.map(str::to_owned))
            .or_else(|| (!self.heading.is_empty()).then(|| self.heading.to_owned()))
            .unwrap_or_else(|| first_line(&piece.run));
        let comment = command_comment(&mut self.shared.notes, &piece.run, line);
        Step {
            title,
            run: Some(piece.run),
            comments: vec![comment],
            ..Step::default()
        }
    }

    /// One step per row; several boxes in a row are its substeps, named by their columns.
    fn table(&mut self, rows: &[Vec<Prose>], block: &Block) {
        self.shared
            .notes
            .guess(block.line, "rows of the table were taken for tasks");
        let (head, body) = rows
            .split_first()
            .map_or((&[][..], &[][..]), |(head, body)| (head.as_slice(), body));
        for (index, row) in body.iter().enumerate() {
            // The line of the head, and that of the rule below it.
            let line = row
                .iter()
                .find_map(|cell| cell.lines.first())
                .map_or(block.line + 2 + index, |line| line.number);
            let step = self.row(head, row, line, is_matrix(rows));
            self.result.steps.extend(step);
        }
        let heads: Vec<String> = head.iter().map(Prose::joined).collect();
        self.result
            .comments
            .push(format!("columns: {}", heads.join(" | ")));
    }

    fn row(&mut self, head: &[Prose], row: &[Prose], line: usize, matrix: bool) -> Option<Step> {
        let mut step = Step::default();
        let mut boxes = Vec::new();
        let name = |index: usize| head.get(index).map(Prose::joined).unwrap_or_default();
        for (index, cell) in row.iter().enumerate() {
            let text = cell.joined();
            let (mark, rest) = match leading_box(&text).filter(|_| !matrix) {
                Some((mark, rest)) => (Some(mark), rest.to_owned()),
                None => (None, text),
            };
            if let Some(mark) = mark {
                boxes.push((name(index), mark));
            }
            step.link = step.link.or_else(|| cell.links.first().cloned());
            if rest.is_empty() {
                continue;
            }
            if step.title.is_empty() && rest.chars().any(char::is_alphabetic) {
                step.title = rest;
            } else {
                step.text.push(
                    format!("{}: {rest}", name(index))
                        .trim_start_matches(": ")
                        .to_owned(),
                );
            }
        }
        self.finish_row(step, boxes, line)
    }

    fn finish_row(
        &mut self,
        mut step: Step,
        boxes: Vec<(String, Mark)>,
        line: usize,
    ) -> Option<Step> {
        if step.title.is_empty() {
            step.title = step.text.pop()?;
        }
        if self.mode.sign_off && boxes.is_empty() {
            step.sign = Some(self.shared.role(&step.title));
        }
        match boxes.as_slice() {
            [] if !self.mode.sign_off && !self.mode.rows => {
                let text = std::iter::once(step.title)
                    .chain(step.text)
                    .collect::<Vec<_>>()
                    .join("\n");
                self.keep_raw(line, &text);
                return None;
            }
            [] => {}
            [(_, mark)] => self.shared.marked(&mut step, mark, line),
            several => {
                for (name, mark) in several {
                    let title = if name.is_empty() {
                        step.title.clone()
                    } else {
                        name.clone()
                    };
                    let mut substep = Step {
                        title,
                        ..Step::default()
                    };
                    self.shared.marked(&mut substep, mark, line);
                    step.steps.push(substep);
                }
            }
        }
        step.must |= self.mode.must;
        Some(step)
    }

    fn variable(&mut self, field: Field, line: usize) {
        let what = format!("the field “{}” is asked for when a run starts", field.label);
        self.shared.notes.guess(line, what);
        fields::add(&mut self.shared.variables, field);
    }
}

fn last_leaf(step: &mut Step) -> &mut Step {
    if step.steps.is_empty() || step.run.is_none() && step.steps.last().is_none() {
        return step;
    }
    let last = step.steps.len() - 1;
    last_leaf(&mut step.steps[last])
}

fn first_line(run: &str) -> String {
    let line = run
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let line = line.unwrap_or("Run the commands").trim();
    line[..line.floor_char_boundary(80)].to_owned()
}

fn command_comment(notes: &mut Notes, run: &str, line: usize) -> String {
    let commands = run
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let what = if commands.count() > 1 && !run.contains("set -e") {
        "taken for a command; destructive until a level is written; only its last line's exit code counts"
    } else {
        "taken for a command; destructive until a level is written"
    };
    notes.guess(line, what);
    format!("guessed from line {line}: {what}")
}
