//! A connection that decides, with the audit chain that it has taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::acknowledged::Acknowledged;
use super::connection::Connection;
use super::dial::Dial;
use super::outcome::Fault;
use super::work::{Done, Work};
use super::{apply, chain, expire, settle};
use crate::store::{Change, Commit, Error, Links, MacKey, TABLES_PEPPER};

/// The part that the lanes of a store share.
pub(super) struct Shared {
    pub(super) dial: Arc<Dial>,
    pub(super) acknowledged: Arc<Acknowledged>,
    /// The last time that something was kept.
    kept: Mutex<Option<Instant>>,
}

/// A connection with its chain.
pub(super) struct Session {
    pub(super) conn: Connection,
    pub(super) links: Links,
    shared: Arc<Shared>,
}

impl Shared {
    pub(super) fn new(dial: Arc<Dial>, acknowledged: Acknowledged) -> Shared {
        let acknowledged = Arc::new(acknowledged);
        Shared { dial, acknowledged, kept: Mutex::default() }
    }

    /// True if something was kept this short a time ago.
    pub(super) fn kept_within(&self, time: Duration) -> bool {
        let kept = *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.is_some_and(|kept| kept.elapsed() < time)
    }

    /// The key of the audit log; none before the store was unlocked.
    pub(super) fn audit_key(&self) -> Option<MacKey> {
        self.dial.tags().audit_key()
    }
}

impl Session {
    pub(super) async fn open(shared: &Arc<Shared>) -> Result<Session, Error> {
        let conn = Connection::new(shared.dial.connect().await?);
        conn.set(PLANS).await?;
        if conn.first::<bool>(WAITING, &[]).await? == Some(true) {
            let reason = "a change waits for the standby; none is begun until one has answered";
            return Err(Error::Unavailable(reason.to_owned()));
        }
        if !conn.tags().are_kept()
            && conn.first::<bool>(IS_TAGGED, &[&TABLES_PEPPER]).await? == Some(true)
        {
            let reason = "its rows are authenticated, and it is locked: its keys are needed";
            return Err(Error::Unavailable(reason.to_owned()));
        }
        // The store must hold all that it has acknowledged to this agent.
        let store = shared.acknowledged.check(&conn).await?;
        let links = chain::take(&conn, store).await?;
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
        self.conn.commit().await?;
        self.kept(links);
        Ok(done)
    }

    /// Goes on from the end of what was committed.
    pub(super) fn kept(&mut self, links: Links) {
        let kept = &self.shared.kept;
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
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
                for sql in [TRY, TRIED] {
                    conn.run(sql, &[]).await?;
                }
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

const IS_TAGGED: &str = "SELECT EXISTS (SELECT FROM named_values WHERE name = $1)";

/// True while a commit of this store waits for its standby. It holds its connection until it has
/// its answer: one more at each try would use up all that the server has.
const WAITING: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'SyncRep'
    AND query_start < now() - interval '1 second')";

/// Writes more than a decision does.
const TRY: &str = "INSERT INTO named_values (name, value) VALUES ('store.room '
    || pg_backend_pid(), convert_to(repeat('x', 8192), 'UTF8')) ON CONFLICT DO NOTHING";

const TRIED: &str = "DELETE FROM named_values WHERE name = 'store.room ' || pg_backend_pid()";
