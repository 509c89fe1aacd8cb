//! Telling "the target refused" from "we could not get there".
//!
//! One place for it, because every kind that opens a connection has to draw the line at the same point.

use std::error::Error;
use std::io::{self, ErrorKind};

use super::blind;
use crate::check::{Blind, Facts, Reason};

/// Why a connection brought no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The target's side said no: nothing listens there, or it hung up on us before its answer was complete.
    Refused,
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

    /// As facts of a check, for which a refusal is a finding.
    pub(super) fn into_facts(self) -> Result<Facts, Blind> {
        match self {
            Self::Refused => Ok(Facts::Refused),
            Self::Blind(blind) => Err(blind),
        }
    }

    /// As the state of a metric, for which a refusal only means that there is no number.
    pub(super) fn into_blind(self) -> Blind {
        match self {
            Self::Refused => blind(Reason::Connect, "the connection was refused or closed"),
            Self::Blind(blind) => blind,
        }
    }
}

impl From<Blind> for Failure {
    fn from(blind: Blind) -> Self {
        Self::Blind(blind)
    }
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
            Failure::Refused => None,
            Failure::Blind(blind) => Some(blind.reason),
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
}
