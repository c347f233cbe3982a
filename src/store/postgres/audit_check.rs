//! Verification of the whole audit log.

use tokio_postgres::Row;

use super::audit::{Chain, Log, chain_id};
use super::columns::column;
use super::reader::Reader;
use crate::store::columns::{stored, unsigned};
use crate::store::{
    Action, AuditEnd, AuditEnds, AuditReport, ChainId, ChainReport, Error, Links, MacKey,
};

/// Recomputes each chain from where it begins to where it is said to end, as of one moment; with
/// the key, rows are seen to be the store's own.
pub(super) async fn verify(reader: &Reader, key: Option<&MacKey>) -> Result<AuditReport, Error> {
    reader.begin_snapshot().await?;
    let log = Log::read(reader).await?;
    let mut chains = Vec::new();
    for chain in &log.chains {
        chains.push(verified(reader, &log, chain, key).await?);
    }
    // Chains are begun in the order of their numbers: one that is left out was removed.
    let last = log.chains.last().map_or(0, |chain| chain.id.0);
    let known = |id: ChainId| log.chains.iter().any(|chain| chain.id == id);
    let missing = (1..last).map(ChainId).filter(|id| !known(*id));
    chains.extend(missing.take(MOST).map(|id| broken(id, 1)));
    // Rows of a chain that is not written down.
    let mut after = i64::MIN;
    while let Some(row) = reader.first(CHAIN_AFTER, &[&after]).await? {
        after = column(ROW, &row, 0)?;
        match chain_id(after) {
            Ok(id) if known(id) || chains.iter().any(|report| report.chain == id) => {}
            Ok(id) => chains.push(broken(id, unsigned(column(ROW, &row, 1)?))),
            Err(_) => chains.push(broken(ChainId(0), 0)),
        }
    }
    reader.end_snapshot().await?;
    chains.sort_by_key(|report| report.chain);
    let ok = chains.iter().all(|chain| chain.ok);
    // The ends of the chains carry no seal.
    Ok(AuditReport { ok, authenticated: false, chains })
}

/// The ends of the chains, as they are written down.
pub(super) async fn ends(reader: &Reader) -> Result<AuditEnds, Error> {
    let Log { store, epoch, chains } = Log::read(reader).await?;
    let end = |chain: Chain| AuditEnd {
        base: chain.base.number,
        base_hash: chain.base.hash,
        closed: chain.closed,
        head: chain.head,
    };
    Ok(AuditEnds { store, epoch, chains: chains.into_iter().map(end).collect() })
}

fn broken(chain: ChainId, number: u64) -> ChainReport {
    ChainReport { chain, ok: false, rows: 0, closed: 0, head: None, broken_at: Some(number) }
}

async fn verified(
    reader: &Reader,
    log: &Log,
    chain: &Chain,
    key: Option<&MacKey>,
) -> Result<ChainReport, Error> {
    let mut report = ChainReport { closed: chain.closed, ..broken(chain.id, 0) };
    let mut links = Links::after(chain.base.clone(), log.store, Some(chain.closed));
    // Includes rows from before the base, which should be gone.
    let mut after = i64::MIN;
    loop {
        let rows = reader.rows(ROWS, &[&i64::from(chain.id.0), &after]).await?;
        for row in &rows {
            let next = links.last().number.saturating_add(1);
            if !follow(row, &mut links, key) {
                return Ok(ChainReport { broken_at: Some(next), ..report });
            }
            report.rows += 1;
        }
        if rows.is_empty() {
            break;
        }
        after = stored(links.last().number);
    }
    let last = links.last();
    if *last != chain.head {
        return Ok(ChainReport { broken_at: Some(last.number.saturating_add(1)), ..report });
    }
    let head = (last.number > 0).then(|| last.hash.clone());
    Ok(ChainReport { ok: true, head, broken_at: None, ..report })
}

/// Goes on to this row if it is the next one and as it was written.
fn follow(row: &Row, links: &mut Links, key: Option<&MacKey>) -> bool {
    let read = |row| -> Result<_, Error> {
        let (number, at): (i64, i64) = (column(ROW, row, 0)?, column(ROW, row, 1)?);
        let (body, hash): (&str, &str) = (column(ROW, row, 2)?, column(ROW, row, 3)?);
        Ok((number, at, body, hash, column::<Option<&[u8]>>(ROW, row, 4)?))
    };
    let Ok((number, at, body, hash, mac)) = read(row) else { return false };
    let number = unsigned(number);
    // Rows from before the keys were given carry no MAC.
    let forged =
        key.is_some_and(|key| mac.is_some_and(|mac| !key.verifies(mac, &[MAC, hash.as_bytes()])));
    if forged {
        return false;
    }
    let event = links.follow(number, body, hash);
    event.is_some_and(|event| event.at.0 == unsigned(at) && event.action != Action::AuditBroken)
}

const ROW: &str = "an audit row";

/// The part of the log that tells this MAC from others.
const MAC: &[u8] = b"row";

/// The most missing chains that a report names.
const MOST: usize = 1_000;

const ROWS: &str = "SELECT number, at, body, hash, mac FROM audit
    WHERE chain = $1 AND number > $2 ORDER BY number LIMIT 5000";

const CHAIN_AFTER: &str = "SELECT chain, number FROM audit WHERE chain > $1
    ORDER BY chain, number LIMIT 1";
