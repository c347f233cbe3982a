//! Rows that time has made useless.

use super::columns::column;
use super::connection::Connection;
use super::outcome::Fault;
use super::settle;
use crate::store::columns::{stored, unsigned};
use crate::store::{ChainEnd, ChainId, Event, Links, MacKey};
use crate::time::UnixTime;

/// Removes some rows that are over, in this transaction. Returns how many went.
pub(super) async fn expire(
    conn: &Connection,
    key: Option<&MacKey>,
    (now, audit_before): (UnixTime, UnixTime),
) -> Result<u64, Fault> {
    let mut gone = settle::abandon(conn, now).await?;
    for sql in [SINGLE_USE, SESSIONS] {
        gone += conn.run(sql, &[&stored(now.0)]).await?;
    }
    if gone > 0 {
        return Ok(gone);
    }
    audit(conn, key, audit_before).await
}

/// Removes some audit rows older than `before`, from the old end of one chain, and moves its
/// beginning. A row that is not as it was written stays, with all after it.
async fn audit(conn: &Connection, key: Option<&MacKey>, before: UnixTime) -> Result<u64, Fault> {
    let (what, before) = ("an audit chain", stored(before.0));
    let rows = conn.rows(CHAINS, &[&before]).await?;
    let store = conn.first::<Vec<u8>>(STORE, &[]).await?.unwrap_or_default();
    let store = <[u8; 16]>::try_from(&store[..]).unwrap_or_default();
    for row in rows {
        let id: i64 = column(what, &row, 0)?;
        let Ok(chain) = u32::try_from(id).map(ChainId) else { continue };
        let (base, closed): (i64, i64) = (column(what, &row, 1)?, column(what, &row, 3)?);
        let end = ChainEnd { chain, number: unsigned(base), hash: column(what, &row, 2)? };
        let links = Links::after(end, store, Some(unsigned(closed)));
        let gone = expire_chain(conn, key, links, before).await?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

async fn expire_chain(
    conn: &Connection,
    key: Option<&MacKey>,
    mut links: Links,
    before: i64,
) -> Result<u64, Fault> {
    let (id, base) = (i64::from(links.last().chain.0), stored(links.last().number));
    let mut gone = 0;
    for row in conn.rows(OLDEST, &[&id, &base]).await? {
        let what = "an audit row";
        let at: i64 = column(what, &row, 1)?;
        let (body, hash): (&str, &str) = (column(what, &row, 2)?, column(what, &row, 3)?);
        let mac: Option<&[u8]> = column(what, &row, 4)?;
        let authentic = match (key, mac) {
            (Some(key), Some(mac)) => key.verifies(mac, &[ROW, hash.as_bytes()]),
            _ => true,
        };
        let mut next = links.clone();
        let number = unsigned(column(what, &row, 0)?);
        let event: Option<Event> = next.follow(number, body, hash);
        // A row that is kept keeps all after it, also those with an earlier time.
        if at >= before || !authentic || event.is_none_or(|event| stored(event.at.0) != at) {
            break;
        }
        links = next;
        gone += 1;
    }
    if gone > 0 {
        let base = stored(links.last().number);
        conn.run(BASE, &[&id, &base, &links.last().hash]).await?;
        conn.run(DELETE, &[&id, &base]).await?;
    }
    Ok(gone)
}

const ROW: &[u8] = b"row";

const SINGLE_USE: &str = "DELETE FROM single_use WHERE ctid = ANY(ARRAY(SELECT ctid
    FROM single_use WHERE expires_at <= $1 LIMIT 500 FOR UPDATE SKIP LOCKED))";

const SESSIONS: &str = "DELETE FROM revoked_sessions WHERE ctid = ANY(ARRAY(SELECT ctid
    FROM revoked_sessions WHERE expires_at <= $1 LIMIT 500 FOR UPDATE SKIP LOCKED))";

const STORE: &str = "SELECT id FROM store_identity";

/// Chains whose oldest row is old enough.
const CHAINS: &str = "SELECT c.id, c.base, c.base_hash, c.closed FROM chains c
    JOIN audit a ON a.chain = c.id AND a.number = c.base + 1 WHERE a.at < $1 ORDER BY c.id";

const OLDEST: &str = "SELECT number, at, body, hash, mac FROM audit
    WHERE chain = $1 AND number > $2 ORDER BY number LIMIT 500";

const BASE: &str = "UPDATE chains SET base = $2, base_hash = $3 WHERE id = $1 AND base < $2";

const DELETE: &str = "DELETE FROM audit WHERE chain = $1 AND number <= $2";
