//! One-time passwords, RFC 4226 and RFC 6238: pure functions of a secret, a code and a time that is
//! given.
//!
//! A search returns *where* a code matched, never just that it did: what was matched is what must
//! never match again. Nothing here remembers anything; [`crate::device`] holds the state.

mod code;
mod drift;
mod hotp;
mod key;
mod resync;
mod search;
mod seed;
mod totp;
mod uri;

pub use code::{BadCode, Code};
pub(crate) use drift::learn;
pub use drift::{Drift, Sample, rate};
pub use hotp::{Counter, Hotp, LOOK_AHEAD, LOOK_BEHIND};
pub use key::{Algorithm, Digits, Key, compressions};
pub use resync::{PairFound, Window};
pub use seed::{BadSeed, Seed, SpareBits, TypedSeed};
pub use totp::{TimeStep, TimeStepSize, Totp, TotpMatch};
pub use uri::{BadUri, Factor, KeyUri};

/// A parameter outside what RFC 4226, RFC 6238 and this library allow; the text says what is
/// allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadParameter(pub(crate) &'static str);

impl std::fmt::Display for BadParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadParameter {}
