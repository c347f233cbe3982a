//! Security keys: ceremonies begin here. An enrolment ends here too; a sign-in ends at `POST
//! /v1/sessions`.

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::access::Caller;
use crate::agent::api::body::Body;
use crate::agent::api::device_view::DeviceView;
use crate::agent::api::extract::shown_context;
use crate::agent::api::members::parse;
use crate::agent::api::shapes;
use crate::agent::operations::keys;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::webauthn::{CreationOptions, RegistrationResponse, RequestOptions};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginRegistration {
    #[schema(min_length = 1, max_length = 256)]
    account: String,
    /// What its owner calls the key.
    #[schema(min_length = 1, max_length = 128)]
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct BegunRegistration {
    /// What `finish` must name, within five minutes and once.
    ceremony_id: String,
    #[schema(value_type = shapes::CreationOptions)]
    public_key: CreationOptions,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishRegistration {
    #[schema(pattern = "^[A-Za-z0-9_-]{22}$")]
    ceremony_id: String,
    #[schema(value_type = shapes::RegistrationResponse)]
    credential: RegistrationResponse,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RegisteredKey {
    device: DeviceView,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginAuthentication {
    /// May be left out where the agent is configured for sign-ins without an account: the key says
    /// then whose it is.
    #[schema(min_length = 1, max_length = 256)]
    account: Option<String>,
}

/// The document that browsers fetch before a page of another domain may use the RP ID (WebAuthn
/// Level 3 §5.11).
#[derive(Serialize, ToSchema)]
pub(super) struct RelatedOriginsView {
    origins: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct BegunAuthentication {
    /// What `POST /v1/sessions` must name, within five minutes and once.
    ceremony_id: String,
    #[schema(value_type = shapes::RequestOptions)]
    public_key: RequestOptions,
}

/// Begins to enrol a security key.
#[utoipa::path(post, path = "/v1/security-keys/register/begin", tag = "security_keys", params(super::MfaContext), request_body = BeginRegistration, responses(
    (status = 200, description = "what to ask of the key", body = BegunRegistration),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn begin_registration(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<BeginRegistration>,
) -> Result<Json<BegunRegistration>, Problem> {
    let name = body.name.as_deref().map(parse).transpose()?;
    let proof = shown_context(&headers)?;
    let begun = keys::begin(&state, &caller, &body.account, name, proof.as_ref()).await?;
    Ok(Json(BegunRegistration {
        ceremony_id: begun.id.as_str().to_owned(),
        public_key: begun.options,
    }))
}

/// Enrols the security key that answered. It is active at once; whatever comes of it, the ceremony
/// is over.
#[utoipa::path(post, path = "/v1/security-keys/register/finish", tag = "security_keys", params(super::MfaContext), request_body = FinishRegistration, responses(
    (status = 201, description = "the key, active", body = RegisteredKey),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
pub(super) async fn finish_registration(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<FinishRegistration>,
) -> Result<(StatusCode, Json<RegisteredKey>), Problem> {
    let id = parse(&body.ceremony_id)?;
    let proof = shown_context(&headers)?;
    let device = keys::finish(&state, &caller, &id, body.credential, proof.as_ref()).await?;
    let device = DeviceView::whole(&device, state.verifier.clock().read().wall);
    Ok((StatusCode::CREATED, Json(RegisteredKey { device })))
}

/// Begins to open a session with a security key. An account that is unknown, or has none, is asked
/// for keys as well. Without an account, any key is asked for that stores a credential and verifies
/// its user.
#[utoipa::path(post, path = "/v1/security-keys/authenticate/begin", tag = "security_keys", request_body = BeginAuthentication, responses(
    (status = 200, description = "what to ask of the key", body = BegunAuthentication),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn begin_authentication(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<BeginAuthentication>,
) -> Result<Json<BegunAuthentication>, Problem> {
    let begun = keys::begin_authentication(&state, &caller, body.account.as_deref()).await?;
    Ok(Json(BegunAuthentication {
        ceremony_id: begun.id.as_str().to_owned(),
        public_key: begun.options,
    }))
}

/// The origins outside the RP ID whose pages may use it, where any are configured.
#[utoipa::path(get, path = "/.well-known/webauthn", tag = "security_keys", security(()), responses(
    (status = 200, description = "the related origins", body = RelatedOriginsView, content_type = "application/json"),
    super::Missing,
))]
pub(super) async fn related_origins(State(state): State<Shared>) -> Result<Response, Problem> {
    let related = state
        .keys
        .relying_party()
        .related_origins()
        .ok_or_else(|| Problem::not_found("page"))?;
    let headers = [(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))];
    Ok((headers, Json(RelatedOriginsView { origins: related.origins.clone() })).into_response())
}
