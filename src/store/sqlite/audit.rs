//! The rows of the audit log: each carries the hash of the one before and, once the store has its
//! keys, a MAC of its hash.

use std::collections::VecDeque;

use rusqlite::{Connection, Row};

use super::chain::{chain_at, last_place, number_at, place};
use super::fault::Fault;
use super::row::{from_json, to_json};
use super::seal::Log;
use super::{chain, sql};
use crate::id::{AccountId, SerialNumber};
use crate::store::audit_page::merged;
use crate::store::columns::{stored, unsigned};
use crate::store::{
    Action, AuditFilter, AuditFrom, AuditList, AuditRow, ChainEnd, ChainId, Event, Links, MacKey,
};
use crate::time::UnixTime;

/// Appends to one chain in a transaction.
pub(super) struct Appender<'a> {
    conn: &'a Connection,
    /// The key of the MACs. Rows of a store without keys belong to the part that is closed later.
    key: Option<&'a MacKey>,
}

impl<'a> Appender<'a> {
    pub(super) fn new(conn: &'a Connection, key: Option<&'a MacKey>) -> Appender<'a> {
        Appender { conn, key }
    }

    pub(super) fn conn(&self) -> &'a Connection {
        self.conn
    }

    /// Adds a row for each event; [`chain::move_head`] writes the end that follows, once for all
    /// changes of a transaction.
    pub(super) fn append(&self, mut links: Links, events: &[Event]) -> Result<Links, Fault> {
        for event in events {
            let body = to_json(event)?;
            let (number, hash) = links.append(&body);
            let mac = self.key.map(|key| mac(key, &hash));
            let row = (place(links.last().chain, number), stored(event.at.0), &body, &hash, mac);
            self.conn.prepare_cached(sql::AUDIT_INSERT)?.execute(row)?;
        }
        Ok(links)
    }
}

/// The MAC of a row. Its hash says which store, chain and place it belongs to.
pub(super) fn mac(key: &MacKey, hash: &str) -> [u8; 32] {
    key.mac(&[ROW, hash.as_bytes()])
}

pub(super) fn is_authentic(key: &MacKey, hash: &str, mac: Option<&[u8]>) -> bool {
    mac.is_some_and(|mac| key.verifies(mac, &[ROW, hash.as_bytes()]))
}

/// The rows of a list, oldest first.
pub(super) fn rows(conn: &Connection, list: &AuditList) -> Result<Vec<AuditRow>, Fault> {
    let mut chains = Vec::new();
    for chain in chain::all(conn)? {
        chains.push(VecDeque::from(page(conn, chain.id, list)?));
    }
    Ok(merged(chains, list))
}

/// Rows of one chain, the newest first if the page ends with the last one.
fn page(conn: &Connection, chain: ChainId, list: &AuditList) -> Result<Vec<AuditRow>, Fault> {
    let (sql, after) = match &list.from {
        AuditFrom::After(cursor) => (sql::AUDIT_FOUND, cursor.after(chain)),
        AuditFrom::Newest => (sql::AUDIT_FOUND_NEWEST, 0),
    };
    let AuditFilter { account, serial, action, since, until } = &list.only;
    let (account, serial) =
        (account.as_ref().map(AccountId::as_str), serial.as_ref().map(SerialNumber::as_str));
    let time = |time: &Option<UnixTime>| time.map(|time| stored(time.0));
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((
        place(chain, after),
        last_place(chain),
        list.limit,
        account,
        serial,
        action.as_ref().map(Action::name),
        time(since),
        time(until),
    ))?;
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

/// The last row of a chain that is there, or its end as it is written down if that is later.
pub(super) fn last(conn: &Connection, head: &ChainEnd) -> Result<ChainEnd, Fault> {
    let (from, to) = (place(head.chain, head.number), last_place(head.chain));
    let mut statement = conn.prepare_cached(sql::AUDIT_NEWEST)?;
    let mut rows = statement.query((from, to, 1))?;
    Ok(match rows.next()? {
        Some(row) => ChainEnd { number: number_at(row.get(0)?), hash: row.get(2)?, ..head.clone() },
        None => head.clone(),
    })
}

/// Removes at most `limit` rows older than `before`, from the old end of each chain on, and moves
/// the beginnings of the chains. A row that is not as it was written stays, with all after it.
pub(super) fn expire(
    conn: &Connection,
    key: Option<&MacKey>,
    before: UnixTime,
    limit: u32,
) -> Result<u64, Fault> {
    let log = Log::read(conn)?;
    let mut gone = 0;
    for chain in &log.chains {
        let mut links = log.links(&chain.base);
        let mut statement = conn.prepare_cached(sql::AUDIT_ROWS_WHOLE)?;
        let from = place(chain.id, chain.base.number);
        let mut rows = statement.query((from, last_place(chain.id), limit))?;
        while let Some(row) = rows.next()? {
            let mut next = links.clone();
            // A row that is kept keeps all after it, also those with an earlier time.
            if Written::read(row)?
                .follow(&mut next, key)
                .is_none_or(|event| event.at >= before)
            {
                break;
            }
            links = next;
            gone += 1;
        }
        let base = links.last();
        if *base != chain.base {
            let to = place(chain.id, base.number);
            conn.prepare_cached(sql::AUDIT_DELETE)?.execute((from, to))?;
            let moved = (chain.id.0, stored(base.number), &base.hash);
            conn.prepare_cached(sql::AUDIT_BASE_MOVE)?.execute(moved)?;
        }
    }
    Ok(gone)
}

/// A row as it is written down.
pub(super) struct Written {
    place: i64,
    at: u64,
    body: String,
    hash: String,
    mac: Option<Vec<u8>>,
}

impl Written {
    /// Reads a row of [`sql::AUDIT_ROWS_WHOLE`].
    pub(super) fn read(row: &Row<'_>) -> Result<Written, Fault> {
        Ok(Written {
            place: row.get(0)?,
            at: unsigned(row.get(1)?),
            body: row.get(2)?,
            hash: row.get(3)?,
            mac: row.get(4)?,
        })
    }

    /// Goes on to this row if it is the next one and as it was written, and returns its event.
    pub(super) fn follow(&self, links: &mut Links, key: Option<&MacKey>) -> Option<Event> {
        let chain = links.last().chain;
        let number = links.last().number.checked_add(1)?;
        let closed = links.is_closed(number);
        let authentic = || match key {
            Some(key) if !closed => is_authentic(key, &self.hash, self.mac.as_deref()),
            _ => true,
        };
        if self.place != place(chain, number) || !authentic() {
            return None;
        }
        let event = links.follow(number, &self.body, &self.hash)?;
        (event.at.0 == self.at).then_some(event)
    }
}

/// Tells this MAC from that of the seal.
const ROW: &[u8] = b"row";
