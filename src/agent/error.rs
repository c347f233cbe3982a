//! Errors that end an agent, with the file and the next step for its operator.

use crate::agent::config::Config;
use crate::agent::net::ListenError;
use crate::store::{KeyError, OpenError};
use crate::{store, verifier};

/// The agent cannot start, or had to end.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration does not work on this machine.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    /// A listening socket cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The sealing key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key file does not hold the keys of the store.
    #[error("the sealing key {key} does not fit the store {store}: {cause}")]
    KeyUnfit {
        /// The file of the sealing key.
        key: String,
        /// The store's file.
        store: String,
        /// The mismatch.
        cause: KeyError,
    },
    /// The store opens, and then fails.
    #[error("the store {store} cannot be served from: {cause}{}", remedy(.cause, .store))]
    Store {
        /// The store's file.
        store: String,
        /// The failure.
        cause: verifier::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store in a database cannot be opened.
    #[cfg(feature = "postgres")]
    #[error("{0}")]
    Connect(#[from] crate::store::ConnectError),
    /// A sealing key exists, and its store does not.
    #[error(
        "the sealing key {key} is there, and its store {store} is not: put the store, or a \
         restored backup of it, back; to begin a new store, move the key away"
    )]
    StoreGone {
        /// The file of the sealing key.
        key: String,
        /// The missing store's file.
        store: String,
    },
    /// The system refuses something.
    #[error("cannot {what}: {reason}")]
    System {
        /// The attempted operation.
        what: String,
        /// The system's error.
        reason: std::io::Error,
    },
    /// The agent stopped, since going on could have accepted a code twice.
    #[error("the agent ended itself: {0}")]
    Ended(String),
}

/// Adds the names of the files to an error at the start.
pub(super) fn at_start(config: &Config, cause: verifier::Error) -> Error {
    let url = config.store_url();
    let store = url.file().map_or_else(|| url.to_string(), |file| file.display().to_string());
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
    if store.starts_with("postgres://") {
        return ": see that its primary answers, then start again".to_owned();
    }
    match cause {
        verifier::Error::Store(store::Error::Corrupt(_)) => {
            format!(": put a backup in its place and run `twostep store restore {store}`")
        }
        // The message says it.
        verifier::Error::Store(store::Error::WentBack(_)) => String::new(),
        verifier::Error::Store(store::Error::Full(_)) => {
            ": make room on it, then start again".to_owned()
        }
        verifier::Error::Store(store::Error::Unavailable(_)) => {
            format!(
                ": see that its disk and its folder can be read and written, then start again; if \
                 they can, put a backup in its place and run `twostep store restore {store}`"
            )
        }
        _ => "; start again".to_owned(),
    }
}
