//! Chains of the audit log as they are written down: where each begins and ends, and the places of
//! their rows.
//!
//! A row is kept at its place, `(chain - 1) * 2^48 + number`, so that the rows of a chain lie
//! together and a row is appended to one page.

use rusqlite::{Connection, OptionalExtension};

use super::fault::Fault;
use super::sql;
use crate::store::columns::{stored, unsigned};
use crate::store::{ChainEnd, ChainId};

/// A chain as it is written down.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) id: ChainId,
    /// The last row that went with time.
    pub(super) base: ChainEnd,
    /// The number of the last row from before rows were authenticated.
    pub(super) closed: u64,
    pub(super) head: ChainEnd,
}

/// The chains that are written down, in the order of their numbers.
pub(super) fn all(conn: &Connection) -> Result<Vec<Chain>, Fault> {
    let mut statement = conn.prepare_cached(sql::AUDIT_CHAINS)?;
    let rows = statement.query_map([], |row| {
        let chain = ChainId(row.get(0)?);
        let end = |number: i64, hash| ChainEnd { chain, number: unsigned(number), hash };
        let (base, head) = (end(row.get(1)?, row.get(2)?), end(row.get(3)?, row.get(4)?));
        Ok(Chain { id: chain, base, closed: unsigned(row.get(5)?), head })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes down where a chain ends, which begins with its first row. Chains begin in the order of
/// their numbers.
pub(super) fn move_head(conn: &Connection, from: &ChainEnd, to: &ChainEnd) -> Result<(), Fault> {
    if from.number == 0 {
        for chain in (1..=to.chain.0).map(ChainId) {
            let begin = (chain.0, ChainEnd::of_empty(chain).hash);
            conn.prepare_cached(sql::AUDIT_CHAIN_BEGIN)?.execute(begin)?;
        }
    }
    let moved = (to.chain.0, stored(to.number), &to.hash);
    conn.prepare_cached(sql::AUDIT_HEAD_MOVE)?.execute(moved)?;
    Ok(())
}

/// The place of the first row from this place on.
pub(super) fn first_from(conn: &Connection, place: i64) -> Result<Option<i64>, Fault> {
    let mut statement = conn.prepare_cached(sql::AUDIT_FIRST_FROM)?;
    Ok(statement.query_row([place], |row| row.get(0)).optional()?)
}

/// The place of the row with this number.
pub(super) fn place(chain: ChainId, number: u64) -> i64 {
    let begin = i64::from(chain.0.saturating_sub(1)).saturating_mul(CHAIN);
    begin.saturating_add(stored(number).min(CHAIN - 1))
}

/// Before all places of a chain. Every negative place counts as one of the first chain.
pub(super) fn first_place(chain: ChainId) -> i64 {
    match chain {
        ChainId::FIRST => i64::MIN,
        chain => place(chain, 0) - 1,
    }
}

pub(super) fn last_place(chain: ChainId) -> i64 {
    place(chain, u64::MAX)
}

pub(super) fn chain_at(place: i64) -> ChainId {
    ChainId(u32::try_from(place / CHAIN).map_or(1, |chain| chain + 1))
}

pub(super) fn number_at(place: i64) -> u64 {
    if place < 0 { 0 } else { unsigned(place % CHAIN) }
}

/// The number of places of a chain.
const CHAIN: i64 = 1 << 48;
