//! Loading runbooks: the sound ones become a model, every kind of mistake is named at its place, and nothing
//! that is put into a file can hang or crash the loader.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use tminus::check::{Formula, MetricSource, Probe};
use tminus::runbook::diagnostic::Level as DiagnosticLevel;
use tminus::runbook::load::{MOST_BYTES, MOST_STEPS};
use tminus::runbook::{
    Condition, Fault, Home, InjectTime, Level, Loaded, Order, Proof, Runbook, SectionIndex, Stage,
    Subject, load,
};

const KESTREL: &str = include_str!("fixtures/kestrel.toml");

/// What every sample below stands on, so that it only has to hold its one mistake.
const GROUND: &str = r#"format = 1
title = "Sample"
[vars]
VERSION = { default = "v1" }
TOKEN = { secret = true }
[[check]]
id = "api"
tcp = { host = "localhost", port = 80 }
[[metric]]
id = "load"
command = { run = "cat /proc/loadavg" }
fail = "> 4"
[[rollback]]
id = "back"
title = "Back"
steps = [{ title = "Undo it", run = "undo", level = "safe", check = "api", metric = "load" }]
"#;

fn sound(text: &str) -> Runbook {
    let loaded = load("sample.toml", text.as_bytes());
    assert!(!loaded.has_errors(), "{}", loaded.render(false));
    loaded.runbook.unwrap()
}

/// Loads a text in which `▶` marks the expected place.
fn marked(ground: &str, sample: &str) -> (Loaded, (usize, usize)) {
    let marked = format!("{ground}{sample}");
    let at = marked
        .find('▶')
        .unwrap_or_else(|| panic!("no ▶ in {sample}"));
    let place = tminus::runbook::diagnostic::line_column(&marked, at);
    (
        load("sample.toml", marked.replace('▶', "").as_bytes()),
        place,
    )
}

/// Asserts that the sample has exactly one diagnostic: this one.
fn assert_only(code: &str, sample: &str, message: &str) {
    assert_only_on(GROUND, code, sample, message);
}

fn assert_only_on(ground: &str, code: &str, sample: &str, message: &str) {
    let (loaded, place) = marked(ground, sample);
    let findings = loaded.findings();
    let [finding] = findings.as_slice() else {
        panic!(
            "{code}: expected one finding for\n{sample}\n{}",
            loaded.render(false)
        );
    };
    assert_eq!(
        (finding.code.as_str(), finding.message.as_str()),
        (code, message),
        "{sample}"
    );
    assert_eq!(
        (finding.line, finding.column),
        place,
        "{}",
        loaded.render(false)
    );
    assert!(
        finding.help.as_ref().is_some_and(|help| !help.is_empty()),
        "{code} says nothing of what to do"
    );
    assert_eq!(
        loaded.runbook.is_none(),
        finding.level == DiagnosticLevel::Error
    );
}

#[test]
fn the_ground_of_the_samples_is_sound() {
    assert_eq!(load("ground.toml", GROUND.as_bytes()).diagnostics, []);
}

#[test]
fn mistakes_of_shape_are_named_at_their_place() {
    for (code, sample, message) in [
        (
            "unknown-key",
            "[window]\n▶open = 'T-1h'",
            "unknown key `open`",
        ),
        (
            "unknown-key",
            "[[link]]\n▶titel = 'x'\nurl = 'y'",
            "unknown key `titel`",
        ),
        (
            "wrong-type",
            "[[phase]]\ntitle = ▶5\nstage = 'launch'",
            "expected a string, found a whole number",
        ),
        (
            "wrong-type",
            "[window]\nopens = ▶1.5",
            "expected a string, found a number with a fraction",
        ),
        (
            "wrong-type",
            "[[link]]\ntitle = 'x'\nurl = ▶['y']",
            "expected a string, found an array",
        ),
        (
            "wrong-type",
            "▶[phase]\ntitle = 'x'",
            "expected tables, found a table",
        ),
        (
            "wrong-type",
            "▶[[window]]",
            "expected a table, found an array",
        ),
        (
            "wrong-type",
            "[[upkeep]]\ntitle = 'x'\nevery = '7d'\nsteps = [{ title = 'a', must = ▶'yes' }]",
            "expected `true` or `false`, found a string",
        ),
        (
            "wrong-type",
            "[[upkeep]]\ntitle = 'x'\nevery = '7d'\nsteps = ['a', ▶3]",
            "expected a string or a table, found a whole number",
        ),
        (
            "unknown-value",
            "[[phase]]\ntitle = 'x'\nstage = ▶'pre-lunch'",
            "`pre-lunch` is not one of `pre-launch`, `launch`, `post-launch`",
        ),
        (
            "unknown-value",
            "[[trigger]]\ntitle = 'x'\nmanual = true\narmed = ['launch', ▶'later']",
            "`later` is not one of `pre-launch`, `launch`, `post-launch`",
        ),
        (
            "out-of-range",
            "[[check]]\nid = 'x'\ntls = { host = 'h', port = ▶99999999999999999999 }",
            "this number is too large, or isn't one",
        ),
        (
            "missing-key",
            "▶[[link]]\ntitle = 'x'",
            "this link has no `url`",
        ),
        (
            "missing-key",
            "▶[[phase]]\ntitle = 'x'",
            "this phase has no `stage`",
        ),
        (
            "missing-key",
            "[[check]]\nid = 'x'\ntcp = ▶{ host = 'h' }",
            "this tcp probe has no `port`",
        ),
        (
            "missing-key",
            "▶[[check]]\ntcp = { host = 'h', port = 1 }",
            "this check has no `id`",
        ),
        (
            "missing-key",
            "▶[[check]]\nid = 'x'\nhttp = { url = 'http://h' }",
            "this check expects nothing, so it would prove nothing",
        ),
        (
            "empty-title",
            "[[link]]\ntitle = ▶' '\nurl = 'y'",
            "the title of this link is empty",
        ),
        (
            "syntax",
            "[[link]]\ntitle = ▶hello\nurl = 'y'",
            "string values must be quoted, expected literal string",
        ),
        (
            "duplicate-key",
            "[[link]]\ntitle = 'a'\nurl = 'y'\n▶url = 'z'",
            "`url` is already set in this table",
        ),
    ] {
        assert_only(code, sample, message);
    }
}

#[test]
fn mistakes_of_meaning_in_checks_and_metrics_are_named_at_their_place() {
    for (code, sample, message) in [
        (
            "probe-kind",
            "▶[[check]]\nid = 'x'",
            "this doesn't say where to look",
        ),
        (
            "probe-kind",
            "[[check]]\nid = 'x'\ntcp = { host = 'h', port = 1 }\ntls = ▶{ host = 'h' }",
            "both `tcp` and `tls` say where to look",
        ),
        (
            "metric-source",
            "▶[[metric]]\nid = 'x'",
            "this doesn't say where to look",
        ),
        (
            "scrape-formula",
            "[[metric]]\nid = 'x'\nscrape = ▶{ url = 'http://h/m', ratio = 'a' }",
            "this scrape doesn't say what to compute, or says several things",
        ),
        (
            "out-of-range",
            "[[metric]]\nid = 'x'\nscrape = { url = 'http://h/m', quantile = ▶95, of = 'a' }",
            "95 isn't a quantile",
        ),
        (
            "out-of-range",
            "[[metric]]\nid = 'x'\ncommand = { run = 'x' }\nno_data = ▶nan",
            "this has to be a finite number",
        ),
        (
            "out-of-range",
            "[[check]]\nid = 'x'\ntls = { host = 'h', port = ▶70000 }",
            "this isn't a port",
        ),
        (
            "out-of-range",
            "[[check]]\nid = 'x'\ntls = { host = 'h' }\nfail_after = ▶0",
            "0 is out of range",
        ),
        (
            "out-of-range",
            "[[check]]\nid = 'x'\ntls = { host = 'h' }\nevery = ▶'1ms'",
            "this looks too often",
        ),
        (
            "duration",
            "[[check]]\nid = 'x'\ntls = { host = 'h' }\nevery = ▶'10'",
            "`10` isn't a duration",
        ),
        (
            "timeout-too-long",
            "[[check]]\nid = 'x'\ntls = { host = 'h' }\nevery = '5s'\ntimeout = ▶'5s'",
            "a look may take 5s, but the next one starts after 5s",
        ),
        (
            "timeout-too-long",
            "[[check]]\nid = 'x'\ntls = { host = 'h' }\ntimeout = ▶'15s'",
            "a look may take 15s, but the next one starts after 10s",
        ),
        (
            "baseline-missing",
            "[[metric]]\nid = 'x'\ncommand = { run = 'x' }\nfail = ▶'> 1.5 * baseline'",
            "this metric has no baseline",
        ),
        (
            "bad-id",
            "[[check]]\nid = ▶'a/b'\ntls = { host = 'h' }",
            "`a/b` can't be an id",
        ),
        (
            "bad-id",
            "[[check]]\nid = 'x'\nenv = { name = ▶'A-B' }\nexpect = 'set'",
            "`A-B` can't be the name of an environment variable",
        ),
        (
            "duplicate-id",
            "[[check]]\nid = ▶'api'\ntls = { host = 'h' }",
            "two checks have the id `api`",
        ),
    ] {
        assert_only(code, sample, message);
    }
}

#[test]
fn looks_that_nothing_can_get_lost_of_are_believed_at_once() {
    let near = "[[check]]\nid = \"near\"\nenv = { name = \"HOME\" }\nexpect = \"set\"\n";
    let runbook = sound(&format!("{GROUND}{near}"));
    let streaks = |check: usize| {
        let check = &runbook.checks[check];
        (check.fail_after, check.recover_after)
    };
    assert_eq!([streaks(0), streaks(1)], [(3, 2), (1, 1)]);
}

#[test]
fn expectations_and_limits_point_into_their_string() {
    let (loaded, place) = marked(
        GROUND,
        "[[check]]\nid = 'x'\nhttp = { url = 'http://h' }\nexpect = [\"status == 200\", 'status ▶~ 200']",
    );
    let findings = loaded.findings();
    assert_eq!(findings[0].code, "expectation", "{findings:?}");
    assert_eq!(
        (findings.len(), findings[0].line, findings[0].column),
        (1, place.0, place.1),
        "{}",
        loaded.render(false)
    );
    let (loaded, place) = marked(
        GROUND,
        "[[metric]]\nid = 'x'\ncommand = { run = 'x' }\nwarn = \"> ▶many\"",
    );
    let findings = loaded.findings();
    assert_eq!(findings[0].code, "limit", "{findings:?}");
    assert_eq!(
        (findings.len(), findings[0].line, findings[0].column),
        (1, place.0, place.1),
        "{}",
        loaded.render(false)
    );
}

#[test]
fn mistakes_of_meaning_in_steps_are_named_at_their_place() {
    let upkeep = "[[upkeep]]\ntitle = 'x'\nevery = '7d'\nsteps = [\n";
    for (code, steps, message) in [
        (
            "needs-run",
            "▶{ title = 'a', level = 'safe', tty = true }",
            "this step has no `run` for its `level`, `tty`",
        ),
        (
            "contradiction",
            "▶{ title = 'a', must = true, optional = true }",
            "this step is both `must` and `optional`",
        ),
        (
            "soak-without-proof",
            "{ title = 'a', soak = ▶'30m' }",
            "this soak watches nothing",
        ),
        (
            "auto-not-safe",
            "{ title = 'a', run = 'x', level = 'changes', auto = ▶true }",
            "a command of level changes can't run by itself",
        ),
        (
            "empty-command",
            "{ title = 'a', level = 'safe', run = ▶' ' }",
            "this command is empty",
        ),
        (
            "level-missing",
            "{ title = 'a', run = ▶'x' }",
            "this command has no `level`: it is taken as destructive",
        ),
        (
            "unknown-reference",
            "{ title = 'a', check = ▶'apu' }",
            "there is no check `apu`",
        ),
        (
            "unknown-reference",
            "{ title = 'a', metric = ['load', ▶'loda'] }",
            "there is no metric `loda`",
        ),
        (
            "unknown-reference",
            "{ title = 'a', role = ▶'ops' }",
            "there is no role `ops`",
        ),
        (
            "unknown-reference",
            "{ title = 'a', sign = ▶'ci' }",
            "there is no role `ci`",
        ),
        (
            "duplicate-id",
            "'Same', ▶'same'",
            "two steps have the id `same`",
        ),
        (
            "duplicate-id",
            "{ id = 'a', title = 'x' }, { id = ▶'a', title = 'y' }",
            "two steps have the id `a`",
        ),
        (
            "offset",
            "{ title = 'a', at = ▶'4h' }",
            "`4h` isn't a time relative to T-0",
        ),
        (
            "limit",
            "{ title = 'a', record = { label = 'x', want = ▶'< 2 * baseline' } }",
            "a recorded value has no baseline",
        ),
        (
            "missing-key",
            "{ title = 'a', record = ▶{ unit = 'x' } }",
            "this record has no `label`",
        ),
        (
            "missing-key",
            "▶{ run = 'x', level = 'safe' }",
            "this step has no `title`",
        ),
    ] {
        assert_only(code, &format!("{upkeep}{steps}\n]"), message);
    }
}

#[test]
fn mistakes_of_meaning_in_sections_are_named_at_their_place() {
    let phase = "[[phase]]\ntitle = 'P'\nstage = 'pre-launch'\n";
    for (code, rest, message) in [
        (
            "choice",
            "[[phase.section]]\ntitle = 'S'\nchoose = ▶'platform'",
            "there is nothing to choose from",
        ),
        (
            "choice",
            "[[phase.section]]\ntitle = 'S'\n▶[[phase.section.option]]\ntitle = 'O'",
            "this option belongs to a section without `choose`",
        ),
        (
            "choice",
            "▶[[phase.section]]\ntitle = 'S'\nchoose = 'x'\nsteps = ['a']\n[[phase.section.option]]\ntitle = 'O'",
            "this section has steps of its own beside its options",
        ),
        (
            "unknown-reference",
            "[[phase.section]]\ntitle = 'S'\ngate = { question = 'Go?', roles = [▶'ops'] }",
            "there is no role `ops`",
        ),
        (
            "missing-key",
            "[[phase.section]]\ntitle = 'S'\ngate = ▶{ hold = '5m' }",
            "this gate has no `question`",
        ),
        (
            "duplicate-id",
            "[[phase.section]]\ntitle = 'S'\n▶[[phase.section]]\ntitle = 's!'",
            "two sections have the id `s`",
        ),
        (
            "section-too-long",
            "▶[[phase.section]]\ntitle = 'S'\nsteps = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']",
            "10 steps in one section: more than 9 are hard to keep in mind",
        ),
        (
            "must-not-first",
            "[[phase.section]]\ntitle = 'S'\nsteps = ['1', ▶{ title = '2', must = true }]",
            "this MUST comes after a step that isn't one",
        ),
        (
            "reserved-id",
            "▶[[phase]]\ntitle = 'Rollback'\nstage = 'launch'",
            "no phase can have the id `rollback`: the names of rollback steps begin with it",
        ),
    ] {
        assert_only(code, &format!("{phase}{rest}"), message);
    }
}

#[test]
fn mistakes_of_meaning_in_triggers_rollbacks_and_drills_are_named_at_their_place() {
    let trigger = |rest: &str| format!("[[trigger]]\ntitle = 'T'\n{rest}");
    let inject = |rest: &str| format!("[[drill]]\ntitle = 'D'\ninject = [{rest}]");
    for (code, sample, message) in [
        ("trigger-condition", "▶[[trigger]]\ntitle = 'T'".to_owned(), "nothing fires this trigger"),
        (
            "trigger-condition",
            trigger("when = 'metric load fails'\nall = ▶'check api fails'"),
            "this trigger has both `when` and `all`",
        ),
        ("term", trigger("when = ▶'load is high'"), "this isn't a condition that tminus knows"),
        ("term", trigger("when = ▶'unresolved'"), "this isn't a condition that tminus knows"),
        ("term", trigger("when = 'check api fails ▶since 5m'"), "this part isn't understood"),
        ("duration", trigger("when = 'check api fails for ▶ages'"), "`ages` isn't a duration"),
        ("unknown-reference", trigger("when = 'metric ▶laod fails'"), "there is no metric `laod`"),
        ("unknown-reference", trigger("manual = true\nrollback = ▶'bakc'"), "there is no rollback `bakc`"),
        (
            "never-fires",
            "[[metric]]\nid = 'm'\ncommand = { run = 'x' }\n[[trigger]]\ntitle = 'T'\nwhen = ▶'metric m fails'".to_owned(),
            "this never fires: the metric `m` has no limit at which it would fail",
        ),
        (
            "never-fires",
            "[[check]]\nid = 'c'\nseverity = 'warn'\ntcp = { host = 'h', port = 1 }\n[[trigger]]\ntitle = 'T'\nwhen = ▶'check c fails'".to_owned(),
            "this never fires: the check `c` only warns",
        ),
        (
            "auto-rollback",
            trigger("manual = true\nmode = 'auto'\nrollback = ▶'back'"),
            "the rollback `back` doesn't allow a trigger to start it",
        ),
        (
            "auto-rollback",
            "▶[[trigger]]\ntitle = 'T'\nmanual = true\nmode = 'auto'".to_owned(),
            "this trigger acts by itself and names no rollback",
        ),
        (
            "unknown-reference",
            "[[rollback]]\ntitle = 'R'\nsteps = ['a']\noption = ▶'k8s'".to_owned(),
            "there is no option `k8s`",
        ),
        (
            "term",
            "[[rollback]]\ntitle = 'R'\nsteps = ['a']\nverify = ▶'api'".to_owned(),
            "this names nothing that could be verified",
        ),
        ("window", "[window]\nopens = 'T+1h'\ncloses = ▶'T-1h'".to_owned(), "the window closes before it opens"),
        ("inject", inject("▶{ metric = 'load', to = 1 }"), "this inject has no time"),
        ("inject", inject("▶{ at = 'T+1m' }"), "nothing happens in this inject"),
        ("inject", inject("▶{ at = 'T+1m', check = 'api', is = 'fail', metric = 'load', to = 1 }"), "this inject is several faults"),
        ("inject", inject("▶{ at = 'T+1m', check = 'api', is = 'fail', over = '1m' }"), "`over` doesn't belong to this kind of fault"),
        ("inject", inject("▶{ at = 'T+1m', step = 'undo-it' }"), "this inject doesn't say what the step's command does"),
        ("inject", inject("{ after = ▶'launch', check = 'api', is = 'fail' }"), "`launch` isn't something that an inject can come after"),
        ("inject", inject("{ at = 'T-0', after = ▶'rollback', check = 'api', is = 'fail' }"), "this inject has two times"),
        ("offset", inject("{ at = ▶'soon', check = 'api', is = 'fail' }"), "`soon` isn't a time relative to T-0"),
        ("unknown-reference", inject("{ at = 'T-0', step = ▶'undo-that', hangs = '1m' }"), "there is no step `undo-that`"),
        ("missing-key", inject("▶{ at = 'T-0', check = 'api' }"), "this inject has no `is`"),
        (
            "ambiguous-reference",
            format!("[[rollback]]\ntitle = 'R'\nsteps = [{{ title = 'Undo it', run = 'x', level = 'safe' }}]\n{}", inject("{ at = 'T-0', step = ▶'undo-it', exit = 1 }")),
            "several steps are called `undo-it`",
        ),
    ] {
        assert_only(code, &sample, message);
    }
}

#[test]
fn mistakes_in_variables_are_named_at_their_place() {
    let link = |title: &str| format!("[[link]]\ntitle = {title}\nurl = 'u'");
    for (code, sample, message) in [
        (
            "unknown-variable",
            link("'to ▶${VERSOIN} or so'"),
            "there is no variable `VERSOIN`",
        ),
        (
            "unknown-variable",
            link("\"\"\"\nto\n▶${VERSOIN}\"\"\""),
            "there is no variable `VERSOIN`",
        ),
        (
            "unknown-variable",
            link("▶\"\\t${VERSOIN}\""),
            "there is no variable `VERSOIN`",
        ),
        (
            "unknown-variable",
            link("'at ▶${STATE}'"),
            "there is no variable `STATE`",
        ),
        (
            "bad-placeholder",
            link("'▶${VERSION:-v1}'"),
            "this names no variable",
        ),
        (
            "bad-placeholder",
            link("'▶${VERSION'"),
            "this names no variable",
        ),
        (
            "secret-shown",
            link("'▶${TOKEN}'"),
            "`TOKEN` is secret and this text is shown",
        ),
    ] {
        assert_only(code, &sample, message);
    }
}

#[test]
fn mistakes_in_the_definition_of_variables_are_named_at_their_place() {
    for (code, sample, message) in [
        (
            "bad-pattern",
            "[vars.X]\npattern = ▶'('",
            "this isn't a regular expression: unclosed group",
        ),
        (
            "default-mismatch",
            "[vars.X]\npattern = 'v\\d+'\ndefault = ▶'v1.2'",
            "the default `v1.2` doesn't match the pattern",
        ),
        (
            "secret-default",
            "[vars.X]\nsecret = true\ndefault = ▶'hunter2'",
            "the secret `X` has a default, which everybody who has this file can read",
        ),
        (
            "reserved-id",
            "[vars]\n▶STATE = { default = 'x' }",
            "`STATE` is filled in by the run itself",
        ),
        (
            "bad-id",
            "[vars]\n▶A-B = { default = 'x' }",
            "`A-B` can't be the name of an environment variable",
        ),
    ] {
        assert_only_on("format = 1\ntitle = 'S'\n", code, sample, message);
    }
}

#[test]
fn a_launch_without_a_way_back_is_warned_of() {
    let loaded = load(
        "s.toml",
        b"format = 1\ntitle = 'S'\n[[phase]]\ntitle = 'L'\nstage = 'launch'\n",
    );
    let findings = loaded.findings();
    assert_eq!(
        (findings.len(), findings[0].code.as_str(), findings[0].line),
        (1, "no-rollback", 3)
    );
    assert_eq!(findings[0].level, DiagnosticLevel::Warning);
    assert!(loaded.runbook.is_some());
}

#[test]
fn another_format_is_refused_and_says_which_one_is_read() {
    let finding = &load("s.toml", b"title = 'S'\nformat = 2\n").findings()[0];
    assert_eq!(
        (finding.code.as_str(), finding.line, finding.column),
        ("unsupported-format", 2, 10)
    );
    assert_eq!(
        finding.message,
        "format 2 is unknown: this tminus reads format 1"
    );
    assert_eq!(finding.help.as_deref(), Some("use a newer tminus"));
}

#[test]
fn an_empty_file_lacks_two_keys() {
    let loaded = load("s.toml", b"");
    let codes: Vec<_> = loaded
        .findings()
        .iter()
        .map(|finding| (finding.code.clone(), finding.line))
        .collect();
    assert_eq!(
        codes,
        [("missing-key".to_owned(), 1), ("missing-key".to_owned(), 1)],
        "{}",
        loaded.render(false)
    );
}

#[test]
fn what_is_no_text_is_refused_at_its_place() {
    let loaded = load("s.toml", b"format = 1\ntitle = \"\xff\"\n");
    let finding = &loaded.findings()[0];
    assert_eq!(
        (finding.code.as_str(), finding.line, finding.column),
        ("not-utf8", 2, 10)
    );
    assert!(loaded.render(false).contains('^'));
}

#[test]
fn a_reference_that_is_nearly_right_points_at_both_places() {
    let (loaded, _) = marked(
        GROUND,
        "[[upkeep]]\ntitle = 'x'\nevery = '7d'\nsteps = [{ title = 'a', check = ▶'apj' }]",
    );
    insta::assert_snapshot!(loaded.render(false), @r#"
        error[unknown-reference]: there is no check `apj`
          --> sample.toml:20:33
           |
         7 | id = "api"
           |      ----- `api` is defined here
        ...
        20 | steps = [{ title = 'a', check = 'apj' }]
           |                                 ^^^^^
           |
           = help: did you mean `api`?
        "#);
}

#[test]
fn a_clash_of_ids_points_at_both_places() {
    let (loaded, _) = marked(
        GROUND,
        "[[upkeep]]\ntitle = 'x'\nevery = '7d'\nsteps = ['Back up', ▶'Back-up']",
    );
    insta::assert_snapshot!(loaded.render(false), @r#"
        error[duplicate-id]: two steps have the id `back-up`
          --> sample.toml:20:21
           |
        20 | steps = ['Back up', 'Back-up']
           |          ---------  ^^^^^^^^^ again here
           |          |
           |          first here
           |
           = help: an `id` comes from the title unless written: write an `id` for one of them
        "#);
}

#[test]
fn ten_different_mistakes_are_ten_diagnostics() {
    let text = r#"format = 1
titel = "Ten"
[roles]
ic = "Incident commander"
[[check]]
id = "api"
http = { url = "${API}/health", methd = "GET" }
expect = "status == 200"
every = 10
[[check]]
id = "api"
tcp = { host = "localhost", port = 99999 }
[[phase]]
title = "Before"
stage = "prelaunch"
[[phase.section]]
title = "One"
steps = [
  { title = "A", check = "apy" },
  { title = "B", role = "icc", at = "4h" },
]
[[trigger]]
title = "T"
when = "metric errors fail"
"#;
    let loaded = load("ten.toml", text.as_bytes());
    let findings = loaded.findings();
    let places: Vec<_> = findings
        .iter()
        .map(|f| (f.line, f.column, f.code.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (2, 1, "unknown-key"),
            (7, 17, "unknown-variable"),
            (7, 33, "unknown-key"),
            (9, 9, "wrong-type"),
            (11, 6, "duplicate-id"),
            (12, 36, "out-of-range"),
            (15, 9, "unknown-value"),
            (19, 26, "unknown-reference"),
            (20, 25, "unknown-reference"),
            (20, 37, "offset"),
            (24, 8, "term"),
        ],
        "{}",
        loaded.render(false)
    );
    assert_eq!(findings[0].help.as_deref(), Some("did you mean `title`?"));
    assert_eq!(
        findings[6].help.as_deref(),
        Some("did you mean `pre-launch`?")
    );
}

#[test]
fn a_mistake_is_not_followed_by_those_it_caused() {
    let text = r#"format = 1
title = "S"
roles = "everybody"
vars = 5
check = ["api"]
[[metric]]
id = 7
command = { run = "x" }
[[link]]
title = "See ${WHERE}"
url = "u"
[[upkeep]]
title = "U"
every = "7d"
steps = [{ title = "a", check = "api", metric = "seven", role = "all" }]
"#;
    let codes: Vec<_> = load("s.toml", text.as_bytes())
        .findings()
        .iter()
        .map(|f| (f.line, f.code.clone()))
        .collect();
    let expected = [3, 4, 5, 7].map(|line| (line, "wrong-type".to_owned()));
    assert_eq!(codes, expected);
}

#[test]
fn several_syntax_errors_are_reported_together_with_what_surely_stands_beside_them() {
    let text = "format = 1\ntitle = Kestrel\nsummary = \"open\ntarget = 5\ntitel = 1\n[window]\nopens = T-1h\ncloses = 'later'\n";
    let loaded = load("s.toml", text.as_bytes());
    let places: Vec<_> = loaded
        .findings()
        .iter()
        .map(|f| (f.line, f.code.clone()))
        .collect();
    let expected = [
        (2, "syntax"),
        (3, "syntax"),
        (4, "wrong-type"),
        (5, "unknown-key"),
        (7, "syntax"),
        (8, "offset"),
    ];
    assert_eq!(
        places,
        expected.map(|(line, code)| (line, code.to_owned())),
        "{}",
        loaded.render(false)
    );
}

#[test]
fn more_than_a_hundred_mistakes_are_counted() {
    let loaded = load("s.toml", "a\n".repeat(500_000).as_bytes());
    assert_eq!(loaded.diagnostics.len(), 101);
    let last = loaded.diagnostics.last().unwrap();
    assert_eq!(
        (last.code, last.message.as_str()),
        ("more", "499900 more from here on")
    );
}

#[test]
fn files_beyond_the_limits_are_refused_with_one_clear_error() {
    let deep = 100_000;
    let step = |levels: usize| {
        let open = "{ title = 'a', steps = [".repeat(levels);
        format!(
            "{GROUND}[[upkeep]]\ntitle = 'x'\nevery = '7d'\nsteps = [{open}'b'{}]",
            "] }".repeat(levels)
        )
    };
    let headers: String = (1..70)
        .map(|n| format!("[[upkeep{}]]\ntitle = 'x'\n", ".steps".repeat(n)))
        .collect();
    let many = format!(
        "format = 1\ntitle = 'S'\n[[upkeep]]\ntitle = 'x'\nevery = '7d'\nsteps = [{}]",
        "'x',".repeat(MOST_STEPS + 1)
    );
    let mut dotted = "1".to_owned();
    for _ in 0..70 {
        dotted = format!("{{ {}k = {dotted} }}", "k.".repeat(78));
    }
    for (code, text) in [
        ("too-large", "#".repeat(10 << 20)),
        ("too-large", "#".repeat(MOST_BYTES + 1)),
        ("too-deep", format!("a = {}", "[".repeat(deep))),
        (
            "too-deep",
            format!("a = {}{}", "[".repeat(deep), "]".repeat(deep)),
        ),
        ("too-deep", format!("a = {}", "{a=".repeat(deep))),
        (
            "too-deep",
            format!("a = {}1{}", "{a=".repeat(deep), "}".repeat(deep)),
        ),
        ("too-deep", format!("{}a = 1", "a.".repeat(deep))),
        ("too-deep", format!("format = 1\n[{}a]", "a.".repeat(deep))),
        ("too-deep", format!("a = {dotted}")),
        ("too-deep", format!("[[upkeep]]\ntitle = 'x'\n{headers}")),
        ("too-deep", step(12)),
        ("too-deep", step(8)),
        ("too-many-steps", many),
    ] {
        let loaded = load("s.toml", text.as_bytes());
        let codes: Vec<_> = loaded
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.code)
            .collect();
        assert_eq!(codes, [code], "{}", &text[..text.len().min(60)]);
        assert!(loaded.runbook.is_none());
        assert!(loaded.render(false).len() < 10_000);
    }
    assert_eq!(load("s.toml", step(7).as_bytes()).diagnostics, []);
}

#[test]
fn the_example_of_the_format_becomes_the_model() {
    let loaded = load("kestrel.toml", KESTREL.as_bytes());
    assert_eq!(loaded.diagnostics, [], "{}", loaded.render(false));
    let runbook = loaded.runbook.unwrap();
    let names: Vec<_> = runbook
        .steps
        .iter()
        .map(|step| (step.number.as_str(), step.id.0.as_str()))
        .collect();
    assert_eq!(
        names[..4],
        [
            ("1.1.1", "pre/security/tls-1-2-or-newer-is-enforced"),
            ("1.1.2", "pre/security/threat-model-reviewed"),
            ("1.1.3", "pre/security/signing-key-is-256-bit"),
            ("1.1.4", "pre/security/last-backup-is-fresh"),
        ]
    );
    assert!(names.contains(&(
        "1.1.5.2",
        "pre/security/custom-metrics-are-exported/errors-total"
    )));
    assert!(names.contains(&("2.1.3", "t-0/deploy/k8s/old-database-is-dropped")));
    assert!(names.contains(&("2.1.1", "t-0/deploy/compose/u2026")));
    assert!(names.contains(&("R1.2", "rollback/k8s/wait-for-the-rollout")));
    assert!(names.contains(&("U1.1", "upkeep/weekly/review-slow-queries")));
    assert_the_way_forward(&runbook);
    assert_the_live_parts(&runbook);
}

fn assert_the_way_forward(runbook: &Runbook) {
    let deploy = runbook.section(SectionIndex {
        phase: 1,
        section: 0,
    });
    assert_eq!(
        (deploy.number.as_str(), deploy.order),
        ("2.1", Order::ReadDo)
    );
    let options: Vec<_> = deploy
        .choice
        .as_ref()
        .unwrap()
        .options
        .iter()
        .map(|option| option.steps.len())
        .collect();
    assert_eq!(options, [3, 1]);
    let gate = runbook
        .section(SectionIndex {
            phase: 0,
            section: 1,
        })
        .gate
        .as_ref()
        .unwrap();
    assert_eq!(gate.roles, ["ops", "db", "ic"]);
    let roll_out = runbook.step(deploy.choice.as_ref().unwrap().options[0].steps[0]);
    let command = roll_out.command.as_ref().unwrap();
    assert_eq!(
        (command.level, command.takes),
        (Level::Changes, Some(Duration::from_secs(150)))
    );
    assert_eq!(roll_out.takes, command.takes);
    assert_eq!(
        roll_out.home,
        Home::Option(
            SectionIndex {
                phase: 1,
                section: 0
            },
            0
        )
    );
    assert_eq!(runbook.rollbacks[0].within, Some(Duration::from_secs(240)));
    assert_eq!(runbook.rollbacks[1].within, Some(Duration::from_secs(300)));
    assert_eq!(
        runbook.rollbacks[0].verify,
        [Proof::Check(0), Proof::Metric(0)]
    );
    assert_eq!(runbook.window.opens, Some(SignedDuration::from_hours(-1)));
}

fn assert_the_live_parts(runbook: &Runbook) {
    assert_eq!(
        (runbook.checks[1].every, runbook.checks[1].timeout),
        (Duration::from_secs(10), Duration::from_secs(3))
    );
    assert_eq!(
        (
            runbook.checks[1].fail_after,
            runbook.checks[1].recover_after
        ),
        (3, 2)
    );
    let MetricSource::Scrape(scrape) = &runbook.metrics[1].source else {
        panic!("not a scrape")
    };
    assert_eq!(
        scrape.formula,
        Formula::Quantile {
            quantile: 0.95,
            of: "http_request_duration_seconds".to_owned()
        }
    );
    assert_eq!(scrape.scale, 1000.0);
    let errors = &runbook.triggers[0];
    assert_eq!(errors.armed, [Stage::Launch, Stage::PostLaunch]);
    assert_eq!(errors.rollbacks, [0, 1]);
    let Some(Condition::Any(terms)) = &errors.condition else {
        panic!("not any")
    };
    assert_eq!(
        (terms[0].subject, terms[0].sustained),
        (Subject::MetricFails(0), Duration::ZERO)
    );
    assert!(runbook.triggers[1].manual && runbook.triggers[1].condition.is_none());
    let injects = &runbook.drills[0].injects;
    assert_eq!(
        injects[0].when,
        InjectTime::Launch(SignedDuration::from_secs(40))
    );
    let Fault::StepHangs { step, time } = injects[2].fault else {
        panic!("not a hang")
    };
    assert_eq!(
        (runbook.step(step).number.as_str(), time),
        ("R1.2", Duration::from_secs(90))
    );
    assert_eq!(injects[3].when, InjectTime::Rollback(Duration::ZERO));
}

#[test]
fn terms_hold_for_as_long_as_they_say() {
    let runbook = sound(&format!(
        "{GROUND}[[trigger]]\ntitle = 'T'\nall = ['check api fails for 30m', 'metric load warns', 'unresolved for 1h30m']"
    ));
    let Some(Condition::All(terms)) = &runbook.triggers[0].condition else {
        panic!("not all")
    };
    let terms: Vec<_> = terms
        .iter()
        .map(|term| (term.subject, term.sustained.as_secs()))
        .collect();
    assert_eq!(
        terms,
        [
            (Subject::CheckFails(0), 1800),
            (Subject::MetricWarns(0), 0),
            (Subject::Unresolved, 5400)
        ]
    );
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    let windows = format!("\u{feff}{}", KESTREL.replace('\n', "\r\n"));
    let loaded = load("k.toml", windows.as_bytes());
    assert_eq!(loaded.diagnostics, [], "{}", loaded.render(false));
    let broken = windows.replace("every = \"30m\"", "every = 30");
    let finding = &load("k.toml", broken.as_bytes()).findings()[0];
    let line = KESTREL
        .lines()
        .position(|line| line == "every = \"30m\"")
        .unwrap()
        + 1;
    assert_eq!((finding.line, finding.column), (line, 9));
}

#[test]
fn loading_the_same_bytes_gives_the_same_result() {
    let first = load("k.toml", KESTREL.as_bytes());
    let broken = KESTREL.replace("title", "titel");
    let twice = || load("k.toml", broken.as_bytes()).diagnostics;
    assert_eq!(first.runbook, load("k.toml", KESTREL.as_bytes()).runbook);
    assert_eq!(twice(), twice());
}

#[test]
fn values_are_filled_in_wherever_people_or_probes_read() {
    let runbook = sound(KESTREL);
    let given = BTreeMap::from([("VERSION".to_owned(), "v2.41.0".to_owned())]);
    let open = tminus::runbook::resolve(&runbook, &given, &BTreeMap::new()).unwrap();
    assert_eq!(open.target, "prod-eu");
    assert_eq!(open.steps[8].title, "Roll out v2.41.0");
    assert!(
        open.steps[8]
            .command
            .as_ref()
            .unwrap()
            .run
            .ends_with("kestrel:$VERSION\"")
    );
    assert_eq!(
        open.messages[0].text,
        "${TITLE} v2.41.0: ${STATE} at ${T}. Next update in 30 minutes."
    );
    let Probe::Http(http) = &open.checks[0].probe else {
        panic!("not http")
    };
    assert_eq!(http.url, "https://api.kestrel.example/health");
    assert_eq!(http.headers[0].1, "Bearer ${API_TOKEN}");
    let secrets = BTreeMap::from([("API_TOKEN".to_owned(), "hunter2".to_owned())]);
    let mut armed = tminus::runbook::resolve(&runbook, &given, &secrets).unwrap();
    assert_eq!(armed.checks[0].probe.texts_mut()[1], "Bearer hunter2");
    armed.checks.clear();
    assert!(
        !format!("{armed:?}").contains("hunter2"),
        "a secret left the probes"
    );
}

#[test]
fn every_text_of_a_runbook_is_filled_in() {
    let texts = r#"
summary = "${V}"
target = "${V}"
[roles]
ic = "${V}"
[vars]
V = { default = "filled" }
U = { default = "http://filled" }
[[check]]
id = "c"
title = "${V}"
http = { url = "${U}", headers = { A = "${V}" }, body = "${V}" }
expect = ['body contains "${V}"']
[[metric]]
id = "m"
title = "${V}"
unit = "${V}"
prometheus = { url = "${U}", query = "${V}" }
[[trigger]]
title = "${V} t"
manual = true
[[phase]]
title = "${V}"
stage = "pre-launch"
[[phase.section]]
title = "${V}"
text = "${V}"
gate = { question = "${V}" }
steps = [{ title = "${V}", if = "${V}", why = "${V}", text = "${V}", link = "${V}", run = "r", dir = "${V}", level = "safe", record = { label = "${V}", unit = "${V}" } }]
[[phase.section]]
title = "B"
choose = "b"
[[phase.section.option]]
title = "${V}"
[[rollback]]
title = "${V}"
text = "${V}"
steps = ["${V}"]
[[message]]
title = "${V}"
text = "${V}"
webhook = "${U}"
[[command]]
title = "${V}"
run = "r"
dir = "${V}"
level = "safe"
[[contact]]
name = "${V}"
reach = "${V}"
[[link]]
title = "${V}"
url = "${V}"
[[upkeep]]
title = "${V}"
every = "7d"
steps = ["${V}"]
[[drill]]
title = "${V}"
"#;
    let runbook = sound(&format!("format = 1\ntitle = \"${{V}}\"{texts}"));
    let filled = tminus::runbook::resolve(&runbook, &BTreeMap::new(), &BTreeMap::new()).unwrap();
    let shown = format!("{filled:?}");
    assert!(!shown.contains("${"), "{shown}");
    assert_eq!(
        filled.checks[0].expect[0].text(),
        "body contains \"filled\""
    );
}

#[test]
fn an_escaped_placeholder_stands_for_itself() {
    let runbook = sound(&format!(
        "{GROUND}[[link]]\ntitle = 'a $${{B}} ${{VERSION}}'\nurl = 'u'"
    ));
    let filled = tminus::runbook::resolve(&runbook, &BTreeMap::new(), &BTreeMap::new()).unwrap();
    assert_eq!(filled.links[0].title, "a ${B} v1");
}

#[test]
fn everything_wrong_with_the_values_is_said_at_once_with_the_flag_that_answers() {
    let text = KESTREL.replace(
        "API_TOKEN   = {",
        "REGION = { label = \"Region\" }\nAPI_TOKEN = { pattern = 'k.+',",
    );
    let runbook = sound(&text);
    let given = [
        ("VERSION", "2.41"),
        ("VERSOIN", "v1.0.0"),
        ("API_TOKEN", "in the open"),
    ];
    let given = given
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let secrets = BTreeMap::from([("API_TOKEN".to_owned(), "hunter2".to_owned())]);
    let errors = tminus::runbook::resolve(&runbook, &given, &secrets).unwrap_err();
    insta::assert_snapshot!(errors, @r#"
        the runbook has no variable `VERSOIN`: did you mean `--var VERSION=…`?
        `VERSION=2.41` doesn't match `^v\d+\.\d+\.\d+$`: write `--var VERSION=…` with one that does
        `REGION` (Region) has no value: add `--var REGION=…`
        `API_TOKEN` is a secret: set it in the environment (`export API_TOKEN=…`), not with `--var`
        the value of the secret `API_TOKEN` doesn't match `k.+`: set `API_TOKEN` in the environment
        "#);
}

#[test]
fn the_schema_accepts_the_example_and_refuses_what_the_loader_refuses() {
    let validator = jsonschema::validator_for(&tminus::runbook::schema::json_schema()).unwrap();
    let json = |text: &str| serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&json(KESTREL))
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, [""; 0]);
    for (from, to) in [
        ("format  = 1", "format = 2"),
        ("stage = \"launch\"", "stage = \"lunch\""),
        ("every  = \"10s\"", "every = 10"),
        ("title   = \"Kestrel", "titel = \"Kestrel"),
        ("fail_after = 3", "fail_after = 0"),
        ("opens = \"T-1h\"", "opens = \"1h\""),
        ("steps = [\"…\"]", "steps = [5]"),
    ] {
        let broken = KESTREL.replacen(from, to, 1);
        assert_ne!(broken, KESTREL, "{from}");
        assert!(!validator.is_valid(&json(&broken)), "{to} is accepted");
        assert!(
            load("k.toml", broken.as_bytes()).has_errors(),
            "{to} is loaded"
        );
    }
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/runbook.schema.json");
    let committed: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(
        committed == tminus::runbook::schema::json_schema(),
        "assets/runbook.schema.json is out of date: run `tminus schema > assets/runbook.schema.json`"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let loaded = load("any.toml", &bytes);
        loaded.render(true);
        prop_assert_eq!(loaded.runbook.is_some(), !loaded.has_errors());
    }

    #[test]
    fn any_damage_to_a_runbook_is_answered_at_a_place_in_it(
        at in 0..KESTREL.len(),
        length in 0_usize..40,
        with in "([a-z]{0,4}|[0-9.-]{1,4}|[\\[\\]{}=\"',#\n]{1,3}|\\$\\{[A-Z]*\\}?|true|\\PC{1,3})",
    ) {
        let start = KESTREL.floor_char_boundary(at);
        let end = KESTREL.floor_char_boundary((start + length).min(KESTREL.len()));
        let damaged = format!("{}{with}{}", &KESTREL[..start], &KESTREL[end..]);
        let loaded = load("damaged.toml", damaged.as_bytes());
        loaded.render(false);
        prop_assert_eq!(loaded.runbook.is_some(), !loaded.has_errors());
        for finding in loaded.findings() {
            prop_assert!(finding.line <= damaged.lines().count() + 1);
            prop_assert!(finding.help.is_some(), "{} has no help", finding.code);
        }
    }

    #[test]
    fn swapped_lines_are_answered(first in 0_usize..190, second in 0_usize..190) {
        let mut lines: Vec<&str> = KESTREL.lines().collect();
        let (first, second) = (first % lines.len(), second % lines.len());
        lines.swap(first, second);
        let loaded = load("swapped.toml", lines.join("\n").as_bytes());
        prop_assert_eq!(loaded.runbook.is_some(), !loaded.has_errors());
    }
}
