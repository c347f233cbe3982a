//! The console's one-time links, and sign-ins that services start.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, Parameters};
use crate::agent::api::extract::Segment;
use crate::agent::operations::console;
use crate::agent::operations::console::{LinkRequest, SignInRequest};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::verifier::{Link, LinkPurpose};
use crate::wire::{
    ConsoleLink, ConsoleLinks, ListConsoleLinks, MadeConsoleLink, MakeConsoleLink, StartSignIn,
    StartedSignIn,
};

/// Makes a one-time link to the console.
#[utoipa::path(
    post, path = "/v1/console/links", tag = "console", request_body = MakeConsoleLink,
    responses(
        (status = 201, description = "the link, shown this once", body = MadeConsoleLink),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn make_link(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<MakeConsoleLink>,
) -> Result<(StatusCode, Json<MadeConsoleLink>), Problem> {
    let purpose = match body.recover {
        Some(true) => LinkPurpose::Recover,
        Some(false) | None => LinkPurpose::Enroll,
    };
    let ttl = body.ttl_seconds.map(Duration::from_secs);
    let request = LinkRequest { account: &body.account, ttl, purpose };
    let made = console::make_link(&state, &caller, request).await?;
    let view =
        MadeConsoleLink { id: made.id, url: made.url.into(), expires_at: made.expires_at.into() };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lists the links that can be opened.
#[utoipa::path(
    get, path = "/v1/console/links", tag = "console", params(ListConsoleLinks),
    responses(
        (status = 200, description = "a page of links", body = ConsoleLinks),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn links(
    State(state): State<Shared>,
    caller: Caller,
    Parameters(query): Parameters<ListConsoleLinks>,
) -> Result<Json<ConsoleLinks>, Problem> {
    let page = console::links(&state, &caller, query.after.as_deref(), query.limit).await?;
    let links = page.links.into_iter().map(link).collect();
    Ok(Json(ConsoleLinks { links, next: page.next }))
}

/// Withdraws a link: it cannot be opened any more.
#[utoipa::path(
    delete, path = "/v1/console/links/{id}", tag = "console", params(("id" = String, Path)),
    responses(
        (status = 204, description = "withdrawn"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn withdraw_link(
    State(state): State<Shared>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<StatusCode, Problem> {
    console::withdraw_link(&state, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts a sign-in on the console's page, for a service that has checked the first factor.
#[utoipa::path(
    post, path = "/v1/console/sign-ins", tag = "console", request_body = StartSignIn,
    responses(
        (status = 201, description = "the page of the sign-in", body = StartedSignIn),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn start_sign_in(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<StartSignIn>,
) -> Result<(StatusCode, Json<StartedSignIn>), Problem> {
    let request = SignInRequest {
        account: &body.account,
        return_to: &body.return_to,
        state: body.state.map(|text| text.as_str().to_owned()),
    };
    let started = console::start_sign_in(&state, &caller, request).await?;
    let view = StartedSignIn { url: started.url.into(), expires_at: started.expires_at.into() };
    Ok((StatusCode::CREATED, Json(view)))
}

fn link(link: Link) -> ConsoleLink {
    ConsoleLink {
        id: link.id,
        account: link.account,
        made_by: link.made_by,
        created_at: link.created_at.into(),
        expires_at: link.expires_at.into(),
        recover: link.purpose == LinkPurpose::Recover,
    }
}
