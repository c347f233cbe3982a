//! Bypass codes: an administrator's single-use codes for locked-out people.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::device::{MfaKind, Refusal};
use crate::id::{AccountId, SerialNumber};
use crate::store::{Account, Action, ItemKind, Sealer, SingleUse, Write, random};
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
        let sealer = &self.keys().await?;
        let decided = self.decide(account, |seen, now| async move {
            let seen = seen.filter(|seen| seen.account.removed_at.is_none());
            let seen = seen.ok_or(Error::NotFound("account"))?;
            let code = BypassCode::from_bits(&*random::<13>()?);
            let expires_at = now.plus(ttl);
            let item = SingleUse {
                id: sealer.bypass_digest(account, &code),
                account: account.clone(),
                kind: ItemKind::Bypass,
                body: made_for(&seen.account),
                expires_at,
            };
            let expect = Write::ExpectAccount { account: account.clone(), seen: seen.revision };
            let audit = vec![self.event(now, Action::BypassMade).account(account)];
            let bypass = Bypass { code, expires_at };
            Ok(Judgement::change(vec![expect, Write::AddSingleUse(item)], audit, bypass))
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

/// Content of a bypass code: the instance of its account, since an account that appears again after
/// its removal is a new one.
fn made_for(account: &Account) -> Vec<u8> {
    account.created_at.0.to_be_bytes().to_vec()
}

const LONGEST_BYPASS: Duration = Duration::from_secs(86_400);
