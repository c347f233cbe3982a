//! Security keys: ceremonies between a browser and the agent. The browser's JSON goes through
//! unchanged.

use serde_json::Value;

use crate::client::{Client, Error};
use crate::id::{AccountId, DeviceName};
use crate::wire::{
    BeginAuthentication, BeginRegistration, BegunAuthentication, BegunRegistration, Device,
    FinishRegistration, RegisteredKey, RelatedOrigins,
};

impl Client {
    /// Begins the enrolment of a security key.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin_registration(
        &self,
        account: &AccountId,
        name: Option<&DeviceName>,
    ) -> Result<BegunRegistration, Error> {
        let body = BeginRegistration::new(account, name);
        self.post(&["v1", "security-keys", "register", "begin"])
            .json(&body)?
            .read()
            .await
    }

    /// Enrols a security key by its answer.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn finish_registration(
        &self,
        ceremony_id: &str,
        credential: Value,
    ) -> Result<Device, Error> {
        let body =
            FinishRegistration { ceremony_id: ceremony_id.to_owned(), credential, client: None };
        let enrolled: RegisteredKey = self
            .post(&["v1", "security-keys", "register", "finish"])
            .json(&body)?
            .read()
            .await?;
        Ok(enrolled.device)
    }

    /// Begins a sign-in without an account, where the agent is configured for it. The key says
    /// whose it is, and [`OpenSession::of_key`](crate::wire::OpenSession::of_key) finishes it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin_usernameless(&self) -> Result<BegunAuthentication, Error> {
        self.begin(&BeginAuthentication::default()).await
    }

    /// Begins a sign-in with a security key, which [`Client::open_session`] finishes.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin_authentication(
        &self,
        account: &AccountId,
    ) -> Result<BegunAuthentication, Error> {
        let account = Some(account.as_str().to_owned());
        self.begin(&BeginAuthentication { account, client: None }).await
    }

    /// The origins outside the RP ID whose pages may use it, where any are configured.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn related_origins(&self) -> Result<RelatedOrigins, Error> {
        self.get(&[".well-known", "webauthn"]).read().await
    }

    async fn begin(&self, body: &BeginAuthentication) -> Result<BegunAuthentication, Error> {
        self.post(&["v1", "security-keys", "authenticate", "begin"])
            .json(body)?
            .read()
            .await
    }
}
