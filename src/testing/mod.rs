//! For tests of programs that embed twostep: a clock that obeys the test, and the token that a person would hold.
//!
//! What is used wrongly here panics; nothing that verifies may depend on this module.

#![allow(clippy::expect_used, reason = "a test that asks for what cannot be should fail there and then")]

mod clock;
mod token;

pub use clock::FixedClock;
pub use token::SimulatedToken;
