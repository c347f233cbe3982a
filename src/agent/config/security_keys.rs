//! The terms on which security keys are accepted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::{Config, values};
use crate::time::UnixTime;
use crate::webauthn::{
    Aaguid, Anchors, AppId, AttestationPolicy, Conveyance, Hint, LABELS_SUPPORTED, Metadata,
    Origin, OriginPattern, PagePattern, RelatedOrigin, RelatedOrigins, RelyingParty,
    RelyingPartyConfig, ResidentKey, SignatureAlgorithm, Trust, UserVerification,
};

/// The terms on which security keys are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SecurityKeysConfig {
    /// The demand for user verification, by PIN or fingerprint.
    pub user_verification: UserVerification,
    /// The demand for an attestation.
    pub attestation: Conveyance,
    /// Only keys whose maker is trusted are enrolled.
    pub require_attestation: bool,
    /// Files with the certificates of makers who are trusted, in PEM or DER.
    pub trust: Vec<PathBuf>,
    /// The known models, their authorities, and their withdrawals.
    pub metadata: Option<MetadataConfig>,
    /// The models that are enrolled, by AAGUID. Empty: all.
    pub allow: Vec<Aaguid>,
    /// The models that are not enrolled, by AAGUID.
    pub deny: Vec<Aaguid>,
    /// The AppID of U2F registrations from before WebAuthn.
    #[serde(deserialize_with = "values::optional")]
    pub app_id: Option<AppId>,
    /// The origins of other sites' pages in which ours may be embedded.
    #[serde(deserialize_with = "values::list")]
    pub top_origins: Vec<PagePattern>,
    /// The origins of other domains whose pages may use the RP ID; served at
    /// `/.well-known/webauthn`.
    #[serde(deserialize_with = "values::list")]
    pub related_origins: Vec<RelatedOrigin>,
    /// The signature algorithms of new keys, the best first.
    #[serde(deserialize_with = "values::algorithms")]
    pub algorithms: Vec<SignatureAlgorithm>,
    /// The authenticators that browsers show first.
    #[serde(deserialize_with = "values::hints")]
    pub hints: Vec<Hint>,
    /// A sign-in may begin without an account: the key says whose it is.
    pub usernameless: bool,
    /// The demand for discoverable credentials. Default: preferred if sign-ins may begin without an
    /// account, else discouraged.
    pub resident_key: Option<ResidentKey>,
}

/// A metadata BLOB of the FIDO Metadata Service, version 3, as a file. It is read when the agent
/// starts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MetadataConfig {
    /// The BLOB.
    pub blob: PathBuf,
    /// The certificate that its signer's leads to, in PEM or DER.
    pub root: PathBuf,
    /// The name in its signer's certificate.
    #[serde(default = "fido")]
    pub signer: String,
}

impl Default for SecurityKeysConfig {
    fn default() -> SecurityKeysConfig {
        SecurityKeysConfig {
            user_verification: UserVerification::default(),
            attestation: Conveyance::default(),
            require_attestation: false,
            trust: Vec::new(),
            metadata: None,
            allow: Vec::new(),
            deny: Vec::new(),
            app_id: None,
            top_origins: Vec::new(),
            related_origins: Vec::new(),
            algorithms: SignatureAlgorithm::USUAL.to_vec(),
            hints: vec![Hint::SecurityKey],
            usernameless: false,
            resident_key: None,
        }
    }
}

impl Config {
    /// Returns the relying party, whose only RP ID is the configured one. The files of trust
    /// anchors and metadata are read, and judged as of `now`.
    ///
    /// # Errors
    /// In words, the fault that the operator has to correct.
    pub fn relying_party(&self, now: UnixTime) -> Result<RelyingParty, String> {
        let attestation = self.security_keys.policy(now)?;
        RelyingParty::new(RelyingPartyConfig { attestation, ..self.terms() })
            .map_err(|fault| format!("security_keys: {fault}"))
    }

    /// The web origin that this machine stands for when a key is plugged in here: the first that is
    /// configured. None where all that are configured are apps'.
    pub fn own_origin(&self) -> Option<Origin> {
        self.origins
            .iter()
            .map(OriginPattern::origin)
            .find(|origin| !origin.is_app())
            .cloned()
    }

    /// Settings that work and may not be meant, each with a remedy.
    pub fn advice(&self) -> Vec<String> {
        let related = RelyingParty::new(self.terms())
            .ok()
            .and_then(|party| party.related_origins().map(RelatedOrigins::labels));
        let labels = related.filter(|labels| *labels > LABELS_SUPPORTED);
        let advice = labels.map(|labels| {
            format!(
                "security_keys.related_origins: they have {labels} different names, and browsers \
                 need to support no more than \
                 {LABELS_SUPPORTED}: origins after the fifth name may be refused; put the most \
                 used first, or use fewer names"
            )
        });
        advice.into_iter().collect()
    }

    /// Returns the terms of the relying party that stand in the configuration itself.
    pub(super) fn terms(&self) -> RelyingPartyConfig {
        RelyingPartyConfig {
            rp_id: self.rp_id.to_string(),
            name: self.display_name().to_owned(),
            origins: texts(&self.origins),
            top_origins: texts(&self.security_keys.top_origins),
            user_verification: self.security_keys.user_verification,
            attestation: AttestationPolicy::default(),
            app_id: self.security_keys.app_id.as_ref().map(AppId::to_string),
            related_origins: texts(&self.security_keys.related_origins),
            algorithms: self.security_keys.algorithms.clone(),
            hints: self.security_keys.hints.clone(),
            resident_key: self.security_keys.resident_key(),
        }
    }
}

impl SecurityKeysConfig {
    fn resident_key(&self) -> ResidentKey {
        let otherwise =
            if self.usernameless { ResidentKey::Preferred } else { ResidentKey::Discouraged };
        self.resident_key.unwrap_or(otherwise)
    }

    /// A key that contradicts another one, and why.
    pub(super) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let never = self.usernameless && self.resident_key() == ResidentKey::Discouraged;
        never.then_some((
            "resident_key",
            "a sign-in without an account needs keys that store their credential: set resident_key \
             to \"preferred\" or \"required\", \
             or usernameless to false",
        ))
    }

    fn policy(&self, now: UnixTime) -> Result<AttestationPolicy, String> {
        let mut anchors = Anchors::default();
        for file in &self.trust {
            anchors = anchors.and(certificates("trust", file)?);
        }
        let metadata = self.metadata.as_ref().map(|metadata| metadata.load(now)).transpose()?;
        Ok(AttestationPolicy {
            conveyance: self.attestation,
            trust: if self.require_attestation { Trust::Required } else { Trust::Optional },
            anchors,
            metadata: metadata.map(Arc::new),
            allow: self.allow.clone(),
            deny: self.deny.clone(),
        })
    }
}

impl MetadataConfig {
    fn load(&self, now: UnixTime) -> Result<Metadata, String> {
        let roots = certificates("metadata.root", &self.root)?;
        let blob = read("metadata.blob", &self.blob)?;
        let metadata = Metadata::parse(&blob, &roots, &self.signer, now);
        let metadata = metadata
            .map_err(|error| format!("security_keys.metadata: {}: {error}", self.blob.display()))?;
        if metadata.is_stale(now) {
            tracing::warn!(blob = %self.blob.display(), "the metadata of security keys are out of \
                date: fetch them again");
        }
        Ok(metadata)
    }
}

fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn certificates(key: &str, file: &Path) -> Result<Anchors, String> {
    Anchors::parse(&read(key, file)?)
        .map_err(|error| format!("security_keys.{key}: {}: {error}", file.display()))
}

fn read(key: &str, file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file)
        .map_err(|error| format!("security_keys.{key}: cannot read {}: {error}", file.display()))
}

/// By which name the FIDO Alliance signs.
fn fido() -> String {
    "mds.fidoalliance.org".to_owned()
}
