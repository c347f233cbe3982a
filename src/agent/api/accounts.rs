//! Accounts: list, remove, make bypass codes, replace a lost device.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, Parameters};
use crate::agent::api::extract::Segment;
use crate::agent::api::members::parameter;
use crate::agent::api::views;
use crate::agent::operations::accounts;
use crate::agent::operations::accounts::Listing;
use crate::agent::operations::scan::Search;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::wire::{Accounts, Bypass, ListAccounts, MakeBypass, Recover, Recovery};

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
    let listing = Listing {
        without_mfa: query.without_mfa.unwrap_or(false),
        search: query.search.as_deref().map(Search::parse).transpose()?,
        after: query.after.as_deref(),
        limit: query.limit,
    };
    let page = accounts::list(&state, &caller, listing).await?;
    let now = state.verifier.clock().read().wall;
    Ok(Json(Accounts {
        accounts: page.accounts.iter().map(|entry| views::account(entry, now)).collect(),
        next: page.next.map(String::from),
    }))
}

/// Removes an account's devices and sessions. Consumed codes stay consumed.
#[utoipa::path(
    delete, path = "/v1/accounts/{account}", tag = "accounts", params(("account" = String, Path)),
    responses(
        (status = 204, description = "removed"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn remove(
    State(state): State<Shared>,
    caller: Caller,
    Segment(account): Segment,
) -> Result<StatusCode, Problem> {
    accounts::remove(&state, &caller, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a single-use code for an owner who is locked out.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/bypass", tag = "accounts",
    params(("account" = String, Path)), request_body = MakeBypass,
    responses(
        (status = 201, description = "the code, shown this once", body = Bypass),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn bypass(
    State(state): State<Shared>,
    caller: Caller,
    Segment(account): Segment,
    Body(body): Body<MakeBypass>,
) -> Result<(StatusCode, Json<Bypass>), Problem> {
    let ttl = body.ttl_seconds.map(Duration::from_secs);
    let bypass = accounts::bypass(&state, &caller, &account, ttl).await?;
    let view = Bypass {
        code: bypass.code.to_text().to_string().into(),
        expires_at: bypass.expires_at.into(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Removes a lost device and makes a single-use code for its owner, in one step.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/recover", tag = "accounts",
    params(("account" = String, Path)), request_body = Recover,
    responses(
        (status = 201, description = "the device that is removed, and the code", body = Recovery),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn recover(
    State(state): State<Shared>,
    caller: Caller,
    Segment(account): Segment,
    Body(body): Body<Recover>,
) -> Result<(StatusCode, Json<Recovery>), Problem> {
    let ttl = body.ttl_seconds.map(Duration::from_secs);
    let lost = body.serial.as_deref().map(|text| parameter("serial", text)).transpose()?;
    let recovered = accounts::recover(&state, &caller, &account, lost.as_ref(), ttl).await?;
    let view = Recovery {
        removed: recovered.removed,
        code: recovered.bypass.code.to_text().to_string().into(),
        expires_at: recovered.bypass.expires_at.into(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}
