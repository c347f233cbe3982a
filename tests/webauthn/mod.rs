//! The relying party with a simulated key: each step of WebAuthn L3 §7.1 and §7.2 with a valid
//! response, and with one field changed.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authentication;
mod counter;
mod ed25519;
mod json;
mod metadata;
mod origins;
mod party;
mod recorded;
mod registration;
mod statements;
mod steps;
mod tpm;
mod u2f;
mod unasked;
mod usernameless;
mod vectors;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
