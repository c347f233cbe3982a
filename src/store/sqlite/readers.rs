//! The connections that read.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::cell::StoreCell;
use super::connection::reader;
use super::fault::Fault;
use super::ledger::Notes;
use super::place::Place;
use crate::store::{Error, OpenError};

/// Connections that only read; a few are kept.
pub(super) struct Readers {
    place: Arc<Place>,
    cell: Arc<StoreCell>,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    /// The number of readers at work.
    busy: usize,
    closed: bool,
}

impl Readers {
    pub(super) fn new(place: Arc<Place>, cell: Arc<StoreCell>) -> Readers {
        Readers { place, cell, pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `read` on a connection. One that failed is not used again. What was read from files
    /// that are no longer the store's is not told.
    pub(super) fn read<T>(
        &self,
        read: impl Fn(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let mut reading = self.begin()?;
        let conn = match reading.conn.take() {
            Some(conn) => Ok(conn),
            None => self.reader(),
        };
        let answer = conn.map_err(|error| Error::Unavailable(error.to_string())).and_then(|conn| {
            let answer = again_if_behind(|| read(&conn))?;
            Ok((answer, conn))
        });
        self.place.unmoved().map_err(Error::Unknown)?;
        let (answer, conn) = answer?;
        reading.conn = Some(conn);
        Ok(answer)
    }

    fn reader(&self) -> Result<Connection, OpenError> {
        let conn = reader(self.place.path())?;
        self.cell.ledger().functions(&conn, Notes::AtOnce)?;
        Ok(conn)
    }

    /// Ends all reading; a read that is under way has `patience` to finish.
    pub(super) fn close(&self, patience: Duration) {
        let mut pool = self.pool();
        pool.closed = true;
        pool.idle.clear();
        let _ = self.returned.wait_timeout_while(pool, patience, |pool| pool.busy > 0);
    }

    fn begin(&self) -> Result<Reading<'_>, Error> {
        let mut pool = self.pool();
        if pool.closed {
            return Err(Error::Unavailable("the store is closed".to_owned()));
        }
        pool.busy += 1;
        Ok(Reading { readers: self, conn: pool.idle.pop() })
    }

    /// The store's keys.
    pub(super) fn cell(&self) -> &Arc<StoreCell> {
        &self.cell
    }

    /// The store's place.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads again what was written meanwhile.
fn again_if_behind<T>(read: impl Fn() -> Result<T, Fault>) -> Result<T, Fault> {
    for _ in 0..AGAIN {
        match read() {
            Err(Fault::Behind(_)) => {}
            answer => return answer,
        }
    }
    read()
}

/// A read under way; its connection is kept when it is over, if it was put back.
struct Reading<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.pool();
        let kept = self.conn.take().filter(|_| !pool.closed && pool.idle.len() < KEPT);
        pool.idle.extend(kept);
        pool.busy = pool.busy.saturating_sub(1);
        self.readers.returned.notify_all();
    }
}

/// Further reads of a row that is older than one that was seen.
const AGAIN: usize = 3;

/// Readers kept open. More are opened for as long as they are needed.
const KEPT: usize = 4;
