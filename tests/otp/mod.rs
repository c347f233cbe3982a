//! One-time passwords through the public API: published vectors, other programs' codes, and what
//! the definitions say.
//!
//! `TWOSTEP_FUZZ_CASES` sets how many texts every property is tried on, `TWOSTEP_TIMING_SAMPLES`
//! how often refusals are timed.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clock;
mod differential;
mod oracle;
mod pairs;
mod refused;
mod text;
mod timing;
mod uri;
mod vectors;
mod window;
mod work;
