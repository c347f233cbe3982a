//! Security keys: enrolment, and the beginning of a sign-in, which ends at `POST /v1/sessions`.

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, document};
use crate::agent::api::extract::shown_context;
use crate::agent::api::members::{parse, with_client};
use crate::agent::api::views;
use crate::agent::operations::keys;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::wire::{
    BeginAuthentication, BeginRegistration, BegunAuthentication, BegunRegistration,
    FinishRegistration, ProblemCode, RegisteredKey, RelatedOrigins,
};

/// Begins to enrol a security key.
#[utoipa::path(
    post, path = "/v1/security-keys/register/begin", tag = "security_keys",
    params(super::MfaContext), request_body = BeginRegistration,
    responses(
        (status = 200, description = "what to ask of the key", body = BegunRegistration),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn begin_registration(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<BeginRegistration>,
) -> Result<Json<BegunRegistration>, Problem> {
    let name = body.name.as_deref().map(parse).transpose()?;
    let proof = shown_context(&headers)?;
    let caller = with_client(caller, body.client.as_ref())?;
    let begun = keys::begin(&state, &caller, &body.account, name, proof.as_ref()).await?;
    Ok(Json(BegunRegistration {
        ceremony_id: begun.id.as_str().to_owned(),
        public_key: json(&begun.options)?,
    }))
}

/// Enrols the security key that answered, active at once. The ceremony ends with any outcome.
#[utoipa::path(
    post, path = "/v1/security-keys/register/finish", tag = "security_keys",
    params(super::MfaContext), request_body = FinishRegistration,
    responses(
        (status = 201, description = "the key, active", body = RegisteredKey),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn finish_registration(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<FinishRegistration>,
) -> Result<(StatusCode, Json<RegisteredKey>), Problem> {
    let credential = document(body.credential)?;
    let id = parse(&body.ceremony_id)?;
    let caller = with_client(caller, body.client.as_ref())?;
    let proof = shown_context(&headers)?;
    let device = keys::finish(&state, &caller, &id, credential, proof.as_ref()).await?;
    let device = views::device(&device, state.verifier.clock().read().wall);
    Ok((StatusCode::CREATED, Json(RegisteredKey { device })))
}

/// Begins a sign-in with a security key. An unknown account, and one without keys, gets a ceremony
/// as well. Without an account, any key may answer that stores its credential and verifies its
/// user.
#[utoipa::path(
    post, path = "/v1/security-keys/authenticate/begin", tag = "security_keys",
    request_body = BeginAuthentication,
    responses(
        (status = 200, description = "what to ask of the key", body = BegunAuthentication),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn begin_authentication(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<BeginAuthentication>,
) -> Result<Json<BegunAuthentication>, Problem> {
    let caller = with_client(caller, body.client.as_ref())?;
    let begun = keys::begin_authentication(&state, &caller, body.account.as_deref()).await?;
    Ok(Json(BegunAuthentication {
        ceremony_id: begun.id.as_str().to_owned(),
        public_key: json(&begun.options)?,
    }))
}

/// The origins outside the RP ID whose pages may use it, where any are configured.
#[utoipa::path(
    get, path = "/.well-known/webauthn", tag = "security_keys", security(()),
    responses(
        (
            status = 200, description = "the related origins", body = RelatedOrigins,
            content_type = "application/json",
        ),
        super::Missing,
    ),
)]
pub(super) async fn related_origins(State(state): State<Shared>) -> Result<Response, Problem> {
    let related = state
        .keys
        .relying_party()
        .related_origins()
        .ok_or_else(|| Problem::not_found("page"))?;
    let headers = [(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))];
    Ok((headers, Json(RelatedOrigins { origins: related.origins.clone() })).into_response())
}

/// Options as the JSON that goes to the client.
fn json(options: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(options)
        .map_err(|error| Problem::new(ProblemCode::ServiceFailure, error.to_string()))
}
