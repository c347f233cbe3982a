//! A context that stands in for a new proof: nothing is verified again, and it is written down all
//! the same.

use crate::id::{AccountId, SerialNumber};
use crate::store::{Action, Change, Revision, Write};
use crate::verifier::{Error, Verifier};

impl Verifier {
    /// Writes down that a context of this account, made with this device, was used again. `false`:
    /// something about the account has changed since `seen`, from which that was judged, and
    /// nothing was written.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn note_reuse(
        &self,
        account: &AccountId,
        serial: &SerialNumber,
        seen: Revision,
    ) -> Result<bool, Error> {
        let now = self.now().await?;
        let writes = vec![Write::ExpectAccount { account: account.clone(), seen }];
        let audit = vec![self.event(now, Action::SessionReused).account(account).serial(serial)];
        Ok(self
            .commit(Change { account: Some(account.clone()), writes, audit })
            .await?
            .is_some())
    }
}
