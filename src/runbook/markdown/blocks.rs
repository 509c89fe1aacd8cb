//! A document's blocks with the lines they stand on, as GitHub would see them.
//!
//! pulldown-cmark decides what is a list, a fence, a table or a comment; this keeps what it says as a small tree
//! whose texts are plain. Lines that it swallows without a trace (definitions of links, for instance) come back
//! as prose, because nothing of a document may get lost. Nesting is limited, so that no later walk over the tree,
//! nor dropping it, can exhaust the stack.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::marks::{Mark, bare_box, leading_box};

/// Lists and quotes within each other: what is deeper joins the deepest level.
const MOST_NESTED: usize = 24;
/// Markers on one line (`- - - -`) beyond this are text.
const MOST_MARKERS: usize = 24;

/// A part of a document.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// First line, from 1.
    pub(super) line: usize,
    /// The line after its last one.
    pub(super) end: usize,
    /// The block as it was written, without the indentation and marks of what it stands in.
    pub(super) raw: String,
    pub(super) kind: Kind,
}

/// What a block is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Heading(usize, Prose),
    Prose(Prose),
    List(List),
    Code(Code),
    Table(Vec<Vec<Prose>>),
    Quote(Vec<Block>),
    Html,
    Comment,
    Rule,
}

/// Running text without its markup; code spans keep their backticks.
#[derive(Clone, Debug, Default)]
pub(super) struct Prose {
    pub(super) lines: Vec<Line>,
    /// Where its links lead.
    pub(super) links: Vec<String>,
    /// Where its images lie.
    pub(super) images: Vec<String>,
    /// As it was written.
    pub(super) raw: String,
}

/// One line of running text.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    /// The author broke the line here on purpose.
    pub(super) broken: bool,
}

#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) ordered: bool,
    pub(super) items: Vec<Item>,
    /// Boxes in it, at every depth.
    pub(super) boxes: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) line: usize,
    pub(super) mark: Option<Mark>,
    pub(super) blocks: Vec<Block>,
    /// Boxes in it, its own included.
    pub(super) boxes: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Code {
    /// The first word after the fence, in lower case; empty for indented code.
    pub(super) language: String,
    pub(super) body: String,
    /// The line on which the body begins.
    pub(super) body_line: usize,
    /// Whether a closing fence was found.
    pub(super) closed: bool,
}

impl Prose {
    /// Everything on one line.
    pub(super) fn joined(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|line| line.text.trim()).collect();
        lines.join(" ").trim().to_owned()
    }

    /// The text up to the first break made on purpose or the first line that begins with a box, and the rest.
    pub(super) fn split_at_break(&self) -> (String, &[Line]) {
        let ends = |pair: &[Line]| pair[0].broken || bare_box(&pair[1].text).is_some();
        let end = self.lines.windows(2).position(ends);
        let (title, rest) = self
            .lines
            .split_at(end.map_or(self.lines.len(), |position| position + 1));
        let texts: Vec<&str> = title.iter().map(|line| line.text.trim()).collect();
        (texts.join(" ").trim().to_owned(), rest)
    }

    /// Boxes at the beginnings of its lines.
    pub(super) fn boxes(&self) -> usize {
        let boxed = |line: &&Line| !self.raw.starts_with('\\') && bare_box(&line.text).is_some();
        self.lines.iter().filter(boxed).count()
    }
}

/// Boxes in these blocks that are tasks: in lists, at the beginnings of lines, in cells.
pub(super) fn boxes_in(blocks: &[Block]) -> usize {
    blocks.iter().map(|block| block.boxes()).sum()
}

impl Block {
    pub(super) fn boxes(&self) -> usize {
        match &self.kind {
            Kind::List(list) => list.boxes,
            Kind::Prose(prose) => prose.boxes(),
            Kind::Quote(blocks) => boxes_in(blocks),
            Kind::Table(rows) if is_matrix(rows) => 0,
            Kind::Table(rows) => marks_in(rows).count(),
            _ => 0,
        }
    }
}

/// Whether ticks in a table say what goes with what (`Level A ✅`): nothing in it is drawn as a box.
pub(super) fn is_matrix(rows: &[Vec<Prose>]) -> bool {
    let drawn = |cell: &str| cell.starts_with(['[', '(', '［', '【', '<', '☐', '☑', '☒']);
    let cells = rows.iter().flatten().map(Prose::joined);
    let open = marks_in(rows).any(|mark| mark == Mark::Open);
    !open
        && !cells
            .into_iter()
            .any(|cell| drawn(&cell) && leading_box(&cell).is_some())
}

fn marks_in(rows: &[Vec<Prose>]) -> impl Iterator<Item = Mark> {
    let cells = rows.iter().flatten();
    cells.filter_map(|cell| Some(leading_box(&cell.joined())?.0))
}

/// Whether a table without boxes lists what there is to do, going by its head.
pub(super) fn is_check_table(rows: &[Vec<Prose>]) -> bool {
    let Some((head, body)) = rows.split_first() else {
        return false;
    };
    let heads: Vec<String> = head
        .iter()
        .map(|cell| cell.joined().to_lowercase())
        .map(|name| name.trim_matches([' ', '?', '*', ':', '`']).to_owned())
        .collect();
    let named = heads
        .iter()
        .take(2)
        .any(|name| TO_DO.contains(&name.as_str()));
    let answered = heads.iter().any(|name| DONE.contains(&name.as_str()));
    !body.is_empty() && (named || answered)
}

/// How columns of things to do are headed.
const TO_DO: &[&str] = &[
    "action",
    "action item",
    "check",
    "check item",
    "check name",
    "checklist",
    "checklist item",
    "checks",
    "control",
    "criteria",
    "criterion",
    "item",
    "items",
    "requirement",
    "requirements",
    "step",
    "steps",
    "task",
    "tasks",
    "to do",
    "todo",
    "verification",
    "what to check",
];

/// How columns are headed in which somebody notes that it is done.
const DONE: &[&str] = &[
    "checked",
    "complete",
    "completed",
    "done",
    "ok",
    "pass",
    "pass/fail",
    "passed",
    "status",
    "verified",
    "y/n",
    "yes/no",
];

/// Reads a text whose first line has this number.
pub(super) fn read(text: &str, first_line: usize) -> Vec<Block> {
    let text = tame(text);
    let mut reader = Reader::new(&text, first_line);
    let options = Options::ENABLE_TABLES;
    for (event, range) in Parser::new_ext(&text, options).into_offset_iter() {
        reader.take(event, range);
    }
    reader.finish()
}

/// Makes text of markers that would nest hundreds of levels: a parser has to walk all of them on every line.
fn tame(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let end = markers_end(line);
        match end {
            Some(end) => {
                result.push_str(&line[..end]);
                result.push('\\');
                result.push_str(&line[end..]);
            }
            None => result.push_str(line),
        }
    }
    result
}

/// Where the first marker too many begins.
fn markers_end(line: &str) -> Option<usize> {
    let mut markers = 0;
    let mut digits = false;
    let mut nests = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b' ' | b'\t' => nests |= markers > 0,
            b'0'..=b'9' => digits = true,
            b'-' | b'+' | b'*' => markers += 1,
            b'>' => (markers, nests) = (markers + 1, true),
            b'.' | b')' if digits => (markers, digits) = (markers + 1, false),
            _ => return None,
        }
        if markers > MOST_MARKERS && nests {
            return Some(at);
        }
    }
    None
}

/// A container that is being filled.
enum Open {
    Quote,
    List { ordered: bool, items: Vec<Item> },
    Item,
}

struct Level {
    open: Open,
    range: Range<usize>,
    blocks: Vec<Block>,
}

struct Reader<'t> {
    text: &'t str,
    first_line: usize,
    /// Where each line begins.
    starts: Vec<usize>,
    /// Lines that belong to some block.
    covered: Vec<bool>,
    top: Vec<Block>,
    levels: Vec<Level>,
    /// Containers that weren't opened because they are too deep.
    skipped: usize,
    prose: Option<(Prose, Range<usize>)>,
    heading: Option<usize>,
    code: Option<(String, String)>,
    table: Vec<Vec<Prose>>,
    in_table: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, first_line: usize) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts: Vec<usize> = std::iter::once(0)
            .chain(newlines.map(|(at, _)| at + 1))
            .collect();
        Self {
            text,
            first_line,
            covered: vec![false; starts.len()],
            starts,
            top: Vec::new(),
            levels: Vec::new(),
            skipped: 0,
            prose: None,
            heading: None,
            code: None,
            table: Vec::new(),
            in_table: false,
        }
    }

    /// The position of the line that holds this offset.
    fn row(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) - 1
    }

    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) if self.code.is_some() => self.add_code(&text),
            Event::Html(_) => {}
            Event::Rule => self.push(range, Kind::Rule),
            inline => self.inline(inline, range),
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Link { dest_url, .. } => {
                self.open_prose(&range).links.push(dest_url.into_string());
            }
            Tag::Image { dest_url, .. } => {
                self.open_prose(&range).images.push(dest_url.into_string());
            }
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough => {
                self.open_prose(&range);
            }
            Tag::Heading { level, .. } => {
                self.close_prose();
                self.heading = Some(level as usize);
            }
            Tag::CodeBlock(kind) => {
                self.close_prose();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => first_word(&info),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::BlockQuote(_) => self.open(Open::Quote, range),
            Tag::List(first) => {
                let ordered = first.is_some();
                let items = Vec::new();
                self.open(Open::List { ordered, items }, range);
            }
            Tag::Item => self.open(Open::Item, range),
            Tag::Table(_) => {
                self.close_prose();
                self.in_table = true;
            }
            Tag::TableHead | Tag::TableRow => self.table.push(Vec::new()),
            _ => self.close_prose(),
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image => {}
            TagEnd::Heading(_) => self.end_heading(range),
            TagEnd::CodeBlock => self.end_code(range),
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item => self.close(range),
            TagEnd::TableCell => {
                let cell = self.prose.take().map(|(prose, _)| prose);
                if let Some(row) = self.table.last_mut() {
                    row.push(cell.unwrap_or_default());
                }
            }
            TagEnd::Table => {
                self.in_table = false;
                let rows = std::mem::take(&mut self.table);
                self.push(range, Kind::Table(rows));
            }
            TagEnd::HtmlBlock => {
                let comment = self.text[range.clone()].trim_start().starts_with("<!--");
                self.push(range, if comment { Kind::Comment } else { Kind::Html });
            }
            _ => self.close_prose(),
        }
    }

    fn inline(&mut self, event: Event<'_>, range: Range<usize>) {
        let raw = self.text[range.clone()].to_owned();
        let number = self.first_line + self.row(range.start);
        let prose = self.open_prose(&range);
        if prose.lines.is_empty() {
            prose.new_line(number);
        }
        match event {
            Event::SoftBreak => prose.new_line(number + 1),
            Event::HardBreak => prose.break_line(number + 1),
            Event::InlineHtml(tag) if tag.starts_with("<br") => prose.break_line(number),
            Event::InlineHtml(tag) if tag.starts_with("<input") => prose.add(&tag),
            Event::InlineHtml(_) => {}
            Event::Code(_) => prose.add(&raw.replace('\n', " ")),
            Event::Text(text) => prose.add(&text),
            _ => prose.add(&raw),
        }
    }

    fn open_prose(&mut self, range: &Range<usize>) -> &mut Prose {
        // An escaped character begins behind its backslash, which says that it is no box.
        let escaped = range.start > 0 && self.text.as_bytes()[range.start - 1] == b'\\';
        let range = &(range.start - usize::from(escaped)..range.end);
        let (prose, whole) = self
            .prose
            .get_or_insert_with(|| (Prose::default(), range.clone()));
        whole.start = whole.start.min(range.start);
        whole.end = whole.end.max(range.end);
        prose
    }

    fn close_prose(&mut self) {
        if let Some((mut prose, range)) = self.prose.take() {
            prose.raw = self.raw(&range);
            if self.in_table {
                return;
            }
            self.push(range, Kind::Prose(prose));
        }
    }

    fn end_heading(&mut self, range: Range<usize>) {
        let level = self.heading.take().unwrap_or(1);
        let mut prose = self
            .prose
            .take()
            .map(|(prose, _)| prose)
            .unwrap_or_default();
        prose.raw = self.raw(&range);
        self.push(range, Kind::Heading(level, prose));
    }

    fn add_code(&mut self, text: &str) {
        if let Some((_, body)) = &mut self.code {
            body.push_str(text);
        }
    }

    fn end_code(&mut self, range: Range<usize>) {
        let Some((language, body)) = self.code.take() else {
            return;
        };
        let raw = self.raw(&range);
        let fenced = raw.starts_with("```") || raw.starts_with("~~~");
        let last = raw.lines().skip(1).last().unwrap_or_default().trim();
        let closed = last.len() >= 3
            && last
                .bytes()
                .all(|byte| Some(&byte) == raw.as_bytes().first());
        let code = Code {
            language,
            body,
            body_line: self.first_line + self.row(range.start) + usize::from(fenced),
            closed: closed || !fenced,
        };
        self.push(range, Kind::Code(code));
    }

    fn open(&mut self, open: Open, range: Range<usize>) {
        self.close_prose();
        if self.levels.len() >= MOST_NESTED {
            self.skipped += 1;
            return;
        }
        self.cover(range.start..range.start + 1);
        let blocks = Vec::new();
        self.levels.push(Level {
            open,
            range,
            blocks,
        });
    }

    fn close(&mut self, range: Range<usize>) {
        self.close_prose();
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let Some(level) = self.levels.pop() else {
            return;
        };
        match level.open {
            Open::Quote => self.push_made(range, Kind::Quote(level.blocks)),
            Open::List { ordered, items } => {
                let boxes = items.iter().map(|item| item.boxes).sum();
                let list = List {
                    ordered,
                    items,
                    boxes,
                };
                self.push_made(range, Kind::List(list));
            }
            Open::Item => {
                let line = self.first_line + self.row(level.range.start);
                let item = finish_item(line, level.blocks);
                match self.levels.last_mut() {
                    Some(Level {
                        open: Open::List { items, .. },
                        ..
                    }) => items.push(item),
                    _ => self.blocks().extend(item.blocks),
                }
            }
        }
    }

    fn blocks(&mut self) -> &mut Vec<Block> {
        match self.levels.last_mut() {
            Some(level) => &mut level.blocks,
            None => &mut self.top,
        }
    }

    /// Adds a block that covers its lines.
    fn push(&mut self, range: Range<usize>, kind: Kind) {
        if !matches!(kind, Kind::Prose(_)) {
            self.close_prose();
        }
        self.cover(range.clone());
        self.push_made(range, kind);
    }

    fn push_made(&mut self, range: Range<usize>, kind: Kind) {
        let range = range.start..self.end_without_blank(&range);
        let line = self.first_line + self.row(range.start);
        let end = self.first_line + self.row(range.end.saturating_sub(1).max(range.start)) + 1;
        let mut raw = self.raw(&range);
        if matches!(kind, Kind::Quote(_)) {
            raw = dedented(&raw, 0).to_owned();
        }
        let before = range.start - self.starts[self.row(range.start)];
        let blank = self.text[range.clone()].starts_with([' ', '\t']);
        let indented = self.levels.is_empty() && (before > 0 || blank);
        let block = Block {
            line,
            end,
            raw,
            kind,
        };
        match self.blocks().last_mut() {
            Some(last) if indented && last.end == line && belongs_below(last, &block) => {
                adopt(last, block)
            }
            _ => self.blocks().push(block),
        }
    }

    fn end_without_blank(&self, range: &Range<usize>) -> usize {
        range.start + self.text[range.clone()].trim_end().len()
    }

    fn cover(&mut self, range: Range<usize>) {
        let first = self.row(range.start);
        let last = self.row(range.end.saturating_sub(1).max(range.start));
        self.covered[first..=last].fill(true);
    }

    /// The source of a range; its lines lose the indentation of the first one, and quotes' marks.
    fn raw(&self, range: &Range<usize>) -> String {
        let text = &self.text[range.clone()];
        if !text.contains('\n') {
            return text.trim_end().to_owned();
        }
        let line_start = self.starts[self.row(range.start)];
        let indent = range.start - line_start;
        let mut lines = text.trim_end().split('\n');
        let mut result = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            result.push('\n');
            result.push_str(dedented(line, indent).trim_end());
        }
        result
    }

    fn finish(mut self) -> Vec<Block> {
        self.close_prose();
        while !self.levels.is_empty() {
            let end = self.text.len();
            self.skipped = 0;
            self.close(end..end);
        }
        self.add_uncovered();
        self.top
    }

    /// Brings back the lines that no block holds.
    fn add_uncovered(&mut self) {
        let mut lost = Vec::new();
        for (row, line) in self.text.split('\n').enumerate() {
            if !self.covered[row] && line.chars().any(char::is_alphanumeric) {
                lost.push(lost_line(self.first_line + row, line));
            }
        }
        if !lost.is_empty() {
            self.top.extend(lost);
            self.top.sort_by_key(|block| block.line);
        }
    }
}

/// Whether a list is meant to stand below the last item of the one before it, though its indentation is a column
/// short: two spaces below `1. item`.
fn belongs_below(before: &Block, block: &Block) -> bool {
    match (&before.kind, &block.kind) {
        (Kind::List(before), Kind::List(list)) => before.ordered && !list.ordered,
        _ => false,
    }
}

fn adopt(before: &mut Block, mut block: Block) {
    let indent = block.raw.len() - block.raw.trim_start().len();
    let lines = block.raw.lines().map(|line| dedented(line, indent));
    block.raw = lines.collect::<Vec<_>>().join("\n");
    before.end = block.end;
    before.raw.push('\n');
    before.raw.push_str(&block.raw);
    if let Kind::List(list) = &mut before.kind
        && let Some(item) = list.items.last_mut()
    {
        list.boxes += block.boxes();
        item.boxes += block.boxes();
        item.blocks.push(block);
    }
}

fn lost_line(number: usize, line: &str) -> Block {
    let text = line.trim().to_owned();
    let prose = Prose {
        lines: vec![Line {
            number,
            text: text.clone(),
            broken: false,
        }],
        raw: text.clone(),
        ..Prose::default()
    };
    Block {
        line: number,
        end: number + 1,
        raw: text,
        kind: Kind::Prose(prose),
    }
}

fn first_word(info: &str) -> String {
    let word = info
        .split([' ', ',', '{', '\t'])
        .find(|word| !word.is_empty());
    word.unwrap_or_default()
        .trim_start_matches('.')
        .trim_end_matches('}')
        .to_lowercase()
}

/// A line without so many columns of indentation, or without the quote marks in front of it.
fn dedented(line: &str, indent: usize) -> &str {
    let unquoted = line.trim_start();
    if unquoted.starts_with('>') {
        let inside = unquoted.trim_start_matches('>');
        return inside.strip_prefix(' ').unwrap_or(inside);
    }
    let blank = line.len() - unquoted.len();
    line.get(blank.min(indent)..).unwrap_or(unquoted)
}

impl Prose {
    fn new_line(&mut self, number: usize) {
        self.lines.push(Line {
            number,
            ..Line::default()
        });
    }

    fn break_line(&mut self, number: usize) {
        if let Some(line) = self.lines.last_mut() {
            line.broken = true;
        }
        self.new_line(number);
    }

    fn add(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.text.push_str(text);
        }
    }
}

fn finish_item(line: usize, mut blocks: Vec<Block>) -> Item {
    let mut mark = None;
    if let Some(Block {
        kind: Kind::Prose(prose),
        ..
    }) = blocks.first_mut()
        && !prose.raw.starts_with('\\')
        && let Some(first) = prose.lines.first_mut()
        && let Some((found, rest)) = leading_box(&first.text)
    {
        first.text = rest.to_owned();
        prose.raw = leading_box(&prose.raw).map_or(prose.raw.clone(), |(_, rest)| rest.to_owned());
        mark = Some(found);
    }
    let boxes = usize::from(mark.is_some()) + boxes_in(&blocks);
    Item {
        line,
        mark,
        blocks,
        boxes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        read(text, 1)
            .iter()
            .map(|block| match &block.kind {
                Kind::Heading(level, prose) => format!("h{level} {}", prose.joined()),
                Kind::Prose(prose) => format!("p {}", prose.joined()),
                Kind::List(list) => format!("list {} of {}", list.boxes, list.items.len()),
                Kind::Code(code) => format!("{} {:?} {}", code.language, code.body, code.closed),
                Kind::Table(rows) => format!("table {}", rows.len()),
                Kind::Quote(blocks) => format!("quote {}", boxes_in(blocks)),
                Kind::Html => "html".to_owned(),
                Kind::Comment => "comment".to_owned(),
                Kind::Rule => "rule".to_owned(),
            })
            .collect()
    }

    #[test]
    fn blocks_come_with_their_plain_text() {
        let text = "# A **b** `c`\n\ntext *x*\n\n- [ ] one\n  - [x] two\n- three\n\n```sh\nls\n```\n\n> - [ ] q\n\n<!-- - [ ] no -->\n";
        assert_eq!(
            kinds(text),
            [
                "h1 A b `c`",
                "p text x",
                "list 2 of 2",
                "sh \"ls\\n\" true",
                "quote 1",
                "comment"
            ]
        );
    }

    #[test]
    fn lines_that_the_parser_swallows_come_back() {
        assert_eq!(
            kinds("a [b]\n\n[b]: https://example.com\n"),
            ["p a b", "p [b]: https://example.com"]
        );
    }

    #[test]
    fn a_fence_that_is_never_closed_says_so() {
        assert_eq!(kinds("~~~sh\nls\n"), ["sh \"ls\\n\" false"]);
        assert_eq!(kinds("    ls\n"), [" \"ls\\n\" true"]);
    }

    #[test]
    fn lines_are_those_of_the_source() {
        let blocks = read("a\n\n- b\n\n  c\n\n```\nd\n```\n", 10);
        let lines: Vec<(usize, usize)> = blocks.iter().map(|b| (b.line, b.end)).collect();
        assert_eq!(lines, [(10, 11), (12, 15), (16, 19)]);
    }

    #[test]
    fn deep_nesting_is_cut_off_and_keeps_its_text() {
        let marks = "- ".repeat(5000) + "[ ] deep\n";
        let blocks = read(&marks, 1);
        assert_eq!(blocks.len(), 1);
        let quoted = ">".repeat(5000) + " text\n";
        assert_eq!(read(&quoted, 1).len(), 1);
    }
}
