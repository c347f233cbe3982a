//! Public documents: health, keys, revocations, metrics, the OpenAPI document.

use serde_json::Value;

use crate::client::{Client, Error};
use crate::wire::{Alive, Ready};

impl Client {
    /// Asks for a sign of life.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn alive(&self) -> Result<Alive, Error> {
        self.get(&["healthz"]).read().await
    }

    /// Asks for readiness: the store answers, the sealing keys fit it and the clock is sane.
    ///
    /// # Errors
    /// [`Error::Problem`] with the reason `store`, `key` or `clock`.
    pub async fn ready(&self) -> Result<Ready, Error> {
        self.get(&["readyz"]).read().await
    }

    /// The public keys of contexts: a JWK Set (RFC 7517).
    ///
    /// # Errors
    /// [`Error`].
    pub async fn jwks(&self) -> Result<Value, Error> {
        self.get(&[".well-known", "jwks.json"]).read().await
    }

    /// The signed list of revocations (JWS).
    ///
    /// # Errors
    /// [`Error`].
    pub async fn revocations(&self) -> Result<String, Error> {
        self.get(&[".well-known", "mfa-revocations"]).text().await
    }

    /// Metrics, as Prometheus reads them.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn metrics(&self) -> Result<String, Error> {
        self.get(&["metrics"]).text().await
    }

    /// The OpenAPI document.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn openapi(&self) -> Result<Value, Error> {
        self.get(&["openapi.json"]).read().await
    }
}
