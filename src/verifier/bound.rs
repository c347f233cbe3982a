//! Sessions that end with the presence of something: a key that is pulled, an agent that ends.
//!
//! Stored before they are handed out, so that they end after a crash too.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, SerialNumber};
use crate::store;
use crate::store::Write;
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::{Error, Verifier};

/// A context that may end early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundSession {
    /// The context's account.
    pub account: AccountId,
    /// The context's id.
    pub session_id: String,
    /// The device it was made with.
    pub serial: SerialNumber,
    /// The end of the context in any case.
    pub expires_at: UnixTime,
}

impl Verifier {
    /// The sessions that `keeper` wrote down last.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn bound_sessions(&self, keeper: &str) -> Result<Vec<BoundSession>, Error> {
        let Some(body) = self.core.store.value(&name(keeper)).await? else {
            return Ok(Vec::new());
        };
        let unreadable =
            |error| store::Error::Corrupt(format!("the bound sessions cannot be read: {error}"));
        Ok(serde_json::from_slice(&body).map_err(unreadable)?)
    }

    /// Replaces the sessions that `keeper` wrote down. One process at a time has that name.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn keep_bound_sessions(
        &self,
        keeper: &str,
        sessions: &[BoundSession],
    ) -> Result<(), Error> {
        let value = serde_json::to_vec(sessions).expect("names and numbers are always JSON");
        let writes = &vec![Write::PutValue { name: name(keeper), value }];
        self.decide_alone(|_| async { Ok(Judgement::change(writes.clone(), Vec::new(), ())) })
            .await
    }
}

/// The name of the value in the store.
fn name(keeper: &str) -> String {
    format!("bound.{keeper}")
}
