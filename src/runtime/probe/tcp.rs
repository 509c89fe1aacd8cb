//! `tcp` checks: does something listen, and what does it say?

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::blind;
use super::failure::Failure;
use crate::check::{Blind, Facts, Observation, Reason};

/// More of a banner than this is not read; in bytes.
const BANNER_CAP: usize = 4096;

/// How long a peer that was sent nothing gets to speak first. Most protocols never do, so this is what every such
/// look costs; the servers that do (SSH, SMTP, FTP, MySQL) send at once.
const GREETING: Duration = Duration::from_millis(300);

/// A banner ends when its peer has been quiet for so long.
const QUIET: Duration = Duration::from_millis(50);

/// Connects, sends, and listens; `took` is the time until the connection stood, name lookup included.
///
/// When something was sent its answer is waited for until the look's time is up, because an answer that is merely
/// slow must not look like a wrong one.
pub(super) async fn look(host: &str, port: &str, send: Option<&str>) -> Observation {
    let started = Instant::now();
    let connected = connect(host, port).await;
    let took = started.elapsed();
    let facts = match connected {
        Ok(mut stream) => converse(&mut stream, send)
            .await
            .map_err(|error| Failure::from_io(&error, host)),
        Err(failure) => Err(failure),
    };
    let facts = facts
        .map(|banner| Facts::Connected { banner })
        .or_else(Failure::into_facts);
    Observation { facts, took }
}

/// Connects to whichever address of the host answers first.
///
/// All are tried at once, not one after the other: a black hole behind the first must not use up the time of the
/// second. A single refusal outweighs addresses that can't be reached from here, since on most machines that is
/// only an IPv6 address without an IPv6 route.
pub(super) async fn connect(host: &str, port: &str) -> Result<TcpStream, Failure> {
    let port: u16 = port
        .trim()
        .parse()
        .map_err(|_| blind(Reason::Parse, format!("`{port}` is not a port number")))?;
    let addresses: Vec<SocketAddr> = lookup_host((host, port))
        .await
        .map_err(|error| unresolved(host, &error))?
        .collect();
    let mut attempts: FuturesUnordered<_> = addresses.into_iter().map(TcpStream::connect).collect();
    let mut failure = Failure::Blind(blind(
        Reason::Dns,
        format!("{host}: the name has no address"),
    ));
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(_) if matches!(failure, Failure::Refused) => {}
            Err(error) => failure = Failure::from_io(&error, host),
        }
    }
    Err(failure)
}

fn unresolved(host: &str, error: &io::Error) -> Blind {
    blind(Reason::Dns, format!("{host}: {error}"))
}

async fn converse(stream: &mut TcpStream, send: Option<&str>) -> io::Result<Vec<u8>> {
    let mut banner = Vec::with_capacity(BANNER_CAP);
    if let Some(text) = send {
        stream.write_all(text.as_bytes()).await?;
        stream.read_buf(&mut banner).await?;
    } else if let Ok(greeted) = timeout(GREETING, stream.read_buf(&mut banner)).await {
        greeted?;
    }
    let mut heard = banner.len();
    while heard > 0 && banner.len() < BANNER_CAP {
        // The capacity is the cap: `read_buf` would grow a full buffer.
        heard = timeout(QUIET, stream.read_buf(&mut banner))
            .await
            .unwrap_or(Ok(0))?;
    }
    Ok(banner)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A listener on a free port, and that port as a runbook would write it.
    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        (listener, port)
    }

    fn banner(text: &str) -> Result<Facts, Blind> {
        Ok(Facts::Connected {
            banner: text.as_bytes().to_vec(),
        })
    }

    #[tokio::test]
    async fn a_port_nobody_listens_on_is_refused() {
        let (listener, port) = listener().await;
        drop(listener);
        assert_eq!(
            look("127.0.0.1", &port, None).await.facts,
            Ok(Facts::Refused)
        );
    }

    #[tokio::test]
    async fn a_greeting_that_comes_in_pieces_is_read_whole() {
        let (listener, port) = listener().await;
        let server = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            peer.write_all(b"220 ").await.unwrap();
            peer.flush().await.unwrap();
            peer.write_all(b"mail ready\r\n").await.unwrap();
        });
        assert_eq!(
            look("127.0.0.1", &port, None).await.facts,
            banner("220 mail ready\r\n")
        );
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_listener_is_connected() {
        let (_listener, port) = listener().await;
        assert_eq!(look("127.0.0.1", &port, None).await.facts, banner(""));
    }

    #[tokio::test]
    async fn what_is_sent_is_answered() {
        let (listener, port) = listener().await;
        let server = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut asked = [0; 6];
            peer.read_exact(&mut asked).await.unwrap();
            peer.write_all(b"+PONG\r\n").await.unwrap();
            asked
        });
        assert_eq!(
            look("127.0.0.1", &port, Some("PING\r\n")).await.facts,
            banner("+PONG\r\n")
        );
        assert_eq!(&server.await.unwrap(), b"PING\r\n");
    }

    #[tokio::test]
    async fn an_endless_banner_is_cut() {
        let (listener, port) = listener().await;
        let server = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            while peer.write_all(&[b'x'; 4096]).await.is_ok() {}
        });
        let Ok(Facts::Connected { banner }) = look("127.0.0.1", &port, None).await.facts else {
            panic!("it is connected")
        };
        assert_eq!(banner.len(), BANNER_CAP);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_port_that_is_no_number_is_not_a_broken_target() {
        let seen = look("127.0.0.1", "https", None)
            .await
            .facts
            .map_err(|blind| blind.reason);
        assert_eq!(seen, Err(Reason::Parse));
    }
}
