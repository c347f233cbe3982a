//! For tests of programs that embed twostep: a clock that obeys the test, and the token or the
//! security key that a person would hold.
//!
//! What is used wrongly here panics; nothing that verifies may depend on this module.

#![allow(
    clippy::expect_used,
    reason = "a test that asks for what cannot be should fail there and then"
)]

#[cfg(feature = "webauthn")]
mod answer;
#[cfg(feature = "webauthn")]
mod certificate;
mod clock;
#[cfg(feature = "webauthn")]
mod key;
mod token;

#[cfg(feature = "webauthn")]
pub use answer::Creation;
#[cfg(feature = "webauthn")]
pub use answer::SimulatedSigner;
#[cfg(feature = "webauthn")]
pub use answer::Use;
#[cfg(feature = "webauthn")]
pub use certificate::Certificate;
#[cfg(feature = "webauthn")]
pub use certificate::SimulatedAuthority;
#[cfg(feature = "webauthn")]
pub use certificate::TpmNames;
pub use clock::FixedClock;
#[cfg(feature = "webauthn")]
pub use key::SimulatedSecurityKey;
#[cfg(feature = "webauthn")]
pub use key::Statement;
#[cfg(feature = "webauthn")]
pub use key::StoredCredential;
pub use token::SimulatedToken;
