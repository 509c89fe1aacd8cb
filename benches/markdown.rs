//! What a checklist costs: reading Markdown and loading the runbook it becomes. `cargo bench --bench markdown` prints
//! the table.
//!
//! 3,000 lines are promised in well under a second, whatever stands in them. Every shape comes with four times as many
//! lines, too: what grows by much more than that starts over somewhere.

use divan::Bencher;
use divan::counter::ItemsCount;
use tminus::runbook::load;
use tminus::runbook::markdown::{import, to_toml};

const LINES: usize = 3_000;

fn main() {
    divan::main();
}

/// Lines that invite a parser to nest, to look ahead or to start over.
const SHAPES: [&str; 16] = [
    "tasks",
    "tasks with commands",
    "sections",
    "stages",
    "nested lists",
    "nested quotes",
    "one line of links",
    "table",
    "unclosed fences",
    "unclosed comments",
    "unclosed brackets",
    "definitions",
    "blanks to fill in",
    "signatures",
    "ways back",
    "checklists in fences",
];

fn shape(name: &str, lines: usize) -> String {
    let each = |line: &dyn Fn(usize) -> String| (0..lines).map(line).collect::<String>();
    match name {
        "tasks" => each(&|line| format!("- [ ] Task {line} of many\n")),
        "tasks with commands" => each(&|line| match line % 4 {
            0 => format!("- [ ] Task {line}\n"),
            1 => "  ```sh\n".to_owned(),
            3 => "  ```\n".to_owned(),
            _ => format!("  deploy {line}\n"),
        }),
        "sections" => each(&|line| {
            if line % 3 == 0 {
                format!("## Section {line}\n")
            } else {
                "- [ ] Task\n".to_owned()
            }
        }),
        "stages" => each(&|line| match line % 4 {
            0 => "## Prerequisites\n".to_owned(),
            2 => "## Launch day\n".to_owned(),
            _ => "- [ ] Task\n".to_owned(),
        }),
        "nested lists" => each(&|line| format!("{}- [ ] Task\n", "  ".repeat(line.min(120)))),
        "nested quotes" => each(&|line| format!("{} text\n", ">".repeat(line.min(120) + 1))),
        "one line of links" => each(&|line| format!("[link {line}](https://h.example/{line}) ")),
        "table" => {
            "| Task | Done |\n|---|---|\n".to_owned()
                + &each(&|line| format!("| Task {line} | [ ] |\n"))
        }
        "unclosed fences" => {
            each(&|line| format!("{}sh\n", "`".repeat(lines.min(120) - line.min(110))))
        }
        "unclosed comments" => each(&|_| "<!-- <a b=\"\n".to_owned()),
        "unclosed brackets" => each(&|_| "[![a](b \"**_`\n".to_owned()),
        "definitions" => each(&|line| format!("[a{line}]: b\n")),
        "blanks to fill in" => each(&|line| format!("- [ ] Size {line}: ____ GB\n")),
        "signatures" => {
            "## Sign-off\n".to_owned() + &each(&|line| format!("- Person {line}: ____\n"))
        }
        "ways back" => each(&|line| match line % 3 {
            0 => format!("## Rollback {line}\n"),
            1 => "1. Undo\n".to_owned(),
            _ => "\n".to_owned(),
        }),
        _ => each(&|line| match line % 3 {
            0 => "```markdown\n".to_owned(),
            1 => "- [ ] Task\n".to_owned(),
            _ => "```\n".to_owned(),
        }),
    }
}

fn measure(bencher: Bencher<'_, '_>, name: &str, lines: usize) {
    let text = shape(name, lines);
    bencher.counter(ItemsCount::new(lines)).bench(|| {
        let taken = import("checklist.md", divan::black_box(text.as_bytes()));
        load("checklist.toml", to_toml(&taken).as_bytes())
    });
}

#[divan::bench(args = SHAPES, sample_count = 10)]
fn lines_3000(bencher: Bencher<'_, '_>, name: &str) {
    measure(bencher, name, LINES);
}

#[divan::bench(args = SHAPES, sample_count = 10)]
fn lines_12000(bencher: Bencher<'_, '_>, name: &str) {
    measure(bencher, name, 4 * LINES);
}
