//! Sessions: open, introspect, revoke.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use crate::agent::access::{Caller, RequestInfo};
use crate::agent::api::body::{Body, document};
use crate::agent::api::extract::Segment;
use crate::agent::api::members::{parse, parse_code, with_client};
use crate::agent::api::views;
use crate::agent::operations::sessions;
use crate::agent::operations::sessions::{Opening, Proof};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::id::SerialNumber;
use crate::otp::Counter;
use crate::session::{Lifetime, SignedContext};
use crate::time::UnixTime;
use crate::wire::{
    Introspect, Introspected, OpenSession, OpenedSession, RevokeSession, RevokeSessions,
    RevokedSessions,
};

/// Opens a session.
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", request_body = OpenSession, responses(
    (status = 201, description = "the session's context, signed", body = OpenedSession),
    super::Invalid, super::Unauthorized, super::Denied, super::Slow, super::Unavailable,
))]
pub(super) async fn open(
    State(state): State<Shared>,
    caller: Caller,
    Extension(info): Extension<RequestInfo>,
    Body(mut body): Body<OpenSession>,
) -> Result<(StatusCode, Json<OpenedSession>), Problem> {
    let opening = Opening {
        proof: proof(&mut body)?,
        lifetime: body
            .duration_seconds
            .map(|seconds| Lifetime::try_from(Duration::from_secs(seconds)))
            .transpose()?,
        account: body.account.as_deref(),
        audience: body.audience.as_deref(),
    };
    let caller = with_client(caller, body.client.as_ref())?;
    let opened = sessions::open(&state, &caller, opening, info.arrived).await?;
    Ok((StatusCode::CREATED, Json(views::opened(&opened, body.account.as_deref()))))
}

/// Introspects a context: valid and alive, or not.
#[utoipa::path(
    post, path = "/v1/sessions/introspect", tag = "sessions", request_body = Introspect,
    responses(
        (status = 200, description = "alive or not", body = Introspected),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn introspect(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<Introspect>,
) -> Result<Json<Introspected>, Problem> {
    let token = SignedContext::new(body.token.as_str());
    let audience = body.audience.as_deref();
    let context = sessions::introspect(&state, &caller, &token, audience).await?;
    let now = state.verifier.now().await?;
    Ok(Json(Introspected {
        active: context.is_some(),
        context: context.map(|context| views::context(&context, None, now)),
    }))
}

/// Revokes one context. Revoking a dead one changes nothing.
#[utoipa::path(
    post, path = "/v1/sessions/revoke", tag = "sessions", request_body = RevokeSession,
    responses(
        (status = 204, description = "not alive any more"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn revoke_one(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<RevokeSession>,
) -> Result<StatusCode, Problem> {
    let token = SignedContext::new(body.token.as_str());
    sessions::revoke_one(&state, &caller, &token, body.audience.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes an account's contexts, up to a time that only moves forward.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/revoke-sessions", tag = "sessions",
    params(("account" = String, Path)), request_body = RevokeSessions,
    responses(
        (status = 200, description = "what is dead now", body = RevokedSessions),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict,
        super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn revoke_all(
    State(state): State<Shared>,
    caller: Caller,
    Segment(account): Segment,
    Body(body): Body<RevokeSessions>,
) -> Result<Json<RevokedSessions>, Problem> {
    let before = body.issued_before.as_deref().map(rfc3339).transpose()?;
    let serial: Option<SerialNumber> = body.serial.as_deref().map(parse).transpose()?;
    let revoked = sessions::revoke_all(&state, &caller, &account, before, serial.as_ref()).await?;
    Ok(Json(RevokedSessions {
        revoked_before: revoked.revoked_before.into(),
        generation: revoked.generation,
    }))
}

/// The proof in a request. A malformed one is refused before any look-up.
fn proof(body: &mut OpenSession) -> Result<Proof, Problem> {
    let credential = body.credential.take().map(document).transpose()?;
    let serial = body.serial.as_deref().map(parse).transpose()?;
    if body.counter.is_some() && body.codes.is_none() {
        return Err(Problem::bad_input(
            "counter is that of the first of two codes: send codes with it",
        ));
    }
    match (&body.ceremony_id, credential) {
        (Some(id), Some(answer))
            if serial.is_none() && body.code.is_none() && body.codes.is_none() =>
        {
            return Ok(Proof::Key(parse(id)?, Box::new(answer)));
        }
        (None, None) => {}
        (Some(_), Some(_)) => {
            return Err(Problem::bad_input(
                "a security key proves itself: leave serial, code and codes out",
            ));
        }
        _ => {
            return Err(Problem::bad_input(
                "ceremony_id and credential belong together: send both",
            ));
        }
    }
    match (&body.code, &body.codes, serial) {
        (Some(_), Some(_), _) => Err(Problem::bad_input("send code or codes, not both")),
        (Some(code), None, serial) => Ok(Proof::Passcode(serial, parse_code(code.as_str())?)),
        (None, Some([first, second]), Some(serial)) => {
            let codes = [parse_code(first.as_str())?, parse_code(second.as_str())?];
            Ok(Proof::Pair(serial, codes, body.counter.map(Counter)))
        }
        (None, Some(_), None) => {
            Err(Problem::bad_input("codes need the serial of the device that shows them"))
        }
        (None, None, Some(_)) => {
            Err(Problem::bad_input("a serial without a code proves nothing: send the code too"))
        }
        (None, None, None) => Ok(Proof::None),
    }
}

fn rfc3339(text: &str) -> Result<UnixTime, Problem> {
    text.parse()
        .map_err(|_| Problem::bad_input("a time is written like 2026-11-22T09:30:00Z (RFC 3339)"))
}
