//! Contexts that end when something is no longer there: a key that is pulled, an agent that ends.
//! They are written down before anybody has them, so that they end even if nobody saw it happen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, SerialNumber};
use crate::store;
use crate::store::{Change, ItemKind, SingleUse, Write};
use crate::time::UnixTime;
use crate::verifier::{Error, TRIES, Verifier};

/// A context that ends early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundSession {
    /// Whose it is.
    pub account: AccountId,
    /// Its id.
    pub session_id: String,
    /// The device that it was made with.
    pub serial: SerialNumber,
    /// When it is over in any case.
    pub expires_at: UnixTime,
}

impl Verifier {
    /// What `keeper` has written down last.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn bound_sessions(&self, keeper: &str) -> Result<Vec<BoundSession>, Error> {
        let now = self.now().await?;
        let unreadable = |error: serde_json::Error| {
            store::Error::Corrupt(format!("the bound sessions cannot be read: {error}"))
        };
        match self.core.store.single_use(&place(keeper), now).await? {
            Some(item) => Ok(serde_json::from_slice(&item.body).map_err(unreadable)?),
            None => Ok(Vec::new()),
        }
    }

    /// Writes down all the contexts that `keeper` answers for now, in place of those before. There
    /// is one process of that name.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`], or [`Error::Contended`] if another process writes under
    /// this name.
    pub async fn keep_bound_sessions(
        &self,
        keeper: &str,
        sessions: &[BoundSession],
    ) -> Result<(), Error> {
        let now = self.now().await?;
        let unwritable = |error: serde_json::Error| {
            store::Error::Corrupt(format!("the bound sessions cannot be written: {error}"))
        };
        let body = serde_json::to_vec(sessions).map_err(unwritable)?;
        let account: AccountId = NOBODY.parse().map_err(|_| Error::Contended)?;
        for _ in 0..TRIES {
            let id = place(keeper);
            let mut writes = Vec::new();
            if self.core.store.single_use(&id, now).await?.is_some() {
                writes.push(Write::Consume { id: id.clone(), now });
            }
            if !sessions.is_empty() {
                let (account, kind, body) = (account.clone(), ItemKind::Bound, body.clone());
                writes.push(Write::AddSingleUse(SingleUse {
                    id,
                    account,
                    kind,
                    body,
                    expires_at: now.plus(KEPT),
                }));
            }
            if writes.is_empty() {
                return Ok(());
            }
            if self
                .commit(Change { account: None, writes, audit: Vec::new() })
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }
}

fn place(keeper: &str) -> String {
    format!("bound {keeper}")
}

/// Whose account they are kept for; of another kind than those of an account of that name.
const NOBODY: &str = "nobody";

/// Much longer than the longest context, so that what is written down is found however long nobody
/// looked.
const KEPT: Duration = Duration::from_secs(400 * 86_400);
