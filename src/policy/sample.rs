//! Contexts for the tests of this module.

use std::time::Duration;

use crate::session::{Amr, Common, ContextWithoutMfa, MfaKind, SessionContext};
use crate::time::UnixTime;

pub(super) const NOW: UnixTime = UnixTime(1_800_000_000);

/// A context that was made with a time-based code, `age` seconds ago.
pub(super) fn context(age: u64) -> SessionContext {
    let mfa_time = NOW.minus(Duration::from_secs(age));
    SessionContext {
        common: Common { issued_at: mfa_time, ..common() },
        mfa_time,
        serial: "GAHT12345678".parse().unwrap(),
        kind: MfaKind::Totp,
        amr: vec![Amr::Otp],
        user_verified: false,
        device_generation: 0,
    }
}

/// A context that was made with a security key, `age` seconds ago.
pub(super) fn key_context(age: u64, hardware: bool) -> SessionContext {
    let held = if hardware { Amr::Hwk } else { Amr::Pop };
    SessionContext {
        serial: "KEY-12345678".parse().unwrap(),
        kind: MfaKind::SecurityKey,
        amr: vec![held, Amr::User],
        ..context(age)
    }
}

pub(super) fn without_mfa() -> ContextWithoutMfa {
    ContextWithoutMfa { common: common() }
}

fn common() -> Common {
    Common {
        account: "alice".parse().unwrap(),
        session_id: "s1".to_owned(),
        issuer: "twostep".to_owned(),
        audience: "twostep".to_owned(),
        issued_at: NOW.minus(Duration::from_secs(60)),
        expires_at: NOW.plus(Duration::from_secs(3_600)),
        generation: 0,
    }
}
