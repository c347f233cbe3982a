//! The agent itself: API keys, signing keys, audit log, backup, clock.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, CallerId, SerialNumber};
use crate::wire::{Role, SecretText, Timestamp};

/// A choice of audit rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ListEvents {
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The newest rows instead of those after a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<bool>,
    /// Only rows that concern this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(min_length = 1, max_length = 256))]
    pub account: Option<String>,
    /// Only rows that concern this device.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(min_length = 1, max_length = 256))]
    pub serial: Option<String>,
    /// Only rows of this action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only rows at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(value_type = Option<String>, format = "date-time"))]
    pub since: Option<Timestamp>,
    /// Only rows at this time or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(value_type = Option<String>, format = "date-time"))]
    pub until: Option<Timestamp>,
    /// 1 to 1000; 100 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(minimum = 1, maximum = 1000))]
    pub limit: Option<u32>,
}

/// A page of audit rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Events {
    /// The rows, oldest first.
    pub events: Vec<Event>,
    /// The `after` of the next page, an opaque text; none on the last one.
    pub next: Option<String>,
    /// On the last page the `after` by which later rows are found; none if the log cannot be
    /// trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// An audit row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Event {
    /// The chain of the row: every agent on one store writes its own.
    pub chain: u32,
    /// The number in the chain.
    pub number: u64,
    /// The time of the event.
    pub at: Timestamp,
    /// The action.
    pub action: String,
    /// The account it concerns.
    pub account: Option<AccountId>,
    /// The device it concerns.
    pub serial: Option<SerialNumber>,
    /// The caller.
    pub caller: CallerId,
    /// The caller's login name or the name of its API key, as of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_name: Option<String>,
    /// The reason of a refusal.
    pub reason: Option<String>,
    /// The number of equal events in this row.
    pub count: u64,
    /// The row's place in the chain of hashes.
    pub hash: String,
}

/// A verdict on the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AuditReport {
    /// Every row is there and unchanged.
    pub ok: bool,
    /// The store's keys were at hand; without them an editor of the database may have recomputed
    /// the hashes.
    pub authenticated: bool,
    /// The number of rows.
    pub rows: u64,
    /// The hash of the last row, to be kept somewhere else; none where there are several chains.
    pub head: Option<String>,
    /// The first row that is missing or changed, in the first chain that is broken.
    pub broken_at: Option<u64>,
    /// Each chain by itself: every agent on one store writes its own.
    pub chains: Vec<ChainReport>,
}

/// A verdict on one chain of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ChainReport {
    /// The number of the chain.
    pub chain: u32,
    /// Every row is there and unchanged.
    pub ok: bool,
    /// The number of rows.
    pub rows: u64,
    /// The number of the last row from before rows were authenticated, or 0; the row after it
    /// authenticates these.
    pub closed: u64,
    /// The hash of the last row, to be kept somewhere else.
    pub head: Option<String>,
    /// The first row that is missing or changed.
    pub broken_at: Option<u64>,
}

/// A checkpoint of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AuditCheckpoint {
    /// The time of it.
    pub at: Timestamp,
    /// The number of rows that it covers.
    pub rows: u64,
    /// The checkpoint: JWS compact, of type `twostep-checkpoint+jwt`. Keep it elsewhere, with the
    /// keys of `/.well-known/jwks.json`.
    pub checkpoint: String,
}

/// An API key to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeApiKey {
    /// `verifier`, `enroller` or `admin`.
    #[cfg_attr(feature = "agent", schema(pattern = "^(verifier|enroller|admin)$"))]
    pub role: String,
    /// The name of its user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 128))]
    pub name: Option<String>,
    /// Names, or prefixes that end in `*`; all accounts if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<String>>,
    /// Refusals carry their reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<bool>,
    /// The key is a proxy's: `X-Forwarded-*` of its requests are believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<bool>,
    /// The account of the operator who signs in to the console with the key and a device of that
    /// account; for an enroller or an admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub operator: Option<String>,
    /// The services of AWS's wire whose signing keys it may ask for (`POST /v1/aws/signing-keys`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_keys: Option<Vec<String>>,
}

/// An API key that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct MadeApiKey {
    /// The key, shown this once.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub key: SecretText,
    /// The record of the key.
    pub api_key: ApiKey,
}

/// The API keys that were not revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ApiKeys {
    /// The keys.
    pub api_keys: Vec<ApiKey>,
}

/// An API key, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// The id.
    pub id: String,
    /// The name of its user.
    pub name: Option<String>,
    /// `verifier`, `enroller` or `admin`.
    pub role: String,
    /// The accounts it is limited to; none: all.
    pub accounts: Option<Vec<String>>,
    /// Refusals carry their reason.
    pub explain: bool,
    /// The key is a proxy's.
    pub forward: bool,
    /// The account of the operator that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<AccountId>,
    /// The services of AWS's wire whose signing keys it may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<String>,
    /// The time of its making.
    pub created_at: Timestamp,
}

/// The signing keys that were not dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct SigningKeys {
    /// The keys, newest first.
    pub signing_keys: Vec<SigningKey>,
}

/// A signing key; its public half is in the JWKS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct SigningKey {
    /// The id.
    pub kid: String,
    /// The algorithm it signs with, by its JOSE name.
    pub algorithm: String,
    /// The time of its making.
    pub created_at: Timestamp,
    /// The end of signing; the key still verifies older contexts.
    pub retired_at: Option<Timestamp>,
}

/// A signing key to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeSigningKey {
    /// `EdDSA`, `Ed25519` (the same by its name in RFC 9864) or `ES256`; the configured one if left
    /// out, or EdDSA.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^(EdDSA|Ed25519|ES256)$"))]
    pub algorithm: Option<String>,
}

/// A copy of the store, to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeBackup {
    /// A new file on the agent's machine, as an absolute path; one in the state directory if left
    /// out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Keeps so many of the copies in the state directory, this one among them, and removes older
    /// ones: 1 to 1000. Not beside `path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 1, maximum = 1000))]
    pub keep: Option<u32>,
}

/// A copy of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Backup {
    /// The file.
    pub path: String,
    /// Older copies that were removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

/// The end of the state in which a restore leaves the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct AcceptedRestore {
    /// The time of the restore; null if there was none to accept.
    pub restored_at: Option<Timestamp>,
}

/// The clock that the agent believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ClockReading {
    /// The time that is believed now.
    pub now: Timestamp,
}

impl MakeApiKey {
    /// A key of this role for all accounts.
    pub fn new(role: Role) -> MakeApiKey {
        let role = role.name().to_owned();
        MakeApiKey {
            role,
            name: None,
            accounts: None,
            explain: None,
            forward: None,
            operator: None,
            signing_keys: None,
        }
    }
}
