//! From bytes to lines that can be read: encodings, line ends, invisible characters, front matter.
//!
//! Whatever happens here keeps the number of lines, so that every note points at the line an author sees. Text
//! that was encoded twice (`ðŸ”´` for 🔴) is repaired before anything looks at it, because status marks are
//! recognised by their characters.

use std::borrow::Cow;

use super::Notes;

/// Front matter longer than this is taken for a document that begins with a rule.
const LONGEST_FRONT_MATTER: usize = 200;

/// The key of what stands behind `#` there.
const REMARK: &str = "remark";

/// A document's text with line ends `\n`, and what was in its front matter.
pub(super) struct Source {
    /// The text; front matter is blanked out, line by line.
    pub(super) text: String,
    /// Keys and values of the front matter with their lines, in order.
    pub(super) front: Vec<Field>,
}

/// One entry of the front matter.
pub(super) struct Field {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: String,
}

/// Reads a document; everything that had to be repaired is noted.
pub(super) fn read(bytes: &[u8], notes: &mut Notes) -> Source {
    let text = decode(bytes, notes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = without_nul(&unix_lines(text), notes);
    let text = repair(text, notes);
    take_front_matter(text)
}

fn decode(bytes: &[u8], notes: &mut Notes) -> String {
    let (wide, little) = match bytes {
        [0xff, 0xfe, rest @ ..] => (rest, true),
        [0xfe, 0xff, rest @ ..] => (rest, false),
        _ => return decode_narrow(bytes, notes),
    };
    let unit = |pair: &[u8; 2]| match little {
        true => u16::from_le_bytes(*pair),
        false => u16::from_be_bytes(*pair),
    };
    notes.guess(1, "the file is UTF-16");
    let units = wide.as_chunks::<2>().0.iter().map(unit);
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// UTF-8; what isn't, is read as Windows-1252, the encoding such bytes nearly always come from.
fn decode_narrow(bytes: &[u8], notes: &mut Notes) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut first = None;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            first.get_or_insert(text.len());
            text.extend(chunk.invalid().iter().map(|&byte| from_windows(byte)));
        }
    }
    if let Some(at) = first {
        let line = text[..at].matches('\n').count() + 1;
        notes.guess(line, "bytes that aren't UTF-8 were read as Windows-1252");
    }
    text
}

fn unix_lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

fn without_nul(text: &str, notes: &mut Notes) -> String {
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        notes.guess(line, "NUL characters were left out");
    }
    text.replace('\0', "")
}

/// Windows-1252's characters from 0x80 to 0x9f; where it has none, the code point of the same number.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn from_windows(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

fn to_windows(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ 0x80..=0xff => u8::try_from(code).ok(),
        code if code > 0xff => (0x80_u8..=0x9f).find(|&byte| from_windows(byte) == character),
        _ => None,
    }
}

/// Undoes UTF-8 that was read as Windows-1252 and saved as UTF-8 again.
fn repair(text: String, notes: &mut Notes) -> String {
    if text.is_ascii() {
        return text;
    }
    let mut result = String::with_capacity(text.len());
    let mut first = None;
    let mut count = 0_usize;
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        if let Some((repaired, length)) = twice_encoded(rest) {
            first.get_or_insert(result.len());
            count += 1;
            result.push(repaired);
            rest = &rest[length..];
        } else {
            result.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    if let Some(at) = first {
        let line = result[..at].matches('\n').count() + 1;
        notes.guess(
            line,
            format!("{count} characters were encoded twice and have been repaired"),
        );
    }
    result
}

/// The character that a text encoded twice begins with, and how long its spelling is.
///
/// Two-byte sequences are only taken for such when they begin with `Â` or `Ã`: `É»` may well stand in a text.
fn twice_encoded(text: &str) -> Option<(char, usize)> {
    let mut bytes = [0_u8; 4];
    let mut characters = text.char_indices();
    let (_, lead) = characters.next()?;
    bytes[0] = to_windows(lead)?;
    let length = match bytes[0] {
        0xc2 | 0xc3 => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let mut end = lead.len_utf8();
    for byte in &mut bytes[1..length] {
        let (at, character) = characters.next()?;
        *byte = to_windows(character).filter(|byte| (0x80..=0xbf).contains(byte))?;
        end = at + character.len_utf8();
    }
    let repaired = str::from_utf8(&bytes[..length]).ok()?.chars().next()?;
    Some((repaired, end))
}

/// Takes `---` … `---` (or `+++`) at the very beginning out of the text, if there are keys in it.
fn take_front_matter(text: String) -> Source {
    let whole = |text| Source {
        text,
        front: Vec::new(),
    };
    let mut lines = text.split_inclusive('\n');
    let fence = match lines.next().map(str::trim_end) {
        Some(fence @ ("---" | "+++")) => fence,
        _ => return whole(text),
    };
    let inside: Vec<&str> = lines
        .by_ref()
        .take(LONGEST_FRONT_MATTER)
        .take_while(|line| {
            line.trim_end() != fence && !(fence == "---" && line.trim_end() == "...")
        })
        .collect();
    let front = fields(&inside);
    let only_remarks = front.iter().all(|field| field.key == REMARK);
    let length = fence.len() + 1 + inside.iter().map(|line| line.len()).sum::<usize>();
    let closed = text.get(length..).is_some_and(|rest| !rest.is_empty());
    if front.is_empty() || !closed || inside.len() == LONGEST_FRONT_MATTER {
        return whole(text);
    }
    let rest = text[length..].split_once('\n').map_or("", |(_, rest)| rest);
    // `# Title` between rules is the title, unless there is another.
    if only_remarks && !rest.lines().any(|line| line.starts_with("# ")) {
        return whole(text);
    }
    let blank = "\n".repeat(inside.len() + 2);
    Source {
        text: format!("{blank}{rest}"),
        front,
    }
}

/// `key: value` or `key = value`; lines that are indented or begin with `-` go on with the value before.
fn fields(lines: &[&str]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let goes_on = line.starts_with([' ', '\t', '-']);
        let pair = line.split_once([':', '=']);
        let remark = line.starts_with('#');
        match (goes_on, pair, fields.last_mut()) {
            (true, _, Some(last)) => {
                if matches!(last.value.as_str(), "|" | ">" | "|-" | ">-") {
                    last.value.clear();
                }
                let space = if last.value.is_empty() { "" } else { " " };
                last.value = format!("{}{space}{}", last.value, line.trim());
            }
            (false, Some((key, value)), _) if !key.trim().is_empty() && !remark => {
                fields.push(Field {
                    line: index + 2,
                    key: key.trim().to_owned(),
                    value: unquoted(value.trim()).to_owned(),
                })
            }
            _ if line.trim().is_empty() => {}
            _ if remark => fields.push(Field {
                line: index + 2,
                key: REMARK.to_owned(),
                value: line.trim_start_matches(['#', ' ']).trim_end().to_owned(),
            }),
            // Something else: no front matter after all.
            _ => return Vec::new(),
        }
    }
    fields
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|&quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        read(bytes, &mut Notes::default()).text
    }

    #[test]
    fn line_ends_marks_and_nul_are_cleaned_up() {
        assert_eq!(text(b"\xef\xbb\xbfa\r\nb\rc\0d"), "a\nb\ncd");
        assert_eq!(text(b"\xff\xfea\0\n\0"), "a\n");
        assert_eq!(text(b"caf\xe9"), "café");
    }

    #[test]
    fn what_was_encoded_twice_is_repaired_and_what_was_not_stays() {
        let twice = "ðŸ”´ ðŸŸ¡ âšª â€“ cafÃ© Â§";
        assert_eq!(text(twice.as_bytes()), "🔴 🟡 ⚪ – café §");
        let once = "«CAFÉ» naïve Ångström 東京 🔴";
        assert_eq!(text(once.as_bytes()), once);
    }

    #[test]
    fn front_matter_is_taken_out_and_keeps_the_lines() {
        let source = read(
            b"---\nname: a\ndescription: |\n  two\n  lines\nversion: '1'\n---\n# Title\n",
            &mut Notes::default(),
        );
        let pairs: Vec<(&str, &str)> = source
            .front
            .iter()
            .map(|field| (field.key.as_str(), field.value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("name", "a"),
                ("description", "two lines"),
                ("version", "1")
            ]
        );
        assert_eq!(source.text, format!("{}# Title\n", "\n".repeat(7)));
    }

    #[test]
    fn remarks_are_front_matter_where_a_title_follows() {
        let source = read(
            b"---\n# by: a bot\nname: a\n---\n- [ ] b\n",
            &mut Notes::default(),
        );
        assert_eq!(source.front[0].value, "by: a bot");
        assert_eq!(text(b"---\n# A bot\n---\n\n# Title\n"), "\n\n\n\n# Title\n");
    }

    #[test]
    fn a_rule_at_the_beginning_is_no_front_matter() {
        for document in ["---\n# Title\n---\n", "---\n", "---\nkey: never closed\n"] {
            assert_eq!(text(document.as_bytes()), document);
        }
    }
}
