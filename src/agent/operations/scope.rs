//! Scope: the accounts and devices that exist for a caller, and its authority over them.
//!
//! A hidden account has the same answer as one that does not exist.

use crate::agent::access::{Caller, Denied, Failure, Lane};
use crate::agent::config::Role;
use crate::agent::state::State;
use crate::device::Refusal;
use crate::id::{AccountId, SerialNumber};
use crate::otp::Window;
use crate::session::SignedContext;
use crate::verifier::{Authority, FreshMfa, SecurityKeys, Verifier};

/// The account of this name, which need not exist yet, for a caller of at least this role.
pub(super) fn account(
    state: &State,
    caller: &Caller,
    role: Role,
    name: &str,
) -> Result<AccountId, Failure> {
    caller.must_be(role)?;
    visible(caller, named(state, name)?)
}

/// The existing account of this name, for a caller of at least this role.
pub(super) fn existing_account(
    state: &State,
    caller: &Caller,
    role: Role,
    name: &str,
) -> Result<AccountId, Failure> {
    caller.must_be(role)?;
    visible(caller, existing(state, name)?)
}

/// The device of this serial number and its account, for an enroller or an administrator.
pub(super) async fn device(
    state: &State,
    caller: &Caller,
    serial: &str,
) -> Result<(AccountId, SerialNumber), Failure> {
    caller.must_be(Role::Enroller)?;
    let serial: SerialNumber = serial.parse().map_err(Denied::bad_input)?;
    let owner = state.verifier.store().owner(&serial).await?;
    let account = owner.filter(|account| caller.sees(account));
    let account = account.ok_or(Denied::NotFound("device"))?;
    caller.notes.concerns(&account);
    Ok((account, serial))
}

/// The account of this name, visible or not.
pub(super) fn named(state: &State, name: &str) -> Result<AccountId, Denied> {
    state.accounts.named(name).map_err(Denied::bad_input)
}

/// The existing account of this name, visible or not.
pub(super) fn existing(state: &State, name: &str) -> Result<AccountId, Denied> {
    state.accounts.existing(name).map_err(Denied::bad_input)
}

/// The authority on which the caller changes devices; `proof` is a context of their owner.
pub(super) async fn authority(
    state: &State,
    caller: &Caller,
    proof: Option<&SignedContext>,
) -> Result<Authority, Failure> {
    if caller.role == Role::Admin {
        return Ok(Authority::Admin);
    }
    let fresh = match proof {
        Some(context) => state.introspector.fresh_mfa(context).await?,
        None => None,
    };
    let bypass_counts = caller.bypass_counts;
    let fresh = fresh.map(|fresh| FreshMfa { bypass_counts, ..fresh });
    Ok(fresh.map_or(Authority::Service, Authority::Owner))
}

/// The verifier, on behalf of the caller and its client.
pub(super) fn verifier(state: &State, caller: &Caller) -> Verifier {
    state
        .verifier
        .on_behalf_of(caller.id.clone())
        .with_client(caller.client.clone())
}

/// The security keys, on behalf of the caller and its client.
pub(super) fn keys(state: &State, caller: &Caller) -> SecurityKeys {
    state.keys.on_behalf_of(caller.id.clone()).with_client(caller.client.clone())
}

/// Waits for the caller's earlier requests about this account. Hold it until the decision.
pub(super) async fn lane(caller: &Caller, account: &AccountId) -> Option<Lane> {
    caller.notes.concerns(account);
    caller.place.lane(account).await
}

/// Counts a refusal, and notes it for the log.
pub(super) fn refused(state: &State, caller: &Caller, refusal: &Refusal) {
    state.metrics.refused(refusal.name());
    caller.notes.refused(refusal);
}

/// The window in which the caller's pairs of codes are searched.
pub(super) fn window(caller: &Caller) -> Window {
    if caller.role == Role::Admin { Window::Admin } else { Window::Owner }
}

/// The number of items of a page.
pub(super) fn page_size(wanted: Option<u32>) -> Result<u32, Denied> {
    match wanted {
        None => Ok(100),
        Some(size @ 1..=1_000) => Ok(size),
        Some(_) => Err(Denied::bad_input("limit is 1 to 1000")),
    }
}

/// `true` if a page of this size is full, so that another one may follow.
pub(super) fn is_full<T>(items: &[T], size: u32) -> bool {
    u32::try_from(items.len()).is_ok_and(|count| count >= size)
}

fn visible(caller: &Caller, account: AccountId) -> Result<AccountId, Failure> {
    if caller.sees(&account) { Ok(account) } else { Err(Denied::NotFound("account").into()) }
}
