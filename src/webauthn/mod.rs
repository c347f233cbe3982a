//! Security keys as WebAuthn knows them (Web Authentication Level 3).

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// What a relying party keeps of a registered key (WebAuthn L3 §4, "credential record"). Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// By which the key knows it.
    pub id: CredentialId,
    /// The public key, a COSE_Key in CBOR.
    pub public_key: Vec<u8>,
    /// The highest sign count seen.
    pub sign_count: u32,
    /// The key verified its user when it was registered (`uvInitialized`).
    pub user_verified: bool,
    /// It may be copied to other devices.
    pub backup_eligible: bool,
    /// It was.
    pub backed_up: bool,
    /// The model of the key, if it says so.
    pub aaguid: Option<Aaguid>,
    /// How it can be reached: `usb`, `nfc`, …
    pub transports: Vec<String>,
    /// What is known of its making.
    pub attestation: Attestation,
    /// The attestation statement's format.
    pub attestation_format: String,
    /// A U2F registration, bound to the AppID.
    pub by_app_id: bool,
}

/// A credential id: 1 to 1023 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CredentialId(Vec<u8>);

/// The model of an authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Aaguid(pub [u8; 16]);

/// How far the making of a key is attested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// Not at all.
    None,
    /// By itself.
    Own,
    /// By somebody who is not trusted.
    Unverified,
    /// By a maker who is.
    Trusted,
}

impl CredentialId {
    /// An id of 1 to 1023 bytes.
    pub fn new(bytes: Vec<u8>) -> Option<CredentialId> {
        (1..=1023).contains(&bytes.len()).then_some(CredentialId(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" })?;
        }
        Ok(())
    }
}

/// What a verified assertion says.
#[cfg(feature = "webauthn")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Which credential made it.
    pub credential_id: CredentialId,
    /// The key's sign count.
    pub sign_count: u32,
    /// The key verified its user.
    pub user_verified: bool,
    /// The credential was copied to another device.
    pub backed_up: bool,
}
