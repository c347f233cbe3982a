//! Verification of the whole audit log.

use rusqlite::Connection;

use super::audit::Written;
use super::chain::{self, Chain, chain_at, first_place, last_place, number_at};
use super::fault::Fault;
use super::identity::Identity;
use super::seal::Log;
use super::sql;
use crate::store::{Action, AuditEnd, AuditEnds, AuditReport, ChainId, ChainReport, MacKey};

/// Recomputes each chain from where it begins to where it is said to end; with the key, rows and
/// ends are seen to be the store's own.
pub(super) fn verify(conn: &Connection, key: Option<&MacKey>) -> Result<AuditReport, Fault> {
    let snapshot = conn.unchecked_transaction()?;
    let log = Log::read(&snapshot)?;
    let mut chains = Vec::new();
    for chain in &log.chains {
        chains.push(verified(&snapshot, &log, chain, key)?);
    }
    // Chains are begun in the order of their numbers: one that is left out was removed.
    let last = log.chains.last().map_or(0, |chain| chain.id.0).max(log.sealed_chains());
    let known = |id: ChainId| log.chains.iter().any(|chain| chain.id == id);
    for id in (1..=last.min(MOST)).map(ChainId).filter(|id| !known(*id)) {
        chains.push(broken(id, 1));
    }
    // Rows of a chain that is not written down.
    let mut from = i64::MIN;
    while let Some(place) = chain::first_from(&snapshot, from)? {
        let id = chain_at(place);
        if chains.iter().all(|report| report.chain != id) {
            chains.push(broken(id, number_at(place)));
        }
        let Some(next) = last_place(id).checked_add(1) else { break };
        from = next;
    }
    chains.sort_by_key(|report| report.chain);
    // Ends that are not the last transaction's: rows are missing after them, or were added.
    if key.is_some_and(|key| !log.fits(key)) && chains.iter().all(|chain| chain.ok) {
        for (report, chain) in chains.iter_mut().zip(&log.chains) {
            *report = ChainReport {
                ok: false,
                broken_at: Some(chain.head.number.saturating_add(1)),
                ..report.clone()
            };
        }
    }
    let ok = chains.iter().all(|chain| chain.ok);
    Ok(AuditReport { ok, authenticated: key.is_some() && log.is_sealed(), chains })
}

/// Ends of the chains, if the seal says the same.
pub(super) fn ends(conn: &Connection, key: Option<&MacKey>) -> Result<AuditEnds, Fault> {
    let snapshot = conn.unchecked_transaction()?;
    let log = Log::read(&snapshot)?;
    if !key.is_some_and(|key| log.fits(key)) {
        let changed = "the audit log does not end as it was left: run twostep audit verify";
        return Err(Fault::Corrupt(changed.to_owned()));
    }
    let end = |chain: &Chain| AuditEnd {
        base: chain.base.number,
        base_hash: chain.base.hash.clone(),
        closed: chain.closed,
        head: chain.head.clone(),
    };
    let Identity { store, epoch, .. } = log.identity;
    Ok(AuditEnds { store, epoch, chains: log.chains.iter().map(end).collect() })
}

/// Recomputes the chains without keys, and compares them with where they ended once, as a
/// checkpoint says. The hash of a row covers all rows before it.
pub(super) fn compare(conn: &Connection, then: &AuditEnds) -> Result<AuditReport, Fault> {
    let mut report = verify(conn, None)?;
    let log = Log::read(conn)?;
    let same_store = log.identity.store == then.store && log.identity.epoch >= then.epoch;
    for end in &then.chains {
        let id = end.head.chain;
        let known = log.chains.iter().find(|known| known.id == id);
        let fits = same_store
            && known.is_some_and(|chain| {
                let begins = chain.base.number == end.base && chain.closed == end.closed;
                begins && hash_at(conn, chain, end.head.number).as_ref() == Some(&end.head.hash)
            });
        match report.chains.iter_mut().find(|chain| chain.chain == id) {
            Some(chain) if chain.ok && !fits => {
                let cut = known.is_some_and(|known| known.base.number != end.base);
                let number = if cut { end.base.saturating_add(1) } else { end.head.number.max(1) };
                *chain = ChainReport { ok: false, broken_at: Some(number), ..chain.clone() };
            }
            // A break behind the checkpoint is a break all the same.
            Some(_) => {}
            None => report.chains.push(broken(id, 1)),
        }
    }
    report.ok = report.chains.iter().all(|chain| chain.ok);
    Ok(report)
}

/// The hash of a row that is there, or of the last one that went with time.
fn hash_at(conn: &Connection, chain: &Chain, number: u64) -> Option<String> {
    if chain.base.number == number {
        return Some(chain.base.hash.clone());
    }
    let at = chain::place(chain.id, number);
    let mut statement = conn.prepare_cached(sql::AUDIT_ROWS).ok()?;
    statement.query_row((at - 1, at, 1), |row| row.get(2)).ok()
}

fn broken(chain: ChainId, number: u64) -> ChainReport {
    ChainReport { chain, ok: false, rows: 0, closed: 0, head: None, broken_at: Some(number) }
}

fn verified(
    conn: &Connection,
    log: &Log,
    chain: &Chain,
    key: Option<&MacKey>,
) -> Result<ChainReport, Fault> {
    let mut report = ChainReport { closed: chain.closed, ..broken(chain.id, 0) };
    let mut links = log.links(&chain.base);
    let mut statement = conn.prepare_cached(sql::AUDIT_ROWS_WHOLE)?;
    // Includes rows from before the base, which should be gone.
    let mut rows = statement.query((first_place(chain.id), last_place(chain.id), -1))?;
    while let Some(row) = rows.next()? {
        let next = links.last().number.saturating_add(1);
        let written = Written::read(row);
        let event = written.ok().and_then(|row| row.follow(&mut links, key));
        if event.is_none_or(|event| event.action == Action::AuditBroken) {
            return Ok(ChainReport { broken_at: Some(next), ..report });
        }
        report.rows += 1;
    }
    let last = links.last();
    if *last != chain.head {
        return Ok(ChainReport { broken_at: Some(last.number.saturating_add(1)), ..report });
    }
    let head = (last.number > 0).then(|| last.hash.clone());
    Ok(ChainReport { ok: true, head, broken_at: None, ..report })
}

/// More chains than a seal is believed to name.
const MOST: u32 = 32_767;
