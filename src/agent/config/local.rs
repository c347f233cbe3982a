//! Services of the agent to programs on its own machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::values::{GroupId, SocketMode, UserId, within};
use super::{Config, Paths, Service, SocketConfig};
use crate::agent::program::Program;
use crate::id::OddCharacter;

/// The second Unix socket, on which every caller may have codes verified and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VerifySocketConfig {
    /// Enables the socket. Default: enabled if a path is set, and in the system's agent.
    pub enabled: Option<bool>,
    /// The path. Default: `verify.sock` beside the agent's own socket.
    pub path: Option<PathBuf>,
    /// The permissions of the socket.
    pub mode: SocketMode,
    /// The owner of the socket; only root can give it away.
    pub owner: Option<UserId>,
    /// The group of the socket.
    pub group: Option<GroupId>,
}

/// Sessions that the agent remembers for people at this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LocalConfig {
    /// For how many minutes a session stands in for a new proof in the same place, by service.
    /// Others: never.
    pub reuse: BTreeMap<Service, Minutes>,
    /// Precedes a login name of this machine in the name of its account.
    pub account_prefix: AccountPrefix,
}

/// Up to 32 printable characters; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountPrefix(String);

/// Sessions that last only as long as a key stays plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PresenceConfig {
    /// Enables such sessions.
    pub enabled: bool,
    /// The program that is run when the key of one has gone.
    pub hook: Option<Program>,
    /// The longest time that the hook may run, in seconds.
    #[serde(deserialize_with = "within::<_, _, 1, 60>")]
    pub hook_seconds: u64,
    /// The time, in seconds, after which the sessions of an agent end that has not said since that
    /// it watches their keys. Another agent of the store ends them.
    #[serde(deserialize_with = "within::<_, _, 60, 86_400>")]
    pub silence_seconds: u64,
}

/// 1 to 720 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Minutes(#[serde(deserialize_with = "within::<_, _, 1, 720>")] u64);

impl AccountPrefix {
    /// The account of a login name.
    pub(crate) fn account_of(&self, login: &str) -> String {
        format!("{}{login}", self.0)
    }
}

impl TryFrom<String> for AccountPrefix {
    type Error = String;

    fn try_from(text: String) -> Result<AccountPrefix, String> {
        let fits = text.len() <= 32 && text.trim() == text;
        match OddCharacter::first_unprintable_in(&text) {
            None if fits => Ok(AccountPrefix(text)),
            Some(odd) => {
                Err(format!("a prefix of accounts is printable; in this one there is {odd}"))
            }
            None => {
                Err("a prefix of accounts has up to 32 bytes, and no blank at its ends".to_owned())
            }
        }
    }
}

impl LocalConfig {
    pub(crate) fn times_of_reuse(&self) -> BTreeMap<Service, Duration> {
        self.reuse
            .iter()
            .map(|(service, Minutes(minutes))| {
                (service.clone(), Duration::from_secs(minutes.saturating_mul(60)))
            })
            .collect()
    }
}

impl Config {
    /// Returns the second socket with its path, if it is enabled. A user's own agent has it only on
    /// request: it serves one user, and each further socket is a risk.
    pub fn verify_socket(&self) -> Option<SocketConfig> {
        let VerifySocketConfig { enabled, path, mode, owner, group } = self.verify_socket.clone();
        let enabled =
            enabled.unwrap_or_else(|| path.is_some() || Paths::of_this_process().are_the_systems());
        let path = path.unwrap_or_else(|| self.socket_path().with_file_name("verify.sock"));
        enabled.then_some(SocketConfig { path: Some(path), mode, owner, group })
    }
}

impl Default for PresenceConfig {
    fn default() -> PresenceConfig {
        PresenceConfig { enabled: false, hook: None, hook_seconds: 10, silence_seconds: 600 }
    }
}

impl Default for VerifySocketConfig {
    fn default() -> VerifySocketConfig {
        VerifySocketConfig {
            enabled: None,
            path: None,
            mode: SocketMode(0o666),
            owner: None,
            group: None,
        }
    }
}
