//! Devices: add, activate, find, put away.

use crate::client::{Client, Error, pages};
use crate::device::DeviceState;
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::wire::{
    ActivateDevice, CreateDevice, CreatedDevice, Device, Devices, Diagnosis, ListDevices, Rename,
    Resynced, TwoCodes,
};

impl Client {
    /// Adds a device.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn add_device(&self, device: &CreateDevice) -> Result<CreatedDevice, Error> {
        self.post(&["v1", "devices"]).json(device)?.read().await
    }

    /// A page of devices.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn devices(&self, which: &ListDevices) -> Result<Devices, Error> {
        self.get(&["v1", "devices"]).query_of(which).read().await
    }

    /// All devices of an account, or of all accounts; those in one state, or in any; page by page.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn all_devices(
        &self,
        account: Option<&AccountId>,
        state: Option<DeviceState>,
    ) -> Result<Vec<Device>, Error> {
        let account = account.map(|account| account.as_str().to_owned());
        self.find_devices(&ListDevices { account, state, ..ListDevices::default() })
            .await
    }

    /// All devices of this choice, page by page.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn find_devices(&self, which: &ListDevices) -> Result<Vec<Device>, Error> {
        pages::all(async |after| {
            let which = ListDevices { limit: Some(pages::LONGEST), after, ..which.clone() };
            self.devices(&which).await.map(|page| (page.devices, page.next))
        })
        .await
    }

    /// One device.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn device(&self, serial: &SerialNumber) -> Result<Device, Error> {
        self.get(&["v1", "devices", serial.as_str()]).read().await
    }

    /// Gives a device another name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rename_device(
        &self,
        serial: &SerialNumber,
        name: &DeviceName,
    ) -> Result<Device, Error> {
        let body = Rename { name: name.as_str().to_owned() };
        self.patch(&["v1", "devices", serial.as_str()]).json(&body)?.read().await
    }

    /// Activates a device with two consecutive codes, which are spent.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn activate_device(
        &self,
        serial: &SerialNumber,
        codes: [&str; 2],
    ) -> Result<Device, Error> {
        self.activate_device_for(serial, &ActivateDevice::new(codes)).await
    }

    /// Activates a device, or gives one in stock to the account that is named.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn activate_device_for(
        &self,
        serial: &SerialNumber,
        body: &ActivateDevice,
    ) -> Result<Device, Error> {
        self.post(&["v1", "devices", serial.as_str(), "activate"])
            .json(body)?
            .read()
            .await
    }

    /// Finds a device that is out of sync by two consecutive codes, which are spent.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn resync_device(
        &self,
        serial: &SerialNumber,
        codes: [&str; 2],
    ) -> Result<Resynced, Error> {
        let codes = TwoCodes::new(codes);
        self.post(&["v1", "devices", serial.as_str(), "resync"])
            .json(&codes)?
            .read()
            .await
    }

    /// Names the cause for which two consecutive codes do not work. They stay as good as they were.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn diagnose_device(
        &self,
        serial: &SerialNumber,
        codes: [&str; 2],
    ) -> Result<Diagnosis, Error> {
        let codes = TwoCodes::new(codes);
        self.post(&["v1", "devices", serial.as_str(), "diagnose"])
            .json(&codes)?
            .read()
            .await
    }

    /// Takes a device out of use; sessions opened with it are over.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn deactivate_device(&self, serial: &SerialNumber) -> Result<Device, Error> {
        self.post(&["v1", "devices", serial.as_str(), "deactivate"]).read().await
    }

    /// Clears a device's lock and failures.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn unlock_device(&self, serial: &SerialNumber) -> Result<Device, Error> {
        self.post(&["v1", "devices", serial.as_str(), "unlock"]).read().await
    }

    /// Removes a device; sessions opened with it are over.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove_device(&self, serial: &SerialNumber) -> Result<(), Error> {
        self.delete(&["v1", "devices", serial.as_str()]).send().await.map(drop)
    }
}
