//! SGR, "select graphic rendition": the sequences `ESC [ … m` that colour text (ECMA-48, section 8.3.117; colours
//! beyond the first eight as in ISO 8613-6 and xterm).

use crate::app::output::{Colour, Look};

/// What an escape character turned out to begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'b> {
    /// An SGR sequence.
    Sgr {
        /// What stands between `[` and `m`.
        parameters: &'b [u8],
        /// Length of the whole sequence.
        length: usize,
    },
    /// Something else, or a sequence that is too long to be taken for one.
    Other,
    /// It depends on what comes next.
    Unfinished,
}

/// Looks at the sequence at the start of `bytes`, which begin with an escape character.
pub(super) fn find(bytes: &[u8], longest: usize) -> Found<'_> {
    match bytes.get(1) {
        None => return Found::Unfinished,
        Some(b'[') => {}
        Some(_) => return Found::Other,
    }
    let after = &bytes[2..bytes.len().min(longest)];
    let end = after
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'));
    match end {
        Some(end) if after[end] == b'm' => Found::Sgr {
            parameters: &after[..end],
            length: end + 3,
        },
        None if bytes.len() < longest => Found::Unfinished,
        _ => Found::Other,
    }
}

/// Changes a look as the parameters of an SGR sequence say. Unknown ones are ignored, among them "conceal": what
/// was printed is to be seen.
pub(super) fn apply(look: &mut Look, parameters: &[u8]) {
    let mut fields = parameters.split(|byte| *byte == b';');
    while let Some(field) = fields.next() {
        let mut parts = field.split(|byte| *byte == b':').map(number);
        let code = parts.next().unwrap_or(0);
        let has_parts = field.contains(&b':');
        match code {
            38 | 48 => {
                let colour = if has_parts {
                    colour_of_parts(&parts.collect::<Vec<_>>())
                } else {
                    colour_of_fields(&mut fields.by_ref().map(number))
                };
                let side = if code == 38 {
                    &mut look.foreground
                } else {
                    &mut look.background
                };
                *side = colour.or(*side);
            }
            // `4:0` is "not underlined", the other forms are kinds of underline.
            4 if has_parts => look.underline = parts.next() != Some(0),
            _ => apply_code(look, code),
        }
    }
}

fn apply_code(look: &mut Look, code: u16) {
    match code {
        0 => *look = Look::default(),
        1 => look.bold = true,
        2 => look.dim = true,
        3 => look.italic = true,
        4 | 21 => look.underline = true,
        7 => look.reverse = true,
        22 => (look.bold, look.dim) = (false, false),
        23 => look.italic = false,
        24 => look.underline = false,
        27 => look.reverse = false,
        39 => look.foreground = None,
        49 => look.background = None,
        _ => {
            if let Some(colour) = basic_colour(code, 30, 90) {
                look.foreground = Some(colour);
            } else if let Some(colour) = basic_colour(code, 40, 100) {
                look.background = Some(colour);
            }
        }
    }
}

/// One of the sixteen: eight from `normal` on, eight bright ones from `bright` on.
fn basic_colour(code: u16, normal: u16, bright: u16) -> Option<Colour> {
    let index = match code {
        _ if (normal..normal + 8).contains(&code) => code - normal,
        _ if (bright..bright + 8).contains(&code) => code - bright + 8,
        _ => return None,
    };
    u8::try_from(index).ok().map(Colour::Indexed)
}

/// `5;INDEX` and `2;RED;GREEN;BLUE`, the usual form.
fn colour_of_fields(numbers: &mut impl Iterator<Item = u16>) -> Option<Colour> {
    match numbers.next()? {
        5 => indexed(numbers.next()?),
        2 => {
            let (red, green, blue) = (numbers.next()?, numbers.next()?, numbers.next()?);
            rgb(red, green, blue)
        }
        _ => None,
    }
}

/// `5:INDEX`, `2:RED:GREEN:BLUE`, and `2:SPACE:RED:GREEN:BLUE` as the standard has it.
fn colour_of_parts(numbers: &[u16]) -> Option<Colour> {
    match numbers {
        [5, index] => indexed(*index),
        [2, red, green, blue] | [2, _, red, green, blue, ..] => rgb(*red, *green, *blue),
        _ => None,
    }
}

fn indexed(index: u16) -> Option<Colour> {
    u8::try_from(index).ok().map(Colour::Indexed)
}

fn rgb(red: u16, green: u16, blue: u16) -> Option<Colour> {
    let [red, green, blue] = [red, green, blue].map(|part| u8::try_from(part).ok());
    Some(Colour::Rgb(red?, green?, blue?))
}

/// A missing number is zero; one that is too large becomes the largest, which means nothing.
fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |number: u16, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u16::from(digit.saturating_sub(b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(parameters: &str) -> Look {
        let mut look = Look::default();
        apply(&mut look, parameters.as_bytes());
        look
    }

    #[test]
    fn colours_are_read_in_all_their_forms() {
        for (parameters, colour) in [
            ("31", Colour::Indexed(1)),
            ("97", Colour::Indexed(15)),
            ("38;5;208", Colour::Indexed(208)),
            ("38:5:208", Colour::Indexed(208)),
            ("38;2;1;2;3", Colour::Rgb(1, 2, 3)),
            ("38:2:1:2:3", Colour::Rgb(1, 2, 3)),
            ("38:2::1:2:3", Colour::Rgb(1, 2, 3)),
        ] {
            assert_eq!(look(parameters).foreground, Some(colour), "{parameters}");
        }
        assert_eq!(look("44").background, Some(Colour::Indexed(4)));
        assert_eq!(look("107").background, Some(Colour::Indexed(15)));
        assert_eq!(look("48;5;9").background, Some(Colour::Indexed(9)));
    }

    #[test]
    fn what_follows_a_colour_is_not_part_of_it() {
        let both = look("38;5;1;48;2;0;0;9;1");
        assert_eq!(both.foreground, Some(Colour::Indexed(1)));
        assert_eq!(both.background, Some(Colour::Rgb(0, 0, 9)));
        assert!(both.bold);
    }

    #[test]
    fn attributes_are_set_and_unset() {
        let all = look("1;2;3;4;7");
        assert!(all.bold && all.dim && all.italic && all.underline && all.reverse);
        assert_eq!(look("1;2;3;4;7;31;42;22;23;24;27;39;49"), Look::default());
        assert_eq!(look("1;31;0"), Look::default());
        assert_eq!(look("1;"), Look::default());
        assert!(look("4:3").underline && !look("4;4:0").underline);
    }

    #[test]
    fn what_is_unknown_or_wrong_changes_nothing() {
        for parameters in [
            "8", "5", "58;5", "38", "38;5", "38;5;256", "38:7:1", "99999999",
        ] {
            let seen = look(parameters);
            assert_eq!(seen, Look::default(), "{parameters}");
        }
    }

    #[test]
    fn only_plain_parameters_make_an_sgr_sequence() {
        let parameters: &[u8] = b"1;4:3";
        assert_eq!(
            find(b"\x1b[1;4:3mx", 64),
            Found::Sgr {
                parameters,
                length: 8
            }
        );
        assert_eq!(find(b"\x1b[>1m", 64), Found::Other);
        assert_eq!(find(b"\x1b[1;", 64), Found::Unfinished);
        assert_eq!(find(b"\x1b[11111", 6), Found::Other);
    }
}
