//! `websocket` checks: does the server switch to WebSocket when asked to?
//!
//! The HTTP client does the request and the upgrade, over the same TLS as every other look. A WebSocket library
//! would bring framing, which is not needed: all that is sent is one fixed frame that says goodbye.

use reqwest::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use reqwest::{Method, StatusCode, Url};
use tokio::io::AsyncWriteExt;

use super::blind;
use super::failure::Failure;
use super::http::{Request, Web, Wire};
use crate::check::{Blind, Facts, Reason};

/// The key of the example in RFC 6455, section 1.3, and the answer it has to get.
///
/// A key of chance is there so that a cache can't answer for the server. No HTTP cache keeps a `101`.
const KEY: (HeaderName, HeaderValue) = (
    HeaderName::from_static("sec-websocket-key"),
    HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="),
);
const ACCEPT: (&str, &str) = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

const VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("sec-websocket-version"),
    HeaderValue::from_static("13"),
);

/// A close frame with status 1000, masked with zeroes; RFC 6455, section 5.5.1.
const GOODBYE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

/// Shakes hands and hangs up.
pub(super) async fn look(web: &Web, url: &str) -> Result<Facts, Blind> {
    shake(web, url).await.or_else(Failure::into_facts)
}

async fn shake(web: &Web, url: &str) -> Result<Facts, Failure> {
    let request = Request {
        method: Method::GET,
        url: http_url(url)?,
        headers: HeaderMap::from_iter([
            (CONNECTION, HeaderValue::from_static("Upgrade")),
            (UPGRADE, HeaderValue::from_static("websocket")),
            KEY,
            VERSION,
        ]),
        body: None,
    };
    let answer = web.send(&request, Wire::Http1).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let status = answer.status().as_u16();
        return Err(Failure::Broken(format!("HTTP {status} and no WebSocket")));
    }
    if answer.headers().get(ACCEPT.0).map(HeaderValue::as_bytes) != Some(ACCEPT.1.as_bytes()) {
        let why = "a switch to WebSocket that isn't an answer to ours";
        return Err(Failure::Broken(why.to_owned()));
    }
    if let Ok(mut connection) = answer.upgrade().await {
        // Whether it hears the goodbye is no matter: it has shown that it is there.
        let _ = connection.write_all(&GOODBYE).await;
    }
    Ok(Facts::Connected { banner: Vec::new() })
}

/// A WebSocket's URL as that of the request that opens it.
fn http_url(text: &str) -> Result<Url, Blind> {
    let mut url = Url::parse(text)
        .map_err(|error| blind(Reason::Parse, format!("the URL is not valid: {error}")))?;
    let scheme = match url.scheme() {
        "ws" | "http" => Ok("http"),
        "wss" | "https" => Ok("https"),
        _ => Err(()),
    };
    scheme
        .and_then(|scheme| url.set_scheme(scheme))
        .map_err(|()| blind(Reason::Parse, "the URL has to start with ws:// or wss://"))?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// A server that answers one request, and brings home what it was sent, to the end.
    async fn serve(answer: &str) -> (String, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/live?token=x", listener.local_addr().unwrap());
        let answer = answer.replace('\n', "\r\n");
        let serving = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"\r\n\r\n") {
                heard.push(peer.read_u8().await.unwrap());
            }
            peer.write_all(answer.as_bytes()).await.unwrap();
            peer.shutdown().await.unwrap();
            let _ = peer.read_to_end(&mut heard).await;
            heard
        });
        (url, serving)
    }

    const SWITCH: &str =
        "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n";

    #[tokio::test]
    async fn a_handshake_that_is_answered_connects_and_says_goodbye() {
        let (url, serving) =
            serve(&format!("{SWITCH}Sec-WebSocket-Accept: {}\n\n", ACCEPT.1)).await;
        let seen = look(&Web::default(), &url).await;
        assert_eq!(seen, Ok(Facts::Connected { banner: Vec::new() }));
        let heard = serving.await.unwrap();
        let head = String::from_utf8_lossy(&heard).to_lowercase();
        assert!(head.starts_with("get /live?token=x http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
        assert!(heard.ends_with(&GOODBYE), "{heard:?}");
    }

    #[tokio::test]
    async fn what_is_no_websocket_is_a_finding() {
        let broken = |why: &str| {
            Ok(Facts::Broken {
                why: why.to_owned(),
            })
        };
        let (url, _serving) = serve("HTTP/1.1 404 Not Found\nContent-Length: 0\n\n").await;
        assert_eq!(
            look(&Web::default(), &url).await,
            broken("HTTP 404 and no WebSocket")
        );
        let (url, _serving) = serve(&format!("{SWITCH}Sec-WebSocket-Accept: bm8=\n\n")).await;
        assert_eq!(
            look(&Web::default(), &url).await,
            broken("a switch to WebSocket that isn't an answer to ours")
        );
        let refused = look(&Web::default(), "ws://127.0.0.1:1/").await;
        assert_eq!(refused, Ok(Facts::Refused));
    }

    #[tokio::test]
    async fn only_websockets_are_spoken() {
        for url in ["ftp://host/", "nonsense"] {
            let seen = look(&Web::default(), url).await;
            assert_eq!(
                seen.map_err(|blind| blind.reason),
                Err(Reason::Parse),
                "{url}"
            );
        }
    }
}
