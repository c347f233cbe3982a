//! The one thread that writes. Changes that wait together share one transaction, and so one flush
//! of the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};
use tokio::sync::oneshot;

use super::fault::Fault;
use super::identity::Identity;
use super::open::Opened;
use super::readers::Readers;
use super::{apply, audit, connection, identity, imports, sql};
use crate::store::{ChainId, Change, Commit, Error, Write, rules};
use crate::time::UnixTime;

/// A request to the thread, and the channel of its answer.
pub(super) enum Job {
    /// Work to be done in a transaction.
    Do(Work, Reply),
    /// Close the store, also for handles that are still there.
    Close(oneshot::Sender<Result<(), String>>),
}

pub(super) enum Work {
    Change(Change),
    /// Writes more than a decision does, and keeps nothing: is there room?
    Try,
    Expire {
        now: UnixTime,
        audit_before: UnixTime,
    },
    /// Moves or deletes some rows of imports that are over.
    Settle,
    /// Drops the imports that an earlier holder of the audit chain left.
    Abandon,
}

pub(super) enum Done {
    Change(Commit),
    Tried,
    Expired(u64),
    /// So many rows changed.
    Settled(u64),
}

/// The outcome of each work of a transaction.
type Outcomes = Vec<Result<Done, Error>>;

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
    readers: Arc<Readers>,
    health: Arc<Health>,
    /// The connection carries a long log over by itself, after a commit.
    carries: bool,
    /// The next time to move or delete rows of imports; none while no import is over.
    tending: Option<Instant>,
    held: Option<Held>,
}

type Outcome = Result<Done, Error>;
type Reply = oneshot::Sender<Outcome>;

/// Answers to imports that are kept waiting, so that other callers get their share.
struct Held {
    until: Instant,
    answers: Vec<(Reply, Outcome)>,
}

impl Work {
    /// True for a batch of an import.
    fn stages(&self) -> bool {
        matches!(self, Work::Change(change)
            if change.writes.iter().any(|write| matches!(write, Write::StageDevices { .. })))
    }
}

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
    pub(super) fn new(store: Opened, readers: Arc<Readers>, health: Arc<Health>) -> Writer {
        Writer { store, readers, health, carries: true, tending: Some(Instant::now()), held: None }
    }

    /// Serves until the last handle of the store is gone, or it is to be closed.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let mut closing = Vec::new();
        self.tend(Work::Abandon);
        while closing.is_empty() {
            let first = match self.next_due() {
                Some(at) => match jobs.recv_timeout(at.saturating_duration_since(Instant::now())) {
                    Err(RecvTimeoutError::Disconnected) => break,
                    first => first.ok(),
                },
                None => match jobs.recv() {
                    Err(_) => break,
                    first => first.ok(),
                },
            };
            let mut batch = Vec::new();
            for job in first.into_iter().chain(jobs.try_iter().take(BATCH - 1)) {
                match job {
                    Job::Do(work, reply) => batch.push((work, reply)),
                    Job::Close(reply) => closing.push(reply),
                }
            }
            if !batch.is_empty() {
                self.serve(batch);
            }
            let now = Instant::now();
            if self.tending.is_some_and(|at| at <= now) {
                self.tend(Work::Settle);
            }
            if self.held.as_ref().is_some_and(|held| held.until <= now) {
                self.release();
            }
        }
        self.release();
        // Readers first: as long as one is open, the log cannot be emptied.
        self.readers.close(PATIENCE);
        let closed = self.store.close();
        for reply in closing {
            let _ = reply.send(closed.clone());
        }
        for job in jobs.try_iter() {
            match job {
                Job::Do(_, reply) => {
                    drop(reply.send(Err(Error::Unavailable("the store is closed".to_owned()))))
                }
                Job::Close(reply) => drop(reply.send(closed.clone())),
            }
        }
    }

    /// The time at which this thread has something to do without a request.
    fn next_due(&self) -> Option<Instant> {
        self.tending.into_iter().chain(self.held.as_ref().map(|held| held.until)).min()
    }

    /// Answers imports that were kept waiting.
    fn release(&mut self) {
        for (reply, outcome) in self.held.take().into_iter().flat_map(|held| held.answers) {
            let _ = reply.send(outcome);
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
        let begun = Instant::now();
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
        let outcomes =
            transacted.unwrap_or_else(|error| works.iter().map(|_| Err(error.clone())).collect());
        let shared = works.iter().any(|work| !work.stages());
        let mut answers = Vec::new();
        for ((work, reply), outcome) in works.iter().zip(replies).zip(outcomes) {
            if shared && work.stages() {
                answers.push((reply, outcome));
            } else {
                // A caller that stopped waiting gets no answer; the change is made all the same.
                let _ = reply.send(outcome);
            }
        }
        if !answers.is_empty() {
            // An import beside other callers hears as long after the transaction as that took, and
            // sends its next batch then: it has at most half of the time.
            self.release();
            self.held = Some(Held { until: Instant::now() + begun.elapsed(), answers });
        }
    }

    /// One transaction for all; an error before its commit is the answer to each, and no decision
    /// was made.
    fn transact(&mut self, works: &[Work]) -> Result<Outcomes, Error> {
        self.store.place.unmoved().map_err(Error::Unknown)?;
        let conn = match self.store.conn.take() {
            Some(conn) => conn,
            None => {
                self.carries = true;
                connection::writer(self.store.place.path())
                    .map_err(|error| Error::Unavailable(error.to_string()))?
            }
        };
        let carries = self.store.place.is_readable();
        if carries != self.carries {
            connection::carry_over_by_itself(&conn, carries).map_err(Fault::from)?;
            self.carries = carries;
        }
        // A connection that failed is closed here, which rolls back, and the next batch opens a new
        // one.
        connection::begin(&conn, &self.store.turn).map_err(Fault::from)?;
        let (outcomes, reached) = work_through(&conn, works, self.store.claim.chain)?;
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
        self.store.conn = Some(conn);
        match reached.map(|identity| self.kept(&identity)) {
            Some(Err(moved)) => {
                Ok(outcomes.into_iter().map(|outcome| in_doubt(outcome, &moved)).collect())
            }
            Some(Ok(())) | None => Ok(outcomes),
        }
    }

    /// Sees, before a commit is answered, that the next start will find it, and tells the witness.
    fn kept(&self, reached: &Identity) -> Result<(), String> {
        self.store.place.unmoved()?;
        // Without the witness the next start knows less, and what was committed stays.
        let _ = self.store.witness.note(reached);
        Ok(())
    }
}

/// The work between the beginning and the commit, and the identity that the store then has; none if
/// it did not move.
fn work_through(
    conn: &Connection,
    works: &[Work],
    chain: ChainId,
) -> Result<(Outcomes, Option<Identity>), Fault> {
    let before = audit::head(conn, chain)?;
    let mut head = before.clone();
    let mut outcomes = Vec::with_capacity(works.len());
    for work in works {
        conn.prepare_cached("SAVEPOINT one")?.execute([])?;
        let outcome = match work {
            Work::Change(change) => {
                apply::apply(conn, head.clone(), change).map(|(committed, moved)| {
                    head = moved;
                    Done::Change(Commit::Committed(committed))
                })
            }
            Work::Try => try_room(conn).map(|()| Done::Tried),
            Work::Settle => imports::settle(conn, rules::SETTLED_AT_ONCE).map(Done::Settled),
            Work::Abandon => imports::abandon_of(conn, chain)
                .map(|gone| Done::Settled(u64::try_from(gone).unwrap_or(u64::MAX))),
            Work::Expire { now, audit_before } => {
                apply::expire(conn, *now, *audit_before, BATCH_ROWS).map(Done::Expired)
            }
        };
        let outcome = match outcome {
            Ok(done) => Ok(done),
            Err(Fault::Sqlite(error))
                if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) =>
            {
                return Err(Fault::Sqlite(error));
            }
            Err(fault) => {
                conn.prepare_cached("ROLLBACK TO one")?.execute([])?;
                match fault {
                    Fault::Conflict(conflict) => Ok(Done::Change(Commit::Conflict(conflict))),
                    fault => Err(Error::from(fault)),
                }
            }
        };
        conn.prepare_cached("RELEASE one")?.execute([])?;
        outcomes.push(outcome);
    }
    if head != before {
        audit::move_head(conn, &before, &head)?;
    }
    let changed = outcomes.iter().any(|outcome| match outcome {
        Ok(Done::Change(Commit::Committed(_)) | Done::Tried) => true,
        Ok(Done::Expired(changed) | Done::Settled(changed)) => *changed > 0,
        Ok(Done::Change(Commit::Conflict(_))) | Err(_) => false,
    });
    let reached = if changed { Some(identity::advance(conn)?) } else { None };
    Ok((outcomes, reached))
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

/// Writes [`ROOM`] bytes and removes them in the same transaction. Their pages are wiped and not
/// only let go (`secure_delete`), so they are written to the log all the same.
fn try_room(conn: &Connection) -> Result<(), Fault> {
    conn.prepare_cached(sql::VALUE_PUT)?.execute((TRIED, vec![0_u8; ROOM]))?;
    conn.prepare_cached(sql::VALUE_DELETE)?.execute([TRIED])?;
    Ok(())
}

/// The outcome of work whose commit failed. A conflict stays one: no part of that change was made
/// either way.
fn in_doubt(outcome: Result<Done, Error>, reason: &str) -> Result<Done, Error> {
    match outcome {
        Ok(
            Done::Change(Commit::Committed(_)) | Done::Expired(_) | Done::Settled(_) | Done::Tried,
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

/// The most rows of a kind that expire in one transaction: others wait behind it.
const BATCH_ROWS: u32 = 500;

/// The name of the value that is written to see whether there is room. It is never kept.
const TRIED: &str = "store.room";

/// More than a transaction of one decision needs.
const ROOM: usize = 64 * 1_024;
