//! What is wrong with a runbook, and how it is shown: file, line, column, the line with a caret, what to do.
//!
//! A runbook is foreign text. Whatever is quoted from it is made visible first (see [`visible`]), so that
//! showing a mistake can't be used to write control sequences to the terminal.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level as Heading, Renderer, Snippet};
use serde::Serialize;

/// More mistakes than this in a file are counted, not shown; see [`load`](super::load::load).
pub const MOST_SHOWN: usize = 100;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The runbook can't be run.
    Error,
    /// The runbook can be run; an author should look.
    Warning,
}

/// One mistake in a runbook, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// Stable name of this kind of mistake, e.g. `unknown-key`.
    pub code: &'static str,
    /// Byte range in the file's text.
    pub span: Range<usize>,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// A few words beside the caret; may be empty.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
    /// Other places that belong to it, each with a few words.
    pub related: Vec<(Range<usize>, String)>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            code,
            span,
            message: message.into(),
            label: String::new(),
            help: None,
            related: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// With a few words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With another place that belongs to it.
    #[must_use]
    pub fn related(mut self, span: Range<usize>, words: impl Into<String>) -> Self {
        self.related.push((span, words.into()));
        self
    }

    /// The same for a program to read.
    pub fn finding(&self, file_name: &str, text: &str) -> Finding {
        let (line, column) = line_column(text, self.span.start);
        Finding {
            file: visible(file_name).into_owned(),
            line,
            column,
            level: self.level,
            code: self.code.to_owned(),
            message: visible(&self.message).into_owned(),
            help: self.help.as_deref().map(|help| visible(help).into_owned()),
        }
    }
}

/// A diagnostic as `tminus lint --json` writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file's name as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How bad it is.
    pub level: Level,
    /// Stable name of this kind of mistake.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Line and column (in characters) of a byte offset, both from 1. An offset beyond the end is the end.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Replaces every character that would act instead of show, one for one, so that columns stay what they were.
///
/// Control characters become their pictures (`␛`); C1 controls, and what hides or reorders text (zero-width and
/// bidirectional characters), become `�`. Tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text
        .chars()
        .all(|character| picture(character) == character)
    {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(picture).collect())
}

fn picture(character: char) -> char {
    match character {
        '\t' => '\t',
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        other => other,
    }
}

/// Draws diagnostics the way rustc does.
pub fn render(diagnostics: &[Diagnostic], file_name: &str, text: &str, color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let file_name = visible(file_name);
    let mut output = String::new();
    for diagnostic in diagnostics {
        output.push_str(&draw(&renderer, diagnostic, &file_name, text));
        output.push_str("\n\n");
    }
    output
}

fn draw(renderer: &Renderer, diagnostic: &Diagnostic, file_name: &str, text: &str) -> String {
    let excerpt = Excerpt::around(diagnostic, text);
    let words = diagnostic.related.iter().map(|(_, words)| words);
    let related = excerpt.related.iter().zip(words);
    let snippet = Snippet::source(excerpt.visible.as_str())
        .line_start(excerpt.first_line)
        .path(file_name)
        .annotation(annotation(
            AnnotationKind::Primary,
            &excerpt.primary,
            &diagnostic.label,
        ))
        .annotations(related.map(|(span, words)| annotation(AnnotationKind::Context, span, words)));
    let heading = match diagnostic.level {
        Level::Error => Heading::ERROR,
        Level::Warning => Heading::WARNING,
    };
    let message = visible(&diagnostic.message);
    let mut group =
        Group::with_title(heading.primary_title(message).id(diagnostic.code)).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Heading::HELP.message(visible(help)));
    }
    renderer.render(&[group])
}

fn annotation<'a>(kind: AnnotationKind, span: &Range<usize>, label: &'a str) -> Annotation<'a> {
    let annotation = kind.span(span.clone());
    if label.is_empty() {
        annotation
    } else {
        annotation.label(visible(label))
    }
}

/// The lines that a diagnostic touches, made visible.
///
/// The renderer looks at all of its source for each diagnostic, which for a hundred of them in a long file is
/// felt; so it is given no more than it shows.
struct Excerpt {
    /// The lines, made visible.
    visible: String,
    /// Number of the first of them, from 1.
    first_line: usize,
    /// The diagnostic's span in `visible`.
    primary: Range<usize>,
    /// Its related spans in `visible`, in their order.
    related: Vec<Range<usize>>,
}

impl Excerpt {
    fn around(diagnostic: &Diagnostic, text: &str) -> Self {
        let primary = first_line_of(&diagnostic.span, text);
        let related: Vec<_> = diagnostic
            .related
            .iter()
            .map(|(span, _)| first_line_of(span, text))
            .collect();
        let spans = || related.iter().chain([&primary]);
        let first = spans()
            .map(|span| span.start)
            .min()
            .unwrap_or(primary.start);
        let last = spans().map(|span| span.end).max().unwrap_or(primary.end);
        let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[last..]
            .find('\n')
            .map_or(text.len(), |newline| last + newline);
        // Made visible piece by piece, a character may change its length in bytes: places move along.
        let moved = |offset: usize| visible_lines(&text[start..offset]).len();
        let moved = |span: &Range<usize>| moved(span.start)..moved(span.end);
        Self {
            visible: visible_lines(&text[start..end]),
            first_line: line_column(text, start).0,
            primary: moved(&primary),
            related: related.iter().map(moved).collect(),
        }
    }
}

/// Makes lines visible; what ends a line stays what it is.
fn visible_lines(text: &str) -> String {
    let lines = text
        .split('\n')
        .map(|line| visible(line.strip_suffix('\r').unwrap_or(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The part of a span that lies on its first line: a caret under a whole table says less than one at its start.
fn first_line_of(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.floor_char_boundary(span.end.clamp(start, text.len()));
    let cut = text[start..end]
        .find('\n')
        .map_or(end, |newline| start + newline);
    let line = text[start..cut].trim_end_matches('\r');
    start..start + line.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = "ä = 1\nbö = 2\n";
        assert_eq!(line_column(text, 0), (1, 1));
        assert_eq!(line_column(text, text.find('2').unwrap()), (2, 6));
        assert_eq!(line_column(text, text.len()), (3, 1));
        assert_eq!(line_column(text, 9_999), (3, 1));
        assert_eq!(line_column("", 0), (1, 1));
    }

    #[test]
    fn a_diagnostic_is_drawn_with_its_line_its_caret_and_its_help() {
        let text = "format = 1\r\ntitel = \"Kestrel\"\r\nid = 1\r\n";
        let diagnostic = Diagnostic::error("unknown-key", 12..17, "unknown key `titel`")
            .label("not known here")
            .help("did you mean `title`?")
            .related(31..33, "see this");
        insta::assert_snapshot!(render(&[diagnostic], "kestrel.toml", text, false), @r#"
        error[unknown-key]: unknown key `titel`
         --> kestrel.toml:2:1
          |
        2 | titel = "Kestrel"
          | ^^^^^ not known here
        3 | id = 1
          | -- see this
          |
          = help: did you mean `title`?
        "#);
    }

    #[test]
    fn what_would_act_on_the_terminal_is_made_visible() {
        let text = "a = \"\u{1b}[31m\u{202e}x\u{9b}2J\"\r\nb\u{7} = 1\n";
        let diagnostic = Diagnostic::warning(
            "x\u{1b}".trim_end_matches('\u{1b}'),
            4..9,
            "bad \u{1b}]0;x\u{7} key",
        )
        .label("\u{1b}[2J")
        .help("\u{200b}\u{9b}");
        let drawn = render(
            std::slice::from_ref(&diagnostic),
            "evil\u{1b}[2J\n.toml",
            text,
            false,
        );
        assert!(
            drawn.chars().all(|c| c == '\n' || picture(c) == c),
            "{drawn:?}"
        );
        let finding = diagnostic.finding("evil\u{1b}.toml", text);
        assert_eq!(
            (finding.file.as_str(), finding.line, finding.column),
            ("evil␛.toml", 1, 5)
        );
        assert_eq!(finding.message, "bad ␛]0;x␇ key");
    }

    #[test]
    fn a_finding_has_the_shape_that_lint_promises() {
        let diagnostic = Diagnostic::error("wrong-type", 4..5, "no").help("yes");
        let json = serde_json::to_string(&diagnostic.finding("f.toml", "a = 1")).unwrap();
        let expected = r#"{"file":"f.toml","line":1,"column":5,"level":"error","code":"wrong-type","message":"no","help":"yes"}"#;
        assert_eq!(json, expected);
    }

    proptest! {
        #[test]
        fn drawing_never_panics_and_shows_nothing_raw(
            text in "([a-z\"= ]|\\PC|[\\x00-\\x1f\u{85}\u{202e}]|\r?\n){0,60}",
            start in 0_usize..80,
            length in 0_usize..80,
            other in 0_usize..80,
        ) {
            let diagnostic = Diagnostic::error("x", start..start + length, "m").label("l").related(other..other + 3, "r");
            let drawn = render(&[diagnostic], "f", &text, false);
            prop_assert!(drawn.chars().all(|c| c == '\n' || picture(c) == c), "{drawn:?}");
        }
    }
}
