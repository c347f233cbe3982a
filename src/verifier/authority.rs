//! Authority to change the devices of a protected account.

use std::time::Duration;

use crate::device::{Device, DeviceState, MfaKind};
use crate::id::{AccountId, SerialNumber};
use crate::store::AccountSnapshot;
use crate::time::{MAX_CLOCK_LEAD, UnixTime};
use crate::verifier::{Error, Verifier};

/// On whose word the devices of an account are changed.
#[derive(Debug)]
pub enum Authority {
    /// An administrator; what they do is audited.
    Admin,
    /// The owner, who has just proved it with a device of the account.
    Owner(FreshMfa),
    /// A service that knows the first factor at best. Enough for an account without devices, and
    /// for no other.
    Service,
}

/// A validated context of an account, as proof for changing its devices.
///
/// Only `session::Validator` makes one. Whether it still counts is judged against the account in
/// the transaction that makes the change.
#[derive(Debug)]
pub struct FreshMfa {
    pub(crate) account: AccountId,
    pub(crate) serial: SerialNumber,
    pub(crate) kind: MfaKind,
    /// The context of a bypass code counts, where a page says so to the administrator who makes it.
    pub(crate) bypass_counts: bool,
    pub(crate) mfa_time: UnixTime,
    pub(crate) issued_at: UnixTime,
    pub(crate) generation: u64,
    pub(crate) device_generation: u64,
    pub(crate) session_id: String,
}

impl Verifier {
    /// Refuses an `authority` that does not suffice to change the devices of the account as it was
    /// loaded.
    ///
    /// The caller's change must name the account's revision: it moves whenever anything that is
    /// looked at here does.
    pub(super) async fn may_change_devices(
        &self,
        seen: &AccountSnapshot,
        authority: &Authority,
        now: UnixTime,
    ) -> Result<(), Error> {
        if !seen.account.protected {
            return Ok(());
        }
        match authority {
            Authority::Admin => Ok(()),
            Authority::Owner(proof)
                if proof.counts(seen, now)
                    && !self.core.store.session_revoked(&proof.session_id).await? =>
            {
                Ok(())
            }
            Authority::Owner(_) | Authority::Service => Err(Error::MfaRequired),
        }
    }
}

impl FreshMfa {
    /// The greatest age of an owner's proof: 15 minutes.
    pub const LIFETIME: Duration = Duration::from_secs(900);

    fn counts(&self, seen: &AccountSnapshot, now: UnixTime) -> bool {
        let alive = |mark: Option<UnixTime>| mark.is_none_or(|mark| self.issued_at > mark);
        let recent =
            self.mfa_time <= now.plus(MAX_CLOCK_LEAD) && now.since(self.mfa_time) <= Self::LIFETIME;
        let device = seen.device(&self.serial).map(|enrolled| &enrolled.device);
        self.account == seen.account.id
            && recent
            && self.generation >= seen.account.generation
            && alive(seen.account.revoked_before)
            && match self.kind {
                // An administrator vouched for the person: the code stands for no device.
                MfaKind::Bypass => self.bypass_counts && device.is_none(),
                _ => device.is_some_and(|device| {
                    self.was_made_with(device)
                        && self.device_generation >= device.generation
                        && alive(device.revoked_before)
                }),
            }
    }

    /// True for a device that can make proofs now. One that strangers have locked makes them for
    /// known clients alone, so the proof must be later than the lock.
    fn was_made_with(&self, device: &Device) -> bool {
        match device.state {
            DeviceState::Active => true,
            DeviceState::Locked => {
                device.throttle.last_failure.is_some_and(|lock| self.mfa_time > lock)
            }
            DeviceState::Unassigned | DeviceState::Pending | DeviceState::Disabled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

    use super::*;
    use crate::device::{Device, Factor, TotpState};
    use crate::store::{Account, Enrolled, Revision};

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn protected() -> AccountSnapshot {
        let (alice, serial): (AccountId, SerialNumber) =
            ("alice".parse().unwrap(), "GAHT00000001".parse().unwrap());
        let factor = Factor::Totp(TotpState::default());
        let device = Device {
            state: DeviceState::Active,
            revoked_before: Some(UnixTime(NOW.0 - 100)),
            generation: 3,
            ..Device::new(serial, alice.clone(), None, factor, NOW)
        };
        let account = Account {
            protected: true,
            generation: 5,
            revoked_before: Some(UnixTime(NOW.0 - 90)),
            ..Account::new(alice, NOW)
        };
        let devices = vec![Enrolled { device, revision: Revision(1), seed: None }];
        AccountSnapshot {
            account,
            revision: Revision(1),
            devices,
            control_version: 0,
            store_time: None,
        }
    }

    fn proof() -> FreshMfa {
        FreshMfa {
            account: "alice".parse().unwrap(),
            serial: "GAHT00000001".parse().unwrap(),
            kind: MfaKind::Totp,
            bypass_counts: false,
            mfa_time: UnixTime(NOW.0 - 60),
            issued_at: UnixTime(NOW.0 - 60),
            generation: 5,
            device_generation: 3,
            session_id: "1".to_owned(),
        }
    }

    /// Each part decides by itself: the others would let the proof count.
    #[test]
    fn a_proof_counts_for_its_account_device_time_and_generations() {
        let seen = protected();
        assert!(proof().counts(&seen, NOW));
        let at = |time| FreshMfa { mfa_time: time, ..proof() };
        let worse = [
            ("another account", FreshMfa { account: "bob".parse().unwrap(), ..proof() }),
            ("another device", FreshMfa { serial: "GAHT00000002".parse().unwrap(), ..proof() }),
            ("a revoked generation", FreshMfa { generation: 4, ..proof() }),
            ("a revoked generation of the device", FreshMfa { device_generation: 2, ..proof() }),
            ("the account's mark", FreshMfa { issued_at: UnixTime(NOW.0 - 90), ..proof() }),
            ("older than 15 minutes", at(UnixTime(NOW.0 - 901))),
            ("of the future", at(UnixTime(NOW.0 + 6))),
        ];
        for (what, proof) in worse {
            assert!(!proof.counts(&seen, NOW), "{what}");
        }
        let bypass = FreshMfa {
            serial: "bypass:0123456789AB".parse().unwrap(),
            kind: MfaKind::Bypass,
            bypass_counts: true,
            device_generation: 0,
            ..proof()
        };
        assert!(bypass.counts(&seen, NOW), "an administrator's code");
        let revoked = FreshMfa { generation: 4, ..bypass };
        assert!(!revoked.counts(&seen, NOW), "a revoked one");
        let elsewhere = FreshMfa { generation: 5, bypass_counts: false, ..revoked };
        assert!(!elsewhere.counts(&seen, NOW), "where it opens a session alone");
        let with = |change: fn(&mut AccountSnapshot)| {
            let mut seen = protected();
            change(&mut seen);
            proof().counts(&seen, NOW)
        };
        assert!(!with(|seen| seen.devices[0].device.state = DeviceState::Locked));
        assert!(!with(|seen| seen.devices[0].device.revoked_before = Some(NOW)));
        assert!(!with(|seen| seen.account.generation = 6));
    }
}
