//! Security keys: the relying party's side of WebAuthn Level 3, and the client's side for programs
//! without a browser.
//!
//! webauthn-rs verifies every signature except those on Ed25519, which it cannot verify; this
//! module verifies those and leaves all other steps to webauthn-rs. Further steps that webauthn-rs
//! omits are judged in addition to it. The module keeps no state: the caller stores what these
//! functions return, and the store decides which of two concurrent ceremonies won.

#[cfg(feature = "webauthn")]
mod algorithm;
#[cfg(feature = "webauthn")]
mod anchors;
#[cfg(feature = "webauthn")]
mod attestation;
#[cfg(feature = "webauthn")]
mod attestation_object;
#[cfg(feature = "webauthn")]
mod authentication;
#[cfg(feature = "webauthn")]
mod authenticator_data;
#[cfg(feature = "webauthn")]
pub(crate) mod cbor;
#[cfg(feature = "webauthn")]
pub mod client;
#[cfg(feature = "webauthn")]
mod client_data;
#[cfg(feature = "webauthn")]
mod config_fault;
mod credential;
mod criterion;
#[cfg(feature = "webauthn")]
mod ed25519;
#[cfg(feature = "webauthn")]
mod fault;
#[cfg(feature = "webauthn")]
mod json;
#[cfg(feature = "webauthn")]
mod listed;
#[cfg(feature = "webauthn")]
mod metadata;
#[cfg(feature = "webauthn")]
mod origin;
#[cfg(feature = "webauthn")]
mod proof;
#[cfg(feature = "webauthn")]
mod public_key;
#[cfg(all(feature = "testing", feature = "webauthn"))]
mod recorded;
#[cfg(feature = "webauthn")]
mod registration;
#[cfg(feature = "webauthn")]
mod related;
#[cfg(feature = "webauthn")]
mod relying_party;
#[cfg(feature = "webauthn")]
mod signed;
#[cfg(feature = "webauthn")]
mod statement;
#[cfg(feature = "webauthn")]
mod tpm;
#[cfg(feature = "webauthn")]
mod tpm_structures;
#[cfg(feature = "webauthn")]
mod vouched;

#[cfg(feature = "usb")]
pub(crate) use credential::groups;
pub use credential::{Aaguid, Attestation, BadId, Credential, CredentialId};
pub use criterion::Criterion;

#[cfg(feature = "webauthn")]
pub use self::ceremonies::*;

/// The part that needs webauthn-rs.
#[cfg(feature = "webauthn")]
mod ceremonies {
    pub use super::algorithm::SignatureAlgorithm;
    pub use super::anchors::{Anchors, BadCertificate};
    pub use super::attestation::{AttestationPolicy, Trust};
    pub use super::authentication::{Assertion, AuthenticationState};
    pub use super::config_fault::ConfigFault;
    pub use super::fault::{Ceremony, Fault, Step};
    pub use super::json::*;
    pub use super::metadata::{BadMetadata, Metadata};
    pub use super::origin::{
        AppId, BadHostName, BadOrigin, HostName, Origin, OriginPattern, PagePattern, RpId,
    };
    pub use super::registration::{RegistrationState, UserEntity};
    pub use super::related::{LABELS_SUPPORTED, RelatedOrigin, RelatedOrigins};
    pub use super::relying_party::{RelyingParty, RelyingPartyConfig};
    #[cfg(feature = "agent")]
    pub(crate) use super::relying_party::{judge_algorithms, judge_hints};
}
