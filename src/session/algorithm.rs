//! The algorithms that sign contexts, by their names in keys and headers.

use std::fmt;
use std::str::FromStr;

/// An algorithm that signs contexts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// Ed25519 by the name of RFC 8037 §3.1, `EdDSA`: small and fast, and known to most readers.
    #[default]
    EdDsa,
    /// The same signature by its fully specified name, `Ed25519` (RFC 9864 §2.2), for readers that
    /// take `EdDSA` no more.
    Ed25519,
    /// ECDSA on P-256 (RFC 7518 §3.4), for readers that know nothing newer.
    Es256,
}

/// The name of another algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an algorithm is EdDSA, Ed25519 or ES256")]
pub struct UnknownAlgorithm;

impl SigningAlgorithm {
    /// All of them.
    pub const ALL: [SigningAlgorithm; 3] =
        [SigningAlgorithm::EdDsa, SigningAlgorithm::Ed25519, SigningAlgorithm::Es256];

    /// The algorithm's name in keys and headers (`alg`).
    pub fn name(self) -> &'static str {
        match self {
            SigningAlgorithm::EdDsa => "EdDSA",
            SigningAlgorithm::Ed25519 => "Ed25519",
            SigningAlgorithm::Es256 => "ES256",
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Case counts, as in every `alg` (RFC 7515 §4.1.1).
impl FromStr for SigningAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<SigningAlgorithm, UnknownAlgorithm> {
        SigningAlgorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or(UnknownAlgorithm)
    }
}
