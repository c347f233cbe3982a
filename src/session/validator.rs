//! Reads signed contexts, offline: with the issuer's public keys, a clock, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use crate::id::AccountId;
use crate::session::claims::Claims;
use crate::session::revocations::Subject;
use crate::session::seen::Seen;
use crate::session::{
    Amr, Common, ContextWithoutMfa, KeySource, PublicKey, RevocationSource, SessionContext,
    SignedContext, claims, jws,
};
use crate::time::{Clock, SystemClock, UnixTime};

/// Validates the contexts of one issuer for one audience. Clones are cheap, and share what was
/// seen.
///
/// A token that was valid before is found again in memory, by its whole text. All that can have
/// changed since is judged anew every time: its times, its key, and whether it was revoked.
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
    clock: Arc<dyn Clock>,
    seen: Arc<Seen>,
}

/// A context of either type, for those who may accept both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyContext {
    /// MFA was present.
    Mfa(SessionContext),
    /// It was not.
    WithoutMfa(ContextWithoutMfa),
}

/// Why a context is not valid. It is for logs; whoever presented it is told no more than "invalid".
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is no JWS of the form that contexts have.
    #[error("this is no signed context")]
    Malformed,
    /// It is of another type: most often, a context without MFA where MFA is asked for.
    #[error("the context is of another type")]
    Type,
    /// It names a key that the issuer does not have, or an algorithm that is not that key's.
    #[error("the context names an unknown key, or another algorithm than that key's")]
    Key,
    /// The signature is not that key's.
    #[error("the context's signature is wrong")]
    Signature,
    /// A claim is missing, has the wrong type, or contradicts another.
    #[error("the context's claims are not those of a context")]
    Claims,
    /// It is another issuer's.
    #[error("the context is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the context is for another audience")]
    Audience,
    /// It is over.
    #[error("the context has expired")]
    Expired,
    /// It is dated in the future.
    #[error("the context is not valid yet")]
    NotYet,
    /// Its issuer revoked it.
    #[error("the context was revoked")]
    Revoked,
    /// Whether it was revoked is not known: there is no list of revocations, or none that is new
    /// enough.
    #[error("the list of revocations is too old, or was never read: can the issuer be reached?")]
    RevocationsStale,
}

/// What a token says that stays true of it, and what that takes to look up.
pub(super) struct Facts {
    key: Arc<PublicKey>,
    context: AnyContext,
    not_before: UnixTime,
    subject: Subject,
}

impl Validator {
    /// A validator of contexts that `issuer` made for `audience`, by the system's clock. It knows
    /// of no revocations.
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
            clock: Arc::new(SystemClock),
            seen: Arc::new(Seen::new(REMEMBERED)),
        }
    }

    /// Replaces the system's clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Validator {
        Validator { clock, ..self }
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
        Validator { seen: Arc::new(Seen::new(tokens)), ..self }
    }

    /// How many tokens are remembered now.
    pub fn remembered(&self) -> usize {
        self.seen.len()
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
        self.validate_any_at(signed, self.now())
    }

    /// The time by its clock, for who has more to judge by the same reading.
    pub(crate) fn now(&self) -> UnixTime {
        self.clock.read().wall
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
        if let Some(facts) = self.seen.find(signed).filter(|facts| keys.holds(&facts.key)) {
            self.judge(&facts, now)?;
            return Ok(facts.context.clone());
        }
        let opened = jws::open(signed.as_str(), &[claims::MFA, claims::WITHOUT_MFA], &keys)?;
        let facts = Arc::new(Facts::read(&opened)?);
        self.judge(&facts, now)?;
        self.seen.keep(signed, &facts);
        Ok(facts.context.clone())
    }

    /// Everything that time, or somebody else, can change.
    fn judge(&self, facts: &Facts, now: UnixTime) -> Result<(), Invalid> {
        let common = facts.context.common();
        if common.issuer != self.issuer {
            return Err(Invalid::Issuer);
        }
        if common.audience != self.audience {
            return Err(Invalid::Audience);
        }
        if common.expires_at <= now {
            return Err(Invalid::Expired);
        }
        if facts.not_before > now.plus(AHEAD) {
            return Err(Invalid::NotYet);
        }
        if common.expires_at <= common.issued_at {
            return Err(Invalid::Claims);
        }
        let Some(revocations) = &self.revocations else { return Ok(()) };
        let list = revocations.current().ok_or(Invalid::RevocationsStale)?;
        if list.ends(&facts.context, &facts.subject) {
            return Err(Invalid::Revoked);
        }
        if list.is_stale(now, self.max_staleness) { Err(Invalid::RevocationsStale) } else { Ok(()) }
    }
}

impl Facts {
    fn read(opened: &jws::Opened<'_>) -> Result<Facts, Invalid> {
        let claims: Claims = opened.payload().ok_or(Invalid::Claims)?;
        let with_mfa = opened.typ == claims::MFA;
        if claims.mfa_present != with_mfa || claims.jti.is_empty() {
            return Err(Invalid::Claims);
        }
        let not_before = UnixTime(claims.iat.max(claims.nbf));
        let common = Common {
            account: claims.sub.parse::<AccountId>().map_err(|_| Invalid::Claims)?,
            session_id: claims.jti.clone(),
            issuer: claims.iss.clone(),
            audience: claims.aud.clone(),
            issued_at: UnixTime(claims.iat),
            expires_at: UnixTime(claims.exp),
            generation: claims.generation,
        };
        let context = if with_mfa {
            AnyContext::Mfa(with(claims, common)?)
        } else {
            AnyContext::WithoutMfa(without(&claims, common)?)
        };
        Ok(Facts {
            key: Arc::clone(&opened.key),
            not_before,
            subject: Subject::of(&context),
            context,
        })
    }
}

impl AnyContext {
    /// What every context says.
    pub fn common(&self) -> &Common {
        match self {
            AnyContext::Mfa(context) => &context.common,
            AnyContext::WithoutMfa(context) => &context.common,
        }
    }
}

fn with(claims: Claims, common: Common) -> Result<SessionContext, Invalid> {
    let Claims {
        amr: Some(amr),
        mfa_time: Some(mfa_time),
        mfa_serial: Some(serial),
        mfa_kind: Some(kind),
        uv: Some(user_verified),
        ..
    } = claims
    else {
        return Err(Invalid::Claims);
    };
    if mfa_time > claims.iat {
        return Err(Invalid::Claims);
    }
    Ok(SessionContext {
        common,
        mfa_time: UnixTime(mfa_time),
        serial: serial.parse().map_err(|_| Invalid::Claims)?,
        kind: kind.parse().map_err(|_| Invalid::Claims)?,
        // A value that a later version adds is not one that anybody asks for here.
        amr: amr.iter().filter_map(|name| Amr::named(name)).collect(),
        user_verified,
    })
}

fn without(claims: &Claims, common: Common) -> Result<ContextWithoutMfa, Invalid> {
    let Claims { amr: None, mfa_time: None, mfa_serial: None, mfa_kind: None, uv: None, .. } =
        claims
    else {
        return Err(Invalid::Claims);
    };
    Ok(ContextWithoutMfa { common })
}

/// How far the issuer's clock may be ahead of ours. There is no leeway the other way: what has
/// expired is over.
const AHEAD: Duration = Duration::from_secs(5);

/// No context is longer.
const LONGEST: usize = 8_192;

/// How old a list of revocations may be.
const MAX_STALENESS: Duration = Duration::from_secs(3_600);

/// How many tokens are remembered: some megabytes.
const REMEMBERED: usize = 4_096;
