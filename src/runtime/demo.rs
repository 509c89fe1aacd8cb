//! The service that `tminus demo` launches: small, real, and sure to go wrong.
//!
//! A first look at tminus should need no cluster, no Prometheus and no `curl`, and yet nothing on the screen should
//! be painted: the checks make real requests, the metrics are scraped and computed, the deploy is a command that
//! takes five seconds, and the rollback heals what the deploy broke. So this is an HTTP service on a free port of
//! the loopback interface, with traffic of its own, and [`client()`] is what the runbook's commands call.
//!
//! How it behaves is decided in [`behaviour`] and [`simulation`], which know neither sockets nor clocks.

pub mod behaviour;
pub mod client;
mod exposition;
mod service;
pub mod simulation;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use client::{ClientAction, ClientError, client};

use service::Service;
use simulation::TICK;

/// Between two lines of progress of a deploy or a rollback; ten of them make a deploy, six a rollback.
const PACE: Duration = Duration::from_millis(500);

/// The traffic is the same in every demo, so that what the documentation shows is what people see.
const SEED: u64 = 0x6b65_7374_7265_6c00;

/// The demo's service, running until this is dropped.
///
/// On drop it takes no new connection, lets those in progress end, and stops its traffic.
#[derive(Debug)]
pub struct DemoService {
    address: SocketAddr,
    _stop: DropGuard,
}

impl DemoService {
    /// Starts the service on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts the service at a given address, where a resumed run expects it.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        Self::start_paced(address, PACE).await
    }

    async fn start_paced(address: SocketAddr, pace: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(SEED, pace));
        let stop = CancellationToken::new();
        tokio::spawn(traffic(Arc::clone(&service), stop.clone()));
        let serving = axum::serve(listener, service::routes(service))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(serving.into_future());
        Ok(Self {
            address,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL: the value of the runbook's `DEMO_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Lets the service have customers until it is stopped.
async fn traffic(service: Arc<Service>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(TICK);
    // After the machine slept, hours of traffic in one moment would help nobody.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        service.with(simulation::Simulation::tick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start() -> DemoService {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        DemoService::start_paced(anywhere, Duration::ZERO)
            .await
            .unwrap()
    }

    async fn run(demo: &DemoService, action: ClientAction) -> Result<String, ClientError> {
        let mut out = Vec::new();
        client(&demo.url(), action, &mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    async fn get(demo: &DemoService, path: &str) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client
            .get(format!("{}{path}", demo.url()))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn a_deploy_reports_line_by_line_and_a_rollback_takes_it_back() {
        let demo = start().await;
        assert_eq!(run(&demo, ClientAction::Status).await.unwrap(), "v2.40.3\n");
        let deployed = run(
            &demo,
            ClientAction::Deploy {
                version: "v2.41.0".to_owned(),
            },
        )
        .await
        .unwrap();
        assert_eq!(deployed.lines().count(), 11, "{deployed}");
        assert!(deployed.ends_with("kestrel is on v2.41.0\n"), "{deployed}");
        assert_eq!(run(&demo, ClientAction::Status).await.unwrap(), "v2.41.0\n");
        let back = run(&demo, ClientAction::Rollback).await.unwrap();
        assert_eq!(back.lines().count(), 7, "{back}");
        assert_eq!(run(&demo, ClientAction::Status).await.unwrap(), "v2.40.3\n");
    }

    #[tokio::test]
    async fn a_healthy_service_says_so_on_every_endpoint() {
        let demo = start().await;
        assert_eq!(
            get(&demo, "/health").await,
            (200, r#"{"status":"ok","version":"v2.40.3"}"#.to_owned())
        );
        assert_eq!(get(&demo, "/ready").await.0, 200);
        assert!(
            run(&demo, ClientAction::Smoke)
                .await
                .unwrap()
                .contains("passed")
        );
        let (status, page) = get(&demo, "/metrics").await;
        assert_eq!(status, 200);
        assert!(
            page.contains("app_version_info{version=\"v2.40.3\"} 1\n"),
            "{page}"
        );
    }

    #[tokio::test]
    async fn what_is_not_a_version_or_a_share_is_refused() {
        let demo = start().await;
        for version in ["", "v1 2", "v\"", "a&b=c"] {
            let refused = run(
                &demo,
                ClientAction::Deploy {
                    version: version.to_owned(),
                },
            )
            .await;
            assert!(
                matches!(refused, Err(ClientError::Refused { .. })),
                "{version:?}: {refused:?}"
            );
        }
        let refused = run(&demo, ClientAction::Traffic { percent: 101 }).await;
        assert!(
            matches!(refused, Err(ClientError::Refused { .. })),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn after_the_drop_nobody_answers() {
        let demo = start().await;
        let url = demo.url();
        drop(demo);
        loop {
            // The listener closes in a task of its own; this ends when it has.
            if let Err(error) = client(&url, ClientAction::Status, &mut io::sink()).await {
                assert!(
                    matches!(error, ClientError::Unreachable { .. }),
                    "{error:?}"
                );
                break;
            }
        }
    }
}
