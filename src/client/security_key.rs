//! Security keys: ceremonies, between a browser and the agent. What the browser makes of one goes
//! through unchanged.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, Device, Error};
use crate::id::{AccountId, DeviceName};

/// A ceremony that was begun. It is over at the first answer, or after five minutes.
#[derive(Clone, Debug, Deserialize)]
pub struct Ceremony {
    /// Its id.
    pub ceremony_id: String,
    /// What `navigator.credentials` is given as `publicKey`, in the JSON form of WebAuthn 3 §5.1.
    pub public_key: Value,
}

impl Client {
    /// Begins the enrolment of a security key.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with `mfa_required` if the owner asks without fresh MFA.
    pub async fn begin_registration(
        &self,
        account: &AccountId,
        name: Option<&DeviceName>,
    ) -> Result<Ceremony, Error> {
        let mut body = json!({ "account": account.as_str() });
        if let Some(name) = name {
            body["name"] = name.as_str().into();
        }
        self.post(&["v1", "security-keys", "register", "begin"]).body(body).read().await
    }

    /// Enrols a security key by what it answered.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] if the key's answer is refused or the ceremony is over.
    pub async fn finish_registration(
        &self,
        ceremony_id: &str,
        credential: Value,
    ) -> Result<Device, Error> {
        #[derive(Deserialize)]
        struct Registered {
            device: Device,
        }
        let body = json!({ "ceremony_id": ceremony_id, "credential": credential });
        let registered: Registered = self
            .post(&["v1", "security-keys", "register", "finish"])
            .body(body)
            .read()
            .await?;
        Ok(registered.device)
    }

    /// Begins a sign-in without an account, where the agent is configured for it. The key says
    /// whose it is, and [`OpenSession::of_key`](crate::client::OpenSession::of_key) finishes it.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] if the agent is not configured for it.
    pub async fn begin_usernameless(&self) -> Result<Ceremony, Error> {
        self.post(&["v1", "security-keys", "authenticate", "begin"])
            .body(json!({}))
            .read()
            .await
    }

    /// Begins a sign-in with a security key, which [`Client::open_session`] finishes.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] if the caller may not ask. An unknown account gets challenges
    /// as well.
    pub async fn begin_authentication(&self, account: &AccountId) -> Result<Ceremony, Error> {
        let body = json!({ "account": account.as_str() });
        self.post(&["v1", "security-keys", "authenticate", "begin"])
            .body(body)
            .read()
            .await
    }
}
