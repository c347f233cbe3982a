//! What answers look like, but for devices.

use serde::Serialize;
use utoipa::ToSchema;

use crate::session::{AnyContext, SessionContext, SigningKeyInfo};
use crate::store::{AccountEntry, ApiKeyRecord, AuditRow};
use crate::time::UnixTime;

/// What a context says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ContextView {
    account: String,
    /// The name that was asked for, where it is another spelling of the account's (`accounts.fold`
    /// of the agent's configuration).
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_as: Option<String>,
    mfa_present: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// `totp`, `hotp`, `security_key`, `recovery` or `bypass`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Authentication methods of RFC 8176.
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phishing_resistant: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware_bound: Option<bool>,
    session_id: String,
    issued_at: String,
    expires_at: String,
    audience: String,
}

/// An account in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountView {
    account: String,
    created_at: String,
    /// A device was activated once.
    protected: bool,
    devices: u32,
    active_devices: u32,
    throttled_until: Option<String>,
}

/// A signing key; its public half is in the JWKS.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SigningKeyView {
    kid: String,
    algorithm: String,
    created_at: String,
    /// It signs no more, and verifies what it signed.
    retired_at: Option<String>,
}

/// An API key, without the key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKeyView {
    id: String,
    name: Option<String>,
    /// `verifier`, `enroller` or `admin`.
    role: String,
    /// The accounts it is limited to; none: all.
    accounts: Option<Vec<String>>,
    explain: bool,
    forward: bool,
    created_at: String,
}

/// An audit row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventView {
    /// The chain it belongs to: every agent on one store writes its own.
    chain: u32,
    /// Its number in the chain.
    number: u64,
    at: String,
    action: String,
    account: Option<String>,
    serial: Option<String>,
    caller: String,
    reason: Option<String>,
    /// How many like it this row stands for.
    count: u64,
    /// The row's place in the chain of hashes.
    hash: String,
}

impl ContextView {
    pub(super) fn new(context: &AnyContext, now: UnixTime) -> ContextView {
        let common = context.common();
        let view = ContextView {
            account: common.account.as_str().to_owned(),
            asked_as: None,
            mfa_present: false,
            mfa_time: None,
            mfa_age_seconds: None,
            serial: None,
            kind: None,
            amr: None,
            user_verified: None,
            phishing_resistant: None,
            hardware_bound: None,
            session_id: common.session_id.clone(),
            issued_at: common.issued_at.to_string(),
            expires_at: common.expires_at.to_string(),
            audience: common.audience.clone(),
        };
        match context {
            AnyContext::Mfa(context) => view.with_mfa(context, now),
            AnyContext::WithoutMfa(_) => view,
        }
    }

    /// The same for a caller that asked by this name.
    pub(super) fn asked_as(self, name: &str) -> ContextView {
        ContextView { asked_as: (name != self.account).then(|| name.to_owned()), ..self }
    }

    fn with_mfa(self, context: &SessionContext, now: UnixTime) -> ContextView {
        ContextView {
            mfa_present: true,
            mfa_time: Some(context.mfa_time().to_string()),
            mfa_age_seconds: Some(context.mfa_age(now).as_secs()),
            serial: Some(context.serial().as_str().to_owned()),
            kind: Some(context.kind().name()),
            amr: Some(context.amr().iter().map(|amr| amr.name()).collect()),
            user_verified: Some(context.user_verified()),
            phishing_resistant: Some(context.phishing_resistant()),
            hardware_bound: Some(context.hardware_bound()),
            ..self
        }
    }
}

impl AccountView {
    pub(super) fn new(entry: &AccountEntry, now: UnixTime) -> AccountView {
        AccountView {
            account: entry.account.id.as_str().to_owned(),
            created_at: entry.account.created_at.to_string(),
            protected: entry.account.protected,
            devices: entry.devices,
            active_devices: entry.active,
            throttled_until: entry
                .account
                .throttled_until
                .filter(|until| *until > now)
                .map(|until| until.to_string()),
        }
    }
}

impl From<SigningKeyInfo> for SigningKeyView {
    fn from(key: SigningKeyInfo) -> SigningKeyView {
        let retired_at = key.retired_at.map(|time| time.to_string());
        SigningKeyView {
            kid: key.kid,
            algorithm: key.algorithm,
            created_at: key.created_at.to_string(),
            retired_at,
        }
    }
}

impl From<&ApiKeyRecord> for ApiKeyView {
    fn from(key: &ApiKeyRecord) -> ApiKeyView {
        ApiKeyView {
            id: key.id.clone(),
            name: key.name.clone(),
            role: key.role.clone(),
            accounts: key.accounts.clone(),
            explain: key.explain,
            forward: key.forward,
            created_at: key.created_at.to_string(),
        }
    }
}

impl From<AuditRow> for EventView {
    fn from(row: AuditRow) -> EventView {
        EventView {
            chain: row.chain.0,
            number: row.number,
            at: row.event.at.to_string(),
            action: row.event.action.into(),
            account: row.event.account.map(String::from),
            serial: row.event.serial.map(String::from),
            caller: row.event.caller.as_str().to_owned(),
            reason: row.event.reason.map(String::from),
            count: row.event.count,
            hash: row.hash,
        }
    }
}
