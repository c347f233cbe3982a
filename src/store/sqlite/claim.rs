//! Claims of audit chains: a handle writes the first chain that no other handle of the store has
//! claimed.
//!
//! A claim is a lock on a file beside the store, which ends with the process. A single agent
//! therefore always writes the first chain, and a chain goes on when the next agent claims it.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::connection;
use crate::store::{ChainId, OpenError};

/// A claimed chain, for as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) chain: ChainId,
    _lock: File,
}

/// Claims a chain of the store at this path.
pub(super) fn claim(path: &Path) -> Result<Claim, OpenError> {
    for number in 1..=MOST {
        let suffix = format!(".chain-{number}");
        let lock = connection::lock(path, &suffix)?;
        match lock.try_lock() {
            Ok(()) => return Ok(Claim { chain: ChainId(number), _lock: lock }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(OpenError::io(&connection::beside(path, &suffix), &error));
            }
        }
    }
    Err(OpenError::Held(path.display().to_string()))
}

/// More than there are processes that serve from one file.
const MOST: u32 = 1_000;
