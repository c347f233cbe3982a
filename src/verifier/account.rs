//! What concerns an account as a whole: remove it, clear away what is over.

use std::time::Duration;

use crate::device::{RecoveryCode, RecoveryDigest};
use crate::id::AccountId;
use crate::store::{Account, Action, Change, Sealer, Write};
use crate::verifier::{Error, TRIES, Verifier};

impl Verifier {
    /// Removes an account's devices and all it could still be used with. Tombstones and revocations
    /// stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such account, [`Error::Contended`], [`Error::Clock`] or
    /// [`Error::Store`].
    pub async fn remove_account(&self, account: &AccountId) -> Result<(), Error> {
        let now = self.now().await?;
        let _turn = self.core.queue.turn(account).await;
        for _ in 0..TRIES {
            let seen = self
                .core
                .store
                .account(account)
                .await?
                .filter(|seen| seen.account.removed_at.is_none());
            let seen = seen.ok_or(Error::NotFound("account"))?;
            let removed = Account {
                removed_at: Some(now),
                protected: false,
                ..seen.account.with_sessions_revoked(now)
            };
            let mut writes = vec![Write::UpdateAccount { seen: seen.revision, account: removed }];
            writes.extend(seen.devices.iter().map(|enrolled| Write::RemoveDevice {
                seen: enrolled.revision,
                tombstone: enrolled.device.tombstone(now),
            }));
            let audit = vec![self.event(now, Action::AccountRemoved).account(account)];
            if self
                .commit(Change { account: Some(account.clone()), writes, audit })
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// Removes what time has made useless; audit rows after `keep_audit`.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn expire(&self, keep_audit: Duration) -> Result<u64, Error> {
        let now = self.now().await?;
        Ok(self.core.store.expire(now, now.minus(keep_audit)).await?)
    }
}

impl Sealer {
    /// What is kept of a recovery code of this account.
    pub(super) fn recovery_digest(
        &self,
        account: &AccountId,
        code: &RecoveryCode,
    ) -> RecoveryDigest {
        RecoveryDigest::new(
            &self.digest("recovery", &[account.as_str().as_bytes(), code.canonical().as_bytes()]),
        )
    }
}
