//! One list item: its title, what the title tells, its command, what stands below it.

use super::super::blocks::{Block, Item, Kind, Line, Prose};
use super::super::marks::{bare_box, trailing_status};
use super::super::outline::Step;
use super::super::shell::Use;
use super::super::tree::without_tags;
use super::super::{exported, fields, loses_words, shell, stage};
use super::{Mode, Shared, command_comment, first_line, gather};

/// A longer title is cut, with the whole in the step's text.
const LONGEST_TITLE: usize = 240;

/// The steps of a list item: itself with its substeps; only its substeps when it says nothing.
pub(super) fn item_steps(shared: &mut Shared, item: &Item, mode: Mode, heading: &str) -> Vec<Step> {
    let mut step = Step::default();
    let mut blocks = item.blocks.as_slice();
    if let Some((
        Block {
            kind: Kind::Prose(prose),
            line,
            ..
        },
        rest,
    )) = blocks.split_first()
    {
        describe(shared, &mut step, prose, *line, mode);
        blocks = rest;
    }
    if let Some(mark) = &item.mark {
        shared.marked(&mut step, mark, item.line);
    }
    step.must |= mode.must && item.mark.is_some();
    // Substeps aren't signed for, and bullets below a step explain it.
    let below = Mode {
        bullets: false,
        sign_off: false,
        must: false,
        ..mode
    };
    let blocks = if mode.plain {
        exported::take(&mut step, blocks)
    } else {
        blocks.to_vec()
    };
    shared.name_roles(&step);
    let (own, rest) = split_command(&blocks);
    let gathered = gather(shared, &rest, below, "");
    step.text.extend(gathered.text);
    step.comments.extend(gathered.comments);
    step.steps.extend(gathered.steps);
    if let Some((run, line)) = own {
        step.comments
            .push(command_comment(&mut shared.notes, &run, line));
        step.run = Some(run);
    }
    finish_item(shared, step, item, heading)
}

/// The one command among an item's blocks, if there is just one.
fn split_command(blocks: &[Block]) -> (Option<(String, usize)>, Vec<Block>) {
    let mut runs = Vec::new();
    let mut rest = Vec::new();
    for block in blocks {
        match &block.kind {
            Kind::Code(code) if code.closed => match shell::classify(&code.language, &code.body) {
                Use::Command(run) => runs.push((run, block.line, block.clone())),
                _ => rest.push(block.clone()),
            },
            _ => rest.push(block.clone()),
        }
    }
    match runs.len() {
        0 => (None, rest),
        1 => (runs.pop().map(|(run, line, _)| (run, line)), rest),
        _ => (None, blocks.to_vec()),
    }
}

fn finish_item(shared: &mut Shared, mut step: Step, item: &Item, heading: &str) -> Vec<Step> {
    if !step.title.is_empty() {
        return vec![step];
    }
    if step.run.is_some() || !step.text.is_empty() {
        step.title = match (&step.run, step.text.first()) {
            (Some(run), _) => first_line(run),
            (None, Some(text)) => cut_title(text.lines().next().unwrap_or(heading)),
            (None, None) => heading.to_owned(),
        };
    }
    if step.title.trim().is_empty() {
        if item.mark.is_some() {
            shared.tasks -= 1;
            shared.notes.guess(item.line, "an empty box was left out");
        }
        return step.steps;
    }
    vec![step]
}

/// Fills in what an item's own words say.
fn describe(shared: &mut Shared, step: &mut Step, prose: &Prose, line: usize, mode: Mode) {
    let written = exported::id(&prose.raw).filter(|_| mode.plain);
    let (raw, id) = written.unwrap_or((&prose.raw, ""));
    id.clone_into(&mut step.id);
    let (title, rest) = prose.split_at_break();
    let rest = boxed_rest(shared, step, rest);
    entitle(shared, step, &title, line, mode);
    if !rest.is_empty() {
        shared.notes.keep(line, &rest);
        step.text.push(rest);
    }
    let mut links = prose.links.iter().filter(|link| is_url(link));
    step.link = links.next().cloned();
    let further: Vec<String> = links
        .filter(|link| Some(*link) != step.link.as_ref() && !step.title.contains(link.as_str()))
        .cloned()
        .collect();
    step.text.extend(further);
    step.text.extend(prose.images.iter().cloned());
    let mut held: Vec<&str> = vec![&step.title];
    held.extend(step.text.iter().map(String::as_str));
    held.extend(step.link.as_deref());
    held.extend(step.sign.is_some().then_some(RECORDED));
    held.extend(step.record.as_ref().map(|(_, unit)| unit.as_str()));
    held.extend(step.steps.iter().map(|below| below.title.as_str()));
    let raw = &without_markup(raw);
    if loses_words(raw, &held) {
        shared.notes.keep(line, raw);
        let remarks = remarks(raw);
        held.extend(remarks.iter().map(String::as_str));
        let lost = loses_words(raw, &held);
        step.text
            .extend(if lost { vec![raw.clone()] } else { remarks });
    }
}

/// An item's words without the tags around them, unless there are comments among those.
fn without_markup(raw: &str) -> String {
    match raw.contains("<!--") {
        true => raw.to_owned(),
        false => without_tags(raw),
    }
}

/// What stands in an item's comments.
fn remarks(raw: &str) -> Vec<String> {
    let opened = raw.split("<!--").skip(1);
    let closed = opened.filter_map(|rest| rest.split_once("-->"));
    closed.map(|(remark, _)| remark.trim().to_owned()).collect()
}

/// Boxes on the lines after an item's first are tasks too: a bullet was forgotten. Gives what is left of the lines.
fn boxed_rest(shared: &mut Shared, step: &mut Step, lines: &[Line]) -> String {
    let mut kept = Vec::new();
    for line in lines {
        match bare_box(&line.text).filter(|(_, words)| !words.is_empty()) {
            Some((mark, words)) => {
                let mut substep = Step {
                    title: words.to_owned(),
                    ..Step::default()
                };
                let what = "boxes without a list were taken for tasks";
                shared.notes.guess(line.number, what);
                shared.marked(&mut substep, &mark, line.number);
                step.steps.push(substep);
            }
            None => kept.push(line.text.trim()),
        }
    }
    kept.join("\n").trim().to_owned()
}

fn is_url(link: &str) -> bool {
    !link.is_empty() && !link.starts_with('#')
}

/// Sets the title, and everything that a title alone can tell.
pub(super) fn entitle(shared: &mut Shared, step: &mut Step, text: &str, line: usize, mode: Mode) {
    if mode.plain {
        step.title = text.trim().to_owned();
        return;
    }
    let text = match trailing_status(text) {
        Some((rest, sign)) => {
            step.optional |= shared.is_optional(&sign);
            step.text.push(shared.status(&sign, line));
            rest
        }
        None => text.trim(),
    };
    if mode.sign_off || fields::is_signature(text, false) {
        sign(shared, step, text, line);
        return;
    }
    if let Some(value) = fields::value(text) {
        shared
            .notes
            .guess(line, format!("“{}” is a value to record", value.label));
        step.title = value.label.clone();
        step.record = Some((value.label, value.unit));
        return;
    }
    step.title = cut_title(text);
    if step.title != text {
        step.text.push(text.to_owned());
    }
    if let Some(condition) = fields::condition(text) {
        shared.notes.guess(
            line,
            format!("asked before the step: does it apply, if {condition}"),
        );
        step.condition = Some(condition);
    }
    step.optional |= fields::is_optional(text);
    step.at = text
        .starts_with(['T', 'D'])
        .then(|| stage::t_time(text))
        .flatten();
}

fn cut_title(text: &str) -> String {
    if text.len() <= LONGEST_TITLE {
        return text.trim().to_owned();
    }
    let near = &text[..text.floor_char_boundary(LONGEST_TITLE)];
    let end = near
        .rfind(". ")
        .or_else(|| near.rfind(' '))
        .unwrap_or(near.len());
    format!("{}…", near[..end].trim())
}

pub(super) fn sign(shared: &mut Shared, step: &mut Step, text: &str, line: usize) {
    let (who, rest) = fields::signer(text);
    let who = cut_title(&who);
    if who.is_empty() {
        step.title = cut_title(text);
        return;
    }
    let what = format!("“{who}” signs this step; the signature records the name and the date");
    shared.notes.guess(line, &what);
    step.comments
        .push(format!("guessed from line {line}: {what}"));
    step.sign = Some(shared.role(&who));
    step.title = who;
    if loses_words(&rest, &[RECORDED]) {
        step.text.push(rest);
    }
}

/// What a signature records anyway, as people write it behind a blank.
const RECORDED: &str = "Name name Date date Signature signature Signed signed";
