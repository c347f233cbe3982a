//! Rules of every store: the tombstones that an insertion inherits, counts of devices, expiry.

use std::collections::BTreeMap;

use crate::device::{Device, DeviceState, Tombstone};
use crate::id::AccountId;
use crate::store::{Conflict, Fingerprint};
use crate::time::UnixTime;

/// The device as it is inserted: above everything that removed devices with its serial number or
/// one of its fingerprints had consumed.
pub(super) fn inserted(
    device: &Device,
    fingerprints: &[Fingerprint],
    tombstones: impl IntoIterator<Item = (Option<Fingerprint>, Tombstone)>,
) -> Device {
    tombstones.into_iter().fold(device.clone(), |device, (removed, tombstone)| {
        let same_seed = removed.is_some_and(|removed| fingerprints.contains(&removed));
        device.above(&tombstone, same_seed)
    })
}

/// The device as it is staged: as it is inserted, unless one of these removed devices was in use.
pub(super) fn staged(
    device: &Device,
    fingerprints: &[Fingerprint],
    tombstones: Vec<(Option<Fingerprint>, Tombstone)>,
) -> Result<Device, Conflict> {
    match tombstones.iter().any(|(_, tombstone)| tombstone.was_in_use()) {
        true => Err(Conflict::Removed),
        false => Ok(inserted(device, fingerprints, tombstones)),
    }
}

/// Fails if `device` is not of `owner`: a device never changes hands.
pub(super) fn keeps_its_owner(owner: &str, device: &Device) -> Result<(), Conflict> {
    if owner == device.owner() { Ok(()) } else { Err(Conflict::Revision) }
}

/// Fails if a device of `owner` cannot be assigned: it has an account already.
pub(super) fn is_unassigned(owner: &str) -> Result<(), Conflict> {
    if owner.is_empty() { Ok(()) } else { Err(Conflict::Revision) }
}

/// Fails if a device of `owner` cannot be taken back from this account.
pub(super) fn is_of(owner: &str, account: &AccountId) -> Result<(), Conflict> {
    if owner == account.as_str() { Ok(()) } else { Err(Conflict::Revision) }
}

/// Fails if a device in this state may not be dropped without a tombstone: it may have been used.
pub(super) fn leaves_nothing(state: DeviceState) -> Result<(), Conflict> {
    if state == DeviceState::Pending { Ok(()) } else { Err(Conflict::Revision) }
}

/// An import is over at `now` if nothing was added to it since then.
pub(super) fn abandoned_since(now: UnixTime) -> Option<UnixTime> {
    now.0.checked_sub(ABANDONED_AFTER).map(UnixTime)
}

/// The device counts that a change moves, by account. An account is counted after all writes:
/// the revisions that a change names are from before it.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<String, (i64, i64)>);

impl Counts {
    /// A device was added in this state.
    pub(super) fn added(&mut self, account: &str, state: DeviceState) {
        self.count(account, 1, active(state));
    }

    /// A device was removed that was in this state.
    pub(super) fn removed(&mut self, account: &str, state: DeviceState) {
        self.count(account, -1, -active(state));
    }

    /// A device moved from one state to another.
    pub(super) fn moved(&mut self, account: &str, from: DeviceState, to: DeviceState) {
        self.count(account, 0, active(to) - active(from));
    }

    /// For each account that moves: by how many devices, and by how many active ones.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, i64, i64)> {
        self.0
            .iter()
            .map(|(account, (devices, active))| (account.as_str(), *devices, *active))
    }

    /// True for an account of which a device was added, removed or moved.
    #[cfg(feature = "sqlite")]
    pub(super) fn has(&self, account: &str) -> bool {
        self.0.contains_key(account)
    }

    fn count(&mut self, account: &str, devices: i64, active: i64) {
        // Devices of no account.
        if account.is_empty() {
            return;
        }
        let counts = self.0.entry(account.to_owned()).or_default();
        *counts = (counts.0 + devices, counts.1 + active);
    }
}

fn active(state: DeviceState) -> i64 {
    i64::from(state == DeviceState::Active)
}

/// The most devices that one write stages: more would keep the changes of others waiting.
pub(super) const STAGED_AT_ONCE: usize = 500;

/// The most staged devices that are moved or deleted in one transaction.
pub(super) const SETTLED_AT_ONCE: u32 = 50;

/// Seconds without a new device after which an import is abandoned.
const ABANDONED_AFTER: u64 = 3_600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_one_account_add_up() {
        let mut counts = Counts::default();
        counts.added("alice", DeviceState::Active);
        counts.added("alice", DeviceState::Pending);
        counts.moved("alice", DeviceState::Pending, DeviceState::Active);
        counts.removed("bob", DeviceState::Active);
        counts.moved("bob", DeviceState::Active, DeviceState::Locked);
        let all: Vec<_> = counts.iter().collect();
        assert_eq!(all, [("alice", 2, 2), ("bob", -1, -2)]);
    }
}
