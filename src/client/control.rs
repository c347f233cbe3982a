//! The agent itself: API keys, signing keys, audit log, backup, clock.

use crate::client::{Client, Error};
use crate::wire::{
    AcceptedRestore, ApiKeys, AuditCheckpoint, AuditReport, Backup, ClockReading, Events,
    ListEvents, MadeApiKey, MakeApiKey, MakeBackup, MakeSigningKey, SigningKey, SigningKeys,
};

impl Client {
    /// A page of the audit log, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn audit(&self, which: &ListEvents) -> Result<Events, Error> {
        self.get(&["v1", "audit"]).query_of(which).read().await
    }

    /// Has the agent sign where the audit log ends.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn audit_checkpoint(&self) -> Result<AuditCheckpoint, Error> {
        self.get(&["v1", "audit", "checkpoint"]).read().await
    }

    /// Has the agent recompute the audit log's hashes.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn verify_audit(&self) -> Result<AuditReport, Error> {
        self.get(&["v1", "audit", "verify"]).read().await
    }

    /// Makes an API key; the key itself is shown this once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn make_api_key(&self, key: &MakeApiKey) -> Result<MadeApiKey, Error> {
        self.post(&["v1", "api-keys"]).json(key)?.read().await
    }

    /// The API keys that were not revoked.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn api_keys(&self) -> Result<ApiKeys, Error> {
        self.get(&["v1", "api-keys"]).read().await
    }

    /// Revokes an API key, at once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn revoke_api_key(&self, id: &str) -> Result<(), Error> {
        self.delete(&["v1", "api-keys", id]).send().await.map(drop)
    }

    /// The signing keys that were not dropped, newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn signing_keys(&self) -> Result<SigningKeys, Error> {
        self.get(&["v1", "signing-keys"]).read().await
    }

    /// Makes a signing key that signs from now on; the old one verifies what it signed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rotate_signing_keys(&self, key: &MakeSigningKey) -> Result<SigningKey, Error> {
        self.post(&["v1", "signing-keys"]).json(key)?.read().await
    }

    /// Drops a signing key, at once: nothing that it signed is valid any more.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn drop_signing_key(&self, kid: &str) -> Result<(), Error> {
        self.delete(&["v1", "signing-keys", kid]).send().await.map(drop)
    }

    /// Has the agent copy its store into a new file: this one, or one in its state directory.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn backup(&self, path: Option<&str>) -> Result<Backup, Error> {
        let body = MakeBackup { path: path.map(str::to_owned), keep: None };
        self.post(&["v1", "store", "backup"]).json(&body)?.read().await
    }

    /// Has the agent copy its store into a new file in its state directory, and keep so many of
    /// these copies.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn backup_keeping(&self, keep: u32) -> Result<Backup, Error> {
        let body = MakeBackup { path: None, keep: Some(keep) };
        self.post(&["v1", "store", "backup"]).json(&body)?.read().await
    }

    /// Ends the state in which a restore leaves the store.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accept_restore(&self) -> Result<AcceptedRestore, Error> {
        self.post(&["v1", "store", "accept"]).read().await
    }

    /// Has the agent believe its clock as it is now.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accept_clock(&self) -> Result<ClockReading, Error> {
        self.post(&["v1", "clock", "accept"]).read().await
    }
}
