//! Parts of the store that its tests look at.

use std::sync::Arc;

use rusqlite::Connection;

use super::ledger::{Ledger, Notes};
use super::{rows, sql};

/// The tables whose rows are authenticated, each with what its tags cover.
#[doc(hidden)]
pub fn authenticated() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows::TABLES.iter().map(|table| (table.name, table.covers))
}

/// Gives a connection the functions that the store's statements use.
#[doc(hidden)]
pub fn functions(conn: &Connection) -> rusqlite::Result<()> {
    Arc::<Ledger>::default().functions(conn, Notes::AtOnce)
}

/// Every statement that the store runs while it serves, with its name.
#[doc(hidden)]
pub fn statements() -> &'static [(&'static str, &'static str)] {
    sql::ALL
}
