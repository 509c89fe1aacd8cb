//! The demo's HTTP side: thin handlers around the simulation.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt, stream};

use super::simulation::{STABLE, Simulation};

/// The simulation with a clock and a lock.
#[derive(Debug)]
pub(super) struct Service {
    /// A std mutex: it is held for microseconds and never across an await.
    simulation: Mutex<Simulation>,
    started: Instant,
    /// Between two lines of progress.
    pace: Duration,
}

impl Service {
    pub(super) fn new(seed: u64, pace: Duration) -> Self {
        Self {
            simulation: Mutex::new(Simulation::new(seed)),
            started: Instant::now(),
            pace,
        }
    }

    /// Does something with the simulation at this moment.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Simulation, Duration) -> T) -> T {
        let now = self.started.elapsed();
        act(
            &mut self
                .simulation
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            now,
        )
    }
}

type Shared = State<Arc<Service>>;

/// All endpoints.
pub(super) fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/smoke", get(smoke))
        .route("/version", get(version))
        .route("/metrics", get(metrics))
        .route("/deploy", post(deploy))
        .route("/rollback", post(rollback))
        .route("/traffic", post(traffic))
        .with_state(service)
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn health(State(service): Shared) -> Response {
    service.with(|simulation, _| {
        json(
            StatusCode::OK,
            format!(r#"{{"status":"ok","version":"{}"}}"#, simulation.version()),
        )
    })
}

async fn ready(State(service): Shared) -> Response {
    let ready = service.with(|simulation, now| simulation.behaviour(now).ready);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, format!(r#"{{"ready":{ready}}}"#))
}

async fn smoke(State(service): Shared) -> Response {
    let passes = service.with(|simulation, now| simulation.behaviour(now).passes_smoke_test());
    if passes {
        "sign in    ok\nread       ok\nwrite      ok\nsmoke test passed\n".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "sign in    ok\nread       ok\nwrite      500\nsmoke test failed\n",
        )
            .into_response()
    }
}

async fn version(State(service): Shared) -> Response {
    let version = service.with(|simulation, _| simulation.version().to_owned());
    (
        [("x-kestrel-version", version.clone())],
        format!("{version}\n"),
    )
        .into_response()
}

async fn metrics(State(service): Shared) -> Response {
    let page = service.with(|simulation, _| simulation.metrics_page());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page).into_response()
}

async fn deploy(State(service): Shared, uri: Uri) -> Response {
    match parameter(&uri, "version").filter(|version| is_version(version)) {
        Some(version) => progress(service, deploy_lines(version), version),
        None => (
            StatusCode::BAD_REQUEST,
            "a version is up to 32 letters, digits, dots and dashes\n",
        )
            .into_response(),
    }
}

async fn rollback(State(service): Shared) -> Response {
    progress(service, rollback_lines(), STABLE)
}

async fn traffic(State(service): Shared, uri: Uri) -> Response {
    match parameter(&uri, "percent")
        .and_then(|percent| percent.parse().ok())
        .filter(|percent| *percent <= 100)
    {
        Some(percent) => {
            service.with(|simulation, _| simulation.let_in(percent));
            format!("{percent} % of the customers are let in\n").into_response()
        }
        None => (
            StatusCode::BAD_REQUEST,
            "a share is a number from 0 to 100\n",
        )
            .into_response(),
    }
}

/// A parameter of the query, as it was written: what the handlers take needs no decoding.
fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    uri.query()?
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Whether this can stand in a metric's label and in JSON as it is.
fn is_version(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

fn deploy_lines(version: &str) -> Vec<String> {
    let rollout = (1..=4).flat_map(|instance| {
        [
            format!("instance {instance} of 4  started"),
            format!("instance {instance} of 4  takes requests"),
        ]
    });
    let before = [
        format!("rolling out kestrel {version}"),
        "image pulled, signature verified".to_owned(),
    ];
    before.into_iter().chain(rollout).collect()
}

fn rollback_lines() -> Vec<String> {
    let back = (1..=4).map(|instance| format!("instance {instance} of 4  back on {STABLE}"));
    let before = [
        format!("rolling back to kestrel {STABLE}"),
        "image is still here, nothing to pull".to_owned(),
    ];
    before.into_iter().chain(back).collect()
}

/// Answers with a line at a time, and makes the version live with the last.
///
/// A client that goes away takes the rest with it: the change happens as a whole or not at all.
fn progress(service: Arc<Service>, lines: Vec<String>, version: &str) -> Response {
    let version = version.to_owned();
    let pace = service.pace;
    let steps = stream::iter(lines).then(move |line| async move {
        tokio::time::sleep(pace).await;
        line
    });
    let done = stream::once(async move {
        service.with(|simulation, now| simulation.deploy(&version, now));
        format!("kestrel is on {version}")
    });
    Body::from_stream(terminated(steps.chain(done))).into_response()
}

/// Ends every line, in the form in which a body is made of them.
fn terminated(lines: impl Stream<Item = String>) -> impl Stream<Item = Result<String, Infallible>> {
    lines.map(|line| Ok(line + "\n"))
}
