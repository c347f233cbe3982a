//! Accounts, and codes for somebody who is locked out.

use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::wire::{SecretText, Timestamp};

/// An account in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Account {
    /// Its name.
    pub account: AccountId,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// A device was activated once.
    pub protected: bool,
    /// How many devices it has.
    pub devices: u32,
    /// How many of them are active.
    pub active_devices: u32,
    /// Its codes are refused unjudged until then.
    pub throttled_until: Option<Timestamp>,
}

/// Which accounts to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ListAccounts {
    /// Only accounts without an active device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_mfa: Option<bool>,
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
    /// What to give as `after` for the next page.
    pub next: Option<String>,
}

/// How long a bypass code can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeBypass {
    /// 60 to 86400; 3600 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 60, maximum = 86400))]
    pub ttl_seconds: Option<u64>,
}

/// A single-use code for somebody who is locked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Bypass {
    /// Opens one session.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub code: SecretText,
    /// It cannot be used from then on.
    pub expires_at: Timestamp,
}
