//! Fetching the raw text of a metric.
//!
//! The text is brought home as it is, and the arithmetic is left to [`crate::check`], where it can be tested
//! without a server.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};

use super::failure::Failure;
use super::http::{Answer, Web, parse_url};
use super::{blind, command};
use crate::check::{Blind, MetricSource, PastSample, Reason, prometheus};

/// A longer page is refused, because a sum over half of a page is a wrong number; 8 MiB.
const PAGE_CAP: usize = 8 << 20;

/// What a metric's source said.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Prometheus' JSON answer, the `/metrics` page, the JSON document, or the command's standard output.
    pub text: String,
    /// How long it took to get.
    pub took: Duration,
}

/// Shows the size only: documents and outputs may hold secrets.
impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetched({} bytes in {:?})", self.text.len(), self.took)
    }
}

pub(super) async fn fetch(
    source: &MetricSource,
    web: &Web,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Fetched, Blind> {
    let started = Instant::now();
    let bytes = match source {
        MetricSource::Prometheus { url, query } => {
            page(
                web,
                query_url(url, query)?,
                "application/json",
                explains_itself,
            )
            .await?
        }
        MetricSource::Scrape(scrape) => {
            page(web, parse_url(&scrape.url)?, PROMETHEUS_TEXT, |_| false).await?
        }
        MetricSource::Json { url, .. } => {
            page(web, parse_url(url)?, "application/json", |_| false).await?
        }
        MetricSource::Command { run } => output(run, folder, environment).await?,
    };
    Ok(Fetched {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        took: started.elapsed(),
    })
}

/// The plain text format is asked for first: OpenMetrics adds exemplars and a mandatory end, and nothing we need.
const PROMETHEUS_TEXT: &str =
    "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";

/// What a Prometheus remembers of a query's last `window`, oldest first, a value every `step`.
///
/// The range ends at the server's own time, which is asked for: ours may be minutes off, and the end of the picture
/// would be missing or flat.
pub(super) async fn past(
    web: &Web,
    base: &str,
    query: &str,
    window: Duration,
    step: Duration,
) -> Result<Vec<PastSample>, Blind> {
    let ask = async |url| {
        let bytes = page(web, url, "application/json", explains_itself).await?;
        Ok::<_, Blind>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let end = prometheus::decode(&ask(query_url(base, "time()")?).await?)?;
    let mut url = api_url(base, "query_range")?;
    url.query_pairs_mut()
        .append_pair("query", query)
        .append_pair("start", &(end - window.as_secs_f64()).to_string())
        .append_pair("end", &end.to_string())
        .append_pair("step", &step.as_secs_f64().to_string());
    let points = prometheus::range(&ask(url).await?, step)?;
    let sample = |(time, value)| {
        let ago = Duration::try_from_secs_f64(end - time).unwrap_or_default();
        PastSample { ago, value }
    };
    Ok(points.into_iter().map(sample).collect())
}

/// The instant query API, <https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>.
///
/// `time` is left out: the server's own clock is the one its samples were stamped with.
fn query_url(base: &str, query: &str) -> Result<Url, Blind> {
    let mut url = api_url(base, "query")?;
    url.query_pairs_mut().append_pair("query", query);
    Ok(url)
}

fn api_url(base: &str, endpoint: &str) -> Result<Url, Blind> {
    let mut url = parse_url(base)?;
    url.path_segments_mut()
        .map_err(|()| blind(Reason::Parse, "the URL can't be the base of a path"))?
        .pop_if_empty()
        .extend(["api", "v1", endpoint]);
    Ok(url)
}

/// Prometheus says in a JSON body what is wrong with a query, which is worth more than the status.
fn explains_itself(answer: &Answer) -> bool {
    let kind = answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

pub(super) async fn page(
    web: &Web,
    url: Url,
    accept: &'static str,
    readable_as_error: fn(&Answer) -> bool,
) -> Result<Vec<u8>, Blind> {
    let answer = web
        .get(url, accept, PAGE_CAP)
        .await
        .map_err(Failure::into_blind)?;
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(blind(
            Reason::Auth,
            format!("HTTP {}", answer.status.as_u16()),
        )),
        status if !status.is_success() && !readable_as_error(&answer) => {
            Err(blind(Reason::NoData, format!("HTTP {}", status.as_u16())))
        }
        _ if answer.truncated => Err(blind(Reason::Parse, "the page is longer than 8 MiB")),
        _ => Ok(answer.body),
    }
}

async fn output(
    run: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Blind> {
    let ended = command::run(run, folder, environment).await?;
    match ended.exit {
        Some(0) => Ok(ended.stdout),
        Some(code) => Err(blind(
            Reason::NoData,
            format!("the command ended with exit code {code}"),
        )),
        None => Err(blind(Reason::NoData, "the command was ended by a signal")),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::Uri;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::check::{Formula, Scrape};

    /// A server with the routes, and its base URL.
    async fn serve(routes: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}")
    }

    async fn fetch_here(source: MetricSource) -> Result<String, Blind> {
        fetch(&source, &Web::default(), Path::new("."), &BTreeMap::new())
            .await
            .map(|fetched| fetched.text)
    }

    fn scrape(url: String) -> MetricSource {
        let formula = Formula::Value("up".to_owned());
        MetricSource::Scrape(Scrape {
            url,
            formula,
            scale: 1.0,
            window: Duration::from_secs(15),
        })
    }

    fn command(run: &str) -> MetricSource {
        MetricSource::Command {
            run: run.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_query_is_encoded_below_the_base_path_and_carries_no_time() {
        let echo = Router::new().fallback(|uri: Uri| async move { uri.to_string() });
        let base = serve(echo).await;
        for base in [format!("{base}/prom"), format!("{base}/prom/")] {
            let query = "sum(rate(http_requests_total{code=~\"5..\"}[1m])) + 1".to_owned();
            let asked = fetch_here(MetricSource::Prometheus { url: base, query })
                .await
                .unwrap();
            let query =
                "sum%28rate%28http_requests_total%7Bcode%3D%7E%225..%22%7D%5B1m%5D%29%29+%2B+1";
            assert_eq!(asked, format!("/prom/api/v1/query?query={query}"));
        }
    }

    #[tokio::test]
    async fn prometheus_explains_its_errors_and_other_pages_do_not() {
        async fn refuse() -> (StatusCode, [(&'static str, &'static str); 1], &'static str) {
            (
                StatusCode::BAD_REQUEST,
                [("content-type", "application/json")],
                r#"{"status":"error"}"#,
            )
        }
        let base = serve(Router::new().fallback(refuse)).await;
        let query = MetricSource::Prometheus {
            url: base.clone(),
            query: "(".to_owned(),
        };
        assert_eq!(
            fetch_here(query).await.as_deref(),
            Ok(r#"{"status":"error"}"#)
        );
        assert_eq!(
            fetch_here(scrape(base)).await,
            Err(blind(Reason::NoData, "HTTP 400"))
        );
    }

    #[tokio::test]
    async fn not_being_let_in_is_a_reason_of_its_own() {
        let base =
            serve(Router::new().route("/metrics", get(|| async { StatusCode::FORBIDDEN }))).await;
        assert_eq!(
            fetch_here(scrape(format!("{base}/metrics"))).await,
            Err(blind(Reason::Auth, "HTTP 403"))
        );
    }

    #[tokio::test]
    async fn half_a_page_is_no_page() {
        let base = serve(Router::new().fallback(|| async { "x".repeat(PAGE_CAP + 1) })).await;
        assert_eq!(
            fetch_here(scrape(base)).await.map_err(|blind| blind.reason),
            Err(Reason::Parse)
        );
    }

    #[tokio::test]
    async fn a_refused_connection_is_no_number() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let seen = fetch_here(MetricSource::Json {
            url: format!("http://{address}/"),
            path: ".".to_owned(),
        })
        .await;
        assert_eq!(seen.map_err(|blind| blind.reason), Err(Reason::Connect));
    }

    #[tokio::test]
    async fn a_command_gives_its_output_only_when_it_succeeds() {
        assert_eq!(fetch_here(command("echo 42")).await.as_deref(), Ok("42\n"));
        let failed = fetch_here(command("echo 42; exit 3")).await;
        assert_eq!(
            failed,
            Err(blind(Reason::NoData, "the command ended with exit code 3"))
        );
    }
}
