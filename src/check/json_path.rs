//! Finding values in JSON documents with jq paths.
//!
//! Real jq (jaq) instead of a path language of our own: people know it, and `.items | map(select(.ready)) |
//! length` is asked for sooner or later. What could reach outside or end the process is left out: a filter can't
//! see the environment or the clock, can't write to the terminal, can't halt.

use std::fmt;
use std::sync::Arc;

use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Compiler, Ctx, Filter, Vars};
use jaq_json::Val;
use jaq_std::ValT;

use super::expectation::SyntaxError;
use super::foreign::quote;
use super::{Blind, Reason};

/// jq's parser is recursive; a longer path could exhaust the stack.
const LONGEST_PATH: usize = 500;

/// A path that yields more values than this is a mistake in the path.
const MOST_RESULTS: usize = 1_000;

/// Filters that reach outside (environment, clock, time zone, terminal, process), and `fromjson`, which recurses
/// without a limit and is replaced by [`bounded_from_json`].
const LEFT_OUT: [&str; 12] = [
    "halt",
    "halt_error",
    "env",
    "now",
    "localtime",
    "strflocaltime",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "input_line_number",
    "fromjson",
];

/// A compiled jq path; cheap to clone.
#[derive(Clone)]
pub struct JsonPath {
    text: String,
    filter: Arc<Filter<JustLut<Val>>>,
}

impl JsonPath {
    /// Compiles `text`, e.g. `.queue.depth` or `.items | length`.
    ///
    /// # Errors
    /// When it isn't jq, uses an unknown filter, or is longer than 500 bytes.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.trim().is_empty() {
            return Err(path_error(
                0..text.len(),
                "a jq path is missing",
                Some("write one like `.queue.depth`"),
            ));
        }
        if text.len() > LONGEST_PATH {
            return Err(path_error(
                0..text.len(),
                "the jq path is longer than 500 bytes",
                None,
            ));
        }
        // Most paths need none of the library, and reading it takes far longer than everything else here.
        let filter = compile(text, false).or_else(|_| compile(text, true))?;
        Ok(Self {
            text: text.to_owned(),
            filter: Arc::new(filter),
        })
    }

    /// The author's words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every value that the path finds.
    ///
    /// A filter that never ends (`repeat(.)`) is stopped after 1,000 values, but one that never ends *without*
    /// yielding any isn't: call this where the caller's time limit holds, never on the drawing path.
    ///
    /// # Errors
    /// In jq's words when the filter doesn't fit the document, or when there are too many values.
    pub fn find(&self, document: &Document) -> Result<Vec<Found>, String> {
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let mut found = Vec::new();
        for result in self
            .filter
            .id
            .run((context, document.0.clone()))
            .take(MOST_RESULTS + 1)
        {
            // Not `unwrap_valr`, which ends the process on `halt`; `halt` is left out, so this can't be one.
            let value = result.map_err(|exception| match exception.get_err() {
                Ok(error) => quote(&error.to_string()),
                Err(_) => "the jq filter stopped early".to_owned(),
            })?;
            found.push(Found::from(&value));
        }
        if found.len() > MOST_RESULTS {
            return Err(format!(
                "`{}` yields more than {MOST_RESULTS} values",
                self.text
            ));
        }
        Ok(found)
    }
}

/// The text stands for the filter, which is compiled from nothing else.
impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonPath").field(&self.text).finish()
    }
}

/// A parsed JSON document.
#[derive(Clone, Debug)]
pub struct Document(Val);

impl Document {
    /// Parses strict JSON.
    ///
    /// By serde_json rather than jaq's own reader, because that one also takes `NaN` and comments, and recurses
    /// without a limit: a page of a million `[` would end the process.
    ///
    /// # Errors
    /// In a few words when `body` isn't JSON.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        match serde_json::from_slice(body) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(format!(
                "not JSON at line {} column {}",
                error.line(),
                error.column()
            )),
        }
    }
}

/// A value that a path found; arrays and objects are kept as short text only.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// `null`, which is also what jq answers for a missing field.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; `NaN` only when a filter computed it.
    Number(f64),
    /// A string, whole.
    Text(String),
    /// An array or an object, written out and cut.
    Structure(String),
}

impl From<&Val> for Found {
    fn from(value: &Val) -> Self {
        match value {
            Val::Null => Self::Null,
            Val::Bool(answer) => Self::Bool(*answer),
            Val::Num(_) => Self::Number(value.as_f64().unwrap_or(f64::NAN)),
            Val::BStr(bytes) | Val::TStr(bytes) => {
                Self::Text(String::from_utf8_lossy(bytes).into_owned())
            }
            Val::Arr(items) => Self::Structure(format!("an array of {}", items.len())),
            Val::Obj(fields) => Self::Structure(format!("an object of {}", fields.len())),
        }
    }
}

/// As JSON, cut to a few words.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(answer) => write!(f, "{answer}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "\"{}\"", quote(text)),
            Self::Structure(words) => f.write_str(words),
        }
    }
}

/// The one number that `path` finds in `body`.
///
/// # Errors
/// [`Reason::NoData`] for a missing field or `null`, [`Reason::Nan`] for a computed NaN, [`Reason::Parse`] for
/// everything that isn't exactly one number.
pub fn json_number(body: &[u8], path: &JsonPath) -> Result<f64, Blind> {
    let blind = |reason, detail: String| Err(Blind { reason, detail });
    let document = Document::parse(body).map_err(|detail| Blind {
        reason: Reason::Parse,
        detail,
    })?;
    let found = path.find(&document).map_err(|detail| Blind {
        reason: Reason::Parse,
        detail,
    })?;
    match found.as_slice() {
        [] | [Found::Null] => blind(
            Reason::NoData,
            format!("`{}` is missing", quote(path.text())),
        ),
        [Found::Number(number)] if number.is_nan() => {
            blind(Reason::Nan, format!("`{}` is NaN", quote(path.text())))
        }
        [Found::Number(number)] => Ok(*number),
        [Found::Text(_)] => blind(
            Reason::Parse,
            "a string, not a number; add `| tonumber` to the path".to_owned(),
        ),
        [other] => blind(Reason::Parse, format!("not a number but {other}")),
        many => blind(
            Reason::Parse,
            format!(
                "the path yields {} values; reduce it with `add` or `max`",
                many.len()
            ),
        ),
    }
}

/// [`json_number`] for a path that is known only as text, because a run put its variables into it.
///
/// # Errors
/// As [`json_number`], and [`Reason::Parse`] when `path` isn't one.
pub fn number(body: &str, path: &str) -> Result<f64, Blind> {
    let path = JsonPath::parse(path).map_err(|error| Blind {
        reason: Reason::Parse,
        detail: quote(&error.message),
    })?;
    json_number(body.as_bytes(), &path)
}

fn compile(text: &str, with_library: bool) -> Result<Filter<JustLut<Val>>, SyntaxError> {
    let definitions = with_library.then(library).into_iter().flatten();
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(
            &arena,
            File {
                code: text,
                path: (),
            },
        )
        .map_err(|errors| first_load_error(text, errors))?;
    Compiler::default()
        .with_funs(functions())
        .compile(modules)
        .map_err(|errors| first_compile_error(text, errors))
}

fn library() -> impl Iterator<Item = load::parse::Def<&'static str>> {
    jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .filter(|definition| !LEFT_OUT.contains(&definition.name))
}

fn functions() -> impl Iterator<Item = Fun<JustLut<Val>>> {
    jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| !LEFT_OUT.contains(name))
        .chain([run(("fromjson", v(0), |(_, input)| {
            bome(bounded_from_json(&input))
        }))])
}

/// `fromjson` for one value of limited depth.
fn bounded_from_json(input: &Val) -> jaq_json::ValR {
    let bytes = input.try_as_utf8_bytes()?;
    serde_json::from_slice(bytes).map_err(|_| jaq_core::Error::str("the string is not JSON"))
}

fn first_load_error(text: &str, errors: load::Errors<&str, ()>) -> SyntaxError {
    let Some((_, error)) = errors.into_iter().next() else {
        return path_error(0..text.len(), "not a jq path", None);
    };
    let (part, message) = match error {
        load::Error::Io(errors) => errors.into_iter().next(),
        load::Error::Lex(errors) => errors.into_iter().next().map(|(expected, part)| {
            let message = match expected {
                load::lex::Expect::Delim(open) => {
                    format!("`{open}` is never closed in the jq path")
                }
                other => format!("the jq path needs a {} here", other.as_str()),
            };
            (part, message)
        }),
        load::Error::Parse(errors) => errors.into_iter().next().map(|(expected, part)| {
            (
                part,
                format!("the jq path needs {} here", expected.as_str()),
            )
        }),
    }
    .unwrap_or((text, "not a jq path".to_owned()));
    path_error(
        load::span(text, part),
        &message,
        Some("a path looks like `.queue.depth` or `.items | length`"),
    )
}

fn first_compile_error(text: &str, errors: jaq_core::compile::Errors<&str, ()>) -> SyntaxError {
    let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
    let Some((part, undefined)) = first else {
        return path_error(0..text.len(), "not a jq path", None);
    };
    let message = format!("jq knows no {} `{part}` here", undefined.as_str());
    let help = LEFT_OUT
        .contains(&part)
        .then_some("filters that reach outside the document are left out");
    path_error(load::span(text, part), &message, help)
}

fn path_error(at: std::ops::Range<usize>, message: &str, help: Option<&str>) -> SyntaxError {
    SyntaxError {
        at,
        message: message.to_owned(),
        help: help.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str, body: &str) -> Result<Vec<Found>, String> {
        JsonPath::parse(path)
            .unwrap()
            .find(&Document::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn paths_and_the_library_work() {
        assert_eq!(
            find(".a.b", r#"{"a":{"b":3}}"#),
            Ok(vec![Found::Number(3.0)])
        );
        assert_eq!(find(".a.b", "{}"), Ok(vec![Found::Null]));
        assert_eq!(
            find(".[] | .ok", r#"[{"ok":true},{"ok":false}]"#),
            Ok(vec![Found::Bool(true), Found::Bool(false)])
        );
        let ready = r#"{"items":[{"ready":true},{"ready":false}]}"#;
        assert_eq!(
            find(".items | map(select(.ready)) | length", ready),
            Ok(vec![Found::Number(1.0)])
        );
        assert_eq!(
            find(r#".a | fromjson | .b"#, r#"{"a":"{\"b\":2}"}"#),
            Ok(vec![Found::Number(2.0)])
        );
        assert_eq!(
            find(".a | tonumber", r#"{"a":"1.5"}"#),
            Ok(vec![Found::Number(1.5)])
        );
        assert!(find(".a", "[1]").unwrap_err().contains("cannot index"));
    }

    #[test]
    fn a_path_cannot_reach_outside() {
        for path in [
            "env",
            "now",
            "halt",
            "halt_error",
            "debug",
            "input",
            "inputs",
            "$ENV",
            "localtime",
            "stderr",
        ] {
            assert!(JsonPath::parse(path).is_err(), "{path} must not compile");
        }
        assert!(JsonPath::parse("import \"x\" as x; .").is_err());
    }

    #[test]
    fn endless_results_are_cut() {
        assert!(
            find("repeat(.)", "1")
                .unwrap_err()
                .contains("more than 1000")
        );
    }

    #[test]
    fn a_mistake_points_at_its_place() {
        let error = JsonPath::parse(".a | lenght").unwrap_err();
        assert_eq!(error.at, 5..11);
        assert!(error.message.contains("lenght"), "{error}");
        assert!(
            JsonPath::parse(".a[")
                .unwrap_err()
                .message
                .contains("never closed")
        );
        assert!(JsonPath::parse("").is_err());
    }

    #[test]
    fn hostile_nesting_is_an_error() {
        assert!(Document::parse("[".repeat(1_000_000).as_bytes()).is_err());
        assert!(JsonPath::parse(&"(".repeat(LONGEST_PATH)).is_err());
        assert!(JsonPath::parse(&".[0]|(".repeat(LONGEST_PATH / 6)).is_err());
        let nested = serde_json::to_string(&"[".repeat(1_000_000)).unwrap();
        assert!(find("fromjson", &nested).is_err());
    }

    #[test]
    fn json_number_wants_exactly_one_number() {
        let number =
            |body: &str, path| json_number(body.as_bytes(), &JsonPath::parse(path).unwrap());
        assert_eq!(number(r#"{"a":0.05}"#, ".a"), Ok(0.05));
        let reason = |body, path| number(body, path).unwrap_err().reason;
        assert_eq!(reason("{}", ".a"), Reason::NoData);
        assert_eq!(reason("[]", ".[]"), Reason::NoData);
        assert_eq!(reason("[1,2]", ".[]"), Reason::Parse);
        assert_eq!(reason(r#"{"a":"1"}"#, ".a"), Reason::Parse);
        assert_eq!(reason("{", ".a"), Reason::Parse);
        assert_eq!(reason("0", "nan"), Reason::Nan);
        assert_eq!(super::number("{\"a\":1}", ".a"), Ok(1.0));
        assert_eq!(super::number("{}", ".[").unwrap_err().reason, Reason::Parse);
    }

    #[test]
    fn compiled_paths_may_cross_threads() {
        fn crosses<T: Send + Sync>() {}
        crosses::<JsonPath>();
    }
}
