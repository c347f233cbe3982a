//! What answers look like.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::device::Device;
use crate::device::DeviceState;
use crate::device::Factor;
use crate::device::Kind;
use crate::otp::rate;
use crate::session::AnyContext;
use crate::session::SessionContext;
use crate::session::SigningKeyInfo;
use crate::store::AccountEntry;
use crate::store::ApiKeyRecord;
use crate::store::AuditRow;
use crate::time::UnixTime;
use crate::webauthn::Attestation;
use crate::webauthn::Credential;

/// A device; never a secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeviceView {
    /// Its public handle.
    serial: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// `totp`, `hotp`, `security_key` or `recovery`.
    kind: &'static str,
    /// What its owner calls it.
    name: Option<String>,
    /// `pending`, `active`, `disabled` or `locked`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    /// Codes are refused unjudged until then.
    throttled_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digits: Option<u8>,
    /// The time-step size in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u16>,
    /// The lowest counter not consumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
    /// How many steps its clock is ahead of ours; negative: it lags.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_steps: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_seconds: Option<i64>,
    /// How fast its clock gains, in parts per million, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_ppm: Option<f64>,
    /// How many recovery codes are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    codes_left: Option<usize>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    key: Option<KeyView>,
}

/// What is known of a security key.
#[derive(Debug, Serialize, ToSchema)]
struct KeyView {
    /// By which the key knows its credential, in base64url.
    credential_id: String,
    /// The model of the key, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    aaguid: Option<String>,
    /// How often it has signed; 0 for ever if it does not count.
    sign_count: u32,
    /// It verified its user when it was enrolled.
    user_verified: bool,
    /// Its credential may be copied to other devices.
    backup_eligible: bool,
    /// How it can be reached: `usb`, `nfc`, …
    transports: Vec<String>,
    /// How far its making is attested: `none`, `self`, `unverified` or `trusted`.
    attestation: &'static str,
}

/// What a context says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ContextView {
    account: String,
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
    created_at: String,
}

/// An audit row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventView {
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

impl DeviceView {
    pub(super) fn whole(device: &Device, now: UnixTime) -> DeviceView {
        let text = |time: UnixTime| time.to_string();
        let mut view = DeviceView {
            account: Some(device.account.as_str().to_owned()),
            created_at: Some(text(device.created_at)),
            activated_at: device.activated_at.map(text),
            last_used_at: device.last_used_at.map(text),
            ..DeviceView::factor(device, now)
        };
        match &device.factor {
            Factor::Totp(totp) => {
                view.algorithm = Some(totp.parameters.algorithm.to_string());
                view.digits = Some(totp.parameters.digits.count());
                view.period = Some(totp.parameters.step_size.seconds());
                view.drift_ppm = rate(&totp.samples);
            }
            Factor::Hotp(hotp) => {
                view.algorithm = Some(hotp.parameters.algorithm.to_string());
                view.digits = Some(hotp.parameters.digits.count());
                view.counter = hotp.next.map(|counter| counter.0);
            }
            Factor::SecurityKey(key) => view.key = Some(KeyView::from(&key.credential)),
            Factor::Recovery(recovery) => view.codes_left = Some(recovery.unused.len()),
        }
        view.drift_steps = device.drift().map(|drift| drift.steps);
        view.drift_seconds = device.drift().map(|drift| drift.seconds);
        view
    }

    /// What a verifier may know: enough to ask for the right thing.
    pub(super) fn factor(device: &Device, now: UnixTime) -> DeviceView {
        DeviceView {
            serial: device.serial.as_str().to_owned(),
            account: None,
            kind: match device.kind() {
                Kind::Totp => "totp",
                Kind::Hotp => "hotp",
                Kind::SecurityKey => "security_key",
                Kind::Recovery => "recovery",
            },
            name: device.name.as_ref().map(|name| name.as_str().to_owned()),
            state: match device.state {
                DeviceState::Pending => "pending",
                DeviceState::Active => "active",
                DeviceState::Disabled => "disabled",
                DeviceState::Locked => "locked",
            },
            created_at: None,
            activated_at: None,
            last_used_at: None,
            throttled_until: device.throttle.until().filter(|until| *until > now).map(|until| until.to_string()),
            algorithm: None,
            digits: None,
            period: None,
            counter: None,
            drift_steps: None,
            drift_seconds: None,
            drift_ppm: None,
            codes_left: None,
            key: None,
        }
    }
}

impl From<&Credential> for KeyView {
    fn from(credential: &Credential) -> KeyView {
        KeyView {
            credential_id: URL_SAFE_NO_PAD.encode(credential.id.as_bytes()),
            aaguid: credential.aaguid.map(|aaguid| aaguid.to_string()),
            sign_count: credential.sign_count,
            user_verified: credential.user_verified,
            backup_eligible: credential.backup_eligible,
            transports: credential.transports.clone(),
            attestation: match credential.attestation {
                Attestation::None => "none",
                Attestation::Own => "self",
                Attestation::Unverified => "unverified",
                Attestation::Trusted => "trusted",
            },
        }
    }
}

impl ContextView {
    pub(super) fn new(context: &AnyContext, now: UnixTime) -> ContextView {
        let common = context.common();
        let view = ContextView {
            account: common.account.as_str().to_owned(),
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
            throttled_until: entry.account.throttled_until.filter(|until| *until > now).map(|until| until.to_string()),
        }
    }
}

impl From<SigningKeyInfo> for SigningKeyView {
    fn from(key: SigningKeyInfo) -> SigningKeyView {
        let retired_at = key.retired_at.map(|time| time.to_string());
        SigningKeyView { kid: key.kid, algorithm: key.algorithm, created_at: key.created_at.to_string(), retired_at }
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
            created_at: key.created_at.to_string(),
        }
    }
}

impl From<AuditRow> for EventView {
    fn from(row: AuditRow) -> EventView {
        EventView {
            number: row.number,
            at: row.event.at.to_string(),
            action: row.event.action,
            account: row.event.account.map(String::from),
            serial: row.event.serial.map(String::from),
            caller: row.event.caller.as_str().to_owned(),
            reason: row.event.reason,
            count: row.event.count,
            hash: row.hash,
        }
    }
}
