//! What the source checklists look at, measure and run, and where the bundled runbooks hold it.
//!
//! [`HELD`] is a table in docs/sources.md; each of its rows is looked up in its runbook, and, where the sources stand
//! beside the repository, the words in its source. `UPDATE_DOCS=1 cargo test --test carried_over` writes it anew.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, and the lint knows only tests themselves"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// What is held, the source it comes from with its words there, and its place: a kind of table and an id or title.
/// The last is a key of that table and what has to stand in its value.
struct Held {
    what: &'static str,
    source: &'static str,
    words: &'static str,
    kind: &'static str,
    name: &'static str,
    key: &'static str,
    value: &'static str,
}

const fn held(
    what: &'static str,
    (source, words): (&'static str, &'static str),
    (kind, name): (&'static str, &'static str),
    (key, value): (&'static str, &'static str),
) -> Held {
    Held {
        what,
        source,
        words,
        kind,
        name,
        key,
        value,
    }
}

#[rustfmt::skip]
const HELD: &[Held] = &[
    held("a variable equals", ("000", "\"$NODE_ENV\" = \"production\""), ("check", "node-env"), ("expect", "== \"production\"")),
    held("a variable is there", ("000", "TWINMIND_API_KEY not set"), ("check", "api-key"), ("expect", "set")),
    held("a key is long enough", ("000", "-ge 64"), ("check", "encryption-key"), ("expect", "length >= 64")),
    held("a key is long enough", ("001", "32+ characters"), ("check", "jwt-secret"), ("expect", "length >= 32")),
    held("a key is no placeholder", ("002", "not placeholders"), ("check", "env-notion-key"), ("expect", "matches /^(secret_|ntn_)")),
    held("no placeholder in a file", ("001", "All placeholder values replaced"), ("step", "No placeholder is left"), ("run", "changeme")),
    held("an origin is not `*`", ("002", "not `*`"), ("check", "env-origins"), ("expect", "!= \"*\"")),
    held("debug is off", ("001", "DEBUG=false"), ("check", "debug-off"), ("expect", "^DEBUG=false")),
    held("a bearer request gets 200", ("000", "Authorization: Bearer"), ("check", "api-health"), ("expect", "status == 200")),
    held("health, ready, docs", ("001", "/ready"), ("check", "api-ready"), ("expect", "status == 200")),
    held("the poller runs", ("002", ".poller_running"), ("check", "poller"), ("expect", "json .poller_running == true")),
    held("TLS 1.2 or newer", ("003", "TLS 1.2+ enforced"), ("check", "tls"), ("expect", "version >= 1.2")),
    held("TLS 1.3", ("000", "TLS 1.3 enforced"), ("check", "tls"), ("expect", "version >= 1.3")),
    held("a certificate isn't near its end", ("001", "Certificate expiration monitoring"), ("check", "tls"), ("expect", "expires_in > 21d")),
    held("HTTP redirects to HTTPS", ("003", "HTTP to HTTPS redirect"), ("check", "https-redirect"), ("expect", "header location matches /^https:/")),
    held("HSTS", ("003", "HSTS"), ("check", "security-headers"), ("expect", "header strict-transport-security exists")),
    held("CSP", ("003", "CSP"), ("check", "security-headers"), ("expect", "header content-security-policy exists")),
    held("X-Frame-Options", ("003", "X-Frame-Options"), ("check", "security-headers"), ("expect", "header x-frame-options exists")),
    held("CORS is not `*`", ("003", "CORS properly configured"), ("check", "cors"), ("expect", "header access-control-allow-origin != \"*\"")),
    held("the rate limit answers 429", ("003", "Rate limiting enabled on auth endpoints"), ("check", "rate-limited"), ("expect", "status == 429")),
    held("DNS after the cutover", ("004", "DNS cutover"), ("check", "dns"), ("expect", "resolves to ${NEW_ADDRESS}")),
    held("the database port is closed", ("003", "Database not accessible from internet"), ("check", "db-closed"), ("expect", "refused")),
    held("PostgreSQL answers", ("004", "RDS PostgreSQL instance"), ("check", "postgres"), ("expect", "connects")),
    held("Redis answers", ("004", "ping"), ("check", "redis"), ("expect", "PONG")),
    held("Redis demands a password", ("001", "Redis password configured"), ("check", "redis-password"), ("expect", "NOAUTH")),
    held("a metric of our own exists", ("000", "twinmind_transcriptions_total"), ("check", "metric-transcriptions"), ("expect", "twinmind_transcriptions_total")),
    held("a metric of our own exists", ("004", "Custom metrics implemented"), ("check", "custom-metrics"), ("expect", "candlefish_requests_total")),
    held("alert rules are loaded", ("003", "Queue backlog (> 1000 jobs)"), ("check", "alert-rules"), ("expect", "LinkFlowQueueBacklog")),
    held("a test alert is sent", ("001", "Test alert sent and received"), ("step", "Test alert is sent"), ("run", "/api/v2/alerts")),
    held("a test alert is received", ("001", "Test alert sent and received"), ("step", "Test alert is received"), ("record", "< 300")),
    held("p95 below 500 ms", ("001", "Response time < 500ms for 95th percentile"), ("metric", "p95"), ("fail", ">= 500")),
    held("p95 below 2 s", ("002", "Response time (p95) < 2 seconds"), ("metric", "p95"), ("fail", ">= 2")),
    held("p95 above 5 s", ("000", "P95 latency > 5s"), ("metric", "p95"), ("fail", "> 5")),
    held("errors below 0.1 %", ("001", "Error rate < 0.1%"), ("metric", "error-rate"), ("fail", ">= 0.1")),
    held("errors below 1 %", ("002", "Error rate < 1%"), ("metric", "error-rate"), ("fail", ">= 1")),
    held("errors above 5 %", ("000", "Error rate > 5%"), ("metric", "error-rate"), ("fail", "> 5")),
    held("CPU below 70 %", ("001", "CPU usage normal (<70%)"), ("metric", "cpu"), ("fail", ">= 70")),
    held("CPU below 80 %", ("002", "CPU usage < 80%"), ("metric", "cpu"), ("fail", ">= 80")),
    held("memory below 80 %", ("001", "Memory usage normal (<80%)"), ("metric", "memory"), ("fail", ">= 80")),
    held("disk below 80 %", ("002", "Disk usage < 80%"), ("metric", "disk"), ("fail", ">= 80")),
    held("APIs succeed above 95 %", ("002", "Notion API success rate > 95%"), ("metric", "notion-success"), ("fail", "<= 95")),
    held("uptime above 99.9 %", ("002", "Uptime > 99.9%"), ("metric", "uptime"), ("fail", "<= 99.9")),
    held("a queue above 1000", ("003", "> 1000 jobs"), ("metric", "queue-depth"), ("fail", "> 1000")),
    held("a queue wait below 30 s", ("003", "Queue wait time < 30s"), ("metric", "queue-wait"), ("fail", "> 30")),
    held("autoscaling at 70 %", ("003", "HPA based on CPU (70%)"), ("step", "API autoscales on CPU at 70 % (HPA)"), ("run", "= 70")),
    held("3 of 3 pods", ("001", "3/3 minimum"), ("metric", "pods"), ("fail", "< 3")),
    held("no gaps in collection", ("001", "No gaps in metric collection"), ("metric", "coverage"), ("warn", "< 100")),
    held("stable for 30 minutes", ("002", "Monitor for 30 minutes"), ("step", "Watched for 30 minutes"), ("soak", "30m")),
    held("healthy for 24 hours", ("001", "All services healthy for 24 hours"), ("step", "Every service was healthy for 24 hours"), ("soak", "24h")),
    held("50 % worse than before", ("001", "Performance degradation >50%"), ("metric", "p95-degradation"), ("fail", "> 1.5 * baseline")),
    held("50 % worse than before", ("002", "Performance degradation > 50%"), ("trigger", "degradation"), ("when", "metric p95-degradation fails")),
    held("unresolved after 30 minutes", ("002", "Unable to resolve issue within 30 minutes"), ("trigger", "unresolved"), ("when", "unresolved for 30m")),
    held("a rollback within 5 minutes", ("000", "Immediate Rollback (< 5 minutes)"), ("rollback", "immediate"), ("within", "5m")),
    held("a rollback within 5 minutes", ("002", "Time to rollback:** < 5 minutes"), ("rollback", "redeploy"), ("within", "5m")),
    held("RTO below 1 hour", ("003", "RTO documented (< 1 hour)"), ("step", "RTO is documented: below 1 hour"), ("record", "< 60")),
    held("RPO below 5 minutes", ("003", "RPO documented (< 5 minutes)"), ("step", "RPO is documented: below 5 minutes"), ("record", "< 5")),
];

/// Commands of the sources, and what stands for them in the runbook's.
const COMMANDS: &[(&str, &str, &str)] = &[
    (
        "001",
        "scripts/setup_aws_secrets.sh",
        "./scripts/setup_aws_secrets.sh",
    ),
    (
        "001",
        "python scripts/validate_external_services.py --all",
        "python scripts/validate_external_services.py --all",
    ),
    (
        "001",
        "python scripts/run_performance_baseline.py",
        "python scripts/run_performance_baseline.py",
    ),
    (
        "001",
        "deploy-docker-compose.sh production",
        "./deployment/scripts/deploy-docker-compose.sh \"$ENVIRONMENT\"",
    ),
    (
        "001",
        "deploy-kubernetes.sh production halcytone",
        "./deployment/scripts/deploy-kubernetes.sh \"$ENVIRONMENT\" \"$NAMESPACE\"",
    ),
    (
        "001",
        "docker-compose.prod.yml down",
        "docker-compose -f docker-compose.prod.yml down",
    ),
    (
        "001",
        "git checkout <previous-tag>",
        "git checkout \"$PREVIOUS_TAG\"",
    ),
    (
        "001",
        "docker-compose.prod.yml build",
        "docker-compose -f docker-compose.prod.yml build",
    ),
    (
        "001",
        "docker-compose.prod.yml up -d",
        "docker-compose -f docker-compose.prod.yml up -d",
    ),
    (
        "001",
        "rollout undo deployment/content-generator",
        "rollout undo deployment/content-generator -n \"$NAMESPACE\"",
    ),
    (
        "001",
        "rollout status deployment/content-generator",
        "rollout status deployment/content-generator -n \"$NAMESPACE\"",
    ),
    (
        "001",
        "-l app=content-generator",
        "get pods -n \"$NAMESPACE\" -l app=content-generator",
    ),
    (
        "001",
        "curl https://api.halcytone.com/health",
        "curl -fsS \"$API_URL/health\"",
    ),
    (
        "002",
        "python scripts/validate-env.py",
        "python scripts/validate-env.py",
    ),
    (
        "002",
        "bash scripts/pre-deploy-check.sh",
        "bash scripts/pre-deploy-check.sh",
    ),
    (
        "002",
        "python scripts/test-connections.py",
        "python scripts/test-connections.py",
    ),
    (
        "002",
        "docker build -t executive-mind-matrix .",
        "docker build -t executive-mind-matrix .",
    ),
    (
        "002",
        "uvicorn main:app --host 0.0.0.0 --port 8000",
        "uvicorn main:app --host 0.0.0.0 --port 8000",
    ),
    (
        "002",
        "curl http://localhost:8000/health",
        "curl -fsS http://localhost:8000/health",
    ),
    (
        "002",
        "python scripts/smoke-test.py",
        "python scripts/smoke-test.py \"$APP_URL\"",
    ),
    ("002", "jq .poller_running", "jq .poller_running"),
    ("004", "terraform init", "terraform init"),
    (
        "004",
        "terraform workspace new production",
        "terraform workspace new \"$WORKSPACE\"",
    ),
    ("004", "./create-ecr-repos.sh", "./create-ecr-repos.sh"),
    (
        "004",
        "npm run migrate:production",
        "npm run migrate:production",
    ),
    (
        "004",
        "kubectl get pods -n candlefish-prod",
        "get pods -n \"$NAMESPACE\"",
    ),
    (
        "004",
        "kubectl get svc -n candlefish-prod",
        "get svc -n \"$NAMESPACE\"",
    ),
    (
        "004",
        "deployment/graphql-api",
        "logs -n \"$NAMESPACE\" deployment/graphql-api",
    ),
    (
        "004",
        "deployment/websocket-service",
        "logs -n \"$NAMESPACE\" deployment/websocket-service",
    ),
    (
        "004",
        "psql -h",
        "psql -h \"$DB_HOST\" -U \"$DB_USER\" -d \"$DB_NAME\"",
    ),
    ("004", "redis-cli -h", "redis-cli -h \"$REDIS_HOST\" ping"),
    (
        "004",
        "tests/load/collaboration.js",
        "k6 run \"$SOURCE_DIR/tests/load/collaboration.js\"",
    ),
    (
        "004",
        "npm run test:websocket:load",
        "npm run test:websocket:load",
    ),
];

const RUNBOOKS: [(&str, &str); 5] = [
    ("000", "twinmind"),
    ("001", "toombos"),
    ("002", "mind-matrix"),
    ("003", "linkflow"),
    ("004", "candlefish"),
];

const BEGIN: &str = "<!-- table: made by tests/carried_over.rs -->\n";
const END: &str = "<!-- end of what is held -->\n";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn name_of(source: &str) -> &'static str {
    let found = RUNBOOKS.iter().find(|(number, _)| *number == source);
    found.unwrap().1
}

fn runbook(name: &str) -> Table {
    let path = repository().join(format!("runbooks/{name}.toml"));
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Every table of a kind: those of the top level, or with `step` all that stand in a list of steps.
fn tables<'t>(root: &'t Table, kind: &str) -> Vec<&'t Table> {
    let mut found = Vec::new();
    if kind == "step" {
        steps(root, &mut found);
    } else if let Some(list) = root.get(kind).and_then(Value::as_array) {
        found.extend(list.iter().filter_map(Value::as_table));
    }
    found
}

fn steps<'t>(table: &'t Table, found: &mut Vec<&'t Table>) {
    for (key, value) in table {
        for inner in value.as_array().into_iter().flatten() {
            if let Some(inner) = inner.as_table() {
                found.extend((key == "steps").then_some(inner));
                steps(inner, found);
            }
        }
    }
}

/// All words in a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Table(table) => table.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn table() -> String {
    let mut table =
        "| what | source | runbook | where | how it is written |\n|---|---|---|---|---|\n"
            .to_owned();
    for held in HELD {
        let name = name_of(held.source);
        writeln!(
            table,
            "| {} | {} | `{name}` | {} `{}` | `{}`: `{}` |",
            held.what,
            held.source,
            held.kind,
            held.name,
            held.key,
            held.value.replace('|', "\\|")
        )
        .unwrap();
    }
    table
}

#[test]
fn what_the_sources_look_at_is_where_the_table_says() {
    for held in HELD {
        let name = name_of(held.source);
        let root = runbook(name);
        let called = |table: &&&Table| {
            ["id", "title"]
                .iter()
                .any(|key| table.get(*key).and_then(Value::as_str) == Some(held.name))
        };
        let found = tables(&root, held.kind);
        let found = found.iter().find(called);
        let value = found.and_then(|table| table.get(held.key));
        let value = value.unwrap_or_else(|| panic!("{name}: no {} {}", held.kind, held.name));
        let exact = held.kind == "metric" || held.key == "expect" && held.value == "set";
        let holds = |text: &str| {
            if exact {
                text == held.value
            } else {
                text.contains(held.value)
            }
        };
        assert!(
            texts(value).into_iter().any(holds),
            "{name}: {} {} has no {} {}",
            held.kind,
            held.name,
            held.key,
            held.value
        );
    }
}

#[test]
fn commands_of_the_sources_are_those_of_the_runbooks() {
    for (source, _, command) in COMMANDS {
        let root = runbook(name_of(source));
        let mut holders = tables(&root, "step");
        holders.extend(tables(&root, "command"));
        let mut runs = holders
            .iter()
            .filter_map(|table| table.get("run").and_then(Value::as_str));
        assert!(runs.any(|run| run.contains(command)), "{source}: {command}");
    }
}

#[test]
fn the_documentation_says_where_everything_is_looked_at() {
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

/// The sources stand beside the repository and aren't part of it.
fn folder() -> Option<PathBuf> {
    let folders = ["../shared/seeds", "../../shared/seeds"];
    let mut folders = folders.iter().map(|folder| repository().join(folder));
    folders.find(|folder| folder.is_dir())
}

#[test]
fn the_words_and_commands_are_those_of_the_sources() {
    let Some(folder) = folder() else {
        println!("the source checklists aren't here: nothing compared");
        return;
    };
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let words = HELD.iter().map(|held| (held.source, held.words));
    let commands = COMMANDS.iter().map(|(source, words, _)| (*source, *words));
    for (source, words) in words.chain(commands) {
        let named = |path: &&PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(source)
        };
        let text = fs::read_to_string(files.iter().find(named).unwrap()).unwrap();
        assert!(text.contains(words), "{source}: {words}");
    }
}
