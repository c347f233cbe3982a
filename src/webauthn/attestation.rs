//! Whose authenticators are accepted (WebAuthn L3 §7.1 steps 23 and 24).

use std::sync::Arc;

use super::anchors::Anchors;
use super::config_fault::ConfigFault;
use super::credential::{Aaguid, Attestation, Credential};
use super::fault::{Ceremony, Fault};
use super::json::Conveyance;
use super::metadata::Metadata;
use super::statement::{Judged, Proof};
use crate::time::UnixTime;

/// Which attestation is asked for and what is made of it. By default: none, and every authenticator
/// is accepted.
#[derive(Clone, Debug, Default)]
pub struct AttestationPolicy {
    /// What the client is asked for.
    pub conveyance: Conveyance,
    /// Whether an authenticator that nobody vouches for is accepted.
    pub trust: Trust,
    /// Who may vouch for any model.
    pub anchors: Anchors,
    /// Who vouches for which model, and which models are no longer good.
    pub metadata: Option<Arc<Metadata>>,
    /// Models that are accepted; empty for all. A model is known only if it is proved, so this
    /// implies [`Trust::Required`].
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

impl AttestationPolicy {
    fn requires_trust(&self) -> bool {
        self.trust == Trust::Required || !self.allow.is_empty()
    }

    /// Whether any authenticator can pass.
    pub(super) fn judge(&self) -> Result<(), ConfigFault> {
        let nobody = self.anchors.is_empty() && self.metadata.is_none();
        match (self.requires_trust(), self.conveyance) {
            (true, Conveyance::None) => Err(ConfigFault::Attestation(
                "an attestation is required, so it has to be asked for: indirect or direct",
            )),
            (true, _) if nobody => Err(ConfigFault::Attestation(
                "an attestation is required, so there have to be trust anchors or metadata",
            )),
            _ => Ok(()),
        }
    }

    /// What an attestation statement is worth. One that was not asked for is none (L3 §5.1.3).
    pub(super) fn assess(
        &self,
        aaguid: Option<Aaguid>,
        stated: Judged<'_>,
        now: UnixTime,
    ) -> Result<Attestation, Fault> {
        let fault = |what| Err(Ceremony::Registration.fault(24, what));
        let Judged { proof, chain } = stated;
        let chain = &chain[..];
        let model = self.metadata.as_ref().and_then(|metadata| metadata.model(aaguid, chain));
        if let Some(why) = model.and_then(|model| model.withdrawn) {
            return fault(why);
        }
        if aaguid.is_some_and(|aaguid| self.deny.contains(&aaguid)) {
            return fault("keys of this model are not accepted");
        }
        let leads = || {
            self.anchors.trust(chain, now)
                || model.is_some_and(|model| model.anchors.trust(chain, now))
        };
        let proof = match proof {
            Ok(proof) => proof,
            Err(why) if self.requires_trust() => return Err(why),
            Err(_) => return Ok(Attestation::Unverified),
        };
        let trusted = proof == Proof::Certified && leads();
        if self.requires_trust() && !trusted {
            return fault("nobody whom we trust vouches for this key");
        }
        if !self.allow.is_empty() && !aaguid.is_some_and(|aaguid| self.allow.contains(&aaguid)) {
            return fault("keys of this model are not among those that are accepted");
        }
        Ok(match proof {
            Proof::Nothing => Attestation::None,
            Proof::Own => Attestation::Own,
            Proof::Certified if trusted => Attestation::Trusted,
            Proof::Certified => Attestation::Unverified,
        })
    }

    /// Refuses a registered credential whose model has been withdrawn since.
    pub(super) fn still_accepts(&self, credential: &Credential) -> Result<(), Fault> {
        let model = self
            .metadata
            .as_ref()
            .zip(credential.aaguid)
            .and_then(|(metadata, aaguid)| metadata.model(Some(aaguid), &[]));
        match model.and_then(|model| model.withdrawn) {
            Some(why) => Err(Fault::Withdrawn(why)),
            None => Ok(()),
        }
    }
}
