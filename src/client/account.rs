//! Accounts: list, remove, let somebody in who is locked out.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::client::{Client, Error, Page};
use crate::id::AccountId;

/// An account as the agent lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// Its name.
    pub account: AccountId,
    /// When it was first seen (RFC 3339).
    pub created_at: String,
    /// A device was activated once: changing its devices needs proof.
    pub protected: bool,
    /// How many devices it has.
    pub devices: u32,
    /// How many of them are active.
    pub active_devices: u32,
    /// Its codes are refused unjudged until then (RFC 3339).
    pub throttled_until: Option<String>,
}

/// A code that opens one session of somebody who is locked out.
#[derive(Clone, Deserialize)]
pub struct Bypass {
    /// The code.
    pub code: String,
    /// It cannot be used from then on (RFC 3339).
    pub expires_at: String,
}

impl Client {
    /// A page of all accounts, or of those without an active device, from the one after `after` on.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] if the agent refuses.
    pub async fn accounts(
        &self,
        without_mfa: bool,
        after: Option<&AccountId>,
    ) -> Result<Page<Account>, Error> {
        #[derive(Deserialize)]
        struct Accounts {
            accounts: Vec<Account>,
            next: Option<String>,
        }
        let call = self
            .get(&["v1", "accounts"])
            .query("without_mfa", without_mfa.then_some("true"));
        let Accounts { accounts, next } =
            call.query("after", after.map(AccountId::as_str)).read().await?;
        Ok(Page { items: accounts, next })
    }

    /// Removes an account with its devices and sessions.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with `not_found` if there is no such account.
    pub async fn remove_account(&self, account: &AccountId) -> Result<(), Error> {
        self.delete(&["v1", "accounts", account.as_str()]).send().await.map(drop)
    }

    /// Makes a code for somebody who is locked out; it can be used for so long, or for an hour.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Problem`] with `not_found` if there is no such account, with
    /// `bad_request` if the time is out of bounds.
    pub async fn bypass(
        &self,
        account: &AccountId,
        lasting: Option<Duration>,
    ) -> Result<Bypass, Error> {
        let body = lasting.map_or(json!({}), |lasting| json!({ "ttl_seconds": lasting.as_secs() }));
        self.post(&["v1", "accounts", account.as_str(), "bypass"])
            .body(body)
            .read()
            .await
    }
}

impl fmt::Debug for Bypass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bypass(..)")
    }
}
