//! Two consecutive codes, judged as one pair: they activate a device, resynchronise it, or open a
//! session with a device that is out of sync.

use crate::device::{Budget, Device, Judged, MfaKind, PairSearch, PairUse, Refusal, Verdict};
use crate::id::{AccountId, CallerId, SerialNumber};
use crate::otp::{CodePair, Drift, Window};
use crate::store::{Account, AccountSnapshot, Action, Enrolled, Sealer, Write};
use crate::time::UnixTime;
use crate::verifier::add::{given, present};
use crate::verifier::assign::moved_seed;
use crate::verifier::client::{Client, after_success, judged_device, note_success};
use crate::verifier::decide::{Judgement, SECRET_TAKEN, Shown};
use crate::verifier::looks::place;
use crate::verifier::readings::Reading;
use crate::verifier::seed::open_seed;
use crate::verifier::verified::{Proof, Verified};
use crate::verifier::work::Work;
use crate::verifier::{Authority, Error, Verifier};

/// A device that two consecutive codes found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resynced {
    /// The device afterwards.
    pub device: Device,
    /// The distance of its clock from ours; none for a counter.
    pub drift: Option<Drift>,
}

/// A pair and its purpose.
struct Pair<'a> {
    account: &'a AccountId,
    serial: &'a SerialNumber,
    codes: CodePair<'a>,
    window: Window,
    purpose: Purpose<'a>,
}

/// The purpose of a pair.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// A pending or disabled device becomes active, on this authority.
    Activate(&'a Authority),
    /// A device of no account becomes the account's, and active, on this authority.
    Claim(&'a Authority),
    /// A device in use is found again.
    Resync,
    /// A device in use is found again, and opens a session.
    SignIn,
}

/// One try to judge a pair: the account and the device as they were loaded, the client, the time.
struct Attempt<'a> {
    pair: &'a Pair<'a>,
    seen: &'a AccountSnapshot,
    /// The account comes into being with this device.
    is_new: bool,
    client: Client<'a>,
    enrolled: &'a Enrolled,
    now: UnixTime,
}

/// An accepted pair: the device afterwards, and the proof that it is.
type Accepted = (Device, Proof);

impl Purpose<'_> {
    /// The authority on which a device becomes active.
    fn authority(&self) -> Option<&Authority> {
        match self {
            Purpose::Activate(authority) | Purpose::Claim(authority) => Some(authority),
            Purpose::Resync | Purpose::SignIn => None,
        }
    }
}

impl Pair<'_> {
    fn search(&self) -> PairSearch {
        let wanted = match self.purpose {
            Purpose::Activate(_) | Purpose::Claim(_) => PairUse::Activation,
            Purpose::Resync => PairUse::Resync,
            Purpose::SignIn => PairUse::SignIn,
        };
        PairSearch { wanted, window: self.window, counter: self.codes.counter }
    }
}

impl Verifier {
    /// Makes a pending or disabled device active, on proof of two consecutive codes. Both are
    /// consumed.
    ///
    /// # Errors
    /// [`Error::Refused`] for a pair that does not prove the device; [`Error::MfaRequired`] where
    /// the account is protected and `authority` does not suffice; [`Error::AlreadyExists`] for a
    /// device that is active; [`Error::BadInput`] for a security key.
    pub async fn activate<'a>(
        &self,
        serial: &SerialNumber,
        codes: impl Into<CodePair<'a>>,
        window: Window,
        authority: &Authority,
    ) -> Result<Device, Error> {
        Ok(self.activate_proving(serial, codes, window, authority).await?.0)
    }

    /// Makes a pending or disabled device active, and returns the proof that the two codes are: a
    /// session may be opened with it.
    ///
    /// # Errors
    /// As [`activate`](Verifier::activate).
    pub async fn activate_proving<'a>(
        &self,
        serial: &SerialNumber,
        codes: impl Into<CodePair<'a>>,
        window: Window,
        authority: &Authority,
    ) -> Result<(Device, Verified), Error> {
        let account = self.owner(serial).await?;
        let purpose = Purpose::Activate(authority);
        let codes = codes.into();
        let pair = Pair { account: &account, serial, codes, window, purpose };
        self.decide_pair(&pair).await
    }

    /// Gives a device of no account to an account, which comes into being with its first one, on
    /// proof of two consecutive codes: it is active, and both codes are consumed.
    ///
    /// # Errors
    /// As [`activate`](Verifier::activate), and [`Error::NotFound`] for a device that has an
    /// account, or that is not there.
    pub async fn claim<'a>(
        &self,
        (serial, account): (&SerialNumber, &AccountId),
        codes: impl Into<CodePair<'a>>,
        window: Window,
        authority: &Authority,
    ) -> Result<Device, Error> {
        let (codes, purpose) = (codes.into(), Purpose::Claim(authority));
        let pair = Pair { account, serial, codes, window, purpose };
        Ok(self.decide_pair(&pair).await?.0)
    }

    /// Finds a device again whose clock or counter ran away, and unlocks it. Both codes are
    /// consumed.
    ///
    /// # Errors
    /// [`Error::Refused`] for a pair that does not prove the device, always at the same cost.
    pub async fn resync<'a>(
        &self,
        serial: &SerialNumber,
        codes: impl Into<CodePair<'a>>,
        window: Window,
    ) -> Result<Resynced, Error> {
        Ok(self.resync_proving(serial, codes, window).await?.0)
    }

    /// Finds a device again, and returns the proof that the two codes are: a session may be opened
    /// with it.
    ///
    /// # Errors
    /// As [`resync`](Verifier::resync).
    pub async fn resync_proving<'a>(
        &self,
        serial: &SerialNumber,
        codes: impl Into<CodePair<'a>>,
        window: Window,
    ) -> Result<(Resynced, Verified), Error> {
        let account = self.owner(serial).await?;
        let (codes, purpose) = (codes.into(), Purpose::Resync);
        let pair = Pair { account: &account, serial, codes, window, purpose };
        let (device, verified) = self.decide_pair(&pair).await?;
        Ok((Resynced { drift: device.drift(verified.at()), device }, verified))
    }

    /// Verifies an account by two consecutive codes of a device that is out of sync, and
    /// resynchronises it in the same write.
    ///
    /// # Errors
    /// [`Error::Refused`] for everything that is wrong with the account, the device or the codes.
    pub async fn verify_pair<'a>(
        &self,
        account: &AccountId,
        serial: &SerialNumber,
        codes: impl Into<CodePair<'a>>,
        window: Window,
    ) -> Result<Verified, Error> {
        let (codes, purpose) = (codes.into(), Purpose::SignIn);
        let pair = Pair { account, serial, codes, window, purpose };
        Ok(self.decide_pair(&pair).await?.1)
    }

    async fn decide_pair(&self, pair: &Pair<'_>) -> Result<(Device, Verified), Error> {
        let (sealer, work) = (&*self.keys().await?, &Work::default());
        let tag = &self.client_tag(sealer, pair.account);
        let decided = self
            .decide(pair.account, |seen, now| async move {
                let unknown = || {
                    let refusal = Refusal::UnknownDevice;
                    self.not_judged(pair.account, Some(pair.serial), now, refusal)
                };
                let is_new = seen.is_none() && matches!(pair.purpose, Purpose::Claim(_));
                let seen = match seen {
                    None if is_new => AccountSnapshot::of_new(pair.account, now),
                    seen => seen.ok_or_else(unknown)?,
                };
                let stock;
                let enrolled = match pair.purpose {
                    Purpose::Claim(_) => {
                        stock = self.to_give(pair.serial).await?;
                        &stock
                    }
                    _ => seen.device(pair.serial).ok_or_else(unknown)?,
                };
                let client = Client::of(&seen.account, tag.as_ref());
                let attempt = Attempt { pair, seen: &seen, is_new, client, enrolled, now };
                self.admit_pair(&attempt).await?;
                if pair.purpose.authority().is_some() {
                    self.sole_holder(sealer, enrolled).await?;
                }
                self.judge_pair(&attempt, sealer, work)
            })
            .await;
        if decided.is_err() {
            work.top_up(Work::of_pair(pair.window), &self.core.counters, &self.core.decoy);
        }
        decided.map(|((device, proof), committed)| (device, proof.committed(committed)))
    }

    /// Refuses a pair that is not to be judged.
    async fn admit_pair(&self, attempt: &Attempt<'_>) -> Result<(), Error> {
        let &Attempt { pair, seen, enrolled, now, .. } = attempt;
        if let Some(authority) = pair.purpose.authority() {
            if enrolled.device.kind() == MfaKind::SecurityKey {
                return Err(Error::BadInput(
                    "a security key shows no codes: remove it, and enrol it again".to_owned(),
                ));
            }
            if enrolled.device.is_in_use() {
                return Err(Error::AlreadyExists("the device is active already"));
            }
            self.may_give(authority).await?;
            self.may_change_devices(seen, authority, now).await?;
        }
        let admitted = enrolled.device.admit_pair(pair.search(), self.spender(attempt), now);
        let admitted = admitted.and_then(|()| {
            let spent = attempt.client.pairs_spent_until(&seen.account, now);
            spent.map_or(Ok(()), |until| Err(Refusal::PairsSpent { until }))
        });
        admitted.map_err(|refusal| self.not_judged(pair.account, Some(pair.serial), now, refusal))
    }

    /// Refuses a device whose secret another one has, as stores of earlier schemas may hold.
    async fn sole_holder(&self, sealer: &Sealer, enrolled: &Enrolled) -> Result<(), Error> {
        let Some(seed) = open_seed(sealer, enrolled)? else { return Ok(()) };
        let first = sealer.fingerprints(&seed).first;
        match self.core.store.holder(first, &enrolled.device.serial).await? {
            Some(_) => Err(Error::AlreadyExists(SECRET_TAKEN)),
            None => Ok(()),
        }
    }

    /// The caller whose allowance a wrong pair spends; `None` for a known client.
    fn spender(&self, attempt: &Attempt<'_>) -> Option<&CallerId> {
        (attempt.client.budget == Budget::Shared).then_some(&self.caller)
    }

    fn judge_pair(
        &self,
        attempt: &Attempt<'_>,
        sealer: &Sealer,
        work: &Work,
    ) -> Result<Judgement<Accepted>, Error> {
        let &Attempt { pair, enrolled, now, .. } = attempt;
        let no_codes = || self.not_judged(pair.account, Some(pair.serial), now, Refusal::NotActive);
        let seed = open_seed(sealer, enrolled)?.ok_or_else(no_codes)?;
        let judge = || {
            let key = enrolled.device.key(&seed)?;
            let spender = self.spender(attempt);
            Some(
                enrolled
                    .device
                    .accept_pair(&key, (pair.codes.codes, pair.search()), spender, now),
            )
        };
        let judged = work.spend(&self.core.counters, judge).ok_or_else(no_codes)?;
        match judged.verdict {
            Verdict::Accepted => self.accepted_pair(attempt, judged, sealer),
            Verdict::Refused(refusal) => Ok(self.refused_pair(attempt, judged.device, refusal)),
        }
    }

    fn accepted_pair(
        &self,
        attempt: &Attempt<'_>,
        Judged { device, reading, .. }: Judged,
        sealer: &Sealer,
    ) -> Result<Judgement<Accepted>, Error> {
        let &Attempt { pair, seen, ref client, enrolled, now, .. } = attempt;
        let (device, update) = written(attempt, device, sealer)?;
        let about = |action| self.event(now, action).account(pair.account).serial(pair.serial);
        let (writes, audit) = match pair.purpose {
            Purpose::Activate(_) | Purpose::Claim(_) => {
                if !enrolled.device.counts() {
                    self.room_for_one(&seen.devices, 0)?;
                }
                // The first activation protects the account. Its revision is named, for the
                // authority was judged from it.
                let account = after_success(&seen.account, client.tag, now);
                let account = account.unwrap_or_else(|| seen.account.clone());
                let account = Account { protected: true, ..present(&account, now) };
                let protect = match attempt.is_new {
                    true => Write::CreateAccount(account),
                    false => Write::UpdateAccount { seen: seen.revision, account },
                };
                let assigned = enrolled.device.account.is_none();
                let assigned = assigned.then(|| about(Action::DeviceAssigned));
                let audit = assigned.into_iter().chain([about(Action::DeviceActivated)]);
                // A device is given to an account that is there.
                (vec![protect, update], audit.collect())
            }
            Purpose::Resync | Purpose::SignIn => {
                let wide = device.found_beyond_owners_reach(&enrolled.device, now);
                let wide = wide.then(|| about(Action::DeviceWideResync));
                let resynced = std::iter::once(about(Action::DeviceResynced));
                let noted = note_success((&seen.account, seen.revision), client.tag, now);
                let writes = std::iter::once(update).chain(noted).collect();
                (writes, resynced.chain(wide).collect())
            }
        };
        let proof = Proof::by_device(&seen.account.id, &enrolled.device, now);
        // An owner who activates a device may have set its clock.
        let reading = reading.filter(|_| enrolled.device.is_in_use());
        let reading = reading.map(|reading| Reading::of(&enrolled.device, reading, now));
        let shown = Shown::InSync(place(&enrolled.device), reading);
        Ok(Judgement::accepted(writes, audit, (device, proof)).showing(shown))
    }

    fn refused_pair(
        &self,
        attempt: &Attempt<'_>,
        device: Device,
        refusal: Refusal,
    ) -> Judgement<Accepted> {
        let &Attempt { pair, seen, ref client, enrolled, now, .. } = attempt;
        let mut writes = vec![judged_device(enrolled, device)];
        if let (Budget::Own, Some(tag), Refusal::NoMatch) = (client.budget, client.tag, refusal) {
            let clients = seen.account.clients.after_pair(tag, now);
            let account = Account { clients, ..seen.account.clone() };
            writes.push(Write::UpdateAccount { seen: seen.revision, account });
        }
        let action = match pair.purpose {
            Purpose::Activate(_) | Purpose::Claim(_) => Action::ActivationRefused,
            Purpose::Resync | Purpose::SignIn => Action::ResyncRefused,
        };
        let event = self.event(now, action).account(pair.account).serial(pair.serial);
        Judgement::refused(writes, vec![event.reason(refusal)], refusal)
    }
}

/// The device after an accepted pair, and the write of it: one of no account goes to the pair's.
fn written(
    attempt: &Attempt<'_>,
    device: Device,
    sealer: &Sealer,
) -> Result<(Device, Write), Error> {
    let &Attempt { pair, seen, enrolled, .. } = attempt;
    if !matches!(pair.purpose, Purpose::Claim(_)) {
        let write = Write::UpdateDevice { seen: enrolled.revision, device: device.clone() };
        return Ok((device, write));
    }
    let account = Some(pair.account.clone());
    let device = Device { account, added: given(Some(seen)), ..device };
    let seed = moved_seed(sealer, enrolled, &device)?;
    let write = Write::AssignDevice { seen: enrolled.revision, device: device.clone(), seed };
    Ok((device, write))
}
