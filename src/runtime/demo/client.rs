//! What the demo runbook's commands call: a client that prints what the service says, as it says it.
//!
//! It is part of the program so that the demo needs nothing else on the machine.

use std::io::Write;
use std::time::Duration;

use reqwest::{Client, Method};

/// The service says something at least so often.
const SILENCE: Duration = Duration::from_secs(10);

/// What to ask of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAction {
    /// Make a version live; takes about five seconds.
    Deploy {
        /// The version, e.g. `v2.41.0`.
        version: String,
    },
    /// Return to the stable version; takes about three seconds.
    Rollback,
    /// Let in a share of the customers.
    Traffic {
        /// From 0 to 100.
        percent: u8,
    },
    /// Try the service the way a customer would.
    Smoke,
    /// Print the version that is live.
    Status,
}

impl ClientAction {
    /// Method, path and query of the request for it.
    fn request(&self) -> (Method, &'static str, Option<(&'static str, String)>) {
        match self {
            Self::Deploy { version } => {
                (Method::POST, "/deploy", Some(("version", version.clone())))
            }
            Self::Rollback => (Method::POST, "/rollback", None),
            Self::Traffic { percent } => (
                Method::POST,
                "/traffic",
                Some(("percent", percent.to_string())),
            ),
            Self::Smoke => (Method::GET, "/smoke", None),
            Self::Status => (Method::GET, "/version", None),
        }
    }
}

/// Why the service didn't do it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It isn't there.
    #[error(
        "failed to reach the demo service at {url}; it lives only as long as `tminus demo` runs"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// It said no; its answer was printed.
    #[error("the demo service refused (HTTP {status}); what it said stands above")]
    Refused {
        /// The status of its answer.
        status: u16,
    },
    /// It went away in the middle.
    #[error(
        "the demo service went away before it was done, and what it had begun did not happen; run it again"
    )]
    Interrupted(#[source] reqwest::Error),
    /// Its answer could not be printed.
    #[error(
        "failed to write the output; the demo service may have done it all the same, ask it for its status"
    )]
    Output(#[from] std::io::Error),
}

/// Asks the service at the base URL `address` and copies its answer to `out` line by line.
///
/// `out` blocks: what calls this has nothing else to do meanwhile.
///
/// # Errors
/// When the service isn't there, refuses, or goes away; a command that calls this has to end with a failure then.
pub async fn client(
    address: &str,
    action: ClientAction,
    out: &mut impl Write,
) -> Result<(), ClientError> {
    let unreachable = |source| ClientError::Unreachable {
        url: address.to_owned(),
        source,
    };
    let (method, path, query) = action.request();
    // The service is on this machine, and a proxy from the environment would look for it on its own.
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .read_timeout(SILENCE)
        .build()
        .map_err(unreachable)?;
    let url = format!("{}{path}", address.trim_end_matches('/'));
    let mut answer = client
        .request(method, url)
        .query(query.as_slice())
        .send()
        .await
        .map_err(unreachable)?;
    while let Some(chunk) = answer.chunk().await.map_err(ClientError::Interrupted)? {
        out.write_all(&chunk)?;
        out.flush()?;
    }
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(ClientError::Refused {
            status: answer.status().as_u16(),
        })
    }
}
