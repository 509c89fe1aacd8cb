//! The table of the live panels' rules names all of them, and tests that exist.

use std::path::{Path, PathBuf};

/// How many rules there are.
const RULES: usize = 14;

fn page() -> String {
    std::fs::read_to_string(root().join("docs/live-rules.md")).expect("the page")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The last cell of each rule's row.
fn rows(page: &str) -> Vec<&str> {
    let row = |number| {
        let start = format!("| {number} |");
        let row = page.lines().find(|line| line.starts_with(&start));
        row.unwrap_or_else(|| panic!("no row for rule {number}"))
    };
    (1..=RULES)
        .map(|number| row(number).rsplit(" | ").next().unwrap_or_default())
        .collect()
}

/// What stands between backticks.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// All sources below a folder, the tests of a module included.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                text += &std::fs::read_to_string(path).unwrap_or_default();
            }
        }
    }
    text
}

/// Whether a module's file or folder is there.
fn module(path: &str) -> bool {
    let file: PathBuf = root().join("src").join(path.replace("::", "/"));
    file.with_extension("rs").is_file() || file.is_dir()
}

#[test]
fn every_rule_names_tests_that_exist() {
    let page = page();
    let code = sources(&root().join("src")) + &sources(&root().join("tests"));
    for (number, cell) in (1..).zip(rows(&page)) {
        let names: Vec<&str> = named(cell).collect();
        assert!(!names.is_empty(), "rule {number} names no test");
        for name in names {
            let exists = if let Some(prefix) = name.strip_suffix('*') {
                code.contains(&format!("fn {prefix}"))
            } else if name.ends_with(".toml") {
                let file = Path::new(name).file_name().unwrap_or_default();
                root().join("tests/scenarios").join(file).is_file()
            } else if name.ends_with(".rs") {
                root().join(name).is_file()
            } else if name.contains("::") {
                module(name)
            } else {
                code.contains(&format!("fn {name}(")) || code.contains(&format!("\"{name}\""))
            };
            assert!(exists, "rule {number} names `{name}`, which isn't there");
        }
    }
}

#[test]
fn every_test_named_after_a_rule_is_of_a_rule_on_the_page() {
    let code = sources(&root().join("src"));
    let numbers = code.split("fn rule_").skip(1).filter_map(|rest| {
        let digits = rest.split('_').next()?;
        digits.parse::<usize>().ok()
    });
    for number in numbers {
        assert!((1..=RULES).contains(&number), "rule {number}");
    }
}
