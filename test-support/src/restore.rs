//! Restores of backups of stores that are authenticated.

use std::path::Path;

use twostep::device::Leads;
use twostep::id::CallerId;
use twostep::store::sqlite::{Restore, Restored, restore_as};
use twostep::store::{Keyring, OpenError};
use twostep::time::UnixTime;

/// Restores as `uid:0` with these sealing keys.
pub fn with(copy: &Path, now: UnixTime, keyring: &Keyring) -> Result<Restored, OpenError> {
    let (caller, leads, keyring) = (CallerId::new("uid:0"), Leads::Unknown, Some(keyring));
    restore_as(copy, Restore { now, caller: &caller, leads, keyring, log: None })
}

/// Restores with the sealing keys in this file.
pub fn with_file(copy: &Path, now: UnixTime, key: &Path) -> Restored {
    with(copy, now, &Keyring::from_file(key).unwrap()).unwrap()
}
