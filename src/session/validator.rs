//! Reads signed contexts, offline: with the issuer's public keys, a clock, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

use crate::session::Amr;
use crate::session::Common;
use crate::session::ContextWithoutMfa;
use crate::session::JwkSet;
use crate::session::MfaKind;
use crate::session::SessionContext;
use crate::session::SignedContext;
use crate::session::claims;
use crate::session::claims::Claims;
use crate::session::claims::Header;
use crate::time::Clock;
use crate::time::SystemClock;
use crate::time::UnixTime;

/// Validates the contexts of one issuer for one audience.
#[derive(Clone)]
pub struct Validator {
    keys: JwkSet,
    issuer: String,
    audience: String,
    clock: Arc<dyn Clock>,
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
}

impl Validator {
    /// A validator of contexts that `issuer` made for `audience`, by the system's clock.
    pub fn new(keys: JwkSet, issuer: impl Into<String>, audience: impl Into<String>) -> Validator {
        Validator { keys, issuer: issuer.into(), audience: audience.into(), clock: Arc::new(SystemClock) }
    }

    /// The same, by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Validator {
        Validator { clock, ..self }
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
    pub fn validate_any(&self, signed: &SignedContext) -> Result<AnyContext, Invalid> {
        let text = signed.as_str();
        if text.len() > LONGEST {
            return Err(Invalid::Malformed);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(Invalid::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Invalid::Malformed)?;
        let header: Header = decoded(header).ok_or(Invalid::Malformed)?;
        let with_mfa = match header.typ.as_str() {
            claims::MFA => true,
            claims::WITHOUT_MFA => false,
            _ => return Err(Invalid::Type),
        };
        // The algorithm is the key's; the header may only agree (RFC 8725 §3.1).
        let key = self.keys.find(&header.kid).filter(|key| key.algorithm() == header.alg).ok_or(Invalid::Key)?;
        if !key.verifies(message.as_bytes(), signature) {
            return Err(Invalid::Signature);
        }
        let claims: Claims = decoded(payload).ok_or(Invalid::Claims)?;
        if claims.mfa_present != with_mfa {
            return Err(Invalid::Claims);
        }
        let common = self.common(&claims)?;
        if with_mfa { with(claims, common).map(AnyContext::Mfa) } else { without(&claims, common).map(AnyContext::WithoutMfa) }
    }

    fn common(&self, claims: &Claims) -> Result<Common, Invalid> {
        let now = self.clock.read().wall;
        if claims.iss != self.issuer {
            return Err(Invalid::Issuer);
        }
        if claims.aud != self.audience {
            return Err(Invalid::Audience);
        }
        if UnixTime(claims.exp) <= now {
            return Err(Invalid::Expired);
        }
        if UnixTime(claims.iat.max(claims.nbf)) > now.plus(AHEAD) {
            return Err(Invalid::NotYet);
        }
        if claims.exp <= claims.iat || claims.jti.is_empty() {
            return Err(Invalid::Claims);
        }
        Ok(Common {
            account: claims.sub.parse().map_err(|_| Invalid::Claims)?,
            session_id: claims.jti.clone(),
            issuer: claims.iss.clone(),
            audience: claims.aud.clone(),
            issued_at: UnixTime(claims.iat),
            expires_at: UnixTime(claims.exp),
            generation: claims.generation,
        })
    }
}

fn with(claims: Claims, common: Common) -> Result<SessionContext, Invalid> {
    let Claims {
        amr: Some(amr), mfa_time: Some(mfa_time), mfa_serial: Some(serial), mfa_kind: Some(kind), uv: Some(user_verified), ..
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
        kind: MfaKind::named(&kind).ok_or(Invalid::Claims)?,
        // A value that a later version adds is not one that anybody asks for here.
        amr: amr.iter().filter_map(|name| Amr::named(name)).collect(),
        user_verified,
    })
}

fn without(claims: &Claims, common: Common) -> Result<ContextWithoutMfa, Invalid> {
    let Claims { amr: None, mfa_time: None, mfa_serial: None, mfa_kind: None, uv: None, .. } = claims else {
        return Err(Invalid::Claims);
    };
    Ok(ContextWithoutMfa { common })
}

/// One part of the token: base64url without padding (RFC 7515 §2) of JSON.
fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// How far the issuer's clock may be ahead of ours. There is no leeway the other way: what has expired is over.
const AHEAD: Duration = Duration::from_secs(5);

/// No context is longer.
const LONGEST: usize = 8_192;
