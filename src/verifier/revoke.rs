//! Revocation: everything issued for an account so far, or with one of its devices, or one context.

use crate::id::{AccountId, SerialNumber};
use crate::store::{Account, AccountSnapshot, Action, Change, Enrolled, Event, Write};
use crate::time::{MAX_CLOCK_LEAD, UnixTime};
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
                    let (writes, revoked) = revoke_device(seen, enrolled, issued_before, now);
                    (self.in_bounds(seen, writes, now).await?, revoked)
                }
            };
            let event = self.event(now, Action::SessionsRevoked).account(account);
            let event = Event { serial: serial.cloned(), ..event };
            Ok(Judgement::change(writes, vec![event], revoked))
        });
        Ok(decided.await?.0)
    }

    /// Revokes one context of an account by its id; all that the account has so far, if many
    /// devices and contexts of it are revoked one by one already.
    ///
    /// # Errors
    /// [`Error::Contended`], [`Error::Clock`] or [`Error::Store`].
    pub async fn revoke_session(
        &self,
        account: &AccountId,
        session_id: &str,
        expires_at: UnixTime,
    ) -> Result<(), Error> {
        let decided = self.decide(account, |seen, now| async move {
            let one = Write::RevokeSession {
                account: account.clone(),
                session_id: session_id.to_owned(),
                expires_at,
                at: now,
            };
            let writes = match &seen {
                Some(seen) => {
                    let account = seen.account.clone();
                    let moved = Write::UpdateAccount { seen: seen.revision, account };
                    self.in_bounds(seen, vec![moved, one], now).await?
                }
                // Contexts without MFA are issued for accounts without any device, too.
                None if self.is_full(account).await? => {
                    let new = Account::new(account.clone(), now).with_sessions_revoked(now);
                    let account = account.clone();
                    vec![Write::CreateAccount(new), Write::FoldRevocations { account }]
                }
                None => vec![one],
            };
            let audit = vec![self.event(now, Action::SessionRevoked).account(account)];
            Ok(Judgement::change(writes, audit, ()))
        });
        decided.await?;
        Ok(())
    }

    /// The writes of a change that revokes a device or a context of the account. If the account has
    /// as many of those as it may, they revoke the account instead: the list of revocations holds
    /// few of each account, and ends nothing of another.
    pub(super) async fn in_bounds(
        &self,
        seen: &AccountSnapshot,
        mut writes: Vec<Write>,
        now: UnixTime,
    ) -> Result<Vec<Write>, Error> {
        let id = &seen.account.id;
        if !self.is_full(id).await? {
            return Ok(writes);
        }
        writes.retain(|write| {
            !matches!(
                write,
                Write::UpdateAccount { .. }
                    | Write::ExpectAccount { .. }
                    | Write::RevokeSession { .. }
            )
        });
        let account = seen.account.with_sessions_revoked(now);
        writes.push(Write::UpdateAccount { seen: seen.revision, account });
        writes.push(Write::FoldRevocations { account: id.clone() });
        Ok(writes)
    }

    async fn is_full(&self, account: &AccountId) -> Result<bool, Error> {
        Ok(self.core.store.revocations_of(account).await? >= MOST_OF_AN_ACCOUNT)
    }

    /// The change that dates back marks from a time when the clock was ahead. None if no mark is
    /// further ahead than a new context may be dated.
    ///
    /// A new context is dated above the marks, and would not be valid yet. The generations end what
    /// the marks ended.
    pub(super) fn marks_dated_back(&self, seen: &AccountSnapshot, now: UnixTime) -> Option<Change> {
        let ahead = |mark: Option<UnixTime>| mark >= Some(now.plus(MAX_CLOCK_LEAD));
        let devices = seen.devices.iter().filter(|enrolled| ahead(enrolled.device.revoked_before));
        let mut writes: Vec<Write> = devices
            .map(|enrolled| Write::UpdateDevice {
                seen: enrolled.revision,
                device: enrolled.device.clone().with_sessions_revoked(now),
            })
            .collect();
        if ahead(seen.account.revoked_before) {
            let account = seen.account.with_sessions_revoked(now);
            writes.push(Write::UpdateAccount { seen: seen.revision, account });
        }
        let account = &seen.account.id;
        let event = self.event(now, Action::SessionsRevoked).account(account);
        let audit = vec![event.reason("marks of a clock that was ahead")];
        (!writes.is_empty()).then(|| Change { account: Some(account.clone()), writes, audit })
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
        None => device = device.with_sessions_revoked(now),
    }
    let revoked = Revoked {
        revoked_before: device.revoked_before.unwrap_or(now),
        generation: seen.account.generation,
    };
    // The account's revision moves as well: a proof made with this device is judged against it.
    let account = Write::UpdateAccount { seen: seen.revision, account: seen.account.clone() };
    (vec![account, Write::UpdateDevice { seen: enrolled.revision, device }], revoked)
}

/// The devices and contexts of an account that are revoked one by one before the account is.
const MOST_OF_AN_ACCOUNT: u64 = 100;
