//! Access keys of AWS's wire.

use crate::client::{Client, Error};
use crate::wire::{AccessKeys, ChangeAccessKey, MadeAccessKey, MakeAccessKey};

impl Client {
    /// Makes an access key; its secret is shown this once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn make_access_key(&self, key: &MakeAccessKey) -> Result<MadeAccessKey, Error> {
        self.post(&["v1", "access-keys"]).json(key)?.read().await
    }

    /// The access keys, active or not.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn access_keys(&self) -> Result<AccessKeys, Error> {
        self.get(&["v1", "access-keys"]).read().await
    }

    /// Lets an access key sign, or no longer.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn change_access_key(&self, id: &str, change: ChangeAccessKey) -> Result<(), Error> {
        self.patch(&["v1", "access-keys", id]).json(&change)?.send().await.map(drop)
    }

    /// Deletes an access key. Sessions that it opened end with it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_access_key(&self, id: &str) -> Result<(), Error> {
        self.delete(&["v1", "access-keys", id]).send().await.map(drop)
    }
}
