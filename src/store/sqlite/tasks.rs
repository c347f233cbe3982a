//! Tasks that one process at a time has of all that serve from one file.
//!
//! A task is a lock on a file beside the store, which ends with the process.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::connection;
use crate::store::{Error, Task};

/// The tasks of one open store, for as long as this lives.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<BTreeMap<Task, File>>);

impl Tasks {
    /// True if this store's handle has the task now.
    pub(super) fn hold(&self, path: &Path, task: Task) -> Result<bool, Error> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.contains_key(&task) {
            return Ok(true);
        }
        let suffix = format!(".task-{}", task.name());
        let unavailable = |error: String| Error::Unavailable(error);
        let lock =
            connection::lock(path, &suffix).map_err(|error| unavailable(error.to_string()))?;
        match lock.try_lock() {
            Ok(()) => {
                held.insert(task, lock);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => {
                let name = connection::beside(path, &suffix);
                Err(unavailable(format!("{} cannot be locked: {error}", name.display())))
            }
        }
    }
}
