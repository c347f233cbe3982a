//! Imports of token files.

use serde::{Deserialize, Serialize};

use crate::device::{DeviceState, MfaKind};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::Algorithm;
use crate::wire::SecretText;

/// The settings of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ImportDevices {
    /// The format of the file; recognised where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Show what would be imported, and change nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Put tokens that have an account in use at once, as they were where they come from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub activate: bool,
    /// Leave out tokens that are well-formed, but none that can be verified.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_unsupported: bool,
    /// Leave out keys of PINs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_pins: bool,
    /// `import` takes tokens that have expired, or are not valid yet, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(inline))]
    pub expired: Option<Expired>,
    /// `ignore` takes a signed file although its signature is not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(inline))]
    pub signature: Option<Signature>,
    /// True for tokens of hardware, false for programs, where the file does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<bool>,
    /// The kind of tokens of which the file does not say it: `totp` or `hotp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<MfaKind>,
    /// The hash function, where the file does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The number of digits, where the file does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digits: Option<u8>,
    /// The seconds of a time step, where the file does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u16>,
    /// The owner of tokens that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The day on which the clocks were set, `2026-11-28`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_set: Option<String>,
    /// The columns of a `csv`: `serial,secret:hex,digits,-`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<String>,
    /// The delimiter of a `csv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The first line of a `csv` is no token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub header: bool,
}

/// The treatment of tokens that have expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expired {
    /// Expired tokens are imported.
    Import,
}

/// The treatment of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// Signatures are not checked.
    Ignore,
}

/// A file that was imported, or that would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Import {
    /// The format; `null` for a file that is not recognised.
    pub format: Option<String>,
    /// The number of devices that were added.
    pub imported: u64,
    /// The number of entries that were left out because they are not supported.
    pub skipped: u64,
    /// Reasons not to import the file, the first hundred.
    pub problems: Vec<ImportProblem>,
    /// The first thousand tokens.
    pub tokens: Vec<ImportedToken>,
    /// The number of all tokens, by the state of their devices.
    pub states: ImportedStates,
    /// Entries that are no tokens and were left out on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<ImportNote>,
}

/// Numbers of devices by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ImportedStates {
    /// In stock.
    pub unassigned: u64,
    /// Waiting for two codes of their owners.
    pub pending: u64,
    /// In use.
    pub active: u64,
    /// Switched off.
    pub disabled: u64,
}

/// A reason not to import a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ImportProblem {
    /// The line of the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The entry, from 1, of a file without lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The serial number, where it is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The kind of problem, for programs.
    pub code: String,
    /// The fault, and what to do.
    pub detail: String,
}

/// An entry that was left out on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ImportNote {
    /// The line of the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The entry, from 1, of a file without lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The kind of entry.
    pub detail: String,
}

/// A token of a file, and the device that it becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct ImportedToken {
    /// The line of the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The entry, from 1, of a file without lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The serial number; one is generated for a token without, anew at each run.
    pub serial: SerialNumber,
    /// The kind.
    pub kind: MfaKind,
    /// The state of the device.
    pub state: DeviceState,
    /// The hash function.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub algorithm: Algorithm,
    /// The number of digits of a code.
    pub digits: u8,
    /// The seconds of a time step, for `totp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u16>,
    /// The next counter, for `hotp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// True if the file does not tell the counter: an administrator's pair has to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pair_needed: bool,
    /// The owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The name that its owner gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DeviceName>,
    /// Seconds since 1970 at which its steps begin, where that is another time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t0: Option<u64>,
    /// The highest step that counts as used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<u64>,
    /// The offset of its clock in steps, where the file tells it; positive if it is ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_steps: Option<i64>,
    /// The same in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_seconds: Option<i64>,
    /// True for a token of hardware.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hardware: bool,
}

/// Formats of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// PSKC (RFC 6030), encrypted by a passphrase.
    Pskc,
}

/// A choice of devices to export with their secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExportDevices {
    /// The format.
    pub format: ExportFormat,
    /// The passphrase that encrypts the file.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub passphrase: SecretText,
    /// Only devices of this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only devices in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DeviceState>,
}

/// The account that a device is given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// The account.
    pub account: String,
}
