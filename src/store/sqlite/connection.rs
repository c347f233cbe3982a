//! Files and connections: who may open the store, and what SQLite is told before the first
//! statement.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::place::Place;
use super::{migrations, place};
use crate::store::{Error, OpenError};

/// Hold on a store while it is open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// With others that serve from it.
    Shared,
    /// Exclusive, for tools.
    Exclusive,
}

/// The path of a file that is there.
pub(super) fn existing(path: &Path) -> Result<PathBuf, OpenError> {
    let path = place::real(path)?;
    std::fs::metadata(&path).map_err(|error| OpenError::io(&path, &error))?;
    Ok(path)
}

/// A connection that writes.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let mut conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    settle(&conn)?;
    conn.busy_handler(Some(wait))?;
    // A file that is no store must not become one.
    if !migrations::recognises(&conn)? {
        return Err(OpenError::Foreign(path.display().to_string()));
    }
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::unusable(format!(
            "the file system does not allow a write-ahead log (journal mode stays {mode})"
        )));
    }
    Ok(conn)
}

/// Carries the log over into the file. Says whether all of it was.
pub(super) fn checkpoint(conn: &Connection, mode: &str) -> rusqlite::Result<bool> {
    let (busy, pages, carried): (i64, i64, i64) =
        conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(busy == 0 && pages == carried)
}

/// Enables or disables checkpoints by commits that leave a long log.
pub(super) fn carry_over_by_itself(conn: &Connection, carries: bool) -> rusqlite::Result<()> {
    conn.execute_batch(if carries {
        "PRAGMA wal_autocheckpoint = 1000"
    } else {
        "PRAGMA wal_autocheckpoint = 0"
    })
}

/// A file beside the store, for its lock alone: `.lock` says who has the store, `.turn` who writes,
/// opens or closes next.
pub(super) fn lock(path: &Path, suffix: &str) -> Result<File, OpenError> {
    let name = beside(path, suffix);
    let file = options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|error| OpenError::io(&name, &error))?;
    owner_only(&name)?;
    Ok(file)
}

/// Begins a transaction that writes, when it is this process's turn.
///
/// Queue for SQLite's write lock. A process that writes constantly always asks first and starves
/// others. So waiting processes hold a second lock, which a process that has just written must take
/// first. Fairness only: after [`BUSY`] the second lock is not waited for.
pub(super) fn begin(conn: &Connection, turn: &File) -> rusqlite::Result<()> {
    let asked = Instant::now();
    while turn.try_lock().is_err() && asked.elapsed() < BUSY {
        std::thread::sleep(NAP);
    }
    let began = conn.execute_batch("BEGIN IMMEDIATE");
    let _ = turn.unlock();
    began
}

/// SQLite asks whether to try again, after so many tries.
fn wait(tried: i32) -> bool {
    std::thread::sleep(NAP);
    u128::from(tried.unsigned_abs()) * NAP.as_micros() < BUSY.as_micros()
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    settle(&conn)?;
    Ok(conn)
}

/// Settings of every connection. `synchronous` is no property of the file: without FULL, a
/// connection would lose acknowledged commits in a power cut, and accept their codes again.
fn settle(conn: &Connection) -> Result<(), OpenError> {
    // First, since anything below may fail: a connection that is closed after a failure must not
    // empty the log that says what was kept.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.busy_timeout(BUSY)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;
         PRAGMA cache_size = -1024;",
    )?;
    Ok(())
}

/// Connections that only read; a few are kept.
pub(super) struct Readers {
    place: Arc<Place>,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    /// Number of active readers.
    busy: usize,
    closed: bool,
}

impl Readers {
    pub(super) fn new(place: Arc<Place>) -> Readers {
        Readers { place, pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `read` on a connection. One that failed is not used again. What was read from files
    /// that are no longer the store's is not told.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let mut reading = self.begin()?;
        let conn = match reading.conn.take() {
            Some(conn) => Ok(conn),
            None => reader(self.place.path()),
        };
        let answer = conn.map_err(|error| Error::Unavailable(error.to_string())).and_then(|conn| {
            let answer = read(&conn)?;
            Ok((answer, conn))
        });
        self.place.unmoved().map_err(Error::Unknown)?;
        let (answer, conn) = answer?;
        reading.conn = Some(conn);
        Ok(answer)
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

    /// The store's place.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

/// A path beside the store's.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Options for a file that only its owner reads.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Private to its owner under any umask.
pub(super) fn owner_only(path: &Path) -> Result<(), OpenError> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).map_err(|error| OpenError::io(path, &error))?;
    }
    Ok(())
}

/// A new name is durable once its folder is.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Longest wait for another writing process.
const BUSY: Duration = Duration::from_secs(5);

/// Sleep between attempts: much shorter than a flush of the disk.
const NAP: Duration = Duration::from_micros(200);

/// Prepared statements kept on each connection: all there are.
const STATEMENTS: usize = 128;

/// Readers kept open. More are opened for as long as they are needed.
const KEPT: usize = 4;
