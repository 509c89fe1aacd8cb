use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::check::{Expectation, Judgement, Verdict, judge};

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Who signs the tests' certificates, by name: two of one name would be taken for each other.
pub(in super::super) fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A TLS server on a free port of 127.0.0.1 that shows a certificate for `name` which ends in `year`.
pub(in super::super) async fn serve(
    issuer: &Issuer,
    name: &str,
    year: i32,
    versions: &[&'static SupportedProtocolVersion],
) -> String {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, issuer).unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    tokio::spawn(async move {
        while let Ok((peer, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(peer).await {
                    let _ = stream.read_u8().await;
                }
            });
        }
    });
    port
}

/// A looker that trusts this issuer alone.
fn trusting(issuer: &Issuer) -> Trust {
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    Trust(OnceLock::from(Ok(
        verifier.build().unwrap() as Arc<dyn ServerCertVerifier>
    )))
}

async fn judged(trust: &Trust, port: &str, expected: &[&str]) -> Judgement {
    let expectations: Vec<Expectation> = expected
        .iter()
        .map(|text| Expectation::parse(text, "tls").unwrap())
        .collect();
    let refuses: Vec<String> = expectations
        .iter()
        .filter_map(Expectation::refused_version)
        .map(str::to_owned)
        .collect();
    judge(
        &expectations,
        &trust.look("localhost", port, &refuses).await,
    )
}

pub(in super::super) const BOTH: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

#[tokio::test]
async fn a_good_certificate_passes_and_old_versions_are_refused() {
    let issuer = authority("ours");
    let port = serve(&issuer, "localhost", 4000, &BOTH).await;
    let expected = [
        "trusted",
        "version >= 1.2",
        "expires_in > 21d",
        "refuses 1.0",
        "refuses 1.1",
    ];
    let seen = judged(&trusting(&issuer), &port, &expected).await;
    assert_eq!(seen.verdict, Verdict::Pass, "{}", seen.because);
    assert!(seen.observed.starts_with("TLS 1.3 · "), "{}", seen.observed);
}

#[tokio::test]
async fn a_version_that_is_spoken_is_not_refused() {
    let issuer = authority("ours");
    let trust = trusting(&issuer);
    let both = serve(&issuer, "localhost", 4000, &BOTH).await;
    for version in ["1.2", "1.3"] {
        let seen = judged(&trust, &both, &[&format!("refuses {version}")]).await;
        assert_eq!(seen.verdict, Verdict::Fail, "{version}");
        assert!(
            seen.because
                .ends_with(&format!("TLS {version} is accepted")),
            "{}",
            seen.because
        );
    }
    let old = serve(&issuer, "localhost", 4000, &BOTH[..1]).await;
    let seen = judged(&trust, &old, &["refuses 1.3"]).await;
    assert_eq!(seen.verdict, Verdict::Pass, "{}", seen.because);
    assert_eq!(
        judged(&trust, &old, &["version >= 1.3"]).await.verdict,
        Verdict::Fail
    );
    let new = serve(&issuer, "localhost", 4000, &BOTH[1..]).await;
    assert_eq!(
        judged(&trust, &new, &["refuses 1.2"]).await.verdict,
        Verdict::Pass
    );
}

#[tokio::test]
async fn a_bad_certificate_fails_and_says_why() {
    let issuer = authority("ours");
    let trust = trusting(&issuer);
    let expired = serve(&issuer, "localhost", 2021, &BOTH).await;
    let elsewhere = serve(&issuer, "elsewhere.test", 4000, &BOTH).await;
    let unknown = serve(&authority("somebody"), "localhost", 4000, &BOTH).await;
    for (port, why) in [
        (&expired, "the certificate has expired"),
        (&elsewhere, "the certificate is for another name"),
        (&unknown, "a certificate from nobody this machine trusts"),
    ] {
        let seen = judged(&trust, port, &["trusted"]).await;
        assert_eq!(seen.verdict, Verdict::Fail);
        assert!(seen.because.ends_with(why), "{}", seen.because);
    }
    let seen = judged(&trust, &expired, &["expires_in > 21d"]).await;
    assert_eq!(seen.verdict, Verdict::Fail);
    assert!(seen.because.contains("expired"), "{}", seen.because);
    assert_eq!(
        judged(&trust, &expired, &["version >= 1.2"]).await.verdict,
        Verdict::Pass
    );
}

/// A server that answers every connection with these bytes and hangs up.
async fn say(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            // Read first: closing with something unread would reset the connection and lose what was said.
            let mut hello = [0; 4096];
            let _ = peer.read(&mut hello).await;
            let _ = peer.write_all(bytes).await;
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_broken_and_not_unseen() {
    let trust = trusting(&authority("ours"));
    for (answer, why) in [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
            "an answer that isn't TLS",
        ),
        (
            b"\x15\x03\x01\0\x02\x02\x46",
            "the TLS alert ProtocolVersion",
        ),
        (b"", "a refused connection"),
    ] {
        let seen = judged(&trust, &say(answer).await, &["trusted"]).await;
        assert_eq!(seen.verdict, Verdict::Fail, "{why}");
        assert!(seen.because.ends_with(why), "{}", seen.because);
    }
}

/// Whether each hand-written hello is taken, by a server that answers with these bytes.
async fn accepted(answer: &'static [u8], version: &str) -> Result<Vec<String>, Failure> {
    let port = say(answer).await;
    hello::refused_of(&[version.to_owned()], "localhost", &port).await
}

#[tokio::test]
async fn an_old_version_is_refused_by_an_alert_a_close_or_another_version() {
    const HELLO_1_1: &[u8] = b"\x16\x03\x02\0\x2a\x02\0\0\x26\x03\x02\
        ................................\0\0\x2f\0";
    const WARNED: &[u8] = b"\x15\x03\x02\0\x02\x01\x70\x16\x03\x02\0\x2a\x02\0\0\x26\x03\x02\
        ................................\0\0\x2f\0";
    for (answer, version, refused) in [
        (HELLO_1_1, "1.1", false),
        (WARNED, "1.1", false),
        (HELLO_1_1, "1.0", true),
        (b"\x15\x03\x02\0\x02\x02\x46", "1.1", true),
        (b"", "1.1", true),
    ] {
        let seen = accepted(answer, version).await.unwrap();
        assert_eq!(seen.is_empty(), !refused, "{answer:?} {version}");
    }
    assert!(matches!(
        accepted(b"HTTP/1.1 400\r\n", "1.1").await,
        Err(Failure::Broken(_))
    ));
}

#[tokio::test]
async fn a_machine_without_roots_is_blind() {
    let trust = Trust(OnceLock::from(Err(blind(Reason::Tls, "no roots"))));
    let port = serve(&authority("ours"), "localhost", 4000, &BOTH).await;
    let seen = judged(&trust, &port, &["trusted"]).await;
    assert_eq!(seen.verdict, Verdict::Unknown(Reason::Tls));
}
