//! The looks as JUnit XML, which every CI system shows.
//!
//! There is no standard; the shape is the one that Jenkins and GitLab read
//! (<https://github.com/testmoapp/junitxml>). A fail is a `<failure>`, an unknown an `<error>`, and a warning passes
//! with its words in `<system-out>`. The document is a page of fixed elements, so it is written here: what has to be
//! right about it is the escaping.

use super::report::{Line, Report};

/// The whole document.
pub fn document(report: &Report) -> String {
    let cases: String = [("checks", &report.checks), ("metrics", &report.metrics)]
        .into_iter()
        .flat_map(|(class, lines)| lines.iter().map(move |line| case(class, line)))
        .collect();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\"",
        report.all().count(),
        report.count("fail"),
        report.count("unknown"),
        seconds(report.all().map(|line| line.took_ms).sum()),
    );
    let title = escaped(&report.title);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"tminus\" {counts}>\n  <testsuite name=\"{title}\" {counts}>\n\
         {cases}  </testsuite>\n</testsuites>\n"
    )
}

fn case(class: &str, line: &Line) -> String {
    let (id, title) = (escaped(&line.id), escaped(&line.title));
    let time = seconds(line.took_ms);
    let reason = escaped(line.reason.as_deref().unwrap_or_default());
    let observed = escaped(&line.observed);
    let inside = match line.verdict {
        "fail" => format!("<failure type=\"fail\" message=\"{reason}\">{observed}</failure>"),
        "unknown" => format!("<error type=\"unknown\" message=\"{reason}\">{observed}</error>"),
        "warn" => format!("<system-out>WARN: {reason} ({observed})</system-out>"),
        _ => format!("<system-out>{observed}</system-out>"),
    };
    format!(
        "    <testcase classname=\"{class}.{id}\" name=\"{title}\" time=\"{time}\">{inside}</testcase>\n"
    )
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

/// Text as it may stand in an attribute or an element. What XML 1.0 has no way to write, even escaped
/// (<https://www.w3.org/TR/xml/#charsets>), becomes the replacement character.
fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => result.push_str("&amp;"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '"' => result.push_str("&quot;"),
            '\'' => result.push_str("&apos;"),
            '\t' => result.push_str("&#9;"),
            '\n' => result.push_str("&#10;"),
            '\r' => result.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => result.push('\u{fffd}'),
            character => result.push(character),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::report::tests::report;

    #[test]
    fn every_verdict_has_its_element() {
        let written = document(&report());
        assert!(written.contains(
            "<testsuites name=\"tminus\" tests=\"4\" failures=\"1\" errors=\"1\" time=\"3.052\">"
        ));
        assert!(written.contains(
            "<testcase classname=\"checks.late\" name=\"late\" time=\"3.000\">\
             <error type=\"unknown\" message=\"no answer within 3s\"></error></testcase>"
        ));
        assert!(written.contains("name=\"API &lt;answers&gt;\""));
        assert!(written.contains("message=\"fails at &gt; 5\">7.00 s</failure>"));
        assert!(written.contains("WARN: wanted &quot;a&quot;, got &quot;***&quot; (set)"));
    }

    #[test]
    fn nothing_leaves_its_place_and_nothing_unwritable_is_written() {
        assert_eq!(
            escaped("a\"'<&>\u{1b}[2J\n\u{ffff}"),
            "a&quot;&apos;&lt;&amp;&gt;\u{fffd}[2J&#10;\u{fffd}"
        );
    }
}
