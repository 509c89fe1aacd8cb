//! Text that others wrote, made harmless and short before it reaches a screen or a report.
//!
//! A target under test may answer with anything, escape sequences included. Whatever of it is quoted in a
//! judgement passes through here, so that no panel has to remember to.

/// The most characters of foreign text that a judgement quotes.
pub const QUOTE_LIMIT: usize = 80;

/// At most [`QUOTE_LIMIT`] characters of `text`, in one line, with control, bidirectional and zero-width
/// characters written out (`\n`, `\u{1b}`).
pub fn quote(text: &str) -> String {
    let mut quoted = String::new();
    let mut length = 0;
    for character in text.chars() {
        let (piece, width) = visible(character);
        if length + width >= QUOTE_LIMIT {
            quoted.push('…');
            break;
        }
        quoted.extend(piece);
        length += width;
    }
    quoted
}

/// [`quote`] for bytes that may not be UTF-8.
pub fn quote_bytes(bytes: &[u8]) -> String {
    // A character takes four bytes at most, so this never cuts what the limit would keep.
    let head = &bytes[..bytes.len().min(QUOTE_LIMIT * 4)];
    quote(&String::from_utf8_lossy(head))
}

fn visible(character: char) -> (impl Iterator<Item = char>, usize) {
    let written: Vec<char> = if is_hidden(character) {
        character.escape_default().collect()
    } else {
        vec![character]
    };
    let width = written.len();
    (written.into_iter(), width)
}

/// Characters that act on the terminal, reorder the text around them, or can't be seen.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidirectional_characters_are_written_out() {
        assert_eq!(
            quote("a\u{1b}[2Jb\r\n\u{202e}c\u{9b}"),
            r"a\u{1b}[2Jb\r\n\u{202e}c\u{9b}"
        );
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        let quoted = quote(&"é".repeat(500));
        assert_eq!(quoted.chars().count(), QUOTE_LIMIT);
        assert!(quoted.ends_with('…'));
        assert_eq!(quote("short"), "short");
    }

    #[test]
    fn escapes_count_towards_the_limit() {
        assert!(quote(&"\u{1b}".repeat(500)).chars().count() <= QUOTE_LIMIT);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(quote_bytes(b"ok\xff\x00"), "ok\u{fffd}\\u{0}");
    }
}
