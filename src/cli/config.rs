//! `twostep config`: the agent's configuration file.

use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs, io};

use clap::Subcommand;
use nix::unistd::{Uid, User, initgroups, setgid, setuid};
use serde::Deserialize;
use serde_json::json;

use crate::agent::config::{Config as AgentConfig, StoreUrl};
use crate::agent::private::folder_of;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::page;

/// See whether the agent's configuration can be used, or print one to begin with
#[derive(Subcommand)]
pub(super) enum Config {
    /// Say what would keep an agent from starting; nothing is started, and nothing changed
    ///
    /// Run by root, the check is made as the user to whom the store's folder belongs: the one that
    /// the agent of the system runs as.
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
                let text = AgentConfig::EXAMPLE;
                Ok(Report::verbatim(json!({"toml": text}), text))
            }
            Config::Check { file } => {
                let config = AgentConfig::load(file.as_deref())
                    .map_err(|error| Failure::bad_input(error.to_string()))?;
                let advice = config.advice();
                // The default places are those of the user who asks.
                let config = config.with_its_places();
                let user = become_the_agents_user(&config)?;
                let problems = config.problems();
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
                    "places": places, "user": user,
                });
                if problems.is_empty() {
                    let mut facts = vec![
                        ("  socket", config.socket_path().display().to_string()),
                        ("  verify socket", verify_socket.unwrap_or_else(|| "none".to_owned())),
                        ("  store", config.store_url().to_string()),
                        ("  sealing keys", config.key_file().display().to_string()),
                    ];
                    facts.extend(user.map(|user| ("  checked as", user)));
                    let facts = page::facts(&facts);
                    let advice: String =
                        advice.iter().map(|advice| format!("Note: {advice}.\n")).collect();
                    let text = format!("The configuration can be used.\n{facts}{advice}");
                    return Ok(Report::new(document, text));
                }
                Ok(Report::new(document, problems.join("\n")).exit(Exit::BadInput))
            }
        }
    }
}

/// The user to whom the store's folder belongs, where root looks and the folder is not root's own:
/// the agent of the system runs as that user, and root's own rights say nothing about it.
fn agents_user(config: &AgentConfig) -> Option<User> {
    let StoreUrl::Sqlite(file) = config.store_url() else { return None };
    let folder = fs::metadata(folder_of(&file)).ok()?;
    let other = Uid::effective().is_root() && folder.uid() != 0;
    User::from_uid(Uid::from_raw(folder.uid())).ok().flatten().filter(|_| other)
}

/// The part of a check's document that another process reads.
#[derive(Deserialize)]
struct Checked {
    problems: Vec<String>,
}

/// Gives up root's rights for those of the agent's user, and names that user.
fn become_the_agents_user(config: &AgentConfig) -> Result<Option<String>, Failure> {
    let Some(user) = agents_user(config) else { return Ok(None) };
    let became = CString::new(user.name.as_str()).map_err(io::Error::from).and_then(|name| {
        let groups = initgroups(&name, user.gid).and_then(|()| setgid(user.gid));
        Ok(groups.and_then(|()| setuid(user.uid))?)
    });
    became.map_err(|error| {
        let name = &user.name;
        Failure::bad_input(format!(
            "root cannot check as the user {name} ({error}): run this command as {name}"
        ))
    })?;
    Ok(Some(user.name))
}

/// The faults of the configuration of this machine's agent, as [`AgentConfig::problems`] lists
/// them. Root has them listed by a process that gives up its rights.
pub(super) fn problems_of_the_agent(config: &AgentConfig) -> Vec<String> {
    let listed = || {
        let output = Command::new(env::current_exe().ok()?)
            .args(["--json", "config", "check"])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let checked: Checked = serde_json::from_slice(&output.stdout).ok()?;
        Some(checked.problems)
    };
    agents_user(config).and_then(|_| listed()).unwrap_or_else(|| config.problems())
}
