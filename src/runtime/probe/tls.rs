//! `tls` checks: the version that is spoken, how long the certificate lasts, whether it is to be trusted, and which
//! old versions are refused.
//!
//! The handshake goes on whatever the certificate is like, because an operator wants to know how long ago it ended
//! and not only that the handshake failed; what the verifier thought of it is written down beside. No session is
//! resumed: a resumed one shows no certificate.

mod hello;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::failure::{Failure, flaw};
use super::{blind, tcp};
use crate::check::{Blind, Facts, Observation, Reason};

/// The system's idea of whom to trust, read when first needed.
#[derive(Debug, Default)]
pub(super) struct Trust(OnceLock<Result<Arc<dyn ServerCertVerifier>, Blind>>);

/// What a handshake showed.
struct Seen {
    version: &'static str,
    expires_in: i64,
    doubt: Option<String>,
}

impl Trust {
    /// Shakes hands, and then tries each of the versions in `refuses`; `took` is the time of the first handshake.
    pub(super) async fn look(&self, host: &str, port: &str, refuses: &[String]) -> Observation {
        let started = Instant::now();
        let shaken = self.shake(host, port).await;
        let took = started.elapsed();
        let facts = match shaken {
            Ok(seen) => hello::refused_of(refuses, host, port)
                .await
                .map(|refused| seen.into_facts(refused)),
            Err(failure) => Err(failure),
        };
        Observation {
            facts: facts.or_else(Failure::into_facts),
            took,
        }
    }

    async fn shake(&self, host: &str, port: &str) -> Result<Seen, Failure> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| blind(Reason::Parse, format!("`{host}` can't be in a certificate")))?;
        let recorder = Arc::new(Recorder {
            verifier: self.verifier()?,
            doubt: OnceLock::new(),
        });
        let connector = TlsConnector::from(Arc::new(config(&recorder)?));
        let stream = tcp::connect(host, port).await?;
        let stream = connector.connect(name, stream).await.map_err(|error| {
            Failure::below(&error, host).unwrap_or_else(|| Failure::from_io(&error, host))
        })?;
        let (_, session) = stream.get_ref();
        Ok(Seen {
            version: version_name(session),
            expires_in: expires_in(session)?,
            doubt: recorder.doubt.get().cloned().flatten(),
        })
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, Blind> {
        let system = || match Verifier::new(provider()) {
            Ok(verifier) => Ok(Arc::new(verifier) as Arc<dyn ServerCertVerifier>),
            Err(error) => Err(blind(Reason::Tls, error.to_string())),
        };
        self.0.get_or_init(system).clone()
    }
}

impl Seen {
    fn into_facts(self, refused: Vec<String>) -> Facts {
        Facts::Tls {
            version: self.version.to_owned(),
            refused,
            expires_in: self.expires_in,
            doubt: self.doubt,
        }
    }
}

/// Named here, since whoever else is in the program may have chosen another for the process.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn config(recorder: &Arc<Recorder>) -> Result<ClientConfig, Blind> {
    let verifier: Arc<dyn ServerCertVerifier> = Arc::<Recorder>::clone(recorder);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| blind(Reason::Tls, error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn version_name(session: &ClientConnection) -> &'static str {
    match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        // The library speaks these two only.
        _ => "1.2",
    }
}

/// Seconds until the leaf certificate ends; negative when it has.
fn expires_in(session: &ClientConnection) -> Result<i64, Failure> {
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let leaf = leaf.ok_or_else(|| Failure::Broken("no certificate".to_owned()))?;
    let certificate = Certificate::from_der(leaf)
        .map_err(|_| Failure::Broken("the certificate can't be read".to_owned()))?;
    let end = certificate.tbs_certificate.validity.not_after;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(end.to_unix_duration().as_secs() as i64 - now.as_secs() as i64)
}

/// Writes down what the verifier thinks of a certificate and lets the handshake go on.
///
/// Nothing but the handshake happens over such a connection. Signatures are still verified: they show that the
/// peer holds the certificate's key.
#[derive(Debug)]
struct Recorder {
    verifier: Arc<dyn ServerCertVerifier>,
    doubt: OnceLock<Option<String>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.verifier
                .verify_server_cert(leaf, intermediates, name, ocsp_response, now);
        self.doubt
            .get_or_init(|| verified.err().map(|error| doubt(&error)));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

fn doubt(error: &rustls::Error) -> String {
    use rustls::CertificateError::UnknownIssuer;
    match error {
        rustls::Error::InvalidCertificate(UnknownIssuer) => {
            "a certificate from nobody this machine trusts".to_owned()
        }
        rustls::Error::InvalidCertificate(error) => {
            flaw(error).unwrap_or_else(|| error.to_string())
        }
        error => error.to_string(),
    }
}

/// The name that a server is asked for, unless the host is an address: those are not sent; RFC 6066, section 3.
fn server_name(host: &str) -> Option<&str> {
    host.parse::<IpAddr>().is_err().then_some(host)
}

#[cfg(test)]
pub(super) mod tests;
