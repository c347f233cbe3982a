//! Devices of no account: given to an account, or removed from stock.

use crate::device::Device;
use crate::id::{AccountId, SerialNumber};
use crate::otp::Seed;
use crate::store::{Account, Action, Enrolled, Sealer, Write};
use crate::verifier::add::{given, present};
use crate::verifier::decide::Judgement;
use crate::verifier::seed::open_seed;
use crate::verifier::{Error, Verifier};

impl Verifier {
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
            let stock = self.in_stock(serial).await?;
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
            // A device that a restore put back in stock may have had an owner meanwhile.
            let restored = self.restored_at().await?.filter(|at| *at >= device.created_at);
            let device = match restored {
                Some(at) => device.assigned_after_restore(at),
                None => device,
            };
            let seed = open_seed(sealer, &stock)?;
            let place = Sealer::seed_place(serial, Some(account));
            let seal = |seed: &Seed| sealer.keyring().seal(&place, seed.expose());
            let seed = seed.as_ref().map(seal).transpose()?;
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

    async fn in_stock(&self, serial: &SerialNumber) -> Result<Enrolled, Error> {
        let found = self.core.store.unassigned(serial).await?;
        found.ok_or(Error::NotFound("device"))
    }
}
