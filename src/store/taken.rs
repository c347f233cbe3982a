//! The losses of the time after a backup, as an exported audit log tells them.
//!
//! A log can only take away: no row of it makes a device usable, or gives a right. So a log that
//! was tampered with can at most hide what was taken away, or take too much.

use std::collections::{BTreeMap, BTreeSet};

use crate::device::{Device, Leads};
use crate::id::{AccountId, SerialNumber};
use crate::store::{
    Account, AccountSnapshot, Action, Event, EventReason, Write, value_of_access_key,
};
use crate::time::UnixTime;

/// Devices, accounts and keys that were taken away after a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TakenAway {
    devices: BTreeMap<SerialNumber, Loss>,
    removed_accounts: BTreeSet<AccountId>,
    /// Accounts that a device in use protected, and that were not removed after it.
    protected_accounts: BTreeSet<AccountId>,
    /// Time-based devices that an administrator's pair found beyond the owner's window.
    found_ahead: BTreeSet<SerialNumber>,
    api_keys: BTreeSet<String>,
    access_keys: BTreeSet<String>,
}

/// The loss of a device. The greater one stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Disabled,
    Removed,
}

/// The number of losses of each kind that a restore has repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeated {
    /// Devices that were disabled.
    pub disabled: u64,
    /// Devices that were removed.
    pub removed: u64,
    /// Accounts that were removed.
    pub accounts: u64,
    /// API keys that were revoked.
    pub api_keys: u64,
}

impl TakenAway {
    /// Adds the next event after the backup, in the order of the log.
    pub(super) fn add(&mut self, event: &Event) {
        let serial = event.serial.as_ref();
        match (&event.action, serial, &event.account) {
            (Action::DeviceDeactivated, Some(serial), _) => self.lose(serial, Loss::Disabled),
            (Action::DeviceRemoved, Some(serial), _) => self.lose(serial, Loss::Removed),
            (Action::DeviceWideResync, Some(serial), _) => {
                self.found_ahead.insert(serial.clone());
            }
            (Action::AccountRemoved, _, Some(account)) => {
                self.removed_accounts.insert(account.clone());
                self.protected_accounts.remove(account);
            }
            (Action::DeviceActivated | Action::DeviceRegistered, _, Some(account)) => {
                self.protected_accounts.insert(account.clone());
            }
            (Action::ApiKeyRevoked, _, _) => {
                self.api_keys
                    .extend(event.reason.as_ref().map(EventReason::name).map(str::to_owned));
            }
            (Action::AccessKeyDeactivated | Action::AccessKeyDeleted, _, _) => {
                self.access_keys
                    .extend(event.reason.as_ref().map(EventReason::name).map(str::to_owned));
            }
            _ => {}
        }
    }

    /// True if this API key was revoked.
    pub(super) fn revoked(&self, api_key: &str) -> bool {
        self.api_keys.contains(api_key)
    }

    /// The writes that take the secrets of access keys away that were deleted or taken out of use.
    pub(super) fn access_keys(&self) -> impl Iterator<Item = Write> {
        self.access_keys
            .iter()
            .map(|id| Write::DropValue { name: value_of_access_key(id) })
    }

    /// The accounts that must be protected, also where the backup does not know them.
    pub(super) fn protected(&self) -> impl Iterator<Item = &AccountId> {
        self.protected_accounts.iter()
    }

    /// The changes that make an account of the backup fit to serve.
    pub(super) fn restored(
        &self,
        seen: &AccountSnapshot,
        (now, leads): (UnixTime, Leads),
        repeated: &mut Repeated,
    ) -> Vec<Write> {
        let account = seen.account.restored(now);
        let gone = self.removed_accounts.contains(&account.id);
        repeated.accounts += u64::from(gone && seen.account.removed_at.is_none());
        let mut writes = Vec::with_capacity(seen.devices.len() + 1);
        for enrolled in &seen.devices {
            let device = self.device(&enrolled.device, (now, leads));
            let revision = enrolled.revision;
            writes.push(match self.devices.get(&device.serial) {
                Some(Loss::Removed) => {
                    repeated.removed += 1;
                    Write::RemoveDevice { seen: revision, tombstone: device.tombstone(now) }
                }
                _ if gone => {
                    Write::RemoveDevice { seen: revision, tombstone: device.tombstone(now) }
                }
                Some(Loss::Disabled) if device.is_in_use() => {
                    repeated.disabled += 1;
                    Write::UpdateDevice { seen: revision, device: device.deactivated(now) }
                }
                _ => Write::UpdateDevice { seen: revision, device },
            });
        }
        let account = if gone && !self.protected_accounts.contains(&account.id) {
            Account { removed_at: Some(now), protected: false, ..account }
        } else {
            account
        };
        writes.push(Write::UpdateAccount { seen: seen.revision, account });
        writes
    }

    /// The device after the restore. One that was found far ahead is in doubt, also where its
    /// operator knows of none.
    fn device(&self, device: &Device, (now, leads): (UnixTime, Leads)) -> Device {
        let ahead = self.found_ahead.contains(&device.serial);
        device.restored(now, if ahead { Leads::Unknown } else { leads })
    }

    fn lose(&mut self, serial: &SerialNumber, loss: Loss) {
        let known = self.devices.entry(serial.clone()).or_insert(loss);
        *known = loss.max(*known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CallerId;

    #[test]
    fn an_access_key_that_was_taken_away_loses_its_secret() {
        let mut taken = TakenAway::default();
        let by = CallerId::new("uid:0");
        for (action, id) in [
            (Action::AccessKeyMade, "AKIA1"),
            (Action::AccessKeyDeleted, "AKIA2"),
            (Action::AccessKeyDeactivated, "AKIA3"),
            // A log takes away, and gives nothing back.
            (Action::AccessKeyActivated, "AKIA3"),
        ] {
            taken.add(&Event::new(UnixTime(1), action, &by).reason(id));
        }
        let names: Vec<String> = taken
            .access_keys()
            .map(|write| match write {
                Write::DropValue { name } => name,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names, ["AKIA2", "AKIA3"].map(value_of_access_key));
    }
}
