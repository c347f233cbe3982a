//! Introspection: validity of a context by the store, which knows all revocations.

use std::sync::Arc;

use crate::session::signing::Cached;
use crate::session::token_cache::TokenCache;
use crate::session::{
    AnyContext, Common, Issuer, MfaKind, SessionContext, SignedContext, Validator,
};
use crate::store::AccountSnapshot;
use crate::time::UnixTime;
use crate::verifier::{Error, FreshMfa, Verifier};

/// Validates contexts of one issuer by the store, including revocations that no list has yet.
///
/// Memory answers nothing that can change: only that the signature of a token was verified before,
/// with a key that is still among the issuer's. Clones share that memory.
#[derive(Clone)]
pub struct Introspector {
    issuer: Issuer,
    verifier: Verifier,
    verified: Arc<TokenCache>,
}

impl Introspector {
    /// An introspector of this issuer's contexts.
    pub fn new(issuer: Issuer, verifier: Verifier) -> Introspector {
        Introspector { issuer, verifier, verified: Arc::new(TokenCache::new(VERIFIED)) }
    }

    /// The context, if it is valid for `audience` and alive.
    ///
    /// # Errors
    /// [`Error::Clock`]; [`Error::Store`] or [`Error::Key`] if the account, the revocations or the
    /// signing keys cannot be read. An invalid context is `None`, not an error.
    pub async fn introspect(
        &self,
        signed: &SignedContext,
        audience: &str,
    ) -> Result<Option<AnyContext>, Error> {
        let store = self.verifier.store();
        let (context, seen) = match self.validated_in_one(signed, audience).await? {
            Some((context, seen)) => (context, Some(seen)),
            None => {
                let Some(context) = self.validated(signed, audience).await? else {
                    return Ok(None);
                };
                let seen = store.account(&context.common().account).await?;
                (context, seen)
            }
        };
        let common = context.common();
        if store.session_revoked(&common.session_id).await? {
            return Ok(None);
        }
        let alive = match (&context, &seen) {
            // Contexts without MFA exist for accounts without any device, too.
            (AnyContext::WithoutMfa(_), None) => true,
            (AnyContext::Mfa(_), None) => false,
            (AnyContext::WithoutMfa(_), Some(seen)) => account_allows(seen, common),
            (AnyContext::Mfa(context), Some(seen)) => {
                account_allows(seen, common) && device_allows(seen, context)
            }
        };
        Ok(alive.then_some(context))
    }

    /// The proof that an owner presents to change devices: a context for the issuer itself. The
    /// verifier judges in the deciding transaction whether it still counts.
    ///
    /// # Errors
    /// [`Error::Clock`]; [`Error::Store`] or [`Error::Key`] if the signing keys cannot be read. An
    /// invalid context is `None`, not an error.
    pub async fn fresh_mfa(&self, signed: &SignedContext) -> Result<Option<FreshMfa>, Error> {
        let audience = self.issuer.name();
        let Some(AnyContext::Mfa(context)) = self.validated(signed, audience).await? else {
            return Ok(None);
        };
        Ok(Some(FreshMfa {
            account: context.common.account,
            serial: context.serial,
            kind: context.kind,
            bypass_counts: false,
            mfa_time: context.mfa_time,
            issued_at: context.common.issued_at,
            generation: context.common.generation,
            device_generation: context.device_generation,
            session_id: context.common.session_id,
        }))
    }

    /// The content of a valid token with its account, if the keys that were read last turn out to
    /// be those of the moment at which the account is read.
    async fn validated_in_one(
        &self,
        signed: &SignedContext,
        audience: &str,
    ) -> Result<Option<(AnyContext, AccountSnapshot)>, Error> {
        let now = self.verifier.now().await?;
        let Some(keys) = self.issuer.last_keys() else { return Ok(None) };
        let validator = self.validator_by(&keys, audience);
        let Ok(context) = validator.validate_any_at(signed, now) else { return Ok(None) };
        let seen = self.verifier.store().account(&context.common().account).await?;
        Ok(seen
            .filter(|seen| seen.control_version == keys.version)
            .map(|seen| (context, seen)))
    }

    /// The content of a token that is valid at the guarded time, as far as it can tell by itself.
    async fn validated(
        &self,
        signed: &SignedContext,
        audience: &str,
    ) -> Result<Option<AnyContext>, Error> {
        let now = self.verifier.now().await?;
        let keys = self.issuer.signer().await?;
        Ok(self.validator_by(&keys, audience).validate_any_at(signed, now).ok())
    }

    fn validator_by(&self, keys: &Cached, audience: &str) -> Validator {
        self.issuer.validator_by(keys, audience).sharing(&self.verified)
    }
}

fn account_allows(seen: &AccountSnapshot, common: &Common) -> bool {
    common.generation >= seen.account.generation
        && above(common.issued_at, seen.account.revoked_before)
}

/// A locked device counts as in use: a guesser must not end its owner's sessions.
fn device_allows(seen: &AccountSnapshot, context: &SessionContext) -> bool {
    if context.kind == MfaKind::Bypass {
        return true;
    }
    let device = seen.device(&context.serial).map(|enrolled| &enrolled.device);
    device.is_some_and(|device| {
        device.is_in_use()
            && context.device_generation >= device.generation
            && above(context.common.issued_at, device.revoked_before)
    })
}

fn above(issued_at: UnixTime, mark: Option<UnixTime>) -> bool {
    mark.is_none_or(|mark| issued_at > mark)
}

/// The most tokens whose signatures are known: some megabytes.
const VERIFIED: usize = 4_096;
