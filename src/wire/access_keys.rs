//! Access keys of AWS's wire.

use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::wire::{SecretText, Timestamp};

/// An access key to be made: for an account, or for root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeAccessKey {
    /// The account of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: Option<String>,
    /// The key is root's. Not beside `account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<bool>,
}

/// An access key that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct MadeAccessKey {
    /// The id: `AKIA` and 16 characters.
    pub access_key_id: String,
    /// The secret, shown this once: 40 characters.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub secret_access_key: SecretText,
}

/// A change of an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeAccessKey {
    /// The key may sign.
    pub active: bool,
}

/// The access keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AccessKeys {
    /// The keys, by the names of their owners.
    pub access_keys: Vec<AccessKey>,
}

/// An access key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AccessKey {
    /// The id.
    pub access_key_id: String,
    /// The account of its user; none for a key of root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The key may sign.
    pub active: bool,
    /// The time of its making.
    pub created_at: Timestamp,
}
