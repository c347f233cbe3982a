//! The status bytes of CTAP2 that we tell apart (CTAP 2.1 §8.2).

use super::error::Error;
use super::fault::Fault;

/// Returns whether a status concerns the request itself, rather than the person or the stored
/// credentials.
pub(super) fn is_about_the_request(status: u8) -> bool {
    matches!(
        status,
        INVALID_PARAMETER
            | INVALID_LENGTH
            | UNEXPECTED_TYPE
            | INVALID_CBOR
            | MISSING_PARAMETER
            | LIMIT_EXCEEDED
            | UNSUPPORTED_ALGORITHM
            | UNSUPPORTED_OPTION
            | INVALID_OPTION
            | REQUEST_TOO_LARGE
            | OTHER
    ) || status >= 0xe0
}

/// Returns the error for a status that ended a ceremony.
pub(super) fn error(status: u8) -> Error {
    match status {
        OPERATION_DENIED | KEEPALIVE_CANCEL | NOT_ALLOWED | UV_INVALID | UV_BLOCKED => {
            Error::Declined
        }
        USER_ACTION_TIMEOUT | ACTION_TIMEOUT => Error::NotTouched,
        UNSUPPORTED_ALGORITHM => {
            Error::Unfit("it knows none of the signatures that the service can verify")
        }
        KEY_STORE_FULL => Error::Full,
        NO_CREDENTIALS => Error::NotEnrolled,
        PIN_INVALID => Error::PinWrong { retries: None },
        PIN_BLOCKED => Error::PinBlocked,
        PIN_AUTH_BLOCKED => Error::PinAuthBlocked,
        PIN_NOT_SET => Error::PinNotSet,
        PIN_POLICY_VIOLATION => Error::PinMustChange,
        status => Error::Refused(u16::from(status)),
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::Gone => Error::Unplugged,
            Fault::Stopped => Error::Cancelled,
            Fault::Late => Error::NotTouched,
            Fault::Busy => Error::Busy,
            Fault::Slow => Error::Slow,
            Fault::Silent => Error::Silent,
            Fault::Odd(what) | Fault::Content(what) => Error::Misbehaved(what),
            Fault::Status(status) => error(status),
            Fault::Word(word) => Error::Refused(word),
            Fault::Plain(error) => error,
        }
    }
}

pub(super) const OK: u8 = 0x00;
pub(super) const INVALID_PARAMETER: u8 = 0x02;
pub(super) const INVALID_LENGTH: u8 = 0x03;
pub(super) const UNEXPECTED_TYPE: u8 = 0x11;
pub(super) const INVALID_CBOR: u8 = 0x12;
pub(super) const MISSING_PARAMETER: u8 = 0x14;
pub(super) const LIMIT_EXCEEDED: u8 = 0x15;
pub(super) const INVALID_COMMAND: u8 = 0x01;
pub(super) const CHANNEL_BUSY: u8 = 0x06;
pub(super) const CREDENTIAL_EXCLUDED: u8 = 0x19;
pub(super) const UNSUPPORTED_ALGORITHM: u8 = 0x26;
pub(super) const OPERATION_DENIED: u8 = 0x27;
pub(super) const KEY_STORE_FULL: u8 = 0x28;
pub(super) const KEEPALIVE_CANCEL: u8 = 0x2d;
pub(super) const NO_CREDENTIALS: u8 = 0x2e;
pub(super) const UNSUPPORTED_OPTION: u8 = 0x2b;
pub(super) const INVALID_OPTION: u8 = 0x2c;
pub(super) const REQUEST_TOO_LARGE: u8 = 0x39;
pub(super) const OTHER: u8 = 0x7f;
pub(super) const USER_ACTION_TIMEOUT: u8 = 0x2f;
pub(super) const NOT_ALLOWED: u8 = 0x30;
pub(super) const PIN_INVALID: u8 = 0x31;
pub(super) const PIN_BLOCKED: u8 = 0x32;
pub(super) const PIN_AUTH_INVALID: u8 = 0x33;
pub(super) const PIN_AUTH_BLOCKED: u8 = 0x34;
pub(super) const PIN_NOT_SET: u8 = 0x35;
pub(super) const PUAT_REQUIRED: u8 = 0x36;
pub(super) const PIN_POLICY_VIOLATION: u8 = 0x37;
pub(super) const ACTION_TIMEOUT: u8 = 0x3a;
pub(super) const UV_BLOCKED: u8 = 0x3c;
pub(super) const UV_INVALID: u8 = 0x3f;
