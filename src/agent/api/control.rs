//! What administrators do for the agent itself: keys, audit, backup, clock.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, Parameters};
use crate::agent::api::extract::Segment;
use crate::agent::api::members::parse;
use crate::agent::api::views::{ApiKeyView, EventView, SigningKeyView};
use crate::agent::operations::control;
use crate::agent::operations::control::{ApiKeyRequest, AuditFrom};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::store::{AuditCursor, ChainReport};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListEvents {
    /// `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<AuditCursor>,
    /// The newest rows instead of those after a place.
    newest: Option<bool>,
    /// 1 to 1000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Events {
    events: Vec<EventView>,
    /// What to give as `after` for the next page.
    #[schema(value_type = Option<String>)]
    next: Option<AuditCursor>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AuditView {
    /// Every row is there and unchanged.
    ok: bool,
    rows: u64,
    /// The hash of the last row, to be kept somewhere else; none where there are several chains.
    head: Option<String>,
    /// The first row that is missing or changed, in the first chain that is broken.
    broken_at: Option<u64>,
    /// Each chain by itself: every agent on one store writes its own.
    chains: Vec<ChainView>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ChainView {
    chain: u32,
    /// Every row is there and unchanged.
    ok: bool,
    rows: u64,
    /// The hash of the last row, to be kept somewhere else.
    head: Option<String>,
    /// The first row that is missing or changed.
    broken_at: Option<u64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeApiKey {
    /// `verifier`, `enroller` or `admin`.
    #[schema(pattern = "^(verifier|enroller|admin)$")]
    role: String,
    #[schema(min_length = 1, max_length = 128)]
    name: Option<String>,
    /// Names, or prefixes that end in `*`; all accounts if left out.
    accounts: Option<Vec<String>>,
    /// Refusals carry their reason.
    explain: Option<bool>,
    /// It is a proxy's: `X-Forwarded-*` of its requests are believed.
    forward: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MadeApiKey {
    /// The key, shown this once.
    key: String,
    api_key: ApiKeyView,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ApiKeys {
    api_keys: Vec<ApiKeyView>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SigningKeys {
    signing_keys: Vec<SigningKeyView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeSigningKey {
    /// `EdDSA`, `Ed25519` (the same by its name in RFC 9864) or `ES256`; the configured one if left
    /// out, or EdDSA.
    #[schema(pattern = "^(EdDSA|Ed25519|ES256)$")]
    algorithm: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeBackup {
    /// A new file on the agent's machine, as an absolute path; one in the state directory if left
    /// out.
    path: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct BackupView {
    path: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ClockView {
    /// The time that is believed now.
    now: String,
}

/// Reads the audit log, oldest first.
#[utoipa::path(get, path = "/v1/audit", tag = "control", params(ListEvents), responses(
    (status = 200, description = "a page of rows", body = Events),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn audit(
    State(state): State<Shared>,
    caller: Caller,
    Parameters(query): Parameters<ListEvents>,
) -> Result<Json<Events>, Problem> {
    let from = match query.newest {
        Some(true) => AuditFrom::Newest,
        _ => AuditFrom::After(query.after.unwrap_or_default()),
    };
    let page = control::audit(&state, &caller, from, query.limit).await?;
    let events = page.rows.into_iter().map(EventView::from).collect();
    Ok(Json(Events { events, next: page.next }))
}

/// Recomputes the audit log's chain of hashes.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "control", responses(
    (status = 200, description = "what was found", body = AuditView),
    super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn verify_audit(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<AuditView>, Problem> {
    let report = control::verify_audit(&state, &caller).await?;
    Ok(Json(AuditView {
        ok: report.ok,
        rows: report.rows(),
        head: report.head().map(str::to_owned),
        broken_at: report.broken_at().map(|(_, number)| number),
        chains: report.chains.into_iter().map(ChainView::from).collect(),
    }))
}

/// Makes an API key.
#[utoipa::path(post, path = "/v1/api-keys", tag = "control", request_body = MakeApiKey, responses(
    (status = 201, description = "the key, shown this once", body = MadeApiKey),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn make_api_key(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<MakeApiKey>,
) -> Result<(StatusCode, Json<MadeApiKey>), Problem> {
    let request = ApiKeyRequest {
        role: parse(&body.role)?,
        name: body.name,
        accounts: body.accounts,
        explain: body.explain.unwrap_or(false),
        forward: body.forward.unwrap_or(false),
    };
    let (record, key) = control::make_api_key(&state, &caller, request).await?;
    let api_key = ApiKeyView::from(&record);
    Ok((StatusCode::CREATED, Json(MadeApiKey { key: key.to_string(), api_key })))
}

/// Lists API keys.
#[utoipa::path(get, path = "/v1/api-keys", tag = "control", responses(
    (status = 200, description = "the keys that were not revoked", body = ApiKeys),
    super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn api_keys(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<ApiKeys>, Problem> {
    let keys = control::api_keys(&state, &caller).await?;
    Ok(Json(ApiKeys { api_keys: keys.iter().map(ApiKeyView::from).collect() }))
}

/// Revokes an API key, at once.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", tag = "control", params(("id" = String, Path)), responses(
    (status = 204, description = "revoked"),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow, super::Unavailable,
))]
pub(super) async fn revoke_api_key(
    State(state): State<Shared>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<StatusCode, Problem> {
    control::revoke_api_key(&state, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists signing keys, newest first.
#[utoipa::path(get, path = "/v1/signing-keys", tag = "control", responses(
    (status = 200, description = "the keys that were not dropped", body = SigningKeys),
    super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn signing_keys(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<SigningKeys>, Problem> {
    let keys = control::signing_keys(&state, &caller).await?;
    Ok(Json(SigningKeys { signing_keys: keys.into_iter().map(SigningKeyView::from).collect() }))
}

/// Signs with a new key from now on; the old one verifies what it signed.
#[utoipa::path(post, path = "/v1/signing-keys", tag = "control", request_body = MakeSigningKey, responses(
    (status = 201, description = "the new key", body = SigningKeyView),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn rotate_signing_keys(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<MakeSigningKey>,
) -> Result<(StatusCode, Json<SigningKeyView>), Problem> {
    let algorithm = body.algorithm.as_deref().map(parse).transpose()?;
    let key = control::rotate_signing_keys(&state, &caller, algorithm).await?;
    Ok((StatusCode::CREATED, Json(key.into())))
}

/// Drops a signing key, at once: nothing that it signed is valid any more.
#[utoipa::path(delete, path = "/v1/signing-keys/{kid}", tag = "control", params(("kid" = String, Path)), responses(
    (status = 204, description = "dropped"),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow, super::Unavailable,
))]
pub(super) async fn drop_signing_key(
    State(state): State<Shared>,
    caller: Caller,
    Segment(kid): Segment,
) -> Result<StatusCode, Problem> {
    control::drop_signing_key(&state, &caller, &kid).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Copies the store into a new file, while it is in use.
#[utoipa::path(post, path = "/v1/store/backup", tag = "control", request_body = MakeBackup, responses(
    (status = 201, description = "where the copy is", body = BackupView),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn backup(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<MakeBackup>,
) -> Result<(StatusCode, Json<BackupView>), Problem> {
    let path = control::backup(&state, &caller, body.path.map(PathBuf::from)).await?;
    Ok((StatusCode::CREATED, Json(BackupView { path: path.display().to_string() })))
}

/// Believes the clock as it is now.
#[utoipa::path(post, path = "/v1/clock/accept", tag = "control", responses(
    (status = 200, description = "the time that is believed", body = ClockView),
    super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn accept_clock(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<ClockView>, Problem> {
    let now = control::accept_clock(&state, &caller).await?;
    Ok(Json(ClockView { now: now.to_string() }))
}

impl From<ChainReport> for ChainView {
    fn from(report: ChainReport) -> ChainView {
        let ChainReport { chain, ok, rows, head, broken_at } = report;
        ChainView { chain: chain.0, ok, rows, head, broken_at }
    }
}
