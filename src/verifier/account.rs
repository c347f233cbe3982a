//! Accounts as a whole: removal, reuse of a context, expiry.

use std::time::Duration;

use crate::device::{RecoveryCode, RecoveryDigest};
use crate::id::{AccountId, SerialNumber};
use crate::store::{Account, Action, Change, ItemKind, Revision, Sealer, Write};
use crate::verifier::add::present;
use crate::verifier::decide::Judgement;
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// Adds an account without a device. Others come into being with their first one.
    ///
    /// For administrators: the caller sees to that.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::Contended`], [`Error::Clock`] or [`Error::Store`].
    pub async fn add_account(&self, account: &AccountId) -> Result<Account, Error> {
        let decided = self.decide(account, |seen, now| async move {
            let (write, added) = match &seen {
                Some(seen) if seen.account.removed_at.is_none() => {
                    return Err(Error::AlreadyExists("account"));
                }
                Some(seen) => {
                    let account = present(&seen.account, now);
                    (
                        Write::UpdateAccount { seen: seen.revision, account: account.clone() },
                        account,
                    )
                }
                None => {
                    let account = Account::new(account.clone(), now);
                    (Write::CreateAccount(account.clone()), account)
                }
            };
            let event = self.event(now, Action::AccountAdded).account(account);
            Ok(Judgement::change(vec![write], vec![event], added))
        });
        Ok(decided.await?.0)
    }

    /// Removes an account's devices and all it could still be used with. Tombstones and revocations
    /// stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such account, [`Error::Contended`], [`Error::Clock`] or
    /// [`Error::Store`].
    pub async fn remove_account(&self, account: &AccountId) -> Result<(), Error> {
        let decided = self.decide(account, |seen, now| async move {
            let seen = seen.filter(|seen| seen.account.removed_at.is_none());
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
            writes.extend(OF_CONSOLE.map(|kind| {
                let account = account.clone();
                Write::KeepNewest { account, kind, most: 0 }
            }));
            let audit = vec![self.event(now, Action::AccountRemoved).account(account)];
            Ok(Judgement::change(writes, audit, ()))
        });
        decided.await?;
        Ok(())
    }

    /// Audits that a context of this account, made with this device, stood in for a new proof.
    /// `false`: the account has changed since `seen`, from which that was judged, and nothing was
    /// written.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn note_reuse(
        &self,
        account: &AccountId,
        serial: &SerialNumber,
        seen: Revision,
    ) -> Result<bool, Error> {
        let now = self.now().await?;
        let writes = vec![Write::ExpectAccount { account: account.clone(), seen }];
        let audit = vec![self.event(now, Action::SessionReused).account(account).serial(serial)];
        let change = Change { account: Some(account.clone()), writes, audit };
        Ok(self.commit(change).await?.is_some())
    }

    /// Removes what time has made useless; audit rows after `keep_audit`.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn expire(&self, keep_audit: Duration) -> Result<u64, Error> {
        let now = self.now().await?;
        let dropped = self.drop_abandoned(now).await?;
        let gone = self.core.store.expire(now, now.minus(keep_audit)).await?;
        Ok(gone.saturating_add(dropped))
    }
}

impl Sealer {
    /// Stored digest of a recovery code of this account.
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

/// Items that could let a person into the console for an account.
const OF_CONSOLE: [ItemKind; 4] = [
    ItemKind::ConsoleLink,
    ItemKind::ConsoleSession,
    ItemKind::ConsoleSecret,
    ItemKind::ConsoleSignIn,
];
