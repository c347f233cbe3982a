//! One-time passwords (RFC 4226, RFC 6238): pure functions of a secret, a code and a given time.
//!
//! Searches return *where* a code matched, since the matched factor must never match again. No
//! state is kept here; [`crate::device`] holds it.

mod code;
#[cfg(feature = "verifier")]
mod diagnose;
mod drift;
mod filter;
mod hotp;
mod key;
mod lanes;
mod prior;
#[cfg(feature = "verifier")]
mod reading;
mod resync;
mod search;
mod seed;
mod steps;
mod totp;
mod uri;

pub use code::{BadCode, Code};
#[cfg(feature = "verifier")]
#[cfg(feature = "verifier")]
pub use diagnose::{DAY, Expected, Explanation, Made, WEEK, YEAR_2000, as_stored, explain};
#[cfg(test)]
pub(crate) use drift::Measurement;
pub use drift::{ClockModel, ClockReading, Drift, Foretold};
pub(crate) use drift::{Evidence, Sample};
pub use hotp::{CodePair, Counter, Hotp, LOOK_AHEAD, LOOK_BEHIND};
pub use key::{Algorithm, Digits, Key, compressions};
pub use prior::RatePrior;
#[cfg(feature = "verifier")]
pub use reading::{Encoding, SeedReading};
pub use resync::{PairFound, Window};
#[cfg(feature = "verifier")]
pub(crate) use search::pair_cost;
pub use seed::{BadSeed, Seed, SpareBits, TypedSeed};
pub use steps::StepWindow;
pub use totp::{TimeStep, TimeStepSize, Totp, TotpMatch};
pub use uri::{BadUri, KeyUri, MovingFactor};

/// A parameter outside the range that RFC 4226, RFC 6238 and this library allow. The text states
/// the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadParameter(pub(crate) &'static str);

impl std::fmt::Display for BadParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadParameter {}
