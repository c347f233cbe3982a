//! The signature algorithms of credentials (WebAuthn L3 §5.8.5).

use serde::{Deserialize, Serialize};

/// A signature algorithm that a credential may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256. Every security key supports it; U2F supports no other.
    #[serde(rename = "ES256")]
    Es256,
    /// EdDSA on Ed25519 (RFC 8032, RFC 9053 §2.2).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and 2,048 bits (RFC 8812 §2), as Windows Hello uses it.
    #[serde(rename = "RS256")]
    Rs256,
}

impl SignatureAlgorithm {
    /// The default offer to authenticators, in order of preference. ES256 is first because some
    /// firmware announces EdDSA and implements it wrongly.
    pub const USUAL: [SignatureAlgorithm; 4] = [
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::EdDsa,
        SignatureAlgorithm::Es384,
        SignatureAlgorithm::Rs256,
    ];

    /// The COSE identifier (RFC 9053 §2, RFC 8812 §2).
    pub fn identifier(self) -> i64 {
        match self {
            SignatureAlgorithm::Es256 => -7,
            SignatureAlgorithm::EdDsa => -8,
            SignatureAlgorithm::Es384 => -35,
            SignatureAlgorithm::Rs256 => -257,
        }
    }
}
