//! Files and connections: who may open the store, and what SQLite is told before the first
//! statement.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::migrations;
use crate::store::OpenError;

/// The hold on a store while it is open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// With others that serve from it.
    Shared,
    /// Alone, while no program serves from it.
    Exclusive,
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

/// Sets whether a commit that leaves a long log carries it over.
pub(super) fn carry_over_by_itself(conn: &Connection, carries: bool) -> rusqlite::Result<()> {
    conn.execute_batch(if carries {
        "PRAGMA wal_autocheckpoint = 1000"
    } else {
        "PRAGMA wal_autocheckpoint = 0"
    })
}

/// Sets whether each commit is flushed. One that is not is flushed with the next one that is: both
/// are in one log.
pub(super) fn flush_each_commit(conn: &Connection, flushes: bool) -> rusqlite::Result<()> {
    conn.execute_batch(if flushes {
        "PRAGMA synchronous = FULL"
    } else {
        "PRAGMA synchronous = NORMAL"
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
/// SQLite's own lock goes to the process that asks in the right moment, and a process that writes
/// all the time is always the first to ask again. A process that waits for that lock therefore
/// holds another one meanwhile, and the one that has just written finds it held. It is a courtesy:
/// after [`BUSY`] it is not waited for.
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

/// Settings of every connection. `synchronous` is no property of the file: a connection that does
/// not say FULL would forget acknowledged commits in a power cut, and accept their codes again.
fn settle(conn: &Connection) -> Result<(), OpenError> {
    // First, since anything below may fail: a connection that is closed after a failure must not
    // empty the log that says what was kept.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.busy_timeout(BUSY)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Triggers and views of the file are another program's, and so are the actions of foreign keys:
    // they would write in twostep's name. The triggers of twostep are temporary, which run all the
    // same (SQLite, `SQLITE_DBCONFIG_ENABLE_TRIGGER`).
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;
         PRAGMA cache_size = -1024;",
    )?;
    Ok(())
}

/// Asks again and again until it is granted, though not for ever.
pub(super) fn patiently(limit: Duration, taken: impl Fn() -> bool) -> bool {
    let asked = Instant::now();
    while !taken() {
        if asked.elapsed() > limit {
            return false;
        }
        std::thread::sleep(LONG_NAP);
    }
    true
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

/// Lets its owner alone read and write the file, with any umask.
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

/// The longest wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// The sleep before it asks again: much less than a flush of the disk.
const NAP: Duration = Duration::from_micros(200);

/// Prepared statements kept on each connection: all there are.
const STATEMENTS: usize = 128;

/// The sleep between two attempts to get a lock of another program.
const LONG_NAP: Duration = Duration::from_millis(1);
