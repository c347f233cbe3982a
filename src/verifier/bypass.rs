//! Bypass codes: an administrator lets somebody in who is locked out, once.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::device::{MfaKind, Refusal};
use crate::id::{AccountId, SerialNumber};
use crate::store::{Account, Action, Change, ItemKind, Marks, Sealer, SingleUse, Write, random};
use crate::time::UnixTime;
use crate::verifier::verify::Decision;
use crate::verifier::{BypassCode, Error, Verified, Verifier, throttle};

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
    ///
    /// # Errors
    /// [`Error::BadInput`] if `ttl` is not 60 to 86,400 seconds, [`Error::NotFound`] if there is no
    /// such account, [`Error::Contended`], [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn bypass(&self, account: &AccountId, ttl: Duration) -> Result<Bypass, Error> {
        if ttl < Duration::from_secs(60) || ttl > LONGEST_BYPASS {
            return Err(Error::BadInput("a bypass code lives 60 to 86400 seconds".to_owned()));
        }
        let sealer = self.keys().await?;
        let now = self.now().await?;
        let seen = self
            .core
            .store
            .account(account)
            .await?
            .filter(|seen| seen.account.removed_at.is_none());
        let seen = seen.ok_or(Error::NotFound("account"))?;
        let code = BypassCode::from_bits(&*random::<13>()?).ok_or(Error::Contended)?;
        let expires_at = now.plus(ttl);
        let (id, body) = (sealer.bypass_digest(account, &code), made_for(&seen.account));
        let item =
            SingleUse { id, account: account.clone(), kind: ItemKind::Bypass, body, expires_at };
        let writes = vec![
            Write::ExpectAccount { account: account.clone(), seen: seen.revision },
            Write::AddSingleUse(item),
        ];
        let audit = vec![self.event(now, Action::BypassMade).account(account)];
        match self.commit(Change { account: Some(account.clone()), writes, audit }).await? {
            Some(_) => Ok(Bypass { code, expires_at }),
            None => Err(Error::Contended),
        }
    }

    /// A bypass code is an administrator's word: neither throttle nor lock keeps it out.
    pub(super) async fn try_bypass(
        &self,
        account: &AccountId,
        serial: Option<&SerialNumber>,
        id: &str,
        now: UnixTime,
    ) -> Result<Decision<Verified>, Error> {
        let (known, seen) =
            (self.core.store.single_use(id, now).await?, self.core.store.account(account).await?);
        let Some(seen) = seen else {
            return Ok(self.not_judged(account, serial, now, Refusal::UnknownDevice));
        };
        let spent = format!("spent {id}");
        // Made for this account, and not for one of the same name that was removed.
        let present = seen.account.removed_at.is_none().then(|| made_for(&seen.account));
        let known = known.filter(|known| {
            known.account == *account
                && known.kind == ItemKind::Bypass
                && serial.is_none()
                && Some(&known.body) == present.as_ref()
        });
        let Some(known) = known else {
            if serial.is_none() && self.core.store.single_use(&spent, now).await?.is_some() {
                return self.replayed_bypass(account, now).await;
            }
            // Guessing it is hopeless, and writes nothing where no other guess would.
            return match throttle::throttled_until(&seen.account, now) {
                Some(until) => {
                    Ok(self.not_judged(account, serial, now, Refusal::Throttled { until }))
                }
                None => self.failed_without_device(&seen, serial, now).await,
            };
        };
        let serial: SerialNumber = format!("bypass:{}", id.get(..12).unwrap_or(id))
            .parse()
            .map_err(|_| Error::Contended)?;
        let audit = vec![self.event(now, Action::BypassAccepted).account(account).serial(&serial)];
        // It stays known as long as it could have been used: shown twice, it is a replay and no
        // guess.
        let writes = vec![
            Write::ExpectAccount { account: account.clone(), seen: seen.revision },
            Write::Consume { id: id.to_owned(), now },
            Write::AddSingleUse(SingleUse { id: spent, kind: ItemKind::Spent, ..known }),
        ];
        let Some(marks) =
            self.commit(Change { account: Some(account.clone()), writes, audit }).await?
        else {
            return Ok(Decision::Again);
        };
        self.core.counters.judged.fetch_add(1, Relaxed);
        self.core.counters.accepted.fetch_add(1, Relaxed);
        let Marks { generation, revoked_before: dead_until } = marks;
        let (account, kind) = (account.clone(), MfaKind::Bypass);
        Ok(Decision::Accepted(Verified {
            account,
            serial,
            kind,
            at: now,
            generation,
            dead_until,
            key: None,
        }))
    }

    async fn replayed_bypass(
        &self,
        account: &AccountId,
        now: UnixTime,
    ) -> Result<Decision<Verified>, Error> {
        let refusal = Refusal::Replayed { next_code_at: None };
        let audit = vec![self.event(now, Action::CodeRefused).account(account).reason(refusal)];
        if self
            .commit(Change { account: Some(account.clone()), writes: Vec::new(), audit })
            .await?
            .is_none()
        {
            return Ok(Decision::Again);
        }
        self.core.counters.judged.fetch_add(1, Relaxed);
        Ok(Decision::Refused(refusal))
    }
}

impl Sealer {
    /// What a bypass code of this account is found by.
    pub(super) fn bypass_digest(&self, account: &AccountId, code: &BypassCode) -> String {
        let digest = Zeroizing::new(
            self.digest("bypass", &[account.as_str().as_bytes(), code.canonical().as_bytes()]),
        );
        base32::encode(base32::Alphabet::Crockford, &digest[..])
    }
}

/// What a bypass code remembers of its account: each time an account is seen again after it was
/// removed, it is another one.
fn made_for(account: &Account) -> Vec<u8> {
    account.created_at.0.to_be_bytes().to_vec()
}

const LONGEST_BYPASS: Duration = Duration::from_secs(86_400);
