//! Reasons why a PostgreSQL store cannot be opened.

use crate::store::Error;

/// The store cannot be opened. The operator must act.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server was reached, or none that keeps what it is given.
    #[error("cannot open the store {place}: {cause}")]
    Server {
        /// The servers and the database.
        place: String,
        /// The failure.
        cause: Error,
    },
    /// The store is not restored, or it is not known whether it is.
    #[error("the store {place} is not restored: {reason}")]
    Unrestored {
        /// The servers and the database.
        place: String,
        /// The reason.
        reason: String,
    },
    /// The password cannot be read.
    #[error("cannot read the password of the store from {file}: {reason}")]
    Password {
        /// The file.
        file: String,
        /// The failure.
        reason: String,
    },
    /// The schema could not be read or changed.
    #[error(
        "cannot bring the schema of the store {place} up to date ({reason}): start twostep once \
         as the role that owns the database"
    )]
    Schema {
        /// The servers and the database.
        place: String,
        /// The database's message.
        reason: String,
    },
    /// A later version of the program has changed the schema, and this one cannot go on.
    #[error(
        "a later twostep has changed the store {place}; run that one (this one knows schema \
         {known})"
    )]
    Newer {
        /// The servers and the database.
        place: String,
        /// The latest schema this program knows.
        known: usize,
    },
    /// Another schema has the number of one of ours.
    #[error(
        "schema {version} of the store {place} is not the released one; run the twostep that made \
         it, or name another database"
    )]
    Changed {
        /// The servers and the database.
        place: String,
        /// The number.
        version: u32,
    },
}
