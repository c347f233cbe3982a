//! The relying party: its identity, and its terms for credentials.

use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use url::Url;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::UserVerificationPolicy;

use super::algorithm::SignatureAlgorithm;
use super::attestation::AttestationPolicy;
use super::config_fault::ConfigFault;
use super::fault::Fault;
use super::json::{Hint, ResidentKey, UserVerification};
use super::origin::{AppId, Origin, OriginPattern, PagePattern, RpId};
use super::related::{RelatedOrigin, RelatedOrigins};

/// A relying party. It keeps no ceremony state: the caller stores the state between start and
/// finish.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    pub(super) id: String,
    pub(super) name: String,
    /// All origins in which ceremonies take place, related origins included.
    pub(super) origins: Vec<OriginPattern>,
    pub(super) related: RelatedOrigins,
    pub(super) top_origins: Vec<OriginPattern>,
    pub(super) user_verification: UserVerification,
    pub(super) attestation: AttestationPolicy,
    pub(super) app_id: Option<String>,
    pub(super) algorithms: Vec<SignatureAlgorithm>,
    pub(super) hints: Vec<Hint>,
    pub(super) resident_key: ResidentKey,
}

/// The configuration of a [`RelyingParty`]: its identity and origins, and its demands on
/// authenticators. Only `rp_id`, `name` and `origins` have no default.
#[derive(Clone, Debug)]
pub struct RelyingPartyConfig {
    /// The RP ID: a domain name, or `localhost`. Credentials are bound to it for good.
    pub rp_id: String,
    /// The name for people.
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
    /// The demand on user verification.
    pub user_verification: UserVerification,
    /// The demand on an authenticator's attestation.
    pub attestation: AttestationPolicy,
    /// The AppID of old U2F registrations, an `https` URL (L3 §10.1.1).
    pub app_id: Option<String>,
    /// Signature algorithms for new credentials, in order of preference. Existing credentials are
    /// verified with any algorithm.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Authenticators that clients show first, in this order; an empty list leaves the order to the
    /// client.
    pub hints: Vec<Hint>,
    /// The demand on discoverability, which a sign-in without an account name needs.
    pub resident_key: ResidentKey,
}

impl Default for RelyingPartyConfig {
    /// No RP ID, name or origin: they have no default.
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
        let rp_id: RpId = rp_id.parse()?;
        if name.trim().is_empty() {
            return Err(ConfigFault::Name);
        }
        if origins.is_empty() {
            return Err(ConfigFault::NoOrigin);
        }
        let mut origins: Vec<OriginPattern> = parsed(&origins)?;
        let foreign = |pattern: &&OriginPattern| {
            !pattern.origin().is_app() && !pattern.origin().may_use(rp_id.as_str())
        };
        if let Some(origin) = origins.iter().find(foreign) {
            return Err(ConfigFault::ForeignOrigin {
                origin: origin.to_string(),
                rp_id: rp_id.to_string(),
            });
        }
        let related: Vec<RelatedOrigin> = parsed(&related_origins)?;
        let app_id = app_id.map(|app_id| app_id.parse::<AppId>()).transpose()?;
        judge_algorithms(&config.algorithms)?;
        judge_hints(&config.hints)?;
        attestation.judge()?;
        let top_origins: Vec<PagePattern> = parsed(&top_origins)?;
        let served = RelatedOrigins::new(related.iter());
        origins.extend(related.into_iter().map(OriginPattern::from));
        Ok(RelyingParty {
            id: rp_id.to_string(),
            name,
            origins,
            related: served,
            top_origins: top_origins.into_iter().map(OriginPattern::from).collect(),
            user_verification,
            attestation,
            app_id: app_id.map(|app_id| app_id.to_string()),
            algorithms: config.algorithms,
            hints: config.hints,
            resident_key: config.resident_key,
        })
    }

    /// The RP ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The document that clients fetch from `https://RP-ID/.well-known/webauthn`, as
    /// `application/json` (L3 §5.11). `None` without related origins.
    pub fn related_origins(&self) -> Option<&RelatedOrigins> {
        Some(&self.related).filter(|related| !related.origins.is_empty())
    }

    /// webauthn-rs for the start of a ceremony.
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

    /// webauthn-rs for the end of a ceremony in `origin`. The caller has judged the origin already.
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

    /// The hash that authenticators sign: of the AppID if the client used it, else of the RP ID.
    pub(super) fn rp_id_hash(&self, by_app_id: bool) -> [u8; 32] {
        self.app_id_hash()
            .filter(|_| by_app_id)
            .unwrap_or_else(|| Sha256::digest(&self.id).into())
    }

    /// The hash that authenticators sign if the client used the AppID.
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

fn parsed<T: FromStr<Err = ConfigFault>>(texts: &[String]) -> Result<Vec<T>, ConfigFault> {
    texts.iter().map(|text| text.parse()).collect()
}

/// Requires signature algorithms, each named once.
pub(crate) fn judge_algorithms(algorithms: &[SignatureAlgorithm]) -> Result<(), ConfigFault> {
    if algorithms.is_empty() || has_twice(algorithms) {
        return Err(ConfigFault::Algorithms);
    }
    Ok(())
}

/// Requires hints to be named once.
pub(crate) fn judge_hints(hints: &[Hint]) -> Result<(), ConfigFault> {
    if has_twice(hints) { Err(ConfigFault::Hints) } else { Ok(()) }
}

fn has_twice<T: PartialEq>(list: &[T]) -> bool {
    list.iter()
        .enumerate()
        .any(|(place, item)| list.iter().take(place).any(|before| before == item))
}

/// The time limit of a ceremony. The state of a ceremony is kept for as long.
pub(super) const TIMEOUT: Duration = Duration::from_secs(300);

/// The time limit in milliseconds, the unit of the options.
pub(super) const TIMEOUT_MILLIS: u32 = 300_000;
