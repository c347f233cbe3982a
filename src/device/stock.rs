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

    /// The device once it was given to an account: two consecutive codes activate it. One that was
    /// in use before is disabled, not pending, for what it consumed must not be forgotten.
    #[must_use]
    pub fn assigned(self, account: AccountId, added: Added) -> Device {
        let was_used = self.activated_at.is_some();
        let state = if was_used { DeviceState::Disabled } else { DeviceState::Pending };
        Device { account: Some(account), state, added, ..self }
    }

    /// The device once it has no account any more. Its consumed codes stay consumed, its clock or
    /// counter stays known, and its contexts are revoked.
    #[must_use]
    pub fn taken_back(&self, now: UnixTime) -> Device {
        Device {
            account: None,
            name: None,
            state: DeviceState::Unassigned,
            throttle: Throttle::default(),
            ..self.clone()
        }
        .with_sessions_revoked(now)
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
