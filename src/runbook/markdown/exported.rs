//! What an export says of a step in words, read back: `must · level changes · by ops`, its undo, its link, its id.
//!
//! Everything stands where people see it, so that what they change there is what comes back. Only ids are hidden, in
//! comments, and only those that a title doesn't give anyway. What a checklist can't carry (a check, a soak) stays
//! text, and so does a line of which a single word isn't known: it may be somebody's own.

use super::blocks::{Block, Kind, Prose};
use super::outline::{Fact, Step};
use crate::check::Limit;
use crate::runbook::text::{parse_duration, parse_offset};

/// Splits the id that an export writes behind a title off a line.
pub(super) fn id(raw: &str) -> Option<(&str, &str)> {
    let (title, comment) = raw.trim_end().rsplit_once("<!-- id: ")?;
    Some((title.trim_end(), comment.strip_suffix(" -->")?))
}

/// Takes what an export says of a step out of the blocks below it.
pub(super) fn take(step: &mut Step, blocks: &[Block]) -> Vec<Block> {
    blocks
        .iter()
        .cloned()
        .filter_map(|mut block| {
            if let Kind::Quote(inner) = &mut block.kind {
                *inner = take_quoted(step, std::mem::take(inner));
                return (!inner.is_empty()).then_some(block);
            }
            Some(block)
        })
        .collect()
}

fn take_quoted(step: &mut Step, blocks: Vec<Block>) -> Vec<Block> {
    let mut rest = Vec::new();
    let mut blocks = blocks.into_iter().peekable();
    if let Some(line) = blocks.peek().and_then(one_line)
        && let Some(said) = facts(step, line)
    {
        *step = said;
        blocks.next();
    }
    while let Some(block) = blocks.next() {
        let line = one_line(&block).unwrap_or_default();
        if let (Some(url), None) = (line.strip_prefix("Link: "), &step.link) {
            step.link = Some(url.to_owned());
        } else if let ("Undo:", Some(undo)) = (line, blocks.peek().and_then(code)) {
            step.facts.push(("undo", Fact::Literal(undo)));
            blocks.next();
        } else {
            rest.push(block);
        }
    }
    rest
}

fn one_line(block: &Block) -> Option<&str> {
    match &block.kind {
        Kind::Prose(Prose { raw, .. }) if !raw.contains('\n') => Some(raw),
        _ => None,
    }
}

fn code(block: &Block) -> Option<String> {
    match &block.kind {
        Kind::Code(code) => Some(code.body.trim_end().to_owned()),
        _ => None,
    }
}

/// The step with what a line says of it; nothing when the line says anything else.
fn facts(step: &Step, line: &str) -> Option<Step> {
    let mut said = step.clone();
    let mut kept = Vec::new();
    for piece in line.split(" · ") {
        if piece.starts_with("soak ") || piece.starts_with("proved by ") {
            kept.push(piece);
        } else {
            fact(&mut said, piece)?;
        }
    }
    if !kept.is_empty() {
        said.text.push(kept.join(" · "));
    }
    Some(said)
}

fn fact(step: &mut Step, piece: &str) -> Option<()> {
    let yes = match piece {
        "recheck" => Some("recheck"),
        "second person" => Some("second"),
        "needs a terminal" => Some("tty"),
        "starts by itself" => Some("auto"),
        _ => None,
    };
    if let Some(key) = yes {
        step.facts.push((key, Fact::Yes));
        return Some(());
    }
    match piece {
        "must" => step.must = true,
        "optional" => step.optional = true,
        _ => return worded(step, piece),
    }
    Some(())
}

fn worded(step: &mut Step, piece: &str) -> Option<()> {
    if let Some(condition) = piece.strip_prefix("if ") {
        step.condition = Some(condition.to_owned());
    } else if let Some(role) = piece.strip_prefix("signed by ") {
        step.sign = Some(role.to_owned());
    } else if let Some(at) = piece.strip_prefix("due ") {
        step.at = Some(parse_offset(at).ok()?);
    } else if let Some(record) = piece.strip_prefix("records “") {
        recorded(step, record)?;
    } else if let Some(level) = piece.strip_prefix("level ") {
        let known = ["safe", "changes", "destructive", "ponr"].contains(&level);
        known.then(|| step.facts.push(("level", Fact::Literal(level.to_owned()))))?;
    } else if let Some(role) = piece.strip_prefix("by ") {
        let one = !role.contains(char::is_whitespace);
        one.then(|| step.facts.push(("role", Fact::Literal(role.to_owned()))))?;
    } else if let Some(folder) = piece.strip_prefix("in ") {
        step.facts.push(("dir", Fact::Text(folder.to_owned())));
    } else {
        let (key, duration) = timed(piece)?;
        parse_duration(duration).ok()?;
        step.facts.push((key, Fact::Literal(duration.to_owned())));
    }
    Some(())
}

fn timed(piece: &str) -> Option<(&'static str, &str)> {
    let takes = piece.strip_prefix("takes ").map(|rest| ("takes", rest));
    takes.or_else(|| Some(("timeout", piece.strip_prefix("stopped after ")?)))
}

/// `age” in “min”, want < 60`
fn recorded(step: &mut Step, text: &str) -> Option<()> {
    let (label, mut rest) = text.split_once('”')?;
    let mut unit = "";
    if let Some(inside) = rest.strip_prefix(" in “") {
        (unit, rest) = inside.split_once('”')?;
    }
    step.record = Some((label.to_owned(), unit.to_owned()));
    if !rest.is_empty() {
        let want = rest.strip_prefix(", want ")?;
        Limit::parse(want).ok()?;
        step.want = Some(want.to_owned());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_a_whole_or_not_at_all() {
        let step = Step::default();
        let said = facts(&step, "must · by ops · records “age” in “min”, want < 60").unwrap();
        assert!(said.must);
        assert_eq!(said.record, Some(("age".to_owned(), "min".to_owned())));
        assert_eq!(said.want.as_deref(), Some("< 60"));
        assert_eq!(facts(&step, "must · be seen"), None);
        assert_eq!(facts(&step, "by the way, look"), None);
        let kept = facts(&step, "soak 30m · proved by check api").unwrap();
        assert_eq!(kept.text, ["soak 30m · proved by check api"]);
    }

    #[test]
    fn ids_stand_behind_titles() {
        assert_eq!(id("Roll out <!-- id: api -->"), Some(("Roll out", "api")));
        assert_eq!(id("Roll out <!-- later -->"), None);
    }
}
