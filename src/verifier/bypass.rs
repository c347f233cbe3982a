//! Bypass codes: an administrator's single-use codes for locked-out people.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::device::{MfaKind, Refusal};
use crate::id::{AccountId, SerialNumber};
use crate::store::{
    Account, AccountSnapshot, Action, Enrolled, ItemKind, Sealer, SingleUse, Write, random,
};
use crate::time::UnixTime;
use crate::verifier::client::note_success;
use crate::verifier::decide::Judgement;
use crate::verifier::verified::Proof;
use crate::verifier::verify::Attempt;
use crate::verifier::{BypassCode, Error, Verifier};

/// A bypass code that was made, shown this once.
#[derive(Debug)]
pub struct Bypass {
    /// The code.
    pub code: BypassCode,
    /// Time of its expiry.
    pub expires_at: UnixTime,
}

/// The outcome of a recovery.
#[derive(Debug)]
pub struct Recovered {
    /// The code for the owner.
    pub bypass: Bypass,
    /// The device that was removed.
    pub removed: SerialNumber,
}

/// The time for which a bypass code can be used.
#[derive(Clone, Copy, Debug)]
struct Lifetime(Duration);

impl TryFrom<Duration> for Lifetime {
    type Error = Error;

    fn try_from(ttl: Duration) -> Result<Lifetime, Error> {
        match (SHORTEST_BYPASS..=LONGEST_BYPASS).contains(&ttl) {
            true => Ok(Lifetime(ttl)),
            false => Err(Error::BadInput("a bypass code lives 60 to 86400 seconds".to_owned())),
        }
    }
}

impl Verifier {
    /// Makes a single-use code with which the account's owner opens one session. At most 24 hours.
    ///
    /// # Errors
    /// [`Error::BadInput`] if `ttl` is not 60 to 86,400 seconds, [`Error::NotFound`] if there is no
    /// such account, [`Error::Contended`], [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn bypass(&self, account: &AccountId, ttl: Duration) -> Result<Bypass, Error> {
        let lifetime = Lifetime::try_from(ttl)?;
        let sealer = &self.keys().await?;
        let decided = self.decide(account, |seen, now| async move {
            let seen = seen.filter(|seen| seen.account.removed_at.is_none());
            let seen = seen.ok_or(Error::NotFound("account"))?;
            let (bypass, item) = new(&seen.account, sealer, now.plus(lifetime.0))?;
            let expect = Write::ExpectAccount { account: account.clone(), seen: seen.revision };
            let audit = vec![self.event(now, Action::BypassMade).account(account)];
            Ok(Judgement::change(vec![expect, Write::AddSingleUse(item)], audit, bypass))
        });
        Ok(decided.await?.0)
    }

    /// Removes a lost device and makes a bypass code for its owner, both or neither. Without a
    /// serial number the account's only device is meant; recovery codes count for none.
    ///
    /// # Errors
    /// As [`bypass`](Verifier::bypass); [`Error::NotFound`] if there is no such device, and
    /// [`Error::BadInput`] if none is named and there are several.
    pub async fn recover(
        &self,
        account: &AccountId,
        lost: Option<&SerialNumber>,
        ttl: Duration,
    ) -> Result<Recovered, Error> {
        let lifetime = Lifetime::try_from(ttl)?;
        let sealer = &self.keys().await?;
        let decided = self.decide(account, |seen, now| async move {
            let seen = seen.filter(|seen| seen.account.removed_at.is_none());
            let seen = seen.ok_or(Error::NotFound("account"))?;
            let enrolled = meant(&seen, lost)?;
            let serial = enrolled.device.serial.clone();
            let (bypass, item) = new(&seen.account, sealer, now.plus(lifetime.0))?;
            let expect = Write::ExpectAccount { account: account.clone(), seen: seen.revision };
            let tombstone = enrolled.device.tombstone(now);
            let remove = Write::RemoveDevice { seen: enrolled.revision, tombstone };
            let writes = vec![expect, remove, Write::AddSingleUse(item)];
            let writes = self.in_bounds(&seen, writes, now).await?;
            let audit = vec![
                self.event(now, Action::DeviceRemoved).account(account).serial(&serial),
                self.event(now, Action::BypassMade).account(account),
            ];
            Ok(Judgement::change(writes, audit, Recovered { bypass, removed: serial }))
        });
        Ok(decided.await?.0)
    }

    /// Judges a bypass code. An administrator handed it out: neither throttle nor lock keeps it
    /// out.
    pub(super) async fn judge_bypass(
        &self,
        attempt: &Attempt<'_>,
        code: &BypassCode,
    ) -> Result<Judgement<Proof>, Error> {
        let &Attempt { seen, ref client, serial, sealer, now } = attempt;
        let account = &seen.account.id;
        let id = sealer.bypass_digest(account, code);
        // The code of a removed account does not fit a later account of the same name.
        let present = seen.account.removed_at.is_none().then(|| made_for(&seen.account));
        let known = self.core.store.single_use(&id, now).await?.filter(|known| {
            known.account == *account
                && known.kind == ItemKind::Bypass
                && serial.is_none()
                && Some(&known.body) == present.as_ref()
        });
        if known.is_none() {
            return self.unknown_bypass(attempt, &id).await;
        }
        let serial: SerialNumber = format!("bypass:{}", &id[..12])
            .parse()
            .expect("a word and 12 base32 letters are always a serial number");
        let audit = vec![self.event(now, Action::BypassAccepted).account(account).serial(&serial)];
        // Consumed, the code stays known until it expires: shown again, it is a replay and not a
        // guess.
        let expect = Write::ExpectAccount { account: account.clone(), seen: seen.revision };
        let noted = note_success((&seen.account, seen.revision), client.tag, now);
        let writes = vec![noted.unwrap_or(expect), Write::Consume { id, now }];
        let (account, kind) = (account.clone(), MfaKind::Bypass);
        let proof = Proof {
            account,
            serial,
            kind,
            at: now,
            revoked_before: None,
            device_generation: 0,
            key: None,
            hardware_token: false,
        };
        Ok(Judgement::accepted(writes, audit, proof))
    }

    /// Judges a bypass code that opens nothing: it was used, or is a guess.
    async fn unknown_bypass(
        &self,
        attempt: &Attempt<'_>,
        id: &str,
    ) -> Result<Judgement<Proof>, Error> {
        let &Attempt { serial, now, .. } = attempt;
        let consumed = serial.is_none() && self.core.store.consumed(id, now).await?.is_some();
        let refusal = match consumed {
            true => Refusal::Replayed { next_code_at: None },
            // Counts nothing: with 100 bits a guess is hopeless, and a count would let strangers
            // keep the owner's codes out.
            false => Refusal::UnknownDevice,
        };
        Ok(self.refused_without_device(attempt, refusal))
    }
}

impl Sealer {
    /// Id of a bypass code of this account.
    pub(super) fn bypass_digest(&self, account: &AccountId, code: &BypassCode) -> String {
        let digest = Zeroizing::new(
            self.digest("bypass", &[account.as_str().as_bytes(), code.canonical().as_bytes()]),
        );
        base32::encode(base32::Alphabet::Crockford, &digest[..])
    }
}

/// A new code, and the item that keeps its digest.
fn new(
    account: &Account,
    sealer: &Sealer,
    expires_at: UnixTime,
) -> Result<(Bypass, SingleUse), Error> {
    let code = BypassCode::from_bits(&*random::<13>()?);
    let item = SingleUse {
        id: sealer.bypass_digest(&account.id, &code),
        account: account.id.clone(),
        kind: ItemKind::Bypass,
        body: made_for(account),
        expires_at,
    };
    Ok((Bypass { code, expires_at }, item))
}

/// The device that was lost: the one that is named, or the only one.
fn meant<'a>(
    seen: &'a AccountSnapshot,
    lost: Option<&SerialNumber>,
) -> Result<&'a Enrolled, Error> {
    if let Some(serial) = lost {
        return seen.device(serial).ok_or(Error::NotFound("device"));
    }
    let can_be_lost = |enrolled: &&Enrolled| {
        enrolled.device.counts() && enrolled.device.kind() != MfaKind::Recovery
    };
    let devices: Vec<&Enrolled> = seen.devices.iter().filter(can_be_lost).collect();
    match devices.as_slice() {
        [] => Err(Error::NotFound("device")),
        [only] => Ok(only),
        several => {
            let serials: Vec<&str> =
                several.iter().map(|enrolled| enrolled.device.serial.as_str()).collect();
            Err(Error::BadInput(format!(
                "serial: the account has several devices; name the lost one: {}",
                serials.join(" or ")
            )))
        }
    }
}

/// Content of a bypass code: the instance of its account, since an account that appears again after
/// its removal is a new one.
fn made_for(account: &Account) -> Vec<u8> {
    account.created_at.0.to_be_bytes().to_vec()
}

const SHORTEST_BYPASS: Duration = Duration::from_secs(60);

const LONGEST_BYPASS: Duration = Duration::from_secs(86_400);
