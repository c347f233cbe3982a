//! Whose authenticators are accepted (WebAuthn L3 §7.1 steps 23 and 24).

use super::credential::Aaguid;
use super::json::Conveyance;

/// Which attestation is asked for and what is made of it. By default: none, and every authenticator is accepted.
#[derive(Clone, Debug, Default)]
pub struct AttestationPolicy {
    /// What the client is asked for.
    pub conveyance: Conveyance,
    /// Whether an authenticator that nobody vouches for is accepted.
    pub trust: Trust,
    /// Models that are accepted; empty for all. A model is known only if it is proved, so this implies [`Trust::Required`].
    pub allow: Vec<Aaguid>,
    /// Models that are refused, proved or not.
    pub deny: Vec<Aaguid>,
}

/// Whether an authenticator that nobody vouches for is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Yes; what is known of it is kept with the credential.
    #[default]
    Optional,
    /// No: its certificate has to lead to a trust anchor.
    Required,
}
