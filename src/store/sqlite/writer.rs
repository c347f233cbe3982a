//! The one thread that writes. Changes that wait together share one transaction, and so one flush of the disk.

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::apply;
use super::audit;
use super::connection;
use super::fault::Fault;
use crate::store::Change;
use crate::store::Commit;
use crate::store::Error;
use crate::time::UnixTime;

/// Something to be done in a transaction, and who waits for it.
pub(super) struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Done, Error>>,
}

pub(super) enum Work {
    Change(Change),
    Expire { now: UnixTime, audit_before: UnixTime },
}

pub(super) enum Done {
    Change(Commit),
    Expired(u64),
}

/// Hands work to the thread and waits until it is durable, or refused.
pub(super) async fn done(jobs: &SyncSender<Job>, work: Work) -> Result<Done, Error> {
    let (reply, answer) = oneshot::channel();
    jobs.try_send(Job { work, reply }).map_err(|error| match error {
        TrySendError::Full(_) => Error::Unavailable("too many changes are waiting".to_owned()),
        TrySendError::Disconnected(_) => Error::Unavailable("the store's writer has ended".to_owned()),
    })?;
    // Nobody answers only if the thread died in the middle of it.
    answer.await.unwrap_or_else(|_| Err(Error::Unknown("the store's writer ended in the middle of it".to_owned())))
}

/// The thread's side of the store.
pub(super) struct Writer {
    path: PathBuf,
    turn: File,
    /// None after a failure that leaves the connection in doubt.
    conn: Option<Connection>,
}

impl Writer {
    pub(super) fn new(path: PathBuf, turn: File, conn: Connection) -> Writer {
        Writer { path, turn, conn: Some(conn) }
    }

    /// Serves until the last handle of the store is gone.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            batch.extend(jobs.try_iter().take(BATCH - 1));
            self.serve(batch);
        }
    }

    fn serve(&mut self, batch: Vec<Job>) {
        let (works, replies): (Vec<Work>, Vec<_>) = batch.into_iter().map(|job| (job.work, job.reply)).unzip();
        let outcomes = self.transact(&works).unwrap_or_else(|error| works.iter().map(|_| Err(error.clone())).collect());
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // Whoever stopped waiting does not hear of it; the change is made all the same.
            let _ = reply.send(outcome);
        }
    }

    /// One transaction for all; an error before its commit is everybody's, and nothing was decided.
    fn transact(&mut self, works: &[Work]) -> Result<Vec<Result<Done, Error>>, Error> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => connection::writer(&self.path).map_err(|error| Error::Unavailable(error.to_string()))?,
        };
        // A connection that failed is closed here, which rolls back, and the next batch opens a new one.
        connection::begin(&conn, &self.turn).map_err(Fault::from)?;
        let outcomes = work_through(&conn, works)?;
        if let Err(error) = conn.execute_batch("COMMIT") {
            drop(conn);
            return Ok(outcomes.into_iter().map(|outcome| in_doubt(outcome, &error)).collect());
        }
        self.conn = Some(conn);
        Ok(outcomes)
    }
}

/// Everything between the beginning and the commit.
fn work_through(conn: &Connection, works: &[Work]) -> Result<Vec<Result<Done, Error>>, Fault> {
    let before = audit::head(conn)?;
    let mut head = before.clone();
    let mut outcomes = Vec::with_capacity(works.len());
    for work in works {
        conn.prepare_cached("SAVEPOINT one")?.execute([])?;
        let outcome = match work {
            Work::Change(change) => apply::apply(conn, head.clone(), change).map(|(marks, moved)| {
                head = moved;
                Done::Change(Commit::Committed(marks))
            }),
            Work::Expire { now, audit_before } => apply::expire(conn, *now, *audit_before, BATCH_ROWS).map(Done::Expired),
        };
        let outcome = match outcome {
            Ok(done) => Ok(done),
            Err(Fault::Sqlite(error)) if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) => {
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
        audit::move_head(conn, &head)?;
    }
    Ok(outcomes)
}

/// What a commit that failed leaves of an outcome. A conflict stays one: nothing of that change was made either way.
fn in_doubt(outcome: Result<Done, Error>, error: &rusqlite::Error) -> Result<Done, Error> {
    match outcome {
        Ok(Done::Change(Commit::Committed(_)) | Done::Expired(_)) => Err(Error::Unknown(error.to_string())),
        other => other,
    }
}

/// How many changes may wait.
pub(super) const QUEUE: usize = 4_096;

/// How many changes share a transaction at most.
const BATCH: usize = 512;

/// How many rows of a kind expire in one transaction, so that nobody waits long behind it.
const BATCH_ROWS: u32 = 500;
