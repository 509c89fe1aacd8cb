//! Promise P8: what others wrote (titles, output, answers of services, file names, errors, values, notes) never reaches
//! the terminal as something that it would obey or hide.

mod loopback;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use loopback::response;
use terminal::Terminal;

const WIDE: (u16, u16) = (160, 60);

/// What a terminal would obey, or what hides or turns text. None of it is ever sent by tminus itself.
const CORPUS: &[&str] = &[
    "\u{1b}]0;evil title\u{7}",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{1b}]8;;http://evil.example\u{1b}\\",
    "\u{1b}P+q6576696c\u{1b}\\",
    "\u{1b}_evil\u{1b}\\",
    "\u{1b}^evil\u{1b}\\",
    "\u{1b}[31337h",
    "\u{1b}[8m",
    "\u{1b}c",
    "\u{1b}[6n",
    "\u{1b}[21t",
    "\u{9b}31337h",
    "\u{9d}0;evil\u{9c}",
    "\u{90}evil\u{9c}",
    "\u{7}evil",
    "\u{8}\u{8}evil",
    "\u{e}evil\u{f}",
    "\u{202e}live",
    "\u{2066}evil\u{2069}",
    "e\u{200b}vil",
    "\u{feff}evil",
    "\u{e0001}evil",
    "\u{7f}evil",
    "\u{85}evil",
];

/// Everything in one line.
fn corpus() -> String {
    CORPUS.join("|")
}

/// As TOML writes it in a string.
fn in_toml(text: &str) -> String {
    let written = text.chars().map(|character| match character {
        '\\' => r"\\".to_owned(),
        '"' => "\\\"".to_owned(),
        character if character.is_ascii_graphic() || character == ' ' => character.to_string(),
        character => format!("\\U{:08x}", u32::from(character)),
    });
    written.collect()
}

const RUNBOOK: &str = r#"
format = 1
title = "Title CORPUS"
summary = "Summary CORPUS"
target = "target CORPUS"
[vars]
VERSION = { label = "Version CORPUS", default = "value CORPUS" }
[roles]
ops = "Operations CORPUS"
[[check]]
id = "api"
title = "Check CORPUS"
http = { url = "http://ADDRESS/health" }
expect = ["body contains \"fine\"", "json .x == \"y\""]
every = "2s"
timeout = "1s"
fail_after = 1
[[check]]
id = "printer"
title = "Printer CORPUS"
command = { run = "cat corpus; cat corpus >&2" }
expect = ["stdout contains \"fine\""]
every = "2s"
timeout = "1s"
fail_after = 1
[[metric]]
id = "number"
title = "Metric CORPUS"
unit = "CORPUS"
json = { url = "http://ADDRESS/metric", path = ".x" }
[[phase]]
title = "Phase CORPUS"
stage = "pre-launch"
[[phase.section]]
title = "Section CORPUS"
text = "Text CORPUS"
order = "do-confirm"
steps = [
  { title = "Prints CORPUS", run = 'cat corpus; echo; cat corpus >&2; cat raw; echo; echo printed it', level = "safe", why = "Why CORPUS", text = "Text CORPUS" },
  { title = "Fails CORPUS", run = ': CORPUS', dir = "CORPUS", level = "safe" },
]
"#;

struct Foreign {
    dir: tempfile::TempDir,
}

impl Foreign {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let foreign = Self { dir };
        let text = RUNBOOK
            .replace(
                "ADDRESS",
                &loopback::serve(|_| response("500 evil", corpus().as_bytes())),
            )
            .replace("': CORPUS'", "\": CORPUS\"")
            .replace("CORPUS", &in_toml(&corpus()));
        std::fs::write(foreign.file(), text).expect("the runbook is written");
        let beside = |name: &str, bytes: &[u8]| {
            std::fs::write(foreign.dir.path().join(name), bytes).expect("a file");
        };
        beside("corpus", corpus().as_bytes());
        // Bytes that aren't UTF-8: among them the one-byte forms of C1.
        beside(
            "raw",
            b"\x9b31337h\x9d0;evil\x9c\x90evil\x9c\xff\xfe\xc0\xaf",
        );
        foreign
    }

    /// A file whose name would set the terminal's title and clear its screen.
    fn file(&self) -> PathBuf {
        self.dir
            .path()
            .join("evil\u{1b}]0;evil\u{7}\u{9b}31337h\u{202e}.toml")
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn call(&self, arguments: &[&str], file: Option<&Path>) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tminus"))
            .args(arguments)
            .args(file)
            .env("TMINUS_STATE_DIR", self.state())
            .env("TMINUS_OPERATOR", "ana")
            .stdin(Stdio::null())
            .output()
            .expect("tminus runs")
    }
}

/// Nothing of the corpus as it is, and none of the introducers that tminus never uses itself.
fn assert_harmless_screen(bytes: &[u8], place: &str) {
    let text = String::from_utf8_lossy(bytes);
    for part in CORPUS {
        assert!(!text.contains(part), "{part:?} in {place}");
    }
    for introducer in [
        "\u{1b}]",
        "\u{1b}P",
        "\u{1b}_",
        "\u{1b}^",
        "\u{1b}X",
        "\u{1b}c",
        "31337h\u{7}",
        "\u{1b}[31337",
    ] {
        assert!(!text.contains(introducer), "{introducer:?} in {place}");
    }
    let hidden = |character: &char| {
        tminus::ui::text::is_hidden(*character) && !"\u{1b}\r\n".contains(*character)
    };
    let found: Vec<char> = text.chars().filter(hidden).collect();
    assert!(found.is_empty(), "{found:?} in {place}");
}

/// Nothing but text and ends of lines.
fn assert_harmless_text(output: &Output, place: &str) {
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8(bytes.clone()).expect("text");
        let is_hidden =
            |character: &char| *character != '\n' && tminus::ui::text::is_hidden(*character);
        let found: Vec<char> = text.chars().filter(is_hidden).collect();
        assert!(found.is_empty(), "{found:?} in {place}: {text:?}");
    }
}

#[tokio::test]
async fn no_foreign_byte_steers_the_terminal() {
    let foreign = Foreign::new();
    let path = foreign.file().to_string_lossy().into_owned();
    let value = format!("VERSION=given {}", corpus());
    let arguments = ["run", &path, "--var", &value];
    let mut screen = Terminal::start(&arguments, WIDE, &foreign.state());
    screen.wait_for("Type `trust`").await;
    screen.send("trust\r").await;
    screen.wait_for("0 ok  2 !").await;
    screen.send("x").await;
    screen.wait_for("printed it").await;
    screen.wait_for("exit 0 after").await;
    screen.send("\x1b").await;
    screen.wait_for("Sections").await;
    screen.send("jx").await;
    screen.wait_for("not start").await;
    screen.send("\x1b").await;
    screen.wait_for("Sections").await;
    // A pasted note with everything in it.
    screen.send("a").await;
    screen.wait_for("Note").await;
    let pasted = format!("\u{1b}[200~noted {} pasted\u{1b}[201~", corpus());
    screen.send(&pasted).await;
    screen.wait_for("evil pasted").await;
    screen.send("\r").await;
    screen.wait_for("noted ]0;evil").await;
    for view in ["2", "3", "4", "5", "6", "1"] {
        screen.send(view).await;
        screen
            .take_in_for(std::time::Duration::from_millis(150))
            .await;
    }
    screen.send("q").await;
    screen.finish().await;
    assert_harmless_screen(&screen.received, "what the terminal received");

    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["log"],
        &["log", "--json"],
        &["ls", "--all"],
        &["ls", "--json"],
        &["verify"],
    ] {
        let output = foreign.call(arguments, None);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert_harmless_text(&output, &arguments.join(" "));
    }
}

#[test]
fn no_foreign_byte_leaves_a_command() {
    let foreign = Foreign::new();
    let file = foreign.file();
    for arguments in [
        &["show"][..],
        &["show", "--json"],
        &["lint"],
        &["lint", "--json"],
        &["trust"],
        &["run", "--no-input"],
    ] {
        assert_harmless_text(&foreign.call(arguments, Some(&file)), &arguments.join(" "));
    }
    let broken = foreign.dir.path().join("br\u{1b}[31337hoken.toml");
    let text = format!(
        "titel = \"{0}\"\n\"{0}\" = 1\n[[phase]]\n",
        in_toml(&corpus())
    );
    std::fs::write(&broken, text).expect("a broken runbook");
    let raw = foreign.dir.path().join("raw.toml");
    std::fs::write(&raw, format!("# {}\n", corpus())).expect("a broken runbook");
    for file in [
        &broken,
        &raw,
        &foreign.dir.path().join("no\u{1b}[31337hne.toml"),
    ] {
        for arguments in [
            &["lint"][..],
            &["lint", "--json"],
            &["show"],
            &["run"],
            &["trust"],
        ] {
            assert_harmless_text(&foreign.call(arguments, Some(file)), &arguments.join(" "));
        }
    }
    let name = corpus();
    for arguments in [
        &["status", &name][..],
        &["log", &name],
        &["resume", &name],
        &["watch", &name],
        &["verify", &name],
        &["show", &name],
        &["run", "demo", "--role", &name],
        &["run", "demo", "--at", &name],
        &["run", "demo", "--operator", &name],
        &["ls", &name],
        &[&name],
        &["--state-dir", &name, "status"],
    ] {
        assert_harmless_text(
            &foreign.call(arguments, None),
            &format!("{:?}", arguments[0]),
        );
    }
}
