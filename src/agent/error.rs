//! Why an agent does not start, or had to end: the file and the next step for its operator.

use super::{Config, ListenError};
use crate::store::KeyError;
use crate::store::sqlite::OpenError;
use crate::{store, verifier};

/// The agent cannot start, or had to end.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot run with this configuration on this machine.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The sealing key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The keys of the file are not those of the store.
    #[error("the sealing key {key} does not fit the store {store}: {cause}")]
    KeyUnfit {
        /// The file of the sealing key.
        key: String,
        /// The store's file.
        store: String,
        /// What does not fit.
        cause: KeyError,
    },
    /// The store can be opened, and not be worked with.
    #[error("the store {store} cannot be served from: {cause}{}", remedy(.cause, .store))]
    Store {
        /// Its file.
        store: String,
        /// What it does not do.
        cause: verifier::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A sealing key is there, and nothing that was sealed under it.
    #[error(
        "the sealing key {key} is there, and its store {store} is not: put the store, or a restored backup of it, back; \
         to begin a new store, move the key away"
    )]
    StoreGone {
        /// The file of the sealing key.
        key: String,
        /// Where the store would be.
        store: String,
    },
    /// The system refuses something.
    #[error("cannot {what}: {reason}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Going on could have accepted a code twice.
    #[error("the agent ended itself: {0}")]
    Ended(String),
}

/// Names the files of what ends a start.
pub(super) fn at_start(config: &Config, cause: verifier::Error) -> Error {
    let store = config
        .store_url()
        .file()
        .map(|file| file.display().to_string())
        .unwrap_or_default();
    match cause {
        verifier::Error::Key(cause @ (KeyError::Wrong | KeyError::Missing(_))) => {
            Error::KeyUnfit { key: config.key_file().display().to_string(), store, cause }
        }
        verifier::Error::Key(cause) => Error::Key(cause),
        cause => Error::Store { store, cause },
    }
}

/// The next step for the operator of a store that is at fault.
fn remedy(cause: &verifier::Error, store: &str) -> String {
    match cause {
        verifier::Error::Store(store::Error::Corrupt(_)) => {
            format!(": put a backup in its place and run `twostep store restore {store}`")
        }
        verifier::Error::Store(store::Error::Full(_)) => {
            ": make room on it, then start again".to_owned()
        }
        verifier::Error::Store(store::Error::Unavailable(_)) => {
            format!(
                ": see that its disk and its folder can be read and written, then start again; if they can, put a backup in its place \
                 and run `twostep store restore {store}`"
            )
        }
        _ => "; start again".to_owned(),
    }
}
