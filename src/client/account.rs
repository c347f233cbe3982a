//! Accounts: list, remove, let a locked-out person in.

use std::time::Duration;

use crate::client::{Client, Error, pages};
use crate::id::{AccountId, SerialNumber};
use crate::wire::{Account, Accounts, Bypass, ListAccounts, MakeBypass, Recover, Recovery};

impl Client {
    /// A page of accounts.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accounts(&self, which: &ListAccounts) -> Result<Accounts, Error> {
        self.get(&["v1", "accounts"]).query_of(which).read().await
    }

    /// All accounts, or all without an active device, page by page.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn all_accounts(&self, without_mfa: bool) -> Result<Vec<Account>, Error> {
        let without_mfa = without_mfa.then_some(true);
        self.find_accounts(&ListAccounts { without_mfa, ..ListAccounts::default() })
            .await
    }

    /// All accounts of this choice, page by page.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn find_accounts(&self, which: &ListAccounts) -> Result<Vec<Account>, Error> {
        pages::all(async |after| {
            let which = ListAccounts { limit: Some(pages::LONGEST), after, ..which.clone() };
            self.accounts(&which).await.map(|page| (page.accounts, page.next))
        })
        .await
    }

    /// Removes an account with its devices and sessions.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove_account(&self, account: &AccountId) -> Result<(), Error> {
        self.delete(&["v1", "accounts", account.as_str()]).send().await.map(drop)
    }

    /// Makes a single-use code for a locked-out person; it lives for this time, or for an hour.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bypass(
        &self,
        account: &AccountId,
        lasting: Option<Duration>,
    ) -> Result<Bypass, Error> {
        let body = MakeBypass { ttl_seconds: lasting.map(|lasting| lasting.as_secs()) };
        self.post(&["v1", "accounts", account.as_str(), "bypass"])
            .json(&body)?
            .read()
            .await
    }

    /// Removes a lost device, or the only one, and makes a single-use code for its owner.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn recover(
        &self,
        account: &AccountId,
        lost: Option<&SerialNumber>,
        lasting: Option<Duration>,
    ) -> Result<Recovery, Error> {
        let serial = lost.map(SerialNumber::to_string);
        let body = Recover { serial, ttl_seconds: lasting.map(|lasting| lasting.as_secs()) };
        self.post(&["v1", "accounts", account.as_str(), "recover"])
            .json(&body)?
            .read()
            .await
    }
}
