//! The schema, one numbered file for each step it took. A step that was released never changes.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::identity::Identity;
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
    let done = verify(conn)?;
    if let Some(reason) = objects::foreign(conn)?.into_iter().next() {
        return Err(OpenError::Damaged { path: String::new(), reason });
    }
    if done == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let done = verify(&transaction)?;
    if done == 0 {
        transaction.execute_batch(VERSION_TABLE)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
    }
    let identified = done >= IDENTITY;
    for (version, sql) in (1u32..).zip(MIGRATIONS).skip(done) {
        transaction.execute_batch(sql)?;
        transaction.execute(
            "INSERT INTO schema_version (version, checksum) VALUES (?1, ?2)",
            (version, checksum(sql)),
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
    for ((version, seen), expected) in seen.iter().zip(1u32..) {
        match MIGRATIONS.get(usize::try_from(expected - 1).unwrap_or(usize::MAX)) {
            None => return Err(OpenError::Newer { path: String::new(), known: MIGRATIONS.len() }),
            Some(sql) if *version != expected || *seen != checksum(sql) => {
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

/// Every step, oldest first.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_security_keys.sql"),
    include_str!("../migrations/0003_revocations.sql"),
    include_str!("../migrations/0004_identity.sql"),
    include_str!("../migrations/0005_many.sql"),
    include_str!("../migrations/0006_keys_of_hmac.sql"),
    include_str!("../migrations/0007_revocations_by_account.sql"),
    include_str!("../migrations/0008_audit_keyed.sql"),
    include_str!("../migrations/0009_authenticated.sql"),
];

/// The step since which a store has an identity.
const IDENTITY: usize = 4;

const VERSION_TABLE: &str = "CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, \
checksum TEXT NOT NULL) STRICT;";

/// The application id in the file's header: `twst`.
const APPLICATION: i64 = 0x7477_7374;
