//! What administrators do for an account as a whole: let somebody in who is locked out, remove it.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::device::RecoveryCode;
use crate::device::RecoveryDigest;
use crate::id::AccountId;
use crate::store::Account;
use crate::store::Change;
use crate::store::Sealer;
use crate::store::SingleUse;
use crate::store::Write;
use crate::store::random;
use crate::time::UnixTime;
use crate::verifier::BypassCode;
use crate::verifier::Error;
use crate::verifier::TRIES;
use crate::verifier::Verifier;

/// A bypass code that was made, shown this once.
#[derive(Debug)]
pub struct Bypass {
    /// The code.
    pub code: BypassCode,
    /// It cannot be used from then on.
    pub expires_at: UnixTime,
}

impl Verifier {
    /// Makes a single-use code with which the account's owner opens one session. At most 24 hours.
    pub async fn bypass(&self, account: &AccountId, ttl: Duration) -> Result<Bypass, Error> {
        if ttl < Duration::from_secs(60) || ttl > LONGEST_BYPASS {
            return Err(Error::BadInput("a bypass code lives 60 to 86400 seconds".to_owned()));
        }
        let sealer = self.keys().await?;
        let now = self.now().await?;
        let seen = self.core.store.account(account).await?.filter(|seen| seen.account.removed_at.is_none());
        let seen = seen.ok_or(Error::NotFound("account"))?;
        let code = BypassCode::from_bits(&*random::<13>()?).ok_or(Error::Contended)?;
        let expires_at = now.plus(ttl);
        let item =
            SingleUse { id: sealer.bypass_digest(account, &code), account: account.clone(), body: made_for(&seen.account), expires_at };
        let writes = vec![Write::ExpectAccount { account: account.clone(), seen: seen.revision }, Write::AddSingleUse(item)];
        let audit = vec![self.event(now, "bypass.made").account(account)];
        match self.commit(Change { account: Some(account.clone()), writes, audit }).await? {
            Some(_) => Ok(Bypass { code, expires_at }),
            None => Err(Error::Contended),
        }
    }

    /// Removes an account's devices and all it could still be used with. Tombstones and revocations stay.
    pub async fn remove_account(&self, account: &AccountId) -> Result<(), Error> {
        let now = self.now().await?;
        let _turn = self.core.queue.turn(account).await;
        for _ in 0..TRIES {
            let seen = self.core.store.account(account).await?.filter(|seen| seen.account.removed_at.is_none());
            let seen = seen.ok_or(Error::NotFound("account"))?;
            let removed = Account { removed_at: Some(now), protected: false, ..seen.account.with_sessions_revoked(now) };
            let mut writes = vec![Write::UpdateAccount { seen: seen.revision, account: removed }];
            writes.extend(
                seen.devices
                    .iter()
                    .map(|enrolled| Write::RemoveDevice { seen: enrolled.revision, tombstone: enrolled.device.tombstone(now) }),
            );
            let audit = vec![self.event(now, "account.removed").account(account)];
            if self.commit(Change { account: Some(account.clone()), writes, audit }).await?.is_some() {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// Removes what time has made useless; audit rows after `keep_audit`.
    pub async fn expire(&self, keep_audit: Duration) -> Result<u64, Error> {
        let now = self.now().await?;
        Ok(self.core.store.expire(now, now.minus(keep_audit)).await?)
    }
}

/// What a bypass code remembers of its account: each time an account is seen again after it was removed, it is another one.
pub(super) fn made_for(account: &Account) -> Vec<u8> {
    account.created_at.0.to_be_bytes().to_vec()
}

impl Sealer {
    /// What is kept of a recovery code of this account.
    pub(super) fn recovery_digest(&self, account: &AccountId, code: &RecoveryCode) -> RecoveryDigest {
        RecoveryDigest::new(&self.digest("recovery", &[account.as_str().as_bytes(), code.canonical().as_bytes()]))
    }

    /// What a bypass code of this account is found by.
    pub(super) fn bypass_digest(&self, account: &AccountId, code: &BypassCode) -> String {
        let digest = Zeroizing::new(self.digest("bypass", &[account.as_str().as_bytes(), code.canonical().as_bytes()]));
        base32::encode(base32::Alphabet::Crockford, &digest[..])
    }
}

const LONGEST_BYPASS: Duration = Duration::from_secs(86_400);
