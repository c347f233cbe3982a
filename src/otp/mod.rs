//! One-time passwords, RFC 4226 and RFC 6238: pure functions of a secret, a code and a time that is given.
//!
//! A search returns *where* a code matched, never just that it did: what was matched is what must never match again.
//! Nothing here remembers anything; [`crate::device`] holds the state.

mod code;
mod drift;
mod hotp;
mod key;
mod resync;
mod search;
mod seed;
mod totp;
mod uri;

pub use code::BadCode;
pub use code::Code;
pub use drift::Drift;
pub use drift::Sample;
pub(crate) use drift::learn;
pub use drift::rate;
pub use hotp::Counter;
pub use hotp::Hotp;
pub use hotp::LOOK_AHEAD;
pub use hotp::LOOK_BEHIND;
pub use key::Algorithm;
pub use key::Digits;
pub use key::Key;
pub use key::compressions;
pub use resync::PairFound;
pub use resync::Window;
pub use seed::BadSeed;
pub use seed::Seed;
pub use seed::SpareBits;
pub use seed::TypedSeed;
pub use totp::TimeStep;
pub use totp::TimeStepSize;
pub use totp::Totp;
pub use totp::TotpMatch;
pub use uri::BadUri;
pub use uri::Factor;
pub use uri::KeyUri;

/// A parameter outside what RFC 4226, RFC 6238 and this library allow; the text says what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadParameter(pub(crate) &'static str);

impl std::fmt::Display for BadParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadParameter {}
