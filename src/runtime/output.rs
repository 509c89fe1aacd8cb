//! What commands print, turned from bytes into lines that can't harm a terminal.
//!
//! Of all that a terminal would obey only three things are understood: SGR sequences become a [`Look`], a carriage
//! return redraws the line, and a tab moves to the next multiple of eight columns. Everything else that would act
//! instead of show becomes visible text (`␛[2J`, `^H`, `<U+202E>`, `\xff`). A terminal emulator was rejected here:
//! it would obey what the operator should see, and its screen forgets what scrolled by.
//!
//! The `vte` parser was rejected as well: it hands on parameters instead of the bytes that are to be shown, and it
//! collects OSC strings without a bound.

mod backlog;
mod row;
mod sgr;

pub use backlog::Backlog;

use memchr::{memchr, memchr_iter};

use crate::app::output::{Line, Look, MAXIMUM_LINE_BYTES};
use crate::ui::text::is_hidden;
use row::Row;

/// Longer escape sequences than this are shown, whatever they are: the longest SGR sequence in use (both colours in
/// RGB with all attributes) takes about 50 bytes.
const MAXIMUM_SEQUENCE: usize = 64;

/// What a line that was too long ends with.
const CUT: &str = "…[cut]";

/// The most bytes of a line that are kept when it is cut, so that with [`CUT`] it keeps to the maximum.
const MAXIMUM_TEXT: usize = MAXIMUM_LINE_BYTES - CUT.len();

const ESCAPE: u8 = 0x1b;

/// Turns bytes into lines, piece by piece: however the bytes are cut into chunks, the lines are the same.
///
/// Keeps one line of at most [`MAXIMUM_LINE_BYTES`] and one undecided sequence, so output without line ends can't
/// grow it.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The line being written.
    row: Row,
    /// How what comes next looks. Lasts beyond the line's end, as on a terminal.
    look: Look,
    /// The start of a sequence or character whose end hasn't come yet.
    undecided: Vec<u8>,
}

impl Decoder {
    /// Takes in what was printed next; complete lines go to `lines`.
    pub fn feed(&mut self, bytes: &[u8], lines: &mut Backlog) {
        self.take_in(bytes, true, lines);
    }

    /// The line that hasn't ended yet, as far as it is known.
    pub fn partial(&self) -> Option<Line> {
        (!self.row.is_empty()).then(|| self.row.line())
    }

    /// There is no more: what is left becomes the last line.
    pub fn finish(mut self, lines: &mut Backlog) {
        self.take_in(&[], false, lines);
        if !self.row.is_empty() {
            lines.push_with(|| self.row.line());
        }
    }

    fn take_in(&mut self, bytes: &[u8], more: bool, lines: &mut Backlog) {
        if self.undecided.is_empty() {
            let decided = self.decode(bytes, more, lines);
            self.undecided.extend_from_slice(&bytes[decided..]);
        } else {
            let mut joined = std::mem::take(&mut self.undecided);
            joined.extend_from_slice(bytes);
            let decided = self.decode(&joined, more, lines);
            joined.drain(..decided);
            self.undecided = joined;
        }
    }

    /// Decodes what can be decided; `more` says whether an unfinished sequence may yet be completed. Returns how
    /// many bytes were decided.
    fn decode(&mut self, bytes: &[u8], more: bool, lines: &mut Backlog) -> usize {
        lines.expect(memchr_iter(b'\n', bytes).count());
        let mut at = 0;
        let mut is_line_start = self.row.is_empty();
        while at < bytes.len() {
            if is_line_start {
                at += self.plain_lines(&bytes[at..], lines);
            }
            let Some(first) = bytes.get(at) else { break };
            is_line_start = *first == b'\n';
            if is_line_start {
                lines.push_with(|| self.row.line());
                self.row.clear();
                at += 1;
            } else {
                let Some(length) = self.token(&bytes[at..], more) else {
                    break;
                };
                at += length;
            }
        }
        at
    }

    /// The fast path: complete lines of nothing but printable ASCII. Returns how many bytes they take.
    fn plain_lines(&self, bytes: &[u8], lines: &mut Backlog) -> usize {
        let mut at = 0;
        while let Some(length) = memchr(b'\n', &bytes[at..]) {
            let line = &bytes[at..at + length];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > MAXIMUM_TEXT || !is_printable_ascii(line) {
                break;
            }
            lines.push_with(|| row::line_of_ascii(line, self.look));
            at += length + 1;
        }
        at
    }

    /// Takes in the text, control, sequence or character at the start of `bytes`, which is neither empty nor a line
    /// end. Returns its length, or `None` when that depends on what comes next.
    fn token(&mut self, bytes: &[u8], more: bool) -> Option<usize> {
        match bytes[0] {
            b' '..=b'~' => Some(self.text(bytes)),
            ESCAPE => self.escape(bytes, more),
            0x80.. => self.character(bytes, more),
            control => {
                self.control(control);
                Some(1)
            }
        }
    }

    fn text(&mut self, bytes: &[u8]) -> usize {
        let end = bytes.iter().position(|byte| !matches!(byte, b' '..=b'~'));
        let length = end.unwrap_or(bytes.len());
        self.row.write_ascii(&bytes[..length], self.look);
        length
    }

    fn control(&mut self, control: u8) {
        match control {
            b'\r' => self.row.carriage_return(),
            b'\t' => self.row.tab(self.look),
            // Caret notation: DEL is `^?`, which is why this is no addition.
            _ => self.row.write_ascii(&[b'^', control ^ 0x40], self.look),
        }
    }

    /// An SGR sequence changes the look. Of all others only the escape character is taken, and shown: what follows
    /// it is text then.
    fn escape(&mut self, bytes: &[u8], more: bool) -> Option<usize> {
        match sgr::find(bytes, MAXIMUM_SEQUENCE) {
            sgr::Found::Sgr { parameters, length } => {
                sgr::apply(&mut self.look, parameters);
                Some(length)
            }
            sgr::Found::Unfinished if more => None,
            sgr::Found::Unfinished | sgr::Found::Other => {
                self.row.write('␛', self.look);
                Some(1)
            }
        }
    }

    fn character(&mut self, bytes: &[u8], more: bool) -> Option<usize> {
        let head = &bytes[..bytes.len().min(4)];
        let valid = match std::str::from_utf8(head) {
            Ok(text) => text,
            Err(error) if error.valid_up_to() > 0 => {
                std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(error) if error.error_len().is_none() && more => return None,
            Err(error) => {
                let length = error.error_len().unwrap_or(head.len());
                self.show_bytes(&head[..length]);
                return Some(length);
            }
        };
        let character = valid.chars().next()?;
        self.show(character);
        Some(character.len_utf8())
    }

    fn show(&mut self, character: char) {
        match character {
            // They choose between pictures of the character before them, and terminals don't agree on the width of
            // the result. Dropping them loses nothing that could be read.
            '\u{fe00}'..='\u{fe0f}' => {}
            hidden if is_hidden(hidden) => {
                let shown = format!("<U+{:04X}>", u32::from(hidden));
                self.row.write_ascii(shown.as_bytes(), self.look);
            }
            plain => self.row.write(plain, self.look),
        }
    }

    fn show_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let shown = format!("\\x{byte:02x}");
            self.row.write_ascii(shown.as_bytes(), self.look);
        }
    }
}

/// Looks at all bytes without leaving early, which lets the compiler compare many at once.
fn is_printable_ascii(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::output::{Colour, MAXIMUM_LINES, Piece};

    fn lines_of(chunks: &[&[u8]]) -> Vec<Line> {
        let mut decoder = Decoder::default();
        let mut lines = Backlog::default();
        for chunk in chunks {
            decoder.feed(chunk, &mut lines);
        }
        decoder.finish(&mut lines);
        lines.take().0
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        lines_of(&[bytes]).iter().map(Line::text).collect()
    }

    #[test]
    fn lines_end_with_a_line_feed_with_or_without_a_carriage_return() {
        assert_eq!(texts(b"one\ntwo\r\n\nlast"), ["one", "two", "", "last"]);
        assert_eq!(texts(b"\xc3\xa9\r\r\n"), ["é"]);
        assert_eq!(texts(b""), [""; 0]);
    }

    #[test]
    fn colours_and_attributes_become_looks() {
        let green = Look {
            foreground: Some(Colour::Indexed(2)),
            bold: true,
            ..Look::default()
        };
        let expected = [
            Piece {
                text: "ok".to_owned(),
                look: green,
            },
            Piece {
                text: " done".to_owned(),
                look: Look::default(),
            },
        ];
        assert_eq!(lines_of(&[b"\x1b[1;32mok\x1b[m done"])[0].pieces, expected);
    }

    #[test]
    fn a_look_lasts_beyond_the_line() {
        let lines = lines_of(&[b"\x1b[31mfirst\nsecond\n"]);
        assert_eq!(lines[1].pieces[0].look.foreground, Some(Colour::Indexed(1)));
    }

    #[test]
    fn everything_else_that_steers_a_terminal_is_shown() {
        assert_eq!(texts(b"\x1b[2Jx"), ["␛[2Jx"]);
        assert_eq!(texts(b"a\x08b\x7f\x00\x0c"), ["a^Hb^?^@^L"]);
        assert_eq!(texts(b"\x1b]0;title\x07\x1b\\"), ["␛]0;title^G␛\\"]);
        assert_eq!(texts(b"\x1b[?25l\x1b[>4;2m"), ["␛[?25l␛[>4;2m"]);
        assert_eq!(
            texts("\u{202e}a\u{200b}\u{9b}".as_bytes()),
            ["<U+202E>a<U+200B><U+009B>"]
        );
        assert_eq!(texts(b"\x1b"), ["␛"]);
        assert_eq!(texts(b"\x1b[1"), ["␛[1"]);
        assert_eq!(texts(b"\x1b[1\nx"), ["␛[1", "x"]);
    }

    #[test]
    fn a_sequence_without_end_is_shown() {
        let sequence = [b"\x1b[".as_slice(), &[b'1'; 100], b"m"].concat();
        assert_eq!(texts(&sequence), [format!("␛[{}m", "1".repeat(100))]);
    }

    #[test]
    fn bytes_that_are_no_characters_are_shown_as_numbers() {
        assert_eq!(
            texts(b"a\xffb\xe2\x82\nc\x9b2J\xc3"),
            [r"a\xffb\xe2\x82", r"c\x9b2J\xc3"]
        );
    }

    #[test]
    fn a_carriage_return_redraws_the_line() {
        assert_eq!(texts(b" 10%\r100%\n"), ["100%"]);
        assert_eq!(texts(b"long text\rabc\n"), ["abcg text"]);
    }

    #[test]
    fn redrawing_goes_by_columns() {
        assert_eq!(texts("日本\rab\n".as_bytes()), ["ab本"]);
        assert_eq!(texts("日本\ra\n".as_bytes()), ["a 本"]);
        assert_eq!(texts("abc\r日\n".as_bytes()), ["日c"]);
        assert_eq!(texts("e\u{301}x\ra\n".as_bytes()), ["ax"]);
    }

    #[test]
    fn tabs_go_to_the_next_eighth_column() {
        assert_eq!(
            texts(b"\ta\t12345678\tb"),
            ["        a       12345678        b"]
        );
        assert_eq!(texts("日\tb".as_bytes()), ["日      b"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_visibly_so() {
        let mut decoder = Decoder::default();
        let mut lines = Backlog::default();
        for _ in 0..1000 {
            decoder.feed(&[b'x'; 1000], &mut lines);
        }
        let partial = decoder.partial().unwrap().text();
        assert_eq!(partial.len(), MAXIMUM_LINE_BYTES);
        assert!(partial.ends_with("x…[cut]"));
        decoder.feed(b"\nnext\n", &mut lines);
        assert_eq!(lines.take().0[1].text(), "next");
    }

    #[test]
    fn the_line_that_has_not_ended_can_be_seen() {
        let mut decoder = Decoder::default();
        let mut lines = Backlog::default();
        decoder.feed(b"done\nworking \xe2\x9c", &mut lines);
        assert_eq!(decoder.partial(), Some(Line::plain("working ")));
        decoder.feed(b"\x93", &mut lines);
        assert_eq!(decoder.partial(), Some(Line::plain("working ✓")));
        decoder.feed(b"\n", &mut lines);
        assert_eq!(decoder.partial(), None);
    }

    #[test]
    fn of_too_many_lines_the_newest_are_kept_and_the_others_counted() {
        let mut printed = Vec::new();
        for number in 0..MAXIMUM_LINES + 5 {
            printed.extend(format!("{number}\n").into_bytes());
        }
        let mut lines = Backlog::default();
        Decoder::default().feed(&printed, &mut lines);
        let (kept, skipped) = lines.take();
        assert_eq!((kept.len(), skipped), (MAXIMUM_LINES, 5));
        assert_eq!(kept[0].text(), "5");
    }

    /// Bytes that are likely to be interesting together.
    fn output() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\t".to_vec()),
            Just(b"\x1b[".to_vec()),
            Just(b"\x1b[0m".to_vec()),
            Just(b"\x1b]".to_vec()),
            "[0-9;:?]{0,4}[a-zA-Z]".prop_map(String::into_bytes),
            "\u{1b}\\[[0-9;:]{0,12}m".prop_map(String::into_bytes),
            "\\PC{0,6}".prop_map(String::into_bytes),
            "[日本é✓\u{301}\u{202e}]{1,3}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..4),
            (0..3000_usize).prop_map(|length| vec![b'x'; length]),
        ];
        proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines(
            bytes in output(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
            let whole = lines_of(&[&bytes]);
            prop_assert_eq!(lines_of(&chunks), whole.clone());
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(lines_of(&single), whole);
        }

        #[test]
        fn nothing_hidden_is_left_and_no_line_is_too_long(bytes in output()) {
            for line in lines_of(&[&bytes]) {
                let text = line.text();
                prop_assert!(text.len() <= MAXIMUM_LINE_BYTES);
                prop_assert!(!text.chars().any(is_hidden), "{text:?}");
                prop_assert!(line.pieces.iter().all(|piece| !piece.text.is_empty()));
            }
        }
    }
}
