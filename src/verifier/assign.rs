//! Devices of no account: added, given to an account, taken back, or removed from stock.

use crate::device::{Device, Factor};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::otp::Seed;
use crate::store::{Account, Action, Enrolled, Sealed, Sealer, Write};
use crate::verifier::add::{Added, ClockFacts, Made, NewFactor, given, insertion, present};
use crate::verifier::decide::Judgement;
use crate::verifier::seed::open_seed;
use crate::verifier::{Authority, Error, Verifier};

/// A device of no account to be added, such as hardware that no one has yet.
#[derive(Clone, Debug)]
pub struct NewStock {
    /// Serial number, for hardware that has one; generated otherwise.
    pub serial: Option<SerialNumber>,
    /// Name.
    pub name: Option<DeviceName>,
    /// Kind and secret: time-based or counter-based.
    pub factor: NewFactor,
}

impl Verifier {
    /// Adds a device of no account. It never expires; [`assign`](Verifier::assign) or
    /// [`claim`](Verifier::claim) gives it to an account.
    ///
    /// For administrators: the caller sees to that.
    ///
    /// # Errors
    /// [`Error::BadInput`] for recovery codes, which are one account's from the beginning;
    /// otherwise as those of [`add_with_clock`](Verifier::add_with_clock).
    pub async fn add_unassigned(&self, new: NewStock, clock: ClockFacts) -> Result<Added, Error> {
        let sealer = self.keys().await?;
        let serial = new.factor.serial(new.serial.as_ref())?;
        let (new, serial, sealer) = (&new, &serial, &sealer);
        let clock = self.with_rate(clock, (&new.serial, &new.factor)).await?;
        self.decide_alone(|now| async move {
            clock.may_be_of(&new.factor, now)?;
            let made = Made::new(&new.factor, sealer, None)?;
            let factor = clock.given_to(made.factor, made.generated);
            let device = Device::unassigned(serial.clone(), new.name.clone(), factor, now);
            let device = if made.generated { device } else { self.above_restore(device).await? };
            let (mut writes, insert) = insertion(sealer, &device, made.seed.as_ref())?;
            writes.push(insert);
            let event = self.event(now, Action::DeviceAdded).serial(serial);
            let seed = made.seed.filter(|_| made.generated);
            let added = Added { device, seed, recovery_codes: Vec::new() };
            Ok(Judgement::change(writes, vec![event], added))
        })
        .await
    }

    /// Shows a device of no account.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn unassigned(&self, serial: &SerialNumber) -> Result<Device, Error> {
        Ok(self.in_stock(serial).await?.device)
    }

    /// Gives a device of no account to an account, which comes into being with its first one. It is
    /// pending until two consecutive codes activate it. Its seed is sealed anew, for that account.
    ///
    /// For administrators: the caller sees to that.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a device that has an account, or that is not there,
    /// [`Error::TooManyDevices`], [`Error::Contended`], [`Error::Clock`], [`Error::Store`] or
    /// [`Error::Key`].
    pub async fn assign(
        &self,
        serial: &SerialNumber,
        account: &AccountId,
    ) -> Result<Device, Error> {
        let sealer = self.keys().await?;
        let sealer = &sealer;
        let decided = self.decide(account, |seen, now| async move {
            let stock = self.to_give(serial).await?;
            let devices = seen.as_ref().map_or(&[][..], |seen| &seen.devices);
            self.room_for_one(devices, 0)?;
            let owner = match &seen {
                None => Write::CreateAccount(Account::new(account.clone(), now)),
                Some(seen) => Write::UpdateAccount {
                    seen: seen.revision,
                    account: present(&seen.account, now),
                },
            };
            let device = stock.device.clone().assigned(account.clone(), given(seen.as_ref()));
            let seed = moved_seed(sealer, &stock, &device)?;
            let assign = Write::AssignDevice { seen: stock.revision, device: device.clone(), seed };
            let event = self.event(now, Action::DeviceAssigned).account(account).serial(serial);
            Ok(Judgement::change(vec![owner, assign], vec![event], device))
        });
        Ok(decided.await?.0)
    }

    /// Removes a device of no account. Its consumed codes stay consumed.
    ///
    /// For administrators: the caller sees to that.
    ///
    /// # Errors
    /// As [`assign`](Verifier::assign).
    pub async fn remove_unassigned(&self, serial: &SerialNumber) -> Result<(), Error> {
        let _ = self.keys().await?;
        self.decide_alone(|now| async move {
            let Enrolled { device, revision, .. } = self.in_stock(serial).await?;
            let write = Write::RemoveDevice { seen: revision, tombstone: device.tombstone(now) };
            let event = self.event(now, Action::DeviceRemoved).serial(serial);
            Ok(Judgement::change(vec![write], vec![event], ()))
        })
        .await
    }

    /// Takes a device that shows codes back from its account. Its consumed codes stay consumed, its
    /// drift stays known, and contexts made with it are dead.
    ///
    /// # Errors
    /// [`Error::MfaRequired`] if `authority` is the owner's without a fresh context,
    /// [`Error::BadInput`] for a security key and for recovery codes, which are one account's for
    /// good; otherwise as [`assign`](Verifier::assign).
    pub async fn take_back(
        &self,
        serial: &SerialNumber,
        authority: &Authority,
    ) -> Result<Device, Error> {
        let sealer = self.keys().await?;
        self.decide_device(serial, Some(authority), |enrolled, now| {
            let (Factor::Totp(_) | Factor::Hotp(_), Some(account)) =
                (&enrolled.device.factor, &enrolled.device.account)
            else {
                return Err(Error::BadInput(
                    "a device without a seed stays with its account: deactivate it".to_owned(),
                ));
            };
            let (account, device) = (account.clone(), enrolled.device.taken_back(now));
            let seed = moved_seed(&sealer, enrolled, &device)?;
            let seen = enrolled.revision;
            let take = Write::UnassignDevice { seen, account, device: device.clone(), seed };
            Ok((take, Action::DeviceDeactivated, device))
        })
        .await
    }

    /// A device of no account, as it may be given out: one that a restore put back in stock may
    /// have had an owner meanwhile.
    pub(super) async fn to_give(&self, serial: &SerialNumber) -> Result<Enrolled, Error> {
        let stock = self.in_stock(serial).await?;
        let restored = self.restored_at().await?.filter(|at| *at >= stock.device.created_at);
        Ok(match restored {
            Some(at) => Enrolled { device: stock.device.assigned_after_restore(at), ..stock },
            None => stock,
        })
    }

    async fn in_stock(&self, serial: &SerialNumber) -> Result<Enrolled, Error> {
        let found = self.core.store.unassigned(serial).await?;
        found.ok_or(Error::NotFound("device"))
    }
}

/// The seed of a device, sealed for the place that it moves to.
pub(super) fn moved_seed(
    sealer: &Sealer,
    from: &Enrolled,
    to: &Device,
) -> Result<Option<Sealed>, Error> {
    let place = Sealer::seed_place(&to.serial, to.account.as_ref());
    let seal = |seed: &Seed| sealer.keyring().seal(&place, seed.expose());
    Ok(open_seed(sealer, from)?.as_ref().map(seal).transpose()?)
}
