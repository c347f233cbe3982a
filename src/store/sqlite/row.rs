//! Columns of rows, and the values they stand for.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use crate::id::AccountId;
use crate::store::Account;
use crate::store::columns::unsigned;
use crate::time::UnixTime;

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

/// The verdict on a row that is as twostep left it.
pub(super) const INTACT: i64 = 1;

/// The verdict on a row that another program wrote.
pub(super) const CHANGED: i64 = 0;

/// The verdict on a row that twostep wrote, and of which it has seen a later version.
pub(super) const BEHIND: i64 = 2;
