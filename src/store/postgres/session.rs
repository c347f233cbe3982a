//! A connection that decides, with the audit chain that it has taken.

use std::sync::{Arc, PoisonError, RwLock};

use super::acknowledged::Acknowledged;
use super::connection::Connection;
use super::dial::Dial;
use super::outcome::Fault;
use super::work::{Done, Work};
use super::{apply, chain, expire, settle};
use crate::store::{Change, Commit, Error, Links, MacKey, StoreKeys};

/// The part that the lanes of a store share.
pub(super) struct Shared {
    pub(super) dial: Arc<Dial>,
    pub(super) acknowledged: Arc<Acknowledged>,
    pub(super) keys: RwLock<Option<StoreKeys>>,
}

/// A connection with its chain.
pub(super) struct Session {
    pub(super) conn: Connection,
    pub(super) links: Links,
    shared: Arc<Shared>,
}

impl Shared {
    /// The key of the audit log; none before the store was unlocked.
    pub(super) fn audit_key(&self) -> Option<MacKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.as_ref().map(|keys| keys.audit.clone())
    }
}

impl Session {
    pub(super) async fn open(shared: &Arc<Shared>) -> Result<Session, Error> {
        let conn = Connection::new(shared.dial.connect().await?);
        conn.set(PLANS).await?;
        let links = chain::take(&conn, &shared.acknowledged).await?;
        Ok(Session { conn, links, shared: Arc::clone(shared) })
    }

    pub(super) fn audit_key(&self) -> Option<MacKey> {
        self.shared.audit_key()
    }

    /// Does work in a transaction of its own.
    pub(super) async fn alone(&mut self, work: &Work) -> Result<Done, Fault> {
        self.conn.begin().await?;
        let (done, links) = match self.judge(work).await {
            Ok(judged) => judged,
            Err(fault @ Fault::Broken(_)) => return Err(fault),
            Err(Fault::Conflict(conflict)) => {
                self.conn.roll_back().await?;
                return Ok(Done::Change(Commit::Conflict(conflict)));
            }
            Err(fault @ Fault::Undecided(_)) => {
                self.conn.roll_back().await?;
                return Err(fault);
            }
        };
        if matches!(work, Work::Try) {
            self.conn.roll_back().await?;
            return Ok(done);
        }
        self.conn.commit().await?;
        self.end_at(links);
        Ok(done)
    }

    /// Goes on from the end of what was committed.
    pub(super) fn end_at(&mut self, links: Links) {
        if links.last() != self.links.last() {
            self.shared.acknowledged.note(links.last());
            self.links = links;
        }
    }

    async fn judge(&self, work: &Work) -> Result<(Done, Links), Fault> {
        let (conn, links) = (&self.conn, self.links.clone());
        self.shared.acknowledged.is_whole(conn).await?;
        match work {
            Work::Usual(change, _) | Work::Change(change) => self.change(change).await,
            Work::Settle => Ok((Done::Rows(settle::settle(conn).await?), links)),
            Work::Expire { now, audit_before } => {
                let key = self.audit_key();
                let gone = expire::expire(conn, key.as_ref(), (*now, *audit_before)).await?;
                Ok((Done::Rows(gone), links))
            }
            Work::Try => {
                conn.run(TRY, &[]).await?;
                Ok((Done::Rows(0), links))
            }
        }
    }

    async fn change(&self, change: &Change) -> Result<(Done, Links), Fault> {
        let chain = self.links.last().chain;
        let committed = apply::apply(&self.conn, chain, change).await?;
        let key = self.audit_key();
        let links = chain::append(&self.conn, &self.links, key.as_ref(), &change.audit).await?;
        Ok((Done::Change(Commit::Committed(committed)), links))
    }
}

/// Plans that are made once and look rows up by their names: a plan that was made while a table was
/// empty would read all of it when it has grown.
const PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";

/// Writes more than a decision does.
const TRY: &str = "INSERT INTO named_values (name, value)
    VALUES ('store.try', convert_to(repeat('x', 65536), 'UTF8')) ON CONFLICT DO NOTHING";
