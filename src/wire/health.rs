//! Health of the agent.

use serde::{Deserialize, Serialize};

use crate::wire::Timestamp;

/// The process is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Alive {
    /// `alive`.
    pub status: String,
}

/// The agent can verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Ready {
    /// `ready`.
    pub status: String,
    /// The agent's time.
    pub now: Timestamp,
    /// Sealing keys that are not the first one, and are needed still. Empty: only the first key's
    /// line is needed.
    pub older_sealing_keys: Vec<OlderSealingKey>,
    /// The time at which the store was restored from a backup; null, or left out, once an
    /// administrator has accepted that. Until then only administrators add or activate devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_at: Option<Timestamp>,
}

/// An older sealing key, and what needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct OlderSealingKey {
    /// The key's id: 16 hex digits, as the log names it.
    #[cfg_attr(feature = "agent", schema(pattern = "^[0-9a-f]{16}$"))]
    pub key: String,
    /// The number of secrets sealed under it.
    pub secrets: u64,
}
