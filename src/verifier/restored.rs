//! The restored state: from the restore of a backup until an administrator ends it.
//!
//! A backup does not know which devices were deactivated since, which accounts were protected and
//! which keys were revoked. So until an administrator has looked, only administrators give an
//! account another factor. Sign-ins go on, and so do changes that take something away.

use crate::device::Device;
use crate::store::{Action, RestoreMark};
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::{Authority, Error, Verifier};

impl Verifier {
    /// The time of the last restore, while the restored state lasts.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn restored(&self) -> Result<Option<UnixTime>, Error> {
        Ok(self.restore_mark().await?.and_then(RestoreMark::lasting))
    }

    /// The time of the last restore. None begins while the store is open.
    #[cfg(feature = "webauthn")]
    pub(super) async fn last_restore(&self) -> Result<Option<UnixTime>, Error> {
        Ok(self.restore_mark().await?.map(|mark| mark.at))
    }

    /// Ends the restored state, on an administrator's word. Returns the time of the restore; none
    /// if the store is in no such state, and nothing is written then.
    ///
    /// # Errors
    /// [`Error::Contended`], [`Error::Clock`] or [`Error::Store`].
    pub async fn accept_restore(&self) -> Result<Option<UnixTime>, Error> {
        let Some(at) = self.restored().await? else { return Ok(None) };
        self.decide_alone(|now| async move {
            let ended = RestoreMark { at, accepted_at: Some(now) }.write()?;
            let audit = vec![self.event(now, Action::RestoreAccepted)];
            Ok(Judgement::change(vec![ended], audit, Some(at)))
        })
        .await
    }

    /// Refuses to give a factor on the word of anybody below an administrator, while the restored
    /// state lasts.
    ///
    /// The state never begins while the store is open, so it is read before the deciding
    /// transaction.
    pub(super) async fn may_give(&self, authority: &Authority) -> Result<(), Error> {
        match authority {
            Authority::Admin => Ok(()),
            Authority::Owner(_) | Authority::Service => match self.restored().await? {
                Some(_) => Err(Error::Restored),
                None => Ok(()),
            },
        }
    }

    /// The new device with a seed that others may know, above all that may have been consumed with
    /// it before the last restore, by a device that the backup did not know.
    pub(super) async fn above_restore(&self, device: Device) -> Result<Device, Error> {
        Ok(match self.restored_at().await? {
            Some(at) => device.above_restore(at),
            None => device,
        })
    }

    /// The time of the last restore.
    pub(super) async fn restored_at(&self) -> Result<Option<UnixTime>, Error> {
        Ok(self.restore_mark().await?.map(|mark| mark.at))
    }

    async fn restore_mark(&self) -> Result<Option<RestoreMark>, Error> {
        let value = self.core.store.value(RestoreMark::NAME).await?;
        Ok(value.as_deref().map(RestoreMark::read).transpose()?)
    }
}
