//! Revocation: everything issued for an account so far, or with one of its devices, or one context.

use crate::id::{AccountId, SerialNumber};
use crate::store::{Account, AccountSnapshot, Action, Enrolled, Event, Write};
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::{Error, Verifier};

/// Result of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Contexts issued up to this time are dead; of the account, or of the one device that was
    /// named.
    pub revoked_before: UnixTime,
    /// So are contexts of the account with a lower generation.
    pub generation: u64,
}

impl Verifier {
    /// Revokes contexts of an account: those issued up to `issued_before`, or all so far; those
    /// made with the device `serial`, or all. They are invalid when this returns, independently of
    /// their issuer's clock.
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
        let decided = self.decide(account, |seen, now| async move {
            if issued_before.is_some_and(|time| time > now) {
                return Err(Error::BadInput(
                    "contexts that are not issued yet cannot be revoked: issued_before is in the \
                     future"
                        .to_owned(),
                ));
            }
            let (writes, revoked) = match (&seen, serial) {
                (None, Some(_)) => return Err(Error::NotFound("device")),
                // Contexts without MFA are issued for accounts without any device, too.
                (None, None) => {
                    let account =
                        revoke_account(&Account::new(account.clone(), now), issued_before, now);
                    let revoked = Revoked::of(&account, now);
                    (vec![Write::CreateAccount(account)], revoked)
                }
                (Some(seen), None) => {
                    let account = revoke_account(&seen.account, issued_before, now);
                    let revoked = Revoked::of(&account, now);
                    (vec![Write::UpdateAccount { seen: seen.revision, account }], revoked)
                }
                (Some(seen), Some(serial)) => {
                    let enrolled = seen.device(serial).ok_or(Error::NotFound("device"))?;
                    revoke_device(seen, enrolled, issued_before, now)
                }
            };
            let event = self.event(now, Action::SessionsRevoked).account(account);
            let event = Event { serial: serial.cloned(), ..event };
            Ok(Judgement::change(writes, vec![event], revoked))
        });
        Ok(decided.await?.0)
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
        let decided =
            self.decide(account, |seen, now| async move {
                let session_id = session_id.to_owned();
                let mut writes = vec![Write::RevokeSession { session_id, expires_at }];
                writes.extend(seen.map(|seen| Write::UpdateAccount {
                    seen: seen.revision,
                    account: seen.account,
                }));
                let audit = vec![self.event(now, Action::SessionRevoked).account(account)];
                Ok(Judgement::change(writes, audit, ()))
            });
        decided.await?;
        Ok(())
    }
}

impl Revoked {
    fn of(account: &Account, now: UnixTime) -> Revoked {
        Revoked {
            revoked_before: account.revoked_before.unwrap_or(now),
            generation: account.generation,
        }
    }
}

fn revoke_account(account: &Account, issued_before: Option<UnixTime>, now: UnixTime) -> Account {
    match issued_before {
        None => account.with_sessions_revoked(now),
        Some(time) => {
            Account { revoked_before: account.revoked_before.max(Some(time)), ..account.clone() }
        }
    }
}

fn revoke_device(
    seen: &AccountSnapshot,
    enrolled: &Enrolled,
    issued_before: Option<UnixTime>,
    now: UnixTime,
) -> (Vec<Write>, Revoked) {
    let mut device = enrolled.device.clone();
    match issued_before {
        Some(time) => device.revoked_before = device.revoked_before.max(Some(time)),
        None => device = device.with_sessions_revoked(seen.account.issued_up_to(now)),
    }
    let revoked = Revoked {
        revoked_before: device.revoked_before.unwrap_or(now),
        generation: seen.account.generation,
    };
    // The account's revision moves as well: a proof made with this device is judged against it.
    let account = Write::UpdateAccount { seen: seen.revision, account: seen.account.clone() };
    (vec![account, Write::UpdateDevice { seen: enrolled.revision, device }], revoked)
}
