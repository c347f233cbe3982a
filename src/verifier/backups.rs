//! The time of the last backup: a value of the store, kept with the audit row of the backup.

use crate::store::{Action, Error as StoreError, Write};
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// Notes that the store was backed up. The backup itself knows of the one before.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Clock`] if the clock is not to be trusted.
    pub async fn note_backup(&self) -> Result<(), Error> {
        self.decide_alone(|now| {
            let value = now.0.to_be_bytes().to_vec();
            let write = Write::PutValue { name: LAST_BACKUP.to_owned(), value };
            let audit = vec![self.event(now, Action::StoreBackedUp)];
            std::future::ready(Ok(Judgement::change(vec![write], audit, ())))
        })
        .await
    }

    /// The time of the last backup; none if there was none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn last_backup(&self) -> Result<Option<UnixTime>, Error> {
        let Some(value) = self.core.store.value(LAST_BACKUP).await? else { return Ok(None) };
        let bytes = value.try_into().map_err(|_| {
            Error::Store(StoreError::Corrupt("the time of the last backup is none".to_owned()))
        })?;
        Ok(Some(UnixTime(u64::from_be_bytes(bytes))))
    }
}

/// The name of the time among the values of a store.
const LAST_BACKUP: &str = "store.last_backup";
