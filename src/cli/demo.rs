//! `tminus demo`: a launch of a small service that lives inside the program, and the client that its runbook calls.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::arguments::{self, DemoAction, Opening};
use super::context::Context;
use super::failure::{Exit, Failure, Outcome};
use super::library::{self, DEMO};
use super::open;
use super::runs::Opened;
use crate::runtime::demo::{ClientAction, DemoService, client};

/// Where the runbook's checks look.
const URL: &str = "DEMO_URL";

/// What the runbook's commands call.
const PROGRAM: &str = "TMINUS_DEMO";

/// Enough to look around before T-0, little enough to stay.
const LEAD: Duration = Duration::from_secs(3 * 60);

/// The service, alive as long as this is. It has a runtime of its own, so that a busy screen doesn't slow it.
#[derive(Debug)]
pub struct Demonstration {
    // Fields drop in this order: the service has to go before what it runs on.
    service: DemoService,
    _runtime: Runtime,
}

impl Demonstration {
    /// Starts the service on any free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> Result<Self, Failure> {
        let runtime = runtime().map_err(not_started)?;
        let service = runtime
            .block_on(DemoService::start())
            .map_err(not_started)?;
        Ok(Self {
            service,
            _runtime: runtime,
        })
    }

    /// Starts the service again where a resumed run expects it; `None` for any other run.
    ///
    /// # Errors
    /// When the port is taken by something else.
    pub fn again(opened: &Opened<'_>) -> Result<Option<Self>, Failure> {
        let Some(address) = address_of(opened) else {
            return Ok(None);
        };
        let runtime = runtime().map_err(not_started)?;
        let service = runtime
            .block_on(DemoService::start_on(address))
            .map_err(|error| {
                Failure::new(
                    Exit::Failure,
                    format!("failed to start the demo service on {address} again"),
                )
                .because(error)
                .hint("leave the demo that runs there, or begin a new one with `tminus demo`")
            })?;
        Ok(Some(Self {
            service,
            _runtime: runtime,
        }))
    }

    /// The variables that lead the runbook here.
    fn variables(&self) -> Result<BTreeMap<String, String>, Failure> {
        let program = env::current_exe().map_err(not_started)?;
        let program = program
            .to_str()
            .ok_or_else(|| not_started(io::Error::other("the path of tminus isn't UTF-8")))?;
        Ok(BTreeMap::from([
            (URL.to_owned(), self.service.url()),
            (PROGRAM.to_owned(), program.to_owned()),
        ]))
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("demo")
        .enable_all()
        .build()
}

fn not_started(error: io::Error) -> Failure {
    Failure::new(Exit::Failure, "failed to start the demo service")
        .because(error)
        .hint("check that this machine lets programs listen on 127.0.0.1")
}

/// Where a demo's run looks for its service. Only the loopback interface: a runbook that merely has the demo's name
/// and another address is left alone.
fn address_of(opened: &Opened<'_>) -> Option<SocketAddr> {
    if opened.runbook != DEMO {
        return None;
    }
    let address: SocketAddr = opened
        .variables
        .get(URL)?
        .strip_prefix("http://")?
        .parse()
        .ok()?;
    address.ip().is_loopback().then_some(address)
}

/// `tminus demo`.
///
/// # Errors
/// When there is no terminal, or the service can't be started.
pub fn demo(context: &Context, arguments: &arguments::Demo) -> Outcome {
    context.require_terminal("demo")?;
    run(
        context,
        Opening {
            lead: Some(arguments.lead),
            ..Opening::default()
        },
    )
}

/// How a demo begins when nothing is said.
pub fn opening() -> Opening {
    Opening {
        lead: Some(LEAD),
        ..Opening::default()
    }
}

/// Starts a run of the demo's runbook, service included, however it was asked for.
///
/// # Errors
/// As for [`demo`].
pub fn run(context: &Context, mut opening: Opening) -> Outcome {
    let source = library::demo(context)?;
    let demonstration = lend(&mut opening)?;
    open::begin(context, &source, opening, demonstration)
}

/// Starts the service and points the variables to it, unless they say where one is.
///
/// # Errors
/// When the service can't be started.
pub fn lend(opening: &mut Opening) -> Result<Option<Demonstration>, Failure> {
    let is_given = |name: &str| opening.variables.iter().any(|(given, _)| given == name);
    if is_given(URL) {
        return Ok(None);
    }
    let demonstration = Demonstration::start()?;
    let mut variables: Vec<(String, String)> = demonstration.variables()?.into_iter().collect();
    variables.retain(|(name, _)| !is_given(name));
    opening.variables.extend(variables);
    Ok(Some(demonstration))
}

/// `tminus demo-client`.
///
/// # Errors
/// When the service isn't there, refuses, or goes away.
pub fn demo_client(arguments: &arguments::DemoClient) -> Outcome {
    let action = match &arguments.action {
        DemoAction::Deploy { version } => ClientAction::Deploy {
            version: version.clone(),
        },
        DemoAction::Rollback => ClientAction::Rollback,
        DemoAction::Traffic { percent } => ClientAction::Traffic { percent: *percent },
        DemoAction::Smoke => ClientAction::Smoke,
        DemoAction::Status => ClientAction::Status,
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(not_started)?;
    let asked = runtime.block_on(client(&arguments.url, action, &mut io::stdout().lock()));
    // The client's errors say themselves what to do.
    asked.map_err(|error| Failure::new(Exit::Failure, error.to_string()))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(runbook: &str, url: &str) -> Option<String> {
        let variables = BTreeMap::from([(URL.to_owned(), url.to_owned())]);
        let opened = Opened {
            runbook,
            variables: &variables,
        };
        address_of(&opened).map(|address| address.to_string())
    }

    #[test]
    fn only_a_demo_on_this_machine_gets_its_service_back() {
        assert_eq!(
            address("demo", "http://127.0.0.1:4711").as_deref(),
            Some("127.0.0.1:4711")
        );
        assert_eq!(address("demo", "http://10.0.0.1:4711"), None);
        assert_eq!(address("demo", "https://demo.example"), None);
        assert_eq!(address("/srv/demo.toml", "http://127.0.0.1:4711"), None);
    }
}
