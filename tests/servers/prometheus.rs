//! Prometheus: what it answers to queries, and whether our own arithmetic agrees with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tminus::check::scrape::histogram_quantile;
use tminus::check::{
    Blind, Formula, MetricSource, Now, Reason, Scrape, ScrapeState, prometheus::decode,
};
use tminus::runtime::demo::DemoService;
use tminus::runtime::probe::Prober;
use tokio::net::TcpListener;

use crate::daemon::{Daemon, GLANCE, find, free_port};
use crate::{LIMIT, web};

/// A Prometheus that scrapes one target five times a second.
struct Prometheus {
    _daemon: Daemon,
    url: String,
}

impl Prometheus {
    async fn start(target: &str) -> Option<Self> {
        let program = find("prometheus")?;
        let folder = TempDir::new().unwrap();
        let config = format!(
            "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\n\
             scrape_configs: [{{ job_name: target, static_configs: [{{ targets: ['{target}'] }}] }}]\n"
        );
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let port = free_port().await;
        let listen = format!("--web.listen-address=127.0.0.1:{port}");
        let arguments = [
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            &listen,
        ];
        let daemon = Daemon::start(&program, &arguments, folder, None, port).await;
        Some(Self {
            _daemon: daemon,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    /// Asks as a metric does.
    async fn ask(&self, query: &str) -> Result<f64, Blind> {
        let source = MetricSource::Prometheus {
            url: self.url.clone(),
            query: query.to_owned(),
        };
        let prober = Prober::new(Path::new("."), BTreeMap::new());
        decode(&prober.fetch(&source, LIMIT).await?.text)
    }

    /// Asks until there is a number: the first scrape comes seconds after the server is ready.
    async fn wait_for(&self, query: &str) -> f64 {
        loop {
            match self.ask(query).await {
                Ok(value) => return value,
                Err(_) => tokio::time::sleep(GLANCE).await,
            }
        }
    }

    /// The values of the first series in an answer as of `time`, each with its time in seconds.
    async fn samples(&self, query: &str, time: f64) -> Vec<(f64, f64)> {
        let url = format!("{}/api/v1/query", self.url);
        let asked = web()
            .get(url)
            .query(&[("query", query), ("time", &time.to_string())]);
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        let series = &answer["data"]["result"][0];
        let one = || std::slice::from_ref(&series["value"]);
        let values = series["values"].as_array().map_or_else(one, Vec::as_slice);
        let number = |value: &Value| value.as_str().unwrap().parse().unwrap();
        values
            .iter()
            .map(|pair| (pair[0].as_f64().unwrap(), number(&pair[1])))
            .collect()
    }
}

fn reason(answer: Result<f64, Blind>) -> Option<Reason> {
    answer.err().map(|blind| blind.reason)
}

#[tokio::test]
async fn prometheus_is_asked_about_the_demo_service() {
    let demo = DemoService::start().await.unwrap();
    let Some(prometheus) = Prometheus::start(&demo.address().to_string()).await else {
        return;
    };
    let healthy = prometheus.wait_for("sum(up{job=\"target\"})").await;
    assert_eq!(healthy, 1.0);
    let version = prometheus
        .wait_for("app_version_info{version=\"v2.40.3\"}")
        .await;
    assert_eq!(version, 1.0);
    let quantile = "histogram_quantile(0.95, sum by (le) (http_request_duration_seconds_bucket))";
    let seconds = prometheus.wait_for(quantile).await;
    assert!((0.0..5.0).contains(&seconds), "{seconds}");
    let rate = "sum(rate(http_requests_total[2s]))";
    assert!(prometheus.wait_for(rate).await >= 0.0);
    for (query, expected) in [
        ("no_such_metric", Reason::NoData),
        ("sum(up) / 0 * 0", Reason::Nan),
        ("http_request_duration_seconds_bucket", Reason::Parse),
        ("sum(", Reason::Parse),
    ] {
        assert_eq!(
            reason(prometheus.ask(query).await),
            Some(expected),
            "{query}"
        );
    }
    drop(demo);
    while prometheus.ask("sum(up)").await != Ok(0.0) {
        tokio::time::sleep(GLANCE).await;
    }
}

#[tokio::test]
async fn the_first_picture_is_what_prometheus_remembers() {
    let target = serve(|scrape| format!("jobs_total {scrape}\n")).await;
    let Some(prometheus) = Prometheus::start(&target).await else {
        return;
    };
    let first = prometheus.wait_for("jobs_total").await;
    prometheus
        .wait_for("jobs_total - 10 > 0 and count_over_time(jobs_total[1m]) > 10")
        .await;
    let prober = Prober::new(Path::new("."), BTreeMap::new());
    let (minute, step) = (Duration::from_secs(60), Duration::from_secs(1));
    let look_back = async |query: &str| {
        let source = MetricSource::Prometheus {
            url: prometheus.url.clone(),
            query: query.to_owned(),
        };
        prober.look_back(&source, minute, step, LIMIT).await
    };
    let past = look_back("jobs_total").await.unwrap();
    let values: Vec<f64> = past.iter().filter_map(|sample| sample.value).collect();
    assert!(values.len() >= 2 && values.is_sorted(), "{values:?}");
    assert!(values[0] >= first - 1.0, "{values:?}");
    assert!(past.is_sorted_by(|a, b| a.ago > b.ago), "oldest first");
    assert!(past.iter().all(|sample| sample.ago <= minute));
    assert_eq!(look_back("no_such_metric").await, Ok(Vec::new()));
    let several = look_back("{__name__=~\"jobs_total|up\"}").await;
    assert_eq!(several.map_err(|blind| blind.reason), Err(Reason::Parse));
}

/// A server of one page, and how often it was asked for it.
async fn serve(page: impl Fn(u64) -> String + Clone + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let scrapes = Arc::new(AtomicU64::new(0));
    let answer = get(move || async move { page(scrapes.fetch_add(1, Ordering::Relaxed)) });
    let routes = Router::new().route("/metrics", answer);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// Histograms with a name, their bounds and their cumulative counts, and awkward ones among them.
const HISTOGRAMS: [(&str, &[(&str, f64)]); 6] = [
    (
        "plain",
        &[
            ("0.05", 240.0),
            ("0.1", 700.0),
            ("0.25", 951.0),
            ("0.5", 990.0),
            ("+Inf", 1000.0),
        ],
    ),
    (
        "uneven",
        &[("0.003", 1.0), ("0.7", 3.0), ("11", 10.0), ("+Inf", 11.0)],
    ),
    ("above", &[("0.1", 2.0), ("1", 5.0), ("+Inf", 500.0)]),
    (
        "unordered",
        &[("0.1", 20.0), ("0.2", 18.0), ("0.4", 30.0), ("+Inf", 31.0)],
    ),
    (
        "negative",
        &[("-2", 4.0), ("0", 9.0), ("3", 12.0), ("+Inf", 12.0)],
    ),
    ("empty", &[("0.1", 0.0), ("+Inf", 0.0)]),
];

fn histogram_page(grown: bool) -> String {
    let mut page = String::new();
    for (name, buckets) in HISTOGRAMS {
        page += &format!("# TYPE {name} histogram\n");
        for (bound, count) in buckets {
            let count = if grown { *count } else { 0.0 };
            page += &format!("{name}_bucket{{le=\"{bound}\"}} {count}\n");
        }
    }
    page
}

/// What our own arithmetic makes of a histogram that grew from nothing to the page.
fn scraped(quantile: f64, name: &str) -> Result<f64, Blind> {
    let mut state = ScrapeState::new(
        &Scrape {
            url: String::new(),
            formula: Formula::Quantile {
                quantile,
                of: name.to_owned(),
            },
            scale: 1.0,
            window: Duration::from_secs(60),
        },
        None,
    );
    let _ = state.observe(at(0.0), &histogram_page(false));
    state.observe(at(10.0), &histogram_page(true))
}

fn at(seconds: f64) -> Now {
    Now {
        wall: Timestamp::UNIX_EPOCH,
        monotonic: Duration::from_secs_f64(seconds),
    }
}

#[tokio::test]
async fn quantiles_agree_with_prometheus() {
    let target = serve(|_| histogram_page(true)).await;
    let Some(prometheus) = Prometheus::start(&target).await else {
        return;
    };
    prometheus.wait_for("sum(plain_bucket)").await;
    for (name, buckets) in HISTOGRAMS {
        let bounds = buckets
            .iter()
            .map(|(bound, count)| (bound.parse().unwrap(), *count));
        let bounds: Vec<(f64, f64)> = bounds.collect();
        for quantile in [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0] {
            let query = format!("histogram_quantile({quantile}, {name}_bucket)");
            let theirs = prometheus.ask(&query).await;
            let ours = histogram_quantile(quantile, bounds.clone());
            let (Ok(theirs), Ok(ours)) = (&theirs, &ours) else {
                // An idle histogram is NaN there and has no data here: unknown either way.
                assert!(
                    theirs.is_err() && ours.is_err(),
                    "{query}: {theirs:?} {ours:?}"
                );
                continue;
            };
            let from_pages = scraped(quantile, name).unwrap();
            for ours in [ours.value, from_pages] {
                assert!(
                    (ours - theirs).abs() <= 1e-9,
                    "{query}: {ours}, there {theirs}"
                );
            }
        }
    }
}

/// A counter by scrape: uneven steps, and a restart every seventh time.
fn counter(scrape: u64) -> u64 {
    let since_restart = scrape % 7;
    since_restart * since_restart + 3
}

#[tokio::test]
async fn rates_agree_with_prometheus_within_its_extrapolation() {
    let target = serve(|scrape| format!("jobs_total {}\n", counter(scrape))).await;
    let Some(prometheus) = Prometheus::start(&target).await else {
        return;
    };
    prometheus
        .wait_for("count_over_time(jobs_total[1m]) >= 25")
        .await;
    let time = Timestamp::now().as_millisecond() as f64 / 1000.0;
    let seen = prometheus.samples("jobs_total[1m]", time).await;
    let theirs = prometheus.samples("rate(jobs_total[1m])", time).await[0].1;
    let mut state = ScrapeState::new(
        &Scrape {
            url: String::new(),
            formula: Formula::Rate("jobs_total".to_owned()),
            scale: 1.0,
            window: Duration::from_secs(60),
        },
        None,
    );
    let (start, end) = (seen[0].0, seen[seen.len() - 1].0);
    let mut ours = 0.0;
    for (time, value) in &seen {
        let page = format!("jobs_total {value}\n");
        ours = state.observe(at(time - start), &page).unwrap_or_default();
    }
    // Prometheus stretches the increase to where the series would have begun and ended, by at most 1.1 intervals at
    // each end (`extrapolatedRate` in its promql/functions.go), and divides by the whole window.
    let (sampled, interval) = (end - start, (end - start) / (seen.len() - 1) as f64);
    let stretched = theirs * 60.0 / (ours * sampled);
    let most = 1.0 + 2.0 * 1.1 * interval / sampled;
    assert!(
        (1.0 - 1e-9..=most + 1e-9).contains(&stretched),
        "ours {ours}, theirs {theirs}, stretched {stretched} of at most {most}"
    );
}
