//! What the agent does for the programs of its own machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::values::{GroupId, SocketMode, UserId, within};
use super::{Config, Paths, Service, SocketConfig};
use crate::agent::program::Program;

/// The second Unix socket, where everybody may be verified and nobody may do more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VerifySocketConfig {
    /// Whether there is one. Unless said: where a path is set, and in the agent of the whole
    /// system.
    pub enabled: Option<bool>,
    /// Where it is. Unless set: `verify.sock` beside the agent's own.
    pub path: Option<PathBuf>,
    /// Who may connect.
    pub mode: SocketMode,
    /// Whose it is; only root can give it away.
    pub owner: Option<UserId>,
    /// Which group it belongs to.
    pub group: Option<GroupId>,
}

/// What is remembered of the people at this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LocalConfig {
    /// For how many minutes a session stands in for a new proof in the same place, by service.
    /// Others: never.
    pub reuse: BTreeMap<Service, Minutes>,
}

/// Sessions that last only as long as a key stays plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PresenceConfig {
    /// Whether there are such sessions.
    pub enabled: bool,
    /// The program that is run when the key of one has gone.
    pub hook: Option<Program>,
    /// How long it may run.
    #[serde(deserialize_with = "within::<_, _, 1, 60>")]
    pub hook_seconds: u64,
}

/// 1 to 720 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Minutes(#[serde(deserialize_with = "within::<_, _, 1, 720>")] u64);

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
    /// The second socket with its path, if there is one. A user's own agent has it only if it is
    /// asked for: there is nobody else to verify for, and one door less is one door less.
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
        PresenceConfig { enabled: false, hook: None, hook_seconds: 10 }
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
