//! Test doubles for programs that embed twostep: a clock under control of the test, a simulated
//! token and a simulated security key.
//!
//! Wrong use panics. Verifying code must not depend on this module.

#![allow(clippy::expect_used, reason = "impossible requests should fail the test at once")]

#[cfg(feature = "webauthn")]
mod answer;
#[cfg(feature = "webauthn")]
mod certificate;
mod clock;
#[cfg(feature = "webauthn")]
mod key;
mod token;

#[cfg(feature = "webauthn")]
pub use answer::{Creation, SimulatedSigner, Use};
#[cfg(feature = "webauthn")]
pub use certificate::{Certificate, SimulatedAuthority, TpmNames};
pub use clock::FixedClock;
#[cfg(feature = "webauthn")]
pub use key::{SimulatedSecurityKey, Statement, StoredCredential};
pub use token::SimulatedToken;
