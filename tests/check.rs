//! `tminus check` as pipelines see it: the real binary against real servers on loopback.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and the lint knows only tests themselves"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const API_KEY: &str = "tm_live_0123456789abcdef";
/// The key with which the API breaks down.
const BREAKING_KEY: &str = "tm_live_bbbbbbbbbbbbbbbb";

/// An API that answers 200 to the right key and 401 to everybody else, and a switch that is off at first.
struct Server {
    _runtime: Runtime,
    url: String,
}

impl Server {
    fn start() -> Self {
        let health = get(|headers: HeaderMap| async move {
            let wanted = format!("Bearer {API_KEY}");
            let admitted = headers
                .get("authorization")
                .is_some_and(|sent| *sent == *wanted);
            let breaks = format!("Bearer {BREAKING_KEY}");
            if admitted {
                StatusCode::OK
            } else if headers
                .get("authorization")
                .is_some_and(|sent| *sent == *breaks)
            {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::UNAUTHORIZED
            }
        });
        let echo =
            get(|headers: HeaderMap| async move { [("x-echo", headers["authorization"].clone())] });
        let routes = Router::new()
            .route("/v1/health", health)
            .route("/echo", echo);
        let runtime = Runtime::new().unwrap();
        let url = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, routes).await });
            format!("http://{address}")
        });
        Self {
            _runtime: runtime,
            url,
        }
    }
}

/// A home directory with nothing in it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tminus"));
        command
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("USER", "ana")
            .envs(environment.iter().copied())
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .arg("check")
            .args(arguments);
        command
    }

    fn check(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Called {
        Called::from(self.command(arguments, environment).output().unwrap())
    }

    /// Checks a runbook of one's own.
    fn trusting(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Called {
        self.check(&[arguments, &["--trust"]].concat(), environment)
    }

    fn runbook(&self, text: &str) -> &'static str {
        let text = format!("format = 1\ntitle = 'Sample'\n{text}");
        fs::write(self.0.path().join("sample.toml"), text).unwrap();
        "sample.toml"
    }
}

/// What came back.
struct Called {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Called {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Called {
    #[track_caller]
    fn ends_with(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "out: {}\nerr: {}",
            self.out,
            self.err
        );
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    /// The first word of each line.
    fn outcomes(&self) -> Vec<&str> {
        let lines = self.out.lines();
        lines
            .map(|line| line.split_whitespace().next().unwrap_or_default())
            .collect()
    }
}

/// The pre-launch script of TwinMind's checklist, outcome by outcome, in its order: NODE_ENV, API key, API, webhook
/// secret, encryption key, database.
#[test]
fn the_pre_launch_script_of_twinmind_is_reproduced() {
    let server = Server::start();
    let url = format!("TWINMIND_API_URL={}", server.url);
    let arguments = ["twinmind", "--phase", "pre-launch", "--var", &url];
    let long = "0123456789abcdef".repeat(4);
    let good = [
        ("NODE_ENV", "production"),
        ("TWINMIND_API_KEY", API_KEY),
        ("TWINMIND_WEBHOOK_SECRET", "whsec_31415926"),
        ("TWINMIND_ENCRYPTION_KEY", &long),
        ("DATABASE_URL", "postgres://app:hunter22@db/app"),
    ];
    let with = |name: &str, value: &'static str| {
        let mut environment = good.to_vec();
        for entry in environment.iter_mut().filter(|entry| entry.0 == name) {
            entry.1 = value;
        }
        environment
    };
    let wrong_key = "tm_live_ffffffffffffffff";
    for (environment, code, outcomes) in [
        (good.to_vec(), 0, ["OK", "OK", "OK", "OK", "OK", "OK"]),
        (
            Vec::new(),
            3,
            ["WARN", "FAIL", "FAIL", "WARN", "WARN", "FAIL"],
        ),
        (
            with("NODE_ENV", "staging"),
            0,
            ["WARN", "OK", "OK", "OK", "OK", "OK"],
        ),
        (
            with("TWINMIND_API_KEY", wrong_key),
            3,
            ["OK", "OK", "FAIL", "OK", "OK", "OK"],
        ),
        (
            with("TWINMIND_API_KEY", BREAKING_KEY),
            3,
            ["OK", "OK", "FAIL", "OK", "OK", "OK"],
        ),
        (
            with("TWINMIND_API_KEY", ""),
            3,
            ["OK", "FAIL", "FAIL", "OK", "OK", "OK"],
        ),
        (
            with("TWINMIND_WEBHOOK_SECRET", ""),
            0,
            ["OK", "OK", "OK", "WARN", "OK", "OK"],
        ),
        (
            with("TWINMIND_ENCRYPTION_KEY", "0123456789"),
            0,
            ["OK", "OK", "OK", "OK", "WARN", "OK"],
        ),
        (
            with("DATABASE_URL", ""),
            3,
            ["OK", "OK", "OK", "OK", "OK", "FAIL"],
        ),
    ] {
        let home = Home::new();
        let called = home.check(&arguments, &environment).ends_with(code);
        assert_eq!(called.outcomes(), outcomes, "{}", called.out);
        for (name, value) in environment.iter().filter(|(name, _)| *name != "NODE_ENV") {
            // The script shows the first ten characters of the key; a log of a pipeline is no place for these either.
            let Some(beginning) = value.get(..10) else {
                continue;
            };
            let leaks = called.out.contains(beginning) || called.err.contains(beginning);
            assert!(!leaks, "{name} is in {}{}", called.out, called.err);
        }
    }
    for (key, status) in [(wrong_key, "got 401"), (BREAKING_KEY, "got 503")] {
        let called = Home::new().check(&arguments, &with("TWINMIND_API_KEY", key));
        assert!(called.out.contains(status), "{}", called.out);
    }
}

#[test]
fn every_verdict_is_a_line_with_its_reason_and_the_worst_decides() {
    let home = Home::new();
    let runbook = home.runbook(
        "[[check]]\nid = 'here'\ntitle = 'It is here'\nfile = { path = 'sample.toml' }\nexpect = 'exists'\n\
         [[check]]\nid = 'soft'\nfile = { path = 'gone' }\nexpect = 'exists'\nseverity = 'warn'\n\
         [[check]]\nid = 'blind'\ncommand = { run = 'exec sleep 60' }\nexpect = 'exit == 0'\ntimeout = '200ms'\n\
         [[metric]]\nid = 'queue'\ntitle = 'Queue'\ncommand = { run = 'echo 1200' }\nwarn = '> 500'\nfail = '> 1000'\nfor = '10m'",
    );
    let called = home.trusting(&[runbook], &[]).ends_with(3);
    assert_eq!(called.outcomes(), ["OK", "WARN", "UNKNOWN", "FAIL"]);
    assert!(
        called.err.contains("1 ok, 1 warn, 1 fail, 1 unknown"),
        "{}",
        called.err
    );
    let json = home.trusting(&[runbook, "--json"], &[]).ends_with(3).json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["checks"][1]["verdict"], "warn");
    assert_eq!(json["checks"][2]["unknown"], "timeout");
    assert_eq!(json["metrics"][0]["value"], 1_200.0);
    let xml = home.trusting(&[runbook, "--junit"], &[]).ends_with(3).out;
    assert!(
        xml.contains("tests=\"4\" failures=\"1\" errors=\"1\""),
        "{xml}"
    );
}

#[test]
fn nothing_is_contacted_of_a_runbook_that_nobody_trusts() {
    let home = Home::new();
    let runbook = home.runbook(
        "[[check]]\nid = 'trace'\ncommand = { run = 'touch trace' }\nexpect = 'exit == 0'",
    );
    let called = home.check(&[runbook], &[]).ends_with(7);
    assert!(
        called.err.contains("tminus trust sample.toml"),
        "{}",
        called.err
    );
    assert!(!home.0.path().join("trace").exists());
    home.trusting(&[runbook], &[]).ends_with(0);
    assert!(home.0.path().join("trace").exists());
    home.check(&[runbook], &[]).ends_with(0);
}

#[test]
fn a_warning_alone_ends_well() {
    let home = Home::new();
    let runbook = home.runbook(
        "[[check]]\nid = 'soft'\nfile = { path = 'gone' }\nexpect = 'exists'\nseverity = 'warn'",
    );
    home.trusting(&[runbook], &[]).ends_with(0);
}

#[test]
fn a_secret_that_the_target_sends_back_is_masked() {
    let server = Server::start();
    let home = Home::new();
    let runbook = home.runbook(&format!(
        "[vars]\nTOKEN = {{ secret = true }}\n[[check]]\nid = 'echo'\n\
         http = {{ url = '{}/echo', headers = {{ authorization = 'Bearer ${{TOKEN}}' }} }}\n\
         expect = 'header x-echo == \"x\"'",
        server.url
    ));
    for style in ["--json", "--junit"] {
        let called = home.trusting(&[runbook, style], &[("TOKEN", "s3cret-token")]);
        assert!(called.out.contains("***"), "{}{}", called.out, called.err);
        assert!(!called.out.contains("s3cret-token"), "{}", called.out);
    }
}

#[test]
fn what_cannot_be_looked_at_is_refused_with_what_to_do() {
    let home = Home::new();
    let empty = home.runbook("");
    let called = home.trusting(&[empty], &[]).ends_with(2);
    assert!(
        called.err.contains("no check and no metric"),
        "{}",
        called.err
    );
    let called = home
        .check(&["twinmind", "--phase", "prelaunch"], &[])
        .ends_with(2);
    assert!(
        called.err.contains("did you mean `--phase pre-launch`?"),
        "{}",
        called.err
    );
    let called = home.check(&["twinmnid"], &[]).ends_with(2);
    assert!(
        called.err.contains("did you mean `twinmind`?"),
        "{}",
        called.err
    );
    let needs = home.runbook(
        "[vars]\nHOST = { label = 'Host' }\n[[check]]\nid = 'x'\ntcp = { host = '${HOST}', port = 1 }",
    );
    let called = home.trusting(&[needs], &[]).ends_with(2);
    assert!(called.err.contains("--var HOST="), "{}", called.err);
}

#[test]
fn watching_ends_when_all_is_well_and_when_the_time_is_over() {
    let home = Home::new();
    let runbook = home.runbook(
        "[[check]]\nid = 'there'\nfile = { path = 'sign' }\nexpect = 'exists'\nevery = '1s'",
    );
    let called = home
        .trusting(&[runbook, "--watch", "--for", "500ms"], &[])
        .ends_with(3);
    assert_eq!(called.outcomes(), ["FAIL"]);
    let mut watching = Watching::start(home.command(&[runbook, "--watch", "--trust"], &[]));
    assert_eq!(watching.first_message(), "waiting for there\n");
    fs::write(home.0.path().join("sign"), "").unwrap();
    let called = watching.end();
    assert_eq!(called.ends_with(0).outcomes(), ["OK"]);
}

/// A program that is still at it.
struct Watching {
    child: Child,
}

impl Watching {
    fn start(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self {
            child: command.spawn().unwrap(),
        }
    }

    fn first_message(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.child.stderr.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        line
    }

    fn end(self) -> Called {
        Called::from(self.child.wait_with_output().unwrap())
    }
}

#[test]
fn the_demo_brings_its_own_service() {
    let called = Home::new().check(&["demo", "--json"], &[]);
    let json = called.json();
    let checks = json["checks"].as_array().unwrap();
    let verdicts: BTreeMap<_, _> = checks
        .iter()
        .map(|check| {
            (
                check["id"].as_str().unwrap(),
                check["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(
        verdicts.values().all(|verdict| *verdict == "pass"),
        "{verdicts:?}"
    );
}
