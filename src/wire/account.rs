//! Accounts, and codes for locked-out ones.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, SerialNumber};
use crate::wire::{SecretText, Timestamp};

/// An account in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Account {
    /// The name.
    pub account: AccountId,
    /// The time of its first device.
    pub created_at: Timestamp,
    /// A device was activated once.
    pub protected: bool,
    /// The number of its devices.
    pub devices: u32,
    /// The number of its active devices.
    pub active_devices: u32,
    /// Codes are refused unjudged until then.
    pub throttled_until: Option<Timestamp>,
}

/// A choice of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ListAccounts {
    /// Only accounts without an active device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_mfa: Option<bool>,
    /// Only accounts with this text in the name, in upper or lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(min_length = 1, max_length = 256))]
    pub search: Option<String>,
    /// 1 to 1000; 100 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(minimum = 1, maximum = 1000))]
    pub limit: Option<u32>,
    /// The last account of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(min_length = 1, max_length = 256))]
    pub after: Option<String>,
}

/// A page of accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Accounts {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// The `after` of the next page; none on the last one.
    pub next: Option<String>,
}

/// The lifetime of a bypass code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeBypass {
    /// 60 to 86400; 3600 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 60, maximum = 86400))]
    pub ttl_seconds: Option<u64>,
}

/// A single-use code for a locked-out account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Bypass {
    /// Opens one session.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub code: SecretText,
    /// The end of its lifetime.
    pub expires_at: Timestamp,
}

/// A lost device, to be replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Recover {
    /// The lost device; may be left out where the account has one device beside recovery codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^[A-Za-z0-9_+=/:,.@-]{1,256}$"))]
    pub serial: Option<String>,
    /// The lifetime of the code: 60 to 86400; 3600 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 60, maximum = 86400))]
    pub ttl_seconds: Option<u64>,
}

/// A device that was removed, and a single-use code for its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Recovery {
    /// The device; sessions opened with it are over.
    pub removed: SerialNumber,
    /// Opens one session.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub code: SecretText,
    /// The end of the code's lifetime.
    pub expires_at: Timestamp,
}
