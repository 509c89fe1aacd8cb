//! Texts that have to be something in particular: URLs, hosts, selectors, expectations.
//!
//! Where a text names variables it is judged with their defaults. A variable without one gets its value when a run
//! starts, and `variables` judges again then.

use std::ops::Range;

use super::Lowering;
use super::texts::Use;
use crate::check::{Expectation, Notation, SyntaxError};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::document::Text;
use crate::runbook::variables::{Piece, fill, pieces};

/// What a variable without a default could stand for in an expectation: a status or number, a TLS version, a time.
const STAND_INS: [&str; 3] = ["200", "1.2", "1s"];

/// The advice where the mistake itself says nothing better.
const OTHERWISE: &str = "docs/runbook-format.md says what may stand here";

/// A text with its variables filled in.
enum Filled {
    /// There are none: places inside it are places in the file.
    AsWritten,
    /// With the defaults.
    WithDefaults(String),
    /// Some value comes only when a run starts.
    Later,
}

impl Lowering<'_> {
    /// A text that has to be something.
    pub(super) fn notated(&mut self, text: Text, notation: Notation) -> String {
        self.check_notation(&text, notation);
        self.text(
            text,
            match notation {
                // What is wrong with them is said in their own words, so no secret may be in them.
                Notation::Selector | Notation::JsonPath => Use::Shown,
                _ => Use::Sent,
            },
        )
    }

    /// Such a text, or an empty one; its absence is reported.
    pub(super) fn required_notated(
        &mut self,
        text: Option<Text>,
        table: &Range<usize>,
        key: &str,
        of: &str,
        notation: Notation,
    ) -> String {
        self.required(text, table, key, of)
            .map(|text| self.notated(text, notation))
            .unwrap_or_default()
    }

    /// Judges a text in which no variable is ever filled in.
    pub(super) fn check_written(&mut self, text: &Text, notation: Notation) {
        if let Err(error) = notation.check(&text.value) {
            self.report_syntax(notation.code(), text, error, OTHERWISE);
        }
    }

    fn check_notation(&mut self, text: &Text, notation: Notation) {
        let judged = match self.filled(&text.value) {
            Filled::AsWritten => notation.check(&text.value),
            Filled::WithDefaults(value) => notation.check(&value).map_err(|error| SyntaxError {
                at: 0..text.value.len(),
                ..error
            }),
            Filled::Later => Ok(()),
        };
        if let Err(error) = judged {
            self.report_filled(notation.code(), text, error, OTHERWISE);
        }
    }

    /// An expectation. Of one whose values come later only what can be told already is judged.
    pub(super) fn expectation(&mut self, text: &Text, kind: &str) -> Option<Expectation> {
        self.check_variables(text, Use::Shown);
        let parse = |value: &str| {
            let parsed = Expectation::parse(value, kind);
            parsed.map(|expectation| expectation.written_as(&text.value))
        };
        let parsed = match self.filled(&text.value) {
            Filled::AsWritten => parse(&text.value),
            Filled::WithDefaults(value) => parse(&value).map_err(|error| SyntaxError {
                at: 0..text.value.len(),
                ..error
            }),
            Filled::Later => parse(&text.value).or_else(|error| {
                let mut tried = STAND_INS
                    .iter()
                    .map(|value| fill(&text.value, |_| Some(value)));
                tried.find_map(|value| parse(&value).ok()).ok_or(error)
            }),
        };
        let help = "write it like `status == 200` or `latency < 500ms`";
        parsed
            .map_err(|error| self.report_filled("expectation", text, error, help))
            .ok()
    }

    /// Reports a mistake, and the defaults that are part of it.
    fn report_filled(
        &mut self,
        code: &'static str,
        text: &Text,
        error: SyntaxError,
        otherwise: &str,
    ) {
        let place = self.inside(text, error.at);
        let help = error.help.unwrap_or_else(|| otherwise.to_owned());
        let mut diagnostic = Diagnostic::error(code, place, error.message).help(help);
        for piece in pieces(&text.value) {
            let Piece::Name { name, .. } = piece else {
                continue;
            };
            if let Some(variable) = self.variables.get(name) {
                let words = format!("the default of `{name}` is filled in");
                diagnostic = diagnostic.related(variable.place.clone(), words);
            }
        }
        self.report(diagnostic);
    }

    fn filled(&self, text: &str) -> Filled {
        if !text.contains("${") {
            return Filled::AsWritten;
        }
        let default = |name: &str| self.variables.get(name)?.default.as_deref();
        let known = pieces(text).into_iter().all(|piece| match piece {
            Piece::Name { name, .. } => default(name).is_some(),
            Piece::Broken(_) => false,
            Piece::Plain(_) | Piece::Escape => true,
        });
        if known {
            Filled::WithDefaults(fill(text, default))
        } else {
            Filled::Later
        }
    }
}
