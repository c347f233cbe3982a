//! Validated contexts: what a token says, as types.

use std::time::Duration;

use crate::device::MfaKind;
use crate::id::{AccountId, SerialNumber};
use crate::time::UnixTime;

/// A validated context: MFA was present. Only a [`Validator`](crate::session::Validator) makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionContext {
    pub(crate) common: Common,
    pub(crate) mfa_time: UnixTime,
    pub(crate) serial: SerialNumber,
    pub(crate) kind: MfaKind,
    pub(crate) amr: Vec<Amr>,
    pub(crate) user_verified: bool,
    pub(crate) device_generation: u64,
}

/// A validated context without MFA: it names an account, and proves nothing more. It never stands
/// in for a [`SessionContext`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextWithoutMfa {
    pub(crate) common: Common,
}

/// A context of either type, for services that accept both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyContext {
    /// MFA was present.
    Mfa(SessionContext),
    /// MFA was not present.
    WithoutMfa(ContextWithoutMfa),
}

/// The members that every context has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// The account (`sub`).
    pub account: AccountId,
    /// The context's id (`jti`).
    pub session_id: String,
    /// The issuer (`iss`).
    pub issuer: String,
    /// The audience (`aud`).
    pub audience: String,
    /// The time of issue (`iat`).
    pub issued_at: UnixTime,
    /// The first second in which it is not valid (`exp`).
    pub expires_at: UnixTime,
    /// The account's revocation generation when it was issued.
    pub generation: u64,
}

/// A method of authentication: a value of RFC 8176 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Amr {
    /// `otp`: a one-time code.
    Otp,
    /// `hwk`: proof of possession of a key in hardware.
    Hwk,
    /// `swk`: proof of possession of a key in software.
    Swk,
    /// `pop`: proof of possession of a key.
    Pop,
    /// `pin`: a PIN known to the device.
    Pin,
    /// `fpt`: a fingerprint.
    Fpt,
    /// `user`: a person was present.
    User,
    /// `mfa`: more than one factor.
    Mfa,
}

impl SessionContext {
    /// The members that every context has.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// The account.
    pub fn account(&self) -> &AccountId {
        &self.common.account
    }

    /// The time at which MFA was proved.
    pub fn mfa_time(&self) -> UnixTime {
        self.mfa_time
    }

    /// The time since MFA was proved. It only grows: no context is renewed without a new proof.
    pub fn mfa_age(&self, now: UnixTime) -> Duration {
        now.since(self.mfa_time)
    }

    /// The device it was proved with.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// The kind of that device.
    pub fn kind(&self) -> MfaKind {
        self.kind
    }

    /// The methods of the proof.
    pub fn amr(&self) -> &[Amr] {
        &self.amr
    }

    /// The device verified its user, by PIN or fingerprint.
    pub fn user_verified(&self) -> bool {
        self.user_verified
    }

    /// The proof cannot be relayed by a look-alike page: true for security keys only.
    pub fn phishing_resistant(&self) -> bool {
        self.kind == MfaKind::SecurityKey
    }

    /// The device is known to keep its key in hardware.
    pub fn hardware_bound(&self) -> bool {
        self.amr.contains(&Amr::Hwk)
    }
}

impl ContextWithoutMfa {
    /// The members that every context has.
    pub fn common(&self) -> &Common {
        &self.common
    }
}

impl AnyContext {
    /// The context, if it carries MFA.
    pub fn mfa(&self) -> Option<&SessionContext> {
        match self {
            AnyContext::Mfa(context) => Some(context),
            AnyContext::WithoutMfa(_) => None,
        }
    }

    /// The members that every context has.
    pub fn common(&self) -> &Common {
        match self {
            AnyContext::Mfa(context) => &context.common,
            AnyContext::WithoutMfa(context) => &context.common,
        }
    }
}

impl Amr {
    /// The method's name in tokens and answers.
    pub fn name(self) -> &'static str {
        match self {
            Amr::Otp => "otp",
            Amr::Hwk => "hwk",
            Amr::Swk => "swk",
            Amr::Pop => "pop",
            Amr::Pin => "pin",
            Amr::Fpt => "fpt",
            Amr::User => "user",
            Amr::Mfa => "mfa",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Amr> {
        [Amr::Otp, Amr::Hwk, Amr::Swk, Amr::Pop, Amr::Pin, Amr::Fpt, Amr::User, Amr::Mfa]
            .into_iter()
            .find(|amr| amr.name() == name)
    }
}
