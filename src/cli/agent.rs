//! `twostep agent`: runs the agent in this process.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;

use crate::agent;
use crate::agent::config::{Config, StoreUrl};
use crate::cli::output::{Exit, Failure, Report};

/// Run the agent: it holds the store, and answers on a Unix socket
///
/// Without a configuration it serves the user who runs it, on a socket and from a file in that
/// user's own directories. It logs to standard error. SIGTERM lets it finish what it is doing;
/// SIGHUP reads certificates and sealing keys again.
#[derive(clap::Args)]
pub(super) struct Agent {
    /// The store of devices [default: a file in the state directory]
    #[arg(long, value_name = "sqlite:PATH")]
    store: Option<StoreUrl>,
    /// Listen on this address as well; callers there need an API key
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<SocketAddr>,
    /// The configuration file [default: twostep.toml in the configuration directory, if it is
    /// there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Agent {
    pub(super) async fn run(self, socket: Option<PathBuf>) -> Result<Report, Failure> {
        let mut config = Config::load(self.config.as_deref())
            .map_err(|error| Failure::bad_input(error.to_string()))?;
        if let Some(store) = self.store {
            config.store.url = Some(store);
        }
        config.listen.extend(self.listen);
        if let Some(socket) = socket {
            config.socket.path = Some(socket);
        }
        match agent::run(config).await {
            Ok(()) => Ok(Report::new(json!({"stopped": true}), "")),
            Err(error @ agent::Error::Config(_)) => Err(Failure::bad_input(error.to_string())
                .hint("Look at it without starting anything: twostep config check")),
            Err(error) => Err(Failure::new(Exit::Unavailable, error.to_string())
                .hint("Look for the fault: twostep doctor")),
        }
    }
}
