//! The usual change: accounts and devices that are replaced or expected, and audit rows.
//!
//! Many of them share a statement, which makes all of them or none.

use std::collections::BTreeMap;

use super::columns::to_json;
use super::table::{ACCOUNTS, DEVICES};
use super::tags::{SeenAccount, SeenDevice, Tags};
use crate::device::Device;
use crate::store::columns::{AccountColumns, stored};
use crate::store::tag::Cell;
use crate::store::{Account, Change, Error, Write};

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
    /// The tags of the row before and after the change.
    pub(super) tags: [Option<Vec<u8>>; 2],
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
    /// The tags of the row before and after the change.
    pub(super) tags: [Option<Vec<u8>>; 2],
}

impl Rows {
    /// The rows of a change; none if the change is not a usual one: it writes something else, it
    /// revokes, or the rows that it replaces were not read before, so that their tags cannot be
    /// told.
    pub(super) fn of(change: &Change, tags: &Tags) -> Result<Option<Rows>, Error> {
        let mut rows = Rows::default();
        for write in &change.writes {
            let twice = match write {
                Write::UpdateAccount { seen, account } => {
                    let known = tags.account(account.id.as_str(), stored(seen.0));
                    let Some(known) = known.filter(|known| known.marks == account.marks()) else {
                        return Ok(None);
                    };
                    let row = AccountRow::replaced(account, known, tags)?;
                    rows.accounts.insert(account.id.as_str().to_owned(), row).is_some()
                }
                Write::ExpectAccount { account, seen } => {
                    let row = AccountRow { seen: stored(seen.0), after: None, tags: [None, None] };
                    rows.accounts.insert(account.as_str().to_owned(), row).is_some()
                }
                Write::UpdateDevice { seen, device } => {
                    let known = tags.device(device.serial.as_str(), stored(seen.0));
                    let unmarked = DeviceColumns::mark(device);
                    let Some(known) = known.filter(|known| known.mark == unmarked) else {
                        return Ok(None);
                    };
                    let after = Some(DeviceColumns::replaced(device, known, tags)?);
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

impl AccountRow {
    /// An account that replaces one which was read.
    fn replaced(account: &Account, known: SeenAccount, tags: &Tags) -> Result<AccountRow, Error> {
        let after = AccountColumns::of(account, to_json(account)?);
        let cells = [
            Cell::text(account.id.as_str().as_bytes()),
            Cell::integer(known.revision.saturating_add(1)),
            Cell::integer(after.generation),
            after.revoked_before.map_or(Cell::NULL, Cell::integer),
            Cell::integer(i64::from(after.removed)),
            Cell::text(after.body.as_bytes()),
        ];
        let tag = tags.of_moved(&ACCOUNTS, &cells, &known.fixed);
        Ok(AccountRow {
            seen: known.revision,
            after: Some(after),
            tags: [known.tag.map(Vec::from), tag],
        })
    }
}

impl DeviceColumns {
    /// A device that replaces one which was read.
    fn replaced(device: &Device, known: SeenDevice, tags: &Tags) -> Result<DeviceColumns, Error> {
        let (account, state, body) = (device.owner(), device.state.name(), to_json(device)?);
        let cells = [
            Cell::text(device.serial.as_str().as_bytes()),
            Cell::integer(known.revision.saturating_add(1)),
            Cell::text(account.as_bytes()),
            Cell::text(state.as_bytes()),
            Cell::text(device.kind().name().as_bytes()),
            Cell::integer(stored(device.created_at.0)),
            Cell::text(body.as_bytes()),
        ];
        let tag = tags.of_moved(&DEVICES, &cells, &known.fixed);
        Ok(DeviceColumns {
            account: account.to_owned(),
            state,
            body,
            tags: [known.tag.map(Vec::from), tag],
        })
    }

    /// The mark and the generation below which contexts made with a device are dead.
    pub(super) fn mark(device: &Device) -> Option<(i64, i64)> {
        device.revoked_before.map(|mark| (stored(mark.0), stored(device.generation)))
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
        let row = AccountRow { seen, after, tags: [None, None] };
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
