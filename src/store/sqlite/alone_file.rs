//! The file of a store alone: without its log, and without locks.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags};

use super::identity::Identity;
use super::row::first;
use super::sql;

/// The identity in the file of an open store alone.
#[derive(Debug)]
pub(super) enum Said {
    Identity(Identity),
    /// The file has none: it is no store, or its bytes are not as they were written.
    Nothing,
    /// The system did not let it be read this time.
    Unread(String),
}

/// Reads it without the log.
pub(super) fn identity_alone(path: &Path) -> Said {
    use rusqlite::ErrorCode::*;
    let read = immutable(path).and_then(|conn| {
        // A checkpoint that readers held up leaves a file that is shorter than its header says
        // (SQLite's lockBtree refuses it otherwise).
        conn.execute_batch("PRAGMA writable_schema = ON")?;
        identity(&conn)
    });
    match read {
        Ok(Some(identity)) => Said::Identity(identity),
        Ok(None) => Said::Nothing,
        Err(error) => match error.sqlite_error_code() {
            Some(
                CannotOpen
                | SystemIoFailure
                | OutOfMemory
                | DatabaseBusy
                | DatabaseLocked
                | FileLockingProtocolFailed,
            ) => Said::Unread(error.to_string()),
            _ => Said::Nothing,
        },
    }
}

/// A connection to the file alone: without locks, and without the log beside it.
pub(super) fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    let name = format!(
        "file:{}?immutable=1",
        percent_encode(path.as_os_str().as_encoded_bytes(), IN_PATHS)
    );
    // Through SQLite, since closing a file of our own would drop SQLite's locks on it.
    Connection::open_with_flags(
        name,
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

/// The identity in a file, read without its log.
pub(super) fn identity(conn: &Connection) -> rusqlite::Result<Option<Identity>> {
    let bytes: Option<Vec<u8>> = conn.query_row(sql::IDENTITY, [], first)?;
    Ok(bytes.and_then(|bytes| Identity::decode(&bytes)))
}

/// Characters written as `%xx` in the path of a `file:` URI.
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
