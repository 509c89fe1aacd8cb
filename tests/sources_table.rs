//! The table of sources and runbooks in docs/sources.md, made from the runbooks themselves.
//!
//! `UPDATE_DOCS=1 cargo test --test sources_table` writes it anew; without that, a table that has become untrue fails.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and the lint knows only tests themselves"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tminus::runbook::markdown::import;
use tminus::runbook::{Runbook, load};

/// Number of the source, its boxes and numbered items, and the runbook that was made of it.
const SOURCES: [(&str, usize, &str); 5] = [
    ("000", 99, "twinmind"),
    ("001", 231, "toombos"),
    ("002", 128, "mind-matrix"),
    ("003", 121, "linkflow"),
    ("004", 169, "candlefish"),
];

const BEGIN: &str = "<!-- table: made by tests/sources_table.rs -->\n";
const END: &str = "<!-- end of table -->\n";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn runbook(name: &str) -> Runbook {
    let bytes = fs::read(repository().join(format!("runbooks/{name}.toml"))).unwrap();
    let loaded = load(name, &bytes);
    assert!(loaded.runbook.is_some(), "{}", loaded.render(false));
    loaded.runbook.unwrap()
}

fn row(number: &str, items: usize, name: &str) -> String {
    let runbook = runbook(name);
    let commands = runbook
        .steps
        .iter()
        .filter(|step| step.command.is_some())
        .count()
        + runbook.quick_commands.len();
    let counts = [
        items,
        runbook.steps.len(),
        runbook.checks.len(),
        runbook.metrics.len(),
        runbook.triggers.len(),
        commands,
        runbook.rollbacks.len(),
    ];
    let cells = counts.map(|count| format!(" {count} |")).concat();
    format!("| {number} | [`{name}`](../runbooks/{name}.toml) |{cells}\n")
}

fn table() -> String {
    let mut table = "\
| source | runbook | items | steps | checks | metrics | triggers | commands | rollbacks |
|---|---|---:|---:|---:|---:|---:|---:|---:|
"
    .to_owned();
    for (number, items, name) in SOURCES {
        write!(table, "{}", row(number, items, name)).unwrap();
    }
    table
}

#[test]
fn the_documentation_has_the_table_that_the_runbooks_make() {
    let path = repository().join("docs/sources.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(written, table, "UPDATE_DOCS=1 writes it anew");
    }
}

#[test]
fn every_item_has_a_step_or_a_trigger() {
    for (_, items, name) in SOURCES {
        let runbook = runbook(name);
        let held = runbook.steps.len() + runbook.triggers.len();
        assert!(held >= items, "{name}: {held} for {items} items");
    }
}

/// The sources stand beside the repository and aren't part of it.
fn sources() -> Option<PathBuf> {
    ["../shared/seeds", "../../shared/seeds"]
        .iter()
        .map(|folder| repository().join(folder))
        .find(|folder| folder.is_dir())
}

#[test]
fn the_sources_have_as_many_items_as_the_table_says() {
    let Some(folder) = sources() else {
        println!("the source checklists aren't here: nothing counted");
        return;
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = SOURCES.iter().find(|(number, ..)| file.starts_with(number));
        if let Some((number, items, _)) = source {
            let found = import(&file, &fs::read(&path).unwrap()).tasks;
            assert_eq!(found, *items, "{number}");
        }
    }
}
