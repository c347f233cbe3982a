//! Last uses of access keys: known at once, kept in the store within a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::aws::sigv4::AccessKeyId;
use crate::aws::{AccessKeys, KeyOwner, KeyUse};
use crate::verifier::Error;

/// Uses that are not kept yet, the last one of each key.
#[derive(Default)]
pub(crate) struct LastUses(Mutex<HashMap<AccessKeyId, (KeyOwner, KeyUse)>>);

impl LastUses {
    /// Notes a use of a key.
    pub(crate) fn note(&self, id: &AccessKeyId, owner: KeyOwner, last: KeyUse) {
        self.noted().insert(id.clone(), (owner, last));
    }

    /// The last use of a key that was noted here.
    pub(crate) fn of(&self, id: &AccessKeyId) -> Option<KeyUse> {
        self.noted().get(id).map(|(_, last)| last.clone())
    }

    /// Keeps what was noted. A use that cannot be kept now is tried again.
    pub(super) async fn keep(&self, keys: &AccessKeys) -> Result<(), Error> {
        let noted = std::mem::take(&mut *self.noted());
        let mut done = Ok(());
        for (id, (owner, last)) in noted {
            if done.is_ok() {
                done = keys.keep_use(&owner, &id, &last).await;
            }
            if done.is_err() {
                self.noted().entry(id).or_insert((owner, last));
            }
        }
        done
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<AccessKeyId, (KeyOwner, KeyUse)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
