//! The relying party: who asks for credentials, and on which terms.

use std::time::Duration;

use sha2::{Digest, Sha256};
use url::Url;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::UserVerificationPolicy;

use super::algorithm::SignatureAlgorithm;
use super::attestation::AttestationPolicy;
use super::fault::Fault;
use super::json::{Hint, ResidentKey, UserVerification};
use super::origin::{Origin, Pattern, is_rp_id};
use super::related::RelatedOrigins;

/// The relying party. It keeps nothing: what a ceremony begins with, the caller stores until its
/// end.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    pub(super) id: String,
    pub(super) name: String,
    /// All in which ceremonies take place, the related ones among them.
    pub(super) origins: Vec<Pattern>,
    pub(super) related: RelatedOrigins,
    pub(super) top_origins: Vec<Pattern>,
    pub(super) user_verification: UserVerification,
    pub(super) attestation: AttestationPolicy,
    pub(super) app_id: Option<String>,
    pub(super) algorithms: Vec<SignatureAlgorithm>,
    pub(super) hints: Vec<Hint>,
    pub(super) resident_key: ResidentKey,
}

/// What a [`RelyingParty`] is made of.
#[derive(Clone, Debug)]
pub struct RelyingPartyConfig {
    /// The RP ID: a domain name, or `localhost`. Credentials are bound to it for good.
    pub rp_id: String,
    /// What people call it.
    pub name: String,
    /// The origins in which its credentials are made and used; `:*` at the end stands for any port.
    /// Android apps are named by `android:apk-key-hash:` and the SHA-256 hash of their signing
    /// certificate in base64url.
    pub origins: Vec<String>,
    /// Origins of other domains whose pages may use the RP ID (L3 §5.11): `https` and a name.
    /// Clients believe only what [`RelyingParty::related_origins`] is served as.
    pub related_origins: Vec<String>,
    /// The origins of other sites' pages in which ours may be embedded; usually none.
    pub top_origins: Vec<String>,
    /// Whether an authenticator has to verify its user.
    pub user_verification: UserVerification,
    /// Which authenticators are accepted.
    pub attestation: AttestationPolicy,
    /// The AppID of old U2F registrations, an `https` URL (L3 §10.1.1).
    pub app_id: Option<String>,
    /// Which signature algorithms new credentials may have, the best first. Credentials that exist
    /// are verified with any.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Which authenticators clients show first, in this order; none leaves it to the client.
    pub hints: Vec<Hint>,
    /// Whether new credentials have to be discoverable, so that a sign-in can begin without an
    /// account.
    pub resident_key: ResidentKey,
}

impl Default for RelyingPartyConfig {
    /// No RP ID, name or origin: those have to be said.
    fn default() -> RelyingPartyConfig {
        RelyingPartyConfig {
            rp_id: String::new(),
            name: String::new(),
            origins: Vec::new(),
            related_origins: Vec::new(),
            top_origins: Vec::new(),
            user_verification: UserVerification::default(),
            attestation: AttestationPolicy::default(),
            app_id: None,
            algorithms: SignatureAlgorithm::USUAL.to_vec(),
            hints: vec![Hint::SecurityKey],
            resident_key: ResidentKey::default(),
        }
    }
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
    #[error(
        "{0:?} is not an origin: https://NAME or http://localhost, in lower case, perhaps with :PORT or :*, without a path; or \
         android:apk-key-hash: and 43 characters of base64url"
    )]
    Origin(String),
    /// Not an origin of another site's page.
    #[error(
        "{0:?} is not an origin of a page: https://NAME or http://localhost, in lower case, perhaps with :PORT or :*, without a path"
    )]
    TopOrigin(String),
    /// Not an origin that a client would take from `/.well-known/webauthn`.
    #[error(
        "{0:?} is no related origin: https://NAME, in lower case, perhaps with :PORT, without a path"
    )]
    RelatedOrigin(String),
    /// An origin that browsers will not let use the RP ID.
    #[error(
        "the origin {origin:?} cannot use the RP ID {rp_id:?}: its host has to be that name, or one that ends in .{rp_id}, or it has \
         to be a related origin"
    )]
    ForeignOrigin {
        /// The origin.
        origin: String,
        /// The RP ID.
        rp_id: String,
    },
    /// No algorithm, or one twice.
    #[error(
        "a credential needs a signature algorithm, and each is named once: ES256, EdDSA, ES384, RS256"
    )]
    Algorithms,
    /// A hint twice.
    #[error("each hint is named once: security-key, client-device, hybrid")]
    Hints,
    /// Not an AppID.
    #[error("{0:?} is no AppID: an https URL")]
    AppId(String),
    /// A policy that would refuse every authenticator.
    #[error("{0}")]
    Attestation(&'static str),
}

impl RelyingParty {
    /// A relying party on these terms.
    ///
    /// # Errors
    /// [`ConfigFault`], which names the first value that is refused.
    pub fn new(config: RelyingPartyConfig) -> Result<RelyingParty, ConfigFault> {
        let RelyingPartyConfig {
            rp_id,
            name,
            origins,
            related_origins,
            top_origins,
            user_verification,
            attestation,
            app_id,
            ..
        } = config;
        if !is_rp_id(&rp_id) {
            return Err(ConfigFault::RpId(rp_id));
        }
        if name.trim().is_empty() {
            return Err(ConfigFault::Name);
        }
        if origins.is_empty() {
            return Err(ConfigFault::NoOrigin);
        }
        let mut parsed = patterns(&origins, ConfigFault::Origin)?;
        let foreign =
            |pattern: &Pattern| !pattern.origin().is_app() && !pattern.origin().may_use(&rp_id);
        if let Some((_, origin)) = parsed.iter().zip(origins).find(|(pattern, _)| foreign(pattern))
        {
            return Err(ConfigFault::ForeignOrigin { origin, rp_id });
        }
        let related = |text: &String| {
            text.parse()
                .ok()
                .filter(Origin::is_public)
                .ok_or_else(|| ConfigFault::RelatedOrigin(text.clone()))
        };
        let related = related_origins
            .iter()
            .map(related)
            .collect::<Result<Vec<Origin>, ConfigFault>>()?;
        if let Some(app_id) = app_id
            .as_ref()
            .filter(|app_id| !Url::parse(app_id).is_ok_and(|url| url.scheme() == "https"))
        {
            return Err(ConfigFault::AppId(app_id.clone()));
        }
        if config.algorithms.is_empty() || has_twice(&config.algorithms) {
            return Err(ConfigFault::Algorithms);
        }
        if has_twice(&config.hints) {
            return Err(ConfigFault::Hints);
        }
        attestation.judge()?;
        let embedders = patterns(&top_origins, ConfigFault::TopOrigin)?;
        if let Some((_, app)) =
            embedders.iter().zip(top_origins).find(|(pattern, _)| pattern.origin().is_app())
        {
            return Err(ConfigFault::TopOrigin(app));
        }
        let served = RelatedOrigins::new(related.iter());
        parsed.extend(related.into_iter().map(Pattern::from));
        Ok(RelyingParty {
            id: rp_id,
            name,
            origins: parsed,
            related: served,
            top_origins: embedders,
            user_verification,
            attestation,
            app_id,
            algorithms: config.algorithms,
            hints: config.hints,
            resident_key: config.resident_key,
        })
    }

    /// Its RP ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The document that clients fetch from `https://RP-ID/.well-known/webauthn`, as
    /// `application/json` (L3 §5.11). None where no origin outside the RP ID is configured.
    pub fn related_origins(&self) -> Option<&RelatedOrigins> {
        Some(&self.related).filter(|related| !related.origins.is_empty())
    }

    /// webauthn-rs, to begin a ceremony.
    pub(super) fn core(&self) -> WebauthnCore {
        WebauthnCore::new_unsafe_experts_only(
            &self.name,
            &self.id,
            Vec::new(),
            TIMEOUT,
            Some(false),
            Some(false),
        )
    }

    /// webauthn-rs, to finish a ceremony that took place in `origin`. That it is one of ours is
    /// known by now.
    pub(super) fn core_in(&self, origin: &Origin) -> Result<WebauthnCore, Fault> {
        let origin = Url::parse(&origin.to_string())
            .map_err(|_| Fault::BadInput("an origin that is no URL"))?;
        Ok(WebauthnCore::new_unsafe_experts_only(
            &self.name,
            &self.id,
            vec![origin],
            TIMEOUT,
            Some(false),
            Some(false),
        ))
    }

    /// The hash that authenticators sign: of the RP ID, or of the AppID where the client used that.
    pub(super) fn rp_id_hash(&self, by_app_id: bool) -> [u8; 32] {
        self.app_id_hash()
            .filter(|_| by_app_id)
            .unwrap_or_else(|| Sha256::digest(&self.id).into())
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

fn patterns(
    origins: &[String],
    fault: fn(String) -> ConfigFault,
) -> Result<Vec<Pattern>, ConfigFault> {
    origins
        .iter()
        .map(|origin| Pattern::parse(origin).map_err(|_| fault(origin.clone())))
        .collect()
}

fn has_twice<T: PartialEq>(list: &[T]) -> bool {
    list.iter()
        .enumerate()
        .any(|(place, item)| list.iter().take(place).any(|before| before == item))
}

/// How long a client may wait for its person: as long as the state of a ceremony is kept.
pub(super) const TIMEOUT: Duration = Duration::from_secs(300);

/// The same in the unit of the options.
pub(super) const TIMEOUT_MILLIS: u32 = 300_000;
