//! `grpc` checks: the standard health service, `grpc.health.v1.Health/Check`.
//!
//! Spoken over the HTTP/2 client that is here already, with its one-field messages written by hand. A gRPC library
//! would add a code generator, a second HTTP stack and dozens of crates for twenty bytes; what it does beyond that
//! (streams, retries, load balancing) is what a look must not do.
//!
//! The service: <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>; the protocol:
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::future::poll_fn;
use std::pin::Pin;

use hyper::body::Body as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};
use reqwest::{Body, Method, StatusCode, Url};

use super::blind;
use super::failure::Failure;
use super::http::{Request, Web, Wire, parse_url};
use crate::check::{Blind, Facts, Reason};

/// More of an answer than this is not read, in bytes; the one that is expected has seven.
const ANSWER_CAP: usize = 1024;

/// The header, or trailer, that says how a call ended.
const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Statuses of a call by number, <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>.
const STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// What the health service says, by number.
const HEALTH: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/// Asks how `service` is; an empty one stands for the server as a whole.
pub(super) async fn look(web: &Web, url: &str, service: &str) -> Result<Facts, Blind> {
    ask(web, url, service).await.or_else(Failure::into_facts)
}

async fn ask(web: &Web, url: &str, service: &str) -> Result<Facts, Failure> {
    let request = Request {
        method: Method::POST,
        url: method_url(url)?,
        headers: HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
            (TE, HeaderValue::from_static("trailers")),
        ]),
        body: Some(message(service)),
    };
    let answer = web.send(&request, Wire::Http2).await?;
    if answer.status() != StatusCode::OK {
        let status = answer.status().as_u16();
        return Err(Failure::Broken(format!("HTTP {status} and no gRPC")));
    }
    let headers = answer.headers().clone();
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
        return Err(Failure::Broken("an answer that isn't gRPC".to_owned()));
    }
    let (body, trailers) = read(answer.into()).await?;
    // An error without a message comes in the headers, everything else in the trailers.
    let status = trailers.get(STATUS).or_else(|| headers.get(STATUS));
    health(status, &body)
}

/// `host:port` or a URL, as the URL of the method.
fn method_url(text: &str) -> Result<Url, Blind> {
    let mut url = if text.contains("://") {
        parse_url(text)?
    } else {
        parse_url(&format!("http://{text}"))?
    };
    url.path_segments_mut()
        .map_err(|()| blind(Reason::Parse, "the URL can't be the base of a path"))?
        .pop_if_empty()
        .extend(["grpc.health.v1.Health", "Check"]);
    Ok(url)
}

/// `HealthCheckRequest { string service = 1 }`, not compressed, with its length before it.
fn message(service: &str) -> Vec<u8> {
    let mut request = Vec::with_capacity(service.len() + 11);
    if !service.is_empty() {
        request.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            request.push(length as u8 | 0x80);
            length >>= 7;
        }
        request.push(length as u8);
        request.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(request.len() as u32).to_be_bytes());
    framed.append(&mut request);
    framed
}

/// Reads an answer's body, capped, and its trailers.
async fn read(mut body: Body) -> Result<(Vec<u8>, HeaderMap), Failure> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        // What broke the stream off is the server's doing: the connection stood and the headers were good.
        let frame = frame.map_err(|_| Failure::Refused)?;
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => return Ok((bytes, frame.into_trailers().unwrap_or_default())),
        }
        if bytes.len() > ANSWER_CAP {
            return Err(Failure::Broken(
                "a longer answer than health has".to_owned(),
            ));
        }
    }
    Ok((bytes, HeaderMap::new()))
}

fn health(status: Option<&HeaderValue>, body: &[u8]) -> Result<Facts, Failure> {
    let code = status
        .and_then(|status| status.to_str().ok())
        .and_then(|status| status.parse::<usize>().ok());
    let status = match code {
        None => return Err(Failure::Broken("a gRPC answer without a status".to_owned())),
        Some(0) => serving_status(body)?,
        // The health service's own words for a service it doesn't know.
        Some(5) => "SERVICE_UNKNOWN",
        Some(code @ (7 | 16)) => return Err(blind(Reason::Auth, STATUSES[code]).into()),
        Some(code) => STATUSES.get(code).copied().unwrap_or("UNKNOWN"),
    };
    Ok(Facts::Health {
        status: status.to_owned(),
    })
}

/// Reads `HealthCheckResponse { ServingStatus status = 1 }`; an absent field stands for its zero.
fn serving_status(body: &[u8]) -> Result<&'static str, Failure> {
    let unreadable = || Failure::Broken("a gRPC answer that isn't about health".to_owned());
    let number = match body {
        [0, 0, 0, 0, 0] => 0,
        [0, 0, 0, 0, 2, 0x08, number] => *number,
        _ => return Err(unreadable()),
    };
    HEALTH
        .get(usize::from(number))
        .copied()
        .ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::http::Response;
    use tokio::net::TcpListener;

    use super::*;

    fn status_of(code: &'static str, body: &[u8]) -> Result<String, Option<Reason>> {
        match health(Some(&HeaderValue::from_static(code)), body) {
            Ok(Facts::Health { status }) => Ok(status),
            Ok(other) => panic!("{other:?}"),
            Err(Failure::Blind(blind)) => Err(Some(blind.reason)),
            Err(_) => Err(None),
        }
    }

    #[test]
    fn a_message_is_its_length_and_one_field() {
        assert_eq!(message(""), [0, 0, 0, 0, 0]);
        assert_eq!(message("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = message(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
    }

    #[test]
    fn answers_are_read_by_the_book() {
        for (number, status) in [(1, "SERVING"), (2, "NOT_SERVING"), (3, "SERVICE_UNKNOWN")] {
            let seen = status_of("0", &[0, 0, 0, 0, 2, 8, number]);
            assert_eq!(seen.as_deref(), Ok(status));
        }
        assert_eq!(status_of("0", &[0, 0, 0, 0, 0]).as_deref(), Ok("UNKNOWN"));
        assert_eq!(status_of("5", &[]).as_deref(), Ok("SERVICE_UNKNOWN"));
        assert_eq!(status_of("12", &[]).as_deref(), Ok("UNIMPLEMENTED"));
        assert_eq!(status_of("14", &[]).as_deref(), Ok("UNAVAILABLE"));
        assert_eq!(status_of("99", &[]).as_deref(), Ok("UNKNOWN"));
    }

    #[test]
    fn being_turned_away_is_blindness_and_nonsense_is_a_finding() {
        assert_eq!(status_of("16", &[]), Err(Some(Reason::Auth)));
        assert_eq!(status_of("0", b"\0\0\0\0\x02\x08\x09"), Err(None));
        assert_eq!(status_of("0", b"SERVING"), Err(None));
        assert_eq!(status_of("x", &[]), Err(None));
    }

    #[test]
    fn an_address_is_enough_of_a_url() {
        for (text, url) in [
            (
                "127.0.0.1:50051",
                "http://127.0.0.1:50051/grpc.health.v1.Health/Check",
            ),
            (
                "https://api.example/",
                "https://api.example/grpc.health.v1.Health/Check",
            ),
            ("http://h/base", "http://h/base/grpc.health.v1.Health/Check"),
        ] {
            assert_eq!(method_url(text).unwrap().as_str(), url);
        }
        assert_eq!(method_url("ftp://h").unwrap_err().reason, Reason::Parse);
    }

    /// A gRPC server on a free port that answers every call with this HTTP status, body and `grpc-status`.
    async fn serve(http: u16, body: &'static [u8], code: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (peer, _) = listener.accept().await.unwrap();
            let mut calls = h2::server::handshake(peer).await.unwrap();
            while let Some(Ok((call, mut respond))) = calls.accept().await {
                assert_eq!(call.uri().path(), "/grpc.health.v1.Health/Check");
                assert_eq!(call.headers()[CONTENT_TYPE], "application/grpc");
                let head = Response::builder().status(http);
                let head = head
                    .header(CONTENT_TYPE, "application/grpc")
                    .body(())
                    .unwrap();
                let mut stream = respond.send_response(head, false).unwrap();
                stream.send_data(Bytes::from_static(body), false).unwrap();
                let trailers = HeaderMap::from_iter([(STATUS, HeaderValue::from_static(code))]);
                stream.send_trailers(trailers).unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn the_end_of_a_call_is_in_its_trailers() {
        let health = |status: &str| {
            Ok(Facts::Health {
                status: status.to_owned(),
            })
        };
        let web = Web::default();
        let serving = serve(200, &[0, 0, 0, 0, 2, 8, 1], "0").await;
        assert_eq!(look(&web, &serving, "kestrel").await, health("SERVING"));
        let unavailable = serve(200, &[], "14").await;
        assert_eq!(look(&web, &unavailable, "").await, health("UNAVAILABLE"));
    }

    #[tokio::test]
    async fn what_is_no_grpc_is_a_finding() {
        let broken = |why: &str| {
            Ok(Facts::Broken {
                why: why.to_owned(),
            })
        };
        let web = Web::default();
        let gateway = serve(503, &[], "0").await;
        assert_eq!(
            look(&web, &gateway, "").await,
            broken("HTTP 503 and no gRPC")
        );
        let long = serve(200, &[0; ANSWER_CAP + 1], "0").await;
        assert_eq!(
            look(&web, &long, "").await,
            broken("a longer answer than health has")
        );
        assert_eq!(look(&web, "127.0.0.1:1", "").await, Ok(Facts::Refused));
    }
}
