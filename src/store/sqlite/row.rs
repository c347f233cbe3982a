//! Columns of rows, and the values they stand for.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use crate::device::{Device, DeviceState};
use crate::id::AccountId;
use crate::store::Account;
use crate::time::UnixTime;

/// A number as SQLite keeps it. Times beyond the year 292 billion are all the same to us.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was stored.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::body("a value that is to be kept", error))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &str, body: &str) -> Result<T, Fault> {
    serde_json::from_str(body).map_err(|error| Fault::body(what, error))
}

/// The name of an account that was stored.
pub(super) fn account_id(what: &str, text: &str) -> Result<AccountId, Fault> {
    AccountId::existing(text).map_err(|error| Fault::body(what, error))
}

/// A name that was stored.
pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    what: &str,
    text: &str,
) -> Result<T, Fault> {
    text.parse().map_err(|error| Fault::body(what, error))
}

/// The only column of a row.
pub(super) fn first<T: rusqlite::types::FromSql>(row: &Row<'_>) -> rusqlite::Result<T> {
    row.get(0)
}

/// Fails unless a row was found intact; the verdict is in this column.
pub(super) fn see_intact(row: &Row<'_>, column: usize, what: &str) -> Result<(), Fault> {
    match row.get_ref(column)? {
        ValueRef::Integer(INTACT) => Ok(()),
        ValueRef::Integer(BEHIND) => Err(Fault::Behind(format!("{what} is older than it was"))),
        _ => Err(Fault::Corrupt(format!("{what} was changed by another program"))),
    }
}

/// The account that an import creates for its devices.
pub(super) fn imported_account(id: &AccountId, staged_at: i64) -> Account {
    Account::new(id.clone(), UnixTime(unsigned(staged_at)))
}

/// The columns of an account's row without its counts and its revision.
pub(super) struct AccountColumns {
    pub(super) generation: i64,
    pub(super) revoked_before: Option<i64>,
    pub(super) removed: bool,
    pub(super) body: String,
}

impl AccountColumns {
    pub(super) fn of(account: &Account) -> Result<AccountColumns, Fault> {
        Ok(AccountColumns {
            generation: stored(account.generation),
            revoked_before: account.revoked_before.map(|mark| stored(mark.0)),
            removed: account.removed_at.is_some(),
            body: to_json(account)?,
        })
    }
}

/// The state in a device's row.
pub(super) fn state(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Pending => "pending",
        DeviceState::Active => "active",
        DeviceState::Disabled => "disabled",
        DeviceState::Locked => "locked",
    }
}

/// The kind in a device's row, in the word its JSON has for it.
pub(super) fn kind(device: &Device) -> Result<String, Fault> {
    let word = serde_json::to_value(device.kind())
        .map_err(|error| Fault::body("a device's kind", error))?;
    word.as_str()
        .map(str::to_owned)
        .ok_or_else(|| Fault::Corrupt("a device's kind is no word".to_owned()))
}

/// The verdict on a row that is as twostep left it.
pub(super) const INTACT: i64 = 1;

/// The verdict on a row that another program wrote.
pub(super) const CHANGED: i64 = 0;

/// The verdict on a row that twostep wrote, and of which it has seen a later version.
pub(super) const BEHIND: i64 = 2;
