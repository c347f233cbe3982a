//! Access keys of AWS's wire.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::agent::access::Caller;
use crate::agent::api::body::Body;
use crate::agent::api::extract::Segment;
use crate::agent::operations::access_keys;
use crate::agent::operations::access_keys::OwnerName;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::aws::{AccessKeyRecord, KeyOwner};
use crate::wire::{AccessKey, AccessKeys, ChangeAccessKey, MadeAccessKey, MakeAccessKey};

/// Makes an access key for a user or for root.
#[utoipa::path(
    post, path = "/v1/access-keys", tag = "aws", request_body = MakeAccessKey,
    responses(
        (status = 201, description = "the key, its secret shown this once", body = MadeAccessKey),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn make(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<MakeAccessKey>,
) -> Result<(StatusCode, Json<MadeAccessKey>), Problem> {
    let owner = match (&body.account, body.root) {
        (Some(account), None | Some(false)) => OwnerName::User(account),
        (None, Some(true)) => OwnerName::Root,
        _ => return Err(Problem::bad_input("name an account, or say root: one of both")),
    };
    let made = access_keys::make(&state, &caller, owner).await?;
    let made = MadeAccessKey {
        access_key_id: made.record.id.to_string(),
        secret_access_key: made.secret.to_string().into(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Lists access keys.
#[utoipa::path(get, path = "/v1/access-keys", tag = "aws", responses(
    (status = 200, description = "the keys, active or not", body = AccessKeys),
    super::Unauthorized, super::Forbidden, super::Missing, super::Slow, super::Unavailable,
))]
pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<AccessKeys>, Problem> {
    let keys = access_keys::list(&state, &caller).await?;
    Ok(Json(AccessKeys { access_keys: keys.into_iter().map(view).collect() }))
}

/// Lets an access key sign, or no longer.
#[utoipa::path(
    patch, path = "/v1/access-keys/{id}", tag = "aws", params(("id" = String, Path)),
    request_body = ChangeAccessKey,
    responses(
        (status = 204, description = "changed"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn change(
    State(state): State<Shared>,
    caller: Caller,
    Segment(id): Segment,
    Body(body): Body<ChangeAccessKey>,
) -> Result<StatusCode, Problem> {
    access_keys::set_active(&state, &caller, &id, body.active).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes an access key. Sessions that it opened end with it.
#[utoipa::path(
    delete, path = "/v1/access-keys/{id}", tag = "aws", params(("id" = String, Path)),
    responses(
        (status = 204, description = "deleted"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn delete(
    State(state): State<Shared>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<StatusCode, Problem> {
    access_keys::delete(&state, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view((owner, key): (KeyOwner, AccessKeyRecord)) -> AccessKey {
    AccessKey {
        access_key_id: key.id.to_string(),
        account: match owner {
            KeyOwner::Root => None,
            KeyOwner::User(account) => Some(account),
        },
        active: key.active,
        created_at: key.created_at.into(),
    }
}
