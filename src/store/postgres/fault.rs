//! Errors of the client library, in the terms of a store.

use tokio_postgres::error::SqlState;

use crate::store::Error;

/// The error of a read, or of a connection: nothing was decided.
pub(super) fn error_of(error: tokio_postgres::Error) -> Error {
    match error.code() {
        // A text in a row that is not what it should be.
        Some(&SqlState::INVALID_TEXT_REPRESENTATION | &SqlState::DATA_CORRUPTED) => {
            Error::Corrupt(words(&error))
        }
        Some(&SqlState::DISK_FULL) => Error::Full(words(&error)),
        _ => Error::Unavailable(words(&error)),
    }
}

/// A value in a row that cannot be what was written.
pub(super) fn corrupt(what: &str, error: impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("{what}: {error}"))
}

/// The error and its causes: the library's first line alone is "db error".
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(answer) = error.as_db_error() {
        // Details may hold values of rows.
        return format!("{} (SQLSTATE {})", answer.message(), answer.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
