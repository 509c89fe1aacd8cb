//! Telling "the target refused" from "we could not get there".
//!
//! One place for it, because every kind that opens a connection has to draw the line at the same point.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError};

use super::blind;
use crate::check::{Blind, Facts, Reason};

/// Why a connection brought no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The target's side said no: nothing listens there, or it hung up on us before its answer was complete.
    Refused,
    /// The target's side answered, and nobody could go on from its answer; in a few words.
    Broken(String),
    /// We could not look.
    Blind(Blind),
}

impl Failure {
    /// Draws the line for an error of the operating system; `whom` is the host, for people.
    ///
    /// A peer that accepts and hangs up counts as refused: that is how a crashing service behind a port forwarder
    /// looks, and calling it unknown would keep a trigger from firing.
    pub(super) fn from_io(error: &io::Error, whom: &str) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => Self::Refused,
            ErrorKind::TimedOut => Self::Blind(blind(Reason::Timeout, format!("{whom}: {error}"))),
            _ => Self::Blind(blind(Reason::Connect, format!("{whom}: {error}"))),
        }
    }

    /// Draws the line for a failed TLS handshake.
    ///
    /// What the target sent decides: a certificate that ended or is for another name, or an alert, would turn every
    /// client away, so it is a finding. That nobody we know issued the certificate may as well be for want of a
    /// root on this machine, and that we are asked for a certificate of our own says nothing about its health.
    pub(super) fn from_tls(error: &rustls::Error, whom: &str) -> Self {
        use rustls::Error as Tls;
        let unseen = |reason| Self::Blind(blind(reason, format!("{whom}: {error}")));
        match error {
            Tls::AlertReceived(
                AlertDescription::CertificateRequired | AlertDescription::AccessDenied,
            ) => unseen(Reason::Auth),
            Tls::AlertReceived(alert) => Self::Broken(format!("the TLS alert {alert:?}")),
            Tls::InvalidCertificate(error) => match flaw(error) {
                Some(flaw) => Self::Broken(flaw),
                None => unseen(Reason::Tls),
            },
            Tls::InvalidMessage(_)
            | Tls::InappropriateMessage { .. }
            | Tls::InappropriateHandshakeMessage { .. }
            | Tls::PeerMisbehaved(_)
            | Tls::PeerSentOversizedRecord => Self::Broken("an answer that isn't TLS".to_owned()),
            Tls::PeerIncompatible(_) => {
                Self::Broken("TLS that no present client speaks".to_owned())
            }
            Tls::NoCertificatesPresented => Self::Broken("no certificate".to_owned()),
            _ => unseen(Reason::Tls),
        }
    }

    /// The TLS library's reason below an error, judged by [`Self::from_tls`]; `None` when there is none.
    pub(super) fn below(error: &(dyn Error + 'static), whom: &str) -> Option<Self> {
        causes(error)
            .find_map(|cause| cause.downcast_ref())
            .map(|error| Self::from_tls(error, whom))
    }

    /// As facts of a check, for which a refusal is a finding.
    pub(super) fn into_facts(self) -> Result<Facts, Blind> {
        match self {
            Self::Refused => Ok(Facts::Refused),
            Self::Broken(why) => Ok(Facts::Broken { why }),
            Self::Blind(blind) => Err(blind),
        }
    }

    /// As the state of a metric, for which a refusal only means that there is no number.
    pub(super) fn into_blind(self) -> Blind {
        match self {
            Self::Refused => blind(Reason::Connect, "the connection was refused or closed"),
            Self::Broken(why) => blind(Reason::NoData, why),
            Self::Blind(blind) => blind,
        }
    }
}

impl From<Blind> for Failure {
    fn from(blind: Blind) -> Self {
        Self::Blind(blind)
    }
}

/// What is wrong with a certificate by itself, whoever looks at it.
pub(super) fn flaw(error: &CertificateError) -> Option<String> {
    let flaw = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate isn't in force yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        CertificateError::Revoked => "the certificate was revoked",
        CertificateError::BadEncoding => "the certificate can't be read",
        _ => return None,
    };
    Some(flaw.to_owned())
}

/// The error and everything that caused it, outermost first.
///
/// An I/O error that wraps another names as its source what is below the wrapped one; here none is left out.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(kind: ErrorKind) -> Option<Reason> {
        match Failure::from_io(&io::Error::from(kind), "api") {
            Failure::Blind(blind) => Some(blind.reason),
            _ => None,
        }
    }

    #[test]
    fn the_far_side_refuses_and_the_near_side_is_blind() {
        for refusal in [
            ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionReset,
            ErrorKind::UnexpectedEof,
        ] {
            assert_eq!(reason(refusal), None, "{refusal:?}");
        }
        for ours in [
            ErrorKind::NetworkUnreachable,
            ErrorKind::HostUnreachable,
            ErrorKind::AddrNotAvailable,
        ] {
            assert_eq!(reason(ours), Some(Reason::Connect), "{ours:?}");
        }
        assert_eq!(reason(ErrorKind::TimedOut), Some(Reason::Timeout));
    }
    #[test]
    fn a_bad_certificate_is_a_finding_and_a_missing_root_is_ours() {
        let judged = |error| match Failure::from_tls(&error, "api") {
            Failure::Broken(why) => Ok(why),
            Failure::Blind(blind) => Err(blind.reason),
            Failure::Refused => panic!("nothing was refused"),
        };
        let certificate = |error| judged(rustls::Error::InvalidCertificate(error));
        assert_eq!(
            certificate(CertificateError::Expired).as_deref(),
            Ok("the certificate has expired")
        );
        assert_eq!(
            certificate(CertificateError::UnknownIssuer),
            Err(Reason::Tls)
        );
        let alert = |alert| judged(rustls::Error::AlertReceived(alert));
        assert_eq!(
            alert(AlertDescription::ProtocolVersion).as_deref(),
            Ok("the TLS alert ProtocolVersion")
        );
        assert_eq!(
            alert(AlertDescription::CertificateRequired),
            Err(Reason::Auth)
        );
    }
}
