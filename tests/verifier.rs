//! The verifier, from outside: what each use case does and refuses, on the SQLite store and a clock
//! that obeys the test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "verifier/accounts.rs"]
mod accounts;
#[path = "verifier/ceremonies.rs"]
mod ceremonies;
#[path = "verifier/clock.rs"]
mod clock;
#[path = "verifier/devices.rs"]
mod devices;
#[path = "verifier/faults.rs"]
mod faults;
#[path = "support/hooked.rs"]
mod hooked;
#[path = "support/keyring.rs"]
mod keyring;
#[path = "verifier/keys.rs"]
mod keys;
#[path = "verifier/model.rs"]
mod model;
#[path = "verifier/one_refusal.rs"]
mod one_refusal;
#[path = "verifier/pending.rs"]
mod pending;
#[path = "verifier/properties.rs"]
mod properties;
#[path = "verifier/protected.rs"]
mod protected;
#[path = "verifier/resync.rs"]
mod resync;
#[path = "verifier/run.rs"]
mod run;
#[path = "support/scratch.rs"]
mod scratch;
#[path = "verifier/sealing_keys.rs"]
mod sealing_keys;
#[path = "verifier/spare_codes.rs"]
mod spare_codes;
#[path = "verifier/throttle.rs"]
mod throttle;
#[path = "verifier/usernameless.rs"]
mod usernameless;
#[path = "support/world.rs"]
mod world;
