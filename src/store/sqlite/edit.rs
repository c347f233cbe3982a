//! Edits by a holder of the keys, for tests of states that take long to reach.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::ledger::Ledger;
use super::schema::{Schema, Step};
use super::seal::Log;
use super::{cell, check, connection, identity, migrations};
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

/// The schema of this program and a further step, for tests of steps that later versions take.
pub struct Further(Schema);

impl Further {
    /// A step that changes one table; its tags cover these columns afterwards.
    pub fn step(sql: &'static str, table: &str, columns: &'static str) -> Further {
        let mut schema = Schema::released();
        let mut before = Vec::new();
        for changed in schema.tables.iter_mut().filter(|known| known.name == table) {
            before.push((changed.name, Some(changed.covers)));
            changed.covers = columns;
        }
        schema.steps.push(Step { sql, before: before.leak() });
        Further(schema)
    }

    /// Takes the steps that are left, in the transaction that is open.
    ///
    /// # Errors
    /// As opening the store.
    pub fn take(&self, conn: &Connection, keyring: Option<&Keyring>) -> Result<(), OpenError> {
        migrations::take_steps(conn, &self.0, keyring)
    }

    /// The rows that are not as twostep left them, after the step, and a seal of the audit log that
    /// does not fit.
    ///
    /// # Errors
    /// [`OpenError`] if they cannot be read.
    pub fn problems(&self, conn: &Connection, keyring: &Keyring) -> Result<Vec<String>, OpenError> {
        let mut problems = check::foreign(conn, keyring, self.0.current())?;
        let log = Log::read(conn)?;
        let keys = cell::keys_of(conn, &log, Some(keyring))?;
        if keys.is_some_and(|keys| !log.fits(&keys.audit)) {
            problems.push("the seal of the audit log does not fit".to_owned());
        }
        Ok(problems)
    }
}
