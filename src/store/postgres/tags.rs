//! The tags of a store's rows: made, compared, and remembered as far as usual changes need them.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use subtle::ConstantTimeEq;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::columns::column;
use super::fault::corrupt;
use super::known::Known;
use super::table::{CONTROL, IDENTITY, Table};
use crate::store::links::hex;
use crate::store::tag::{Cell, tag_of};
use crate::store::{Error, MacKey, Marks, StoreKeys};

/// The keys of a store, once the verifier has given them, and what was read last.
#[derive(Default)]
pub(super) struct Tags {
    keys: RwLock<Option<StoreKeys>>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    epoch: i64,
    version: i64,
    accounts: Known<SeenAccount>,
    devices: Known<SeenDevice>,
    /// Tags of the control version and of the identity that were found right.
    right: Option<(i64, Vec<u8>, i64, Vec<u8>)>,
}

/// An account as it was read last.
#[derive(Clone, Copy)]
pub(super) struct SeenAccount {
    pub(super) revision: i64,
    pub(super) fixed: Fixed,
    pub(super) tag: Option<[u8; 32]>,
    pub(super) marks: Marks,
}

/// A device as it was read last.
#[derive(Clone, Copy)]
pub(super) struct SeenDevice {
    pub(super) revision: i64,
    pub(super) fixed: Fixed,
    pub(super) tag: Option<[u8; 32]>,
    /// The mark and the generation below which contexts made with it are dead.
    pub(super) mark: Option<(i64, i64)>,
}

/// Stands for the columns of a row that a usual change leaves as they are.
#[derive(Clone, Copy, Default)]
pub(super) struct Fixed([u8; 16]);

impl Tags {
    /// Takes the keys of the store.
    pub(super) fn take(&self, keys: StoreKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// True once the store is unlocked.
    pub(super) fn are_kept(&self) -> bool {
        self.rows_key().is_some()
    }

    /// The key of the audit log; none before the store was unlocked.
    pub(super) fn audit_key(&self) -> Option<MacKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.as_ref().map(|keys| keys.audit.clone())
    }

    fn rows_key(&self) -> Option<MacKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.as_ref().map(|keys| keys.rows.clone())
    }

    /// Fails unless a row is as twostep left it. The row begins with the covered columns and the
    /// tag.
    pub(super) fn see(&self, table: &Table, row: &Row) -> Result<(), Error> {
        let places: Vec<usize> = (0..=table.columns).collect();
        self.see_at(table, row, &places).map(|_| ())
    }

    /// Fails unless the row whose covered columns and tag are at these places is as twostep left
    /// it.
    pub(super) fn see_at(
        &self,
        table: &Table,
        row: &Row,
        places: &[usize],
    ) -> Result<Fixed, Error> {
        let Some(key) = self.rows_key() else { return Ok(Fixed::default()) };
        let Some((tag, covered)) = places.split_last() else { return Ok(Fixed::default()) };
        let cells = cells(table, row, covered)?;
        let fixed = Fixed::of(&key, table, &cells);
        let found: Option<&[u8]> = column(table.kind, row, *tag)?;
        let right = made(&key, table, &cells, &fixed).ct_eq(found.unwrap_or_default());
        match right.into() {
            true => Ok(fixed),
            false => Err(changed(table, &cells)),
        }
    }

    /// The tag of a row that begins with the covered columns; none without a key.
    pub(super) fn of_row(&self, table: &Table, row: &Row) -> Result<Option<Vec<u8>>, Error> {
        let Some(key) = self.rows_key() else { return Ok(None) };
        let places: Vec<usize> = (0..table.columns).collect();
        let cells = cells(table, row, &places)?;
        let fixed = Fixed::of(&key, table, &cells);
        Ok(Some(made(&key, table, &cells, &fixed).to_vec()))
    }

    /// The tag of a row with these columns, of which the others stay as they are; none without a
    /// key.
    pub(super) fn of_moved(
        &self,
        table: &Table,
        cells: &[Cell<'_>],
        fixed: &Fixed,
    ) -> Option<Vec<u8>> {
        self.rows_key().map(|key| made(&key, table, cells, fixed).to_vec())
    }

    /// Fails unless the control version is as twostep left it.
    pub(super) fn see_version(&self, version: i64, tag: Option<&[u8]>) -> Result<(), Error> {
        let Some(key) = self.rows_key() else { return Ok(()) };
        let tag = tag.unwrap_or_default();
        let last = self.last();
        let right = last.right.as_ref();
        match right.is_some_and(|(was, right, ..)| (*was, &**right) == (version, tag)) {
            true => Ok(()),
            false => see_version(&key, version, tag),
        }
    }

    /// Takes the version and the identity that a load has found, before the rows of its accounts:
    /// neither goes back, unless a restore has raised the epoch.
    pub(super) fn see_moment(
        &self,
        (version, tag): (i64, Option<&[u8]>),
        (id, epoch, of_identity): (&[u8], i64, Option<&[u8]>),
    ) -> Result<(), Error> {
        let Some(key) = self.rows_key() else { return Ok(()) };
        let (tag, of_identity) = (tag.unwrap_or_default(), of_identity.unwrap_or_default());
        let mut last = self.last();
        let right = (version, tag, epoch, of_identity);
        if last.right.as_ref().is_some_and(|(a, b, c, d)| (*a, &**b, *c, &**d) == right) {
            return Ok(());
        }
        see_version(&key, version, tag)?;
        let cells = [Cell::blob(id), Cell::integer(epoch)];
        let made = made(&key, &IDENTITY, &cells, &Fixed::default());
        if !bool::from(made.ct_eq(of_identity)) {
            return Err(changed(&IDENTITY, &cells));
        }
        if epoch > last.epoch {
            *last = Last { epoch, ..Last::default() };
        }
        if (epoch, version) < (last.epoch, last.version) {
            return Err(behind("the control row version"));
        }
        last.version = version;
        last.right = Some((version, tag.to_vec(), epoch, of_identity.to_vec()));
        Ok(())
    }

    /// Remembers an account that was read, with its devices. Fails if a later state was read
    /// before.
    pub(super) fn saw(
        &self,
        account: (&str, SeenAccount),
        devices: &[(String, SeenDevice)],
    ) -> Result<(), Error> {
        let (kept, mut last) = (self.are_kept(), self.last());
        let (name, seen) = account;
        let behind = |what: String| if kept { Err(behind(&what)) } else { Ok(()) };
        if last.accounts.of(name).is_some_and(|known| known.revision > seen.revision) {
            behind(format!("the account {name}"))?;
        }
        for (serial, seen) in devices {
            if last.devices.of(serial).is_some_and(|known| known.revision > seen.revision) {
                behind(format!("the device {serial}"))?;
            }
        }
        last.accounts.put(name, seen);
        devices.iter().for_each(|(serial, seen)| last.devices.put(serial, *seen));
        Ok(())
    }

    /// Fails if an account that is not there was read before: twostep keeps it for good.
    pub(super) fn saw_none(&self, name: &str) -> Result<(), Error> {
        match self.are_kept() && self.last().accounts.of(name).is_some() {
            true => Err(behind(&format!("the account {name}"))),
            false => Ok(()),
        }
    }

    /// The account as it was read last, if that is at this revision.
    pub(super) fn account(&self, name: &str, revision: i64) -> Option<SeenAccount> {
        self.last().accounts.of(name).filter(|seen| seen.revision == revision)
    }

    /// The device as it was read last, if that is at this revision.
    pub(super) fn device(&self, serial: &str, revision: i64) -> Option<SeenDevice> {
        self.last().devices.of(serial).filter(|seen| seen.revision == revision)
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fixed {
    fn of(key: &MacKey, table: &Table, cells: &[Cell<'_>]) -> Fixed {
        let mut fixed = Fixed::default();
        if table.fixed > 0 {
            let cells = cells.iter().skip(table.columns - table.fixed).copied();
            let kind = [Cell::text(b"fixed columns"), Cell::text(table.kind.as_bytes())];
            let mac = tag_of(key, kind.into_iter().chain(cells));
            fixed.0.copy_from_slice(&mac[..16]);
        }
        fixed
    }
}

/// The tag in this column of a row.
pub(super) fn tag_in(row: &Row, place: usize) -> Result<Option<[u8; 32]>, Error> {
    let found: Option<&[u8]> = column("a tag", row, place)?;
    Ok(found.and_then(|tag| tag.try_into().ok()))
}

fn see_version(key: &MacKey, version: i64, tag: &[u8]) -> Result<(), Error> {
    let cells = [Cell::text(b"version"), Cell::integer(version), Cell::NULL, Cell::NULL];
    match made(key, &CONTROL, &cells, &Fixed::default()).ct_eq(tag).into() {
        true => Ok(()),
        false => Err(changed(&CONTROL, &cells)),
    }
}

/// The tag of a row with these columns; the fixed ones may be left out.
fn made(key: &MacKey, table: &Table, cells: &[Cell<'_>], fixed: &Fixed) -> [u8; 32] {
    let moving = cells.iter().take(table.columns - table.fixed).copied();
    let fixed = (table.fixed > 0).then(|| Cell::blob(&fixed.0));
    let kind = std::iter::once(Cell::text(table.kind.as_bytes()));
    tag_of(key, kind.chain(moving).chain(fixed))
}

/// Values of a row as they are authenticated.
fn cells<'a>(table: &Table, row: &'a Row, places: &[usize]) -> Result<Vec<Cell<'a>>, Error> {
    let cell = |place: &usize| {
        let (place, what) = (*place, table.kind);
        let Some(found) = row.columns().get(place) else {
            return Err(corrupt(what, "a column is missing"));
        };
        let cell = match *found.type_() {
            Type::INT8 => column::<Option<i64>>(what, row, place)?.map(Cell::integer),
            Type::BOOL => {
                let flag: Option<bool> = column(what, row, place)?;
                flag.map(|flag| Cell::integer(i64::from(flag)))
            }
            Type::TEXT => {
                column::<Option<&str>>(what, row, place)?.map(|text| Cell::text(text.as_bytes()))
            }
            Type::BYTEA => column::<Option<&[u8]>>(what, row, place)?.map(Cell::blob),
            _ => return Err(corrupt(what, "a column has another type")),
        };
        Ok(cell.unwrap_or(Cell::NULL))
    };
    places.iter().map(cell).collect()
}

/// The error of a row that another program wrote.
fn changed(table: &Table, cells: &[Cell<'_>]) -> Error {
    let name = match cells.first() {
        Some(Cell::Bytes(4, bytes)) => hex(bytes),
        Some(Cell::Bytes(_, text)) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    };
    Error::Corrupt(format!("the {} {name} was changed by another program", table.kind))
}

/// The error of a row of which a later state was read.
fn behind(what: &str) -> Error {
    Error::WentBack(format!(
        "{what} is older than it was: another program put it back; run `twostep store check`, and \
         restore the store from a backup"
    ))
}
