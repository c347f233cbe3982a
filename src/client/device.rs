//! Devices: add, activate, find, put away.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Client, Error};
use crate::device::{DeviceState, MfaKind};
use crate::id::{AccountId, DeviceName, SerialNumber};

/// A device as the agent shows it. A verifier is shown no more than serial number, kind, name,
/// state and throttle.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Device {
    /// Its public handle.
    pub serial: SerialNumber,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// What kind it is.
    pub kind: MfaKind,
    /// What its owner calls it.
    pub name: Option<DeviceName>,
    /// Whether it can be used.
    pub state: DeviceState,
    /// When it was added (RFC 3339).
    pub created_at: Option<String>,
    /// When it was first proved (RFC 3339).
    pub activated_at: Option<String>,
    /// When it was last accepted (RFC 3339).
    pub last_used_at: Option<String>,
    /// Its codes are refused unjudged until then (RFC 3339).
    pub throttled_until: Option<String>,
    /// Every code that it shows counts as used until then (RFC 3339).
    #[serde(default)]
    pub codes_used_until: Option<String>,
    /// How many steps its clock is ahead; negative: it lags.
    pub drift_steps: Option<i64>,
    /// The same in seconds.
    pub drift_seconds: Option<i64>,
    /// How many recovery codes are left.
    pub codes_left: Option<u64>,
}

/// A device that is to be added. What is left out, the agent chooses.
#[derive(Clone, Serialize)]
pub struct NewDevice {
    account: AccountId,
    kind: MfaKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<DeviceName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<SerialNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A device that was added, and what is told of it this once.
#[derive(Clone, Debug, Deserialize)]
pub struct AddedDevice {
    /// The device.
    pub device: Device,
    /// Its secret, if the agent made it.
    pub provisioning: Option<Provisioning>,
    /// The codes of a sheet of recovery codes.
    #[serde(default)]
    pub recovery_codes: Secrets,
}

/// What an authenticator app needs.
#[derive(Clone, Deserialize)]
pub struct Provisioning {
    /// The secret in base32.
    pub secret: String,
    /// The same, and all else, as an `otpauth` link.
    pub uri: String,
    /// The link as a QR code, in SVG; none where it is too long for one.
    #[serde(default)]
    pub qr_svg: Option<String>,
}

/// Recovery codes. `Debug` is blank.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secrets(pub Vec<String>);

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; none: this was the last.
    pub next: Option<String>,
}

/// A device that was found again.
#[derive(Clone, Debug, Deserialize)]
pub struct Resynced {
    /// The device.
    pub device: Device,
    /// How many steps its clock is ahead.
    pub drift_steps: i64,
}

impl NewDevice {
    /// A device of this kind: time-based or counter-based codes, or a sheet of recovery codes.
    pub fn new(account: &AccountId, kind: MfaKind) -> NewDevice {
        NewDevice { account: account.clone(), kind, name: None, serial: None, secret: None }
    }

    /// Sets the name that its owner gave it.
    #[must_use]
    pub fn named(self, name: DeviceName) -> NewDevice {
        NewDevice { name: Some(name), ..self }
    }

    /// Sets the serial number that is printed on it.
    #[must_use]
    pub fn with_serial(self, serial: SerialNumber) -> NewDevice {
        NewDevice { serial: Some(serial), ..self }
    }

    /// Sets the secret that it already holds, in base32.
    #[must_use]
    pub fn with_secret(self, base32: impl Into<String>) -> NewDevice {
        NewDevice { secret: Some(base32.into()), ..self }
    }
}

impl Client {
    /// Adds a device.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] if the agent refuses: input, a serial number or secret that is
    /// taken, too many devices, or no fresh MFA.
    pub async fn add_device(&self, device: &NewDevice) -> Result<AddedDevice, Error> {
        let body =
            serde_json::to_value(device).map_err(|error| Error::Malformed(error.to_string()))?;
        self.post(&["v1", "devices"]).body(body).read().await
    }

    /// A page of an account's devices, from the one after `after` on.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] if the caller may not ask about this account.
    pub async fn devices(
        &self,
        account: &AccountId,
        after: Option<&SerialNumber>,
    ) -> Result<Page<Device>, Error> {
        #[derive(Deserialize)]
        struct Devices {
            devices: Vec<Device>,
            next: Option<String>,
        }
        let call = self.get(&["v1", "devices"]).query("account", Some(account.as_str()));
        let Devices { devices, next } =
            call.query("after", after.map(SerialNumber::as_str)).read().await?;
        Ok(Page { items: devices, next })
    }

    /// One device.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with `not_found` if the caller knows no such device.
    pub async fn device(&self, serial: &SerialNumber) -> Result<Device, Error> {
        self.get(&["v1", "devices", serial.as_str()]).read().await
    }

    /// Gives a device another name.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with `not_found` if the caller knows no such device.
    pub async fn rename_device(
        &self,
        serial: &SerialNumber,
        name: &DeviceName,
    ) -> Result<Device, Error> {
        self.patch(&["v1", "devices", serial.as_str()])
            .body(json!({ "name": name.as_str() }))
            .read()
            .await
    }

    /// Activates a device with two consecutive codes, which are spent.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with a reason if the pair is refused.
    pub async fn activate_device(
        &self,
        serial: &SerialNumber,
        codes: [&str; 2],
    ) -> Result<Device, Error> {
        self.post(&["v1", "devices", serial.as_str(), "activate"])
            .body(json!({ "codes": codes }))
            .read()
            .await
    }

    /// Finds a device that is out of sync by two consecutive codes, which are spent.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with a reason if the pair is refused.
    pub async fn resync_device(
        &self,
        serial: &SerialNumber,
        codes: [&str; 2],
    ) -> Result<Resynced, Error> {
        self.post(&["v1", "devices", serial.as_str(), "resync"])
            .body(json!({ "codes": codes }))
            .read()
            .await
    }

    /// Takes a device out of use; sessions opened with it are over.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with `mfa_required` if the owner asks without fresh MFA.
    pub async fn deactivate_device(&self, serial: &SerialNumber) -> Result<Device, Error> {
        self.post(&["v1", "devices", serial.as_str(), "deactivate"]).read().await
    }

    /// Clears a device's lock and failures.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with `forbidden` for callers who are no administrators.
    pub async fn unlock_device(&self, serial: &SerialNumber) -> Result<Device, Error> {
        self.post(&["v1", "devices", serial.as_str(), "unlock"]).read().await
    }

    /// Removes a device; sessions opened with it are over.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with `mfa_required` if the owner asks without fresh MFA.
    pub async fn remove_device(&self, serial: &SerialNumber) -> Result<(), Error> {
        self.delete(&["v1", "devices", serial.as_str()]).send().await.map(drop)
    }
}

impl fmt::Debug for Provisioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provisioning(..)")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}
