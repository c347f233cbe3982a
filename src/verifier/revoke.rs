//! Revocation: everything issued for an account so far, or with one of its devices, or one context.

use crate::id::{AccountId, SerialNumber};
use crate::store::{Account, Action, Change, Write};
use crate::time::UnixTime;
use crate::verifier::{Error, TRIES, Verifier};

/// What is dead since a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Contexts issued up to this time are dead; of the account, or of the one device that was
    /// named.
    pub revoked_before: UnixTime,
    /// So are contexts of the account with a lower generation.
    pub generation: u64,
}

impl Verifier {
    /// Revokes contexts of an account: those issued up to `issued_before`, or all of them so far;
    /// those made with the device `serial`, or all. When this returns, none of them is valid any
    /// more, whatever the clock of their issuer showed.
    ///
    /// # Errors
    /// [`Error::BadInput`] if `issued_before` is in the future, [`Error::NotFound`] if there is no
    /// such device, [`Error::Contended`], [`Error::Clock`] or [`Error::Store`].
    pub async fn revoke_sessions(
        &self,
        account: &AccountId,
        issued_before: Option<UnixTime>,
        serial: Option<&SerialNumber>,
    ) -> Result<Revoked, Error> {
        let now = self.now().await?;
        if issued_before.is_some_and(|time| time > now) {
            return Err(Error::BadInput("contexts that are not issued yet cannot be revoked: issued_before is in the future".to_owned()));
        }
        let _turn = self.core.queue.turn(account).await;
        for _ in 0..TRIES {
            let seen = self.core.store.account(account).await?;
            let (writes, revoked) = match (&seen, serial) {
                (None, Some(_)) => return Err(Error::NotFound("device")),
                // Contexts without MFA are issued for accounts that nobody enrolled.
                (None, None) => {
                    let revoked = revoke(&Account::new(account.clone(), now), issued_before, now);
                    (vec![Write::CreateAccount(revoked.clone())], revoked_marks(&revoked, now))
                }
                (Some(seen), None) => {
                    let revoked = revoke(&seen.account, issued_before, now);
                    (
                        vec![Write::UpdateAccount {
                            seen: seen.revision,
                            account: revoked.clone(),
                        }],
                        revoked_marks(&revoked, now),
                    )
                }
                (Some(seen), Some(serial)) => {
                    let enrolled = seen.device(serial).ok_or(Error::NotFound("device"))?;
                    let mut device = enrolled.device.clone();
                    match issued_before {
                        Some(time) => device.revoked_before = device.revoked_before.max(Some(time)),
                        None => {
                            device = device.with_sessions_revoked(seen.account.issued_up_to(now))
                        }
                    }
                    let revoked = Revoked {
                        revoked_before: device.revoked_before.unwrap_or(now),
                        generation: seen.account.generation,
                    };
                    // The account's revision moves too: a proof made with this device is judged
                    // against it.
                    let account =
                        Write::UpdateAccount { seen: seen.revision, account: seen.account.clone() };
                    (
                        vec![account, Write::UpdateDevice { seen: enrolled.revision, device }],
                        revoked,
                    )
                }
            };
            let mut event = self.event(now, Action::SessionsRevoked).account(account);
            event.serial = serial.cloned();
            if self
                .commit(Change { account: Some(account.clone()), writes, audit: vec![event] })
                .await?
                .is_some()
            {
                return Ok(revoked);
            }
        }
        Err(Error::Contended)
    }

    /// Revokes one context of an account by its id.
    ///
    /// # Errors
    /// [`Error::Contended`], [`Error::Clock`] or [`Error::Store`].
    pub async fn revoke_session(
        &self,
        account: &AccountId,
        session_id: &str,
        expires_at: UnixTime,
    ) -> Result<(), Error> {
        let now = self.now().await?;
        let _turn = self.core.queue.turn(account).await;
        for _ in 0..TRIES {
            let seen = self.core.store.account(account).await?;
            let mut writes =
                vec![Write::RevokeSession { session_id: session_id.to_owned(), expires_at }];
            writes.extend(
                seen.map(|seen| Write::UpdateAccount {
                    seen: seen.revision,
                    account: seen.account,
                }),
            );
            let audit = vec![self.event(now, Action::SessionRevoked).account(account)];
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
}

fn revoke(account: &Account, issued_before: Option<UnixTime>, now: UnixTime) -> Account {
    match issued_before {
        None => account.with_sessions_revoked(now),
        Some(time) => {
            Account { revoked_before: account.revoked_before.max(Some(time)), ..account.clone() }
        }
    }
}

fn revoked_marks(account: &Account, now: UnixTime) -> Revoked {
    Revoked {
        revoked_before: account.revoked_before.unwrap_or(now),
        generation: account.generation,
    }
}
