//! Finds everything that is misshapen in a file at once, and cuts it out.
//!
//! Serde stops at the first value of a wrong type and can't say where inside a step it stood. So when serde
//! fails, the spanned tree is walked here against the JSON Schema that is generated from serde's own types;
//! whatever doesn't fit is reported and cut out, and what is left is read and validated as if it were all
//! there. [`Gaps`] remembers the cuts, so that a mistake isn't followed by others that it caused.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::text::nearest;

/// Up to so many known keys are listed when a key is unknown and resembles none of them.
const MOST_LISTED: usize = 14;

/// Which keys were cut out of which tables.
#[derive(Debug, Default)]
pub(super) struct Gaps(HashSet<(usize, usize, String)>);

impl Gaps {
    /// Notes that what stands under `key` of the table at `table` is gone, wholly or in part.
    fn note(&mut self, table: &Range<usize>, key: &str) {
        self.0.insert((table.start, table.end, key.to_owned()));
    }

    /// Whether something was cut out there.
    pub(super) fn has(&self, table: &Range<usize>, key: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&(table.start, table.end, key.to_owned()))
    }

    /// Whether nothing was cut out at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether anything was cut out of that table.
    pub(super) fn touch(&self, table: &Range<usize>) -> bool {
        self.0
            .iter()
            .any(|(start, end, _)| (start, end) == (&table.start, &table.end))
    }
}

/// Reports what is misshapen in `root` and cuts it out.
pub(super) fn prune(root: &mut Spanned<DeTable<'_>>, schema: &Value) -> (Vec<Diagnostic>, Gaps) {
    let mut walk = Walk {
        root: schema,
        diagnostics: Vec::new(),
        gaps: Gaps::default(),
    };
    let span = root.span();
    walk.prune_table(root.get_mut(), &span, schema);
    (walk.diagnostics, walk.gaps)
}

/// The table and key that a value belongs to.
#[derive(Clone, Copy)]
struct Owner<'a> {
    table: &'a Range<usize>,
    key: &'a str,
}

struct Walk<'s> {
    root: &'s Value,
    diagnostics: Vec<Diagnostic>,
    gaps: Gaps,
}

impl<'s> Walk<'s> {
    /// Whether the value fits well enough to stay; parts of it may have been cut out.
    fn keeps(
        &mut self,
        value: &mut Spanned<DeValue<'_>>,
        schema: &'s Value,
        owner: Owner<'_>,
    ) -> bool {
        let Some(schema) = self.alternative(schema, value.get_ref()) else {
            self.report_type(value, schema);
            return false;
        };
        let span = value.span();
        match value.get_mut() {
            DeValue::Table(table) => {
                self.prune_table(table, &span, schema);
                true
            }
            DeValue::Array(array) => {
                self.prune_array(array, schema, owner);
                true
            }
            DeValue::String(text) => self.keeps_name(text, &span, schema),
            DeValue::Integer(number) => self.keeps_number(
                i64::from_str_radix(number.as_str(), number.radix()).is_ok(),
                &span,
            ),
            DeValue::Float(number) => self.keeps_number(
                number.as_str().parse::<f64>().is_ok_and(f64::is_finite),
                &span,
            ),
            _ => true,
        }
    }

    fn prune_table(&mut self, table: &mut DeTable<'_>, span: &Range<usize>, schema: &'s Value) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema
            .get("additionalProperties")
            .filter(|others| others.is_object());
        let present: HashSet<String> = table.keys().map(|key| key.get_ref().to_string()).collect();
        // Neither tables nor arrays give up entries together with their spans, so both are built anew.
        for (key, mut value) in std::mem::take(table) {
            let name: &str = key.get_ref();
            let property = properties
                .and_then(|properties| properties.get(name))
                .or(others);
            let kept = match property {
                Some(property) => self.keeps(
                    &mut value,
                    property,
                    Owner {
                        table: span,
                        key: name,
                    },
                ),
                None => {
                    self.report_key(name, key.span(), span, properties, &present);
                    false
                }
            };
            if kept {
                table.insert(key, value);
            } else {
                self.gaps.note(span, name);
            }
        }
    }

    fn prune_array(&mut self, array: &mut DeArray<'_>, schema: &'s Value, owner: Owner<'_>) {
        let Some(items) = schema.get("items") else {
            return;
        };
        for mut element in std::mem::replace(array, DeArray::new()) {
            if self.keeps(&mut element, items, owner) {
                array.push(element);
            } else {
                self.gaps.note(owner.table, owner.key);
            }
        }
    }

    fn keeps_name(&mut self, text: &str, span: &Range<usize>, schema: &'s Value) -> bool {
        let Some(names) = self.names(schema) else {
            return true;
        };
        if names.contains(&text) {
            return true;
        }
        let help = match nearest(text, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("write one of {}", listed(&names)),
        };
        let message = format!("`{text}` is not one of {}", listed(&names));
        self.diagnostics
            .push(Diagnostic::error("unknown-value", span.clone(), message).help(help));
        false
    }

    fn keeps_number(&mut self, fits: bool, span: &Range<usize>) -> bool {
        if !fits {
            let message = "this number is too large, or isn't one";
            let help = "write a number of at most 18 digits";
            self.diagnostics
                .push(Diagnostic::error("out-of-range", span.clone(), message).help(help));
        }
        fits
    }

    /// The schema, or the one of its alternatives, that takes values of this type.
    fn alternative(&self, schema: &'s Value, value: &DeValue<'_>) -> Option<&'s Value> {
        self.alternatives(schema)
            .into_iter()
            .find(|schema| takes(schema, value))
    }

    fn alternatives(&self, schema: &'s Value) -> Vec<&'s Value> {
        let schema = self.follow(schema);
        match schema.get("anyOf").and_then(Value::as_array) {
            Some(several) => several
                .iter()
                .flat_map(|schema| self.alternatives(schema))
                .collect(),
            None => vec![schema],
        }
    }

    fn follow(&self, schema: &'s Value) -> &'s Value {
        let reference = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix('#'));
        reference
            .and_then(|pointer| self.root.pointer(pointer))
            .unwrap_or(schema)
    }

    /// The names that a string has to be one of, if it has.
    fn names(&self, schema: &'s Value) -> Option<Vec<&'s str>> {
        let constants = schema.get("oneOf")?.as_array()?;
        Some(
            constants
                .iter()
                .filter_map(|constant| constant.get("const")?.as_str())
                .collect(),
        )
    }

    fn report_key(
        &mut self,
        name: &str,
        key: Range<usize>,
        table: &Range<usize>,
        properties: Option<&Map<String, Value>>,
        present: &HashSet<String>,
    ) {
        let known: Vec<&str> = properties
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect();
        let free = known
            .iter()
            .copied()
            .filter(|known| !present.contains(*known));
        let meant = nearest(name, free).or_else(|| nearest(name, known.iter().copied()));
        let help = match meant {
            Some(meant) => {
                // What the misspelt key holds is missing under its right name: that isn't a mistake of its own.
                self.gaps.note(table, meant);
                format!("did you mean `{meant}`?")
            }
            None => {
                // An id of which nothing is left but its value is missed wherever it is named.
                if !present.contains("id") {
                    self.gaps.note(table, "id");
                }
                what_may_stand_here(&known)
            }
        };
        let message = format!("unknown key `{name}`");
        self.diagnostics.push(
            Diagnostic::error("unknown-key", key, message)
                .label("not known here")
                .help(help),
        );
    }

    fn report_type(&mut self, value: &Spanned<DeValue<'_>>, schema: &'s Value) {
        let alternatives = self.alternatives(schema);
        let mut wanted: Vec<Cow<'_, str>> = alternatives
            .iter()
            .map(|schema| self.describe(schema))
            .collect();
        wanted.dedup();
        let found = found(value.get_ref());
        let wanted = wanted.join(" or ");
        let message = format!("expected {wanted}, found {found}");
        let mut diagnostic = Diagnostic::error("wrong-type", value.span(), message)
            .label(format!("this is {found}"));
        diagnostic.help = Some(self.advice(value.get_ref(), &alternatives, &wanted));
        self.diagnostics.push(diagnostic);
    }

    fn describe(&self, schema: &'s Value) -> Cow<'s, str> {
        match type_of(schema) {
            Some("string") if self.names(schema).is_some() => {
                let names = self.names(schema).unwrap_or_default();
                format!("one of {}", listed(&names)).into()
            }
            Some("string") => "a string".into(),
            Some("integer") => "a whole number".into(),
            Some("number") => "a number".into(),
            Some("boolean") => "`true` or `false`".into(),
            Some("array") => match schema
                .get("items")
                .map(|items| self.follow(items))
                .and_then(type_of)
            {
                Some("object") => "tables".into(),
                _ => "an array".into(),
            },
            _ => "a table".into(),
        }
    }

    fn advice(&self, value: &DeValue<'_>, alternatives: &[&'s Value], wanted: &str) -> String {
        let takes = |name: &str| {
            alternatives
                .iter()
                .any(|schema| type_of(schema) == Some(name))
        };
        let example = alternatives
            .iter()
            .find_map(|schema| schema.get("examples")?.get(0)?.as_str());
        match value {
            _ if example.is_some() => {
                format!("write it like `\"{}\"`", example.unwrap_or_default())
            }
            DeValue::Table(_) if takes("array") => {
                "write the header with two brackets: `[[…]]`".to_owned()
            }
            DeValue::Array(_) if takes("object") => {
                "write the header with one bracket: `[…]`".to_owned()
            }
            DeValue::String(_) if takes("boolean") || takes("integer") || takes("number") => {
                format!("write {wanted} without quotes")
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
                if takes("string") =>
            {
                "put it in quotes".to_owned()
            }
            _ => format!("write {wanted} here"),
        }
    }
}

fn what_may_stand_here(known: &[&str]) -> String {
    if known.len() <= MOST_LISTED {
        format!("the keys here are {}", listed(known))
    } else {
        "`tminus schema` lists the keys and what they mean".to_owned()
    }
}

fn type_of(schema: &Value) -> Option<&str> {
    let first = || schema.get("oneOf")?.get(0)?.get("type");
    schema.get("type").or_else(first)?.as_str()
}

fn takes(schema: &Value, value: &DeValue<'_>) -> bool {
    matches!(
        (type_of(schema), value),
        (Some("string"), DeValue::String(_))
            | (Some("integer"), DeValue::Integer(_))
            | (Some("number"), DeValue::Integer(_) | DeValue::Float(_))
            | (Some("boolean"), DeValue::Boolean(_))
            | (Some("array"), DeValue::Array(_))
            | (Some("object"), DeValue::Table(_))
    )
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// "`a`, `b`, `c`".
pub(super) fn listed(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
