//! Edits by a holder of the keys, for tests of states that take long to reach.

use std::path::Path;
use std::sync::Arc;

use super::ledger::Ledger;
use super::seal::Log;
use super::{cell, connection, identity};
use crate::store::{Keyring, OpenError};

/// Runs statements on a store's file, and authenticates the rows that they change.
///
/// # Errors
/// [`OpenError`] if the keys are not the store's, or SQLite fails.
pub fn edit(path: impl AsRef<Path>, keyring: &Keyring, sql: &str) -> Result<(), OpenError> {
    let ledger = Arc::<Ledger>::default();
    let conn = ledger.keep(connection::writer(path.as_ref())?)?;
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let keys = cell::keys_of(&conn, &Log::read(&conn)?, Some(keyring))?;
    ledger.take(keys.as_ref().map(|keys| &keys.rows));
    let identity = identity::read(&conn)?;
    ledger.begin(&conn, &identity)?;
    conn.execute_batch(sql)?;
    // An account covers the states of its devices.
    conn.execute_batch("UPDATE accounts SET revision = revision")?;
    ledger.write(&conn, &identity)?;
    conn.execute_batch("COMMIT")?;
    Ok(())
}
