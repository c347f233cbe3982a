//! The one thread that writes. Changes that wait together share one transaction, and so one flush
//! of the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};
use tokio::sync::oneshot;

use super::cell::StoreCell;
use super::fault::Fault;
use super::identity::Identity;
use super::open::Opened;
use super::readers::Readers;
use super::transaction::Transaction;
use super::work::{Done, Outcomes, Work};
use super::{connection, imports};
use crate::store::{Commit, Error, Write};

/// A request to the thread, and the channel of its answer.
pub(super) enum Job {
    /// Work to be done in a transaction.
    Do(Work, Reply),
    /// Close the store, also for handles that are still there.
    Close(oneshot::Sender<Result<(), String>>),
}

/// Hands work to the thread and waits until it is durable, or refused.
pub(super) async fn done(jobs: &SyncSender<Job>, work: Work) -> Result<Done, Error> {
    let (reply, answer) = oneshot::channel();
    jobs.try_send(Job::Do(work, reply)).map_err(|error| match error {
        TrySendError::Full(_) => Error::Unavailable("too many changes are waiting".to_owned()),
        TrySendError::Disconnected(_) => Error::Unavailable("the store is closed".to_owned()),
    })?;
    // The channel closes without an answer only if the thread died in the middle of the work.
    answer.await.unwrap_or_else(|_| {
        Err(Error::Unknown("the store's writer ended in the middle of it".to_owned()))
    })
}

/// The thread's side of the store.
pub(super) struct Writer {
    store: Opened,
    cell: Arc<StoreCell>,
    readers: Arc<Readers>,
    health: Arc<Health>,
    /// The connection carries a long log over by itself, after a commit.
    carries: bool,
    /// The connection flushes each commit.
    flushes: bool,
    /// The next time to move or delete rows of imports; none while no import is over.
    tending: Option<Instant>,
    /// Work of imports that waits for its turn.
    imports: VecDeque<(Work, Reply)>,
}

type Reply = oneshot::Sender<Result<Done, Error>>;

/// There is no request, and no handle that could send one.
struct Disconnected;

/// The outcome of the last transaction. Shared by the thread and the store's handles.
#[derive(Debug, Default)]
pub(super) struct Health(AtomicBool);

impl Health {
    pub(super) fn failed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn note(&self, failed: bool) {
        self.0.store(failed, Ordering::Release);
    }
}

impl Writer {
    pub(super) fn new(mut store: Opened, readers: Arc<Readers>, health: Arc<Health>) -> Writer {
        let cell = Arc::clone(readers.cell());
        // A connection without the functions is replaced by the first transaction.
        store.conn = store.conn.and_then(|conn| cell.ledger().keep(conn).ok());
        let tending = Some(Instant::now());
        let imports = VecDeque::new();
        Writer { store, cell, readers, health, carries: true, flushes: true, tending, imports }
    }

    /// Serves until the last handle of the store is gone, or it is to be closed.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let mut closing = Vec::new();
        self.tend(Work::Abandon);
        while closing.is_empty() {
            let Ok(first) = self.next(jobs) else { break };
            let mut batch = Vec::new();
            for job in first.into_iter().chain(jobs.try_iter().take(BATCH - 1)) {
                match job {
                    Job::Do(work @ Work::Unlock(..), reply) => self.serve(vec![(work, reply)]),
                    Job::Do(work, reply) if work.can_be_lost() => {
                        self.imports.push_back((work, reply));
                    }
                    Job::Do(work, reply) => batch.push((work, reply)),
                    Job::Close(reply) => closing.push(reply),
                }
            }
            if !batch.is_empty() {
                self.serve(batch);
            }
            // Other changes go before each batch of an import, and wait for one at most.
            if let Some(batch) = self.imports.pop_front() {
                self.serve(vec![batch]);
            }
            if self.tending.is_some_and(|at| at <= Instant::now()) {
                self.tend(Work::Settle);
            }
        }
        // Readers first: as long as one is open, the log cannot be emptied.
        self.readers.close(PATIENCE);
        let closed = self.store.close();
        for reply in closing {
            let _ = reply.send(closed.clone());
        }
        let waiting = self.imports.into_iter().map(|(work, reply)| Job::Do(work, reply));
        for job in waiting.chain(jobs.try_iter()) {
            match job {
                Job::Do(_, reply) => {
                    drop(reply.send(Err(Error::Unavailable("the store is closed".to_owned()))))
                }
                Job::Close(reply) => drop(reply.send(closed.clone())),
            }
        }
    }

    /// The next request, waited for unless there is something else to do; an error once there can
    /// be none.
    fn next(&self, jobs: &Receiver<Job>) -> Result<Option<Job>, Disconnected> {
        if !self.imports.is_empty() {
            return Ok(None);
        }
        let Some(at) = self.tending else {
            return jobs.recv().map(Some).map_err(|_| Disconnected);
        };
        match jobs.recv_timeout(at.saturating_duration_since(Instant::now())) {
            Ok(job) => Ok(Some(job)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Disconnected),
        }
    }

    /// Works on imports in a transaction of its own, for at most a third of the time.
    fn tend(&mut self, work: Work) {
        let (begun, chain) = (Instant::now(), self.store.claim.chain);
        let waits = |conn: &Connection| match work {
            Work::Abandon => imports::is_left(conn, chain),
            _ => imports::unsettled(conn),
        };
        let waits = self.store.conn.as_ref().map(waits);
        if !matches!(waits, Some(Ok(false))) && self.transact(&[work]).is_err() {
            self.tending = Some(Instant::now() + TEND_AGAIN);
            return;
        }
        let more = self
            .store
            .conn
            .as_ref()
            .is_some_and(|conn| imports::unsettled(conn).is_ok_and(|more| more));
        self.tending = more.then(|| Instant::now() + begun.elapsed() * 2);
    }

    fn serve(&mut self, batch: Vec<(Work, Reply)>) {
        let (works, replies): (Vec<Work>, Vec<_>) = batch.into_iter().unzip();
        let transacted = self.transact(&works);
        self.health.note(transacted.is_err());
        let published = |work: &Work| match work {
            Work::Change(change) => change.writes.iter().any(|write| {
                matches!(write, Write::PublishImport { .. } | Write::DropImport { .. })
            }),
            Work::Expire { .. } => true,
            _ => false,
        };
        if self.tending.is_none() && works.iter().any(published) {
            self.tending = Some(Instant::now());
        }
        if works.iter().any(|work| matches!(work, Work::Unlock(..))) {
            self.take_keys(&works, transacted.is_ok());
        }
        let outcomes =
            transacted.unwrap_or_else(|error| works.iter().map(|_| Err(error.clone())).collect());
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // A caller that stopped waiting gets no answer; the change is made all the same.
            let _ = reply.send(outcome);
        }
    }

    /// One transaction for all; an error before its commit is the answer to each, and no decision
    /// was made.
    fn transact(&mut self, works: &[Work]) -> Result<Outcomes, Error> {
        self.store.place.unmoved().map_err(Error::Unknown)?;
        let conn = match self.store.conn.take() {
            Some(conn) => conn,
            None => {
                (self.carries, self.flushes) = (true, true);
                connection::writer(self.store.place.path())
                    .and_then(|conn| self.cell.ledger().keep(conn))
                    .map_err(|error| Error::Unavailable(error.to_string()))?
            }
        };
        let carries = self.store.place.is_readable();
        if carries != self.carries {
            connection::carry_over_by_itself(&conn, carries).map_err(Fault::from)?;
            self.carries = carries;
        }
        let flushes = !works.iter().all(Work::can_be_lost);
        if flushes != self.flushes {
            connection::flush_each_commit(&conn, flushes).map_err(Fault::from)?;
            self.flushes = flushes;
        }
        // A connection that failed is closed here, which rolls back, and the next batch opens a new
        // one.
        connection::begin(&conn, &self.store.turn).map_err(Fault::from)?;
        let transaction = Transaction { conn: &conn, chain: self.store.claim.chain };
        let (outcomes, reached) = transaction.work_through(works, &self.cell)?;
        if let Err(error) = conn.execute_batch("COMMIT") {
            drop(conn);
            if was_not_kept(&error) {
                return Err(Error::from(Fault::from(error)));
            }
            return Ok(outcomes
                .into_iter()
                .map(|outcome| in_doubt(outcome, &error.to_string()))
                .collect());
        }
        self.cell.ledger().committed();
        self.store.conn = Some(conn);
        match reached.map(|identity| self.kept(&identity)) {
            Some(Err(moved)) => {
                Ok(outcomes.into_iter().map(|outcome| in_doubt(outcome, &moved)).collect())
            }
            Some(Ok(())) | None => Ok(outcomes),
        }
    }

    /// Takes the keys that a transaction unlocked the store with, or goes back to those before.
    fn take_keys(&mut self, works: &[Work], unlocked: bool) {
        for work in works {
            if let Work::Unlock(keys, _) = work
                && unlocked
            {
                self.cell.set(keys.clone());
                self.tend(Work::Abandon);
            }
        }
        self.cell.settle();
    }

    /// Sees, before a commit is answered, that the next start will find it, and tells the witness.
    fn kept(&self, reached: &Identity) -> Result<(), String> {
        self.store.place.unmoved()?;
        // The witness is never ahead of what a power cut leaves.
        if self.flushes {
            // Without the witness the next start knows less, and what was committed stays.
            let _ = self.store.witness.note(reached);
        }
        Ok(())
    }
}

/// True if a commit failed before its log could count as whole: no room for a page, or a page that
/// could not be written.
///
/// A transaction is in the write-ahead log once its last frame, which says that it is a commit, is
/// there with a checksum over all frames before it (SQLite, "WAL-mode File Format", the WAL file
/// and its checksum algorithm). SQLite writes the frames one after the other and syncs after the
/// last one; the index that readers go by is changed after the sync. A write that fails therefore
/// leaves frames that no reader is shown and that a recovery does not accept, and the next commit
/// begins at the same place and overwrites them. (Bytes of an older frame may complete the failed
/// one only where a disk refuses to overwrite what it has; even then a code that was refused is
/// spent, never a spent one good.)
///
/// Of a sync that failed, and of everything after it, nothing is known: the frames may be on the
/// disk or not.
fn was_not_kept(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|failure| failure.extended_code);
    matches!(code, Some(ffi::SQLITE_FULL | ffi::SQLITE_IOERR_WRITE))
}

/// The outcome of work whose commit failed. A conflict stays one: no part of that change was made
/// either way.
fn in_doubt(outcome: Result<Done, Error>, reason: &str) -> Result<Done, Error> {
    match outcome {
        Ok(
            Done::Change(Commit::Committed(_))
            | Done::Expired(_)
            | Done::Settled(_)
            | Done::Tried
            | Done::Unlocked,
        ) => Err(Error::Unknown(reason.to_owned())),
        other => other,
    }
}

/// The wait after work on imports failed.
const TEND_AGAIN: Duration = Duration::from_secs(1);

/// The time that reads under way have when the store is closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of changes that may wait.
pub(super) const QUEUE: usize = 4_096;

/// The most changes that share a transaction.
const BATCH: usize = 512;
