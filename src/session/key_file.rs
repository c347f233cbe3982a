//! The issuer's public keys in a file that another program keeps up to date.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};

use crate::session::{JwkSet, KeyError, KeySource, jwks};

/// A JWK Set in a file. The file is polled at most once a second, and read again when it changed.
/// An unreadable file leaves the keys as they were; a JWK Set without a key for contexts takes them
/// back. Replace the file by renaming a complete one, so that it is never half written.
#[derive(Debug)]
pub struct JwksFile {
    path: PathBuf,
    read: Mutex<Read>,
}

/// The file cannot be used.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum JwksFileError {
    /// The file cannot be read.
    #[error("cannot read {path}: {cause}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The file holds no usable keys.
    #[error("{path} cannot be used: {cause}", path = path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// The fault of the set.
        cause: KeyError,
    },
}

#[derive(Debug)]
struct Read {
    keys: JwkSet,
    stamp: Option<Stamp>,
    looked_at: Instant,
}

/// Modification time and length, by which a changed file is recognised.
type Stamp = (SystemTime, u64);

impl JwksFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`JwksFileError`] if the file cannot be read, is no JWK Set, or has no key for contexts.
    pub fn open(path: impl Into<PathBuf>) -> Result<JwksFile, JwksFileError> {
        let path = path.into();
        let (read, fault) = read(&path)?;
        match fault {
            Some(cause) => Err(JwksFileError::Keys { path, cause }),
            None => Ok(JwksFile { path, read: Mutex::new(read) }),
        }
    }

    /// Reads the file now, even if it has not changed.
    ///
    /// # Errors
    /// It cannot be read, or is no JWK Set: the keys stay as they were. Or it has no key for
    /// contexts: then there is none.
    pub fn reload(&self) -> Result<(), JwksFileError> {
        let (read, fault) = read(&self.path)?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = read;
        fault.map_or(Ok(()), |cause| Err(JwksFileError::Keys { path: self.path.clone(), cause }))
    }
}

impl KeySource for JwksFile {
    fn keys(&self) -> JwkSet {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked_at.elapsed() >= LOOK_AFTER {
            known.looked_at = Instant::now();
            if stamp(&self.path) != known.stamp
                && let Ok((read, _)) = read(&self.path)
            {
                *known = read;
            }
        }
        known.keys.clone()
    }
}

fn read(path: &Path) -> Result<(Read, Option<KeyError>), JwksFileError> {
    // Read the stamp first: a change in between is picked up by the next poll.
    let (stamp, looked_at) = (stamp(path), Instant::now());
    let text =
        fs::read(path).map_err(|cause| JwksFileError::Io { path: path.to_owned(), cause })?;
    let jwks::Read { keys, fault } = JwkSet::read(&text)
        .map_err(|cause| JwksFileError::Keys { path: path.to_owned(), cause })?;
    Ok((Read { keys, stamp, looked_at }, fault))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

/// The interval at which the file is polled.
const LOOK_AFTER: Duration = Duration::from_secs(1);
