//! The reasons why a context is not valid.

/// The reason why a context is not valid. For logs: the client learns only "invalid".
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The text is not a JWS of the form that contexts have.
    #[error("this is no signed context")]
    Malformed,
    /// The context is of another type: most often, without MFA where MFA is demanded.
    #[error("the context is of another type")]
    Type,
    /// The header names a key that the issuer does not have, or another algorithm than that key's.
    #[error("the context names an unknown key, or another algorithm than that key's")]
    Key,
    /// The signature does not verify.
    #[error("the context's signature is wrong")]
    Signature,
    /// A claim is missing, has the wrong type, or contradicts another.
    #[error("the context's claims are not those of a context")]
    Claims,
    /// The context is of another issuer.
    #[error("the context is of another issuer")]
    Issuer,
    /// The context is for another audience.
    #[error("the context is for another audience")]
    Audience,
    /// The context has expired.
    #[error("the context has expired")]
    Expired,
    /// The context is dated in the future.
    #[error("the context is not valid yet")]
    NotYet,
    /// The issuer revoked the context.
    #[error("the context was revoked")]
    Revoked,
    /// The list of revocations is missing or too old.
    #[error("the list of revocations is too old, or was never read: can the issuer be reached?")]
    RevocationsStale,
    /// The clock of this machine was set back, so that nothing dated by it can be judged.
    #[error("the clock went back: set it right, or synchronise it (NTP)")]
    Clock,
}

impl Invalid {
    /// The part of the context that is wrong, as one word for logs.
    pub fn name(self) -> &'static str {
        match self {
            Invalid::Malformed => "form",
            Invalid::Type => "type",
            Invalid::Key => "key",
            Invalid::Signature => "signature",
            Invalid::Claims => "claims",
            Invalid::Issuer => "issuer",
            Invalid::Audience => "audience",
            Invalid::Expired => "expiry",
            Invalid::NotYet => "not-before",
            Invalid::Revoked => "revoked",
            Invalid::RevocationsStale => "revocations",
            Invalid::Clock => "clock",
        }
    }
}
