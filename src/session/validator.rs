//! The validator: reads signed contexts offline, with the issuer's public keys and a clock.

use std::sync::Arc;
use std::time::Duration;

use crate::session::steady::SteadyClock;
use crate::session::token::CachedToken;
use crate::session::token_cache::TokenCache;
use crate::session::{
    AnyContext, Invalid, KeySource, RevocationSource, SessionContext, SignedContext, claims, jws,
};
use crate::time::{Clock, MAX_CLOCK_LEAD, SystemClock, UnixTime};

/// Validates the contexts of one issuer for one audience. Clones are cheap, and share a cache.
///
/// A token that was valid before is found in the cache by its whole text. Its times, its key and
/// its revocation are judged anew each time.
///
/// ```
/// use twostep::session::{Invalid, JwkSet, SignedContext, Validator};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The issuer's public keys, as it serves them at `/.well-known/jwks.json`.
/// let keys = JwkSet::from_json(
///     br#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
///                    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
/// )?;
/// let validator = Validator::new(keys, "https://mfa.example", "payments");
///
/// let token = SignedContext::new("eyJhbGciOiJub25lIn0.e30.");
/// assert_eq!(validator.validate(&token), Err(Invalid::Malformed));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Validator {
    keys: Arc<dyn KeySource>,
    revocations: Option<Arc<dyn RevocationSource>>,
    max_staleness: Duration,
    issuer: String,
    audience: String,
    clock: SteadyClock,
    cache: Arc<TokenCache>,
}

impl Validator {
    /// A validator of contexts that `issuer` made for `audience`, by the system's clock. Without
    /// revocations, until [`with_revocations`](Validator::with_revocations).
    pub fn new(
        keys: impl KeySource + 'static,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Validator {
        Validator {
            keys: Arc::new(keys),
            revocations: None,
            max_staleness: MAX_STALENESS,
            issuer: issuer.into(),
            audience: audience.into(),
            clock: SteadyClock::new(Arc::new(SystemClock)),
            cache: Arc::new(TokenCache::new(CACHED)),
        }
    }

    /// Replaces the system's clock. While it is more than a minute behind what it showed at first,
    /// every context is refused ([`Invalid::Clock`]).
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Validator {
        Validator { clock: SteadyClock::new(clock), ..self }
    }

    /// Refuses contexts on the newest list of revocations, and every context while that list is
    /// stale.
    #[must_use]
    pub fn with_revocations(self, source: Arc<dyn RevocationSource>) -> Validator {
        Validator { revocations: Some(source), ..self }
    }

    /// Sets the age from which a list of revocations is stale; one hour by default, the default
    /// lifetime of a context. It bounds how long a revoked context stays valid while the issuer is
    /// unreachable.
    #[must_use]
    pub fn max_staleness(self, max_staleness: Duration) -> Validator {
        Validator { max_staleness, ..self }
    }

    /// Limits the cache to this many validated tokens; 4,096 by default. With 0 every signature is
    /// verified every time.
    #[must_use]
    pub fn remembering(self, tokens: usize) -> Validator {
        Validator { cache: Arc::new(TokenCache::new(tokens)), ..self }
    }

    /// Shares the memory of verified tokens with other validators. Each judges issuer, audience,
    /// times and keys for itself.
    #[cfg(feature = "session")]
    pub(super) fn sharing(self, cache: &Arc<TokenCache>) -> Validator {
        Validator { cache: Arc::clone(cache), ..self }
    }

    /// The issuer whose contexts are read (`iss`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The audience that contexts must have (`aud`).
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The number of tokens in the cache.
    pub fn remembered(&self) -> usize {
        self.cache.len()
    }

    /// Reads a context in which MFA was present.
    ///
    /// # Errors
    /// [`Invalid`]; [`Invalid::Type`] for a context without MFA.
    pub fn validate(&self, signed: &SignedContext) -> Result<SessionContext, Invalid> {
        match self.validate_any(signed)? {
            AnyContext::Mfa(context) => Ok(context),
            AnyContext::WithoutMfa(_) => Err(Invalid::Type),
        }
    }

    /// Reads a context of either type; the answer's type says which.
    ///
    /// # Errors
    /// [`Invalid`], which names the first check that failed.
    pub fn validate_any(&self, signed: &SignedContext) -> Result<AnyContext, Invalid> {
        self.validate_any_at(signed, self.now()?)
    }

    /// The time by the validator's clock, for callers that judge more by the same reading;
    /// [`Invalid::Clock`] if it was set back.
    pub(crate) fn now(&self) -> Result<UnixTime, Invalid> {
        self.clock.now()
    }

    pub(crate) fn validate_any_at(
        &self,
        signed: &SignedContext,
        now: UnixTime,
    ) -> Result<AnyContext, Invalid> {
        if signed.as_str().len() > LONGEST {
            return Err(Invalid::Malformed);
        }
        let keys = self.keys.keys();
        if let Some(token) = self.cache.find(signed).filter(|token| keys.holds(&token.key)) {
            self.judge(&token, now)?;
            return Ok(token.context.clone());
        }
        let opened = jws::open(signed.as_str(), &[claims::MFA, claims::WITHOUT_MFA], &keys)?;
        let token = Arc::new(CachedToken::read(&opened)?);
        self.judge(&token, now)?;
        self.cache.keep(signed, &token);
        Ok(token.context.clone())
    }

    /// Judges everything that can change for a verified token: time, keys, revocation.
    fn judge(&self, token: &CachedToken, now: UnixTime) -> Result<(), Invalid> {
        let common = token.context.common();
        if common.issuer != self.issuer {
            return Err(Invalid::Issuer);
        }
        if common.audience != self.audience {
            return Err(Invalid::Audience);
        }
        if common.expires_at <= now {
            return Err(Invalid::Expired);
        }
        if token.not_before > now.plus(MAX_CLOCK_LEAD) {
            return Err(Invalid::NotYet);
        }
        if common.expires_at <= common.issued_at {
            return Err(Invalid::Claims);
        }
        let Some(revocations) = &self.revocations else { return Ok(()) };
        let list = revocations.current().ok_or(Invalid::RevocationsStale)?;
        if list.ends(&token.context, &token.subject) {
            return Err(Invalid::Revoked);
        }
        if list.is_stale(now, self.max_staleness) { Err(Invalid::RevocationsStale) } else { Ok(()) }
    }
}

/// The longest accepted text of a context.
const LONGEST: usize = 8_192;

/// The default age from which a list of revocations is stale.
const MAX_STALENESS: Duration = Duration::from_secs(3_600);

/// The default size of the cache: some megabytes.
const CACHED: usize = 4_096;
