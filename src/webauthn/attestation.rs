//! Attestation policy: the authenticators that are accepted (WebAuthn L3 §7.1 steps 23 and 24).

use std::sync::Arc;

use super::anchors::Anchors;
use super::config_fault::ConfigFault;
use super::credential::{Aaguid, Attestation, Credential};
use super::fault::{Ceremony, Fault};
use super::json::Conveyance;
use super::metadata::Metadata;
use super::proof::Proof;
use super::statement::Judged;
use crate::time::UnixTime;

/// The attestation asked for and its judgement. By default, no attestation is asked for and every
/// authenticator is accepted.
#[derive(Clone, Debug, Default)]
pub struct AttestationPolicy {
    /// The attestation that the client is asked for.
    pub conveyance: Conveyance,
    /// The demand on a certificate chain to a trust anchor.
    pub trust: Trust,
    /// Trust anchors for any model.
    pub anchors: Anchors,
    /// Trust anchors for each model, and the models that were withdrawn.
    pub metadata: Option<Arc<Metadata>>,
    /// Models that are accepted; empty for all. A model counts only if it is proved, so a list
    /// implies [`Trust::Required`].
    pub allow: Vec<Aaguid>,
    /// Models that are refused, whether proved or only claimed.
    pub deny: Vec<Aaguid>,
}

/// The demand on a certificate chain to a trust anchor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Optional; the result is kept with the credential.
    #[default]
    Optional,
    /// Required: the certificate must lead to a trust anchor.
    Required,
}

impl AttestationPolicy {
    fn requires_trust(&self) -> bool {
        self.trust == Trust::Required || !self.allow.is_empty()
    }

    /// Refuses a policy under which no authenticator could pass.
    pub(super) fn judge(&self) -> Result<(), ConfigFault> {
        let nobody = self.anchors.is_empty() && self.metadata.is_none();
        match (self.requires_trust(), self.conveyance) {
            (true, Conveyance::None) => Err(ConfigFault::Attestation(
                "a required attestation has to be asked for: indirect or direct",
            )),
            (true, _) if nobody => Err(ConfigFault::Attestation(
                "a required attestation needs trust anchors or metadata",
            )),
            _ => Ok(()),
        }
    }

    /// Assesses an attestation statement. A statement that was not asked for counts as none (L3
    /// §5.1.3).
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
            return fault("the key's certificate leads to no trust anchor");
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
