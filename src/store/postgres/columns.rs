//! Columns of rows, and the values they stand for.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::fault::corrupt;
use crate::store::Error;

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
