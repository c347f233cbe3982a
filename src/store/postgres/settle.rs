//! Imports that are over: published devices become rows, dropped ones are deleted.

use super::columns::column;
use super::connection::Connection;
use super::locks::Locks;
use super::outcome::Fault;
use super::table::IMPORTS;
use super::touched::{Touched, tag};
use super::{imports, sql};
use crate::store::columns::stored;
use crate::store::rules;
use crate::time::UnixTime;

/// Ends imports to which nothing was added for long. Returns how many there were.
pub(super) async fn abandon(conn: &Connection, now: UnixTime) -> Result<u64, Fault> {
    let Some(since) = rules::abandoned_since(now) else { return Ok(0) };
    let mut dropped: Vec<String> = Vec::new();
    for row in conn.rows(sql::IMPORTS_DROP_SINCE, &[&stored(since.0)]).await? {
        dropped.push(column("an import", &row, 0)?);
    }
    let names: Vec<&str> = dropped.iter().map(String::as_str).collect();
    tag(conn, &IMPORTS, &names).await?;
    Ok(u64::try_from(dropped.len()).unwrap_or(u64::MAX))
}

/// Moves some accounts of a published import, or deletes some rows of a dropped one, in this
/// transaction. Returns how many rows changed.
pub(super) async fn settle(conn: &Connection) -> Result<u64, Fault> {
    let found = conn.rows(sql::IMPORT_TO_SETTLE, &[]).await?;
    let Some(found) = found.first() else { return Ok(0) };
    let import: i64 = column("an import", found, 0)?;
    let limit = i64::from(rules::SETTLED_AT_ONCE);
    let changed = if column::<String>("an import", found, 1)? == "published" {
        let mut accounts = Vec::new();
        for row in conn.rows(sql::STAGED_ACCOUNTS_OF_IMPORT, &[&import, &limit]).await? {
            accounts.push(column("a staged device", &row, 0)?);
        }
        let moved = accounts.len();
        Locks::of_accounts(accounts).take(conn, &mut Touched::default()).await?;
        match moved {
            0 => imports::settle_unassigned(conn, import, limit).await?,
            _ => u64::try_from(moved).unwrap_or(u64::MAX),
        }
    } else {
        conn.run(sql::STAGED_DELETE_OF_IMPORT, &[&import, &limit]).await?
    };
    if changed > 0 {
        return Ok(changed);
    }
    conn.run(sql::IMPORT_DELETE, &[&import]).await
}
