//! Migrations: a file of an earlier schema takes the steps that are left, in one transaction.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::identity::Identity;
use super::schema::{IDENTITY, Schema};
use super::{identity, objects};
use crate::store::OpenError;
use crate::store::links::sha256_hex;

/// True unless the file is a database of another program.
pub(super) fn recognises(conn: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(id == APPLICATION || tables == 0)
}

/// Brings the schema up to date. A file that would change rows by itself is refused.
pub(super) fn run(conn: &mut Connection) -> Result<(), OpenError> {
    // Without the exclusive lock first: others may be serving from an up-to-date store.
    let steps = Schema::released().steps;
    let done = verify(conn)?;
    if let Some(reason) = objects::foreign(conn)?.into_iter().next() {
        return Err(OpenError::Damaged { path: String::new(), reason });
    }
    if done == steps.len() {
        return Ok(());
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let done = verify(&transaction)?;
    if done == 0 {
        transaction.execute_batch(VERSION_TABLE)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
    }
    let identified = done >= IDENTITY;
    for (version, step) in (1u32..).zip(&steps).skip(done) {
        transaction.execute_batch(step.sql)?;
        transaction.execute(
            "INSERT INTO schema_version (version, checksum) VALUES (?1, ?2)",
            (version, checksum(step.sql)),
        )?;
    }
    match identified {
        true => drop(identity::advance(&transaction)?),
        false => identity::write(&transaction, &Identity::new()?)?,
    }
    transaction.commit()?;
    Ok(())
}

/// The number of migrations the file has seen, each the one this program knows.
pub(super) fn verify(conn: &Connection) -> Result<usize, OpenError> {
    let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'";
    if conn.query_row(exists, [], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    let mut statement =
        conn.prepare("SELECT version, checksum FROM schema_version ORDER BY version")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let seen: Vec<(u32, String)> = rows.collect::<Result<_, _>>()?;
    let steps = Schema::released().steps;
    for ((version, seen), expected) in seen.iter().zip(1u32..) {
        match steps.get(usize::try_from(expected - 1).unwrap_or(usize::MAX)) {
            None => return Err(OpenError::Newer { path: String::new(), known: steps.len() }),
            Some(step) if *version != expected || *seen != checksum(step.sql) => {
                return Err(OpenError::Changed { path: String::new(), version: expected });
            }
            Some(_) => {}
        }
    }
    Ok(seen.len())
}

fn checksum(sql: &str) -> String {
    sha256_hex(&[sql.as_bytes()])
}

const VERSION_TABLE: &str = "CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, \
checksum TEXT NOT NULL) STRICT;";

/// The application id in the file's header: `twst`.
const APPLICATION: i64 = 0x7477_7374;
