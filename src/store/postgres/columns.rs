//! Columns of rows, and the values they stand for.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::fault::corrupt;
use crate::device::{Device, DeviceState};
use crate::store::{Account, Error};

/// A number as it is kept. Times beyond the year 292 billion are all the same to us.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was stored.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A column of a row.
pub(super) fn column<'a, T: FromSql<'a>>(
    what: &str,
    row: &'a Row,
    place: usize,
) -> Result<T, Error> {
    row.try_get(place).map_err(|error| corrupt(what, error))
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| corrupt("a value that is to be kept", error))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &str, body: &str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|error| corrupt(what, error))
}

/// The columns of an account's row without its counts and its revision.
#[derive(Clone, Debug)]
pub(super) struct AccountColumns {
    pub(super) generation: i64,
    pub(super) revoked_before: Option<i64>,
    pub(super) removed: bool,
    pub(super) body: String,
}

impl AccountColumns {
    pub(super) fn of(account: &Account) -> Result<AccountColumns, Error> {
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
pub(super) fn kind(device: &Device) -> Result<String, Error> {
    let word =
        serde_json::to_value(device.kind()).map_err(|error| corrupt("a device's kind", error))?;
    word.as_str()
        .map(str::to_owned)
        .ok_or_else(|| corrupt("a device's kind", "it is no word"))
}
