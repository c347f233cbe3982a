//! Chains of audit rows: each row carries the hash of the one before, and the ends of each chain
//! are written down.
//!
//! A row is kept at its place, `(chain - 1) * 2^48 + number`, so that the rows of a chain lie
//! together and a row is appended to one page.

use std::collections::VecDeque;

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::fault::Fault;
use super::row::{from_json, stored, to_json, unsigned};
use super::sql;
use crate::store::{AuditCursor, AuditReport, AuditRow, ChainId, ChainReport, Event};
use crate::time::UnixTime;

/// The last row of a chain.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Head {
    chain: ChainId,
    number: u64,
    hash: String,
}

/// A chain as it is written down.
struct Chain {
    id: ChainId,
    base: Head,
    head: Head,
}

impl Head {
    pub(super) fn chain(&self) -> ChainId {
        self.chain
    }

    /// The end of a chain without rows. Its hash names the chain, so that no chain passes for
    /// another one.
    fn of_empty(chain: ChainId) -> Head {
        let hash = match chain {
            ChainId::FIRST => String::new(),
            ChainId(number) => sha256_hex(&[b"chain ", &number.to_be_bytes()]),
        };
        Head { chain, number: 0, hash }
    }
}

/// Reads the head of a chain, inside the transaction that appends.
pub(super) fn head(conn: &Connection, chain: ChainId) -> Result<Head, Fault> {
    let head: Option<(i64, String)> = conn
        .prepare_cached(sql::AUDIT_HEAD)?
        .query_row([chain.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match head {
        Some((number, hash)) => Head { chain, number: unsigned(number), hash },
        None => Head::of_empty(chain),
    })
}

/// Adds a row for each event; [`move_head`] writes the head that follows, once for all changes of a
/// transaction.
pub(super) fn append(conn: &Connection, mut head: Head, events: &[Event]) -> Result<Head, Fault> {
    for event in events {
        let body = to_json(event)?;
        let number = head.number + 1;
        let hash = link(&head.hash, number, &body);
        conn.prepare_cached(sql::AUDIT_INSERT)?.execute((
            place(head.chain, number),
            stored(event.at.0),
            &body,
            &hash,
        ))?;
        head = Head { number, hash, ..head };
    }
    Ok(head)
}

/// Writes down where the chain ends, which begins with its first row. Chains begin in the order of
/// their numbers.
pub(super) fn move_head(conn: &Connection, from: &Head, to: &Head) -> Result<(), Fault> {
    if from.number == 0 {
        for chain in (1..=to.chain.0).map(ChainId) {
            let begin = (chain.0, Head::of_empty(chain).hash);
            conn.prepare_cached(sql::AUDIT_CHAIN_BEGIN)?.execute(begin)?;
        }
    }
    let moved = (to.chain.0, stored(to.number), &to.hash);
    conn.prepare_cached(sql::AUDIT_HEAD_MOVE)?.execute(moved)?;
    Ok(())
}

/// Rows after that place.
pub(super) fn rows(
    conn: &Connection,
    after: &AuditCursor,
    limit: u32,
) -> Result<Vec<AuditRow>, Fault> {
    let mut chains = Vec::new();
    for chain in chains_of(conn)? {
        let (from, to) = (place(chain.id, after.after(chain.id)), last_place(chain.id));
        chains.push(VecDeque::from(page(conn, sql::AUDIT_ROWS, (from, to), limit)?));
    }
    Ok(merged(chains, limit, |one, other| one.event.at <= other.event.at))
}

/// The last rows, in the order of [`rows`].
pub(super) fn newest(conn: &Connection, limit: u32) -> Result<Vec<AuditRow>, Fault> {
    let mut chains = Vec::new();
    for chain in chains_of(conn)? {
        let (from, to) = (place(chain.id, 0), last_place(chain.id));
        chains.push(VecDeque::from(page(conn, sql::AUDIT_NEWEST, (from, to), limit)?));
    }
    let mut rows = merged(chains, limit, |one, other| one.event.at > other.event.at);
    rows.reverse();
    Ok(rows)
}

fn page(
    conn: &Connection,
    sql: &str,
    (from, to): (i64, i64),
    limit: u32,
) -> Result<Vec<AuditRow>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((from, to, limit))?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        let (place, body) = (row.get(0)?, row.get_ref(1)?.as_str());
        let body = body.map_err(|error| Fault::body("an audit row", error))?;
        page.push(AuditRow {
            chain: chain_at(place),
            number: number_at(place),
            event: from_json("an audit row", body)?,
            hash: row.get(2)?,
        });
    }
    Ok(page)
}

/// The first `limit` rows of several chains, each in its own order.
fn merged(
    mut chains: Vec<VecDeque<AuditRow>>,
    limit: u32,
    precedes: impl Fn(&AuditRow, &AuditRow) -> bool,
) -> Vec<AuditRow> {
    chains.retain(|chain| !chain.is_empty());
    if chains.len() < 2 {
        return chains.pop().unwrap_or_default().into();
    }
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    while rows.len() < most {
        let next =
            chains.iter_mut().filter(|chain| !chain.is_empty()).reduce(|one, other| {
                match (one.front(), other.front()) {
                    (Some(a), Some(b)) if !precedes(a, b) => other,
                    _ => one,
                }
            });
        let Some(row) = next.and_then(VecDeque::pop_front) else { break };
        rows.push(row);
    }
    rows
}

/// Recomputes each chain from where it begins to where it is said to end.
pub(super) fn verify(conn: &Connection) -> Result<AuditReport, Fault> {
    let snapshot = conn.unchecked_transaction()?;
    let known = chains_of(&snapshot)?;
    let mut chains = Vec::new();
    for chain in &known {
        chains.push(verified(&snapshot, chain)?);
    }
    let broken = |chain, number| ChainReport {
        chain,
        ok: false,
        rows: 0,
        head: None,
        broken_at: Some(number),
    };
    // Chains are begun in the order of their numbers: one that is left out was removed.
    let last = known.last().map_or(0, |chain| chain.id.0);
    for id in (1..last).map(ChainId).filter(|id| known.iter().all(|chain| chain.id != *id)) {
        chains.push(broken(id, 1));
    }
    // Rows of a chain that is not written down.
    let mut from = i64::MIN;
    while let Some(place) = first_from(&snapshot, from)? {
        let id = chain_at(place);
        if chains.iter().all(|report| report.chain != id) {
            chains.push(broken(id, number_at(place)));
        }
        let Some(next) = last_place(id).checked_add(1) else { break };
        from = next;
    }
    chains.sort_by_key(|report| report.chain);
    Ok(AuditReport { ok: chains.iter().all(|chain| chain.ok), chains })
}

fn verified(conn: &Connection, chain: &Chain) -> Result<ChainReport, Fault> {
    let mut report =
        ChainReport { chain: chain.id, ok: false, rows: 0, head: None, broken_at: None };
    let mut last = chain.base.clone();
    let mut statement = conn.prepare_cached(sql::AUDIT_ROWS)?;
    // Includes rows from before the base, which should be gone.
    let mut rows = statement.query((first_place(chain.id), last_place(chain.id), -1))?;
    while let Some(row) = rows.next()? {
        let (at, body, hash): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let expected = last.number + 1;
        let intact = at == place(chain.id, expected) && hash == link(&last.hash, expected, &body);
        if !intact || serde_json::from_str::<Event>(&body).is_err() {
            report.broken_at = Some(expected);
            return Ok(report);
        }
        report.rows += 1;
        last = Head { number: expected, hash, ..last };
    }
    if last != chain.head {
        report.broken_at = Some(last.number + 1);
        return Ok(report);
    }
    report.ok = true;
    report.head = (last.number > 0).then_some(last.hash);
    Ok(report)
}

/// Removes at most `limit` rows older than `before`, from the old end of each chain on, and moves
/// the beginnings of the chains.
pub(super) fn expire(conn: &Connection, before: UnixTime, limit: u32) -> Result<u64, Fault> {
    let mut gone = 0;
    for chain in chains_of(conn)? {
        let first = place(chain.id, chain.base.number);
        let mut statement = conn.prepare_cached(sql::AUDIT_OLDEST)?;
        let mut rows = statement.query((first, last_place(chain.id), limit))?;
        let mut base = None;
        while let Some(row) = rows.next()? {
            let (place, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            // A row that is kept keeps all after it, also those with an earlier time.
            if at >= stored(before.0) {
                break;
            }
            base = Some((place, row.get::<_, String>(2)?));
            gone += 1;
        }
        if let Some((place, hash)) = base {
            conn.prepare_cached(sql::AUDIT_DELETE)?.execute((first, place))?;
            let number = stored(number_at(place));
            conn.prepare_cached(sql::AUDIT_BASE_MOVE)?.execute((chain.id.0, number, hash))?;
        }
    }
    Ok(gone)
}

/// The chains that are written down, in the order of their numbers.
fn chains_of(conn: &Connection) -> Result<Vec<Chain>, Fault> {
    let mut statement = conn.prepare_cached(sql::AUDIT_CHAINS)?;
    let rows = statement.query_map([], |row| {
        let chain = ChainId(row.get(0)?);
        let end = |number: i64, hash| Head { chain, number: unsigned(number), hash };
        let (base, head) = (end(row.get(1)?, row.get(2)?), end(row.get(3)?, row.get(4)?));
        Ok(Chain { id: chain, base, head })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn first_from(conn: &Connection, place: i64) -> Result<Option<i64>, Fault> {
    let mut statement = conn.prepare_cached(sql::AUDIT_FIRST_FROM)?;
    Ok(statement.query_row([place], |row| row.get(0)).optional()?)
}

/// The place of the row with this number.
fn place(chain: ChainId, number: u64) -> i64 {
    let begin = i64::from(chain.0.saturating_sub(1)).saturating_mul(CHAIN);
    begin.saturating_add(stored(number).min(CHAIN - 1))
}

/// Before all places of a chain. Every negative place counts as one of the first chain.
fn first_place(chain: ChainId) -> i64 {
    match chain {
        ChainId::FIRST => i64::MIN,
        chain => place(chain, 0) - 1,
    }
}

fn last_place(chain: ChainId) -> i64 {
    place(chain, u64::MAX)
}

fn chain_at(place: i64) -> ChainId {
    ChainId(u32::try_from(place / CHAIN).map_or(1, |chain| chain + 1))
}

fn number_at(place: i64) -> u64 {
    if place < 0 { 0 } else { unsigned(place % CHAIN) }
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

/// The number of places of a chain.
const CHAIN: i64 = 1 << 48;
