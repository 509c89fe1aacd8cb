//! Checks and metrics against real servers from Debian's packages, through the prober and the judge.
//!
//! Each server runs on loopback in a folder of its own and is stopped with its test. One that isn't installed skips
//! its test, loudly, and fails it where `CI=true`.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and the lint knows only tests themselves"
)]

#[path = "servers/daemon.rs"]
mod daemon;
#[path = "servers/nginx.rs"]
mod nginx;
#[path = "servers/prometheus.rs"]
mod prometheus;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use rustix::process::geteuid;
use serde_json::json;
use tempfile::TempDir;
use tminus::check::{Expectation, HttpProbe, Judgement, Probe, Reason, Verdict, judge};
use tminus::runtime::probe::Prober;

use daemon::{Daemon, GLANCE, as_user, find, free_port};

/// How long a look may take here: generous, no verdict depends on it.
const LIMIT: Duration = Duration::from_secs(20);

async fn judged(probe: &Probe, expected: &[&str]) -> Judgement {
    let parse = |text: &&str| Expectation::parse(text, probe.kind()).unwrap();
    let expectations: Vec<Expectation> = expected.iter().map(parse).collect();
    let prober = Prober::new(Path::new("."), BTreeMap::new());
    judge(&expectations, &prober.look(probe, LIMIT).await)
}

/// Asserts the verdict on each set of expectations.
async fn verdicts(probe: &Probe, expected: &[(&[&str], Verdict)]) {
    for (expectations, verdict) in expected {
        let seen = judged(probe, expectations).await;
        assert_eq!(seen.verdict, *verdict, "{expectations:?}: {seen:?}");
    }
}

fn get(url: String) -> HttpProbe {
    HttpProbe {
        url,
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: None,
        follow: false,
        burst: 1,
    }
}

fn command(run: String) -> Probe {
    Probe::Command { run }
}

fn web() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn redis_answers_a_ping_and_one_with_a_password_says_so() {
    let Some(redis) = find("redis-server") else {
        return;
    };
    let port = free_port().await.to_string();
    let number = port.parse().unwrap();
    let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", ""];
    let ping = Probe::Tcp {
        host: "127.0.0.1".to_owned(),
        port: port.clone(),
        send: Some("PING\r\n".to_owned()),
    };
    {
        let folder = TempDir::new().unwrap();
        let _open = Daemon::start(&redis, &arguments, folder, None, number).await;
        verdicts(
            &ping,
            &[
                (&["connects"], Verdict::Pass),
                (&["banner contains \"+PONG\""], Verdict::Pass),
                (&["refused"], Verdict::Fail),
            ],
        )
        .await;
        let client = command(format!("redis-cli -p {port} ping"));
        verdicts(&client, &[(&["stdout == \"PONG\""], Verdict::Pass)]).await;
    }
    verdicts(
        &ping,
        &[
            (&["banner contains \"+PONG\""], Verdict::Fail),
            (&["refused"], Verdict::Pass),
        ],
    )
    .await;
    let secured = [arguments.as_slice(), &["--requirepass", "x"]].concat();
    let _secured = Daemon::start(&redis, &secured, TempDir::new().unwrap(), None, number).await;
    verdicts(
        &ping,
        &[
            (&["banner contains \"+PONG\""], Verdict::Fail),
            (&["banner contains \"NOAUTH\""], Verdict::Pass),
        ],
    )
    .await;
}

/// PostgreSQL refuses to run as root, so the tests of a root run it as the user that its package made.
fn database_user() -> Option<&'static str> {
    geteuid().is_root().then_some("postgres")
}

/// A new, empty cluster.
fn cluster(initdb: &Path) -> TempDir {
    let folder = TempDir::new().unwrap();
    if let Some(user) = database_user() {
        let id = |flag| {
            let output = std::process::Command::new("id").args([flag, user]).output();
            let output = String::from_utf8(output.unwrap().stdout).unwrap();
            output.trim().parse().unwrap()
        };
        chown(folder.path(), Some(id("-u")), Some(id("-g"))).unwrap();
    }
    let made = as_user(database_user())
        .arg(initdb)
        .args(["-D", "data", "-A", "trust", "-U", "ops", "--no-sync"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    folder
}

#[tokio::test]
async fn postgresql_is_asked_by_psql_and_its_port_by_tcp() {
    let (Some(initdb), Some(postgres), Some(_)) = (find("initdb"), find("postgres"), find("psql"))
    else {
        return;
    };
    let port = free_port().await;
    let socket = Probe::Tcp {
        host: "127.0.0.1".to_owned(),
        port: port.to_string(),
        send: None,
    };
    let ask = |sql: &str| {
        command(format!(
            "psql -h 127.0.0.1 -p {port} -U ops -d postgres -Atc \"{sql}\""
        ))
    };
    {
        let folder = cluster(&initdb);
        let sockets = folder.path().to_str().unwrap().to_owned();
        let text = port.to_string();
        let arguments = [
            "-D",
            "data",
            "-h",
            "127.0.0.1",
            "-p",
            &text,
            "-k",
            &sockets,
            "-F",
        ];
        let _open = Daemon::start(&postgres, &arguments, folder, database_user(), port).await;
        // It listens before it lets anybody in.
        while judged(&ask("SELECT 1"), &["exit == 0"]).await.verdict != Verdict::Pass {
            tokio::time::sleep(GLANCE).await;
        }
        verdicts(&socket, &[(&["connects"], Verdict::Pass)]).await;
        verdicts(
            &ask("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"),
            &[
                (&["stdout == \"0\""], Verdict::Pass),
                (&["stdout == \"1\""], Verdict::Fail),
            ],
        )
        .await;
        verdicts(
            &ask("SELECT json_build_object('lag', 3)"),
            &[
                (&["json .lag < 10"], Verdict::Pass),
                (&["json .lag < 2"], Verdict::Fail),
            ],
        )
        .await;
        verdicts(
            &ask("SELECT no_such_column"),
            &[
                (&["stdout == \"\""], Verdict::Fail),
                (
                    &["stderr contains \"no_such_column\"", "exit == 1"],
                    Verdict::Pass,
                ),
            ],
        )
        .await;
    }
    verdicts(&socket, &[(&["refused"], Verdict::Pass)]).await;
    verdicts(&ask("SELECT 1"), &[(&["exit == 0"], Verdict::Fail)]).await;
}

/// A DNS server that knows the zone `kestrel.test`, its API at an address that ends in `last`.
async fn name_server(dnsmasq: &Path, last: u8) -> (Daemon, String) {
    let port = free_port().await;
    let zone = [
        format!("--port={port}"),
        format!("--host-record=api.kestrel.test,203.0.113.{last},2001:db8::7"),
        "--host-record=same.kestrel.test,203.0.113.1".to_owned(),
        "--cname=www.kestrel.test,api.kestrel.test".to_owned(),
        "--mx-host=kestrel.test,mail.kestrel.test,10".to_owned(),
        "--txt-record=kestrel.test,v=spf1 include:mail.test -all".to_owned(),
        "--srv-host=_sip._tcp.kestrel.test,sip.kestrel.test,5060,0,5".to_owned(),
        "--local=/kestrel.test/".to_owned(),
    ];
    let mut arguments = vec![
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--no-resolv",
        "--no-hosts",
    ];
    if geteuid().is_root() {
        arguments.push("--user=root");
    }
    arguments.extend(zone.iter().map(String::as_str));
    let folder = TempDir::new().unwrap();
    let server = Daemon::start(dnsmasq, &arguments, folder, None, port).await;
    (server, format!("127.0.0.1:{port}"))
}

fn dns(name: &str, record: &str, resolvers: &[&str]) -> Probe {
    Probe::Dns {
        name: name.to_owned(),
        record: record.to_owned(),
        resolvers: resolvers.iter().map(ToString::to_string).collect(),
    }
}

#[tokio::test]
async fn a_dns_server_is_asked_for_every_kind_of_record() {
    let Some(dnsmasq) = find("dnsmasq") else {
        return;
    };
    let (_server, address) = name_server(&dnsmasq, 7).await;
    for (name, record, expected) in [
        ("api.kestrel.test", "A", "resolves to 203.0.113.7"),
        ("api.kestrel.test", "AAAA", "resolves to 2001:db8::7"),
        ("www.kestrel.test", "A", "resolves to 203.0.113.7"),
        ("www.kestrel.test", "CNAME", "resolves to api.kestrel.test"),
        ("kestrel.test", "MX", "resolves to '10 mail.kestrel.test'"),
        (
            "kestrel.test",
            "TXT",
            "resolves to 'v=spf1 include:mail.test -all'",
        ),
        (
            "_sip._tcp.kestrel.test",
            "SRV",
            "resolves to '0 5 5060 sip.kestrel.test'",
        ),
    ] {
        let probe = dns(name, record, &[&address]);
        verdicts(
            &probe,
            &[
                (&[expected], Verdict::Pass),
                (&["resolves to 198.51.100.9"], Verdict::Fail),
            ],
        )
        .await;
    }
    let missing = dns("gone.kestrel.test", "A", &[&address]);
    verdicts(&missing, &[(&["resolves"], Verdict::Fail)]).await;
    // It forwards nothing, so it refuses to speak of other zones.
    let elsewhere = dns("elsewhere.test", "A", &[&address]);
    verdicts(
        &elsewhere,
        &[(&["resolves"], Verdict::Unknown(Reason::Dns))],
    )
    .await;
}

#[tokio::test]
async fn a_cutover_is_over_when_every_resolver_says_so() {
    let Some(dnsmasq) = find("dnsmasq") else {
        return;
    };
    let (_moved, moved) = name_server(&dnsmasq, 7).await;
    let (_behind, behind) = name_server(&dnsmasq, 6).await;
    let new: &[&str] = &["resolves to 203.0.113.7"];
    let both = dns("api.kestrel.test", "A", &[&moved, &behind]);
    verdicts(
        &both,
        &[(new, Verdict::Fail), (&["resolves"], Verdict::Fail)],
    )
    .await;
    let agreed = dns("same.kestrel.test", "A", &[&moved, &behind]);
    verdicts(&agreed, &[(&["resolves"], Verdict::Pass)]).await;
    let one = dns("api.kestrel.test", "A", &[&moved]);
    verdicts(&one, &[(new, Verdict::Pass)]).await;
}

#[tokio::test]
async fn alertmanager_tells_what_is_firing() {
    let Some(alertmanager) = find("prometheus-alertmanager") else {
        return;
    };
    let port = free_port().await;
    let folder = TempDir::new().unwrap();
    let config = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";
    fs::write(folder.path().join("alertmanager.yml"), config).unwrap();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let arguments = [
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        "--cluster.listen-address=",
        &listen,
    ];
    let _running = Daemon::start(&alertmanager, &arguments, folder, None, port).await;
    let url = format!("http://127.0.0.1:{port}");
    let alerts = |matching: &[&str]| Probe::Alerts {
        url: url.clone(),
        matching: matching.iter().map(ToString::to_string).collect(),
    };
    let post = async |path: &str, body: serde_json::Value| {
        let answer = web().post(format!("{url}/api/v2/{path}")).json(&body);
        assert!(answer.send().await.unwrap().status().is_success());
    };
    verdicts(&alerts(&[]), &[(&["none firing"], Verdict::Pass)]).await;
    let labels = |name: &str, team: &str| json!({ "alertname": name, "team": team });
    post(
        "alerts",
        json!([
            { "labels": labels("LaunchTest", "ops") },
            { "labels": labels("DiskFull", "db") },
        ]),
    )
    .await;
    while judged(&alerts(&[]), &["firing \"DiskFull\""]).await.verdict != Verdict::Pass {
        tokio::time::sleep(GLANCE).await;
    }
    verdicts(
        &alerts(&[]),
        &[
            (&["none firing"], Verdict::Fail),
            (&["firing \"LaunchTest\""], Verdict::Pass),
        ],
    )
    .await;
    verdicts(
        &alerts(&["team=\"ops\"", "alertname=~\"Launch.*\""]),
        &[
            (&["firing \"LaunchTest\""], Verdict::Pass),
            (&["firing \"DiskFull\""], Verdict::Fail),
        ],
    )
    .await;
    let now = jiff::Timestamp::now();
    let matcher = json!({ "name": "team", "value": "db", "isRegex": false, "isEqual": true });
    post(
        "silences",
        json!({
            "matchers": [matcher],
            "startsAt": now,
            "endsAt": now + Duration::from_secs(3600),
            "createdBy": "ops",
            "comment": "planned",
        }),
    )
    .await;
    let silenced = alerts(&["team=\"db\""]);
    while judged(&silenced, &["none firing"]).await.verdict != Verdict::Pass {
        tokio::time::sleep(GLANCE).await;
    }
    let mistaken = alerts(&["no matcher at all"]);
    verdicts(
        &mistaken,
        &[(&["none firing"], Verdict::Unknown(Reason::NoData))],
    )
    .await;
}
