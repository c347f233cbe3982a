//! `twostep config`: the agent's configuration file.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::agent::config::Config as AgentConfig;
use crate::cli::output::{Exit, Failure, Report};

/// See whether the agent's configuration can be used, or print one to begin with
#[derive(Subcommand)]
pub(super) enum Config {
    /// Say what would keep an agent from starting; nothing is started, and nothing changed
    Check {
        /// The file [default: the one that an agent of yours would read]
        file: Option<PathBuf>,
    },
    /// Print a commented configuration in which every value is the default
    Example,
}

impl Config {
    pub(super) fn run(&self) -> Result<Report, Failure> {
        match self {
            Config::Example => {
                Ok(Report::new(json!({"toml": AgentConfig::EXAMPLE}), AgentConfig::EXAMPLE))
            }
            Config::Check { file } => {
                let config = AgentConfig::load(file.as_deref())
                    .map_err(|error| Failure::bad_input(error.to_string()))?;
                let (problems, advice) = (config.problems(), config.advice());
                let verify_socket = config
                    .verify_socket()
                    .and_then(|socket| socket.path)
                    .map(|path| path.display().to_string());
                let places = json!({
                    "socket": config.socket_path().display().to_string(),
                    "verify_socket": verify_socket,
                    "store": config.store_url().to_string(),
                    "sealing_keys": config.key_file().display().to_string(),
                });
                let document = json!({
                    "ok": problems.is_empty(), "problems": problems, "advice": advice,
                    "places": places,
                });
                if problems.is_empty() {
                    let text = format!(
                        "The configuration can be used.\n  socket         {}\n  \
                         verify socket  {}\n  store          {}\n  sealing keys   {}",
                        config.socket_path().display(),
                        verify_socket.as_deref().unwrap_or("none"),
                        config.store_url(),
                        config.key_file().display()
                    );
                    let advice: String =
                        advice.iter().map(|advice| format!("\nNote: {advice}.")).collect();
                    return Ok(Report::new(document, text + &advice));
                }
                Ok(Report::new(document, problems.join("\n")).exit(Exit::BadInput))
            }
        }
    }
}
