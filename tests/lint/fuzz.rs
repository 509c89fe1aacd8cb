//! The loader and the importer against whatever can be in a file: random bytes, damage to real runbooks and
//! checklists, and a megabyte of each shape that invites a parser to recurse or to start over.
//!
//! Nothing here measures time. What takes quadratic time would take hours with a megabyte, and the harness ends it.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use tminus::runbook::load::MOST_BYTES;
use tminus::runbook::markdown::{import, to_toml};
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

/// A checklist becomes a runbook that loads, or is refused in words.
fn assert_taken(bytes: &[u8]) {
    let taken = import("x.md", bytes);
    if taken.refusal.is_none() && taken.steps > 0 {
        let loaded = load("x.toml", to_toml(&taken).as_bytes());
        assert!(!loaded.has_errors(), "{}", loaded.render(false));
    }
}

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

/// A piece again and again, to just below the size that is refused unread.
fn filled(head: &str, piece: &str) -> String {
    let room = MOST_BYTES - head.len();
    format!("{head}{}", piece.repeat(room / piece.len()))
}

/// The same with a number in each piece, so that no two are alike.
fn numbered(head: &str, piece: &str) -> String {
    let pieces =
        (0..MOST_BYTES / (piece.len() + 4)).map(|number| piece.replace('#', &number.to_string()));
    let mut text = head.to_owned();
    for piece in pieces {
        if text.len() + piece.len() > MOST_BYTES {
            break;
        }
        text.push_str(&piece);
    }
    text
}

#[test]
fn a_megabyte_of_any_shape_of_toml_is_answered() {
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
        numbered(head, "[vars.V#]\ndefault = 1\n"),
        numbered(head, "k# = 1\n"),
        numbered(head, "k# = \n"),
        numbered(
            head,
            "[[check]]\nid = 'c#'\nhttp = { url = 'h' }\nexpect = 'statsu == 200'\n",
        ),
        numbered(head, "[[link]]\ntitle = '${V#}'\nurl = 'u'\n"),
        numbered(
            &format!("x\n{head}"),
            "[[trigger]]\ntitle = 't#'\nwhen = 'check c# fails'\n",
        ),
        numbered(
            head,
            "[[upkeep]]\nid = 'u'\ntitle = 't#'\nevery = '7d'\nsteps = ['a']\n",
        ),
    ] {
        assert_answered(&load("x.toml", text.as_bytes()));
    }
}

#[test]
fn a_megabyte_of_any_shape_of_markdown_is_answered() {
    for text in [
        filled("", "> "),
        filled("", "- "),
        filled("", "1. "),
        filled("", "* * "),
        filled("", "["),
        filled("", "![]("),
        filled("", "[a](b \""),
        filled("", "**a "),
        filled("", "_a*"),
        filled("", "`a"),
        filled("", "``` \n"),
        filled("", "<a b=\""),
        filled("", "<!--"),
        filled("", "&amp"),
        filled("| a ", "| a "),
        filled("|a|\n|-|\n", "|a|\n"),
        filled("", "# a\n"),
        filled("", "____ "),
        filled("", "- [ ] a\n"),
        filled("", "a\n---\n"),
        filled("---\n", "a: b\n"),
        filled("", "[a]: b\n"),
        filled("", "\u{f0}\u{9f}"),
        numbered("", "[^#]: a\n"),
        numbered("", "- [ ] a # ____\n"),
        numbered("", "## Option #\n- [ ] a\n"),
        numbered("", "# Rollback #\n1. a\n```sh\nb\n```\n"),
    ] {
        assert_taken(text.as_bytes());
    }
}
