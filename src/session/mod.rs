//! What others may know about a verification: a *session context*, signed and short-lived.
//!
//! The issuer turns a `Verified` into a [`SignedContext`]. Whoever receives that validates it with
//! nothing but the issuer's public keys, and gets a [`SessionContext`], or a [`ContextWithoutMfa`],
//! which is another type with another `typ`.

mod algorithm;
#[cfg(any(feature = "agent", feature = "guard"))]
pub(crate) mod carried;
mod claims;
#[cfg(feature = "session")]
mod event;
#[cfg(feature = "session")]
mod feed;
#[cfg(feature = "session")]
mod introspect;
#[cfg(feature = "session")]
mod issuer;
mod jwks;
mod jws;
mod key_file;
mod public_key;
#[cfg(feature = "jwks-http")]
mod remote;
mod revocations;
mod seen;
#[cfg(feature = "session")]
mod signing;
mod validator;

pub use algorithm::{SigningAlgorithm, UnknownAlgorithm};
pub use claims::SignedContext;
#[cfg(feature = "session")]
pub use event::SecurityEvent;
#[cfg(feature = "session")]
pub use feed::{PublishedList, RevocationFeed};
#[cfg(feature = "session")]
pub use introspect::Introspector;
#[cfg(feature = "session")]
pub use issuer::{Issuer, Lifetime};
pub use jwks::{JwkSet, KeyError, KeySource};
pub use key_file::{JwksFile, JwksFileError};
pub use public_key::PublicKey;
#[cfg(feature = "jwks-http")]
pub use remote::{Following, RemoteFault, RemoteIssuer, Standing};
pub use revocations::{BadList, RevocationList, RevocationSource};
#[cfg(feature = "session")]
pub use signing::SigningKeyInfo;
pub use validator::{AnyContext, Invalid, Validator};

pub use crate::device::MfaKind;

use std::time::Duration;

use crate::id::{AccountId, SerialNumber};
use crate::time::UnixTime;

/// A validated context: MFA was present. Only a [`Validator`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionContext {
    pub(crate) common: Common,
    pub(crate) mfa_time: UnixTime,
    pub(crate) serial: SerialNumber,
    pub(crate) kind: MfaKind,
    pub(crate) amr: Vec<Amr>,
    pub(crate) user_verified: bool,
}

/// A validated context without MFA: it says who, and that nothing more was proved. It never stands
/// in for a [`SessionContext`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextWithoutMfa {
    pub(crate) common: Common,
}

/// What every context says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Whose context it is (`sub`).
    pub account: AccountId,
    /// Its id (`jti`).
    pub session_id: String,
    /// Who issued it (`iss`).
    pub issuer: String,
    /// Whom it is for (`aud`).
    pub audience: String,
    /// When it was issued (`iat`).
    pub issued_at: UnixTime,
    /// It is valid up to the second before (`exp`).
    pub expires_at: UnixTime,
    /// The account's revocation generation when it was issued.
    pub generation: u64,
}

/// How somebody was authenticated: values of RFC 8176 §2.
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
    /// `user`: somebody was present.
    User,
    /// `mfa`: more than one factor.
    Mfa,
}

impl SessionContext {
    /// What every context says.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// Whose context it is.
    pub fn account(&self) -> &AccountId {
        &self.common.account
    }

    /// When MFA was proved.
    pub fn mfa_time(&self) -> UnixTime {
        self.mfa_time
    }

    /// How long ago MFA was proved. It only grows: no context is renewed without a new proof.
    pub fn mfa_age(&self, now: UnixTime) -> Duration {
        now.since(self.mfa_time)
    }

    /// The device it was proved with.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// What kind of device that is.
    pub fn kind(&self) -> MfaKind {
        self.kind
    }

    /// How it was proved.
    pub fn amr(&self) -> &[Amr] {
        &self.amr
    }

    /// The device knew that it was the right person: a PIN, a finger.
    pub fn user_verified(&self) -> bool {
        self.user_verified
    }

    /// A page that only looks like the right one could not have got this proof: true for security
    /// keys, and for nothing else.
    pub fn phishing_resistant(&self) -> bool {
        self.kind == MfaKind::SecurityKey
    }

    /// The device is known to keep its key in hardware.
    pub fn hardware_bound(&self) -> bool {
        self.amr.contains(&Amr::Hwk)
    }
}

impl ContextWithoutMfa {
    /// What every context says.
    pub fn common(&self) -> &Common {
        &self.common
    }
}

impl Amr {
    /// Its name in tokens and answers.
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
