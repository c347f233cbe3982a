//! Sessions: open, read, revoke.

use crate::client::{Client, Error};
use crate::id::AccountId;
use crate::wire::{
    Context, Introspect, Introspected, OpenSession, OpenedSession, RevokeSession, RevokeSessions,
    RevokedSessions,
};

impl Client {
    /// Opens a session. The proof is judged at most once, however often this client tries.
    ///
    /// # Errors
    /// [`Error::Problem`] with the code `AccessDenied`: it was refused. After [`Error::Lost`] the
    /// code counts as spent: ask for the next.
    pub async fn open_session(&self, session: &OpenSession) -> Result<OpenedSession, Error> {
        self.post(&["v1", "sessions"]).json(session)?.read().await
    }

    /// Reads a token, if it is valid for `audience` (the agent itself, if none is named) and alive.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn introspect(
        &self,
        token: &str,
        audience: Option<&str>,
    ) -> Result<Option<Context>, Error> {
        let body = Introspect { token: token.into(), audience: audience.map(str::to_owned) };
        let found: Introspected = self
            .post(&["v1", "sessions", "introspect"])
            .asking()
            .json(&body)?
            .read()
            .await?;
        Ok(found.context.filter(|_| found.active))
    }

    /// Revokes one session.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn revoke_session(&self, token: &str, audience: Option<&str>) -> Result<(), Error> {
        let body = RevokeSession { token: token.into(), audience: audience.map(str::to_owned) };
        self.post(&["v1", "sessions", "revoke"]).json(&body)?.send().await.map(drop)
    }

    /// Revokes an account's sessions.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn revoke_sessions(
        &self,
        account: &AccountId,
        which: &RevokeSessions,
    ) -> Result<RevokedSessions, Error> {
        self.post(&["v1", "accounts", account.as_str(), "revoke-sessions"])
            .json(which)?
            .read()
            .await
    }
}
