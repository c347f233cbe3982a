//! Accounts: list, remove, and let a locked-out person in.

use std::time::Duration;

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::Role;
use crate::agent::operations::scan::Search;
use crate::agent::operations::{scan, scope};
use crate::agent::state::State;
use crate::id::{AccountId, SerialNumber};
use crate::store::{AccountEntry, AccountList};
use crate::verifier::{Bypass, Recovered};

/// A request for a page of accounts.
#[derive(Default)]
pub(crate) struct Listing<'a> {
    pub(crate) without_mfa: bool,
    pub(crate) search: Option<Search>,
    /// The last account of the page before.
    pub(crate) after: Option<&'a str>,
    pub(crate) limit: Option<u32>,
}

/// A page of accounts.
pub(crate) struct AccountPage {
    pub(crate) accounts: Vec<AccountEntry>,
    /// The position of the next page, if there may be one.
    pub(crate) next: Option<AccountId>,
}

/// Lists accounts. For administrators.
pub(crate) async fn list(
    state: &State,
    caller: &Caller,
    listing: Listing<'_>,
) -> Result<AccountPage, Failure> {
    caller.must_be(Role::Admin)?;
    let limit = scope::page_size(listing.limit)?;
    // Not folded: an account that keeps another spelling is found by the name that the page before
    // gave.
    let after = listing.after.map(AccountId::existing).transpose().map_err(Denied::bad_input)?;
    let Listing { without_mfa, search, .. } = listing;
    caller.place.page().await;
    let read = |after, limit| {
        state
            .verifier
            .store()
            .accounts(AccountList { without_mfa, prefix: None, after, limit })
    };
    let wanted =
        search.map(|search| move |entry: &AccountEntry| search.is_in(entry.account.id.as_str()));
    let place = |entry: &AccountEntry| entry.account.id.clone();
    let found = scan::scan(limit, after, read, place, wanted).await?;
    Ok(AccountPage { accounts: found.rows, next: found.next })
}

/// Removes an account's devices and sessions. For administrators.
pub(crate) async fn remove(state: &State, caller: &Caller, name: &str) -> Result<(), Failure> {
    let account = scope::existing_account(state, caller, Role::Admin, name)?;
    let _lane = scope::lane(caller, &account).await;
    Ok(scope::verifier(state, caller).remove_account(&account).await?)
}

/// Makes a single-use code for a person without a usable device. For administrators.
pub(crate) async fn bypass(
    state: &State,
    caller: &Caller,
    name: &str,
    ttl: Option<Duration>,
) -> Result<Bypass, Failure> {
    let account = scope::existing_account(state, caller, Role::Admin, name)?;
    let _lane = scope::lane(caller, &account).await;
    let ttl = ttl.unwrap_or(BYPASS_TTL);
    Ok(scope::verifier(state, caller).bypass(&account, ttl).await?)
}

/// Removes a lost device and makes a single-use code for its owner. For administrators.
pub(crate) async fn recover(
    state: &State,
    caller: &Caller,
    name: &str,
    lost: Option<&SerialNumber>,
    ttl: Option<Duration>,
) -> Result<Recovered, Failure> {
    let account = scope::existing_account(state, caller, Role::Admin, name)?;
    let _lane = scope::lane(caller, &account).await;
    let ttl = ttl.unwrap_or(BYPASS_TTL);
    Ok(scope::verifier(state, caller).recover(&account, lost, ttl).await?)
}

/// The lifetime of a bypass code, unless the caller names another one.
const BYPASS_TTL: Duration = Duration::from_secs(3_600);
