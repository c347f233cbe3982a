//! What answers say of a device.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::device::{Device, Factor};
use crate::otp::rate;
use crate::time::UnixTime;
use crate::webauthn::{Attestation, Credential};

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
    /// Every code that the device shows counts as used until then: the clock went back below the
    /// time of the last one, or an old backup was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    codes_used_until: Option<String>,
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
    /// By which the key knows its credential, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_id: Option<String>,
    /// The model of the key, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    aaguid: Option<String>,
    /// How often it has signed; 0 for ever if it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_count: Option<u32>,
    /// It verified its user when it was enrolled.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_verified: Option<bool>,
    /// Its credential may be copied to other devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_eligible: Option<bool>,
    /// It stores its credential, so that a sign-in can begin without an account; absent where the
    /// browser did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    discoverable: Option<bool>,
    /// How it can be reached: `usb`, `nfc`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    transports: Option<Vec<String>>,
    /// How far its making is attested: `none`, `self`, `unverified` or `trusted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    attestation: Option<&'static str>,
}

impl DeviceView {
    pub(super) fn whole(device: &Device, now: UnixTime) -> DeviceView {
        let text = |time: UnixTime| time.to_string();
        let mut view = DeviceView {
            account: Some(device.account.as_str().to_owned()),
            created_at: Some(text(device.created_at)),
            activated_at: device.activated_at.map(text),
            last_used_at: device.last_used_at.map(text),
            codes_used_until: device.codes_used_until(now).map(text),
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
            Factor::SecurityKey(key) => view.describe(&key.credential),
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
            kind: device.kind().name(),
            name: device.name.as_ref().map(|name| name.as_str().to_owned()),
            state: device.state.name(),
            created_at: None,
            activated_at: None,
            last_used_at: None,
            throttled_until: device
                .throttle
                .until()
                .filter(|until| *until > now)
                .map(|until| until.to_string()),
            codes_used_until: None,
            algorithm: None,
            digits: None,
            period: None,
            counter: None,
            drift_steps: None,
            drift_seconds: None,
            drift_ppm: None,
            codes_left: None,
            credential_id: None,
            aaguid: None,
            sign_count: None,
            user_verified: None,
            backup_eligible: None,
            discoverable: None,
            transports: None,
            attestation: None,
        }
    }

    fn describe(&mut self, credential: &Credential) {
        self.credential_id = Some(URL_SAFE_NO_PAD.encode(credential.id.as_bytes()));
        self.aaguid = credential.aaguid.map(|aaguid| aaguid.to_string());
        self.sign_count = Some(credential.sign_count);
        self.user_verified = Some(credential.user_verified);
        self.backup_eligible = Some(credential.backup_eligible);
        self.discoverable = credential.discoverable;
        self.transports = Some(credential.transports.clone());
        self.attestation = Some(match credential.attestation {
            Attestation::None => "none",
            Attestation::Own => "self",
            Attestation::Unverified => "unverified",
            Attestation::Trusted => "trusted",
        });
    }
}
