//! Changes of devices: rename, deactivate, unlock, remove.

use crate::device::Device;
use crate::id::{DeviceName, SerialNumber};
use crate::store::{Action, Enrolled, Write};
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::{Authority, Error, Verifier};

impl Verifier {
    /// Gives a device another name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such device, [`Error::Contended`], [`Error::Clock`] or
    /// [`Error::Store`].
    pub async fn rename(&self, serial: &SerialNumber, name: DeviceName) -> Result<Device, Error> {
        let renamed = |device: &Device, _| Device { name: Some(name.clone()), ..device.clone() };
        self.change_device(serial, None, Action::DeviceRenamed, renamed).await
    }

    /// Takes a device out of use until two consecutive codes activate it again. Contexts made with
    /// it are dead.
    ///
    /// # Errors
    /// [`Error::MfaRequired`] if `authority` is the owner's without a fresh context; otherwise as
    /// [`rename`](Verifier::rename).
    pub async fn deactivate(
        &self,
        serial: &SerialNumber,
        authority: &Authority,
    ) -> Result<Device, Error> {
        let action = Action::DeviceDeactivated;
        self.change_device(serial, Some(authority), action, Device::deactivated).await
    }

    /// Clears a device's lock, its failures and its spent pairs, on an administrator's word.
    ///
    /// # Errors
    /// As [`rename`](Verifier::rename).
    pub async fn unlock(&self, serial: &SerialNumber) -> Result<Device, Error> {
        let unlocked = |device: &Device, _| device.unlocked();
        self.change_device(serial, None, Action::DeviceUnlocked, unlocked).await
    }

    /// Removes a device. Its consumed codes stay consumed.
    ///
    /// # Errors
    /// As [`deactivate`](Verifier::deactivate).
    pub async fn remove(&self, serial: &SerialNumber, authority: &Authority) -> Result<(), Error> {
        self.decide_device(serial, Some(authority), |enrolled, now| {
            let tombstone = enrolled.device.tombstone(now);
            let write = Write::RemoveDevice { seen: enrolled.revision, tombstone };
            Ok((write, Action::DeviceRemoved, ()))
        })
        .await
    }

    async fn change_device(
        &self,
        serial: &SerialNumber,
        authority: Option<&Authority>,
        action: Action,
        change: impl Fn(&Device, UnixTime) -> Device,
    ) -> Result<Device, Error> {
        self.decide_device(serial, authority, |enrolled, now| {
            let device = change(&enrolled.device, now);
            let write = Write::UpdateDevice { seen: enrolled.revision, device: device.clone() };
            Ok((write, action.clone(), device))
        })
        .await
    }

    /// Decides about one device: the write, the action to be audited, and the answer. The account
    /// is expected unchanged, for the authority was judged from it.
    pub(super) async fn decide_device<T>(
        &self,
        serial: &SerialNumber,
        authority: Option<&Authority>,
        change: impl Fn(&Enrolled, UnixTime) -> Result<(Write, Action, T), Error>,
    ) -> Result<T, Error> {
        let account = self.owner(serial).await?;
        let (account, change) = (&account, &change);
        let decided = self.decide(account, |seen, now| async move {
            let seen = seen.ok_or(Error::NotFound("device"))?;
            let enrolled = seen.device(serial).ok_or(Error::NotFound("device"))?;
            if let Some(authority) = authority {
                self.may_change_devices(&seen, authority, now).await?;
            }
            let (write, action, answer) = change(enrolled, now)?;
            let expect = Write::ExpectAccount { account: account.clone(), seen: seen.revision };
            let audit = vec![self.event(now, action).account(account).serial(serial)];
            // Only what revokes contexts has an authority, or needs room for a mark.
            let mut writes = vec![expect, write];
            if authority.is_some() {
                writes = self.in_bounds(&seen, writes, now).await?;
            }
            Ok(Judgement::change(writes, audit, answer))
        });
        Ok(decided.await?.0)
    }
}
