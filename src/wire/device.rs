//! Devices: what is asked for, and what is shown of them.

use serde::{Deserialize, Serialize};

use crate::device::{DeviceState, MfaKind};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::Algorithm;
use crate::webauthn;
use crate::wire::{SecretText, Timestamp};

/// A device; never a secret. A verifier is shown serial number, kind, name, state and throttle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Device {
    /// The public handle.
    pub serial: SerialNumber,
    /// The owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The kind; never `bypass`.
    pub kind: MfaKind,
    /// The name that its owner gives it.
    pub name: Option<DeviceName>,
    /// The state: only an active device can be used.
    pub state: DeviceState,
    /// The time of its addition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time of its first proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Timestamp>,
    /// The time of its last accepted proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// Codes are refused unjudged until then.
    pub throttled_until: Option<Timestamp>,
    /// A pending device whose secret the agent made is dropped then. One that was given its secret
    /// waits for its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Every code that the device shows counts as used until then: the clock went back below the
    /// time of the last one, or an old backup was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes_used_until: Option<Timestamp>,
    /// The hash function.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>))]
    pub algorithm: Option<Algorithm>,
    /// The number of digits of a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digits: Option<u8>,
    /// The time-step size in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u16>,
    /// The lowest counter not consumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// Time steps that its clock is expected to be ahead of ours, to the nearest; negative: behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_steps: Option<i64>,
    /// The same in seconds, as expected at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_seconds: Option<i64>,
    /// The rate of its clock, in parts per million; positive: fast. Absent until a code was
    /// accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<f64>,
    /// The standard deviation of that rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ppm_doubt: Option<f64>,
    /// The number of time steps either side of the expected one at which a code is accepted now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_steps: Option<u8>,
    /// The probability that one guessed code is accepted now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guess_odds: Option<f64>,
    /// The time until which its next code is expected to be accepted at the first try; two codes
    /// find it again after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_to_work_until: Option<Timestamp>,
    /// The number of recovery codes left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes_left: Option<usize>,
    /// The credential id in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// The model of the key, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aaguid: Option<String>,
    /// The signature counter; always 0 for keys that do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_count: Option<u32>,
    /// User verification at the enrolment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_verified: Option<bool>,
    /// The credential may be copied to other devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_eligible: Option<bool>,
    /// The key stores its credential, so that a sign-in can begin without an account; absent where
    /// the browser did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discoverable: Option<bool>,
    /// The transports of the key: `usb`, `nfc`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transports: Option<Vec<String>>,
    /// The degree to which the key is attested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
}

/// The degree to which a security key is attested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// No statement was made, or none was asked for.
    None,
    /// The statement is signed with the credential's own key.
    #[serde(rename = "self")]
    Own,
    /// The statement could not be verified, or leads to no trust anchor.
    Unverified,
    /// The statement leads to a trust anchor of the agent's.
    Trusted,
}

/// A device to be added. The agent chooses what is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateDevice {
    /// The account that gets the device. Left out by an administrator of all accounts: it is in
    /// stock, until two codes of it or an administrator give it to an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: Option<String>,
    /// `totp`, `hotp` or `recovery`.
    #[cfg_attr(feature = "agent", schema(pattern = "^(totp|hotp|recovery)$"))]
    pub kind: String,
    /// The name that its owner gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 128))]
    pub name: Option<String>,
    /// For hardware that has one; generated otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^[A-Za-z0-9_+=/:,.@-]{1,256}$"))]
    pub serial: Option<String>,
    /// Base32; made by the agent if left out. Blanks, dashes and characters that print as nothing
    /// are skipped, and bits of the last character that fill no byte are dropped, as apps do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>))]
    pub secret: Option<SecretText>,
    /// `SHA1`, `SHA256` or `SHA512`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^[Ss][Hh][Aa](1|256|512)$"))]
    pub algorithm: Option<String>,
    /// 6 to 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 6, maximum = 8))]
    pub digits: Option<u8>,
    /// The time-step size: 10 to 120 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(minimum = 10, maximum = 120))]
    pub period: Option<u16>,
    /// The beginning of its first time step (`T0` of RFC 6238), in seconds since 1970; 0 if left
    /// out, as for nearly every token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(format = "uint64"))]
    pub t0: Option<u64>,
    /// The counter to begin at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(format = "uint64"))]
    pub counter: Option<u64>,
    /// The day on which the maker set the clock of a `totp` token, as `2024-03-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub clock_set: Option<String>,
}

/// A device that was added, with what is shown only once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct CreatedDevice {
    /// The device.
    pub device: Device,
    /// Only when the agent made the secret, and only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<Provisioning>,
    /// Only for `recovery`, and only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<Vec<String>>))]
    pub recovery_codes: Option<Vec<SecretText>>,
}

/// The secret in the forms that authenticator apps take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Provisioning {
    /// Base32.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub secret: SecretText,
    /// `otpauth://…`
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub uri: SecretText,
    /// The URI as a QR code. Left out where it is too long for one (ISO/IEC 18004: 2,953 bytes).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>))]
    pub qr_svg: Option<SecretText>,
}

/// A choice of devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ListDevices {
    /// Only those of this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(min_length = 1, max_length = 256))]
    pub account: Option<String>,
    /// `pending`, `active`, `disabled` or `locked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        param(value_type = Option<String>, pattern = "^(pending|active|disabled|locked)$"),
    )]
    pub state: Option<DeviceState>,
    /// `totp`, `hotp`, `security_key` or `recovery`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        param(value_type = Option<String>, pattern = "^(totp|hotp|security_key|recovery)$"),
    )]
    pub kind: Option<MfaKind>,
    /// Only those without an accepted proof since then; for enrollers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(value_type = Option<String>, format = "date-time"))]
    pub unused_since: Option<Timestamp>,
    /// Only those whose clock is off by more than so many time steps; for enrollers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(minimum = 0, maximum = 1_000_000))]
    pub drift_above: Option<u32>,
    /// Only those with this text in serial number, account or name, in upper or lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(min_length = 1, max_length = 256))]
    pub search: Option<String>,
    /// 1 to 1000; 100 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(minimum = 1, maximum = 1000))]
    pub limit: Option<u32>,
    /// The serial number of the last device of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(pattern = "^[A-Za-z0-9_+=/:,.@-]{1,256}$"))]
    pub after: Option<String>,
}

/// A page of devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Devices {
    /// The devices.
    pub devices: Vec<Device>,
    /// The `after` of the next page; none on the last one.
    pub next: Option<String>,
}

/// Another name for a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// The name that its owner gives it.
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 128))]
    pub name: String,
}

/// A device that was found again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Resynced {
    /// The device.
    pub device: Device,
    /// Time steps that the device's clock is ahead; 0 for counters.
    pub drift_steps: i64,
}

impl Device {
    /// A device with the members that every caller is shown.
    pub fn new(serial: SerialNumber, kind: MfaKind, state: DeviceState) -> Device {
        Device {
            serial,
            account: None,
            kind,
            name: None,
            state,
            created_at: None,
            activated_at: None,
            last_used_at: None,
            throttled_until: None,
            expires_at: None,
            codes_used_until: None,
            algorithm: None,
            digits: None,
            period: None,
            counter: None,
            drift_steps: None,
            drift_seconds: None,
            drift_ppm: None,
            drift_ppm_doubt: None,
            window_steps: None,
            guess_odds: None,
            expected_to_work_until: None,
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
}

impl CreateDevice {
    /// A device of this kind: time-based or counter-based codes, or a sheet of recovery codes.
    pub fn new(account: &AccountId, kind: MfaKind) -> CreateDevice {
        let account = Some(account.as_str().to_owned());
        CreateDevice { account, ..CreateDevice::unassigned(kind) }
    }

    /// A device of no account: time-based or counter-based codes.
    pub fn unassigned(kind: MfaKind) -> CreateDevice {
        CreateDevice {
            account: None,
            kind: kind.name().to_owned(),
            name: None,
            serial: None,
            secret: None,
            algorithm: None,
            digits: None,
            period: None,
            t0: None,
            counter: None,
            clock_set: None,
        }
    }

    /// Sets the name by which its owner calls it.
    #[must_use]
    pub fn named(self, name: &DeviceName) -> CreateDevice {
        CreateDevice { name: Some(name.as_str().to_owned()), ..self }
    }

    /// Sets the serial number that is printed on it.
    #[must_use]
    pub fn with_serial(self, serial: &SerialNumber) -> CreateDevice {
        CreateDevice { serial: Some(serial.as_str().to_owned()), ..self }
    }

    /// Sets the secret that is in it already, in base32.
    #[must_use]
    pub fn with_secret(self, base32: impl Into<SecretText>) -> CreateDevice {
        CreateDevice { secret: Some(base32.into()), ..self }
    }
}

impl Attestation {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Attestation::None => "none",
            Attestation::Own => "self",
            Attestation::Unverified => "unverified",
            Attestation::Trusted => "trusted",
        }
    }
}

impl From<webauthn::Attestation> for Attestation {
    fn from(attestation: webauthn::Attestation) -> Attestation {
        match attestation {
            webauthn::Attestation::None => Attestation::None,
            webauthn::Attestation::Own => Attestation::Own,
            webauthn::Attestation::Unverified => Attestation::Unverified,
            webauthn::Attestation::Trusted => Attestation::Trusted,
        }
    }
}
