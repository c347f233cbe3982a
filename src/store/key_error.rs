//! Faults of sealing keys.

use std::path::Path;

use crate::store::KeyNeeds;

/// The sealing key cannot be used. The operator must act.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the sealing key {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's message.
        reason: String,
    },
    /// Others than its owner may read the file.
    #[error("the sealing key {0} can be read by others; run: chmod 600 {0}")]
    Exposed(String),
    /// The file is empty.
    #[error(
        "the sealing key {0} is empty, as a crash while it is written may leave a file: restore it \
         from your copy"
    )]
    Empty(String),
    /// The file's text is not one or more keys.
    #[error(
        "the sealing key {0} is not one line of base64 with 32 bytes for each key: put its backup \
         back"
    )]
    Malformed(String),
    /// The store was sealed under the key of a file that is gone. No new key is written in its
    /// place.
    #[error("sealing key {0} is not there: put its backup back")]
    FileMissing(String),
    /// The store was sealed under another key.
    #[error(
        "the store was sealed under another key; start with the key it was made with, or restore \
         the backup of that key"
    )]
    Wrong,
    /// Some secrets of the store were sealed under a key that is not among these.
    #[error(
        "the store holds secrets of a sealing key that is missing ({0}): put its line back into \
         the key file, below the first line"
    )]
    Missing(KeyNeeds),
    /// The system has no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

impl KeyError {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> KeyError {
        KeyError::Unreadable { path: path.display().to_string(), reason: error.to_string() }
    }
}
