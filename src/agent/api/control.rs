//! Administration of the agent: keys, audit, backup, clock.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::agent::access::Caller;
use crate::agent::api::body::{Body, Parameters};
use crate::agent::api::extract::Segment;
use crate::agent::api::members::{parameter, parse};
use crate::agent::api::views;
use crate::agent::operations::backup::Place;
use crate::agent::operations::control::{ApiKeyRequest, AuditListing, AuditPage};
use crate::agent::operations::{backup, control};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::store::{Action, AuditCursor, AuditFilter, AuditFrom};
use crate::wire::{
    AcceptedRestore, ApiKeys, AuditCheckpoint, AuditReport, Backup, ClockReading, Events,
    ListEvents, MadeApiKey, MakeApiKey, MakeBackup, MakeSigningKey, SigningKey, SigningKeys,
};

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
        _ => {
            let after = query.after.as_deref().map(|after| parameter("after", after));
            AuditFrom::After(after.transpose()?.unwrap_or_default())
        }
    };
    let only = AuditFilter {
        account: None,
        serial: query.serial.as_deref().map(|text| parameter("serial", text)).transpose()?,
        action: query.action.as_deref().map(action).transpose()?,
        since: query.since.map(|since| since.0),
        until: query.until.map(|until| until.0),
    };
    let account = query.account.as_deref();
    let listing = AuditListing { from, limit: query.limit, account, only };
    let AuditPage { rows, next, end, names } = control::audit(&state, &caller, listing).await?;
    let events = rows.into_iter().map(|row| views::event(row, &names)).collect();
    let text = |cursor: Option<AuditCursor>| cursor.map(String::from);
    Ok(Json(Events { events, next: text(next), end: text(end) }))
}

fn action(name: &str) -> Result<Action, Problem> {
    match Action::from(name) {
        Action::Other(_) => Err(Problem::bad_input(
            "action: there is no such action; rows of the audit log name theirs",
        )),
        action => Ok(action),
    }
}

/// Recomputes the audit log's chain of hashes.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "control", responses(
    (status = 200, description = "what was found", body = AuditReport),
    super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn verify_audit(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<AuditReport>, Problem> {
    let report = control::verify_audit(&state, &caller).await?;
    Ok(Json(report.into()))
}

/// Signs where the audit log ends, by the key that signs contexts.
#[utoipa::path(get, path = "/v1/audit/checkpoint", tag = "control", responses(
    (status = 200, description = "the checkpoint, to be kept elsewhere", body = AuditCheckpoint),
    super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn checkpoint(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<AuditCheckpoint>, Problem> {
    let (signed, checkpoint) = control::checkpoint(&state, &caller).await?;
    let rows = checkpoint
        .chains
        .iter()
        .map(|chain| chain.number - chain.base.min(chain.number));
    Ok(Json(AuditCheckpoint { at: checkpoint.time().into(), rows: rows.sum(), checkpoint: signed }))
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
        operator: body.operator,
        signing_keys: body.signing_keys.unwrap_or_default(),
    };
    let (record, key) = control::make_api_key(&state, &caller, request).await?;
    let api_key = views::api_key(&record);
    Ok((StatusCode::CREATED, Json(MadeApiKey { key: key.to_string().into(), api_key })))
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
    Ok(Json(ApiKeys { api_keys: keys.iter().map(views::api_key).collect() }))
}

/// Revokes an API key at once.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", tag = "control", params(("id" = String, Path)),
    responses(
        (status = 204, description = "revoked"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
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
    Ok(Json(SigningKeys { signing_keys: keys.into_iter().map(views::signing_key).collect() }))
}

/// Replaces the signing key. The old one still verifies the contexts that it signed.
#[utoipa::path(
    post, path = "/v1/signing-keys", tag = "control", request_body = MakeSigningKey,
    responses(
        (status = 201, description = "the new key", body = SigningKey),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn rotate_signing_keys(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<MakeSigningKey>,
) -> Result<(StatusCode, Json<SigningKey>), Problem> {
    let algorithm = body.algorithm.as_deref().map(parse).transpose()?;
    let key = control::rotate_signing_keys(&state, &caller, algorithm).await?;
    Ok((StatusCode::CREATED, Json(views::signing_key(key))))
}

/// Drops a signing key at once: contexts that it signed are not valid any more.
#[utoipa::path(
    delete, path = "/v1/signing-keys/{kid}", tag = "control", params(("kid" = String, Path)),
    responses(
        (status = 204, description = "dropped"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn drop_signing_key(
    State(state): State<Shared>,
    caller: Caller,
    Segment(kid): Segment,
) -> Result<StatusCode, Problem> {
    control::drop_signing_key(&state, &caller, &kid).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Copies the store into a new file, while it is in use.
#[utoipa::path(
    post, path = "/v1/store/backup", tag = "control", request_body = MakeBackup,
    responses(
        (status = 201, description = "where the copy is", body = Backup),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn make_backup(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<MakeBackup>,
) -> Result<(StatusCode, Json<Backup>), Problem> {
    let place = match (body.path, body.keep) {
        (None, keep) => Place::BesideStore(keep),
        (Some(path), None) => Place::File(path.into()),
        (Some(_), Some(_)) => {
            return Err(Problem::bad_input("keep: not beside path, where other files may be"));
        }
    };
    let made = backup::make(&state, &caller, place).await?;
    let path = made.file.display().to_string();
    let removed = made.removed.iter().map(|path| path.display().to_string()).collect();
    Ok((StatusCode::CREATED, Json(Backup { path, removed })))
}

/// Accepts the clock as it is now.
#[utoipa::path(post, path = "/v1/clock/accept", tag = "control", responses(
    (status = 200, description = "the time that is believed", body = ClockReading),
    super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn accept_clock(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<ClockReading>, Problem> {
    let now = control::accept_clock(&state, &caller).await?;
    Ok(Json(ClockReading { now: now.into() }))
}

/// Ends the state in which a restore leaves the store: only administrators add or activate devices
/// in it, and not by an API key.
#[utoipa::path(post, path = "/v1/store/accept", tag = "control", responses(
    (status = 200, description = "the restore that was accepted", body = AcceptedRestore),
    super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn accept_restore(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<AcceptedRestore>, Problem> {
    let at = control::accept_restore(&state, &caller).await?;
    Ok(Json(AcceptedRestore { restored_at: at.map(Into::into) }))
}
