//! The work between the beginning of a transaction and its commit.

use rusqlite::Connection;

use super::audit::Appender;
use super::cell::StoreCell;
use super::fault::Fault;
use super::identity::Identity;
use super::ledger::Ledger;
use super::seal::Log;
use super::work::{Done, Outcomes, Work};
use super::{apply, audit, chain, identity, imports, seal, sql};
use crate::id::CallerId;
use crate::store::{
    Action, Adoption, ChainEnd, ChainId, Change, Commit, Error, Event, MacKey, StoreKeys, rules,
};

/// An open transaction, and the chain that its audit rows go to.
pub(super) struct Transaction<'a> {
    pub(super) conn: &'a Connection,
    pub(super) chain: ChainId,
}

impl Transaction<'_> {
    /// Does each work wholly or not at all, and returns the identity that the store then has; none
    /// if it did not move.
    pub(super) fn work_through(
        &self,
        works: &[Work],
        cell: &StoreCell,
    ) -> Result<(Outcomes, Option<Identity>), Fault> {
        let mut log = Log::read(self.conn)?;
        if let [Work::Unlock(..)] = works
            && cell.keys().is_some()
            && log.is_sealed()
        {
            return Ok((vec![Ok(Done::Unlocked)], None));
        }
        if let [Work::Unlock(keys, adoption)] = works {
            return self.unlock(cell.ledger(), &log, keys, adoption.as_ref());
        }
        let key = cell.to_write(&log)?.map(|keys| &keys.audit);
        let ledger = cell.ledger();
        ledger.begin(self.conn, &log.identity)?;
        let appender = Appender::new(self.conn, key);
        let begin = log.head(self.chain);
        let mut links = log.links(&begin);
        let broken = key.is_some_and(|key| !log.fits(key));
        let marked = works.iter().find_map(Work::time).filter(|_| broken);
        if let Some(at) = marked {
            links = log.links(&audit::last(self.conn, &begin)?);
            links = appender.append(links, &[Event::new(at, Action::AuditBroken, &store())])?;
        }
        let mut outcomes = Vec::with_capacity(works.len());
        for work in works {
            outcomes.push(self.kept_or_not(ledger, || match work {
                Work::Change(change) => {
                    let (committed, after) = apply::apply(&appender, links.clone(), change)?;
                    links = after;
                    Ok(Done::Change(Commit::Committed(committed)))
                }
                other => self.tended(other, key),
            })?);
        }
        if !outcomes.iter().any(changes) && marked.is_none() {
            return Ok((outcomes, None));
        }
        if works.iter().any(|work| matches!(work, Work::Expire { .. })) {
            log.look_again(self.conn)?;
        }
        if *links.last() != begin {
            log.move_head(self.conn, &begin, links.last())?;
        }
        log.advance()?;
        // A seal that does not fit stays until a row says so.
        let key = key.filter(|_| !broken || marked.is_some());
        log.write(self.conn, ledger.sealed(&log.identity)?, key)?;
        Ok((outcomes, Some(log.identity)))
    }

    /// Takes back what a piece of work has done, unless it succeeds. A fault of the connection ends
    /// the transaction.
    fn kept_or_not(
        &self,
        ledger: &Ledger,
        work: impl FnOnce() -> Result<Done, Fault>,
    ) -> Result<Result<Done, Error>, Fault> {
        self.conn.prepare_cached("SAVEPOINT one")?.execute([])?;
        let mark = ledger.mark();
        let outcome = match work() {
            Ok(done) => Ok(done),
            Err(Fault::Sqlite(error))
                if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) =>
            {
                return Err(Fault::Sqlite(error));
            }
            Err(fault) => {
                self.conn.prepare_cached("ROLLBACK TO one")?.execute([])?;
                ledger.take_back(&mark);
                match fault {
                    Fault::Conflict(conflict) => Ok(Done::Change(Commit::Conflict(conflict))),
                    fault => Err(Error::from(fault)),
                }
            }
        };
        self.conn.prepare_cached("RELEASE one")?.execute([])?;
        Ok(outcome)
    }

    /// Work that writes no audit row.
    fn tended(&self, work: &Work, key: Option<&MacKey>) -> Result<Done, Fault> {
        match work {
            Work::Try => try_room(self.conn).map(|()| Done::Tried),
            Work::Settle => imports::settle(self.conn, rules::SETTLED_AT_ONCE).map(Done::Settled),
            Work::Abandon => imports::abandon_of(self.conn, self.chain)
                .map(|gone| Done::Settled(u64::try_from(gone).unwrap_or(u64::MAX))),
            Work::Expire { now, audit_before } => {
                let gone = apply::expire(self.conn, *now, BATCH_ROWS)?;
                let rows = audit::expire(self.conn, key, *audit_before, BATCH_ROWS)?;
                Ok(Done::Expired(gone.saturating_add(rows)))
            }
            Work::Change(_) | Work::Unlock(..) => {
                Err(Fault::Corrupt("work that is done elsewhere".to_owned()))
            }
        }
    }

    /// Takes the keys. A store that was never authenticated is: its history is closed by a row of
    /// each chain, and its chains are sealed.
    fn unlock(
        &self,
        ledger: &Ledger,
        log: &Log,
        keys: &StoreKeys,
        adoption: Option<&Adoption>,
    ) -> Result<(Outcomes, Option<Identity>), Fault> {
        if log.is_sealed() {
            ledger.take(Some(&keys.rows));
            return match ledger.look(self.conn, &log.identity)?.first() {
                None => Ok((vec![Ok(Done::Unlocked)], None)),
                Some(first) => Err(Fault::Corrupt(format!(
                    "{first}, which twostep did not; `twostep store check` tells more"
                ))),
            };
        }
        let Some(Adoption { at, caller, writes, audit }) = adoption else {
            return Err(Fault::Corrupt("its authentication was taken away".to_owned()));
        };
        ledger.take(Some(&keys.rows));
        ledger.adopt(self.conn)?;
        let appender = Appender::new(self.conn, Some(&keys.audit));
        self.conn.prepare_cached(sql::AUDIT_CLOSE)?.execute([])?;
        let change = Change { account: None, writes: writes.clone(), audit: Vec::new() };
        apply::apply(&appender, log.links(&log.head(self.chain)), &change)?;
        for chain in log.chains.iter().filter(|chain| chain.head.number > 0) {
            let ChainEnd { number, hash, .. } = &chain.head;
            let event = Event {
                count: *number,
                ..Event::new(*at, Action::AuditClosed, caller).reason(format!("{number} {hash}"))
            };
            let mut events = vec![event];
            if chain.id == ChainId::FIRST {
                events.extend_from_slice(audit);
            }
            let closed = appender.append(log.links_after_closing(chain), &events)?;
            chain::move_head(self.conn, &chain.head, closed.last())?;
        }
        let identity = identity::advance(self.conn)?;
        ledger.write(self.conn, &identity)?;
        seal::write(self.conn, &keys.audit)?;
        Ok((vec![Ok(Done::Unlocked)], Some(identity)))
    }
}

/// True for an outcome that changed something.
fn changes(outcome: &Result<Done, Error>) -> bool {
    match outcome {
        Ok(Done::Change(Commit::Committed(_)) | Done::Tried) => true,
        Ok(Done::Expired(changed) | Done::Settled(changed)) => *changed > 0,
        Ok(Done::Change(Commit::Conflict(_)) | Done::Unlocked) | Err(_) => false,
    }
}

/// The caller that rows of the store itself name.
fn store() -> CallerId {
    CallerId::new("store")
}

/// Writes [`ROOM`] bytes and removes them in the same transaction. Their pages are wiped and not
/// only let go (`secure_delete`), so they are written to the log all the same.
fn try_room(conn: &Connection) -> Result<(), Fault> {
    conn.prepare_cached(sql::VALUE_PUT)?.execute((TRIED, vec![0_u8; ROOM]))?;
    conn.prepare_cached(sql::VALUE_DELETE)?.execute([TRIED])?;
    Ok(())
}

/// The most rows of a kind that expire in one transaction: others wait behind it.
const BATCH_ROWS: u32 = 500;

/// The name of the value that is written to see whether there is room. It is never kept.
const TRIED: &str = "store.room";

/// More than a transaction of one decision needs.
const ROOM: usize = 64 * 1_024;
