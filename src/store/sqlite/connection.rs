//! Files and connections: who may open the store, and what SQLite is told before the first statement.

use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;

use super::OpenError;
use super::fault::Fault;
use super::migrations;
use crate::store::Error;

/// How a store is held while it is open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// With others that serve from it.
    Shared,
    /// Alone, while nobody serves from it.
    Exclusive,
}

/// Opening and closing a file drops the locks that SQLite has on it anywhere else in the process (POSIX), so files are
/// made by one thread at a time, and never opened but by SQLite once they are there.
static OPENING: Mutex<()> = Mutex::new(());

/// The path, so that it means the same whatever SQLite makes of a name like `:memory:`.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    std::path::absolute(path).map_err(|error| OpenError::io(path, &error))
}

/// The path of a file that is there.
pub(super) fn existing(path: &Path) -> Result<PathBuf, OpenError> {
    let path = absolute(path)?;
    std::fs::metadata(&path).map_err(|error| OpenError::io(&path, &error))?;
    Ok(path)
}

/// Locks the store's lock file, which is beside it, for as long as the answer lives.
pub(super) fn hold(path: &Path, hold: Hold) -> Result<File, OpenError> {
    let name = beside(path, ".lock");
    let file = options().create(true).truncate(false).write(true).open(&name).map_err(|error| OpenError::io(&name, &error))?;
    owner_only(&name)?;
    let locked = match hold {
        Hold::Shared => file.try_lock_shared(),
        Hold::Exclusive => file.try_lock(),
    };
    match (locked, hold) {
        (Ok(()), _) => Ok(file),
        (Err(TryLockError::WouldBlock), Hold::Exclusive) => Err(OpenError::Held),
        (Err(TryLockError::WouldBlock), Hold::Shared) => Err(OpenError::Offline),
        (Err(TryLockError::Error(error)), _) => Err(OpenError::io(&name, &error)),
    }
}

/// Makes the file if it is not there, and brings its schema up to date.
pub(super) fn prepare(path: &Path) -> Result<Connection, OpenError> {
    let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    match options().create_new(true).write(true).open(path) {
        Ok(file) => {
            owner_only(path)?;
            file.sync_all().and_then(|()| sync_folder(path)).map_err(|error| OpenError::io(path, &error))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(OpenError::io(path, &error)),
    }
    let mut conn = writer(path)?;
    migrations::run(&mut conn)?;
    Ok(conn)
}

/// A connection that writes.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    settle(&conn)?;
    conn.busy_handler(Some(wait))?;
    // Whoever opens a file that is no store must not turn it into one.
    migrations::recognise(&conn)?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Sqlite(format!("the file system does not allow a write-ahead log (journal mode stays {mode})")));
    }
    Ok(conn)
}

/// The file whose lock says who writes next.
pub(super) fn turn(path: &Path) -> Result<File, OpenError> {
    let name = beside(path, ".turn");
    let file = options().create(true).truncate(false).write(true).open(&name).map_err(|error| OpenError::io(&name, &error))?;
    owner_only(&name)?;
    Ok(file)
}

/// Begins a transaction that writes, when it is this process's turn.
///
/// SQLite's own lock goes to whoever asks in the right moment, and a process that writes all the time is always the
/// first to ask again. So whoever waits for that lock holds another one meanwhile, and who has just written finds it held.
/// It is a courtesy: after [`BUSY`] it is not waited for.
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
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    settle(&conn)?;
    Ok(conn)
}

/// What holds on every connection. `synchronous` is no property of the file: a connection that does not say FULL would
/// forget acknowledged commits in a power cut, and accept their codes again.
fn settle(conn: &Connection) -> Result<(), OpenError> {
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
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Readers {
        Readers { path, idle: Mutex::new(Vec::new()) }
    }

    /// Runs `read` on a connection. One that failed is not used again.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Error> {
        let idle = self.idle().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => reader(&self.path).map_err(|error| Error::Unavailable(error.to_string()))?,
        };
        let answer = read(&conn)?;
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(conn);
        }
        Ok(answer)
    }

    /// The store's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Only its owner reads and writes it, whatever the umask took away.
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

/// How long a connection waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// How long it sleeps before it asks again: much less than a flush of the disk.
const NAP: Duration = Duration::from_micros(200);

/// Prepared statements kept on each connection: all there are.
const STATEMENTS: usize = 128;

/// Readers kept open. More are opened for as long as they are needed.
const KEPT: usize = 4;
