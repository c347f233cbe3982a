//! The relying party: who asks for credentials, and on which terms.

use std::time::Duration;

use sha2::Digest;
use sha2::Sha256;
use url::Url;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::UserVerificationPolicy;

use super::attestation::AttestationPolicy;
use super::fault::Fault;
use super::json::UserVerification;
use super::origin::Origin;
use super::origin::Pattern;
use super::origin::is_rp_id;

/// The relying party. It keeps nothing: what a ceremony begins with, the caller stores until its end.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) origins: Vec<Pattern>,
    pub(super) top_origins: Vec<Pattern>,
    pub(super) user_verification: UserVerification,
    pub(super) attestation: AttestationPolicy,
    pub(super) app_id: Option<String>,
}

/// What a [`RelyingParty`] is made of.
#[derive(Clone, Debug, Default)]
pub struct RelyingPartyConfig {
    /// The RP ID: a domain name, or `localhost`. Credentials are bound to it for good.
    pub rp_id: String,
    /// What people call it.
    pub name: String,
    /// The origins in which its credentials are made and used; `:*` at the end stands for any port.
    pub origins: Vec<String>,
    /// The origins of other sites' pages in which ours may be embedded; usually none.
    pub top_origins: Vec<String>,
    /// Whether an authenticator has to verify its user.
    pub user_verification: UserVerification,
    /// Which authenticators are accepted.
    pub attestation: AttestationPolicy,
    /// The AppID of old U2F registrations, an `https` URL (L3 §10.1.1).
    pub app_id: Option<String>,
}

/// What cannot be configured; the operator mends it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// No domain name.
    #[error("{0:?} is no RP ID: a domain name of two labels or more in lower case, or localhost")]
    RpId(String),
    /// No name for people.
    #[error("the relying party has no name")]
    Name,
    /// No origin.
    #[error("the relying party has no origin")]
    NoOrigin,
    /// Not an origin.
    #[error("{0:?} is not an origin: https://NAME or http://localhost, in lower case, perhaps with :PORT or :*, without a path")]
    Origin(String),
    /// An origin that browsers will not let use the RP ID.
    #[error("the origin {origin:?} cannot use the RP ID {rp_id:?}: its host has to be that name, or one that ends in .{rp_id}")]
    ForeignOrigin {
        /// The origin.
        origin: String,
        /// The RP ID.
        rp_id: String,
    },
    /// Not an AppID.
    #[error("{0:?} is no AppID: an https URL")]
    AppId(String),
    /// A policy that would refuse every authenticator.
    #[error("{0}")]
    Attestation(&'static str),
}

impl RelyingParty {
    /// A relying party on these terms.
    pub fn new(config: RelyingPartyConfig) -> Result<RelyingParty, ConfigFault> {
        let RelyingPartyConfig { rp_id, name, origins, top_origins, user_verification, attestation, app_id } = config;
        if !is_rp_id(&rp_id) {
            return Err(ConfigFault::RpId(rp_id));
        }
        if name.trim().is_empty() {
            return Err(ConfigFault::Name);
        }
        if origins.is_empty() {
            return Err(ConfigFault::NoOrigin);
        }
        let parsed = patterns(&origins)?;
        if let Some((_, origin)) = parsed.iter().zip(origins).find(|(pattern, _)| !pattern.may_use(&rp_id)) {
            return Err(ConfigFault::ForeignOrigin { origin, rp_id });
        }
        if let Some(app_id) = app_id.as_ref().filter(|app_id| !Url::parse(app_id).is_ok_and(|url| url.scheme() == "https")) {
            return Err(ConfigFault::AppId(app_id.clone()));
        }
        attestation.judge()?;
        let top_origins = patterns(&top_origins)?;
        Ok(RelyingParty { id: rp_id, name, origins: parsed, top_origins, user_verification, attestation, app_id })
    }

    /// Its RP ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// webauthn-rs, to begin a ceremony.
    pub(super) fn core(&self) -> WebauthnCore {
        WebauthnCore::new_unsafe_experts_only(&self.name, &self.id, Vec::new(), TIMEOUT, Some(false), Some(false))
    }

    /// webauthn-rs, to finish a ceremony that took place in `origin`. That it is one of ours is known by now.
    pub(super) fn core_in(&self, origin: &Origin) -> Result<WebauthnCore, Fault> {
        let origin = Url::parse(&origin.to_string()).map_err(|_| Fault::BadInput("an origin that is no URL"))?;
        Ok(WebauthnCore::new_unsafe_experts_only(&self.name, &self.id, vec![origin], TIMEOUT, Some(false), Some(false)))
    }

    /// The hash that authenticators sign: of the RP ID, or of the AppID where the client used that.
    pub(super) fn rp_id_hash(&self, by_app_id: bool) -> [u8; 32] {
        self.app_id_hash().filter(|_| by_app_id).unwrap_or_else(|| Sha256::digest(&self.id).into())
    }

    /// The hash that authenticators put in the place of the AppID.
    pub(super) fn app_id_hash(&self) -> Option<[u8; 32]> {
        self.app_id.as_ref().map(|app_id| Sha256::digest(app_id).into())
    }
}

impl From<UserVerification> for UserVerificationPolicy {
    fn from(policy: UserVerification) -> UserVerificationPolicy {
        match policy {
            UserVerification::Discouraged => UserVerificationPolicy::Discouraged_DO_NOT_USE,
            UserVerification::Preferred => UserVerificationPolicy::Preferred,
            UserVerification::Required => UserVerificationPolicy::Required,
        }
    }
}

fn patterns(origins: &[String]) -> Result<Vec<Pattern>, ConfigFault> {
    origins.iter().map(|origin| Pattern::parse(origin).map_err(|_| ConfigFault::Origin(origin.clone()))).collect()
}

/// How long a client may wait for its person: as long as the state of a ceremony is kept.
pub(super) const TIMEOUT: Duration = Duration::from_secs(300);

/// The same in the unit of the options.
pub(super) const TIMEOUT_MILLIS: u32 = 300_000;

/// What clients are told of the authenticators that are meant (L3 §5.8.7).
pub(super) const HINT: &str = "security-key";
