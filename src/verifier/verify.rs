//! The one path that every code takes.

use std::sync::atomic::Ordering::Relaxed;

use crate::device::{DeviceState, Judged, MfaKind, Refusal, Verdict};
use crate::id::{AccountId, SerialNumber};
use crate::otp::{Code, Window};
use crate::store::{
    AccountSnapshot, Action, Change, Enrolled, Event, KeyError, Marks, Sealer, Write,
};
use crate::time::UnixTime;
use crate::verifier::work::Work;
use crate::verifier::{Error, Passcode, TRIES, Verifier, throttle};

/// Proof that one verification succeeded and was committed.
///
/// Only the verifier makes it, and issuing a context consumes it. It is not `Clone`: one proof, one
/// session.
///
/// ```compile_fail
/// fn twice(verified: twostep::verifier::Verified) -> [twostep::verifier::Verified; 2] {
///     [verified.clone(), verified]
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct Verified {
    pub(super) account: AccountId,
    pub(super) serial: SerialNumber,
    pub(super) kind: MfaKind,
    pub(super) at: UnixTime,
    pub(super) generation: u64,
    pub(super) dead_until: Option<UnixTime>,
    pub(super) key: Option<KeyProof>,
}

/// What a security key's proof says beyond possession.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyProof {
    /// The key knew that it was the right person: a PIN, a finger.
    pub user_verified: bool,
    /// A maker who is trusted attests that the private key cannot leave the hardware.
    pub hardware_bound: bool,
}

/// What became of one try to judge.
pub(super) enum Decision<T> {
    Accepted(T),
    Refused(Refusal),
    /// Others were faster; what they left behind is to be judged again.
    Again,
}

impl Verified {
    /// Whose proof it is.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The device it was made with.
    pub fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// What kind of proof it was.
    pub fn kind(&self) -> MfaKind {
        self.kind
    }

    /// When it was judged.
    pub fn at(&self) -> UnixTime {
        self.at
    }

    /// The account's revocation generation in the transaction that decided.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// A context issued for this proof is dead if it is dated up to then.
    pub fn dead_until(&self) -> Option<UnixTime> {
        self.dead_until
    }

    /// What a security key said beyond possession; none for other kinds.
    pub fn key(&self) -> Option<KeyProof> {
        self.key
    }

    pub(super) fn by_device(enrolled: &Enrolled, marks: Marks, now: UnixTime) -> Verified {
        let device = &enrolled.device;
        Verified {
            account: device.account.clone(),
            serial: device.serial.clone(),
            kind: device.kind().into(),
            at: now,
            generation: marks.generation,
            dead_until: marks.revoked_before.max(device.revoked_before),
            key: None,
        }
    }
}

impl Verifier {
    /// Verifies a code of an account. The serial number says which device it is of; it may be left
    /// out (`None`) where the account has one active device that shows codes, and for recovery and
    /// bypass codes.
    ///
    /// # Errors
    /// [`Error::Refused`] for everything that is wrong with the account, the device or the code, at
    /// the same cost.
    pub async fn verify_code<'a>(
        &self,
        account: &AccountId,
        serial: impl Into<Option<&'a SerialNumber>>,
        code: impl Into<Passcode>,
    ) -> Result<Verified, Error> {
        let (serial, code) = (serial.into(), code.into());
        let sealer = self.keys().await?;
        let now = self.now().await?;
        let _turn = self.core.queue.turn(account).await;
        let mut work = Work::default();
        for _ in 0..TRIES {
            let decision = match &code {
                Passcode::Otp(code) => {
                    self.try_code(account, serial, code, &sealer, now, &mut work).await?
                }
                Passcode::Recovery(code) => {
                    let digest = sealer.recovery_digest(account, code);
                    self.try_recovery(account, serial, &digest, now).await?
                }
                Passcode::Bypass(code) => {
                    self.try_bypass(account, serial, &sealer.bypass_digest(account, code), now)
                        .await?
                }
            };
            match decision {
                Decision::Accepted(verified) => return Ok(verified),
                Decision::Refused(refusal) => {
                    work.top_up(Work::CODE, &self.core.counters, &self.core.decoy);
                    return Err(Error::Refused(refusal));
                }
                Decision::Again => {}
            }
        }
        Err(Error::Contended)
    }

    /// Refuses an account that the caller may not know of, as one that does not exist, at the same
    /// cost.
    ///
    /// # Errors
    /// [`Error::Clock`], in place of the refusal.
    pub async fn refuse_hidden(
        &self,
        account: &AccountId,
        serial: Option<&SerialNumber>,
        pair: Option<Window>,
    ) -> Result<Error, Error> {
        let now = self.now().await?;
        let refusal = Refusal::UnknownDevice;
        let _: Decision<()> = self.not_judged(account, serial, now, refusal);
        let target = pair.map_or(Work::CODE, Work::of_pair);
        Work::default().top_up(target, &self.core.counters, &self.core.decoy);
        Ok(Error::Refused(refusal))
    }

    async fn try_code(
        &self,
        account: &AccountId,
        serial: Option<&SerialNumber>,
        code: &Code,
        sealer: &Sealer,
        now: UnixTime,
        work: &mut Work,
    ) -> Result<Decision<Verified>, Error> {
        let Some(seen) = self.core.store.account(account).await? else {
            return Ok(self.not_judged(account, serial, now, Refusal::UnknownDevice));
        };
        if let Some(until) = throttle::throttled_until(&seen.account, now) {
            return Ok(self.not_judged(account, serial, now, Refusal::Throttled { until }));
        }
        let enrolled = match serial {
            Some(serial) => seen.device(serial),
            None => only(seen.devices.iter().filter(|enrolled| shows_codes(enrolled))),
        };
        let enrolled = match (enrolled, serial) {
            (Some(enrolled), _) => enrolled,
            // Another account's device must not be touched, nor may guessing with foreign serial
            // numbers be free.
            (None, Some(_)) => return self.failed_without_device(&seen, serial, now).await,
            (None, None) => {
                return Ok(self.not_judged(account, serial, now, Refusal::UnknownDevice));
            }
        };
        if let Err(refusal) = enrolled.device.admit(now) {
            return Ok(self.not_judged(account, Some(&enrolled.device.serial), now, refusal));
        }
        let Some(seed) = open_seed(sealer, enrolled)? else {
            return self.failed_without_device(&seen, serial, now).await;
        };
        let judge =
            || enrolled.device.key(&seed).map(|key| enrolled.device.accept(&key, code, now));
        let Some(judged) = work.spend(&self.core.counters, judge) else {
            return self.failed_without_device(&seen, serial, now).await;
        };
        self.conclude(&seen, enrolled, judged, now).await
    }

    async fn try_recovery(
        &self,
        account: &AccountId,
        serial: Option<&SerialNumber>,
        digest: &crate::device::RecoveryDigest,
        now: UnixTime,
    ) -> Result<Decision<Verified>, Error> {
        let Some(seen) = self.core.store.account(account).await? else {
            return Ok(self.not_judged(account, serial, now, Refusal::UnknownDevice));
        };
        if let Some(until) = throttle::throttled_until(&seen.account, now) {
            return Ok(self.not_judged(account, serial, now, Refusal::Throttled { until }));
        }
        let sheet = |enrolled: &&Enrolled| {
            enrolled.device.kind() == MfaKind::Recovery
                && serial.is_none_or(|serial| enrolled.device.serial == *serial)
        };
        let Some(enrolled) = only(seen.devices.iter().filter(sheet)) else {
            return self.failed_without_device(&seen, serial, now).await;
        };
        if let Err(refusal) = enrolled.device.admit(now) {
            return Ok(self.not_judged(account, Some(&enrolled.device.serial), now, refusal));
        }
        let judged = enrolled.device.accept_recovery(digest, now);
        self.conclude(&seen, enrolled, judged, now).await
    }

    /// Commits a judged code, and only then tells what became of it.
    async fn conclude(
        &self,
        seen: &AccountSnapshot,
        enrolled: &Enrolled,
        judged: Judged,
        now: UnixTime,
    ) -> Result<Decision<Verified>, Error> {
        let Judged { device, verdict } = judged;
        let about = |action: Action| {
            self.event(now, action).account(&device.account).serial(&device.serial)
        };
        let (account, serial) = (seen.account.id.clone(), device.serial.clone());
        let (writes, audit): (Vec<Write>, Vec<Event>) = match verdict {
            Verdict::Accepted => {
                let event = about(Action::CodeAccepted);
                (vec![Write::UpdateDevice { seen: enrolled.revision, device }], vec![event])
            }
            Verdict::Refused(refusal @ Refusal::NoMatch) => {
                let mut audit = vec![about(Action::CodeRefused).reason(refusal)];
                if device.throttle.shows_attack() {
                    audit.push(about(Action::DeviceUnderAttack));
                }
                if device.state != enrolled.device.state {
                    audit.push(about(Action::DeviceLocked));
                }
                let failed = throttle::after_failure(&seen.account, now);
                audit.extend(self.throttled_event(seen, &failed, now));
                let account = Write::UpdateAccount { seen: seen.revision, account: failed };
                (vec![account, Write::UpdateDevice { seen: enrolled.revision, device }], audit)
            }
            // Nothing changes, so nothing that another attempt judged is outrun.
            Verdict::Refused(refusal) => (
                vec![Write::ExpectDevice { serial, seen: enrolled.revision }],
                vec![about(Action::CodeRefused).reason(refusal)],
            ),
        };
        let Some(marks) = self.commit(Change { account: Some(account), writes, audit }).await?
        else {
            return Ok(Decision::Again);
        };
        self.core.counters.judged.fetch_add(1, Relaxed);
        match verdict {
            Verdict::Accepted => {
                self.core.counters.accepted.fetch_add(1, Relaxed);
                Ok(Decision::Accepted(Verified::by_device(enrolled, marks, now)))
            }
            Verdict::Refused(refusal) => Ok(Decision::Refused(refusal)),
        }
    }

    /// A code that belongs to no device of the account counts for the account.
    pub(super) async fn failed_without_device(
        &self,
        seen: &AccountSnapshot,
        serial: Option<&SerialNumber>,
        now: UnixTime,
    ) -> Result<Decision<Verified>, Error> {
        let refusal = Refusal::UnknownDevice;
        let failed = throttle::after_failure(&seen.account, now);
        let mut event =
            self.event(now, Action::CodeRefused).account(&seen.account.id).reason(refusal);
        event.serial = serial.cloned();
        let mut audit = vec![event];
        audit.extend(self.throttled_event(seen, &failed, now));
        let writes = vec![Write::UpdateAccount { seen: seen.revision, account: failed }];
        let committed = self
            .commit(Change { account: Some(seen.account.id.clone()), writes, audit })
            .await?;
        Ok(committed.map_or(Decision::Again, |_| Decision::Refused(refusal)))
    }

    /// A refusal that was not judged changes nothing; it is counted, and written once a minute.
    pub(super) fn not_judged<'a, T>(
        &self,
        account: impl Into<Option<&'a AccountId>>,
        serial: Option<&SerialNumber>,
        now: UnixTime,
        refusal: Refusal,
    ) -> Decision<T> {
        self.core.counters.unjudged.fetch_add(1, Relaxed);
        self.core.refusals.count(now, &self.caller, account.into(), serial, refusal);
        Decision::Refused(refusal)
    }

    fn throttled_event(
        &self,
        seen: &AccountSnapshot,
        failed: &crate::store::Account,
        now: UnixTime,
    ) -> Option<Event> {
        let throttled = failed.throttled_until != seen.account.throttled_until;
        throttled.then(|| self.event(now, Action::AccountThrottled).account(&seen.account.id))
    }
}

/// A device's seed, opened. None for a kind without one.
pub(super) fn open_seed(
    sealer: &Sealer,
    enrolled: &Enrolled,
) -> Result<Option<crate::otp::Seed>, Error> {
    let Some(sealed) = &enrolled.seed else { return Ok(None) };
    let place = Sealer::seed_place(&enrolled.device.serial, &enrolled.device.account);
    let secret = sealer.keyring().open(&place, sealed).ok_or(KeyError::Wrong)?;
    let seed = crate::otp::Seed::new(secret.expose().to_vec());
    Ok(Some(seed.map_err(|_| {
        crate::store::Error::Corrupt(format!(
            "the seed of {} has an impossible size",
            enrolled.device.serial
        ))
    })?))
}

fn shows_codes(enrolled: &Enrolled) -> bool {
    enrolled.device.state == DeviceState::Active
        && matches!(enrolled.device.kind(), MfaKind::Totp | MfaKind::Hotp)
}

/// The only item there is.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}
