//! Judging what was seen.
//!
//! An operator decides to roll back from what this module says, so it is kept free of sockets, clocks and
//! threads: a probe elsewhere looks at the world and hands in an [`Observation`] or a number, and the code
//! here answers with a [`Verdict`]. The rule that shapes everything is *"we could not look" is not "it is
//! broken"*: whatever we failed to see is [`Verdict::Unknown`], which is never green, never red, and never
//! fires anything.

pub mod expectation;
pub mod exposition;
pub mod foreign;
pub mod json_path;
pub mod metric;
pub mod notation;
pub mod observation;
pub mod prometheus;
pub mod scrape;
pub mod series;
pub mod streak;
pub mod threshold;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use expectation::{Expectation, Judgement, SyntaxError, defaults, judge};
pub use metric::{Baseline, Caveats, MetricState, Reading};
pub use notation::Notation;
pub use observation::{Blind, DnsAnswer, Facts, FileFacts, Observation};
pub use scrape::ScrapeState;
pub use series::{PastSample, Sample, Series};
pub use streak::{CheckState, Flip, Streak};
pub use threshold::{Comparison, Limit};

/// The two clocks, read once by the caller and passed in, so that everything downstream is reproducible.
///
/// `wall` is for people and records; `monotonic` is for ages, streaks and timers, because a wall clock may jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, UTC.
    pub wall: Timestamp,
    /// Time since an arbitrary but fixed start; never goes back.
    pub monotonic: Duration,
}

/// What a measurement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// Every expectation holds.
    Pass,
    /// Beyond the warning limit, within the failing one.
    Warn,
    /// The target answered, and the answer is wrong.
    Fail,
    /// We could not look.
    Unknown(Reason),
}

impl Verdict {
    /// The verdict's name without its reason, as JSON output spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Whether this is [`Verdict::Unknown`], whatever the reason.
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// Why nothing could be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Not measured yet, or the source has nothing to say.
    NoData,
    /// The source said "not a number".
    Nan,
    /// Our own time limit ran out.
    Timeout,
    /// Our resolver could not tell the address.
    Dns,
    /// The local network refused to carry us there.
    Connect,
    /// The TLS handshake failed on our side.
    Tls,
    /// We were not allowed to look.
    Auth,
    /// The answer could not be understood.
    Parse,
    /// The last sample is too old to be believed.
    Stale,
    /// The program that looks isn't installed.
    MissingTool,
    /// This build doesn't know how to look in this way yet.
    Unsupported,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoData => "no data",
            Self::Nan => "not a number",
            Self::Timeout => "timed out",
            Self::Dns => "name not resolved",
            Self::Connect => "no route from here",
            Self::Tls => "TLS failed here",
            Self::Auth => "not allowed to look",
            Self::Parse => "answer not understood",
            Self::Stale => "stale",
            Self::MissingTool => "tool not installed",
            Self::Unsupported => "not supported yet",
        })
    }
}

/// How bad it is when a check's expectations don't hold.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The launch can't do without it.
    #[default]
    Fail,
    /// It is worth knowing, and stops nothing.
    Warn,
}

impl Severity {
    /// The verdict of a check of this severity.
    pub fn temper(self, verdict: Verdict) -> Verdict {
        match (self, verdict) {
            (Self::Warn, Verdict::Fail) => Verdict::Warn,
            (_, verdict) => verdict,
        }
    }
}

/// A probe with expectations, as the runbook defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Unique among the runbook's checks.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Where and how to look.
    pub probe: Probe,
    /// What has to hold, all of it.
    pub expect: Vec<Expectation>,
    /// How bad it is when they don't hold.
    pub severity: Severity,
    /// How often to look.
    pub every: Duration,
    /// How long one look may take; shorter than `every`.
    pub timeout: Duration,
    /// So many failures in a row turn it to fail.
    pub fail_after: u32,
    /// So many passes in a row turn it back to pass.
    pub recover_after: u32,
    /// Byte range of its definition in the runbook's text.
    pub span: std::ops::Range<usize>,
}

/// A number sampled over time, as the runbook defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Unique among the runbook's metrics.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Unit for display; never converted.
    pub unit: String,
    /// Where the number comes from.
    pub source: MetricSource,
    /// How often to look.
    pub every: Duration,
    /// How long one look may take; shorter than `every`.
    pub timeout: Duration,
    /// Beyond this it is a warning.
    pub warn: Option<Limit>,
    /// Beyond this it fails.
    pub fail: Option<Limit>,
    /// How long a breach has to last without a gap before it counts (`for` in the file).
    pub sustained: Duration,
    /// Within this a breach ends; without it, when the breached limit no longer holds.
    pub clear: Option<Limit>,
    /// A relative breach also needs this absolute one.
    pub floor: Option<Limit>,
    /// Below this many events in the window a ratio is unknown.
    pub min_events: Option<f64>,
    /// What an empty answer means: `unknown` unless the file says a number.
    pub no_data: Option<f64>,
    /// How much time before T-0 makes the baseline.
    pub baseline: Option<Duration>,
    /// Byte range of its definition in the runbook's text.
    pub span: std::ops::Range<usize>,
}

/// Where and how a check looks. Texts may hold `${NAME}` until a run resolves them.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// An HTTP request.
    Http(HttpProbe),
    /// A TCP connection, optionally with something to send.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port, as text because it may come from a variable.
        port: String,
        /// Bytes to send after connecting.
        send: Option<String>,
    },
    /// A TLS handshake.
    Tls {
        /// Host name, also the name asked for in the handshake.
        host: String,
        /// Port.
        port: String,
        /// Older versions to try, because an expectation wants them refused.
        refuses: Vec<String>,
    },
    /// A name lookup.
    Dns {
        /// The name to look up.
        name: String,
        /// Record type, `A` unless written.
        record: String,
        /// Resolvers to ask, each of which has to give the wanted answer: addresses, with a port or without, and
        /// `authoritative` for the servers of the zone itself. The system's when empty.
        resolvers: Vec<String>,
    },
    /// An environment variable of tminus itself; its value is never shown.
    Env {
        /// The variable's name.
        name: String,
    },
    /// A file on this machine.
    File {
        /// Path; relative to the runbook's folder.
        path: String,
    },
    /// A command whose exit code and output are judged; always level `safe`.
    Command {
        /// Shell text.
        run: String,
    },
    /// Alertmanager's list of firing alerts.
    Alerts {
        /// Base URL of Alertmanager.
        url: String,
        /// Label matchers, e.g. `severity="page"`.
        matching: Vec<String>,
    },
    /// The standard gRPC health service.
    Grpc {
        /// `host:port` or URL.
        url: String,
        /// Service name; empty asks for the server as a whole.
        service: String,
    },
    /// A WebSocket handshake.
    WebSocket {
        /// `ws://` or `wss://` URL.
        url: String,
    },
}

impl Probe {
    /// The key that names this kind in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp { .. } => "tcp",
            Self::Tls { .. } => "tls",
            Self::Dns { .. } => "dns",
            Self::Env { .. } => "env",
            Self::File { .. } => "file",
            Self::Command { .. } => "command",
            Self::Alerts { .. } => "alerts",
            Self::Grpc { .. } => "grpc",
            Self::WebSocket { .. } => "websocket",
        }
    }

    /// Every text that may hold `${NAME}`, for checking and resolving in one place.
    ///
    /// A command's shell text is left out: variables reach it through its environment only.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Http(http) => {
                let mut texts = vec![&mut http.url];
                texts.extend(http.headers.iter_mut().map(|(_, value)| value));
                texts.extend(http.body.as_mut());
                texts
            }
            Self::Tcp { host, port, send } => {
                let mut texts = vec![host, port];
                texts.extend(send.as_mut());
                texts
            }
            Self::Tls { host, port, .. } => vec![host, port],
            Self::Dns {
                name, resolvers, ..
            } => {
                let mut texts = vec![name];
                texts.extend(resolvers.iter_mut());
                texts
            }
            Self::Env { .. } | Self::Command { .. } => Vec::new(),
            Self::File { path } => vec![path],
            Self::Alerts { url, matching } => {
                let mut texts = vec![url];
                texts.extend(matching.iter_mut());
                texts
            }
            Self::Grpc { url, service } => vec![url, service],
            Self::WebSocket { url } => vec![url],
        }
    }
}

/// An HTTP request to make.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProbe {
    /// `http://` or `https://` URL.
    pub url: String,
    /// Request method, `GET` unless written.
    pub method: String,
    /// Header names and values, in the file's order.
    pub headers: Vec<(String, String)>,
    /// Request body.
    pub body: Option<String>,
    /// Whether redirects are followed; off unless asked.
    pub follow: bool,
    /// How many times in a row to ask at most. The expectations judge the last answer, or the first `429`, which
    /// ends the burst: a rate limit that was met is what bursts are for, and it may let the next one through.
    pub burst: u32,
}

/// Where a metric's number comes from. Texts may hold `${NAME}` until a run resolves them.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricSource {
    /// A PromQL query against a Prometheus server.
    Prometheus {
        /// Base URL of the server.
        url: String,
        /// Instant query.
        query: String,
    },
    /// A `/metrics` page, computed here.
    Scrape(Scrape),
    /// A number inside a JSON document.
    Json {
        /// URL of the document.
        url: String,
        /// jq path, e.g. `.queue.depth`.
        path: String,
    },
    /// A number on a command's standard output; always level `safe`.
    Command {
        /// Shell text.
        run: String,
    },
}

impl MetricSource {
    /// The key that names this kind in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Prometheus { .. } => "prometheus",
            Self::Scrape(_) => "scrape",
            Self::Json { .. } => "json",
            Self::Command { .. } => "command",
        }
    }

    /// Every text that may hold `${NAME}`; see [`Probe::texts_mut`].
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Prometheus { url, query } => vec![url, query],
            Self::Scrape(scrape) => {
                let mut texts = vec![&mut scrape.url];
                texts.extend(scrape.formula.selectors_mut());
                texts
            }
            Self::Json { url, path } => vec![url, path],
            Self::Command { .. } => Vec::new(),
        }
    }
}

/// How to get one number from a `/metrics` page.
#[derive(Clone, Debug, PartialEq)]
pub struct Scrape {
    /// URL of the page.
    pub url: String,
    /// What to compute.
    pub formula: Formula,
    /// The result is multiplied by this.
    pub scale: f64,
    /// The time over which rates are taken.
    pub window: Duration,
}

/// What to compute from a `/metrics` page. Selectors are written `name` or `name{label="value", other=~"regex"}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Formula {
    /// The sum of the series' present values (`value = "selector"`).
    Value(String),
    /// The increase of a counter per second (`rate = "selector"`).
    Rate(String),
    /// The rate of one counter over the rate of another (`ratio = "selector", over = "selector"`).
    Ratio {
        /// Counter above the line.
        of: String,
        /// Counter below the line.
        over: String,
    },
    /// A quantile of a histogram's increase over the window (`quantile = 0.95, of = "name"`).
    Quantile {
        /// Between 0 and 1.
        quantile: f64,
        /// The histogram's base name or selector, without `_bucket`.
        of: String,
    },
}

impl Formula {
    /// The selectors with the keys they are written under.
    pub fn selectors(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Value(text) => vec![("value", text)],
            Self::Rate(text) => vec![("rate", text)],
            Self::Ratio { of, over } => vec![("ratio", of), ("over", over)],
            Self::Quantile { of, .. } => vec![("of", of)],
        }
    }

    fn selectors_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Value(text) | Self::Rate(text) => vec![text],
            Self::Ratio { of, over } => vec![of, over],
            Self::Quantile { of, .. } => vec![of],
        }
    }
}
