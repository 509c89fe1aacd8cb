//! The loader and the importer against whatever can be in a file: random bytes, damage to real runbooks and
//! checklists, files that are made of the right pieces in any order, and every shape that invites a parser to recurse
//! or to start over.
//!
//! Nothing here measures time, which depends on the machine. What is held is that answers don't outgrow the questions;
//! `benches/markdown.rs` shows how long they take, at 3,000 lines and at four times as many.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use tminus::runbook::markdown::{Import, import, to_toml};
use tminus::runbook::{Loaded, load};

/// The contents of the files with this ending in folders beside the manifest, those that are there.
fn files(folders: &[&str], ending: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = folders
        .iter()
        .filter_map(|folder| fs::read_dir(root.join(folder)).ok());
    let mut paths: Vec<_> = folders
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == ending)
    });
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn runbooks() -> Vec<Vec<u8>> {
    files(&["runbooks", "tests/fixtures", "src/cli/init"], "toml")
}

fn checklists() -> Vec<Vec<u8>> {
    files(
        &[
            "tests/fixtures/markdown",
            "../shared/seeds",
            "../../shared/seeds",
        ],
        "md",
    )
}

/// What has to hold of every answer.
fn assert_answered(loaded: &Loaded) {
    assert_eq!(loaded.runbook.is_some(), !loaded.has_errors());
    assert!(
        loaded.diagnostics.len() <= 101,
        "{}",
        loaded.diagnostics.len()
    );
    let lines = loaded.text.lines().count() + 1;
    for finding in loaded.findings() {
        assert!(finding.line <= lines, "{finding:?}");
        assert!(
            finding.help.is_some_and(|help| !help.is_empty()),
            "{}",
            finding.code
        );
    }
    loaded.render(false);
}

/// A checklist becomes a runbook that loads and holds every task, or is refused in words. What is said of it isn't
/// longer than so many times itself.
fn assert_taken(bytes: &[u8]) -> Import {
    let taken = import("x.md", bytes);
    let toml = to_toml(&taken);
    let loaded = load("x.toml", toml.as_bytes());
    assert!(!loaded.has_errors(), "{}", loaded.render(false));
    if taken.refusal.is_none() {
        let runbook = loaded.runbook.unwrap();
        assert_eq!(runbook.steps.len(), taken.steps);
        assert!(runbook.steps.len() + runbook.triggers.len() >= taken.tasks);
    }
    let lines = bytes.split(|byte| b"\r\n".contains(byte)).count();
    let notes = || taken.guesses.iter().chain(&taken.kept);
    assert!(notes().all(|note| (1..=lines).contains(&note.line)));
    let said = toml.len() + notes().map(|note| note.what.len()).sum::<usize>();
    let most = 1_000 + MOST_GROWTH * bytes.len();
    assert!(said <= most, "{said} bytes about {}", bytes.len());
    taken
}

/// A line of four bytes (`1. a`) may well get a comment and a note.
const MOST_GROWTH: usize = 64;

/// A cut, a copy or a splinter at a place in a file.
#[derive(Clone, Debug)]
enum Harm {
    Cut(Index, usize),
    Copy(Index, Index, usize),
    Splinter(Index, Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
    let splinter = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..6),
        "[\\[\\]{}\"'=#,.$\n`*_>|-]{1,6}".prop_map(String::into_bytes),
        Just("${VERSION".into()),
        Just("\"\"\"".into()),
        Just("\n[[phase]]\n".into()),
        Just("\r\n\u{feff}\u{202e}".into()),
    ];
    prop_oneof![
        (any::<Index>(), 1_usize..200).prop_map(|(at, length)| Harm::Cut(at, length)),
        (any::<Index>(), any::<Index>(), 1_usize..400)
            .prop_map(|(from, to, length)| Harm::Copy(from, to, length)),
        (any::<Index>(), splinter).prop_map(|(at, bytes)| Harm::Splinter(at, bytes)),
    ]
}

fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let place = |at: &Index| at.index(bytes.len() + 1);
        let piece = |from: usize, length: usize| from..(from + length).min(bytes.len());
        match harm {
            Harm::Cut(at, length) => {
                bytes.drain(piece(place(at), *length));
            }
            Harm::Copy(from, to, length) => {
                let copied = bytes[piece(place(from), *length)].to_vec();
                let at = place(to);
                bytes.splice(at..at, copied);
            }
            Harm::Splinter(at, splinter) => {
                let at = place(at);
                bytes.splice(at..at, splinter.iter().copied());
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        assert_answered(&load("x.toml", &bytes));
        assert_taken(&bytes);
    }

    #[test]
    fn any_damage_to_a_real_runbook_is_answered(pick in any::<Index>(), harms in proptest::collection::vec(harm(), 1..6)) {
        let bytes = harmed(pick.get(&runbooks()).clone(), &harms);
        assert_answered(&load("x.toml", &bytes));
        assert_taken(&bytes);
    }

    #[test]
    fn any_damage_to_a_real_checklist_is_answered(pick in any::<Index>(), harms in proptest::collection::vec(harm(), 1..6)) {
        let bytes = harmed(pick.get(&checklists()).clone(), &harms);
        assert_taken(&bytes);
        assert_answered(&load("x.toml", &bytes));
    }
}

/// How long the files of one shape are.
const LENGTH: usize = 12_000;

/// A piece again and again; `#` is a number, so that no two are alike.
fn filled(head: &str, piece: &str) -> String {
    let mut text = head.to_owned();
    for number in 0.. {
        let piece = piece.replace('#', &number.to_string());
        if text.len() + piece.len() > LENGTH {
            break;
        }
        text.push_str(&piece);
    }
    text
}

#[test]
fn any_shape_of_toml_is_answered() {
    let head = "format = 1\ntitle = 'S'\n";
    for text in [
        filled("", "a\n"),
        filled("", "a = \n"),
        filled("", "["),
        filled("a = ", "["),
        filled("a = [", "[],"),
        filled("a = ", "{ b = "),
        filled("", "[a]\n"),
        filled("", "[[a.b.c]]\n"),
        filled("a = '''", "'' "),
        filled("a = \"", "\\u0041"),
        filled("", "\"\"\"\n"),
        filled("", "roles]\n"),
        filled(head, "[[phase]]\n"),
        filled(head, "[[link]]\ntitle = '${X}'\nurl = 'u'\n"),
        filled(head, "[[link]]\ntitle = 't'\ntitle = 't'\n"),
        filled(&format!("{head}summary = '"), "${"),
        filled(&format!("{head}x = 1\n[vars]\n"), "A = 1\n"),
        filled(head, "[vars.V#]\ndefault = 1\n"),
        filled(head, "k# = 1\n"),
        filled(head, "k# = \n"),
        filled(
            head,
            "[[check]]\nid = 'c#'\nhttp = { url = 'h' }\nexpect = 'statsu == 200'\n",
        ),
        filled(head, "[[link]]\ntitle = '${V#}'\nurl = 'u'\n"),
        filled(
            &format!("x\n{head}"),
            "[[trigger]]\ntitle = 't#'\nwhen = 'check c# fails'\n",
        ),
        filled(
            head,
            "[[upkeep]]\nid = 'u'\ntitle = 't#'\nevery = '7d'\nsteps = ['a']\n",
        ),
    ] {
        assert_answered(&load("x.toml", text.as_bytes()));
    }
}

/// A heading is `%`, as `#` is a number.
const SHAPES: &[(&str, &str)] = &[
    ("", "> "),
    ("", "- "),
    ("", "1. "),
    ("", "* * "),
    ("", "["),
    ("", "![]("),
    ("", "[a](b \""),
    ("", "**a "),
    ("", "_a*"),
    ("", "`a"),
    ("", "``` \n"),
    ("", "```markdown\n"),
    ("", "```markdown\n- [ ] a\n```\n"),
    ("", "<a b=\""),
    ("", "</"),
    ("", "<!--"),
    ("", "<b>a</b>\n"),
    ("", "<input type=\"checkbox\"> "),
    ("", "<details>\n- [ ] a\n</details>\n"),
    ("", "&amp"),
    ("", "____ "),
    ("", "\u{f0}\u{9f}"),
    ("", "ðŸ”´"),
    ("", "a\n---\n"),
    ("", "a\\\n"),
    ("", "a\n\n"),
    ("", ">\n"),
    ("", "> - [ ] a\n"),
    ("---\n", "a: b\n"),
    ("| a ", "| a "),
    ("|a|\n|-|\n", "|a|\n"),
    ("|a|b|\n|-|-|\n", "|[ ] x|☐ y|\n"),
    ("", "| item |\n|-|\n| a# |\n\n"),
    ("", "[a]: b\n"),
    ("", "[^#]: a\n"),
    ("", "[a#]: b\n\n[a#] "),
    ("", "- [ ] a\n"),
    ("", "\t- [ ] a\n"),
    ("", "- a\n- [ ] b ____ c\n"),
    ("", "- [ ] a # ____\n"),
    ("", "- [ ] a <!-- id: b# -->\n"),
    ("", "- [x] a # [🔴#]\n"),
    ("", "- [ ] a\n  ```sh\n  ls\n  ```\n"),
    ("", "- [ ] [a](http://b.c/d)\n"),
    ("- [ ] ", "[a](http://b.c/d) "),
    ("- [ ] a\n", "  b\n"),
    ("- [ ] a\n", "  > b\n"),
    ("- [ ] a\n", "  ☐ b\n"),
    ("- [ ] a  \n", "  b  \n"),
    ("☐ a\n", "b\n"),
    ("", "☐ a\n"),
    ("", "1. a\n"),
    ("1. a\n", " - b\n * c\n"),
    ("", "a#: ____\n"),
    ("", "- a#: ____ Date: ____\n"),
    ("% Sign-off\n", "- a#: ____\n"),
    ("% Contacts\n", "- a#: b\n"),
    ("% Quick commands\n```sh\n", "# a\nls\n\n"),
    ("% Rollback\n", "1. a\n\nb\n\n"),
    ("% Rollback\n%% Triggers\n", "- a#\n"),
    ("% Rollback\n", "%% Triggers\n- a\n%% b\n1. c\n"),
    ("% Launch day\n- [ ] a\n", "% Prerequisites\n- [ ] a\n"),
    ("", "% a\n"),
    ("", "**a**\n- b\n\n"),
    ("", "% Deploy\n- [ ] a\n"),
    ("", "% Critical path\n- [ ] a\n% Launch day\n- [ ] b\n"),
    (
        "",
        "% Option A: docker compose #\n- [ ] a\n% Rollback kubernetes\n1. a\n",
    ),
    ("", "% Rollback #\n1. a\n```sh\nb\n```\n"),
    ("", "% Daily #\n- [ ] a\n"),
    ("", "% Step #: a\n1. b\n"),
    ("", "% T-#h\n- [ ] a\n"),
    (
        "<!-- Exported by tminus -->\n% a\n%% b\nStage: launch\n\n",
        "- [ ] a\n  > by r#\n",
    ),
];

#[test]
fn any_shape_of_markdown_is_answered() {
    for (head, piece) in SHAPES {
        let text = filled(head, piece).replace('%', "#");
        assert_taken(text.as_bytes());
    }
    let deep = |line: fn(usize) -> String| (0..120).map(line).collect::<String>();
    for text in [
        deep(|depth| format!("{}- [ ] a\n", "  ".repeat(depth))),
        deep(|depth| format!("{}> - [ ] a\n", ">".repeat(depth))),
        deep(|depth| format!("{} a\n", "#".repeat(depth % 7))),
        deep(|depth| format!("{}markdown\n- [ ] a\n", "`".repeat(123 - depth))),
    ] {
        assert_taken(text.as_bytes());
    }
}

/// A piece of a checklist, and how many tasks are in it.
type Piece = (String, usize);

fn word() -> impl Strategy<Value = String> {
    "[a-z]{2,7}( [a-z]{2,5}){0,2}"
}

/// A list of tasks, nested by the width of its markers.
fn list() -> impl Strategy<Value = Piece> {
    let mark = prop::sample::select(vec![
        "[ ] ", "[x] ", "[X] ", "[~] ", "[-] ", "[!] ", "[/] ", "[N/A] ", "[🔴] ", "[] ", "[  ] ",
        "☐ ", "☑ ", "✅ ",
    ]);
    let bullet = prop::sample::select(vec!["- ", "* ", "+ ", "1. ", "10) "]);
    let task = (bullet, mark, word())
        .prop_map(|(bullet, mark, words)| (format!("{bullet}{mark}{words}\n"), 1));
    task.prop_recursive(4, 24, 4, |inner| {
        (inner.clone(), proptest::collection::vec(inner, 0..4)).prop_map(|((head, own), below)| {
            let width = head.find(' ').map_or(2, |at| at + 1);
            let lines = below.iter().flat_map(|(text, _)| text.lines());
            let body = indented(&" ".repeat(width), lines);
            (head + &body, own + tasks(&below))
        })
    })
}

fn tasks(pieces: &[Piece]) -> usize {
    pieces.iter().map(|(_, tasks)| tasks).sum()
}

fn indented<'t>(indent: &str, lines: impl Iterator<Item = &'t str>) -> String {
    lines.map(|line| format!("{indent}{line}\n")).collect()
}

/// What stands between headings, and headings.
fn piece() -> impl Strategy<Value = Piece> {
    let heading = prop::sample::select(vec![
        "Rollback",
        "Launch day",
        "Weekly",
        "Option A: x",
        "T-4h",
        "Sign-off",
        "Deploy",
        "Other",
    ]);
    let hidden = |text: String| (text, 0);
    prop_oneof![
        4 => list().prop_map(|(text, tasks)| (text + "\n", tasks)),
        1 => list().prop_map(|(text, tasks)| (indented("> ", text.lines()) + "\n", tasks)),
        1 => list().prop_map(|(text, tasks)| (format!("~~~~markdown\n{text}~~~~\n\n"), tasks)),
        1 => list().prop_map(|(text, tasks)| {
            (format!("<details>\n<summary>more</summary>\n\n{text}\n</details>\n\n"), tasks)
        }),
        1 => list().prop_map(move |(text, _)| hidden(format!("<!--\n{text}-->\n\n"))),
        1 => list().prop_map(move |(text, _)| hidden(format!("~~~~text\n{text}~~~~\n\n"))),
        1 => word().prop_map(|words| (format!("| a | b |\n|---|---|\n| {words} | [ ] |\n\n"), 1)),
        1 => word().prop_map(|words| (format!("☐ {words}\n\n"), 1)),
        2 => (1_usize..5, heading)
            .prop_map(move |(level, words)| hidden(format!("{} {words}\n\n", "#".repeat(level)))),
        1 => word().prop_map(move |words| hidden(format!("{words}\n\n"))),
        1 => word().prop_map(move |words| hidden(format!("```bash\n{words}\n```\n\n"))),
    ]
}

/// A line that may well stand in a runbook, somewhere.
fn line() -> impl Strategy<Value = String> {
    let table = prop::sample::select(vec![
        "[vars]",
        "[roles]",
        "[window]",
        "[[check]]",
        "[[metric]]",
        "[[trigger]]",
        "[[phase]]",
        "[[phase.section]]",
        "[[phase.section.option]]",
        "[[rollback]]",
        "[[upkeep]]",
        "[[drill]]",
        "[[message]]",
        "[[command]]",
    ]);
    let key = prop::sample::select(vec![
        "format",
        "title",
        "id",
        "stage",
        "at",
        "steps",
        "check",
        "run",
        "level",
        "when",
        "all",
        "rollback",
        "within",
        "http",
        "expect",
        "every",
        "warn",
        "fail",
        "prometheus",
        "gate",
        "choose",
        "A",
        "text",
        "option",
        "inject",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "true",
        "-0.5",
        "'a'",
        "'T-4h'",
        "'5m'",
        "'launch'",
        "'safe'",
        "'${A} ${'",
        "[]",
        "['a', 'a']",
        "{}",
        "{ url = 'http://h' }",
        "{ title = 'a', steps = ['b', { title = 'c' }] }",
        "[{ title = 'a', run = 'b' }]",
        "'''\na\n'''",
        "[",
        "\"",
        "{ a =",
        "2026-01-01",
        "inf",
        "'status == 200'",
        "'> 1 * baseline'",
        "['check a fails']",
    ]);
    prop_oneof![
        1 => table.prop_map(str::to_owned),
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_checklist_of_any_pieces_keeps_every_task(
        pieces in proptest::collection::vec(piece(), 1..14),
        ends in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let text: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        let taken = assert_taken(text.replace('\n', ends).as_bytes());
        prop_assert_eq!(taken.tasks, tasks(&pieces), "{}", text);
    }

    #[test]
    fn a_runbook_of_any_pieces_is_answered(lines in proptest::collection::vec(line(), 0..40)) {
        assert_answered(&load("x.toml", lines.join("\n").as_bytes()));
    }
}
