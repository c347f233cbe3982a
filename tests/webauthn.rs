//! The relying party against a simulated key: every step of WebAuthn L3 §7.1 and §7.2 once as it should be, and once with
//! one field changed.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "webauthn/party.rs"]
mod party;
