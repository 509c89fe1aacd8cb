//! `lint` as an author meets it: each mistake is one finding at its place, whatever kind of mistake it is, and what
//! only the values of a run can tell is told when the run starts.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod every_key;
mod fuzz;
mod hostile;

use std::collections::BTreeMap;

use tminus::runbook::diagnostic::line_column;
use tminus::runbook::{Loaded, Runbook, load, resolve};

/// What the samples stand on.
const GROUND: &str = r#"format = 1
title = "Sample"
[vars]
HOST = { default = "api.example" }
BARE = { default = "api example" }
LIMIT = { default = "200" }
WORD = { default = "ok" }
LATER = {}
TOKEN = { secret = true }
"#;

/// The only finding's code and message; it has to be at `▶` and to say what to do.
#[track_caller]
fn only(sample: &str) -> (String, String) {
    let marked = format!("{GROUND}{sample}");
    let place = line_column(&marked, marked.find('▶').expect("a mark"));
    let loaded = load("s.toml", marked.replace('▶', "").as_bytes());
    let findings = loaded.findings();
    let [finding] = findings.as_slice() else {
        panic!("not one finding:\n{sample}\n{}", loaded.render(false));
    };
    let drawn = loaded.render(false);
    assert_eq!((finding.line, finding.column), place, "{drawn}");
    assert!(drawn.contains("s.toml:") && drawn.contains('^'), "{drawn}");
    assert!(finding.help.as_ref().is_some_and(|help| !help.is_empty()));
    (finding.code.clone(), finding.message.clone())
}

fn sound(sample: &str) -> Runbook {
    let loaded: Loaded = load("s.toml", format!("{GROUND}{sample}").as_bytes());
    assert!(!loaded.has_errors(), "{sample}\n{}", loaded.render(false));
    loaded.runbook.unwrap()
}

fn check(probe: &str) -> String {
    format!("[[check]]\nid = 'c'\n{probe}")
}

fn metric(source: &str) -> String {
    format!("[[metric]]\nid = 'm'\n{source}")
}

/// What a run with this value for `LATER` says against the runbook.
fn at_start(runbook: &Runbook, later: &str) -> Result<Runbook, String> {
    let given = BTreeMap::from([("LATER".to_owned(), later.to_owned())]);
    resolve(runbook, &given, &BTreeMap::new()).map_err(|errors| errors.to_string())
}

#[test]
fn what_a_probe_is_pointed_at_is_judged_when_the_file_is_read() {
    let expect = "expect = 'status == 200'";
    for (code, sample) in [
        (
            "url",
            check(&format!(
                "http = {{ url = '▶api.example/health' }}\n{expect}"
            )),
        ),
        (
            "url",
            check(&format!(
                "http = {{ url = '▶ftp://api.example' }}\n{expect}"
            )),
        ),
        (
            "url",
            check(&format!("http = {{ url = '▶http://h:77777' }}\n{expect}")),
        ),
        ("url", check(&format!("http = {{ url = '▶' }}\n{expect}"))),
        (
            "header",
            check(&format!(
                "http = {{ url = 'http://h', method = 'GE▶ T' }}\n{expect}"
            )),
        ),
        (
            "header",
            check(&format!(
                "http = {{ url = 'http://h', headers = {{ 'X▶ Y' = 'a' }} }}\n{expect}"
            )),
        ),
        (
            "header",
            check(&format!(
                "http = {{ url = 'http://h', headers = {{ X = ▶\"a\\nb\" }} }}\n{expect}"
            )),
        ),
        ("host", check("tcp = { host = '▶http://h', port = 80 }")),
        ("out-of-range", check("tcp = { host = 'h', port = ▶0 }")),
        (
            "out-of-range",
            check("tcp = { host = 'h', port = '▶https' }"),
        ),
        ("host", check("tls = { host = '▶h:443' }")),
        ("host", check("dns = { name = '▶a..b' }")),
        (
            "unknown-value",
            check("dns = { name = 'h', record = '▶PTR' }"),
        ),
        (
            "host",
            check("dns = { name = 'h', resolvers = ['1.1.1.1', '▶8.8.8.8:dns'] }"),
        ),
        ("path", check("file = { path = '▶' }\nexpect = 'exists'")),
        ("url", check("alerts = { url = '▶alertmanager:9093' }")),
        (
            "matcher",
            check("alerts = { url = 'http://h', matching = '▶severity' }"),
        ),
        ("url", check("grpc = { url = '▶h:port' }")),
        ("url", check("websocket = { url = '▶tcp://h' }")),
        (
            "url",
            metric("prometheus = { url = '▶prometheus:9090', query = 'up' }"),
        ),
        (
            "query",
            metric("prometheus = { url = 'http://h', query = '▶' }"),
        ),
        (
            "query",
            metric("prometheus = { url = 'http://h', query = 'sum▶(rate(x[1m])' }"),
        ),
        (
            "url",
            metric("scrape = { url = '▶h/metrics', value = 'x' }"),
        ),
        (
            "selector",
            metric("scrape = { url = 'http://h', value = 'x▶-y' }"),
        ),
        (
            "selector",
            metric("scrape = { url = 'http://h', rate = 'x{code▶}' }"),
        ),
        (
            "selector",
            metric("scrape = { url = 'http://h', ratio = 'a', over = 'b{} ▶x' }"),
        ),
        (
            "selector",
            metric("scrape = { url = 'http://h', quantile = 0.5, of = '▶' }"),
        ),
        ("url", metric("json = { url = '▶h', path = '.a' }")),
        (
            "json-path",
            metric("json = { url = 'http://h', path = '.a | ▶lenght' }"),
        ),
        (
            "json-path",
            metric("json = { url = 'http://h', path = '▶' }"),
        ),
        (
            "url",
            "[[message]]\ntitle = 'M'\ntext = 't'\nwebhook = '▶hooks.example'".to_owned(),
        ),
        (
            "expectation",
            check("tls = { host = 'h' }\nexpect = 'version >= ▶9.9'"),
        ),
        (
            "expectation",
            check("http = { url = 'http://h' }\nexpect = 'status == ▶20'"),
        ),
        (
            "expectation",
            check("http = { url = 'http://h' }\nexpect = 'header ▶a:b exists'"),
        ),
        (
            "expectation",
            check("http = { url = 'http://h' }\nexpect = 'body matches ▶/(/'"),
        ),
        (
            "expectation",
            check("http = { url = 'http://h' }\nexpect = 'json .a[▶ == 1'"),
        ),
        (
            "limit",
            metric("command = { run = 'x' }\nfail = '> ▶${LIMIT}'"),
        ),
    ] {
        assert_eq!(only(&sample).0, code, "{sample}");
    }
}

#[test]
fn a_text_with_variables_is_judged_with_their_defaults_and_points_at_them() {
    sound(&check("tls = { host = '${HOST}' }"));
    let bare = check("tls = { host = '▶${BARE}' }");
    assert_eq!(only(&bare).0, "host");
    let loaded = load(
        "s.toml",
        format!("{GROUND}{}", bare.replace('▶', "")).as_bytes(),
    );
    insta::assert_snapshot!(loaded.render(false), @r#"
    error[host]: a host's name has no such character
      --> s.toml:12:17
       |
     5 | BARE = { default = "api example" }
       | ---- the default of `BARE` is filled in
    ...
    12 | tls = { host = '${BARE}' }
       |                 ^^^^^^^
       |
       = help: write it like `api.example`
    "#);
}

#[test]
fn a_value_that_comes_with_the_run_is_judged_when_it_starts() {
    let runbook = sound(&format!(
        "{}\nexpect = ['status == ${{LATER}}', 'latency < 1s']",
        check("http = { url = 'http://${LATER}/health' }")
    ));
    assert!(at_start(&runbook, "200").is_ok());
    insta::assert_snapshot!(at_start(&runbook, "a b").unwrap_err(), @"
    check `c`: its `url` can't be used with these values: there is a blank in this URL; give its variables others
    check `c`: `status == a b` can't be read: `a` is not an HTTP status; choose other values with `--var`
    ");
    let selector = sound(&metric(
        "scrape = { url = 'http://h', value = 'x{v=\"${LATER}\"}' }",
    ));
    assert!(format!("{:?}", at_start(&selector, "v1").unwrap().metrics).contains(r#"x{v=\"v1\"}"#));
    insta::assert_snapshot!(at_start(&selector, "\"").unwrap_err(), @"metric `m`: its `value` can't be used with these values: a `,` or `}` is missing; give its variables others");
}

#[test]
fn a_variable_can_be_the_number_of_an_expectation() {
    let http = |expect: &str| check(&format!("http = {{ url = 'http://h' }}\nexpect = {expect}"));
    let runbook = sound(&http("'status == ${LIMIT}'"));
    assert_eq!(runbook.checks[0].expect[0].text(), "status == ${LIMIT}");
    assert_eq!(
        at_start(&runbook, "").unwrap().checks[0].expect[0].text(),
        "status == 200"
    );
    for later in [
        "'status in 200..${LATER}'",
        "'latency < ${LATER}'",
        "'latency < ${LATER}ms'",
        "'json .n >= ${LATER}'",
    ] {
        sound(&http(later));
    }
    let (code, message) = only(&http("'▶status == ${WORD}'"));
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("expectation", "`ok` is not an HTTP status")
    );
    only(&http("'status ▶~ ${LATER}'"));
}

#[test]
fn a_refused_version_that_comes_with_the_run_is_tried() {
    let runbook = sound(&check("tls = { host = 'h' }\nexpect = 'refuses ${LATER}'"));
    let probe = format!("{:?}", at_start(&runbook, "1.1").unwrap().checks[0].probe);
    assert!(probe.contains(r#"refuses: ["1.1"]"#), "{probe}");
    assert!(at_start(&runbook, "9").is_err());
}

const KESTREL: &str = include_str!("../fixtures/kestrel.toml");

/// What the loader says of the example with this line in the place of another.
fn with_line(number: usize, line: &str) -> Loaded {
    let mut lines: Vec<&str> = KESTREL.lines().collect();
    lines[number] = line;
    load("k.toml", lines.join("\n").as_bytes())
}

fn without(line: &str, at: Option<usize>) -> Option<String> {
    let at = at?;
    Some(format!("{}{}", &line[..at], &line[at + 1..]))
}

#[test]
fn one_lost_character_is_at_most_one_finding() {
    for (number, line) in KESTREL.lines().enumerate() {
        let quotes = ['"', '\''];
        let lost = [
            line.find(quotes),
            line.rfind(quotes),
            line.find(['[', '{']),
            line.rfind(['[', '{']),
            line.find([']', '}']),
            line.rfind([']', '}']),
            line.find('='),
            line.find(','),
        ];
        for damaged in lost.into_iter().filter_map(|at| without(line, at)) {
            let loaded = with_line(number, &damaged);
            let drawn = loaded.render(false);
            assert!(loaded.diagnostics.len() <= 1, "{damaged}\n{drawn}");
        }
    }
}

#[test]
fn an_unknown_stage_or_a_lost_name_is_one_finding() {
    for (from, to) in [
        ("stage = \"launch\"", "stage = \"lunch\""),
        ("stage = \"launch\"", "stage = 3"),
        ("stage = \"launch\"", ""),
        ("stage = \"pre-launch\"", "stage = \"before\""),
        ("ops = \"Operations\"", ""),
        ("id     = \"api-health\"", "xyz = \"api-health\""),
        ("id = \"k8s\"", "id = 3"),
        ("API_URL     =", "API_ROOT ="),
        ("choose = \"platform\"", "choose = 1"),
    ] {
        let broken = KESTREL.replacen(from, to, 1);
        assert_ne!(broken, KESTREL, "{from}");
        let loaded = load("k.toml", broken.as_bytes());
        assert_eq!(
            loaded.diagnostics.len(),
            1,
            "{to}\n{}",
            loaded.render(false)
        );
    }
}

#[test]
fn ten_mistakes_with_syntax_errors_among_them_are_ten_findings() {
    let text = r#"format = 1
title = Ten
summary = "open
[roles]
ic = "Incident commander"
[[check]]
id = "api"
http = { url = "api.example", methd = "GET" }
expect = "status == 20"
[[metric]]
id = "load"
scrape = { url = "http://h", value = "x{" }
every = 10s
[[metric]]
id = "queue"
json = { url = "http://h", path = ".a |" }
[[phase]]
title = "Before"
stage = "prelaunch"
[[phase.section]]
title = "One"
steps = [
  { title = "A", check = "apy" },
  { title = "B", role = "icc", at = "4h" 
]
[[phase.section]]
title = "Two"
gate = { question = "Go?", hold = "long" }
"#;
    let loaded = load("ten.toml", text.as_bytes());
    let findings = loaded.findings();
    let places: Vec<_> = findings.iter().map(|f| (f.line, f.code.as_str())).collect();
    let expected = [
        (2, "syntax"),
        (3, "syntax"),
        (8, "url"),
        (8, "unknown-key"),
        (9, "expectation"),
        (12, "selector"),
        (13, "syntax"),
        (16, "json-path"),
        (19, "unknown-value"),
        (25, "syntax"),
        (28, "duration"),
    ];
    assert_eq!(places, expected, "{}", loaded.render(false));
}

/// A runbook of which nothing has to be said: a metric, a trigger on it, a step, a rollback.
const CALM: &str = r#"format = 1
title = "Sample"
[[metric]]
id = "load"
command = { run = "cat /proc/loadavg" }
fail = "> 4"
[[trigger]]
title = "T"
when = "metric load fails"
rollback = "back"
[[phase]]
title = "Before"
stage = "pre-launch"
at = "T-10m"
[[phase]]
title = "Launch"
stage = "launch"
[[phase.section]]
title = "Deploy"
steps = ["Deploy it"]
[[rollback]]
id = "back"
title = "Back"
within = "5m"
steps = [{ title = "Undo", run = "undo", level = "safe", takes = "4m", timeout = "8m" }]
"#;

/// Codes and lines of what is said after a change to it.
fn said(from: &str, to: &str) -> Vec<(String, String)> {
    let changed = CALM.replacen(from, to, 1);
    assert_ne!(changed, CALM, "{from}");
    let findings = load("s.toml", changed.as_bytes()).findings();
    let line = |line: usize| changed.lines().nth(line - 1).unwrap_or_default().to_owned();
    findings
        .into_iter()
        .inspect(|finding| assert!(finding.help.is_some(), "{} has no help", finding.code))
        .map(|finding| (finding.code, line(finding.line)))
        .collect()
}

#[test]
fn rules_that_cannot_do_what_their_author_expects_are_warned_of_at_their_line() {
    assert_eq!(load("s.toml", CALM.as_bytes()).diagnostics, []);
    let limit = "fail = \"> 4\"";
    for (from, to, code, line) in [
        (
            "[[phase]]",
            "[[check]]\nid = 'c'\ntcp = { host = 'h', port = 1 }\n[[phase]]",
            "unused-check",
            "[[check]]",
        ),
        (
            "when = \"metric load fails\"",
            "manual = true",
            "unused-metric",
            "[[metric]]",
        ),
        ("fails\"", "fails for 5s\"", "for-too-short", "[[trigger]]"),
        (
            limit,
            "fail = '> 4'\nwarn = '> 5'",
            "warn-behind-fail",
            "warn = '> 5'",
        ),
        (
            limit,
            "fail = '< 4'\nwarn = '< 3'",
            "warn-behind-fail",
            "warn = '< 3'",
        ),
        (
            limit,
            "fail = '> 4'\nclear = '< 9'",
            "clear-beyond-limit",
            "clear = '< 9'",
        ),
        (
            limit,
            "fail = '> 4'\nclear = '> 1'",
            "clear-beyond-limit",
            "clear = '> 1'",
        ),
        (
            limit,
            "fail = '> 4'\nfloor = '> 1'",
            "no-effect",
            "floor = '> 1'",
        ),
        (
            limit,
            "fail = '> 4'\nmin_events = 5",
            "no-effect",
            "min_events = 5",
        ),
        (
            limit,
            "fail = '> 2 * baseline'\nfloor = '> 1'\nbaseline = '15m'",
            "baseline-too-long",
            "[[metric]]",
        ),
        (
            "within = \"5m\"",
            "within = \"3m\"",
            "over-budget",
            "[[rollback]]",
        ),
        (
            "timeout = \"8m\"",
            "timeout = \"4m\"",
            "timeout-too-short",
            "steps = [{ title = \"Undo\", run = \"undo\", level = \"safe\", takes = \"4m\", timeout = \"4m\" }]",
        ),
    ] {
        assert_eq!(said(from, to), [(code.to_owned(), line.to_owned())], "{to}");
    }
}

#[test]
fn what_makes_sense_is_left_alone() {
    let limit = "fail = \"> 4\"";
    for (from, to) in [
        (
            "[[phase]]",
            "[[check]]\nid = 'c'\nseverity = 'warn'\ntcp = { host = 'h', port = 1 }\n[[phase]]",
        ),
        ("fails\"", "fails for 10s\""),
        (limit, "fail = '> 4'\nwarn = '> 3'\nclear = '< 2'"),
        (limit, "fail = '> 4'\nclear = '<= 4'"),
        (
            limit,
            "fail = '> 2 * baseline'\nfloor = '> 1'\nbaseline = '10m'",
        ),
        (
            "steps = [\"Deploy it\"]",
            "steps = [{ title = 'Known', metric = 'free', record = { label = 'x' } }]\n[[metric]]\nid = 'free'\ncommand = { run = 'x' }",
        ),
    ] {
        assert_eq!(said(from, to), [], "{to}");
    }
    let proves = "steps = [{ title = 'Good', metric = 'free' }]\n[[metric]]\nid = 'free'\ncommand = { run = 'x' }";
    assert_eq!(
        said("steps = [\"Deploy it\"]", proves),
        [("no-limit".to_owned(), "[[metric]]".to_owned())]
    );
}
