//! Looking at the world, once, and bringing home facts.
//!
//! The core decides *when* to look and what to think of it; a [`Prober`] only looks. Two promises shape the code
//! here. First, *what we failed to see* ([`Blind`]) is kept apart from *what is broken* ([`Facts`], a refused
//! connection and a `503` included), because a rollback may be started on the difference. Second, every look is
//! bounded in time and in memory whatever the other side does, and dropping its future ends it: a command's whole
//! process group is killed.
//!
//! A new kind of check is one file beside these and one arm in [`Prober::look`].

mod alerts;
mod command;
mod dns;
mod env;
mod failure;
mod file;
mod grpc;
mod http;
mod metric;
mod sentinel;
mod tcp;
mod tls;
mod websocket;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::check::{Blind, Facts, MetricSource, Observation, PastSample, Probe, Reason};

pub use metric::Fetched;
pub use sentinel::sight;

/// Looks at what checks and metrics point at.
///
/// Built once a run and shared: the HTTP clients hold the system's root certificates, which take milliseconds to
/// read. Texts of probes have to be resolved before; a `${NAME}` that is left is looked up as it stands.
pub struct Prober {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    web: http::Web,
    trust: tls::Trust,
    resolvers: dns::Resolvers,
}

impl Prober {
    /// A prober for the runbook in `folder`, whose commands get the variables in `environment`.
    ///
    /// Relative paths of files, and the commands, start from `folder`. Nothing is read or contacted yet.
    pub fn new(folder: &Path, environment: BTreeMap<String, String>) -> Self {
        // The parent of a bare file name is the empty path, which the system doesn't take for a directory.
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        Self {
            folder: folder.to_owned(),
            environment,
            web: http::Web::default(),
            trust: tls::Trust::default(),
            resolvers: dns::Resolvers::default(),
        }
    }

    /// Looks once, for at most `limit`.
    ///
    /// The observation's `took` is what a latency expectation judges: for `http` the last request of the burst to
    /// the end of its body, for `tcp` until the connection stood, for `tls` until the handshake was done, for
    /// everything else the whole look.
    pub async fn look(&self, probe: &Probe, limit: Duration) -> Observation {
        let looking = async {
            match probe {
                Probe::Http(probe) => self.web.look(probe).await,
                Probe::Tcp { host, port, send } => tcp::look(host, port, send.as_deref()).await,
                Probe::Dns {
                    name,
                    record,
                    resolvers,
                } => measured(self.resolvers.look(name, record, resolvers, limit)).await,
                Probe::Env { name } => measured(async { Ok(env::look(name)) }).await,
                Probe::File { path } => measured(file::look(self.folder.join(path))).await,
                Probe::Command { run } => {
                    measured(command::look(run, &self.folder, &self.environment)).await
                }
                Probe::Tls {
                    host,
                    port,
                    refuses,
                } => self.trust.look(host, port, refuses).await,
                Probe::Alerts { url, matching } => {
                    measured(alerts::look(&self.web, url, matching)).await
                }
                Probe::Grpc { url, service } => measured(grpc::look(&self.web, url, service)).await,
                Probe::WebSocket { url } => measured(websocket::look(&self.web, url)).await,
            }
        };
        let started = Instant::now();
        tokio::time::timeout(limit, looking)
            .await
            .unwrap_or_else(|_| Observation {
                facts: Err(timed_out(limit)),
                took: started.elapsed(),
            })
    }

    /// Fetches a metric's raw text once, within `limit`; [`crate::check`] makes a number of it.
    ///
    /// # Errors
    /// When there is no text to make a number of: the source didn't answer, refused us, or answered with an error.
    pub async fn fetch(&self, source: &MetricSource, limit: Duration) -> Result<Fetched, Blind> {
        tokio::time::timeout(
            limit,
            metric::fetch(source, &self.web, &self.folder, &self.environment),
        )
        .await
        .unwrap_or_else(|_| Err(timed_out(limit)))
    }

    /// What a metric's source remembers of the last `window`, oldest first, a value every `step`; nothing where it
    /// remembers nothing, as a `/metrics` page doesn't.
    ///
    /// # Errors
    /// As for [`Prober::fetch`].
    pub async fn look_back(
        &self,
        source: &MetricSource,
        window: Duration,
        step: Duration,
        limit: Duration,
    ) -> Result<Vec<PastSample>, Blind> {
        let MetricSource::Prometheus { url, query } = source else {
            return Ok(Vec::new());
        };
        tokio::time::timeout(limit, metric::past(&self.web, url, query, window, step))
            .await
            .unwrap_or_else(|_| Err(timed_out(limit)))
    }
}

/// Leaves the variables out: some are secrets.
impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Waits for the facts and notes how long that took.
async fn measured(facts: impl Future<Output = Result<Facts, Blind>>) -> Observation {
    let started = Instant::now();
    let facts = facts.await;
    Observation {
        facts,
        took: started.elapsed(),
    }
}

fn timed_out(limit: Duration) -> Blind {
    blind(Reason::Timeout, format!("no answer within {limit:?}"))
}

fn blind(reason: Reason, detail: impl Into<String>) -> Blind {
    Blind {
        reason,
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests;
