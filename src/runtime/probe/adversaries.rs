//! Targets that do everything wrong, and the verdict each of them has to get.
//!
//! Each is a server of our own on the loopback interface. What one of them sends without end it sends until the
//! connection is closed on it, so that a look which doesn't stop reading never returns and the test hangs: bounded
//! memory and time need no measuring.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::Prober;
use super::tls::tests::{BOTH, authority, serve as serve_tls};
use crate::check::{Expectation, HttpProbe, Judgement, Probe, Reason, Verdict, judge};

/// Long enough that no test on a busy machine runs into it by accident.
const PLENTY: Duration = Duration::from_secs(30);

/// Short, for the tests that wait for it to run out.
const LITTLE: Duration = Duration::from_millis(300);

async fn judged(probe: &Probe, expected: &[&str], limit: Duration) -> Judgement {
    let parse = |text: &&str| Expectation::parse(text, probe.kind()).unwrap();
    let expectations: Vec<Expectation> = expected.iter().map(parse).collect();
    let prober = Prober::new(Path::new("."), BTreeMap::new());
    judge(&expectations, &prober.look(probe, limit).await)
}

fn get(url: String) -> HttpProbe {
    HttpProbe {
        url,
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: None,
        follow: false,
        burst: 1,
    }
}

/// A server that treats every connection alike, once its first bytes were read.
async fn serve<F>(treat: fn(TcpStream) -> F) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let mut request = [0; 4096];
            if peer.read(&mut request).await.is_ok() {
                tokio::spawn(treat(peer));
            }
        }
    });
    address
}

/// Sends `first`, and then `again` until the connection is closed.
async fn send_forever(mut peer: TcpStream, first: &[u8], again: &[u8]) {
    let mut sent = peer.write_all(first).await;
    while sent.is_ok() {
        sent = peer.write_all(again).await;
    }
}

/// One look of every kind that asks something of a server at this address.
fn every_kind(address: SocketAddr) -> Vec<(Probe, &'static str)> {
    let (host, port) = ("127.0.0.1".to_owned(), address.port().to_string());
    let service = String::new();
    vec![
        (
            Probe::Http(get(format!("http://{address}/"))),
            "status == 200",
        ),
        (
            Probe::Http(get(format!("https://{address}/"))),
            "status == 200",
        ),
        (
            Probe::Tcp {
                host: host.clone(),
                port: port.clone(),
                send: Some("PING\r\n".to_owned()),
            },
            "banner contains \"+PONG\"",
        ),
        (
            Probe::Tls {
                host,
                port,
                refuses: vec!["1.1".to_owned()],
            },
            "refuses 1.1",
        ),
        (
            Probe::Alerts {
                url: format!("http://{address}"),
                matching: Vec::new(),
            },
            "none firing",
        ),
        (
            Probe::Grpc {
                url: address.to_string(),
                service,
            },
            "serving",
        ),
        (
            Probe::WebSocket {
                url: format!("ws://{address}/"),
            },
            "connects",
        ),
    ]
}

#[tokio::test]
async fn who_accepts_and_never_answers_is_unknown_to_every_kind() {
    let address = serve(|peer| async move {
        let _open = peer;
        std::future::pending().await
    })
    .await;
    for (probe, expected) in every_kind(address) {
        let seen = judged(&probe, &[expected], LITTLE).await;
        assert_eq!(seen.verdict, Verdict::Unknown(Reason::Timeout), "{probe:?}");
    }
}

#[tokio::test]
async fn a_byte_at_a_time_is_no_answer_to_any_kind_that_waits_for_one() {
    let address = serve(|mut peer| async move {
        let mut drip = tokio::time::interval(LITTLE / 10);
        // The beginning of an answer in HTTP; to the others it is an answer, and a wrong one.
        for byte in b"HTTP/1.1 200 OK\r\nx-drip: "
            .iter()
            .chain([b'.'].iter().cycle())
        {
            drip.tick().await;
            if peer.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    })
    .await;
    for (probe, expected) in every_kind(address) {
        let seen = judged(&probe, &[expected], LITTLE).await;
        let right = match &probe {
            Probe::Http(http) if http.url.starts_with("https") => seen.verdict != Verdict::Pass,
            Probe::Http(_) | Probe::Alerts { .. } | Probe::WebSocket { .. } => {
                seen.verdict == Verdict::Unknown(Reason::Timeout)
            }
            _ => seen.verdict != Verdict::Pass,
        };
        assert!(right, "{probe:?}: {seen:?}");
    }
}

#[tokio::test]
async fn who_refuses_fails_except_the_witness() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for (probe, expected) in every_kind(address) {
        let seen = judged(&probe, &[expected], PLENTY).await;
        let verdict = match probe {
            Probe::Alerts { .. } => Verdict::Unknown(Reason::Connect),
            _ => Verdict::Fail,
        };
        assert_eq!(seen.verdict, verdict, "{probe:?}");
    }
}

#[tokio::test]
async fn a_body_without_end_is_read_to_the_cap_by_every_kind() {
    let address = serve(|peer| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n";
        send_forever(peer, head, &[b'['; 1 << 16]).await;
    })
    .await;
    let seen = judged(
        &Probe::Http(get(format!("http://{address}/"))),
        &["status == 200", "json .ok == true"],
        PLENTY,
    )
    .await;
    assert_eq!(seen.verdict, Verdict::Unknown(Reason::Parse), "{seen:?}");
    for (probe, expected) in every_kind(address) {
        let seen = judged(&probe, &[expected], PLENTY).await;
        let verdict = match &probe {
            Probe::Http(http) if http.url.starts_with("http:") => Verdict::Pass,
            Probe::Alerts { .. } | Probe::Grpc { .. } => Verdict::Unknown(Reason::Parse),
            _ => Verdict::Fail,
        };
        assert_eq!(seen.verdict, verdict, "{probe:?}: {seen:?}");
    }
}

#[tokio::test]
async fn headers_without_end_are_not_understood() {
    let address = serve(|peer| async move {
        send_forever(
            peer,
            b"HTTP/1.1 200 OK\r\n",
            &b"x-more: of the same\r\n".repeat(100),
        )
        .await;
    })
    .await;
    let probe = Probe::Http(get(format!("http://{address}/")));
    let seen = judged(&probe, &["status == 200"], PLENTY).await;
    assert_eq!(seen.verdict, Verdict::Unknown(Reason::Parse), "{seen:?}");
}

/// A gzip stream of zeroes: its beginning, and what can follow as often as one likes.
///
/// A block of fixed codes (RFC 1951, section 3.2.6) that holds one zero and then "258 bytes more of the same" in 13
/// bits, again and again; eight of them end where they began within a byte.
fn bomb() -> (Vec<u8>, Vec<u8>) {
    const BLOCK: &str = "010";
    const ZERO: &str = "00110000";
    const MORE: &str = "1100010100000";
    let bits = [BLOCK, ZERO].concat() + &MORE.repeat(16);
    let packed: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| (0..8).fold(0, |packed, bit| packed | (byte[bit] - b'0') << bit))
        .collect();
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n";
    let first = [head.as_bytes(), &gzip, &packed[..2]].concat();
    (first, packed[2..15].repeat(1000))
}

#[tokio::test]
async fn a_gzip_bomb_is_unpacked_to_the_cap() {
    let address = serve(|peer| async move {
        let (first, again) = bomb();
        send_forever(peer, &first, &again).await;
    })
    .await;
    let probe = Probe::Http(get(format!("http://{address}/")));
    let seen = judged(&probe, &["status == 200"], PLENTY).await;
    assert_eq!(seen.verdict, Verdict::Pass, "{seen:?}");
    let seen = judged(&probe, &["body contains \"ok\""], PLENTY).await;
    assert_eq!(seen.verdict, Verdict::Unknown(Reason::Parse));
    assert_eq!(seen.because, "only the first 1.0 MB were read");
}

#[tokio::test]
async fn a_redirect_to_a_file_is_the_answer_and_is_not_opened() {
    for target in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:1",
        "//",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer =
            format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let _ = peer.read(&mut [0; 4096]).await.unwrap();
            peer.write_all(answer.as_bytes()).await.unwrap();
        });
        let mut probe = get(format!("http://{address}/"));
        probe.follow = true;
        let seen = judged(&Probe::Http(probe), &["status == 302"], PLENTY).await;
        assert_eq!(seen.verdict, Verdict::Pass, "{target}: {seen:?}");
    }
}

#[tokio::test]
async fn an_expired_certificate_fails_and_an_unknown_issuer_leaves_us_blind() {
    let issuer = authority("nobody");
    let expired = serve_tls(&issuer, "localhost", 2021, &BOTH).await;
    let unknown = serve_tls(&issuer, "localhost", 4000, &BOTH).await;
    let probe = |port| Probe::Http(get(format!("https://localhost:{port}/")));
    let seen = judged(&probe(expired), &["status == 200"], PLENTY).await;
    assert_eq!(seen.verdict, Verdict::Fail, "{seen:?}");
    assert!(
        seen.because.ends_with("the certificate has expired"),
        "{}",
        seen.because
    );
    let seen = judged(&probe(unknown), &["status == 200"], PLENTY).await;
    assert_eq!(seen.verdict, Verdict::Unknown(Reason::Tls), "{seen:?}");
}

#[tokio::test]
async fn a_listener_that_dies_is_seen_though_its_old_connections_live() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (answered, dead) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut request = [0; 4096];
        let mut answered = Some(answered);
        // It goes on answering whoever is connected.
        while peer.read(&mut request).await.is_ok_and(|length| length > 0) {
            let answer = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok";
            peer.write_all(answer.as_bytes()).await.unwrap();
            answered.take().map(|answered| answered.send(()));
        }
    });
    let prober = Prober::new(Path::new("."), BTreeMap::new());
    let probe = Probe::Http(get(format!("http://{address}/")));
    let expected = [Expectation::parse("status == 200", "http").unwrap()];
    let seen = judge(&expected, &prober.look(&probe, PLENTY).await);
    assert_eq!(seen.verdict, Verdict::Pass, "{seen:?}");
    dead.await.unwrap();
    let seen = judge(&expected, &prober.look(&probe, PLENTY).await);
    assert_eq!(
        (seen.verdict, seen.observed.as_str()),
        (Verdict::Fail, "refused")
    );
}

#[tokio::test]
async fn a_resolver_that_hangs_leaves_us_blind() {
    let hangs = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let probe = Probe::Dns {
        name: "api.kestrel.test".to_owned(),
        record: "A".to_owned(),
        resolvers: vec![hangs.local_addr().unwrap().to_string()],
    };
    let seen = judged(&probe, &["resolves"], LITTLE).await;
    assert_eq!(seen.verdict, Verdict::Unknown(Reason::Timeout), "{seen:?}");
}
