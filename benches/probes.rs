//! A thousand checks a second: `cargo bench --bench probes`.
//!
//! A server on loopback, a process of its own, is looked at by the whole program with 1,000 checks every second, by
//! the prober alone, and by Prometheus' blackbox exporter, all in one run on one machine. What counts is the CPU time
//! per probe beside the exporter's, whether a check was starved, and whether the keys feel it. Nothing is asserted.

mod measured;
#[path = "../tests/terminal/mod.rs"]
mod terminal;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{self, State};
use axum::routing::get;
use measured::{cpu_seconds, key_latencies, left, peak_memory, percentile, row};
use terminal::Terminal;
use tminus::check::{Facts, HttpProbe, Probe};
use tminus::runtime::probe::Prober;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const CHECKS: usize = 1_000;
/// Each round of keys ends a step lower than it began.
const STEPS: usize = 1_000;
/// Each of the measured periods.
const PERIOD: Duration = Duration::from_secs(10);
/// So many probes in flight at most, for who can't keep up with the pace.
const IN_FLIGHT: usize = 64;
const SERVE: &str = "--serve";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    if std::env::args().any(|argument| argument == SERVE) {
        return runtime.block_on(serve());
    }
    let dir = tempfile::tempdir().expect("a scratch directory");
    println!("{CHECKS} checks a second against loopback, over {PERIOD:?}");
    let target = Target::start();
    runtime.block_on(async {
        measure_program(&target, dir.path()).await;
        measure_prober(&target).await;
        measure_exporter(&target, dir.path()).await;
    });
}

/// How often each check's page was asked for.
type Counts = Arc<Vec<AtomicU64>>;

/// Answers until it is killed: `/c/N` with `ok`, `/counts` with how often each of them was asked for.
async fn serve() {
    let counts: Counts = Arc::new((0..CHECKS).map(|_| AtomicU64::new(0)).collect());
    let routes = Router::new()
        .route("/c/{check}", get(count))
        .route("/counts", get(tell))
        .with_state(counts);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    axum::serve(listener, routes).await.expect("it serves");
}

async fn count(State(counts): State<Counts>, extract::Path(check): extract::Path<usize>) -> String {
    counts[check].fetch_add(1, Ordering::Relaxed);
    "ok".to_owned()
}

async fn tell(State(counts): State<Counts>) -> String {
    counts.iter().fold(String::new(), |mut text, count| {
        let _ = writeln!(text, "{}", count.load(Ordering::Relaxed));
        text
    })
}

/// A process that is ended with this.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is looked at: this program once more, so that its CPU time is nobody's but its own.
struct Target {
    address: SocketAddr,
    _process: Killed,
}

impl Target {
    fn start() -> Self {
        let own = std::env::current_exe().expect("a program has a path");
        let mut process = Command::new(own)
            .arg(SERVE)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts again");
        let told = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(told)
            .read_line(&mut line)
            .expect("it tells its address");
        Self {
            address: line.trim().parse().expect("an address"),
            _process: Killed(process),
        }
    }

    fn page(&self, check: usize) -> String {
        format!("http://{}/c/{check}", self.address)
    }

    async fn counts(&self) -> Vec<u64> {
        let url = format!("http://{}/counts", self.address);
        let answer = reqwest::get(url).await.expect("it answers");
        let text = answer.text().await.expect("it says how often");
        let number = |line: &str| line.parse().expect("a number");
        text.lines().map(number).collect()
    }
}

/// How often each page was asked for in a while, the rarest first.
struct Asked(Vec<u64>, Duration);

impl Asked {
    async fn during(target: &Target, work: impl Future<Output = ()>) -> Self {
        let (before, begin) = (target.counts().await, Instant::now());
        work.await;
        let after = target.counts().await;
        let mut more: Vec<u64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        more.sort_unstable();
        Self(more, begin.elapsed())
    }

    fn total(&self) -> f64 {
        self.0.iter().sum::<u64>() as f64
    }

    /// Who got less than its turns; one more or less is where the period begins and ends.
    fn starved(&self) -> usize {
        let turns = self.1.as_secs().saturating_sub(1);
        self.0.partition_point(|&asked| asked < turns)
    }

    fn print(&self, who: &str) {
        row(
            &format!("{who}: probes per second"),
            self.total() / self.1.as_secs_f64(),
            "",
        );
        row(&format!("{who}: checks starved"), self.starved() as f64, "");
    }
}

/// A runbook whose checks look at the target every second, with steps to move among.
fn runbook(target: &Target) -> String {
    let mut text = String::from(
        "format = 1\ntitle = \"Measured\"\ntarget = \"bench\"\n[roles]\nops = \"Operations\"\n",
    );
    for check in 0..CHECKS {
        let _ = write!(
            text,
            "[[check]]\nid = \"c{check}\"\ntitle = \"Check {check}\"\nhttp = {{ url = \"{}\" }}\n\
             expect = [\"status == 200\"]\nevery = \"1s\"\ntimeout = \"900ms\"\n",
            target.page(check)
        );
    }
    text.push_str("[[phase]]\ntitle = \"Launch\"\nstage = \"pre-launch\"\n[[phase.section]]\ntitle = \"Steps\"\nsteps = [\n");
    for step in 0..STEPS {
        let _ = writeln!(text, "  \"Step number {step} is done\",");
    }
    text.push_str("]\n");
    text
}

async fn measure_program(target: &Target, dir: &Path) {
    let file = dir.join("checks.toml");
    std::fs::write(&file, runbook(target)).expect("a scratch file");
    let file = file.to_string_lossy().into_owned();
    let mut terminal = Terminal::start(
        &["run", &file, "--in", "1h", "--trust"],
        (120, 40),
        &dir.join("state"),
    );
    let id = terminal.child.id().expect("it runs");
    terminal.wait_for("Step number 0 ").await;
    terminal.take_in_for(Duration::from_secs(3)).await;
    let cpu = cpu_seconds(id);
    let asked = Asked::during(target, terminal.take_in_for(PERIOD)).await;
    asked.print("tminus");
    per_probe(
        "tminus, screen and all",
        cpu_seconds(id) - cpu,
        asked.total(),
    );
    let mut times = Vec::new();
    let asked = Asked::during(target, async {
        let begin = Instant::now();
        while begin.elapsed() < PERIOD {
            times.extend(key_latencies(&mut terminal, 20).await.0);
        }
    })
    .await;
    asked.print("tminus under keys");
    row(
        "key to paint meanwhile, p50",
        percentile(&mut times, 0.5),
        "ms",
    );
    row(
        "key to paint meanwhile, p99",
        percentile(&mut times, 0.99),
        "ms",
    );
    row("peak memory", peak_memory(id), "MiB");
    left(terminal).await;
}

async fn measure_prober(target: &Target) {
    let probes: Arc<Vec<Probe>> = Arc::new((0..CHECKS).map(|check| probe(target, check)).collect());
    let prober = Arc::new(Prober::new(Path::new("."), BTreeMap::new()));
    let own = std::process::id();
    let cpu = cpu_seconds(own);
    let asked = Asked::during(
        target,
        paced(move |check| {
            let (prober, probes) = (Arc::clone(&prober), Arc::clone(&probes));
            async move {
                let seen = prober
                    .look(&probes[check], Duration::from_millis(900))
                    .await;
                matches!(seen.facts, Ok(Facts::Http { status: 200, .. }))
            }
        }),
    )
    .await;
    asked.print("prober");
    per_probe("prober alone", cpu_seconds(own) - cpu, asked.total());
}

fn probe(target: &Target, check: usize) -> Probe {
    Probe::Http(HttpProbe {
        url: target.page(check),
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: None,
        follow: false,
        burst: 1,
    })
}

async fn measure_exporter(target: &Target, dir: &Path) {
    let Some((process, address)) = exporter(dir).await else {
        println!("prometheus-blackbox-exporter isn't installed: nothing to compare with");
        return;
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let urls: Arc<Vec<String>> = Arc::new((0..CHECKS).map(|check| target.page(check)).collect());
    let id = process.0.id();
    let cpu = cpu_seconds(id);
    let asked = Asked::during(
        target,
        paced(move |check| {
            let (client, urls) = (client.clone(), Arc::clone(&urls));
            async move {
                let url = format!(
                    "http://{address}/probe?module=http_2xx&target={}",
                    urls[check]
                );
                let Ok(answer) = client.get(url).send().await else {
                    return false;
                };
                let page = answer.text().await.unwrap_or_default();
                page.contains("probe_success 1")
            }
        }),
    )
    .await;
    asked.print("blackbox exporter");
    per_probe("blackbox exporter", cpu_seconds(id) - cpu, asked.total());
}

/// The exporter, once it answers; `None` where it isn't installed.
async fn exporter(dir: &Path) -> Option<(Killed, SocketAddr)> {
    let config = dir.join("blackbox.yml");
    let mut file = std::fs::File::create(&config).expect("a scratch file");
    writeln!(file, "modules: {{ http_2xx: {{ prober: http }} }}").expect("it is written");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let address = free
        .and_then(|free| free.local_addr())
        .expect("a free port");
    let process = Command::new("prometheus-blackbox-exporter")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--web.listen-address={address}"))
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let process = Killed(process);
    let begin = Instant::now();
    while reqwest::get(format!("http://{address}/-/healthy"))
        .await
        .is_err()
    {
        assert!(begin.elapsed() < PERIOD, "the exporter doesn't answer");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some((process, address))
}

/// Probes all checks in turn, evenly over each second, for a period; slower when too many are in flight. A look tells
/// whether it saw that all is well.
async fn paced<F>(look: impl Fn(usize) -> F)
where
    F: Future<Output = bool> + Send + 'static,
{
    let amiss = Arc::new(AtomicU64::new(0));
    let flights = Arc::new(Semaphore::new(IN_FLIGHT));
    let begin = tokio::time::Instant::now();
    for turn in 0.. {
        let due = begin + Duration::from_secs(1).mul_f64(turn as f64 / CHECKS as f64);
        tokio::time::sleep_until(due).await;
        let flight = Arc::clone(&flights).acquire_owned().await;
        if begin.elapsed() >= PERIOD {
            break;
        }
        let look = look(turn % CHECKS);
        let amiss = Arc::clone(&amiss);
        tokio::spawn(async move {
            if !look.await {
                amiss.fetch_add(1, Ordering::Relaxed);
            }
            drop(flight);
        });
    }
    let all = u32::try_from(IN_FLIGHT).unwrap_or(u32::MAX);
    let _ = flights.acquire_many(all).await;
    let amiss = amiss.load(Ordering::Relaxed);
    if amiss > 0 {
        println!("{amiss} probes of a healthy server saw something else");
    }
}

fn per_probe(who: &str, cpu: f64, probes: f64) {
    row(
        &format!("{who}: CPU per probe"),
        cpu * 1_000.0 / probes,
        "ms",
    );
}
