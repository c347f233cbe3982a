//! The kinds of MFA, and the states of a device, with their names in tokens, answers and stores.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kind of a device, or of the proof made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MfaKind {
    /// Time-based codes, RFC 6238.
    Totp,
    /// Counter-based codes, RFC 4226.
    Hotp,
    /// A FIDO security key, WebAuthn.
    SecurityKey,
    /// A sheet of recovery codes.
    Recovery,
    /// An administrator's bypass code: a kind of proof, never of a device.
    Bypass,
}

/// State of a device: usable or not, and the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// In stock: of no account. An administrator assigns it.
    Unassigned,
    /// Added, but not yet proved by two consecutive codes. Expires after a day if its secret was
    /// made here.
    Pending,
    /// In use.
    Active,
    /// Deactivated. Two consecutive codes make it active again; a security key is removed and
    /// enrolled again.
    Disabled,
    /// Twenty wrong codes in a row. A right pair, or an administrator, unlocks it.
    Locked,
}

/// The text names no kind or state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownName(&'static str);

impl MfaKind {
    /// All kinds.
    pub const ALL: [MfaKind; 5] =
        [MfaKind::Totp, MfaKind::Hotp, MfaKind::SecurityKey, MfaKind::Recovery, MfaKind::Bypass];

    /// Name in tokens and answers.
    pub fn name(self) -> &'static str {
        match self {
            MfaKind::Totp => "totp",
            MfaKind::Hotp => "hotp",
            MfaKind::SecurityKey => "security_key",
            MfaKind::Recovery => "recovery",
            MfaKind::Bypass => "bypass",
        }
    }
}

impl DeviceState {
    /// All states.
    pub const ALL: [DeviceState; 5] = [
        DeviceState::Unassigned,
        DeviceState::Pending,
        DeviceState::Active,
        DeviceState::Disabled,
        DeviceState::Locked,
    ];

    /// Name in answers and stores.
    pub fn name(self) -> &'static str {
        match self {
            DeviceState::Unassigned => "unassigned",
            DeviceState::Pending => "pending",
            DeviceState::Active => "active",
            DeviceState::Disabled => "disabled",
            DeviceState::Locked => "locked",
        }
    }
}

impl FromStr for MfaKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<MfaKind, UnknownName> {
        MfaKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(UnknownName("kind is totp, hotp, security_key, recovery or bypass"))
    }
}

impl FromStr for DeviceState {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<DeviceState, UnknownName> {
        DeviceState::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or(UnknownName("state is unassigned, pending, active, disabled or locked"))
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for UnknownName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_text_and_in_json() {
        for kind in MfaKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        for state in DeviceState::ALL {
            assert_eq!(state.name().parse(), Ok(state));
        }
        assert!("TOTP".parse::<MfaKind>().is_err());
    }
}
