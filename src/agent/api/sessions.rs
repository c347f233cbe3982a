//! `POST /v1/sessions`: a code, or a security key's assertion, becomes a session. All its refusals
//! look, cost and take the same.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::access::{Caller, RequestInfo};
use crate::agent::api::body::Body;
use crate::agent::api::extract::Segment;
use crate::agent::api::members::{parse, parse_code};
use crate::agent::api::shapes;
use crate::agent::api::views::ContextView;
use crate::agent::operations::sessions;
use crate::agent::operations::sessions::{Opened, Opening, Proof};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::id::SerialNumber;
use crate::session::{Lifetime, SignedContext};
use crate::time::UnixTime;
use crate::webauthn::AuthenticationResponse;

/// What opens a session: a `code`, two consecutive `codes` of the device `serial`, the `credential`
/// that answers the ceremony `ceremony_id`, or nothing, for a context without MFA.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenSession {
    /// May be left out where a ceremony that began without an account is finished: the key says
    /// whose it is.
    #[schema(min_length = 1, max_length = 256)]
    account: Option<String>,
    /// 900 to 129600; 3600 unless the agent is configured otherwise.
    #[schema(minimum = 900, maximum = 129600)]
    duration_seconds: Option<u64>,
    /// For whom the context is; the issuer itself if left out.
    #[schema(min_length = 1, max_length = 256)]
    audience: Option<String>,
    /// May be left out where the account has exactly one active device that shows codes.
    #[schema(pattern = "^[A-Za-z0-9_+=/:,.@-]{9,256}$")]
    serial: Option<String>,
    /// 6 to 8 digits, a recovery code, or a bypass code.
    code: Option<String>,
    /// Two consecutive codes of a device that is out of sync: they resynchronise it and open the
    /// session in one write.
    #[schema(min_items = 2, max_items = 2)]
    codes: Option<[String; 2]>,
    /// A ceremony that `/v1/security-keys/authenticate/begin` began, for this account or for none.
    /// It is over then, whatever comes of it.
    #[schema(pattern = "^[A-Za-z0-9_-]{22}$")]
    ceremony_id: Option<String>,
    /// What the security key answered.
    #[schema(value_type = Option<shapes::AuthenticationResponse>)]
    credential: Option<AuthenticationResponse>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct OpenedSession {
    /// The signed context.
    pub(super) token: String,
    pub(super) context: ContextView,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Introspect {
    token: String,
    /// For whom the context must be; the issuer itself if left out.
    audience: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Introspected {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<ContextView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeSession {
    token: String,
    audience: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeSessions {
    /// RFC 3339, not in the future; now if left out.
    #[schema(format = DateTime)]
    issued_before: Option<String>,
    /// Only contexts made with this device.
    #[schema(pattern = "^[A-Za-z0-9_+=/:,.@-]{9,256}$")]
    serial: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RevokedSessions {
    /// Contexts issued up to then are dead.
    revoked_before: String,
    /// So are contexts with a lower `gen`.
    generation: u64,
}

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
    let opened = sessions::open(&state, &caller, opening, info.arrived).await?;
    Ok((StatusCode::CREATED, Json(OpenedSession::of(&opened, body.account.as_deref()))))
}

/// Says whether a context is valid and alive.
#[utoipa::path(post, path = "/v1/sessions/introspect", tag = "sessions", request_body = Introspect, responses(
    (status = 200, description = "alive or not", body = Introspected),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn introspect(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<Introspect>,
) -> Result<Json<Introspected>, Problem> {
    let token = SignedContext::new(body.token);
    let audience = body.audience.as_deref();
    let context = sessions::introspect(&state, &caller, &token, audience).await?;
    let now = state.verifier.clock().read().wall;
    Ok(Json(Introspected {
        active: context.is_some(),
        context: context.map(|context| ContextView::new(&context, now)),
    }))
}

/// Revokes one context. One that is not alive any more is revoked already.
#[utoipa::path(post, path = "/v1/sessions/revoke", tag = "sessions", request_body = RevokeSession, responses(
    (status = 204, description = "not alive any more"),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Slow, super::Unavailable,
))]
pub(super) async fn revoke_one(
    State(state): State<Shared>,
    caller: Caller,
    Body(body): Body<RevokeSession>,
) -> Result<StatusCode, Problem> {
    let token = SignedContext::new(body.token);
    sessions::revoke_one(&state, &caller, &token, body.audience.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes an account's contexts; it moves forward only.
#[utoipa::path(post, path = "/v1/accounts/{account}/revoke-sessions", tag = "sessions", params(("account" = String, Path)), request_body = RevokeSessions, responses(
    (status = 200, description = "what is dead now", body = RevokedSessions),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Conflict, super::Slow, super::Unavailable,
))]
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
        revoked_before: revoked.revoked_before.to_string(),
        generation: revoked.generation,
    }))
}

impl OpenedSession {
    /// The answer to a caller that asked for the account by this name, if it named one.
    pub(super) fn of(opened: &Opened, name: Option<&str>) -> OpenedSession {
        let context = ContextView::new(&opened.context, opened.now);
        let context = name.into_iter().fold(context, ContextView::asked_as);
        OpenedSession { token: opened.signed.as_str().to_owned(), context }
    }
}

/// The proof in a request. A malformed one is refused before any look-up.
fn proof(body: &mut OpenSession) -> Result<Proof, Problem> {
    let serial = body.serial.as_deref().map(parse).transpose()?;
    match (&body.ceremony_id, body.credential.take()) {
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
        (Some(code), None, serial) => Ok(Proof::Passcode(serial, parse_code(code)?)),
        (None, Some([first, second]), Some(serial)) => {
            Ok(Proof::Pair(serial, [parse_code(first)?, parse_code(second)?]))
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
    let wrong = || Problem::bad_input("a time is written like 2026-11-22T09:30:00Z (RFC 3339)");
    let time = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .map_err(|_| wrong())?;
    u64::try_from(time.unix_timestamp()).map(UnixTime).map_err(|_| wrong())
}
