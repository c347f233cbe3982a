//! Migrations: a file of an earlier schema takes the steps that are left, in one transaction.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::identity::Identity;
use super::schema::{IDENTITY, Schema, TAGGED};
use super::vouched::Vouched;
use super::{identity, objects};
use crate::store::links::sha256_hex;
use crate::store::{Keyring, OpenError};

/// True unless the file is a database of another program.
pub(super) fn recognises(conn: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(id == APPLICATION || tables == 0)
}

/// Brings the schema up to date. A store that is authenticated needs its sealing keys for that.
pub(super) fn run(conn: &mut Connection, keyring: Option<&Keyring>) -> Result<(), OpenError> {
    let schema = Schema::released();
    // Without the exclusive lock first: others may be serving from an up-to-date store.
    if seen(conn, &schema)? < schema.steps.len() {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        take_steps(&transaction, &schema, keyring)?;
        transaction.commit()?;
    }
    own_objects(conn)
}

/// Takes the steps that are left, in the transaction that is open: all or none.
pub(super) fn take_steps(
    conn: &Connection,
    schema: &Schema,
    keyring: Option<&Keyring>,
) -> Result<(), OpenError> {
    own_objects(conn)?;
    let done = seen(conn, schema)?;
    let vouched = match done >= TAGGED {
        true => Vouched::find(conn, schema.after(done), keyring)?,
        false => None,
    };
    if done == 0 {
        conn.execute_batch(VERSION_TABLE)?;
        conn.pragma_update(None, "application_id", APPLICATION)?;
    }
    for (version, step) in (1u32..).zip(&schema.steps).skip(done) {
        conn.execute_batch(step.sql)?;
        conn.execute(
            "INSERT INTO schema_version (version, checksum) VALUES (?1, ?2)",
            (version, checksum(step.sql)),
        )?;
    }
    if done < IDENTITY {
        identity::write(conn, &Identity::new()?)?;
        return Ok(());
    }
    let identity = identity::advance(conn)?;
    match vouched {
        Some(vouched) => vouched.tag_anew(conn, schema.current(), &identity),
        None => Ok(()),
    }
}

/// Refuses a file that would change rows by itself.
fn own_objects(conn: &Connection) -> Result<(), OpenError> {
    match objects::foreign(conn)?.into_iter().next() {
        Some(reason) => Err(OpenError::Damaged { path: String::new(), reason }),
        None => Ok(()),
    }
}

/// The number of migrations the file has seen, each the one this program knows.
pub(super) fn verify(conn: &Connection) -> Result<usize, OpenError> {
    seen(conn, &Schema::released())
}

/// True if the file has all migrations that this program knows.
pub(super) fn is_current(conn: &Connection) -> Result<bool, OpenError> {
    let schema = Schema::released();
    Ok(seen(conn, &schema)? == schema.steps.len())
}

fn seen(conn: &Connection, schema: &Schema) -> Result<usize, OpenError> {
    let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'";
    if conn.query_row(exists, [], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    let mut statement =
        conn.prepare("SELECT version, checksum FROM schema_version ORDER BY version")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let seen: Vec<(u32, String)> = rows.collect::<Result<_, _>>()?;
    let steps = &schema.steps;
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
