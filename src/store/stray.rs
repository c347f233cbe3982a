//! Files that are not one store as it was left, and why.

/// The files of a store do not fit together, or not to what was served here before. The operator
/// must act: nothing of it is served.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stray {
    /// SQLite would mix the two.
    #[error(
        "{log} is the log of another store than {file}: move it away, or put the file that it \
         belongs to back"
    )]
    ForeignLog {
        /// The store's file.
        file: String,
        /// The log beside it.
        log: String,
    },
    /// The log would bring back sessions that the restore has ended.
    #[error("{log} is of another restore of this store than {file}: move the log away")]
    OtherEpoch {
        /// The store's file.
        file: String,
        /// The log beside it.
        log: String,
    },
    /// Transactions between the two are missing.
    #[error(
        "{log} does not continue {file}, they are of different moments: put back the pair that \
         belongs together, \
         or move the log away and run `twostep store restore {file}`"
    )]
    Gap {
        /// The store's file.
        file: String,
        /// The log beside it.
        log: String,
    },
    /// The last changes are in the log alone.
    #[error(
        "{file} was not closed and its log is missing: put {log} back, or run `twostep store \
         restore {file}`"
    )]
    LogMissing {
        /// The store's file.
        file: String,
        /// The path of its log.
        log: String,
    },
    /// The file was copied, or moved, without being closed.
    #[error(
        "{file} is a raw copy of a store that was in use: run `twostep store restore {file}` \
         before anything serves from it"
    )]
    RawCopy {
        /// The store's file.
        file: String,
    },
    /// Codes that were accepted since would be accepted again.
    #[error(
        "{file} is older than what was served from here last: put the newer file back, with the \
         log that was beside it, \
         or run `twostep store restore {file}`"
    )]
    WentBack {
        /// The store's file.
        file: String,
    },
    /// The other store may be meant; only the operator knows.
    #[error(
        "{file} is another store than the one that was served from here: put that one back; if \
         this one is meant, remove {witness}"
    )]
    AnotherStore {
        /// The store's file.
        file: String,
        /// The file that remembers the store that was served.
        witness: String,
    },
    /// A new store would protect no account.
    #[error(
        "{file} is not there, and {beside} belongs to it: put {file} or a restored backup back; \
         to begin a new store, move {beside} away"
    )]
    FileMissing {
        /// The path of the store's file.
        file: String,
        /// The file that is left of it.
        beside: String,
    },
    /// The content was in a log that is gone.
    #[error(
        "{file} is the beginning of a store without what it held: put its log or a restored \
         backup back; to begin a new store, remove it"
    )]
    Blank {
        /// The store's file.
        file: String,
    },
    /// Another program serves from a file that was here before.
    #[error(
        "{file} was replaced while another program serves from it: stop that program, then put \
         back the file that was there"
    )]
    Replaced {
        /// The store's file.
        file: String,
    },
}
