//! The chain of audit rows: each carries the hash of the one before, and the ends of the chain are
//! written down.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::fault::Fault;
use super::row::{from_json, stored, to_json, unsigned};
use super::sql;
use crate::store::{AuditReport, AuditRow, Event};
use crate::time::UnixTime;

/// The last row of the chain.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) hash: String,
}

/// Reads the head. Inside the transaction that appends: several processes write to one chain.
pub(super) fn head(conn: &Connection) -> Result<Head, Fault> {
    let head = conn
        .prepare_cached(sql::AUDIT_HEAD)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
    let (number, hash): (i64, String) = head?;
    Ok(Head { number: unsigned(number), hash })
}

/// Adds a row for each event; the head that follows is written by [`move_head`], once for all
/// changes of a transaction.
pub(super) fn append(conn: &Connection, mut head: Head, events: &[Event]) -> Result<Head, Fault> {
    for event in events {
        let body = to_json(event)?;
        let number = head.number + 1;
        let hash = link(&head.hash, number, &body);
        conn.prepare_cached(sql::AUDIT_INSERT)?.execute((
            stored(number),
            stored(event.at.0),
            &body,
            &hash,
        ))?;
        head = Head { number, hash };
    }
    Ok(head)
}

/// Writes down where the chain ends.
pub(super) fn move_head(conn: &Connection, head: &Head) -> Result<(), Fault> {
    conn.prepare_cached(sql::AUDIT_HEAD_MOVE)?
        .execute((stored(head.number), &head.hash))?;
    Ok(())
}

/// Rows after that number.
pub(super) fn rows(conn: &Connection, after: u64, limit: u32) -> Result<Vec<AuditRow>, Fault> {
    let mut statement = conn.prepare_cached(sql::AUDIT_ROWS)?;
    let rows = statement
        .query_map((stored(after), limit), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.map(|row| {
        let (number, body, hash): (i64, String, String) = row?;
        Ok(AuditRow { number: unsigned(number), event: from_json("an audit row", &body)?, hash })
    })
    .collect()
}

/// Recomputes the chain from where it begins to where it is said to end.
pub(super) fn verify(conn: &Connection) -> Result<AuditReport, Fault> {
    let snapshot = conn.unchecked_transaction()?;
    let chain = snapshot
        .prepare_cached(sql::AUDIT_CHAIN)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    let (base, base_hash, head, head_hash): (i64, String, i64, String) = chain?;
    let mut last = Head { number: unsigned(base), hash: base_hash };
    let mut report = AuditReport { ok: false, rows: 0, head: None, broken_at: None };
    let mut statement = snapshot.prepare_cached(sql::AUDIT_ROWS)?;
    // Also rows from before the base, which should be gone.
    let mut rows = statement.query((i64::MIN, -1))?;
    while let Some(row) = rows.next()? {
        let (number, body, hash): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let expected = last.number + 1;
        let intact = unsigned(number) == expected && hash == link(&last.hash, expected, &body);
        if !intact || serde_json::from_str::<Event>(&body).is_err() {
            report.broken_at = Some(expected);
            return Ok(report);
        }
        report.rows += 1;
        last = Head { number: expected, hash };
    }
    if last != (Head { number: unsigned(head), hash: head_hash }) {
        report.broken_at = Some(last.number + 1);
        return Ok(report);
    }
    report.ok = true;
    report.head = (last.number > 0).then_some(last.hash);
    Ok(report)
}

/// Removes at most `limit` rows older than `before`, from the old end on, and moves the beginning
/// of the chain.
pub(super) fn expire(conn: &Connection, before: UnixTime, limit: u32) -> Result<u64, Fault> {
    let mut statement = conn.prepare_cached(sql::AUDIT_OLDEST)?;
    let mut rows = statement.query((0, limit))?;
    let (mut base, mut gone) = (None, 0);
    while let Some(row) = rows.next()? {
        let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        // A row that is kept keeps all after it, whatever their clock said.
        if at >= stored(before.0) {
            break;
        }
        base = Some((number, row.get::<_, String>(2)?));
        gone += 1;
    }
    if let Some((number, hash)) = base {
        conn.prepare_cached(sql::AUDIT_DELETE)?.execute([number])?;
        conn.prepare_cached(sql::AUDIT_BASE_MOVE)?.execute((number, hash))?;
    }
    Ok(gone)
}

/// The hash of a row: over the hash of the row before in hex, the number in eight bytes (big end
/// first), and the event's JSON.
fn link(previous: &str, number: u64, body: &str) -> String {
    sha256_hex(&[previous.as_bytes(), &number.to_be_bytes(), body.as_bytes()])
}

/// SHA-256 in hex, of the parts one after the other.
pub(super) fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
