//! `dns` checks: what resolvers say of a name.
//!
//! A resolver of our own does the asking, and not the C library: that one reports "no such name" and "the resolver
//! doesn't answer" through one error, and the first is a finding while the second is our blindness. It reads the
//! system's configuration and hosts file anew for every look and remembers nothing, so that a look sees the world
//! and not a cache. Names that only the C library's plugins know (mDNS, LDAP) are not found.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::timeout;

use super::{blind, timed_out};
use crate::check::{Blind, DnsAnswer, Facts, Reason};

/// The records that can be asked for.
const RECORDS: [RecordType; 7] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CNAME,
    RecordType::MX,
    RecordType::TXT,
    RecordType::NS,
    RecordType::SRV,
];

/// Stands in a list of resolvers for the servers of the name's own zone.
const AUTHORITATIVE: &str = "authoritative";

/// Of a zone's servers so many are asked; the root has 13, and nobody's zone has more.
const AUTHORITIES: usize = 13;

/// How resolvers are found.
#[derive(Debug)]
pub(super) struct Resolvers {
    /// Takes the place of the system's resolver where a test has one of its own.
    system: Option<SocketAddr>,
    /// Where resolvers listen that are given without a port.
    port: u16,
}

impl Default for Resolvers {
    fn default() -> Self {
        Self {
            system: None,
            port: 53,
        }
    }
}

/// A resolver to ask.
struct Asked {
    /// As the runbook, or the zone, names it.
    label: String,
    resolver: TokioResolver,
}

impl Resolvers {
    /// Asks every one of `resolvers`, or the system's, for the name's records, all at once and within `limit`.
    pub(super) async fn look(
        &self,
        name: &str,
        record: &str,
        resolvers: &[String],
        limit: Duration,
    ) -> Result<Facts, Blind> {
        let record = record_type(record)?;
        let name = parse_name(name)?;
        // Less than the look may take, so that one that hangs doesn't hide what the others say.
        let share = limit.mul_f64(0.8);
        let asking = async {
            let asked = self.chosen(&name, resolvers, limit).await?;
            Ok(join_all(asked.iter().map(|one| one.ask(&name, record, share))).await)
        };
        let answers: Vec<DnsAnswer> = asking.await?;
        match answers.as_slice() {
            [
                DnsAnswer {
                    values: Err(blind), ..
                },
            ] => Err(blind.clone()),
            _ => Ok(Facts::Dns { answers }),
        }
    }

    async fn chosen(
        &self,
        name: &Name,
        resolvers: &[String],
        limit: Duration,
    ) -> Result<Vec<Asked>, Blind> {
        if resolvers.is_empty() {
            let resolver = self.system(limit)?;
            return Ok(vec![Asked {
                label: String::new(),
                resolver,
            }]);
        }
        let mut asked = Vec::new();
        for written in resolvers {
            match written.trim() {
                AUTHORITATIVE => asked.append(&mut self.authorities(name, limit).await?),
                written => asked.push(self.given(written, limit).await?),
            }
        }
        Ok(asked)
    }

    fn system(&self, limit: Duration) -> Result<TokioResolver, Blind> {
        if let Some(address) = self.system {
            return at(address, true, limit);
        }
        let mut builder = TokioResolver::builder_tokio().map_err(|error| {
            let what = "the system's resolver configuration can't be read";
            blind(Reason::Dns, format!("{what}: {error}"))
        })?;
        bound(builder.options_mut(), limit);
        builder.build().map_err(|error| unanswered(&error))
    }

    /// An address or a host name, with a port or without.
    async fn given(&self, written: &str, limit: Duration) -> Result<Asked, Blind> {
        let address = match (written.parse::<SocketAddr>(), written.parse::<IpAddr>()) {
            (Ok(address), _) => address,
            (_, Ok(ip)) => SocketAddr::new(ip, self.port),
            _ => SocketAddr::new(self.address(&parse_name(written)?, limit).await?, self.port),
        };
        Ok(Asked {
            label: written.to_owned(),
            resolver: at(address, true, limit)?,
        })
    }

    /// The servers of the zone that the name is in.
    ///
    /// The zone is the nearest name upwards that has NS records; RFC 1034, section 4.2.
    async fn authorities(&self, name: &Name, limit: Duration) -> Result<Vec<Asked>, Blind> {
        let system = self.system(limit)?;
        let mut zone = name.clone();
        zone.set_fqdn(true);
        while !zone.is_root() {
            let servers = records(&system, &zone, RecordType::NS).await?;
            if !servers.is_empty() {
                let found = servers.into_iter().take(AUTHORITIES);
                let asked = join_all(found.map(|server| self.authority(server, limit))).await;
                return asked.into_iter().collect();
            }
            zone = zone.base_name();
        }
        let why = format!("no servers are known for the zone of {name}");
        Err(blind(Reason::Dns, why))
    }

    async fn authority(&self, server: String, limit: Duration) -> Result<Asked, Blind> {
        let ip = self.address(&parse_name(&server)?, limit).await?;
        Ok(Asked {
            resolver: at(SocketAddr::new(ip, self.port), false, limit)?,
            label: server,
        })
    }

    /// An address of a resolver that is given by name; IPv4 first, since more machines have a route for it.
    async fn address(&self, name: &Name, limit: Duration) -> Result<IpAddr, Blind> {
        let system = self.system(limit)?;
        for record in [RecordType::A, RecordType::AAAA] {
            let found = records(&system, name, record).await?;
            if let Some(ip) = found.first().and_then(|ip| ip.parse().ok()) {
                return Ok(ip);
            }
        }
        Err(blind(
            Reason::Dns,
            format!("the resolver {name} has no address"),
        ))
    }
}

impl Asked {
    async fn ask(&self, name: &Name, record: RecordType, limit: Duration) -> DnsAnswer {
        let asking = records(&self.resolver, name, record);
        let values = timeout(limit, asking)
            .await
            .unwrap_or_else(|_| Err(timed_out(limit)));
        DnsAnswer {
            resolver: self.label.clone(),
            values: values.map_err(|blind| self.signed(blind)),
        }
    }

    /// Says which of several resolvers it was.
    fn signed(&self, mut blind: Blind) -> Blind {
        if !self.label.is_empty() {
            blind.detail = format!("{}: {}", self.label, blind.detail);
        }
        blind
    }
}

fn record_type(text: &str) -> Result<RecordType, Blind> {
    let known = RECORDS.into_iter();
    known
        .clone()
        .find(|record| record.to_string().eq_ignore_ascii_case(text.trim()))
        .ok_or_else(|| {
            let known: Vec<String> = known.map(|record| record.to_string()).collect();
            let why = format!(
                "`{text}` records can't be asked for, only {}",
                known.join(", ")
            );
            blind(Reason::Unsupported, why)
        })
}

fn parse_name(text: &str) -> Result<Name, Blind> {
    Name::from_utf8(text.trim())
        .map_err(|error| blind(Reason::Parse, format!("`{text}` is not a name: {error}")))
}

/// A resolver at this address and nowhere else; `recursive` unless it is to speak of its own zones only.
pub(super) fn at(
    address: SocketAddr,
    recursive: bool,
    limit: Duration,
) -> Result<TokioResolver, Blind> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    let server = NameServerConfig::new(address.ip(), true, connections.into());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    bound(options, limit);
    options.use_hosts_file = ResolveHosts::Never;
    options.recursion_desired = recursive;
    builder.build().map_err(|error| unanswered(&error))
}

/// No cache, and a second try while there is time for its answer: a lost packet is no outage.
fn bound(options: &mut ResolverOpts, limit: Duration) {
    options.cache_size = 0;
    options.attempts = 2;
    options.timeout = limit / 3;
}

/// The values of the name's records, sorted; empty when there are none.
async fn records(
    resolver: &TokioResolver,
    name: &Name,
    record: RecordType,
) -> Result<Vec<String>, Blind> {
    let found = match resolver.lookup(name.clone(), record).await {
        Ok(found) => found,
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) if says_none(&none) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unanswered(&error)),
    };
    // What led there, the CNAMEs, is part of the answer.
    let wanted = found.answers().iter().map(|answer| &answer.data);
    let mut values: Vec<String> = wanted
        .filter(|data| data.record_type() == record)
        .map(value)
        .collect();
    values.sort();
    values.dedup();
    Ok(values)
}

/// Whether this says that there is no such record, and not merely where else to ask: a server that refers us on
/// isn't responsible for the name.
fn says_none(none: &NoRecords) -> bool {
    let negative = matches!(
        none.response_code,
        ResponseCode::NXDomain | ResponseCode::NoError
    );
    negative && (none.soa.is_some() || none.ns.is_none())
}

/// A record's value as zone files write it, without the root's dot; the parts of a TXT record make one text, as
/// those who read them put them together (RFC 7208, section 3.3).
fn value(data: &RData) -> String {
    match data {
        RData::TXT(text) => String::from_utf8_lossy(&text.txt_data.concat()).into_owned(),
        data => data.to_string().trim_end_matches('.').to_owned(),
    }
}

fn unanswered(error: &NetError) -> Blind {
    let reason = match error {
        NetError::Timeout => Reason::Timeout,
        _ => Reason::Dns,
    };
    blind(reason, error.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use hickory_resolver::proto::op::{Message, MessageType};
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, CNAME, MX, NS, TXT};
    use tokio::net::UdpSocket;

    use super::*;

    /// Long enough that no test on a busy machine runs into it by accident.
    const PLENTY: Duration = Duration::from_secs(30);

    fn a(last: u8) -> RData {
        RData::A(A::new(203, 0, 113, last))
    }

    /// A server on a free port of 127.0.0.1 that answers every question as `zone` says: with records, or a code.
    pub(in super::super) async fn serve(
        zone: fn(&str, RecordType) -> Result<Vec<RData>, ResponseCode>,
    ) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut packet = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
                let asked = Message::from_vec(&packet[..length]).unwrap();
                let answer = answer(&asked, zone).to_vec().unwrap();
                socket.send_to(&answer, peer).await.unwrap();
            }
        });
        address
    }

    fn answer(
        asked: &Message,
        zone: fn(&str, RecordType) -> Result<Vec<RData>, ResponseCode>,
    ) -> Message {
        let query = asked.queries[0].clone();
        let mut answer = asked.clone();
        answer.metadata.message_type = MessageType::Response;
        match zone(&query.name().to_string(), query.query_type()) {
            Ok(records) => {
                let record = |data| Record::from_rdata(query.name().clone(), 60, data);
                answer.add_answers(records.into_iter().map(record));
            }
            Err(code) => answer.metadata.response_code = code,
        }
        answer
    }

    async fn ask(name: &str, record: &str, resolvers: &[String]) -> Result<Facts, Blind> {
        Resolvers::default()
            .look(name, record, resolvers, PLENTY)
            .await
    }

    fn said(answers: &[(&str, &[&str])]) -> Result<Facts, Blind> {
        let answer = |(resolver, values): &(&str, &[&str])| DnsAnswer {
            resolver: (*resolver).to_owned(),
            values: Ok(values.iter().map(ToString::to_string).collect()),
        };
        Ok(Facts::Dns {
            answers: answers.iter().map(answer).collect(),
        })
    }

    #[tokio::test]
    async fn each_kind_of_record_is_written_as_in_a_zone_file() {
        fn zone(_: &str, record: RecordType) -> Result<Vec<RData>, ResponseCode> {
            let mail =
                |preference, host| RData::MX(MX::new(preference, Name::from_ascii(host).unwrap()));
            Ok(match record {
                RecordType::A => vec![a(8), a(7), a(7)],
                RecordType::MX => vec![mail(20, "b.test."), mail(10, "a.test.")],
                RecordType::TXT => vec![RData::TXT(TXT::new(vec![
                    "v=spf1 include:".to_owned(),
                    "mail.test -all".to_owned(),
                ]))],
                _ => vec![RData::CNAME(CNAME(Name::from_ascii("Edge.test.").unwrap()))],
            })
        }
        let resolver = serve(zone).await.to_string();
        for (record, values) in [
            ("A", ["203.0.113.7", "203.0.113.8"].as_slice()),
            ("mx", &["10 a.test", "20 b.test"]),
            ("TXT", &["v=spf1 include:mail.test -all"]),
            ("CNAME", &["Edge.test"]),
        ] {
            assert_eq!(
                ask("www.test", record, std::slice::from_ref(&resolver)).await,
                said(&[(&resolver, values)])
            );
        }
    }

    #[tokio::test]
    async fn no_such_name_is_a_fact_and_a_resolver_in_trouble_is_not() {
        let missing = serve(|_, _| Err(ResponseCode::NXDomain)).await.to_string();
        let empty = serve(|_, _| Ok(Vec::new())).await.to_string();
        for resolver in [missing, empty] {
            let seen = ask("www.test", "A", std::slice::from_ref(&resolver)).await;
            assert_eq!(seen, said(&[(&resolver, &[])]));
        }
        for code in [ResponseCode::ServFail, ResponseCode::Refused] {
            // A function pointer can't capture the code.
            let troubled = match code {
                ResponseCode::ServFail => serve(|_, _| Err(ResponseCode::ServFail)).await,
                _ => serve(|_, _| Err(ResponseCode::Refused)).await,
            };
            let seen = ask("www.test", "A", &[troubled.to_string()]).await;
            assert_eq!(
                seen.map_err(|blind| blind.reason),
                Err(Reason::Dns),
                "{code}"
            );
        }
    }

    #[tokio::test]
    async fn a_resolver_that_hangs_does_not_hide_the_others() {
        let hangs = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let hangs = hangs.local_addr().unwrap().to_string();
        let answers = serve(|_, _| Ok(vec![a(7)])).await.to_string();
        let asked = [hangs, answers];
        let seen = Resolvers::default()
            .look("www.test", "A", &asked, Duration::from_secs(1))
            .await;
        let Ok(Facts::Dns { answers }) = seen else {
            panic!("{seen:?}")
        };
        assert!(answers[0].values.is_err(), "{answers:?}");
        assert_eq!(answers[1].values, Ok(vec!["203.0.113.7".to_owned()]));
    }

    #[tokio::test]
    async fn the_authoritative_servers_are_those_of_the_zone() {
        fn zone(name: &str, record: RecordType) -> Result<Vec<RData>, ResponseCode> {
            match (name, record) {
                ("kestrel.test.", RecordType::NS) => {
                    let server = |name| RData::NS(NS(Name::from_ascii(name).unwrap()));
                    Ok(vec![
                        server("ns1.kestrel.test."),
                        server("ns2.kestrel.test."),
                    ])
                }
                ("ns1.kestrel.test." | "ns2.kestrel.test.", RecordType::A) => {
                    Ok(vec![RData::A(A::new(127, 0, 0, 1))])
                }
                ("api.kestrel.test.", RecordType::A) => Ok(vec![a(7)]),
                _ => Ok(Vec::new()),
            }
        }
        let server = serve(zone).await;
        let resolvers = Resolvers {
            system: Some(server),
            port: server.port(),
        };
        let asked = ["authoritative".to_owned()];
        let seen = resolvers
            .look("api.kestrel.test", "A", &asked, PLENTY)
            .await;
        let both: &[(&str, &[&str])] = &[
            ("ns1.kestrel.test", &["203.0.113.7"]),
            ("ns2.kestrel.test", &["203.0.113.7"]),
        ];
        assert_eq!(seen, said(both));
        let named = ["ns1.kestrel.test".to_owned()];
        let seen = resolvers
            .look("api.kestrel.test", "A", &named, PLENTY)
            .await;
        assert_eq!(seen, said(&both[..1]));
        let lost = resolvers.look("elsewhere.test", "A", &asked, PLENTY).await;
        assert_eq!(lost.map_err(|blind| blind.reason), Err(Reason::Dns));
    }

    #[tokio::test]
    async fn the_system_knows_this_machine() {
        assert_eq!(
            ask("localhost", "A", &[]).await,
            said(&[("", &["127.0.0.1"])])
        );
    }

    #[tokio::test]
    async fn what_cannot_be_asked_for_is_named() {
        let seen = ask("www.test", "SOA", &[]).await.unwrap_err();
        assert_eq!(seen.reason, Reason::Unsupported);
        assert!(seen.detail.contains("A, AAAA, CNAME"), "{}", seen.detail);
        let seen = ask(&"x".repeat(64), "A", &[]).await;
        assert_eq!(seen.map_err(|blind| blind.reason), Err(Reason::Parse));
    }
}
