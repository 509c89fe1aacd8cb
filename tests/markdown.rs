//! Checklists as people write them, imported and exported.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on may as well panic"
)]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tminus::report::markdown::export;
use tminus::runbook::load::{MOST_BYTES, MOST_STEPS};
use tminus::runbook::markdown::{Import, import, to_toml};
use tminus::runbook::{Home, Role, Runbook, Stage, Step, StepIndex, load};

fn loaded(import: &Import) -> Runbook {
    let toml = to_toml(import);
    let loaded = load("checklist.toml", toml.as_bytes());
    assert!(!loaded.has_errors(), "{}\n{toml}", loaded.render(false));
    loaded.runbook.unwrap()
}

fn read(text: &str) -> (Import, Runbook) {
    let import = import("checklist.md", text.as_bytes());
    let runbook = loaded(&import);
    (import, runbook)
}

/// Titles of all steps, indented by depth.
fn titles(runbook: &Runbook) -> Vec<String> {
    runbook
        .steps
        .iter()
        .map(|step| format!("{}{}", "  ".repeat(step.depth), step.title))
        .collect()
}

/// Phases with their stages and times, sections, options, and the titles of steps in all of them.
fn shape(runbook: &Runbook) -> Vec<String> {
    let mut lines = Vec::new();
    for phase in &runbook.phases {
        lines.push(format!("{} {:?} {:?}", phase.title, phase.stage, phase.at));
        for section in &phase.sections {
            lines.push(format!("- {}", section.title));
            describe(runbook, &section.steps, &mut lines);
            for option in section.choice.iter().flat_map(|choice| &choice.options) {
                lines.push(format!("- option {}", option.title));
                describe(runbook, &option.steps, &mut lines);
            }
        }
    }
    for rollback in &runbook.rollbacks {
        lines.push(format!("back {} {:?}", rollback.title, rollback.within));
        describe(runbook, &rollback.steps, &mut lines);
    }
    for upkeep in &runbook.upkeep {
        lines.push(format!("again {} {:?}", upkeep.title, upkeep.every));
        describe(runbook, &upkeep.steps, &mut lines);
    }
    lines.extend(
        runbook
            .triggers
            .iter()
            .map(|trigger| format!("trigger {}", trigger.title)),
    );
    lines
}

fn describe(runbook: &Runbook, steps: &[StepIndex], lines: &mut Vec<String>) {
    for &index in steps {
        let step = runbook.step(index);
        // A line break at the end means nothing, and a fence has none.
        let command = step.command.as_ref().map(|command| command.run.trim_end());
        lines.push(format!(
            "{}{} {command:?}",
            "  ".repeat(step.depth + 1),
            step.title
        ));
        describe(runbook, &step.children, lines);
    }
}

fn fixtures() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/markdown");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

fn assert_nothing_lost(name: &str, text: &str, import: &Import) {
    let kept: Vec<&str> = import.kept.iter().map(|note| note.what.as_str()).collect();
    let all = format!("{}\n{}", to_toml(import), kept.join("\n"));
    let known: HashSet<&str> = words(&all).collect();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['`', '~']))
    {
        let ticks = line.replace("[x]", "").replace("[X]", "");
        for word in words(&ticks).filter(|word| word.chars().all(|c| c.is_ascii_alphabetic())) {
            assert!(known.contains(word), "{name}: {word} of {line}");
        }
    }
}

#[test]
fn every_fixture_loads_loses_nothing_and_has_steps() {
    for (name, text) in fixtures() {
        let (import, runbook) = read(&text);
        assert!(import.refusal.is_none() && import.steps > 0, "{name}");
        assert_eq!(import.steps, runbook.steps.len(), "{name}");
        assert_nothing_lost(&name, &text, &import);
    }
}

#[test]
fn what_was_exported_comes_back_the_same() {
    for (name, text) in fixtures() {
        let (_, before) = read(&text);
        let written = export(&before, None);
        let (_, after) = read(&written);
        assert_eq!(shape(&after), shape(&before), "{name}\n{written}");
    }
}

#[test]
fn runbooks_come_back_from_their_exports_with_everything_a_checklist_can_carry() {
    for name in [
        "tests/fixtures/kestrel.toml",
        "runbooks/demo.toml",
        "runbooks/twinmind.toml",
        "runbooks/toombos.toml",
        "runbooks/mind-matrix.toml",
        "runbooks/linkflow.toml",
        "runbooks/candlefish.toml",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let before = load(name, &fs::read(path).unwrap()).runbook.unwrap();
        let written = export(&before, None);
        let (_, after) = read(&written);
        assert_eq!(shape(&after), shape(&before), "{name}");
        for (after, before) in after.steps.iter().zip(&before.steps) {
            assert_eq!(carried(after), carried(before), "{name}");
        }
        let roles = |runbook: &Runbook| runbook.roles.iter().map(Role::clone).collect::<Vec<_>>();
        assert_eq!(roles(&after), roles(&before), "{name}");
        let options = |runbook: &Runbook| {
            let rollbacks = runbook.rollbacks.iter();
            rollbacks
                .map(|rollback| (rollback.id.clone(), rollback.option.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(options(&after), options(&before), "{name}");
        let quick = |runbook: &Runbook| {
            format!(
                "{:?}",
                runbook
                    .quick_commands
                    .iter()
                    .map(|quick| (&quick.title, &quick.command))
                    .collect::<Vec<_>>()
            )
        };
        assert_eq!(quick(&after), quick(&before), "{name}");
        let links = |runbook: &Runbook| runbook.links.len();
        assert_eq!(links(&after), links(&before), "{name}");
    }
}

/// What a checklist can carry of a step.
fn carried(step: &Step) -> String {
    let command = step.command.as_ref().map(|command| {
        (
            command.run.trim_end(),
            command.undo.as_deref().map(str::trim_end),
            command.level,
            command.timeout,
            &command.dir,
            (command.tty, command.auto, command.takes),
        )
    });
    let flags = [step.must, step.optional, step.recheck, step.second];
    format!(
        "{} {} {command:?} {flags:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        step.id,
        step.title,
        step.condition,
        step.role,
        step.at,
        step.takes,
        step.record,
        step.sign,
        step.link
    )
}

/// A checklist as somebody draws it, and what has to become of it: tasks, titles with their depth, and words that have
/// to stand in a guess or in what was kept.
type Variant = (
    &'static str,
    &'static str,
    usize,
    &'static [&'static str],
    &'static [&'static str],
);

const VARIANTS: &[Variant] = &[
    (
        "nested lists",
        "- [ ] a\n  - [ ] b\n    - [ ] c\n- [ ] d\n",
        4,
        &["a", "  b", "    c", "d"],
        &[],
    ),
    (
        "ordered tasks",
        "1. [ ] a\n2. [x] b\n   1. [ ] c\n3) [ ] d\n",
        4,
        &["a", "b", "  c", "d"],
        &["aren't those of a run: 1"],
    ),
    (
        "all three bullets",
        "* [ ] a\n+ [ ] b\n- [ ] c\n",
        3,
        &["a", "b", "c"],
        &[],
    ),
    (
        "boxes in cells",
        "| Task | Done |\n|---|---|\n| a | [ ] |\n| b | ☐ |\n| c | [x] |\n",
        3,
        &["a", "b", "c"],
        &["rows of the table were taken for tasks"],
    ),
    (
        "drawn boxes",
        "- ☐ a\n- ☑ b\n- ✅ c\n",
        3,
        &["a", "b", "c"],
        &["aren't those of a run: 2"],
    ),
    (
        "ticks of both sizes",
        "- [x] a\n- [X] b\n",
        2,
        &["a", "b"],
        &["aren't those of a run: 2"],
    ),
    (
        "odd marks",
        "- [~] a\n- [-] b\n- [!] c\n- [/] d\n- [N/A] e\n- [🔴] f\n",
        6,
        &["a", "b", "c", "d", "e", "f"],
        &["1 × ~", "1 × -", "1 × !", "1 × /", "1 × N/A", "1 × 🔴"],
    ),
    (
        "narrow and wide boxes",
        "- [] a\n- [  ] b\n- [ ]c\n",
        3,
        &["a", "b", "c"],
        &[],
    ),
    (
        "boxes without a bullet",
        "Before:\n[ ] a\n[x] b\n\n☐ c\n",
        3,
        &["a", "b", "c"],
        &["boxes without a list", "Before:"],
    ),
    (
        "boxes that follow prose where no list may begin",
        "Do it:\n3. [ ] a\n4. [ ] b\n",
        2,
        &["a", "b"],
        &["boxes without a list", "Do it:"],
    ),
    (
        "boxes on the lines of an item",
        "- [ ] a\n  ☐ b\n  ☑ c\n- [ ] d\n",
        4,
        &["a", "  b", "  c", "d"],
        &["boxes without a list"],
    ),
    (
        "a checklist in a fence",
        "## One\n```markdown\n### Two\n- [ ] a\n- [ ] b\n```\n~~~~md\n- [ ] c\n~~~~\n",
        3,
        &["a", "b", "c"],
        &["inside the fence"],
    ),
    (
        "what is hidden or code",
        "- [ ] a\n\n<!-- - [ ] b -->\n\n<!--\n- [ ] c\n-->\n\n```bash\ncat <<E\n- [ ] d\nE\n```\n\n```text\n- [ ] e\n```\n\n    - [ ] f\n\nNo `- [ ] g` here.\n",
        1,
        &["a", "cat <<E $ cat <<E\n- [ ] d\nE"],
        &["- [ ] b", "- [ ] c", "- [ ] e", "- [ ] f", "g"],
    ),
    (
        "titles that repeat",
        "## A\n- [ ] a\n- [ ] a\n## A\n- [ ] a\n",
        3,
        &["a", "a", "a"],
        &[],
    ),
    (
        "several ways back",
        "- [ ] a\n## Rollback of the API\n1. b\n2. c\n## Database rollback\n1. d\n",
        1,
        &["a", "b", "c", "d"],
        &[
            "“Rollback of the API” is a way back",
            "“Database rollback” is a way back",
        ],
    ),
    (
        "numbers and no box",
        "## Go\n1. a\n2. b\n   1. c\n\nSo it is.\n",
        0,
        &["a", "b", "  c"],
        &["So it is."],
    ),
    (
        "tabs",
        "-\t[ ] a\n\t- [ ] b\n\t\t- [ ] c\n",
        3,
        &["a", "  b", "    c"],
        &[],
    ),
    (
        "line ends of other systems",
        "\u{feff}# T\r\n\r\n- [ ] a\r\n  - [ ] b\r\n",
        2,
        &["a", "  b"],
        &[],
    ),
    (
        "old line ends",
        "# T\r\r- [ ] a\r- [ ] b\r",
        2,
        &["a", "b"],
        &[],
    ),
    ("NUL", "- [ ] a\0b\n", 1, &["ab"], &["NUL characters"]),
    (
        "right to left",
        "# خطة\n- [ ] النسخ الاحتياطي\n- [ ] \u{202b}إطلاق\u{202c}\n",
        2,
        &["النسخ الاحتياطي", "\u{202b}إطلاق\u{202c}"],
        &[],
    ),
    (
        "wide characters",
        "# 手順\n- [ ] 監視を確認\n- ［　］ 公開\n- 【 】 告知\n",
        3,
        &["監視を確認", "公開", "告知"],
        &[],
    ),
    (
        "fences in items",
        "- [ ] a\n  ```bash\n  make a\n  ```\n- [ ] b\n  ~~~yaml\n  b: c\n  ~~~\n",
        2,
        &["a $ make a", "b"],
        &["taken for a command", "b: c"],
    ),
    (
        "a fence that is never closed",
        "- [ ] a\n\n```bash\nmake\n- [ ] b\n",
        1,
        &["a"],
        &["never closed", "make"],
    ),
    (
        "a fence of tildes",
        "- [ ] a\n\n~~~sh\nmake\n~~~\n",
        1,
        &["a $ make"],
        &["taken for a command"],
    ),
    (
        "indented code",
        "- [ ] a\n\nLike so:\n\n    make\n",
        1,
        &["a"],
        &["make", "Like so:"],
    ),
    (
        "front matter",
        "---\ntitle: Kestrel\nowner: ana\n---\n- [ ] a\n",
        1,
        &["a"],
        &["title: Kestrel", "owner: ana"],
    ),
    (
        "folded parts",
        "<details>\n<summary>More</summary>\n\n- [ ] a\n\n</details>\n\n<details><summary>Other</summary>\n- [ ] b\n</details>\n",
        2,
        &["a", "b"],
        &["More", "Other"],
    ),
    (
        "badges and tags in titles",
        "- [ ] ![](https://h.example/only-final.svg) Ship [it](https://h.example/it) <details><summary>by hand</summary>\n  - [ ] a\n  </details>\n",
        2,
        &["Ship it by hand", "  a"],
        &[],
    ),
    (
        "a template that says who made it",
        "---\n# Made by a bot\n---\n\n# Ship\n\n- [ ] a\n",
        1,
        &["a"],
        &["Made by a bot"],
    ),
    (
        "boxes of HTML",
        "<ul>\n<li><input type=\"checkbox\"> a</li>\n<li><input type=\"checkbox\" checked> b</li>\n</ul>\n",
        2,
        &["a", "b"],
        &[],
    ),
];

#[test]
fn tasks_are_seen_in_every_way_people_draw_them_and_nothing_is_lost() {
    for (name, text, tasks, titles, said) in VARIANTS {
        let import = import("odd.md", text.as_bytes());
        let runbook = loaded(&import);
        assert_eq!(import.tasks, *tasks, "{name}");
        let found: Vec<String> = runbook.steps.iter().map(with_command).collect();
        assert_eq!(found, *titles, "{name}\n{}", to_toml(&import));
        let notes: Vec<&str> = import
            .guesses
            .iter()
            .chain(&import.kept)
            .map(|note| note.what.as_str())
            .collect();
        for words in *said {
            assert!(
                notes.iter().any(|note| note.contains(words)),
                "{name}: “{words}” is in none of {notes:#?}"
            );
        }
        assert_nothing_lost(name, &text.replace('\0', ""), &import);
    }
}

/// `  title $ command`, indented by depth.
fn with_command(step: &Step) -> String {
    let command = step.command.as_ref();
    let command = command.map(|command| format!(" $ {}", command.run.trim_end()));
    let indent = "  ".repeat(step.depth);
    format!("{indent}{}{}", step.title, command.unwrap_or_default())
}

#[test]
fn odd_boxes_are_tasks_and_what_is_hidden_or_code_is_none() {
    let (import, runbook) = read(&fixture("odd.md"));
    let titles = titles(&runbook);
    for title in [
        "データベースのバックアップ",
        "監視を確認する",
        "Announce",
        "A box without a bullet that goes on",
        "Undone thing",
        "Not ours",
        "Blocked thing",
        "Important",
        "Half",
        "  tabbed",
        "    deeper",
        "quoted task",
        "النسخ الاحتياطي",
    ] {
        assert!(titles.iter().any(|found| found == title), "{title}");
    }
    for title in [
        "escaped",
        "in indented code",
        "in a heredoc",
        "after an unclosed fence",
        "a link",
    ] {
        assert!(!titles.iter().any(|found| found.trim() == title), "{title}");
    }
    assert_eq!(import.tasks, 24);
    assert_eq!(
        titles.iter().filter(|title| *title == "Same title").count(),
        3
    );
}

#[test]
fn ticks_are_taken_away_and_said_once() {
    let (import, runbook) = read("- [x] a\n- [ ] b\n- [X] c\n");
    assert_eq!(titles(&runbook), ["a", "b", "c"]);
    assert_eq!(
        import
            .guesses
            .iter()
            .filter(|note| note.what.contains("ticked"))
            .count(),
        1
    );
    assert_eq!((import.tasks, import.steps), (3, 3));
}

#[test]
fn tables_with_boxes_become_steps_and_others_stay_text() {
    let (import, runbook) = read(&fixture("table.md"));
    assert_eq!(
        titles(&runbook),
        [
            "Unit tests",
            "Linting",
            "Design doc",
            "Alerts wired",
            "  Staging",
            "  Production",
            "Dashboards",
            "  Staging",
            "  Production",
            "Developer",
            "SRE"
        ]
    );
    assert_eq!(import.tasks, 7);
    assert!(
        runbook.steps[0]
            .text
            .as_ref()
            .unwrap()
            .contains("Coverage over 70 %")
    );
    assert_eq!(
        runbook.steps[2].link.as_deref(),
        Some("https://docs.example/design")
    );
    assert_eq!(runbook.steps[9].sign.as_deref(), Some("developer"));
}

#[test]
fn rows_that_list_things_to_do_are_steps_where_nothing_has_a_box() {
    let (import, runbook) = read(&fixture("readiness.md"));
    assert_eq!((import.tasks, import.steps), (0, 4));
    assert_eq!(
        titles(&runbook),
        [
            "On call",
            "Playbook",
            "Restore a backup",
            "Encrypt the disks"
        ]
    );
    let text = runbook.steps[0].text.as_ref().unwrap();
    assert!(text.contains("Level B: ✅"), "{text}");
    let text = runbook.steps[2].text.as_ref().unwrap();
    assert!(text.contains("Owner: @ana"), "{text}");
}

/// Phases with their stages.
fn stages(runbook: &Runbook) -> Vec<(&str, Stage)> {
    let phases = runbook.phases.iter();
    phases
        .map(|phase| (phase.title.as_str(), phase.stage))
        .collect()
}

#[test]
fn a_procedure_keeps_its_order_and_only_lists_due_before_it_move() {
    use Stage::{Launch, PostLaunch, PreLaunch};
    let (import, runbook) = read(&fixture("issue.md"));
    assert_eq!(
        stages(&runbook),
        [
            ("Two weeks prior to release", PreLaunch),
            ("After the freeze", PreLaunch),
            ("One week before release", PreLaunch),
            ("Stage! (point of soft no return)", PreLaunch),
            ("Critical path", PreLaunch),
            ("Release! (point of hard no return)", Launch),
            ("After launch", PostLaunch),
            ("Prepare downstream", PostLaunch),
        ]
    );
    let moved = import
        .guesses
        .iter()
        .find(|note| note.what.contains("moved"));
    assert_eq!(moved.unwrap().line, 55);

    let (_, runbook) = read(&fixture("freeze.md"));
    assert_eq!(
        titles(&runbook),
        [
            "Form the team",
            "Open the board",
            "Remind everybody",
            "Thank the writers",
            "Warn",
            "Go",
            "Rest"
        ]
    );
    let last: Vec<Stage> = runbook.phases.iter().map(|phase| phase.stage).collect();
    assert!(last.ends_with(&[PreLaunch, Launch, PostLaunch]), "{last:?}");
}

#[test]
fn remarks_and_further_links_of_an_item_become_its_text() {
    let (_, runbook) = read(&fixture("issue.md"));
    let of = |title: &str| {
        let step = runbook.steps.iter().find(|step| step.title == title);
        step.unwrap().text.clone()
    };
    assert_eq!(
        of("Promote the images:").as_deref(),
        Some("Paste the pull request here")
    );
    assert_eq!(
        of("Read the guide and the rules").as_deref(),
        Some("https://docs.example/rules")
    );
    assert_eq!(
        of("Verify with the script:").as_deref(),
        Some("- copy the sums\n- run it")
    );
}

#[test]
fn a_badge_is_no_link_of_its_step() {
    let text = "- [ ] ![](https://h.example/only.svg) Ship [it](https://h.example/it) <b>now</b>\n";
    let (_, runbook) = read(text);
    let step = &runbook.steps[0];
    assert_eq!(step.link.as_deref(), Some("https://h.example/it"));
    assert_eq!(step.text.as_deref(), Some("https://h.example/only.svg"));
}

#[test]
fn numbered_runbooks_without_a_box_have_steps_and_commands() {
    let (import, runbook) = read(&fixture("numbered.md"));
    assert_eq!(import.tasks, 0);
    let forward = runbook
        .steps
        .iter()
        .filter(|step| matches!(step.home, Home::Section(_)));
    assert_eq!(forward.count(), 8);
    let command = runbook.steps[0].command.as_ref().unwrap();
    assert_eq!(
        (command.run.as_str(), command.level_written),
        ("git checkout release", false)
    );
    assert_eq!(runbook.rollbacks[0].steps.len(), 2);

    let (_, runbook) = read(&fixture("incident.md"));
    assert_eq!(runbook.title, "During an incident");
    assert_eq!(runbook.phases[0].sections[0].steps.len(), 3);
    assert_eq!(runbook.rollbacks.len(), 1);
}

#[test]
fn platforms_beside_each_other_are_options_with_their_ways_back() {
    let (_, runbook) = read(&fixture("options.md"));
    let (_, section) = runbook
        .sections()
        .find(|(_, section)| section.choice.is_some())
        .unwrap();
    let options = &section.choice.as_ref().unwrap().options;
    assert_eq!(
        options
            .iter()
            .map(|option| option.id.as_str())
            .collect::<Vec<_>>(),
        ["docker-compose", "kubernetes"]
    );
    let back: Vec<_> = runbook
        .rollbacks
        .iter()
        .map(|rollback| (rollback.title.as_str(), rollback.option.as_deref()))
        .collect();
    assert_eq!(
        back,
        [
            ("Docker Compose", Some("docker-compose")),
            ("Kubernetes", Some("kubernetes")),
            ("After the rollback", None)
        ]
    );
    assert_eq!(runbook.triggers.len(), 2);
    assert_eq!(runbook.phases[1].stage, Stage::PostLaunch);
}

#[test]
fn boxes_a_column_short_of_their_numbered_item_stand_below_it() {
    let (_, runbook) =
        read("1. **Auth**\n  - [ ] tokens\n  - [ ] sessions\n2. **Gateway**\n  - [ ] schema\n");
    assert_eq!(
        titles(&runbook),
        ["Auth", "  tokens", "  sessions", "Gateway", "  schema"]
    );
}

#[test]
fn nothing_is_taken_for_a_command_that_may_not_be_one() {
    let text = "- [ ] a\n```yaml\nb: c\n```\n- [ ] d\n```\ne\n```\n\n```bash\nNAME=value\n```\n\n```sh\nnever closed\n";
    let (import, runbook) = read(text);
    assert!(runbook.steps.iter().all(|step| step.command.is_none()));
    assert!(runbook.steps[0].text.as_ref().unwrap().contains("b: c"));
    assert!(
        import
            .guesses
            .iter()
            .any(|note| note.what.contains("never closed"))
    );
}

#[test]
fn limits_are_said_clearly_and_what_is_refused_still_loads() {
    let many = "- [ ] a\n".repeat(MOST_STEPS + 1);
    let large = "a\n".repeat(MOST_BYTES / 2 + 1);
    for (text, code) in [(many, "too-many-steps"), (large, "too-large")] {
        let (import, runbook) = read(&text);
        assert_eq!(import.refusal.unwrap().code, code);
        assert!(runbook.steps.is_empty());
    }
    let (import, _) = read(&"- [ ] a\n".repeat(MOST_STEPS));
    assert_eq!((import.tasks, import.refusal), (MOST_STEPS, None));
}

#[test]
fn what_could_take_long_is_read_without_trouble() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(50_000) + "[ ] deep",
        ">".repeat(100_000),
        "<!--".repeat(25_000),
        "- [ ] ".to_owned() + &"${".repeat(50_000),
        (0..300)
            .map(|depth| " ".repeat(depth * 2) + "- [ ] a\n")
            .collect(),
        "## Deploy\n".repeat(20_000),
    ] {
        read(&text);
    }
}

fn fixture(name: &str) -> String {
    let files = fixtures();
    files.into_iter().find(|(file, _)| file == name).unwrap().1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_load(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        loaded(&import("x.md", &bytes));
    }

    #[test]
    fn any_markup_loads_and_loses_nothing(
        parts in proptest::collection::vec(prop_oneof![
            "(#{1,4} |- |  - |1\\. |> |\t|    |\\* )?(\\[[ xX~!🔴]?\\] |☐ |\\*\\*|`|<!--|-->)?[a-zA-Z]{1,8}( [a-z_$&<{}|'\"]{0,6}){0,3}\n",
            "(```(bash|markdown)?|~~~|---|\\| a \\| b \\||\\|---\\|---\\||</?details>|<summary>x</summary>|)\n",
            "(Rollback|## Rollback plan|### Triggers|## Option A: x|## Weekly|Sign-off: ____|## T-4h|Stage: launch)\n",
        ], 0..40),
    ) {
        let text = parts.concat();
        let (import, _) = read(&text);
        assert_nothing_lost("generated", &text, &import);
    }

    #[test]
    fn mutated_fixtures_load(
        pick in any::<(proptest::sample::Index, proptest::sample::Index)>(),
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>()), 1..5),
    ) {
        let files = fixtures();
        let mut bytes = format!("{}{}", files[pick.0.index(files.len())].1, files[pick.1.index(files.len())].1).into_bytes();
        for (from, to) in cuts {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            if from < to && bytes.len() > 200 {
                bytes.drain(from..to.min(from + 60));
            } else {
                bytes.swap(from, to);
            }
        }
        loaded(&import("x.md", &bytes));
    }

    #[test]
    fn any_runbook_comes_back_from_its_export(
        phases in proptest::collection::vec((title(), 0_usize..3, proptest::collection::vec((title(), tree()), 0..4)), 1..4),
        back in proptest::collection::vec((title(), tree()), 0..3),
    ) {
        let toml = runbook_toml(&phases, &back);
        let loaded = load("x.toml", toml.as_bytes());
        // Titles may clash; that is somebody else's test.
        prop_assume!(!loaded.has_errors());
        let before = loaded.runbook.unwrap();
        let written = export(&before, None);
        let (_, after) = read(&written);
        prop_assert_eq!(shape(&after), shape(&before), "{}", written);
    }
}

/// Titles with everything that means something in Markdown.
fn title() -> impl Strategy<Value = String> {
    "([a-zA-Z0-9.:_*`#~|<>&!()\\[\\]+-]{1,6} ?){1,4}[a-z]".prop_map(|title| title.trim().to_owned())
}

#[derive(Clone, Debug)]
struct Tree(Vec<(String, Tree)>);

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = Just(Tree(Vec::new()));
    leaf.prop_recursive(3, 12, 3, |inner| {
        proptest::collection::vec((title(), inner), 0..4).prop_map(Tree)
    })
}

type Sections = Vec<(String, Tree)>;

fn runbook_toml(phases: &[(String, usize, Sections)], back: &[(String, Tree)]) -> String {
    let mut toml = "format = 1\ntitle = \"Launch\"\n".to_owned();
    for (title, stage, sections) in phases {
        let stage = ["pre-launch", "launch", "post-launch"][*stage];
        toml += &format!("[[phase]]\ntitle = {title:?}\nstage = {stage:?}\n");
        for (title, steps) in sections {
            toml += &format!(
                "[[phase.section]]\ntitle = {title:?}\nsteps = {}\n",
                steps_toml(steps)
            );
        }
    }
    for (title, steps) in back {
        toml += &format!(
            "[[rollback]]\ntitle = {title:?}\nsteps = {}\n",
            steps_toml(steps)
        );
    }
    toml
}

fn steps_toml(tree: &Tree) -> String {
    let steps: Vec<String> = tree
        .0
        .iter()
        .map(|(title, below)| format!("{{ title = {title:?}, steps = {} }}", steps_toml(below)))
        .collect();
    format!("[{}]", steps.join(", "))
}
