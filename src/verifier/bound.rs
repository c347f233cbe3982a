//! Sessions that end with the presence of something: a key that is pulled, an agent that ends.
//!
//! Stored before they are handed out, so that they end after a crash too. The agent that watches
//! them tells now and then that it still does; after a while without a word, another agent of the
//! store ends them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, SerialNumber};
use crate::store;
use crate::store::{Change, Commit, Write};
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

/// The sessions that one keeper watches.
#[derive(Default, Serialize)]
struct Watched {
    /// The last time that the keeper said so; none for one of an earlier version, which does not.
    at: Option<UnixTime>,
    sessions: Vec<BoundSession>,
}

/// The sessions as they are stored.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Watched { at: Option<UnixTime>, sessions: Vec<BoundSession> },
    Earlier(Vec<BoundSession>),
}

impl Verifier {
    /// The sessions that `keeper` wrote down last.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn bound_sessions(&self, keeper: &str) -> Result<Vec<BoundSession>, Error> {
        let body = self.core.store.value(&name(keeper)).await?;
        Ok(body.map(|body| watched(&body)).transpose()?.unwrap_or_default().sessions)
    }

    /// Replaces the sessions that `keeper` wrote down, and tells that it watches them. One process
    /// at a time has that name.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn keep_bound_sessions(
        &self,
        keeper: &str,
        sessions: &[BoundSession],
    ) -> Result<(), Error> {
        self.decide_alone(|now| async move {
            let value = written(&Watched { at: Some(now), sessions: sessions.to_vec() });
            let write = Write::PutValue { name: name(keeper), value };
            Ok(Judgement::change(vec![write], Vec::new(), ()))
        })
        .await
    }

    /// Ends the sessions of keepers that were not heard of for so long, and returns how many ended.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn end_unwatched_sessions(&self, silence: Duration) -> Result<usize, Error> {
        let now = self.now().await?;
        let mut ended = 0;
        for (name, seen) in self.core.store.values(PREFIX).await? {
            let Watched { at, sessions } = watched(&seen)?;
            let is_silent = at.is_some_and(|at| at.plus(silence) < now);
            if sessions.is_empty() || !is_silent {
                continue;
            }
            for session in sessions.iter().filter(|session| session.expires_at > now) {
                self.revoke_session(&session.account, &session.session_id, session.expires_at)
                    .await?;
                ended += 1;
            }
            let value = written(&Watched::default());
            let write = Write::ReplaceValue { name, seen, value };
            let change = Change { account: None, writes: vec![write], audit: Vec::new() };
            match self.write(change).await? {
                Commit::Committed(_) => {}
                // The keeper is back: it ends what it had, or watches other sessions.
                Commit::Conflict(_) => continue,
            }
        }
        Ok(ended)
    }
}

fn written(watched: &Watched) -> Vec<u8> {
    serde_json::to_vec(watched).expect("names and numbers are always JSON")
}

fn watched(body: &[u8]) -> Result<Watched, Error> {
    let unreadable =
        |error| store::Error::Corrupt(format!("the bound sessions cannot be read: {error}"));
    Ok(match serde_json::from_slice(body).map_err(unreadable)? {
        Stored::Watched { at, sessions } => Watched { at, sessions },
        Stored::Earlier(sessions) => Watched { at: None, sessions },
    })
}

/// The name of the value in the store.
fn name(keeper: &str) -> String {
    format!("{PREFIX}{keeper}")
}

const PREFIX: &str = "bound.";
