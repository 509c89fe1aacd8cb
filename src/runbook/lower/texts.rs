//! Texts: the places inside them, and the variables they name.

use std::ops::Range;

use super::Lowering;
use crate::check::Limit;
use crate::check::expectation::SyntaxError;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::document::{LimitText, Text};
use crate::runbook::text::nearest;
use crate::runbook::variables::{BUILT_IN, Piece, pieces};

/// What a text is for, which says what it may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// People see it: no secrets.
    Shown,
    /// It only goes over the wire: secrets too.
    Sent,
    /// A message: no secrets, but what the run itself fills in.
    Message,
}

impl Lowering<'_> {
    /// A text whose variables are known.
    pub(super) fn text(&mut self, text: Text, purpose: Use) -> String {
        self.check_variables(&text, purpose);
        text.value
    }

    /// Such a text, or nothing.
    pub(super) fn optional(&mut self, text: Option<Text>, purpose: Use) -> Option<String> {
        text.map(|text| self.text(text, purpose))
    }

    /// Such a text, or an empty one; its absence is reported.
    pub(super) fn required_text(
        &mut self,
        text: Option<Text>,
        table: &Range<usize>,
        key: &str,
        of: &str,
        purpose: Use,
    ) -> String {
        self.required(text, table, key, of)
            .map(|text| self.text(text, purpose))
            .unwrap_or_default()
    }

    /// A title, which may be neither missing nor empty.
    pub(super) fn title(&mut self, title: Option<Text>, table: &Range<usize>, of: &str) -> String {
        if let Some(empty) = title.as_ref().filter(|title| title.value.trim().is_empty()) {
            let span = empty.span.clone();
            self.error(
                "empty-title",
                &span,
                format!("the title of this {of} is empty"),
                "say what it is",
            );
        }
        self.required_text(title, table, "title", of, Use::Shown)
    }

    pub(super) fn check_variables(&mut self, text: &Text, purpose: Use) {
        if !text.value.contains("${") {
            return;
        }
        for piece in pieces(&text.value) {
            match piece {
                Piece::Name { name, at } => self.check_variable(text, name, at, purpose),
                Piece::Broken(at) => {
                    let place = self.inside(text, at);
                    let help = "write `${NAME}`; for these characters themselves write `$${`";
                    self.error("bad-placeholder", &place, "this names no variable", help);
                }
                Piece::Plain(_) | Piece::Escape => {}
            }
        }
    }

    fn check_variable(&mut self, text: &Text, name: &str, at: Range<usize>, purpose: Use) {
        match self.variables.get(name).map(|known| known.secret) {
            Some(true) if purpose != Use::Sent => {
                let place = self.inside(text, at);
                let message = format!("`{name}` is secret and this text is shown");
                let help = "secrets may stand in probes, metric sources and webhooks only";
                self.error("secret-shown", &place, message, help);
            }
            Some(_) => {}
            None if BUILT_IN.contains(&name) && purpose == Use::Message => {}
            None if self.variables_in_doubt => {}
            None => self.report_unknown(text, name, at, purpose),
        }
    }

    fn report_unknown(&mut self, text: &Text, name: &str, at: Range<usize>, purpose: Use) {
        let built_in = BUILT_IN.iter().copied().filter(|_| purpose == Use::Message);
        let known = self.variables.keys().map(String::as_str).chain(built_in);
        // In order, so that of two equally near names always the same one is offered.
        let mut known: Vec<&str> = known.collect();
        known.sort_unstable();
        let near = nearest(name, known);
        let help = match near {
            Some(near) => format!("did you mean `${{{near}}}`?"),
            None if BUILT_IN.contains(&name) => {
                format!("`${{{name}}}` is filled in in messages only")
            }
            None => format!(
                "add `{name}` under `[vars]`; for these characters themselves write `$${{{name}}}`"
            ),
        };
        let place = near
            .and_then(|near| self.variables.get(near))
            .map(|known| known.place.clone());
        let message = format!("there is no variable `{name}`");
        let mut diagnostic =
            Diagnostic::error("unknown-variable", self.inside(text, at), message).help(help);
        if let Some(place) = place {
            diagnostic = diagnostic.related(place, "defined here");
        }
        self.report_once(format!("${name}"), diagnostic);
    }

    /// The place in the file of a byte range inside a string's value.
    ///
    /// Exact when the literal is written as it is meant; with escapes in it, the whole literal.
    pub(super) fn inside(&self, text: &Text, at: Range<usize>) -> Range<usize> {
        let start = literal_start(
            self.source.get(text.span.clone()).unwrap_or_default(),
            &text.value,
        );
        start.map_or_else(
            || text.span.clone(),
            |start| text.span.start + start + at.start..text.span.start + start + at.end,
        )
    }

    /// A limit; `None` too when it can't be read, which is reported.
    pub(super) fn limit(&mut self, written: Option<&LimitText>) -> Option<Limit> {
        let written = &written?.0;
        match Limit::parse(&written.value) {
            Ok(limit) => Some(limit),
            Err(mut error) => {
                if written.value.contains("${") {
                    error.help = Some("limits hold no variables: write the number".to_owned());
                }
                let otherwise = "write a comparison and a number, like `> 1`";
                self.report_syntax("limit", written, error, otherwise);
                None
            }
        }
    }

    /// Reports a mistake in one of the small grammars.
    pub(super) fn report_syntax(
        &mut self,
        code: &'static str,
        text: &Text,
        error: SyntaxError,
        otherwise: &str,
    ) {
        let place = self.inside(text, error.at);
        let help = error.help.unwrap_or_else(|| otherwise.to_owned());
        self.error(code, &place, error.message, help);
    }
}

/// Where a string's value begins in its literal, if it stands there as it is.
fn literal_start(literal: &str, value: &str) -> Option<usize> {
    let quote = if literal.starts_with("\"\"\"") || literal.starts_with("'''") {
        3
    } else {
        1
    };
    let first_line = |start: usize| match literal.get(start..)? {
        rest if quote == 3 && rest.starts_with("\r\n") => Some(start + 2),
        rest if quote == 3 && rest.starts_with('\n') => Some(start + 1),
        _ => Some(start),
    };
    let start = first_line(quote)?;
    (literal.get(start..literal.len().checked_sub(quote)?)? == value).then_some(start)
}
