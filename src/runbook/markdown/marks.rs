//! Boxes and status marks: what a checklist's author ticks, in all the ways people draw it.

/// What stood in a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing.
    Open,
    /// A tick.
    Ticked,
    /// Something else: a status, kept as it was written.
    Other(String),
}

/// Characters that are an empty box by themselves.
const OPEN: &str = "☐⬜◻◽□▢🔲❑❏❐❒⬚▫";
/// Characters that are a ticked box, or a tick in the place of one.
const TICKED: &str = "☑☒✅✔✓🗹🗸■◼⬛🔳";
/// Characters that say no in the place of a box.
const REFUSED: &str = "❌✗✘❎";
/// Words that stand in brackets instead of a tick.
const WORDS: [&str; 10] = [
    "n/a", "na", "todo", "done", "wip", "ok", "skip", "tbd", "pass", "fail",
];

/// Splits a box off the beginning of a text.
pub(super) fn leading_box(text: &str) -> Option<(Mark, &str)> {
    let text = text.trim_start();
    bracketed(text)
        .or_else(|| glyph(text))
        .or_else(|| html_box(text))
}

/// Splits a box off the beginning of a line that is no list item. A lone ❌ or ✔ mostly begins a sentence there;
/// `2. [ ]`, and what is indented further than it may be, is no list to Markdown when it follows prose.
pub(super) fn bare_box(text: &str) -> Option<(Mark, &str)> {
    let text = without_marker(text.trim_start());
    let sentence = |first| REFUSED.contains(first) || "✔✓■▫".contains(first);
    leading_box(text).filter(|_| !text.starts_with(sentence))
}

/// A line without the marker of a list in front of it.
fn without_marker(line: &str) -> &str {
    let unnumbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let marker: &[char] = if unnumbered.len() < line.len() {
        &['.', ')']
    } else {
        &['-', '*', '+']
    };
    match unnumbered.strip_prefix(marker) {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    }
}

fn bracketed(text: &str) -> Option<(Mark, &str)> {
    let (open, close) = match text.chars().next()? {
        '[' => ('[', ']'),
        '(' => ('(', ')'),
        '［' => ('［', '］'),
        '【' => ('【', '】'),
        _ => return None,
    };
    let inside = &text[open.len_utf8()..];
    // A mark is short: don't look for a bracket through the whole of a long text.
    let near = &inside[..inside.floor_char_boundary(24)];
    let (content, _) = near.split_once(close)?;
    let rest = &inside[content.len() + close.len_utf8()..];
    let mark = if open == '[' {
        mark_of(content)?
    } else {
        plain_mark(content)?
    };
    let apart = rest.is_empty() || rest.starts_with(char::is_whitespace);
    let glued = !content.is_empty() && mark == Mark::Open && !rest.starts_with(['(', '[', ':']);
    (apart || glued).then(|| (mark, rest.trim_start()))
}

/// Round and full-width brackets are boxes only with a space or an x in them.
fn plain_mark(content: &str) -> Option<Mark> {
    match content {
        "" => None,
        "x" | "X" | "ｘ" | "Ｘ" | "✓" | "✔" | "○" => Some(Mark::Ticked),
        blank if blank.trim().is_empty() => Some(Mark::Open),
        _ => None,
    }
}

fn mark_of(content: &str) -> Option<Mark> {
    let inner = content.trim();
    let mut characters = inner.chars();
    match (characters.next(), characters.next()) {
        (None, _) => Some(Mark::Open),
        (Some('x' | 'X' | 'v' | 'V'), None) => Some(Mark::Ticked),
        (Some(only), None) if TICKED.contains(only) => Some(Mark::Ticked),
        (Some(only), None) if "~-!/?><*+.=oO#|\\".contains(only) => {
            Some(Mark::Other(inner.to_owned()))
        }
        _ if is_symbol(inner) || WORDS.contains(&inner.to_lowercase().as_str()) => {
            Some(Mark::Other(inner.to_owned()))
        }
        _ => None,
    }
}

/// An emoji or another sign: one to four characters beyond ASCII, no letters or digits.
fn is_symbol(text: &str) -> bool {
    text.chars().count() <= 4
        && !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_ascii() && !c.is_alphanumeric() && !c.is_whitespace())
}

fn glyph(text: &str) -> Option<(Mark, &str)> {
    let first = text.chars().next()?;
    let mark = if OPEN.contains(first) {
        Mark::Open
    } else if TICKED.contains(first) {
        Mark::Ticked
    } else if REFUSED.contains(first) {
        Mark::Other(first.to_string())
    } else {
        return None;
    };
    let rest = text[first.len_utf8()..].trim_start_matches(['\u{fe0e}', '\u{fe0f}']);
    Some((mark, rest.trim_start()))
}

fn html_box(text: &str) -> Option<(Mark, &str)> {
    let tag = text.strip_prefix("<input")?;
    let near = &tag[..tag.floor_char_boundary(120)];
    let (attributes, _) = near.split_once('>')?;
    if !attributes.contains("checkbox") {
        return None;
    }
    let ticked = attributes.contains("checked");
    let rest = tag[attributes.len() + 1..].trim_start();
    Some((if ticked { Mark::Ticked } else { Mark::Open }, rest))
}

/// A line of a document without the list marker and box in front of it.
pub(super) fn without_box(line: &str) -> &str {
    let text = line.trim_start_matches(|c: char| {
        c.is_whitespace() || "-*+>.)".contains(c) || c.is_ascii_digit()
    });
    leading_box(text).map_or(line, |(_, rest)| rest)
}

/// Splits a status in brackets (`[🔴]`) off the end of a text.
pub(super) fn trailing_status(text: &str) -> Option<(&str, String)> {
    let before = text.trim_end().strip_suffix(']')?;
    let start = before.rfind('[')?;
    let inside = before[start + 1..].trim();
    is_symbol(inside).then(|| (text[..start].trim_end(), inside.to_owned()))
}

/// Splits the sign off an entry of a legend: `🟢 Complete and verified`, `[🟢]: complete`.
pub(super) fn legend_entry(text: &str) -> Option<(String, &str)> {
    let text = text.trim();
    let (sign, meaning) = match text.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => text.split_once(char::is_whitespace)?,
    };
    let meaning = meaning.trim_start_matches([' ', ':', '=', '-', '–', '—', '\t']);
    (is_symbol(sign.trim()) && !meaning.is_empty()).then(|| (sign.trim().to_owned(), meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_every_kind_are_seen() {
        let other = |mark: &str| Mark::Other(mark.to_owned());
        for (text, mark) in [
            ("[ ] a", Mark::Open),
            ("[] a", Mark::Open),
            ("[  ] a", Mark::Open),
            ("[\u{a0}] a", Mark::Open),
            ("[ ]a", Mark::Open),
            ("[x] a", Mark::Ticked),
            ("[X] a", Mark::Ticked),
            ("[✓] a", Mark::Ticked),
            ("☐ a", Mark::Open),
            ("⬜️ a", Mark::Open),
            ("☑ a", Mark::Ticked),
            ("✅ a", Mark::Ticked),
            ("[~] a", other("~")),
            ("[-] a", other("-")),
            ("[!] a", other("!")),
            ("[/] a", other("/")),
            ("[N/A] a", other("N/A")),
            ("[🔴] a", other("🔴")),
            ("［　］a", Mark::Open),
            ("( ) a", Mark::Open),
            ("<input type=\"checkbox\" disabled> a", Mark::Open),
            ("<input type=\"checkbox\" checked> a", Mark::Ticked),
        ] {
            assert_eq!(leading_box(text), Some((mark, "a")), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_box_is_none() {
        for text in [
            "[1] a",
            "[link](url)",
            "[x](url)",
            "[]()",
            "[!NOTE]",
            "[Define contact]",
            "(a) b",
            "() b",
            "[x]: url",
            "array[ ]",
            "[",
            "",
        ] {
            assert_eq!(leading_box(text), None, "{text}");
        }
    }

    #[test]
    fn statuses_come_off_the_end() {
        assert_eq!(
            trailing_status("Redis [🔴]"),
            Some(("Redis", "🔴".to_owned()))
        );
        assert_eq!(trailing_status("Redis [1]"), None);
        assert_eq!(trailing_status("[Date]"), None);
    }

    #[test]
    fn legends_give_a_sign_and_its_meaning() {
        assert_eq!(
            legend_entry("⚪ Optional"),
            Some(("⚪".to_owned(), "Optional"))
        );
        assert_eq!(
            legend_entry("[🔴]: Blocked"),
            Some(("🔴".to_owned(), "Blocked"))
        );
        assert_eq!(legend_entry("Plain words"), None);
    }
}
