//! Faults that stop a read or a write inside a transaction.

use crate::store::{Conflict, Error, OpenError};

/// The end of the work on one change.
#[derive(Debug)]
pub(super) enum Fault {
    /// A row that it was judged from has moved.
    Conflict(Conflict),
    /// A row cannot be read.
    Corrupt(String),
    /// A row is older than one that was read before. A read that began before the newer one was
    /// written sees it, too: the next one does not.
    Behind(String),
    /// The store's keys were not given.
    Locked,
    /// An exported audit log is not what it should be.
    Log(String),
    /// SQLite failed.
    Sqlite(rusqlite::Error),
}

impl Fault {
    /// A body that is not what it should be.
    pub(super) fn body(what: &str, error: impl std::fmt::Display) -> Fault {
        Fault::Corrupt(format!("{what}: {error}"))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        use rusqlite::Error::*;
        match &error {
            // A column value of the wrong type or out of range.
            FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..) => Fault::Corrupt(error.to_string()),
            // A trigger of ours has found a row that is not twostep's.
            SqliteFailure(failure, _)
                if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER =>
            {
                Fault::Corrupt(error.to_string())
            }
            SqliteFailure(failure, _)
                if matches!(
                    failure.code,
                    rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase
                ) =>
            {
                Fault::Corrupt(error.to_string())
            }
            _ => Fault::Sqlite(error),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Conflict(conflict) => write!(f, "{conflict:?}"),
            Fault::Corrupt(what) | Fault::Behind(what) | Fault::Log(what) => f.write_str(what),
            Fault::Locked => f.write_str(LOCKED),
            Fault::Sqlite(error) => error.fmt(f),
        }
    }
}

/// Outside a transaction that decides, a conflict cannot happen.
impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::Conflict(_) => Error::Unavailable("a read conflicted".to_owned()),
            Fault::Corrupt(what) | Fault::Behind(what) | Fault::Log(what) => Error::Corrupt(what),
            Fault::Locked => Error::Unavailable(LOCKED.to_owned()),
            Fault::Sqlite(error) if no_room(&error) => Error::Full(error.to_string()),
            Fault::Sqlite(error) => Error::Unavailable(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => OpenError::Foreign(String::new()),
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
                OpenError::Damaged { path: String::new(), reason: error.to_string() }
            }
            _ if no_room(&error) => {
                OpenError::Full { path: String::new(), reason: error.to_string() }
            }
            _ => OpenError::unusable(error.to_string()),
        }
    }
}

/// True if a file could not grow. The index of the log is a file of its own, and grows too.
pub(super) fn no_room(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|failure| failure.extended_code);
    matches!(code, Some(rusqlite::ffi::SQLITE_FULL | rusqlite::ffi::SQLITE_IOERR_SHMSIZE))
}

const LOCKED: &str = "the store is authenticated, and was not given its keys";
