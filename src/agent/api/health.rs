//! Public routes: liveness, readiness, signing keys, revocations and metrics.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::agent::access::Caller;
use crate::agent::operations::health;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::session::PublishedList;
use crate::wire::{Alive, OlderSealingKey, Ready};

/// The process is alive.
#[utoipa::path(
    get, path = "/healthz", tag = "health", security(()),
    responses(
        (status = 200, description = "alive", body = Alive),
    ),
)]
pub(super) async fn alive() -> Json<Alive> {
    Json(Alive { status: "alive".to_owned() })
}

/// The store answers and keeps changes, the sealing keys fit it and the clock is trusted.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "ready", body = Ready),
    super::Unavailable,
))]
pub(super) async fn ready(State(state): State<Shared>) -> Result<Json<Ready>, Problem> {
    let ready = health::ready(&state).await?;
    let older_sealing_keys = ready
        .older_sealing_keys
        .iter()
        .map(|need| OlderSealingKey { key: need.key.to_string(), secrets: need.secrets })
        .collect();
    Ok(Json(Ready {
        status: "ready".to_owned(),
        now: ready.now.into(),
        older_sealing_keys,
        restored_at: ready.restored_at.map(Into::into),
    }))
}

/// The public keys of contexts (RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "health", security(()),
    responses(
        (
            status = 200, description = "a JWK Set", body = serde_json::Value,
            content_type = "application/json",
        ),
        super::Unavailable,
    ),
)]
pub(super) async fn jwks(State(state): State<Shared>) -> Result<Response, Problem> {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=60")),
    ];
    Ok((headers, state.issuer.jwks().await?.to_json()).into_response())
}

/// Revocations, as a signed list (JWS, `typ: mfa-revocations+jwt`) for services that validate
/// contexts without asking the agent.
///
/// Claims: `iss`, `iat`, `exp`; `place`, if agents of many machines share the store: of two lists
/// with one `place.store`, the one with the higher `place.epoch`, or the higher `place.number` in
/// it, is the newer one, whatever their `iat` say; `accounts`, by
/// base64url(SHA-256(iss ‖ 0 ‖ sub)): contexts with
/// an `iat` up to the first number are dead, and those with a `gen` below the second; `devices`, by
/// base64url(SHA-256(iss ‖ 0 ‖ sub ‖ 0 ‖ mfa_serial)): those up to that `iat`, and in
/// `device_generations` those with a lower `mfa_gen` (absent: 0); `sessions`: the `jti` of single
/// contexts, with their `exp`; and where more was revoked than fits, `before` and `ending`:
/// contexts of all accounts with an `iat` or an `exp` up to that are dead.
#[utoipa::path(
    get, path = "/.well-known/mfa-revocations", tag = "health", security(()),
    params(("If-None-Match" = Option<String>, Header)),
    responses(
        (
            status = 200, description = "the list, signed", body = String,
            content_type = "application/mfa-revocations+jwt",
        ),
        (status = 304, description = "it is the one that If-None-Match names"),
        super::Unavailable,
    ),
)]
pub(super) async fn revocations(
    State(state): State<Shared>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let list = state.revocations.current().await?;
    let etag = HeaderValue::from_str(&list.etag).unwrap_or(HeaderValue::from_static("*"));
    // A longer cache on the way would delay revocations by as much.
    let headers = [(CACHE_CONTROL, HeaderValue::from_static("public, max-age=1")), (ETAG, etag)];
    let known = asked.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if known.is_some_and(|known| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == list.etag)
    }) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((
        headers,
        [(CONTENT_TYPE, HeaderValue::from_static("application/mfa-revocations+jwt"))],
        // All answers share one copy of a list that may have megabytes.
        Bytes::from_owner(ListText(list)),
    )
        .into_response())
}

/// The text of a list, shared by all answers that hold it.
struct ListText(Arc<PublishedList>);

impl AsRef<[u8]> for ListText {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

/// Prometheus metrics.
#[utoipa::path(
    get, path = "/metrics", tag = "health", security((), ("api_key" = [])),
    responses(
        (
            status = 200, description = "Prometheus text", body = String,
            content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        super::Unauthorized, super::Forbidden, super::Missing, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn metrics(
    State(state): State<Shared>,
    request: Request,
) -> Result<Response, Problem> {
    let needed = health::metrics_need_caller(&state)?;
    let (mut parts, _) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &state).await {
        Ok(caller) => Some(caller),
        Err(denied) if needed => return Err(denied),
        Err(_) => None,
    };
    let text = health::metrics(&state, caller.as_ref()).await?;
    let kind =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok((StatusCode::OK, [(CONTENT_TYPE, kind)], text).into_response())
}
