//! `twostep agent`: runs the agent in this process.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::agent;
use crate::agent::Started;
use crate::agent::config::{Config, Paths, StoreUrl};
use crate::cli::console::Global;
use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::{output, words};

/// Run the agent: it holds the store, and answers on a Unix socket
///
/// Without a configuration it serves the user who runs it, on a socket and from a file in that
/// user's own directories. It logs to standard error, in words on a terminal. SIGTERM lets it
/// finish what it is doing; SIGHUP reads certificates and sealing keys again.
#[derive(clap::Args)]
pub(super) struct Agent {
    /// The store of devices: sqlite:PATH, or postgres://USER@HOST:PORT/DATABASE, which many agents
    /// share [default: a file in the state directory]
    #[arg(long, value_name = "URL")]
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
    pub(super) async fn run(self, global: Global) -> Result<Report, Failure> {
        let greets = std::io::stdout().is_terminal() && !global.json() && !global.quiet();
        let socket = global.into_socket();
        let file = self
            .config
            .clone()
            .or_else(|| Some(Paths::of_this_process().config).filter(|usual| usual.exists()));
        let mut config = Config::load(self.config.as_deref())
            .map_err(|error| Failure::bad_input(error.to_string()))?;
        if let Some(store) = self.store {
            config.store.url = Some(store);
        }
        config.listen.extend(self.listen);
        if let Some(socket) = socket {
            config.socket.path = Some(socket);
        }
        let told = |started: &Started| {
            if greets {
                // A terminal that is gone keeps no agent from its work.
                let _ = output::show(&greeting(started, file.as_deref()));
            }
        };
        match agent::run_telling(config, told).await {
            Ok(()) => Ok(Report::new(json!({"stopped": true}), "")),
            Err(error @ agent::Error::Config(_)) => Err(Failure::bad_input(error.to_string())
                .hint("Look at it without starting anything: twostep config check")),
            Err(error) => Err(Failure::new(Exit::Unavailable, error.to_string())
                .hint("Look for the fault: twostep doctor")),
        }
    }
}

/// The facts of a start, and the next command.
fn greeting(started: &Started, config: Option<&Path>) -> String {
    let show = |path: &Path| plain(&path.display().to_string());
    let accounts = match started.accounts {
        Some(count) => words::count(u64::try_from(count).unwrap_or(u64::MAX), "account"),
        None => format!("more than {} accounts", Started::COUNTED),
    };
    let key = show(&started.key_file);
    let key = match started.key_is_new {
        true => format!("made now: keep a copy of {key}. Without it the store cannot be read"),
        false => key,
    };
    let mut facts = vec![
        ("Configuration", config.map_or_else(|| "none: defaults".to_owned(), show)),
        ("Store", format!("{}: {accounts}", plain(&started.store.to_string()))),
        ("Sealing key", key),
    ];
    let names = std::iter::once("Sockets").chain(std::iter::repeat(""));
    let sockets = started.sockets.iter().map(|path| show(path));
    facts.extend(names.zip(sockets.chain(started.listen.iter().map(ToString::to_string))));
    let usual = Paths::of_this_process().socket;
    let reached = started.sockets.first().filter(|socket| **socket != usual);
    let reached = reached.map_or_else(String::new, |socket| {
        format!(" --socket {}", words::quoted(&socket.display().to_string()))
    });
    let next = match started.accounts {
        Some(0) => "device add",
        _ => "device list",
    };
    format!("{}\nIn another terminal: twostep{reached} {next}\n", words::facts(&facts))
}
