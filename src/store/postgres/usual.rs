//! The usual change: accounts and devices that are replaced or expected, and audit rows.
//!
//! Many of them share a statement, which makes all of them or none.

use std::collections::BTreeMap;

use super::columns::to_json;
use crate::device::Device;
use crate::store::columns::{AccountColumns, stored};
use crate::store::{Change, Error, Write};

/// The rows that usual changes write or expect, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) accounts: BTreeMap<String, AccountRow>,
    pub(super) devices: BTreeMap<String, DeviceRow>,
}

/// An account and the revision it was judged from.
#[derive(Clone, Debug)]
pub(super) struct AccountRow {
    pub(super) seen: i64,
    /// The account after the change; none if it is only expected.
    pub(super) after: Option<AccountColumns>,
}

/// A device and the revision it was judged from.
#[derive(Clone, Debug)]
pub(super) struct DeviceRow {
    pub(super) seen: i64,
    /// The device after the change; none if it is only expected.
    pub(super) after: Option<DeviceColumns>,
}

/// The columns of a device whose account and state stay as they are.
#[derive(Clone, Debug)]
pub(super) struct DeviceColumns {
    pub(super) account: String,
    pub(super) state: &'static str,
    pub(super) body: String,
    /// The mark and the generation below which contexts made with it are dead.
    pub(super) mark: Option<(i64, i64)>,
}

impl Rows {
    /// The rows of a change; none if the change is not a usual one.
    pub(super) fn of(change: &Change) -> Result<Option<Rows>, Error> {
        let mut rows = Rows::default();
        for write in &change.writes {
            let twice = match write {
                Write::UpdateAccount { seen, account } => {
                    let after = Some(AccountColumns::of(account, to_json(account)?));
                    let row = AccountRow { seen: stored(seen.0), after };
                    rows.accounts.insert(account.id.as_str().to_owned(), row).is_some()
                }
                Write::ExpectAccount { account, seen } => {
                    let row = AccountRow { seen: stored(seen.0), after: None };
                    rows.accounts.insert(account.as_str().to_owned(), row).is_some()
                }
                Write::UpdateDevice { seen, device } => {
                    let after = Some(DeviceColumns::of(device)?);
                    let row = DeviceRow { seen: stored(seen.0), after };
                    rows.devices.insert(device.serial.as_str().to_owned(), row).is_some()
                }
                Write::ExpectDevice { serial, seen } => {
                    let row = DeviceRow { seen: stored(seen.0), after: None };
                    rows.devices.insert(serial.as_str().to_owned(), row).is_some()
                }
                _ => true,
            };
            if twice {
                return Ok(None);
            }
        }
        Ok(Some(rows))
    }

    /// True if these rows can share a statement: none that one of them writes is named by another.
    pub(super) fn admits(&self, other: &Rows) -> bool {
        let accounts = other.accounts.iter().all(|(name, new)| {
            self.accounts.get(name).is_none_or(|row| {
                row.seen == new.seen && row.after.is_none() && new.after.is_none()
            })
        });
        let devices = other.devices.iter().all(|(serial, new)| {
            self.devices.get(serial).is_none_or(|row| {
                row.seen == new.seen && row.after.is_none() && new.after.is_none()
            })
        });
        accounts && devices
    }

    /// Adds rows that are admitted.
    pub(super) fn add(&mut self, other: &Rows) {
        self.accounts
            .extend(other.accounts.iter().map(|(name, row)| (name.clone(), row.clone())));
        self.devices
            .extend(other.devices.iter().map(|(name, row)| (name.clone(), row.clone())));
    }

    /// The accounts, and those of the devices that are written.
    pub(super) fn owners(&self) -> impl Iterator<Item = &str> {
        let devices = self.devices.values().filter_map(|row| row.after.as_ref());
        let owners = devices.map(|device| device.account.as_str());
        self.accounts.keys().map(String::as_str).chain(owners)
    }

    /// True if a row that this change was judged from has moved since, as `written` tells, which
    /// was committed.
    pub(super) fn is_outrun_by(&self, written: &Rows) -> bool {
        let accounts = self.accounts.iter().any(|(name, row)| {
            let moved = written.accounts.get(name).filter(|moved| moved.after.is_some());
            moved.is_some_and(|moved| row.seen <= moved.seen)
        });
        let devices = self.devices.iter().any(|(serial, row)| {
            let moved = written.devices.get(serial).filter(|moved| moved.after.is_some());
            moved.is_some_and(|moved| row.seen <= moved.seen)
        });
        accounts || devices
    }
}

impl DeviceColumns {
    fn of(device: &Device) -> Result<DeviceColumns, Error> {
        let mark = device.revoked_before.map(|mark| (stored(mark.0), stored(device.generation)));
        Ok(DeviceColumns {
            account: device.owner().to_owned(),
            state: device.state.name(),
            body: to_json(device)?,
            mark,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change that expects an account, or writes it.
    fn account(seen: i64, written: bool) -> Rows {
        let after = written.then(|| AccountColumns {
            generation: 1,
            revoked_before: None,
            removed: false,
            body: String::new(),
        });
        let row = AccountRow { seen, after };
        Rows { accounts: BTreeMap::from([("alice".to_owned(), row)]), ..Rows::default() }
    }

    #[test]
    fn a_row_is_shared_only_if_it_is_expected_alike() {
        assert!(account(1, false).admits(&account(1, false)));
        assert!(!account(1, false).admits(&account(2, false)));
        assert!(!account(1, true).admits(&account(1, false)));
        assert!(!account(1, false).admits(&account(1, true)));
        assert!(Rows::default().admits(&account(1, true)));
    }

    #[test]
    fn a_committed_row_outruns_what_was_judged_before_it() {
        assert!(account(3, true).is_outrun_by(&account(3, true)));
        assert!(account(2, false).is_outrun_by(&account(3, true)));
        assert!(!account(4, true).is_outrun_by(&account(3, true)));
        assert!(!account(3, true).is_outrun_by(&account(3, false)));
        assert!(!account(3, true).is_outrun_by(&Rows::default()));
    }
}
