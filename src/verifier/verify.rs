//! Verification of one code: a device's code, a recovery code or a bypass code.

use crate::device::{Budget, Device, DeviceState, Judged, MfaKind, Refusal, Verdict};
use crate::id::{AccountId, SerialNumber};
use crate::otp::{Code, Window};
use crate::store::{Account, AccountSnapshot, Action, Change, Enrolled, Event, Sealer, Write};
use crate::time::UnixTime;
use crate::verifier::client::{Client, judged_device, note_success};
use crate::verifier::decide::{Judgement, Shown};
use crate::verifier::looks::{Miss, place};
use crate::verifier::readings::Reading;
use crate::verifier::seed::open_seed;
use crate::verifier::verified::{Proof, Verified};
use crate::verifier::work::Work;
use crate::verifier::{Error, Passcode, Verifier};

/// One try to judge a code: the account as it was loaded, the client, the device that was named,
/// the time.
pub(super) struct Attempt<'a> {
    pub(super) seen: &'a AccountSnapshot,
    pub(super) client: Client<'a>,
    pub(super) serial: Option<&'a SerialNumber>,
    pub(super) sealer: &'a Sealer,
    pub(super) now: UnixTime,
}

impl Verifier {
    /// Verifies a code of an account.
    ///
    /// The serial number names the device. It may be left out (`None`) where the account has one
    /// active device that shows codes, and for recovery and bypass codes.
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
        let (serial, code) = (serial.into(), &code.into());
        let (sealer, work) = (&*self.keys().await?, &Work::default());
        let tag = &self.client_tag(sealer, account);
        let decided = self
            .decide(account, |seen, now| async move {
                let Some(seen) = seen else {
                    return Err(self.not_judged(account, serial, now, Refusal::UnknownDevice));
                };
                let client = Client::of(&seen.account, tag.as_ref());
                let attempt = Attempt { seen: &seen, client, serial, sealer, now };
                match code {
                    Passcode::Otp(code) => self.judge_code(&attempt, code, work),
                    Passcode::Recovery(code) => {
                        self.judge_recovery(&attempt, &sealer.recovery_digest(account, code))
                    }
                    Passcode::Bypass(code) => self.judge_bypass(&attempt, code).await,
                }
            })
            .await;
        if let Err(Error::Refused(_)) = decided {
            work.top_up(Work::CODE, &self.core.counters, &self.core.decoy);
        }
        decided.map(|(proof, committed)| proof.committed(committed))
    }

    /// Refuses an account that the caller may not know of like one that does not exist, at the same
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
        let _seen = self.core.store.account(account).await?;
        let refused = self.not_judged(account, serial, now, Refusal::UnknownDevice);
        self.commit(Change {
            account: Some(account.clone()),
            writes: Vec::new(),
            audit: Vec::new(),
        })
        .await?;
        let target = pair.map_or(Work::CODE, Work::of_pair);
        Work::default().top_up(target, &self.core.counters, &self.core.decoy);
        Ok(refused)
    }

    fn judge_code(
        &self,
        attempt: &Attempt<'_>,
        code: &Code,
        work: &Work,
    ) -> Result<Judgement<Proof>, Error> {
        let &Attempt { seen, ref client, serial, sealer, now } = attempt;
        self.admit_account(attempt)?;
        let account = &seen.account.id;
        let enrolled = match serial {
            Some(serial) => seen.device(serial),
            None => showing_codes(seen, client.budget),
        };
        let enrolled = match (enrolled, serial) {
            (Some(enrolled), _) => enrolled,
            // A serial number of another account leaves that device alone, and counts for this
            // account: guessing with foreign serial numbers is not free.
            (None, Some(_)) => return Ok(self.failed_without_device(attempt)),
            (None, None) => {
                return Err(self.not_judged(account, serial, now, Refusal::UnknownDevice));
            }
        };
        if let Err(refusal) = enrolled.device.admit(client.budget, now) {
            let _ = self.not_judged(account, Some(&enrolled.device.serial), now, refusal);
            return Err(self.told(&enrolled.device, refusal, now));
        }
        let Some(seed) = open_seed(sealer, enrolled)? else {
            return Ok(self.failed_without_device(attempt));
        };
        let judge = || {
            let key = enrolled.device.key(&seed)?;
            Some(enrolled.device.accept(&key, code, client.budget, now))
        };
        Ok(match work.spend(&self.core.counters, judge) {
            Some(judged) if judged.verdict == Verdict::Refused(Refusal::NoMatch) => {
                self.missed(self.judgement(attempt, enrolled, judged), attempt, enrolled, code)
            }
            Some(judged) => self.judgement(attempt, enrolled, judged),
            None => self.failed_without_device(attempt),
        })
    }

    /// Adds to the judgement of a code that missed that it is looked for after the answer.
    fn missed<T>(
        &self,
        judgement: Judgement<T>,
        attempt: &Attempt<'_>,
        enrolled: &Enrolled,
        code: &Code,
    ) -> Judgement<T> {
        let &Attempt { sealer, now, .. } = attempt;
        let answer = Err(self.told(&enrolled.device, Refusal::NoMatch, now));
        let (enrolled, sealer, code) = (enrolled.clone(), sealer.clone(), code.clone());
        let miss = Box::new(Miss { enrolled, sealer, code, now });
        Judgement { answer, ..judgement }.showing(Shown::Missed(miss))
    }

    /// A refusal of a code, with the reason that helps: a device that is known to be out of sync
    /// needs two codes. The audit log keeps the reason of the judgement.
    fn told(&self, device: &Device, refusal: Refusal, now: UnixTime) -> Error {
        Error::Refused(self.core.looks.reason(device, refusal, now))
    }

    /// Judges a recovery code. Neither throttle nor lock keeps it out, and a wrong one counts
    /// nothing: with 80 bits, guessing is hopeless.
    fn judge_recovery(
        &self,
        attempt: &Attempt<'_>,
        digest: &crate::device::RecoveryDigest,
    ) -> Result<Judgement<Proof>, Error> {
        let &Attempt { seen, serial, now, .. } = attempt;
        let sheet = |enrolled: &&Enrolled| {
            enrolled.device.kind() == MfaKind::Recovery
                && serial.is_none_or(|serial| enrolled.device.serial == *serial)
        };
        let Some(enrolled) = only(seen.devices.iter().filter(sheet)) else {
            return Ok(self.refused_without_device(attempt, Refusal::UnknownDevice));
        };
        let device = &enrolled.device;
        if let Err(refusal) = device.admit(attempt.client.budget, now) {
            return Err(self.not_judged(&seen.account.id, Some(&device.serial), now, refusal));
        }
        Ok(self.judgement(attempt, enrolled, device.accept_recovery(digest, now)))
    }

    /// Refuses codes of a client whose budget of wrong codes is spent.
    fn admit_account(&self, attempt: &Attempt<'_>) -> Result<(), Error> {
        let &Attempt { seen, ref client, serial, now, .. } = attempt;
        match client.throttled_until(&seen.account, now) {
            None => Ok(()),
            Some(until) => {
                let refusal = Refusal::Throttled { until };
                Err(self.not_judged(&seen.account.id, serial, now, refusal))
            }
        }
    }

    /// The change that a judged code makes, and its audit events.
    fn judgement(
        &self,
        attempt: &Attempt<'_>,
        enrolled: &Enrolled,
        judged: Judged,
    ) -> Judgement<Proof> {
        let (&Attempt { seen, ref client, now, .. }, Judged { device, verdict, reading }) =
            (attempt, judged);
        let serial = device.serial.clone();
        let about = |action| self.event(now, action).account(&seen.account.id).serial(&serial);
        match verdict {
            // A guesser may have learned that this code lies near: it opens nothing alone.
            Verdict::Accepted if self.core.looks.knew(&device, now) => Judgement::refused(
                vec![judged_device(enrolled, enrolled.device.clone())],
                vec![about(Action::CodeRefused).reason(Refusal::OutOfSync)],
                Refusal::OutOfSync,
            ),
            Verdict::Accepted => {
                let mut writes = vec![Write::UpdateDevice { seen: enrolled.revision, device }];
                writes.extend(note_success((&seen.account, seen.revision), client.tag, now));
                let proof = Proof::by_device(&seen.account.id, &enrolled.device, now);
                let accepted =
                    Judgement::accepted(writes, vec![about(Action::CodeAccepted)], proof);
                let reading = reading.map(|reading| Reading::of(&enrolled.device, reading, now));
                accepted.showing(Shown::InSync(place(&enrolled.device), reading))
            }
            Verdict::Refused(refusal @ Refusal::NoMatch) if device.can_be_guessed() => {
                let mut audit = vec![about(Action::CodeRefused).reason(refusal)];
                if device.throttle.shows_attack() && device.throttle != enrolled.device.throttle {
                    audit.push(about(Action::DeviceUnderAttack));
                }
                if device.state != enrolled.device.state {
                    audit.push(about(Action::DeviceLocked));
                }
                let failed = client.after_failure(&seen.account, now);
                audit.extend(self.throttled_event(&seen.account, &failed, now));
                let account = Write::UpdateAccount { seen: seen.revision, account: failed };
                Judgement::refused(vec![account, judged_device(enrolled, device)], audit, refusal)
            }
            Verdict::Refused(refusal) => Judgement::refused(
                vec![judged_device(enrolled, device)],
                vec![about(Action::CodeRefused).reason(refusal)],
                refusal,
            ),
        }
    }

    /// A wrong code that belongs to no device of the account: it counts for the account.
    fn failed_without_device<T>(&self, attempt: &Attempt<'_>) -> Judgement<T> {
        let &Attempt { seen, ref client, now, .. } = attempt;
        let failed = client.after_failure(&seen.account, now);
        let refused = self.refused_without_device(attempt, Refusal::UnknownDevice);
        let throttled = self.throttled_event(&seen.account, &failed, now);
        Judgement {
            writes: vec![Write::UpdateAccount { seen: seen.revision, account: failed }],
            audit: refused.audit.into_iter().chain(throttled).collect(),
            ..refused
        }
    }

    /// A refusal that concerns no device of the account, and counts nothing.
    pub(super) fn refused_without_device<T>(
        &self,
        attempt: &Attempt<'_>,
        refusal: Refusal,
    ) -> Judgement<T> {
        let &Attempt { seen, serial, now, .. } = attempt;
        let account = seen.account.id.clone();
        let refused = self.event(now, Action::CodeRefused).account(&account);
        Judgement {
            writes: vec![Write::ExpectAccount { account, seen: seen.revision }],
            audit: vec![Event { serial: serial.cloned(), ..refused.reason(refusal) }],
            answer: Err(Error::Refused(refusal)),
            counted: None,
            shown: None,
        }
    }

    fn throttled_event(&self, seen: &Account, failed: &Account, now: UnixTime) -> Option<Event> {
        let throttled = failed.throttled_until != seen.throttled_until;
        throttled.then(|| self.event(now, Action::AccountThrottled).account(&seen.id))
    }
}

/// The only device of the account that shows codes: an active one, or for a known client one that
/// strangers have locked.
fn showing_codes(seen: &AccountSnapshot, budget: Budget) -> Option<&Enrolled> {
    let among = |usable: fn(&Enrolled) -> bool| {
        only(
            seen.devices
                .iter()
                .filter(|enrolled| usable(enrolled) && enrolled.device.can_be_guessed()),
        )
    };
    let active = among(|enrolled| enrolled.device.state == DeviceState::Active);
    match budget {
        Budget::Shared => active,
        Budget::Own => active.or_else(|| among(|enrolled| enrolled.device.is_in_use())),
    }
}

/// The only item of an iterator; none if there are more.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}
