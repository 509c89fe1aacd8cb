//! What a probe brings home: facts, without an opinion.

use std::fmt;
use std::time::Duration;

use super::Reason;

/// What one look saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The facts, or why there are none.
    pub facts: Result<Facts, Blind>,
    /// How long the look took.
    pub took: Duration,
}

/// Why nothing was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// The kind of reason.
    pub reason: Reason,
    /// A few words for people; never a URL's query and never a secret.
    pub detail: String,
}

/// What was seen; which facts there are depends on the kind of probe.
#[derive(Clone, PartialEq)]
pub enum Facts {
    /// The target's machine answered that nothing listens there.
    Refused,
    /// The target answered, and nobody could go on from that answer: a certificate that ended, a handshake it
    /// broke off, a `404` where a WebSocket was asked for.
    Broken {
        /// What is wrong with the answer, in a few words.
        why: String,
    },
    /// A connection was made; for `tcp` with what the peer said first, or in answer to `send`.
    Connected {
        /// The first bytes received, capped.
        banner: Vec<u8>,
    },
    /// An HTTP answer.
    Http {
        /// Status code.
        status: u16,
        /// Header names (lower case) and values.
        headers: Vec<(String, String)>,
        /// Body, capped.
        body: Vec<u8>,
        /// Whether the body was cut at the cap.
        truncated: bool,
    },
    /// A TLS handshake.
    Tls {
        /// Negotiated version, e.g. `1.3`.
        version: String,
        /// Older versions that were tried and refused, e.g. `1.1`.
        refused: Vec<String>,
        /// Seconds until the leaf certificate ends; negative when it has.
        expires_in: i64,
        /// Why the certificate isn't to be trusted for the name asked for; `None` when its chain leads to a root
        /// we trust, it is in force, and the name fits.
        doubt: Option<String>,
    },
    /// A name lookup.
    Dns {
        /// What each resolver that was asked said; never empty.
        answers: Vec<DnsAnswer>,
    },
    /// An environment variable.
    Env {
        /// Its value; never shown.
        value: Option<String>,
    },
    /// A file.
    File(Option<FileFacts>),
    /// A command that ended.
    Command {
        /// Exit code; `None` when a signal ended it.
        exit: Option<i32>,
        /// Standard output, capped.
        stdout: Vec<u8>,
        /// Standard error, capped.
        stderr: Vec<u8>,
    },
    /// Alerts that are firing, by name.
    Alerts {
        /// Names, sorted.
        firing: Vec<String>,
    },
    /// The answer of a health service, e.g. `SERVING`.
    Health {
        /// The status word.
        status: String,
    },
}

/// What one resolver said.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsAnswer {
    /// The resolver as the runbook names it; empty for the system's.
    pub resolver: String,
    /// Addresses or record values, sorted; empty when there is no such record. One that didn't answer says nothing
    /// about the name.
    pub values: Result<Vec<String>, Blind>,
}

/// What is known of a file that exists.
#[derive(Clone, PartialEq)]
pub struct FileFacts {
    /// Size in bytes.
    pub size: u64,
    /// Permission bits, e.g. `0o600`.
    pub mode: u32,
    /// Time since it was last modified.
    pub age: Duration,
    /// Its content, capped.
    pub content: Vec<u8>,
}

/// Shows the kind of facts and sizes only: bodies, outputs and variables may hold secrets, and debug output
/// ends up in logs and panics.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("Refused"),
            Self::Broken { why } => write!(f, "Broken({why})"),
            Self::Connected { banner } => write!(f, "Connected({} bytes)", banner.len()),
            Self::Http { status, body, .. } => write!(f, "Http({status}, {} bytes)", body.len()),
            Self::Tls {
                version,
                expires_in,
                ..
            } => write!(f, "Tls({version}, {expires_in} s left)"),
            Self::Dns { answers } => write!(f, "Dns({} answers)", answers.len()),
            Self::Env { value } => {
                write!(f, "Env({})", if value.is_some() { "set" } else { "unset" })
            }
            Self::File(Some(file)) => write!(f, "File({} bytes)", file.size),
            Self::File(None) => f.write_str("File(missing)"),
            Self::Command { exit, stdout, .. } => {
                write!(f, "Command({exit:?}, {} bytes)", stdout.len())
            }
            Self::Alerts { firing } => write!(f, "Alerts({})", firing.len()),
            Self::Health { status } => write!(f, "Health({status})"),
        }
    }
}
