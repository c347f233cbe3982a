//! Roles of callers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The rights of a caller. Each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub enum Role {
    /// Open and introspect sessions, list the devices of one account.
    Verifier,
    /// Create, activate, resynchronise and remove devices.
    Enroller,
    /// All operations.
    Admin,
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRole;

impl Role {
    /// All roles, the lowest first.
    pub const ALL: [Role; 3] = [Role::Verifier, Role::Enroller, Role::Admin];

    /// The role's name in configuration and API keys.
    pub fn name(self) -> &'static str {
        match self {
            Role::Verifier => "verifier",
            Role::Enroller => "enroller",
            Role::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Role, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.name() == name).ok_or(UnknownRole)
    }
}

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a role is verifier, enroller or admin")
    }
}

impl std::error::Error for UnknownRole {}
