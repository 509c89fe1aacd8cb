//! Reading `/metrics` pages: Prometheus text and OpenMetrics.
//!
//! Our own reader instead of a crate's, because this is what the product exists for: prometheus-parse drops lines
//! with escaped quotes and NaN without a word, and is many times slower. Nothing is copied here: a page of 50,000
//! lines is walked once, and a line whose name isn't wanted costs no more than its scan.
//!
//! Formats: Prometheus text 0.0.4, <https://prometheus.io/docs/instrumenting/exposition_formats/>, and
//! OpenMetrics 1.0, <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>.

use std::borrow::Cow;

use regex::Regex;

use super::expectation::SyntaxError;
use super::expectation::cursor::{Cursor, syntax_error};

/// One sample of a page. Its own time, if it has one, is left out: rates are taken over the time of our looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageSample<'a> {
    /// The metric's name with its suffix, e.g. `http_requests_total`.
    pub name: &'a str,
    /// What stands between the braces, unread; empty without braces.
    pub labels: Labels<'a>,
    /// The value; NaN and infinities as the page says.
    pub value: f64,
}

/// The samples of a page, in its order; bad lines are skipped and counted.
#[derive(Clone, Debug)]
pub struct PageSamples<'a> {
    rest: &'a str,
    skipped: usize,
}

/// Walks the samples of `page`.
pub fn samples(page: &str) -> PageSamples<'_> {
    PageSamples {
        rest: page,
        skipped: 0,
    }
}

impl PageSamples<'_> {
    /// How many lines couldn't be read so far.
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

impl<'a> Iterator for PageSamples<'a> {
    type Item = PageSample<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            self.rest = rest;
            let line = line.trim_ascii();
            if line == "# EOF" {
                self.rest = "";
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match sample(line) {
                Some(sample) => return Some(sample),
                None => self.skipped += 1,
            }
        }
        None
    }
}

/// `name{labels} value [timestamp] [# exemplar]`.
fn sample(line: &str) -> Option<PageSample<'_>> {
    let (name, rest) = line.split_at(name_length(line, ':')?);
    let rest = rest.trim_ascii_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => inside.split_at(closing_brace(inside)?),
        None => ("", rest),
    };
    let rest = rest.strip_prefix('}').unwrap_or(rest);
    // Not `split_ascii_whitespace`: an exemplar may follow, and of the rest only the first word matters.
    let value = rest.trim_ascii_start().split([' ', '\t']).next()?;
    Some(PageSample {
        name,
        labels: Labels { text: labels },
        value: value.parse().ok()?,
    })
}

/// How many bytes the name takes that `text` starts with: a letter, `_` or `extra`, then digits too.
fn name_length(text: &str, extra: char) -> Option<usize> {
    let extra = extra as u32;
    let starts = |b: u8| b.is_ascii_alphabetic() || b == b'_' || u32::from(b) == extra;
    let length = text
        .bytes()
        .position(|b| !starts(b) && !b.is_ascii_digit())
        .unwrap_or(text.len());
    text.bytes().next().filter(|first| starts(*first))?;
    Some(length)
}

/// Where the `}` stands that no label value holds.
fn closing_brace(inside: &str) -> Option<usize> {
    let bytes = inside.as_bytes();
    let mut quoted = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The labels of a sample, read when asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'a> {
    text: &'a str,
}

impl<'a> Labels<'a> {
    /// As the page writes them; the same series is written alike on every page of one target.
    pub fn text(self) -> &'a str {
        self.text
    }

    /// Each label's name and value.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            let (label, after) = label(rest)?;
            rest = after;
            Some(label)
        })
    }

    /// The value of the label `name`; empty when there is none, as in PromQL.
    pub fn get(self, name: &str) -> Cow<'a, str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map_or(Cow::Borrowed(""), |(_, value)| value)
    }
}

/// The first `name="value"` of `text`, and what follows it.
fn label(text: &str) -> Option<((&str, Cow<'_, str>), &str)> {
    let text = text
        .trim_ascii_start()
        .trim_start_matches(',')
        .trim_ascii_start();
    let (name, rest) = text.split_at(name_length(text, '_')?);
    let value = rest
        .trim_ascii_start()
        .strip_prefix('=')?
        .trim_ascii_start()
        .strip_prefix('"')?;
    let end = closing_quote(value)?;
    Some(((name, unescape(&value[..end])), &value[end + 1..]))
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            (other, false) => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

/// Which series are meant: `name` or `name{label="value", other=~"regex", third!="x", fourth!~"regex"}`.
///
/// As in PromQL, a regular expression has to match the whole value, and a missing label is an empty one.
#[derive(Clone, Debug)]
pub struct Selector {
    name: String,
    matchers: Vec<Matcher>,
}

#[derive(Clone, Debug)]
struct Matcher {
    label: String,
    wanted: Wanted,
    /// Whether the label must *not* be so.
    negated: bool,
}

#[derive(Clone, Debug)]
enum Wanted {
    Exactly(String),
    Matching(Regex),
}

impl Selector {
    /// Parses a selector.
    ///
    /// # Errors
    /// When the text isn't one.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        let name = identifier(&mut cursor, ':')?.to_owned();
        let mut matchers = Vec::new();
        if cursor.take("{") {
            while !cursor.take("}") {
                matchers.push(matcher(&mut cursor)?);
                if !cursor.take(",") && !cursor.rest().starts_with('}') {
                    return Err(cursor.error("a `,` or `}` is missing", Some(FORM)));
                }
            }
        }
        if !cursor.at_end() {
            return Err(cursor.error("a selector ends here", Some(FORM)));
        }
        Ok(Self { name, matchers })
    }

    /// The metric's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same selector for the buckets of a histogram, whose name may be written with or without `_bucket`.
    pub fn into_buckets(mut self) -> Self {
        if !self.name.ends_with("_bucket") {
            self.name.push_str("_bucket");
        }
        self
    }

    /// Whether the sample is of a series that is meant.
    pub fn selects(&self, sample: &PageSample<'_>) -> bool {
        sample.name == self.name && self.matchers.iter().all(|matcher| matcher.accepts(sample))
    }
}

impl Matcher {
    fn accepts(&self, sample: &PageSample<'_>) -> bool {
        let value = sample.labels.get(&self.label);
        let so = match &self.wanted {
            Wanted::Exactly(wanted) => value == *wanted,
            Wanted::Matching(regex) => regex.is_match(&value),
        };
        so != self.negated
    }
}

const FORM: &str = "write it like `http_requests_total{code=~\"5..\"}`";

fn identifier<'a>(cursor: &mut Cursor<'a>, extra: char) -> Result<&'a str, SyntaxError> {
    match name_length(cursor.rest(), extra) {
        Some(length) => Ok(cursor.take_bytes(length)),
        None => Err(cursor.error("a name is missing", Some(FORM))),
    }
}

fn matcher(cursor: &mut Cursor<'_>) -> Result<Matcher, SyntaxError> {
    let label = identifier(cursor, '_')?.to_owned();
    let (negated, regex) = match () {
        () if cursor.take("=~") => (false, true),
        () if cursor.take("!~") => (true, true),
        () if cursor.take("!=") => (true, false),
        () if cursor.take("=") => (false, false),
        () => return Err(cursor.error("one of = != =~ !~ is missing", Some(FORM))),
    };
    let range = cursor.rest_range();
    let value = cursor.string()?;
    let wanted = if regex {
        let whole = Regex::new(&format!("^(?s:{value})$"));
        Wanted::Matching(whole.map_err(|_| {
            syntax_error(
                range,
                "the regular expression is wrong",
                Some("it is of RE2's kind"),
            )
        })?)
    } else {
        Wanted::Exactly(value)
    };
    Ok(Matcher {
        label,
        wanted,
        negated,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(page: &str) -> (Vec<(&str, &str, f64)>, usize) {
        let mut walk = samples(page);
        let found = walk
            .by_ref()
            .map(|s| (s.name, s.labels.text(), s.value))
            .collect();
        (found, walk.skipped())
    }

    #[test]
    fn rule_11_prometheus_text_is_read() {
        let page = concat!(
            "# HELP http_requests_total The total.\n",
            "# TYPE http_requests_total counter\n",
            "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n",
            "\n# just a comment\n",
            "up 1\r\n",
            "  metric_without_timestamp_and_labels 12.47\n",
            "something_weird{problem=\"division by zero\"} +Inf -3982045\n",
            "spaced { a = \"b\" , } \t 3e-2\n",
            "a:recording:rule -Inf\n",
            "last 7"
        );
        let (found, skipped) = read(page);
        assert_eq!(skipped, 0);
        assert_eq!(
            found,
            [
                (
                    "http_requests_total",
                    "method=\"post\",code=\"200\"",
                    1027.0
                ),
                ("up", "", 1.0),
                ("metric_without_timestamp_and_labels", "", 12.47),
                (
                    "something_weird",
                    "problem=\"division by zero\"",
                    f64::INFINITY
                ),
                ("spaced", " a = \"b\" , ", 0.03),
                ("a:recording:rule", "", f64::NEG_INFINITY),
                ("last", "", 7.0),
            ]
        );
    }

    #[test]
    fn rule_11_open_metrics_is_read() {
        let page = concat!(
            "# TYPE foo counter\n# UNIT foo seconds\n",
            "foo_total{a=\"}\"} 17.0 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879607.7\n",
            "foo_created 1520872607.123\n",
            "foo_bucket{le=\"0.1\"} 8 # {} 0.054\n",
            "# EOF\n",
            "after_the_end 1\n"
        );
        let (found, skipped) = read(page);
        assert_eq!(skipped, 0);
        let names: Vec<_> = found
            .iter()
            .map(|(name, _, value)| (*name, *value))
            .collect();
        assert_eq!(
            names,
            [
                ("foo_total", 17.0),
                ("foo_created", 1_520_872_607.123),
                ("foo_bucket", 8.0)
            ]
        );
    }

    #[test]
    fn escapes_in_labels_are_undone() {
        let line =
            r#"msdos{path="C:\\DIR\\FILE.TXT",error="Cannot find:\n\"FILE}\"",last="x\\"} NaN"#;
        let found = samples(line).next().unwrap();
        assert!(found.value.is_nan());
        let labels: Vec<_> = found
            .labels
            .iter()
            .map(|(name, value)| (name, value.into_owned()))
            .collect();
        assert_eq!(
            labels,
            [
                ("path", r"C:\DIR\FILE.TXT".to_owned()),
                ("error", "Cannot find:\n\"FILE}\"".to_owned()),
                ("last", r"x\".to_owned()),
            ]
        );
        assert_eq!(found.labels.get("missing"), "");
    }

    #[test]
    fn bad_lines_are_skipped_and_counted() {
        let (found, skipped) =
            read("<html>\nup\nup{a=\"b} 1\nup one\n9up 1\nup 1\nup{a=\"b\" 1\n{} 1\n");
        assert_eq!((found.len(), skipped), (1, 7));
    }

    #[test]
    fn selectors_select_like_promql() {
        let line = r#"http_requests_total{code="503",path="/a,b}",method="GET"} 1"#;
        let sample = samples(line).next().unwrap();
        for (text, selected) in [
            ("http_requests_total", true),
            ("http_requests", false),
            ("http_requests_total{}", true),
            (r#"http_requests_total{code="503"}"#, true),
            (r#"http_requests_total{code="50"}"#, false),
            (r#"http_requests_total{code=~"5.."}"#, true),
            (r#"http_requests_total{code=~"5"}"#, false),
            (r#"http_requests_total{code=~"4..|5.."}"#, true),
            (r#"http_requests_total{code!~"5.."}"#, false),
            (
                r#"http_requests_total{ method != "POST" , code = "503", }"#,
                true,
            ),
            (r#"http_requests_total{path="/a,b}"}"#, true),
            (r#"http_requests_total{zone=""}"#, true),
            (r#"http_requests_total{zone!=""}"#, false),
        ] {
            assert_eq!(
                Selector::parse(text).unwrap().selects(&sample),
                selected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_wrong_selector_points_at_its_place() {
        for (text, at) in [
            ("", 0..0),
            ("9a", 0..2),
            ("a{", 2..2),
            ("a{b}", 3..4),
            ("a{b=c}", 4..6),
            ("a{b=\"c\"", 7..7),
            ("a{b=~\"(\"}", 5..9),
            ("a{} b", 4..5),
            ("sum(a)", 3..6),
        ] {
            assert_eq!(Selector::parse(text).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn a_histogram_may_be_named_with_or_without_its_suffix() {
        for text in ["latency_seconds", "latency_seconds_bucket"] {
            assert_eq!(
                Selector::parse(text).unwrap().into_buckets().name(),
                "latency_seconds_bucket"
            );
        }
    }

    proptest! {
        #[test]
        fn any_page_is_read_without_panic(page in "(\\PC|[\"\\\\{}=,#\n ]){0,200}") {
            let mut walk = samples(&page);
            let found: Vec<_> = walk.by_ref().collect();
            for sample in &found {
                sample.labels.iter().count();
            }
            prop_assert!(found.len() + walk.skipped() <= page.lines().count());
        }

        #[test]
        fn any_selector_parses_or_fails(text in "[a-z_:]{0,4}[{}=~!\",a-z(. ]{0,30}") {
            if let Err(error) = Selector::parse(&text) {
                prop_assert!(text.get(error.at.clone()).is_some(), "{error:?}");
            }
        }

        #[test]
        fn any_label_value_survives_being_written(value in "\\PC{0,20}|[\"\\\\\n}]{0,6}") {
            let written = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let page = format!("m{{a=\"x\",b=\"{written}\"}} 1\n");
            let sample = samples(&page).next().unwrap();
            prop_assert_eq!(sample.labels.get("b"), value);
        }
    }
}
