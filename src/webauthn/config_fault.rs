//! Faults in the configuration of a relying party.

/// A refused configuration value, which the operator has to correct.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// Not an RP ID.
    #[error("{0:?} is no RP ID: a domain name of two labels or more in lower case, or localhost")]
    RpId(String),
    /// The name for people is missing.
    #[error("the relying party has no name")]
    Name,
    /// The list of origins is empty.
    #[error("the relying party has no origin")]
    NoOrigin,
    /// Not an origin.
    #[error(
        "{0:?} is not an origin: https://NAME or http://localhost, in lower case, \
         perhaps with :PORT or :*, without a path; \
         or android:apk-key-hash: and 43 characters of base64url"
    )]
    Origin(String),
    /// Not an origin of another site's page.
    #[error(
        "{0:?} is not an origin of a page: https://NAME or http://localhost, in lower case, \
         perhaps with :PORT or :*, without a path"
    )]
    TopOrigin(String),
    /// Clients would not take this origin from `/.well-known/webauthn`.
    #[error(
        "{0:?} is no related origin: https://NAME, in lower case, perhaps with :PORT, without \
         a path"
    )]
    RelatedOrigin(String),
    /// Browsers do not let pages of this origin use the RP ID.
    #[error(
        "the origin {origin:?} cannot use the RP ID {rp_id:?}: its host has to be that name, \
         or one that ends in .{rp_id}, or it has to be a related origin"
    )]
    ForeignOrigin {
        /// The origin.
        origin: String,
        /// The RP ID.
        rp_id: String,
    },
    /// The list of algorithms is empty, or names one twice.
    #[error(
        "a credential needs a signature algorithm, and each is named once: ES256, EdDSA, ES384, \
         RS256"
    )]
    Algorithms,
    /// The list of hints names one twice.
    #[error("each hint is named once: security-key, client-device, hybrid")]
    Hints,
    /// Not an AppID.
    #[error("{0:?} is no AppID: an https URL")]
    AppId(String),
    /// The attestation policy would refuse every authenticator.
    #[error("{0}")]
    Attestation(&'static str),
}
