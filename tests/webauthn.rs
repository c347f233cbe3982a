//! The relying party against a simulated key: every step of WebAuthn L3 §7.1 and §7.2 once as it
//! should be, and once with one field changed.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "webauthn/authentication.rs"]
mod authentication;
#[path = "webauthn/counter.rs"]
mod counter;
#[path = "webauthn/ed25519.rs"]
mod ed25519;
#[path = "webauthn/json.rs"]
mod json;
#[path = "webauthn/metadata.rs"]
mod metadata;
#[path = "webauthn/origins.rs"]
mod origins;
#[path = "webauthn/party.rs"]
mod party;
#[path = "webauthn/recorded.rs"]
mod recorded;
#[path = "webauthn/registration.rs"]
mod registration;
#[path = "webauthn/statements.rs"]
mod statements;
#[path = "webauthn/steps.rs"]
mod steps;
#[path = "support/tools.rs"]
mod tools;
#[path = "webauthn/tpm.rs"]
mod tpm;
#[path = "webauthn/u2f.rs"]
mod u2f;
#[path = "webauthn/unasked.rs"]
mod unasked;
#[path = "webauthn/usernameless.rs"]
mod usernameless;
#[path = "webauthn/vectors.rs"]
mod vectors;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
