//! Accounts: list, remove, let somebody in who is locked out.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, Parameters};
use crate::agent::api::extract::Segment;
use crate::agent::api::members::{account, existing_account, limit};
use crate::agent::api::views::AccountView;
use crate::agent::config::Role;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::id::AccountId;
use crate::store::AccountList;
use crate::verifier::Error;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAccounts {
    /// Only accounts without an active device.
    without_mfa: Option<bool>,
    /// 1 to 1000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// The last account of the page before.
    #[param(min_length = 1, max_length = 256)]
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Accounts {
    accounts: Vec<AccountView>,
    /// What to give as `after` for the next page.
    next: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeBypass {
    /// 60 to 86400; 3600 if left out.
    #[schema(minimum = 60, maximum = 86400)]
    ttl_seconds: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct BypassView {
    /// Opens one session.
    code: String,
    expires_at: String,
}

/// Lists accounts.
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts", params(ListAccounts), responses(
    (status = 200, description = "a page of accounts", body = Accounts),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Parameters(query): Parameters<ListAccounts>,
) -> Result<Json<Accounts>, Problem> {
    caller.must_be(Role::Admin)?;
    let limit = limit(query.limit)?;
    // As the page before gave it: where names are folded, some accounts keep another spelling.
    let after = query
        .after
        .as_deref()
        .map(AccountId::existing)
        .transpose()
        .map_err(|error| Problem::bad_input(error.to_string()))?;
    let list =
        AccountList { without_mfa: query.without_mfa.unwrap_or(false), prefix: None, after, limit };
    let entries = state.verifier.store().accounts(list).await.map_err(Error::Store)?;
    let full = u32::try_from(entries.len()).is_ok_and(|count| count >= limit);
    let next = entries
        .last()
        .filter(|_| full)
        .map(|entry| entry.account.id.as_str().to_owned());
    let now = state.verifier.clock().read().wall;
    Ok(Json(Accounts {
        accounts: entries.iter().map(|entry| AccountView::new(entry, now)).collect(),
        next,
    }))
}

/// Removes an account's devices and sessions. What they consumed stays consumed.
#[utoipa::path(delete, path = "/v1/accounts/{account}", tag = "accounts", params(("account" = String, Path)), responses(
    (status = 204, description = "removed"),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn remove(
    State(state): State<Shared>,
    caller: Caller,
    Segment(account): Segment,
) -> Result<StatusCode, Problem> {
    let account = find_existing(&state, &caller, Role::Admin, &account)?;
    state.verifier.on_behalf_of(caller.id).remove_account(&account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a single-use code for somebody who is locked out.
#[utoipa::path(post, path = "/v1/accounts/{account}/bypass", tag = "accounts", params(("account" = String, Path)), request_body = MakeBypass, responses(
    (status = 201, description = "the code, shown this once", body = BypassView),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn bypass(
    State(state): State<Shared>,
    caller: Caller,
    Segment(account): Segment,
    Body(body): Body<MakeBypass>,
) -> Result<(StatusCode, Json<BypassView>), Problem> {
    let account = find_existing(&state, &caller, Role::Admin, &account)?;
    let ttl = Duration::from_secs(body.ttl_seconds.unwrap_or(3_600));
    let bypass = state.verifier.on_behalf_of(caller.id).bypass(&account, ttl).await?;
    let view = BypassView {
        code: bypass.code.to_text().to_string(),
        expires_at: bypass.expires_at.to_string(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// An account that a caller of at least this role may ask about; any other is not there for it.
pub(super) fn find(
    state: &Shared,
    caller: &Caller,
    role: Role,
    name: &str,
) -> Result<AccountId, Problem> {
    caller.must_be(role)?;
    seen(caller, account(state, name)?)
}

/// The same for a name that can only mean an account that is there already.
pub(super) fn find_existing(
    state: &Shared,
    caller: &Caller,
    role: Role,
    name: &str,
) -> Result<AccountId, Problem> {
    caller.must_be(role)?;
    seen(caller, existing_account(state, name)?)
}

fn seen(caller: &Caller, account: AccountId) -> Result<AccountId, Problem> {
    if caller.sees(&account) { Ok(account) } else { Err(Problem::not_found("account")) }
}
