//! `dns` checks: what the system's resolver says of a name.
//!
//! Only addresses, and only by the system's resolver, which is what the launched service's neighbours use too. It
//! reports "no such name" and "the resolver doesn't answer" through one error whose text differs between C
//! libraries, so both are unknown here. Other records and chosen resolvers need a resolver of our own.

use std::net::IpAddr;

use tokio::net::lookup_host;

use super::blind;
use crate::check::{Blind, Facts, Reason};

/// Looks up the addresses of `name`; `record` is `A` or `AAAA`.
pub(super) async fn look(name: &str, record: &str, resolvers: &[String]) -> Result<Facts, Blind> {
    if !resolvers.is_empty() {
        return Err(blind(
            Reason::Unsupported,
            "asking a chosen resolver comes in a later version",
        ));
    }
    let wanted: fn(&IpAddr) -> bool = match record.to_ascii_uppercase().as_str() {
        "A" => IpAddr::is_ipv4,
        "AAAA" => IpAddr::is_ipv6,
        _ => {
            return Err(blind(
                Reason::Unsupported,
                format!("{record} records come in a later version"),
            ));
        }
    };
    let found = lookup_host((name, 0))
        .await
        .map_err(|error| blind(Reason::Dns, format!("{name}: {error}")))?;
    let mut values: Vec<String> = found
        .map(|address| address.ip())
        .filter(wanted)
        .map(|address| address.to_string())
        .collect();
    values.sort();
    values.dedup();
    Ok(Facts::Dns { values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_of_the_family_that_was_asked_for() {
        let found = look("127.0.0.1", "A", &[]).await;
        assert_eq!(
            found,
            Ok(Facts::Dns {
                values: vec!["127.0.0.1".to_owned()]
            })
        );
        assert_eq!(
            look("127.0.0.1", "AAAA", &[]).await,
            Ok(Facts::Dns { values: Vec::new() })
        );
    }

    #[tokio::test]
    async fn what_the_system_resolver_cannot_do_is_unsupported() {
        for (record, resolvers) in [("TXT", vec![]), ("A", vec!["192.0.2.1".to_owned()])] {
            let seen = look("127.0.0.1", record, &resolvers)
                .await
                .map_err(|blind| blind.reason);
            assert_eq!(seen, Err(Reason::Unsupported), "{record}");
        }
    }
}
