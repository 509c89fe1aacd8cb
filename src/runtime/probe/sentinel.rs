//! Looking at our own end of the network: the resolver and the route.
//!
//! Neither question depends on anybody's service being up. The resolver is asked for the root's servers, which it
//! knows or learns at once; the route for whether a packet to somewhere far could leave, without sending one.

use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long the resolver may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Addresses for documentation, which nobody has (RFC 5737, RFC 3849): they take the default route.
const FAR: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// Whether this machine can look at others at all.
///
/// # Errors
/// What is wrong, in a few words.
pub async fn sight() -> Result<(), String> {
    route().await?;
    let resolver = TokioResolver::builder_tokio()
        .and_then(|mut builder| {
            builder.options_mut().cache_size = 0;
            builder.options_mut().timeout = LIMIT / 3;
            builder.build()
        })
        .map_err(|error| format!("no resolver is configured: {error}"))?;
    answers(&resolver, LIMIT).await
}

/// Connecting a datagram socket looks up the route and sends nothing.
async fn route() -> Result<(), String> {
    let mut why = String::new();
    for (here, there) in FAR {
        let socket = UdpSocket::bind(here).await;
        let connected = match socket {
            Ok(socket) => socket.connect(there).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(()) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(format!("no route from here: {why}"))
}

/// Any answer but "I failed" shows that the resolver works.
async fn answers(resolver: &TokioResolver, limit: Duration) -> Result<(), String> {
    let asking = resolver.lookup(Name::root(), RecordType::NS);
    match timeout(limit, asking).await {
        Err(_) => Err("our resolver doesn't answer".to_owned()),
        Ok(Ok(_) | Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => Ok(()),
        Ok(Err(NetError::Dns(DnsError::ResponseCode(code)))) if code != ResponseCode::ServFail => {
            Ok(())
        }
        Ok(Err(error)) => Err(format!("our resolver can't answer: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dns::at;
    use super::super::dns::tests::serve;
    use super::*;

    async fn heard(server: std::net::SocketAddr) -> Result<(), String> {
        let resolver = at(server, true, LIMIT).unwrap();
        answers(&resolver, Duration::from_millis(500)).await
    }

    #[tokio::test]
    async fn rule_13_a_resolver_that_speaks_works_whatever_it_says() {
        assert_eq!(heard(serve(|_, _| Ok(Vec::new())).await).await, Ok(()));
        assert_eq!(
            heard(serve(|_, _| Err(ResponseCode::Refused)).await).await,
            Ok(())
        );
        let failed = heard(serve(|_, _| Err(ResponseCode::ServFail)).await).await;
        assert!(failed.is_err_and(|why| why.starts_with("our resolver can't answer")));
    }

    #[tokio::test]
    async fn rule_13_a_resolver_that_hangs_or_is_gone_is_blindness() {
        let hangs = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let silent = heard(hangs.local_addr().unwrap()).await;
        assert!(silent.is_err(), "{silent:?}");
        let gone = hangs.local_addr().unwrap();
        drop(hangs);
        assert!(heard(gone).await.is_err());
    }
}
