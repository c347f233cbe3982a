//! Devices in stock: of no account.

use crate::device::{
    Added, Device, DeviceState, DiagnosisAllowance, Factor, PairAllowance, Throttle,
};
use crate::id::{AccountId, DeviceName, SerialNumber};
use crate::time::UnixTime;

impl Device {
    /// A new device in stock: of no account.
    pub fn unassigned(
        serial: SerialNumber,
        name: Option<DeviceName>,
        factor: Factor,
        now: UnixTime,
    ) -> Device {
        Device {
            serial,
            account: None,
            name,
            state: DeviceState::Unassigned,
            created_at: now,
            activated_at: None,
            last_used_at: None,
            factor,
            throttle: Throttle::default(),
            pairs: PairAllowance::default(),
            diagnoses: DiagnosisAllowance::default(),
            revoked_before: None,
            generation: 0,
            added: Added::default(),
            hardware: false,
        }
    }

    /// The device once an administrator gave it to an account: two consecutive codes activate it.
    #[must_use]
    pub fn assigned(self, account: AccountId, added: Added) -> Device {
        Device { account: Some(account), state: DeviceState::Pending, added, ..self }
    }

    /// The device after a restore at that time, which may have put it back in stock: what was
    /// consumed before is unknown, so only an administrator's pair finds its counter.
    #[cfg(feature = "verifier")]
    #[must_use]
    pub(crate) fn assigned_after_restore(self, at: UnixTime) -> Device {
        let mut device = self.above_restore(at);
        if let Factor::Hotp(hotp) = &mut device.factor {
            hotp.pair_needed = true;
        }
        device
    }

    /// The name of its account in columns and seals: empty, as no account's is, if it has none.
    #[cfg(any(
        feature = "postgres",
        feature = "sqlite",
        all(feature = "testing", feature = "verifier")
    ))]
    pub(crate) fn owner(&self) -> &str {
        self.account.as_ref().map_or("", AccountId::as_str)
    }
}
