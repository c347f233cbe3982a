//! A token whose signature was verified: its content, as types.

use std::sync::Arc;

use crate::id::AccountId;
use crate::session::claims::Claims;
use crate::session::revocations::Subject;
use crate::session::{
    Amr, AnyContext, Common, ContextWithoutMfa, Invalid, PublicKey, SessionContext, claims, jws,
};
use crate::time::UnixTime;

/// The unchanging content of a token: its context, the key that signed it, and its digests in lists
/// of revocations.
pub(super) struct CachedToken {
    pub(super) key: Arc<PublicKey>,
    pub(super) context: AnyContext,
    pub(super) not_before: UnixTime,
    pub(super) subject: Subject,
}

impl CachedToken {
    pub(super) fn read(opened: &jws::Opened<'_>) -> Result<CachedToken, Invalid> {
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
        Ok(CachedToken {
            key: Arc::clone(&opened.key),
            not_before,
            subject: Subject::of(&context),
            context,
        })
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
        // Values of a later version are left out: no rule of this one asks for them.
        amr: amr.iter().filter_map(|name| Amr::named(name)).collect(),
        user_verified,
        device_generation: claims.mfa_gen,
    })
}

fn without(claims: &Claims, common: Common) -> Result<ContextWithoutMfa, Invalid> {
    let Claims {
        amr: None,
        mfa_time: None,
        mfa_serial: None,
        mfa_kind: None,
        uv: None,
        mfa_gen: 0,
        ..
    } = claims
    else {
        return Err(Invalid::Claims);
    };
    Ok(ContextWithoutMfa { common })
}
