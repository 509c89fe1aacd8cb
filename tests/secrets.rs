//! Promise P9: declared secrets are never on disk, on the screen or in the arguments of a process.

mod loopback;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use loopback::response;
use terminal::Terminal;

const WIDE: (u16, u16) = (140, 50);

/// With characters that each encoding treats in its own way.
const TOKEN: &str = "s3cr3t/T0k+n~va1ue=?";

/// The same in base64.
const BASE64: &str = "czNjcjN0L1QwaytufnZhMXVlPT8";

const RUNBOOK: &str = r#"
format = 1
title = "Secretive launch"
target = "prod-secret"
[vars]
TOKEN = { label = "API token", secret = true }
[roles]
ops = "Operations"
[[check]]
id = "echo"
title = "API repeats what it was sent"
http = { url = "http://ADDRESS/health?key=${TOKEN}", headers = { Authorization = "Bearer ${TOKEN}" } }
expect = ["status == 200", "body contains \"fine\""]
every = "2s"
timeout = "1s"
fail_after = 1
[[check]]
id = "printer"
title = "Check that prints"
command = { run = 'printf %s "$TOKEN"; printf %s "$TOKEN" >&2' }
expect = ["stdout contains \"fine\""]
every = "2s"
timeout = "1s"
fail_after = 1
[[metric]]
id = "number"
title = "Metric that is no number"
json = { url = "http://ADDRESS/metric?key=${TOKEN}", path = ".x" }
[[phase]]
title = "Before"
stage = "pre-launch"
[[phase.section]]
title = "Ready"
order = "do-confirm"
steps = [
  { title = "Prints in every way", run = '''
printf 'raw %s\n' "$TOKEN"
printf 'split %s' "${TOKEN:0:7}"; sleep 0.3; printf '%s\n' "${TOKEN:7}"
printf 'stderr %s\n' "$TOKEN" >&2
printf 'base64 %s\n' "$(printf 'user:%s' "$TOKEN" | base64)"
printf 'hex %s\n' "$(printf %s "$TOKEN" | od -An -v -tx1 | tr -d ' \n')"
printf 'url s3cr3t%%2FT0k%%2Bn~va1ue%%3D%%3F\n'
set -x
: "$TOKEN"
exit 3
''', level = "safe" },
  { title = "Waits", run = 'echo waiting; until [ -e go ]; do sleep 0.1; done; echo waited', level = "safe" },
]
"#;

fn runbook(dir: &Path) -> String {
    let path = dir.join("secretive.toml");
    // An error's body repeats everything that was sent.
    let service = loopback::serve(|request| response(&format!("500 {TOKEN}"), request));
    let text = RUNBOOK.replace("ADDRESS", &service);
    std::fs::write(&path, text).expect("the runbook is written");
    path.to_string_lossy().into_owned()
}

/// The spellings that mustn't be found anywhere.
fn spellings() -> Vec<Vec<u8>> {
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    [
        TOKEN,
        "s3cr3t%2FT0k%2Bn",
        "s3cr3t%2fT0k%2bn",
        // base64 of the secret at each place within three bytes, without its edges.
        "czNjcjN0L1Qwayt",
        "MzY3IzdC9UMGsrb",
        "zM2NyM3QvVDBrK25",
        &hex,
        &hex.to_uppercase(),
    ]
    .map(|spelling| spelling.as_bytes().to_vec())
    .to_vec()
}

fn assert_clean(bytes: &[u8], place: &str) {
    for spelling in spellings() {
        let found = bytes.windows(spelling.len()).any(|part| part == spelling);
        let spelling = String::from_utf8_lossy(&spelling).into_owned();
        assert!(!found, "{spelling} in {place}");
    }
}

fn assert_no_file_tells(dir: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(dir)
        .expect("a directory")
        .filter_map(Result::ok)
    {
        let path = entry.path();
        if path.is_dir() {
            count += assert_no_file_tells(&path);
        } else {
            let bytes = std::fs::read(&path).expect("a file of ours");
            assert_clean(&bytes, &path.display().to_string());
            count += 1;
        }
    }
    count
}

fn assert_no_process_tells() {
    let processes = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    for process in processes {
        if let Ok(arguments) = std::fs::read(process.path().join("cmdline")) {
            assert_clean(&arguments, &process.path().display().to_string());
        }
    }
}

struct Secretive {
    dir: tempfile::TempDir,
    path: String,
}

impl Secretive {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let path = runbook(dir.path());
        Self { dir, path }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The name of the only run.
    fn run(&self) -> String {
        let mut runs = std::fs::read_dir(self.state().join("runs")).expect("there is a run");
        let run = runs.next().expect("there is a run").expect("readable");
        run.file_name().to_string_lossy().into_owned()
    }

    fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let arguments = [&["run", &self.path, "--trust"], arguments].concat();
        Terminal::start_with(&arguments, WIDE, &self.state(), environment)
    }

    /// Everything that anybody can find afterwards.
    fn assert_kept(&self, screen: &Terminal) {
        assert_clean(&screen.received, "what the terminal received");
        assert_clean(screen.screen().as_bytes(), "the screen");
        assert!(
            assert_no_file_tells(&self.state()) > 2,
            "there is something to find it in"
        );
        let run = self.run();
        for arguments in [
            &["status", "--json"][..],
            &["log", "--json"],
            &["ls", "--json"],
            &["export", &run],
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_tminus"))
                .args(arguments)
                .env("TMINUS_STATE_DIR", self.state())
                .output()
                .expect("tminus runs");
            assert!(!output.stdout.is_empty(), "{arguments:?}: {output:?}");
            assert_clean(&output.stdout, arguments[0]);
        }
    }
}

/// Leaves from a step's screen.
async fn leave(screen: &mut Terminal) {
    screen.send("\x1b").await;
    screen.wait_for("Sections").await;
    screen.send("q").await;
    assert_eq!(screen.finish().await, Some(0));
}

#[tokio::test]
async fn a_secret_that_is_printed_in_every_way_is_found_nowhere() {
    let secretive = Secretive::new();
    let mut screen = secretive.start(&[], &[("TOKEN", TOKEN)]);
    screen.wait_for("Prints in every way").await;
    // Health says what was seen, quoting what came back.
    screen.wait_for("0 ok  2 !").await;
    screen.send("x").await;
    screen.wait_for("exit 3 after").await;
    for line in [
        "raw ***",
        "split ***",
        "stderr ***",
        "base64 ",
        "hex ***",
        "url ***",
    ] {
        assert!(
            screen.screen().contains(line),
            "{line}: {}",
            screen.screen()
        );
    }
    assert_no_process_tells();
    leave(&mut screen).await;
    secretive.assert_kept(&screen);
}

#[tokio::test]
async fn no_process_has_a_secret_in_its_arguments_while_a_command_runs() {
    let secretive = Secretive::new();
    let mut screen = secretive.start(&[], &[("TOKEN", TOKEN)]);
    screen.wait_for("Waits").await;
    screen.send("jx").await;
    screen.wait_for("│ waiting").await;
    assert_no_process_tells();
    std::fs::write(secretive.dir.path().join("go"), "").expect("the command is let go");
    screen.wait_for("│ waited").await;
    screen.wait_for("exit 0 after").await;
    leave(&mut screen).await;
    secretive.assert_kept(&screen);
}

#[tokio::test]
async fn a_secret_in_what_an_operator_types_is_not_written_down() {
    let secretive = Secretive::new();
    let mut screen = secretive.start(&[], &[("TOKEN", TOKEN)]);
    screen.wait_for("Prints in every way").await;
    screen.send("a").await;
    screen.wait_for("enter").await;
    screen.send(&format!("it is {TOKEN} today\r")).await;
    screen.wait_for("note: it is *** today").await;
    screen.send("q").await;
    assert_eq!(screen.finish().await, Some(0));
    assert_no_file_tells(&secretive.state());
}

#[tokio::test]
async fn a_panic_tells_no_secret() {
    for words in [TOKEN, BASE64] {
        let secretive = Secretive::new();
        let environment = [
            ("TOKEN", TOKEN),
            ("TMINUS_TEST_PANIC", words),
            ("RUST_BACKTRACE", "1"),
        ];
        let mut screen = secretive.start(&[], &environment);
        screen.finish().await;
        let received = String::from_utf8_lossy(&screen.received).into_owned();
        assert!(
            received.contains("asked for by the environment"),
            "{received}"
        );
        assert!(received.contains("***"), "{received}");
        assert_clean(&screen.received, "what the terminal received");
        assert_no_file_tells(&secretive.state());
    }
}

#[tokio::test]
async fn a_secret_comes_from_a_file_or_is_typed_unseen() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{TOKEN}\n")).expect("the secret is written");
    let path = file.path().to_string_lossy().into_owned();
    let named = format!("TOKEN={path}");
    type Way<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], bool);
    let ways: [Way<'_>; 3] = [
        (&["--secret-file", &named], &[], false),
        (&[], &[("TOKEN_FILE", &path)], false),
        (&[], &[], true),
    ];
    for (arguments, environment, is_typed) in ways {
        let secretive = Secretive::new();
        let mut screen = secretive.start(arguments, environment);
        if is_typed {
            screen.wait_for("API token (TOKEN), not shown:").await;
            screen.send(TOKEN).await;
            screen.send("\r").await;
        }
        screen.wait_for("Prints in every way").await;
        screen.send("x").await;
        screen.wait_for("exit 3 after").await;
        assert!(screen.screen().contains("raw ***"), "{}", screen.screen());
        assert_no_process_tells();
        leave(&mut screen).await;
        secretive.assert_kept(&screen);
    }
}

#[tokio::test]
async fn giving_up_a_prompt_gives_the_terminal_back() {
    let secretive = Secretive::new();
    let mut screen = secretive.start(&[], &[]);
    screen.wait_for("not shown:").await;
    screen.send("half\x03").await;
    assert_eq!(screen.finish().await, Some(130));
    let received = String::from_utf8_lossy(&screen.received).into_owned();
    assert!(!received.contains("half"), "{received}");
    assert!(received.contains("--secret-file"), "{received}");
}

fn refused(secretive: &Secretive, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tminus"))
        .args(["run", &secretive.path, "--trust", "--no-input"])
        .args(arguments)
        .env("TMINUS_STATE_DIR", secretive.state())
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("tminus runs");
    assert_eq!(output.status.code(), Some(2));
    assert_clean(&output.stderr, "the error");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_would_give_a_secret_away_is_refused() {
    let secretive = Secretive::new();
    let missing = refused(&secretive, &[], &[]);
    assert!(missing.contains("no value for TOKEN"), "{missing}");
    let short = refused(&secretive, &[], &[("TOKEN", "abc")]);
    assert!(short.contains("too short to be hidden"), "{short}");
    let argument = refused(&secretive, &["--var", "TOKEN=x"], &[]);
    assert!(argument.contains("is a secret"), "{argument}");
    // Another one, because other tests look at the arguments of all processes meanwhile.
    let given = [("TOKEN", "an0ther-secret")];
    let spoken = refused(&secretive, &["--role", "ops=an0ther-secret"], &given);
    assert!(spoken.contains("holds a secret"), "{spoken}");
    assert!(!spoken.contains("an0ther-secret"), "{spoken}");
    let no_file = refused(&secretive, &["--secret-file", "TOKEN=/no/such/file"], &[]);
    assert!(no_file.contains("/no/such/file"), "{no_file}");
    let no_name = refused(&secretive, &["--secret-file", "TOKN=/dev/null"], &[]);
    assert!(no_name.contains("--secret-file TOKEN="), "{no_name}");
    assert!(!secretive.state().join("runs").exists());
}

const SURROUNDED: &str = r#"
format = 1
title = "Surrounded launch"
target = "prod"
[vars]
VERSION = { label = "Version" }
[roles]
ops = "Operations"
[[phase]]
title = "Before"
stage = "pre-launch"
[[phase.section]]
title = "Ready"
order = "do-confirm"
steps = [{ title = "Looks around", run = """
echo "version=$VERSION"
echo "kind=$(type -t ls)"
printf 'ifs=%q\\n' "$IFS"
echo "strange=$(env | grep -cE '^(BASH_ENV|ENV|BASH_FUNC|LD_|SHELLOPTS|PROMPT_COMMAND|PERL5OPT|PYTHONSTARTUP|AWS_SECRET|TMINUS_)')"
""", level = "safe" }]
"#;

/// What an operator's shell has collected has no say in what a command does.
#[tokio::test]
async fn commands_see_the_listed_variables_and_the_run_s_own() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let file = dir.path().join("surrounded.toml");
    std::fs::write(&file, SURROUNDED).expect("the runbook is written");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let startup = path("startup.sh");
    std::fs::write(&startup, format!("touch {}", path("started"))).expect("a file");
    let value = format!("VERSION=$(touch {}) `touch x`; 'v1'", path("injected"));
    let arguments = ["run", &path("surrounded.toml"), "--trust", "--var", &value];
    let environment = [
        ("BASH_ENV", startup.as_str()),
        ("ENV", startup.as_str()),
        ("BASH_FUNC_ls%%", "() { echo hijacked; }"),
        ("LD_LIBRARY_PATH", "/nowhere"),
        ("LD_PRELOAD", ""),
        ("IFS", "x"),
        ("SHELLOPTS", "noexec"),
        ("PROMPT_COMMAND", "touch prompted"),
        ("PERL5OPT", "-Mevil"),
        ("PYTHONSTARTUP", startup.as_str()),
        ("AWS_SECRET_ACCESS_KEY", "never-inherited"),
    ];
    let state = dir.path().join("state");
    let mut screen = Terminal::start_with(&arguments, WIDE, &state, &environment);
    screen.wait_for("Looks around").await;
    screen.send("x").await;
    screen.wait_for("exit 0 after").await;
    let shown = screen.screen();
    assert!(shown.contains("version=$(touch "), "{shown}");
    assert!(shown.contains("kind=file"), "{shown}");
    assert!(shown.contains(r"ifs=$' \t\n'"), "{shown}");
    assert!(shown.contains("strange=0"), "{shown}");
    for name in ["started", "injected", "x", "prompted"] {
        assert!(!dir.path().join(name).exists(), "{name}");
    }
    leave(&mut screen).await;
}
