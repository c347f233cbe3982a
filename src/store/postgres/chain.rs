//! The audit chain of a connection: taken for as long as the connection lives, and appended to.

use super::columns::{column, to_json};
use super::connection::Connection;
use super::fault::corrupt;
use super::outcome::Fault;
use crate::store::columns::{stored, unsigned};
use crate::store::{ChainEnd, ChainId, Error, Event, Links, MacKey};

/// Rows that are to be appended, a vector for each column.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) numbers: Vec<i64>,
    pub(super) times: Vec<i64>,
    pub(super) bodies: Vec<String>,
    pub(super) hashes: Vec<String>,
    pub(super) macs: Vec<Option<Vec<u8>>>,
}

impl Rows {
    /// Adds a row for each event after the last one of `links`.
    pub(super) fn add(
        &mut self,
        links: &mut Links,
        key: Option<&MacKey>,
        events: &[Event],
    ) -> Result<(), Error> {
        for event in events {
            let body = to_json(event)?;
            let (number, hash) = links.append(&body);
            self.numbers.push(stored(number));
            self.times.push(stored(event.at.0));
            self.macs.push(key.map(|key| key.mac(&[ROW, hash.as_bytes()]).to_vec()));
            self.bodies.push(body);
            self.hashes.push(hash);
        }
        Ok(())
    }
}

/// Takes a chain of this store that no other connection writes, and returns its end.
pub(super) async fn take(conn: &Connection, store: [u8; 16]) -> Result<Links, Fault> {
    for _ in 0..TRIES {
        let Some(chain) = free(conn).await? else { continue };
        let head = conn.rows(HEAD, &[&i64::from(chain.0)]).await?;
        let Some(row) = head.first() else {
            return Err(corrupt("an audit chain", "its row is gone").into());
        };
        let (number, closed): (i64, i64) =
            (column("an audit chain", row, 0)?, column("an audit chain", row, 2)?);
        let hash = column("an audit chain", row, 1)?;
        let end = ChainEnd { chain, number: unsigned(number), hash };
        return Ok(Links::after(end, store, Some(unsigned(closed))));
    }
    Err(Error::Unavailable("no audit chain is free".to_owned()).into())
}

/// A chain that is now locked for this connection; none if another connection was faster.
async fn free(conn: &Connection) -> Result<Option<ChainId>, Fault> {
    let rows = conn.rows(FREE, &[]).await?;
    let row = rows.first().ok_or_else(|| corrupt("the audit chains", "no answer"))?;
    let (free, next): (Option<i64>, i64) =
        (column("an audit chain", row, 0)?, column("an audit chain", row, 1)?);
    let id = free.unwrap_or(next);
    let narrow = |_| corrupt("an audit chain", "its number is out of range");
    let chain = ChainId(u32::try_from(id).map_err(narrow)?);
    if conn.first::<bool>(LOCK, &[&i32::try_from(id).map_err(narrow)?]).await? != Some(true) {
        return Ok(None);
    }
    if free.is_none() {
        conn.run(BEGIN, &[&id, &ChainEnd::of_empty(chain).hash]).await?;
    }
    Ok(Some(chain))
}

/// Appends rows in this transaction and moves the end of the chain.
pub(super) async fn append(
    conn: &Connection,
    begin: &Links,
    key: Option<&MacKey>,
    events: &[Event],
) -> Result<Links, Fault> {
    let (mut links, mut rows) = (begin.clone(), Rows::default());
    rows.add(&mut links, key, events)?;
    if rows.numbers.is_empty() {
        return Ok(links);
    }
    let (from, to) = (begin.last(), links.last());
    let chain = i64::from(to.chain.0);
    let Rows { numbers, times, bodies, hashes, macs } = &rows;
    conn.run(APPEND, &[&chain, numbers, times, bodies, hashes, macs]).await?;
    let (from_number, to_number) = (stored(from.number), stored(to.number));
    let values: super::connection::Values<'_> =
        &[&chain, &from_number, &from.hash, &to_number, &to.hash];
    match conn.run(MOVE, values).await? {
        1 => Ok(links),
        _ => Err(written_by_another(to.chain)),
    }
}

/// The fault of a chain whose end another program has moved.
pub(super) fn written_by_another(chain: ChainId) -> Fault {
    Fault::Broken(Error::Unavailable(format!("another program writes the audit chain {chain}")))
}

/// Tells a row's MAC from others.
const ROW: &[u8] = b"row";

const TRIES: u32 = 64;

/// The first chain that no connection has locked, and the number after the last chain.
const FREE: &str = "SELECT min(id) FILTER (WHERE NOT EXISTS (SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid::bigint = 7461 AND l.objid::bigint = id
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))),
    coalesce(max(id), 0) + 1 FROM chains";

const LOCK: &str = "SELECT pg_try_advisory_lock(7461, $1::integer)";

const BEGIN: &str = "INSERT INTO chains (id, base, base_hash, closed, head, head_hash)
    VALUES ($1, 0, $2, 0, 0, $2) ON CONFLICT DO NOTHING";

const HEAD: &str = "SELECT head, head_hash, closed FROM chains WHERE id = $1";

const APPEND: &str = "INSERT INTO audit (chain, number, at, body, hash, mac)
    SELECT $1::bigint, t.* FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[],
        $6::bytea[]) AS t";

const MOVE: &str = "UPDATE chains SET head = $4, head_hash = $5
    WHERE id = $1 AND head = $2 AND head_hash = $3";
