//! The events of one account, for those that it exists for.

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::Role;
use crate::agent::state::State;
use crate::id::{AccountId, SerialNumber};
use crate::store::{Action, AuditFilter, AuditFrom, AuditList, Event};
use crate::time::UnixTime;

/// The newest events of an account, or of one device of it, oldest first.
pub(crate) async fn of_account(
    state: &State,
    caller: &Caller,
    account: &AccountId,
    serial: Option<&SerialNumber>,
) -> Result<Vec<Event>, Failure> {
    let only = AuditFilter { serial: serial.cloned(), ..AuditFilter::default() };
    newest(state, caller, account, only).await
}

/// The accepted proofs of an account since this time, oldest first. A context has no row of its
/// own.
pub(crate) async fn uses(
    state: &State,
    caller: &Caller,
    account: &AccountId,
    since: UnixTime,
) -> Result<Vec<Event>, Failure> {
    let only = AuditFilter { since: Some(since), ..AuditFilter::default() };
    let mut events = newest(state, caller, account, only).await?;
    events.retain(|event| PROOFS.contains(&event.action));
    Ok(events)
}

async fn newest(
    state: &State,
    caller: &Caller,
    account: &AccountId,
    only: AuditFilter,
) -> Result<Vec<Event>, Failure> {
    caller.must_be(Role::Enroller)?;
    if !caller.sees(account) {
        return Err(Denied::NotFound("account").into());
    }
    caller.place.page().await;
    let only = AuditFilter { account: Some(account.clone()), ..only };
    let list = AuditList { from: AuditFrom::Newest, limit: MOST, only };
    let rows = state.verifier.store().audit_rows(list).await?;
    Ok(rows.into_iter().map(|row| row.event).collect())
}

/// The actions that open a session.
const PROOFS: [Action; 4] =
    [Action::CodeAccepted, Action::KeyAccepted, Action::BypassAccepted, Action::DeviceResynced];

/// The events of a page.
const MOST: u32 = 50;
