//! What the agent does for the programs of its own machine.

use std::path::PathBuf;

use serde::Deserialize;

use super::Config;
use super::Paths;
use super::SocketConfig;
use super::values::GroupId;
use super::values::SocketMode;
use super::values::UserId;

/// The second Unix socket, where everybody may be verified and nobody may do more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VerifySocketConfig {
    /// Whether there is one. Unless said: where a path is set, and in the agent of the whole system.
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

impl Config {
    /// The second socket with its path, if there is one. A user's own agent has it only if it is asked for: there is nobody
    /// else to verify for, and one door less is one door less.
    pub fn verify_socket(&self) -> Option<SocketConfig> {
        let VerifySocketConfig { enabled, path, mode, owner, group } = self.verify_socket.clone();
        let enabled = enabled.unwrap_or_else(|| path.is_some() || Paths::of_this_process().are_the_systems());
        let path = path.unwrap_or_else(|| self.socket_path().with_file_name("verify.sock"));
        enabled.then_some(SocketConfig { path: Some(path), mode, owner, group })
    }
}

impl Default for VerifySocketConfig {
    fn default() -> VerifySocketConfig {
        VerifySocketConfig { enabled: None, path: None, mode: SocketMode(0o666), owner: None, group: None }
    }
}
