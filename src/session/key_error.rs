//! Errors of public keys and their sets.

/// The keys cannot be used.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is empty.
    #[error(
        "it is empty, as a crash while it is written may leave a file: restore it from your copy, \
         or fetch /.well-known/jwks.json again"
    )]
    Empty,
    /// The text is no JWK Set.
    #[error("this is no JWK Set: {0}")]
    Malformed(String),
    /// A key does not fit its own parameters.
    #[error("the key {0} is no Ed25519 or P-256 public key")]
    Unusable(String),
    /// No key of the JWK Set verifies contexts: the first keys, and why they are left out.
    #[error(
        "no key of this JWK Set verifies contexts: {0}; \
         is it the set of the agent's /.well-known/jwks.json?"
    )]
    NoneUsable(String),
}
