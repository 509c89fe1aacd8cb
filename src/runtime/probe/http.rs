//! `http` checks, and the requests that metrics are fetched with.
//!
//! Every request opens a new connection, since one that was kept alive goes on answering after new ones are
//! refused, and goes straight to its target, since a proxy from the environment would be the one that is judged.

use std::io::{self, ErrorKind};
use std::sync::OnceLock;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::failure::{Failure, causes};
use super::{blind, measured};
use crate::check::{Blind, Facts, HttpProbe, Observation, Reason};

/// More of a check's body than this is not read; 1 MiB.
const BODY_CAP: usize = 1 << 20;

/// After so many redirects the last of them is the answer.
const REDIRECTS: usize = 10;

/// HTTP clients, built when first needed.
#[derive(Debug, Default)]
pub(super) struct Web {
    negotiated: Clients,
    http1: Clients,
    http2: Clients,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    /// HTTP/1.1, or HTTP/2 where a TLS handshake agrees on it.
    Negotiated,
    /// HTTP/1.1 only: it alone can be upgraded to a WebSocket.
    Http1,
    /// HTTP/2 only and at once, as gRPC wants it.
    Http2,
}

#[derive(Debug, Default)]
struct Clients {
    /// For `http://`, without root certificates: a machine that has none can still look at what is not encrypted.
    plain: OnceLock<Result<Client, Blind>>,
    /// For `https://`, with the system's roots.
    secure: OnceLock<Result<Client, Blind>>,
}

/// An answer with as much of its body as was asked for.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether there was more body.
    pub(super) truncated: bool,
}

impl Web {
    /// Asks as often as the probe's burst says and reports the last answer, or the first that is a `429`.
    ///
    /// A rate limit lets one request in ten through while the others are turned away, so that the last of a burst
    /// would show it by luck only; and nobody needs more than one refusal to know that there is a limit.
    pub(super) async fn look(&self, probe: &HttpProbe) -> Observation {
        let mut seen = self.look_once(probe).await;
        for _ in 1..probe.burst {
            if matches!(seen.facts, Ok(Facts::Http { status: 429, .. })) {
                break;
            }
            seen = self.look_once(probe).await;
        }
        seen
    }

    async fn look_once(&self, probe: &HttpProbe) -> Observation {
        measured(async {
            self.ask(probe)
                .await
                .map(Answer::into_facts)
                .or_else(Failure::into_facts)
        })
        .await
    }

    async fn ask(&self, probe: &HttpProbe) -> Result<Answer, Failure> {
        let mut request = Request::of(probe)?;
        let mut response = self.send(&request, Wire::Negotiated).await?;
        for _ in 0..if probe.follow { REDIRECTS } else { 0 } {
            let Some(next) = request.redirected(&response) else {
                break;
            };
            request = next;
            response = self.send(&request, Wire::Negotiated).await?;
        }
        read(response, BODY_CAP, &request.url).await
    }

    /// Gets `url` with at most `cap` bytes of body; redirects are not followed.
    pub(super) async fn get(
        &self,
        url: Url,
        accept: &'static str,
        cap: usize,
    ) -> Result<Answer, Failure> {
        let headers =
            HeaderMap::from_iter([(reqwest::header::ACCEPT, HeaderValue::from_static(accept))]);
        let request = Request {
            method: Method::GET,
            url,
            headers,
            body: None,
        };
        let response = self.send(&request, Wire::Negotiated).await?;
        read(response, cap, &request.url).await
    }

    /// Sends a request as it is and brings home the head of the answer.
    pub(super) async fn send(&self, request: &Request, wire: Wire) -> Result<Response, Failure> {
        let mut sending = self
            .client(&request.url, wire)?
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone());
        if let Some(body) = &request.body {
            sending = sending.body(body.clone());
        }
        sending
            .send()
            .await
            .map_err(|error| judge(&error, &request.url))
    }

    fn client(&self, url: &Url, wire: Wire) -> Result<&Client, Blind> {
        let clients = match wire {
            Wire::Negotiated => &self.negotiated,
            Wire::Http1 => &self.http1,
            Wire::Http2 => &self.http2,
        };
        let built = if url.scheme() == "https" {
            clients
                .secure
                .get_or_init(|| build(Client::builder(), wire))
        } else {
            clients
                .plain
                .get_or_init(|| build(Client::builder().tls_certs_only([]), wire))
        };
        built.as_ref().map_err(Blind::clone)
    }
}

impl Answer {
    fn into_facts(self) -> Facts {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        Facts::Http {
            status: self.status.as_u16(),
            headers,
            body: self.body,
            truncated: self.truncated,
        }
    }
}

fn build(builder: reqwest::ClientBuilder, wire: Wire) -> Result<Client, Blind> {
    let builder = match wire {
        Wire::Negotiated => builder,
        Wire::Http1 => builder.http1_only(),
        Wire::Http2 => builder.http2_prior_knowledge(),
    };
    builder
        .user_agent(concat!("tminus/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        // Followed here: reqwest takes custom headers along to other hosts, all but the few it knows.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| {
            blind(
                Reason::Tls,
                format!("failed to set up TLS: {}", innermost(&error)),
            )
        })
}

/// One request of a chain of redirects.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

impl Request {
    fn of(probe: &HttpProbe) -> Result<Self, Blind> {
        let method = probe.method.to_ascii_uppercase();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| {
            blind(
                Reason::Parse,
                format!("`{}` is not a request method", probe.method),
            )
        })?;
        Ok(Self {
            method,
            url: parse_url(&probe.url)?,
            headers: header_map(&probe.headers)?,
            body: probe.body.clone().map(String::into_bytes),
        })
    }

    /// The request that a redirect asks for, unless it isn't one or must not be followed.
    ///
    /// Headers and body may hold credentials that were meant for the first host, so on the way to another origin
    /// the headers stay behind, and a redirect that would take the body there is not followed.
    fn redirected(&self, response: &Response) -> Option<Self> {
        let target = response.headers().get(LOCATION)?.to_str().ok()?;
        let url = self
            .url
            .join(target)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let mut next = Self {
            method: self.method.clone(),
            url,
            headers: self.headers.clone(),
            body: self.body.clone(),
        };
        match response.status() {
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {}
            StatusCode::SEE_OTHER => next.turn_into_get(),
            // By the letter the method stays; browsers and curl have made it a GET for so long that RFC 9110,
            // section 15.4.2, allows it.
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if self.method == Method::POST => {
                next.turn_into_get()
            }
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => {}
            _ => return None,
        }
        if next.url.origin() != self.url.origin() {
            next.headers.clear();
            return next.body.is_none().then_some(next);
        }
        Some(next)
    }

    fn turn_into_get(&mut self) {
        if self.method != Method::HEAD {
            self.method = Method::GET;
        }
        self.body = None;
        self.headers.remove(CONTENT_TYPE);
    }
}

/// Reads an `http` or `https` URL; the error doesn't repeat it, as its query may hold a token.
pub(super) fn parse_url(text: &str) -> Result<Url, Blind> {
    let url = Url::parse(text)
        .map_err(|error| blind(Reason::Parse, format!("the URL is not valid: {error}")))?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(blind(
            Reason::Parse,
            "the URL has to start with http:// or https://",
        ))
    }
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, Blind> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let invalid = || blind(Reason::Parse, format!("the header `{name}` is not valid"));
        let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        value.set_sensitive(true);
        map.append(
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?,
            value,
        );
    }
    Ok(map)
}

async fn read(mut response: Response, cap: usize, url: &Url) -> Result<Answer, Failure> {
    let mut body = Vec::new();
    let mut truncated = false;
    while let Some(chunk) = response.chunk().await.map_err(|error| judge(&error, url))? {
        let room = cap - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            truncated = true;
            break;
        }
    }
    Ok(Answer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body,
        truncated,
    })
}

/// Says whose fault a failed request is.
pub(super) fn judge(error: &reqwest::Error, url: &Url) -> Failure {
    let whom = url.host_str().unwrap_or("the target");
    if let Some(failure) = Failure::below(error, whom) {
        return failure;
    }
    let unseen = |reason| Failure::Blind(blind(reason, format!("{whom}: {}", innermost(error))));
    if error.is_dns() {
        return unseen(Reason::Dns);
    }
    let io: Vec<&io::Error> = causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .collect();
    let wrapped = io
        .first()
        .is_some_and(|outermost| outermost.kind() == ErrorKind::Other);
    match io.last() {
        // While connecting, only what the TLS library says arrives wrapped; the system's own errors never do.
        Some(_) if error.is_connect() && wrapped => unseen(Reason::Tls),
        Some(innermost) if !error.is_connect() && made_of_data(innermost) => unseen(Reason::Parse),
        Some(innermost) => Failure::from_io(innermost, whom),
        None if hung_up(error) => Failure::Refused,
        None => unseen(Reason::Parse),
    }
}

/// Whether bytes that could not be decoded made this error, and not the connection.
fn made_of_data(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Other | ErrorKind::InvalidData | ErrorKind::InvalidInput
    )
}

/// Whether the peer closed the connection before its answer was complete.
fn hung_up(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        cause
            .downcast_ref()
            .is_some_and(hyper::Error::is_incomplete_message)
    })
}

/// The cause at the bottom, which is in the words of the system or the TLS library; the layers above it print the
/// whole URL.
fn innermost(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .filter(|cause| !cause.is::<reqwest::Error>())
        .map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::SocketAddr;
    use std::path::Path;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::check::Probe;
    use crate::runtime::probe::Prober;

    /// Long enough that no test on a busy machine runs into it by accident.
    const PLENTY: Duration = Duration::from_secs(30);

    /// Short, for the tests that wait for it to run out.
    const LITTLE: Duration = Duration::from_millis(200);

    fn probe(url: String) -> HttpProbe {
        HttpProbe {
            url,
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: None,
            follow: false,
            burst: 1,
        }
    }

    async fn look(probe: HttpProbe, limit: Duration) -> Result<Facts, Blind> {
        Prober::new(Path::new(""), BTreeMap::new())
            .look(&Probe::Http(probe), limit)
            .await
            .facts
    }

    async fn reason(probe: HttpProbe, limit: Duration) -> Option<Reason> {
        look(probe, limit).await.err().map(|blind| blind.reason)
    }

    async fn bind() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Accepts a connection and reads the head of its request.
    async fn accept(listener: &TcpListener) -> (TcpStream, String) {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.unwrap());
        }
        (peer, String::from_utf8(head).unwrap())
    }

    /// A server that gives each connection one of the answers, closes it, and at the end returns what it was asked.
    async fn serve<const N: usize>(answers: [String; N]) -> (SocketAddr, JoinHandle<[String; N]>) {
        let (listener, address) = bind().await;
        let serving = tokio::spawn(async move {
            let mut heads = [const { String::new() }; N];
            for (answer, seen) in answers.iter().zip(&mut heads) {
                let (mut peer, head) = accept(&listener).await;
                peer.write_all(answer.as_bytes()).await.unwrap();
                *seen = head;
            }
            heads
        });
        (address, serving)
    }

    fn ok(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\nx-build: 7\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn redirect(status: u16, to: &str) -> String {
        format!("HTTP/1.1 {status} Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
    }

    fn status(facts: Result<Facts, Blind>) -> u16 {
        match facts {
            Ok(Facts::Http { status, .. }) => status,
            other => panic!("not an answer: {other:?}"),
        }
    }

    #[tokio::test]
    async fn an_answer_is_status_headers_and_body() {
        let (address, serving) = serve([ok("fine")]).await;
        let mut asked = probe(format!("http://{address}/health?deep=1"));
        asked.method = "post".to_owned();
        asked.headers = vec![("X-Api-Key".to_owned(), "k".to_owned())];
        asked.body = Some("ping".to_owned());
        let Ok(Facts::Http {
            status,
            headers,
            body,
            truncated,
        }) = look(asked, PLENTY).await
        else {
            panic!()
        };
        assert_eq!(
            (status, body.as_slice(), truncated),
            (200, b"fine".as_slice(), false)
        );
        assert!(
            headers.contains(&("x-build".to_owned(), "7".to_owned())),
            "{headers:?}"
        );
        let [head] = serving.await.unwrap();
        assert!(
            head.starts_with("POST /health?deep=1 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("x-api-key: k\r\n"), "{head}");
    }

    #[tokio::test]
    async fn being_turned_away_is_a_fact() {
        for code in [401, 403, 503] {
            let (address, _serving) =
                serve([format!("HTTP/1.1 {code} No\r\ncontent-length: 0\r\n\r\n")]).await;
            assert_eq!(
                status(look(probe(format!("http://{address}/")), PLENTY).await),
                code
            );
        }
    }

    #[tokio::test]
    async fn a_server_that_accepts_and_never_answers_times_out() {
        let (_listener, address) = bind().await;
        assert_eq!(
            reason(probe(format!("http://{address}/")), LITTLE).await,
            Some(Reason::Timeout)
        );
    }

    #[tokio::test]
    async fn a_server_that_drips_times_out() {
        let (listener, address) = bind().await;
        let serving = tokio::spawn(async move {
            let (mut peer, _) = accept(&listener).await;
            peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
                .await
                .unwrap();
            let mut drip = tokio::time::interval(LITTLE / 10);
            while peer.write_all(b".").await.is_ok() {
                drip.tick().await;
            }
        });
        assert_eq!(
            reason(probe(format!("http://{address}/")), LITTLE).await,
            Some(Reason::Timeout)
        );
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn of_ten_gigabytes_only_the_first_mebibyte_is_read() {
        let (listener, address) = bind().await;
        let serving = tokio::spawn(async move {
            let (mut peer, _) = accept(&listener).await;
            peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n")
                .await
                .unwrap();
            let mut sent = 0_u64;
            while peer.write_all(&[b'x'; 1 << 16]).await.is_ok() {
                sent += 1 << 16;
            }
            sent
        });
        let Ok(Facts::Http {
            body, truncated, ..
        }) = look(probe(format!("http://{address}/")), PLENTY).await
        else {
            panic!("it answered")
        };
        assert_eq!((body.len(), truncated), (BODY_CAP, true));
        let sent = serving.await.unwrap();
        assert!(
            sent < 100 << 20,
            "the connection was closed only after {sent} bytes"
        );
    }

    #[tokio::test]
    async fn a_refused_port_and_a_peer_that_hangs_up_are_refusals() {
        let (listener, address) = bind().await;
        drop(listener);
        assert_eq!(
            look(probe(format!("http://{address}/")), PLENTY).await,
            Ok(Facts::Refused)
        );
        for cut in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
            let (address, _serving) = serve([cut.to_owned()]).await;
            assert_eq!(
                look(probe(format!("http://{address}/")), PLENTY).await,
                Ok(Facts::Refused),
                "{cut:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_not_http_is_not_understood() {
        let (address, _serving) = serve(["SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned()]).await;
        assert_eq!(
            reason(probe(format!("http://{address}/")), PLENTY).await,
            Some(Reason::Parse)
        );
        let (address, _serving) = serve([
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope".to_owned(),
        ])
        .await;
        assert_eq!(
            reason(probe(format!("http://{address}/")), PLENTY).await,
            Some(Reason::Parse)
        );
    }

    #[tokio::test]
    async fn a_server_without_tls_behind_https_is_a_finding() {
        let (listener, address) = bind().await;
        let serving = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            let _ = peer.read_to_end(&mut Vec::new()).await;
        });
        let why = "an answer that isn't TLS".to_owned();
        assert_eq!(
            look(probe(format!("https://{address}/")), PLENTY).await,
            Ok(Facts::Broken { why })
        );
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_not_an_outage_and_its_query_stays_secret() {
        // A label of more than 63 letters fails in the resolver's library, before any network.
        let name = "a".repeat(64);
        let asked = probe(format!(
            "http://user:hunter2@{name}.invalid/x?token=hunter2"
        ));
        let unseen = look(asked, PLENTY).await.unwrap_err();
        assert_eq!(unseen.reason, Reason::Dns);
        assert!(unseen.detail.contains(&name), "{}", unseen.detail);
        assert!(!unseen.detail.contains("hunter2"), "{}", unseen.detail);
    }

    #[tokio::test]
    async fn only_http_and_https_are_spoken_and_a_bad_request_is_ours() {
        for url in ["file:///etc/passwd", "ftp://host/", "nonsense", ""] {
            assert_eq!(
                reason(probe(url.to_owned()), PLENTY).await,
                Some(Reason::Parse),
                "{url:?}"
            );
        }
        let mut bad = probe("http://127.0.0.1:1/".to_owned());
        bad.headers = vec![("X".to_owned(), "a\r\nInjected: b".to_owned())];
        assert_eq!(reason(bad, PLENTY).await, Some(Reason::Parse));
    }

    #[tokio::test]
    async fn a_redirect_is_the_answer_unless_it_is_to_be_followed() {
        let (address, serving) = serve([redirect(302, "/b"), redirect(302, "/b"), ok("b")]).await;
        let mut asked = probe(format!("http://{address}/a"));
        assert_eq!(status(look(asked.clone(), PLENTY).await), 302);
        asked.follow = true;
        asked.headers = vec![("X-Api-Key".to_owned(), "k".to_owned())];
        assert_eq!(status(look(asked, PLENTY).await), 200);
        let [_, first, second] = serving.await.unwrap();
        assert!(
            first.starts_with("GET /a ") && second.starts_with("GET /b "),
            "{first}{second}"
        );
        assert!(
            second.contains("x-api-key: k"),
            "the same origin gets the headers again: {second}"
        );
    }

    #[tokio::test]
    async fn headers_never_reach_another_origin() {
        let (other, elsewhere) = serve([ok("there")]).await;
        let (address, _serving) = serve([redirect(301, &format!("http://{other}/there"))]).await;
        let mut asked = probe(format!("http://user:hunter2@{address}/"));
        asked.follow = true;
        asked.headers = vec![
            ("X-Api-Key".to_owned(), "hunter2".to_owned()),
            ("Authorization".to_owned(), "hunter2".to_owned()),
        ];
        assert_eq!(status(look(asked, PLENTY).await), 200);
        let [head] = elsewhere.await.unwrap();
        let head = head.to_ascii_lowercase();
        assert!(
            !head.contains("hunter2")
                && !head.contains("authorization")
                && !head.contains("x-api-key"),
            "{head}"
        );
    }

    #[tokio::test]
    async fn a_body_is_not_taken_to_another_origin() {
        let (address, _serving) = serve([redirect(307, "http://127.0.0.1:1/steal")]).await;
        let mut asked = probe(format!("http://{address}/"));
        asked.follow = true;
        asked.method = "POST".to_owned();
        asked.body = Some("hunter2".to_owned());
        assert_eq!(status(look(asked, PLENTY).await), 307);
    }

    #[tokio::test]
    async fn a_redirect_in_circles_ends_as_the_last_redirect() {
        let circle = std::array::from_fn::<_, { REDIRECTS + 1 }, _>(|_| redirect(302, "/again"));
        let (address, serving) = serve(circle).await;
        let mut asked = probe(format!("http://{address}/"));
        asked.follow = true;
        assert_eq!(status(look(asked, PLENTY).await), 302);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_burst_opens_a_connection_each_and_reports_the_last() {
        let gone = "HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n".to_owned();
        let (address, serving) = serve([ok(""), ok(""), gone]).await;
        let mut asked = probe(format!("http://{address}/"));
        asked.burst = 3;
        assert_eq!(status(look(asked, PLENTY).await), 404);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_burst_ends_with_the_first_request_that_is_limited() {
        let limited = "HTTP/1.1 429 Slow Down\r\ncontent-length: 0\r\n\r\n".to_owned();
        let (address, serving) = serve([ok(""), limited]).await;
        let mut asked = probe(format!("http://{address}/"));
        asked.burst = 100;
        assert_eq!(status(look(asked, PLENTY).await), 429);
        serving.await.unwrap();
    }
}
