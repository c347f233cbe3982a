//! Reasons why a store cannot be opened, copied or closed.

use std::path::Path;

use crate::store::Stray;

/// The store cannot be opened. The operator must act.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file, or its folder, cannot be used.
    #[error("cannot open {path}: {reason}")]
    Io {
        /// The file.
        path: String,
        /// The system's message.
        reason: String,
    },
    /// A backup goes into a new file.
    #[error("{0} is there already; name a file that is not")]
    Exists(String),
    /// An agent serves from it.
    #[error("an agent holds the store {0}; stop it first")]
    Held(String),
    /// A tool works on it.
    #[error("a tool is working on the store {0}; wait until it is done, then start again")]
    Offline(String),
    /// The file is a backup: codes that were accepted since it was made would be accepted again.
    #[error("this store is a copy: run `twostep store restore {0}` before anything serves from it")]
    Copy(String),
    /// The store's files do not belong together, or are not the ones served from here before.
    #[error(transparent)]
    Stray(#[from] Stray),
    /// The database is not whole.
    #[error(
        "{path} is damaged ({reason}): put a backup in its place and run `twostep store restore \
         {path}`"
    )]
    Damaged {
        /// The file.
        path: String,
        /// The database's message.
        reason: String,
    },
    /// The file is a database of another program.
    #[error(
        "{0} is no twostep store: name another file, or put a backup in its place and run \
         `twostep store restore {0}`"
    )]
    Foreign(String),
    /// A later version of the program wrote it.
    #[error(
        "a later twostep has written the store {path}; run that one (this one knows schema \
         {known}), or restore a backup from before"
    )]
    Newer {
        /// The file.
        path: String,
        /// The latest schema this program knows.
        known: usize,
    },
    /// Another schema has the number of one of ours.
    #[error(
        "schema {version} of the store {path} is not the released one; run the twostep that made \
         it, or restore a backup"
    )]
    Changed {
        /// The file.
        path: String,
        /// The number.
        version: u32,
    },
    /// The store is authenticated, and its sealing keys were not given.
    #[error("the store {0} needs the sealing keys that it was made with: name their file (--key)")]
    Locked(String),
    /// The sealing keys are those of another store.
    #[error(
        "the sealing keys do not open the store {0}: name the file with those that it was made \
         with (--key)"
    )]
    WrongKeys(String),
    /// The disk has no room for a backup, or for what opening a store writes beside it.
    #[error("there is no room on the disk of {path} ({reason}): make room on it, then try again")]
    Full {
        /// The file.
        path: String,
        /// The database's message.
        reason: String,
    },
    /// The store's files were exchanged while it was open. The text names the file and the remedy.
    #[error("{0}")]
    Moved(String),
    /// The database cannot be used.
    #[error(
        "the store {path} cannot be used ({reason}): see that its disk and its folder can be read \
         and written, then try again; \
         if they can, put a backup in its place and run `twostep store restore {path}`"
    )]
    Unusable {
        /// The file.
        path: String,
        /// The database's message.
        reason: String,
    },
    /// An exported audit log does not go on where the backup ends. Nothing was restored.
    #[error("the audit log cannot be used: {0}; restore without it, or export it again")]
    Log(String),
}

impl OpenError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> OpenError {
        OpenError::Io { path: path.display().to_string(), reason: error.to_string() }
    }

    /// Of a file that [`of`](OpenError::of) names.
    pub(super) fn unusable(reason: String) -> OpenError {
        OpenError::Unusable { path: String::new(), reason }
    }

    /// Names the file, where the place of the failure had only a connection to it.
    pub(super) fn of(mut self, file: &Path) -> OpenError {
        match &mut self {
            OpenError::Foreign(path)
            | OpenError::Locked(path)
            | OpenError::WrongKeys(path)
            | OpenError::Newer { path, .. }
            | OpenError::Changed { path, .. }
            | OpenError::Full { path, .. }
            | OpenError::Damaged { path, .. }
            | OpenError::Unusable { path, .. }
                if path.is_empty() =>
            {
                *path = file.display().to_string();
            }
            _ => {}
        }
        self
    }
}
