//! Two consecutive codes: they activate a device, find a lost one again, or open a session with one
//! that is out of sync.

use std::sync::atomic::Ordering::Relaxed;

use crate::device::{Device, Judged, MfaKind, Refusal, Verdict};
use crate::id::{AccountId, SerialNumber};
use crate::otp::{Code, Drift, Window};
use crate::store::{Account, Action, Change, Sealer, Write};
use crate::time::UnixTime;
use crate::verifier::verify::{Decision, open_seed};
use crate::verifier::work::Work;
use crate::verifier::{Authority, Error, TRIES, Verified, Verifier};

/// A device that two consecutive codes found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resynced {
    /// The device afterwards.
    pub device: Device,
    /// How far its clock is from ours; none for a counter.
    pub drift: Option<Drift>,
}

/// A pair and what it is for.
struct Pair<'a> {
    account: &'a AccountId,
    serial: &'a SerialNumber,
    codes: [&'a Code; 2],
    window: Window,
    /// On whose word a device is activated; none where an active or locked device is
    /// resynchronised.
    activation: Option<&'a Authority>,
}

impl Verifier {
    /// Makes a pending or disabled device active, on proof of two consecutive codes. Both are
    /// consumed.
    ///
    /// # Errors
    /// [`Error::Refused`] for a pair that does not prove the device; [`Error::MfaRequired`] where
    /// the account is protected and `authority` does not suffice; [`Error::AlreadyExists`] for a
    /// device that is active; [`Error::BadInput`] for a security key.
    pub async fn activate(
        &self,
        serial: &SerialNumber,
        codes: [&Code; 2],
        window: Window,
        authority: &Authority,
    ) -> Result<Device, Error> {
        let account = self.core.store.owner(serial).await?.ok_or(Error::NotFound("device"))?;
        let pair = Pair { account: &account, serial, codes, window, activation: Some(authority) };
        Ok(self.judge_pair(&pair).await?.0)
    }

    /// Finds a device again whose clock or counter ran away, and unlocks it. Both codes are
    /// consumed.
    ///
    /// # Errors
    /// [`Error::Refused`] for a pair that does not prove the device, always at the same cost.
    pub async fn resync(
        &self,
        serial: &SerialNumber,
        codes: [&Code; 2],
        window: Window,
    ) -> Result<Resynced, Error> {
        let account = self.core.store.owner(serial).await?.ok_or(Error::NotFound("device"))?;
        let pair = Pair { account: &account, serial, codes, window, activation: None };
        let (device, _) = self.judge_pair(&pair).await?;
        Ok(Resynced { drift: device.drift(), device })
    }

    /// Verifies an account by two consecutive codes of a device that is out of sync, which they
    /// resynchronise in the same write.
    ///
    /// # Errors
    /// [`Error::Refused`] for everything that is wrong with the account, the device or the codes.
    pub async fn verify_pair(
        &self,
        account: &AccountId,
        serial: &SerialNumber,
        codes: [&Code; 2],
        window: Window,
    ) -> Result<Verified, Error> {
        let pair = Pair { account, serial, codes, window, activation: None };
        match self.judge_pair(&pair).await {
            Ok((_, verified)) => Ok(verified),
            Err(Error::NotFound(_) | Error::AlreadyExists(_)) => {
                Err(Error::Refused(Refusal::UnknownDevice))
            }
            Err(error) => Err(error),
        }
    }

    async fn judge_pair(&self, pair: &Pair<'_>) -> Result<(Device, Verified), Error> {
        let sealer = self.keys().await?;
        let now = self.now().await?;
        let _turn = self.core.queue.turn(pair.account).await;
        let mut work = Work::default();
        let mut outcome = Err(Error::Contended);
        for _ in 0..TRIES {
            match self.try_pair(pair, &sealer, now, &mut work).await {
                Ok(Decision::Again) => continue,
                Ok(Decision::Accepted(accepted)) => return Ok(accepted),
                Ok(Decision::Refused(refusal)) => outcome = Err(Error::Refused(refusal)),
                Err(error) => outcome = Err(error),
            }
            break;
        }
        work.top_up(Work::of_pair(pair.window), &self.core.counters, &self.core.decoy);
        outcome
    }

    async fn try_pair(
        &self,
        pair: &Pair<'_>,
        sealer: &Sealer,
        now: UnixTime,
        work: &mut Work,
    ) -> Result<Decision<(Device, Verified)>, Error> {
        let refused = |refusal| Ok(self.not_judged(pair.account, Some(pair.serial), now, refusal));
        let Some(seen) = self.core.store.account(pair.account).await? else {
            return refused(Refusal::UnknownDevice);
        };
        let Some(enrolled) = seen.device(pair.serial) else {
            return refused(Refusal::UnknownDevice);
        };
        if let Some(authority) = pair.activation {
            if enrolled.device.kind() == MfaKind::SecurityKey {
                return Err(Error::BadInput(
                    "a security key shows no codes: remove it, and enrol it again".to_owned(),
                ));
            }
            if enrolled.device.is_in_use() {
                return Err(Error::AlreadyExists("the device is active already"));
            }
            self.may_change_devices(&seen, authority, now).await?;
        }
        if let Err(refusal) =
            enrolled.device.admit_pair(&self.caller, now, pair.activation.is_some())
        {
            return refused(refusal);
        }
        let Some(seed) = open_seed(sealer, enrolled)? else {
            return refused(Refusal::NotActive);
        };
        let judge = || {
            let key = enrolled.device.key(&seed)?;
            Some(enrolled.device.accept_pair(&key, pair.codes, pair.window, &self.caller, now))
        };
        let Some(Judged { device, verdict }) = work.spend(&self.core.counters, judge) else {
            return refused(Refusal::NotActive);
        };

        let (accepted, refused) = if pair.activation.is_some() {
            (Action::DeviceActivated, Action::ActivationRefused)
        } else {
            (Action::DeviceResynced, Action::ResyncRefused)
        };
        // A refusal that leaves the device as it is outruns no other attempt.
        let unchanged = device == enrolled.device;
        let mut writes = vec![match unchanged {
            true => Write::ExpectDevice { serial: device.serial.clone(), seen: enrolled.revision },
            false => Write::UpdateDevice { seen: enrolled.revision, device: device.clone() },
        }];
        let audit = match verdict {
            Verdict::Accepted => {
                if pair.activation.is_some() {
                    if !enrolled.device.counts() {
                        self.room_for_one(&seen.devices, 0)?;
                    }
                    // Protected from the first activation on, and judged from the account as it was
                    // seen.
                    let account = Account { protected: true, ..seen.account.clone() };
                    writes.push(Write::UpdateAccount { seen: seen.revision, account });
                }
                let wide =
                    pair.activation.is_none() && device.found_beyond_owners_reach(&enrolled.device);
                let wide = wide.then(|| self.event(now, Action::DeviceWideResync));
                [Some(self.event(now, accepted)), wide]
            }
            Verdict::Refused(refusal) => [Some(self.event(now, refused).reason(refusal)), None],
        };
        let audit = audit
            .into_iter()
            .flatten()
            .map(|event| event.account(pair.account).serial(pair.serial))
            .collect();
        let Some(marks) = self
            .commit(Change { account: Some(pair.account.clone()), writes, audit })
            .await?
        else {
            return Ok(Decision::Again);
        };
        self.core.counters.judged.fetch_add(1, Relaxed);
        match verdict {
            Verdict::Accepted => {
                self.core.counters.accepted.fetch_add(1, Relaxed);
                Ok(Decision::Accepted((device, Verified::by_device(enrolled, marks, now))))
            }
            Verdict::Refused(refusal) => Ok(Decision::Refused(refusal)),
        }
    }
}
