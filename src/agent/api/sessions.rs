//! `POST /v1/sessions`: a code, or a security key's assertion, becomes a session. All its refusals
//! look, cost and take the same.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::access::{Caller, RequestInfo};
use crate::agent::api::body::Body;
use crate::agent::api::extract::Segment;
use crate::agent::api::members::{account, parse, parse_code};
use crate::agent::api::views::ContextView;
use crate::agent::api::{accounts, shapes};
use crate::agent::config::Role;
use crate::agent::problem::{Code, Problem};
use crate::agent::state::Shared;
use crate::id::{AccountId, OddCharacter, SerialNumber};
use crate::otp;
use crate::otp::Window;
use crate::session::{AnyContext, Issuer, Lifetime, SignedContext};
use crate::time::UnixTime;
use crate::verifier::{CeremonyId, Error, Passcode, Verified};
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

/// What a session is to be.
pub(super) struct Wanted {
    /// The account, if the caller named one; otherwise a security key does.
    pub(super) account: Option<AccountId>,
    pub(super) audience: String,
    pub(super) lifetime: Option<Lifetime>,
}

/// A session that is open, and when that was.
pub(super) struct Opened {
    signed: SignedContext,
    pub(super) context: AnyContext,
    now: UnixTime,
}

pub(super) enum Proof {
    Passcode(Option<SerialNumber>, Passcode),
    Pair(SerialNumber, [otp::Code; 2]),
    Key(CeremonyId, Box<AuthenticationResponse>),
    None,
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
    let account = body.account.as_deref().map(|name| account(&state, name)).transpose()?;
    let proof = proof(&mut body)?;
    if account.is_none()
        && !(state.config.security_keys.usernameless && matches!(proof, Proof::Key(..)))
    {
        return Err(no_account());
    }
    let audience = audience(&state, body.audience.as_deref())?;
    let lifetime = body
        .duration_seconds
        .map(|seconds| Lifetime::try_from(Duration::from_secs(seconds)))
        .transpose()?;
    let wanted = Wanted { account, audience, lifetime };
    Ok((
        StatusCode::CREATED,
        Json(
            opened(&state, &caller, wanted, proof, info.arrived)
                .await?
                .view(body.account.as_deref()),
        ),
    ))
}

/// Opens a session for a proof. A refusal leaves at the first interval after `arrived` that the
/// work has passed.
pub(super) async fn opened(
    state: &Shared,
    caller: &Caller,
    wanted: Wanted,
    proof: Proof,
    arrived: Instant,
) -> Result<Opened, Problem> {
    let Wanted { account, audience, lifetime } = wanted;
    let issuer = state.issuer.clone().on_behalf_of(caller.id.clone());
    let issuer = lifetime.into_iter().fold(issuer, Issuer::lifetime);
    let now = state.verifier.clock().read().wall;

    let (signed, context) = match prove(state, caller, account.as_ref(), proof).await {
        Ok(Proven::Mfa(verified)) => {
            let (signed, context) =
                issuer.issue_and_read(verified, &audience).await.map_err(at_sessions)?;
            (signed, AnyContext::Mfa(context))
        }
        Ok(Proven::Nothing(account)) => {
            let (signed, context) =
                issuer.issue_without_mfa(account, &audience).await.map_err(at_sessions)?;
            (signed, AnyContext::WithoutMfa(context))
        }
        Err(Error::Refused(refusal)) => {
            state.metrics.refused(refusal.name());
            tracing::debug!(reason = refusal.name(), "a session was refused");
            leave_at_interval(state, arrived).await;
            let problem = Problem::access_denied();
            return Err(if caller.explain { problem.explained(refusal, now) } else { problem });
        }
        Err(error) => return Err(at_sessions(error)),
    };
    state.metrics.issued(&context);
    Ok(Opened { signed, context, now })
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
    let context = find(&state, &caller, &body.token, body.audience.as_deref()).await?;
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
    caller.must_be(Role::Enroller)?;
    if let Some(context) = find(&state, &caller, &body.token, body.audience.as_deref()).await? {
        let common = context.common();
        let verifier = state.verifier.on_behalf_of(caller.id.clone());
        verifier
            .revoke_session(&common.account, &common.session_id, common.expires_at)
            .await?;
    }
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
    let account = accounts::find_existing(&state, &caller, Role::Enroller, &account)?;
    let issued_before = body.issued_before.as_deref().map(rfc3339).transpose()?;
    let serial: Option<SerialNumber> = body.serial.as_deref().map(parse).transpose()?;
    let verifier = state.verifier.on_behalf_of(caller.id.clone());
    let revoked = verifier.revoke_sessions(&account, issued_before, serial.as_ref()).await?;
    Ok(Json(RevokedSessions {
        revoked_before: revoked.revoked_before.to_string(),
        generation: revoked.generation,
    }))
}

impl Opened {
    /// For a caller that asked for the account by this name, if it named one.
    pub(super) fn view(&self, name: Option<&str>) -> OpenedSession {
        let context = ContextView::new(&self.context, self.now);
        let context = name.into_iter().fold(context, ContextView::asked_as);
        OpenedSession { token: self.signed.as_str().to_owned(), context }
    }
}

/// The proof that a request offers; anything that is none is refused before any look-up.
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

/// The outcome of a proof.
enum Proven<'a> {
    Mfa(Verified),
    /// Only the account, which the caller answers for.
    Nothing(&'a AccountId),
}

async fn prove<'a>(
    state: &Shared,
    caller: &Caller,
    account: Option<&'a AccountId>,
    proof: Proof,
) -> Result<Proven<'a>, Error> {
    let verifier = state.verifier.on_behalf_of(caller.id.clone());
    let keys = state.keys.on_behalf_of(caller.id.clone());
    let Some(account) = account else {
        let Proof::Key(id, answer) = proof else {
            return Err(Error::BadInput(NO_ACCOUNT.to_owned()));
        };
        return keys
            .finish_usernameless(&id, *answer, |account| caller.sees(account))
            .await
            .map(Proven::Mfa);
    };
    let window = if caller.role == Role::Admin { Window::Admin } else { Window::Owner };
    if !caller.sees(account) {
        let (serial, pair) = match &proof {
            Proof::Passcode(serial, _) => (serial.as_ref(), None),
            Proof::Pair(serial, _) => (Some(serial), Some(window)),
            Proof::Key(..) | Proof::None => (None, None),
        };
        return Err(verifier.refuse_hidden(account, serial, pair).await?);
    }
    let verified = match proof {
        Proof::Passcode(serial, code) => verifier.verify_code(account, serial.as_ref(), code).await,
        Proof::Pair(serial, [first, second]) => {
            verifier.verify_pair(account, &serial, [&first, &second], window).await
        }
        Proof::Key(id, answer) => keys.finish_authentication(account, &id, *answer).await,
        Proof::None => return Ok(Proven::Nothing(account)),
    };
    verified.map(Proven::Mfa)
}

/// A request that names no account, where one has to be named.
pub(super) fn no_account() -> Problem {
    Problem::bad_input(NO_ACCOUNT)
}

const NO_ACCOUNT: &str = "name the account: only a sign-in by a security key can do without, where usernameless is set in the agent's \
                          configuration";

/// The context that a token holds, if it is alive and of an account that exists for the caller.
async fn find(
    state: &Shared,
    caller: &Caller,
    token: &str,
    wanted: Option<&str>,
) -> Result<Option<AnyContext>, Problem> {
    let audience = wanted.unwrap_or(state.issuer.name());
    let context = state.introspector.introspect(&SignedContext::new(token), audience).await?;
    Ok(context.filter(|context| caller.sees(&context.common().account)))
}

pub(super) fn audience(state: &Shared, wanted: Option<&str>) -> Result<String, Problem> {
    let Some(wanted) = wanted else { return Ok(state.issuer.name().to_owned()) };
    let odd = OddCharacter::first_unprintable_in(wanted);
    if !(1..=256).contains(&wanted.len()) || odd.is_some() {
        let found = odd.map_or_else(String::new, |odd| format!("; in this one there is {odd}"));
        return Err(Problem::bad_input(format!(
            "an audience is 1 to 256 bytes of printable text{found}"
        )));
    }
    if !state.config.allows_audience(wanted) {
        return Err(Problem::bad_input(
            "the agent issues nothing for this audience: add it to audiences in its configuration",
        ));
    }
    Ok(wanted.to_owned())
}

/// A lost race is nobody's fault here, and nothing was spent.
fn at_sessions(error: Error) -> Problem {
    match error {
        Error::Contended => Problem::new(
            Code::ServiceUnavailable,
            "too many requests for this account at the same time: try again",
        ),
        error => Problem::from(error),
    }
}

/// Waits for the first of the configured intervals after `arrived` that the work has passed, so
/// that the time of a refusal does not tell its reason.
pub(super) async fn leave_at_interval(state: &Shared, arrived: Instant) {
    let interval = Duration::from_millis(state.config.sessions.refusal_interval_ms);
    let passed = arrived.elapsed().as_nanos();
    let intervals = passed
        .checked_div(interval.as_nanos())
        .and_then(|whole| u32::try_from(whole + 1).ok());
    if let Some(intervals) = intervals {
        tokio::time::sleep_until(tokio::time::Instant::from_std(arrived + interval * intervals))
            .await;
    }
}

fn rfc3339(text: &str) -> Result<UnixTime, Problem> {
    let wrong = || Problem::bad_input("a time is written like 2026-11-22T09:30:00Z (RFC 3339)");
    let time = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .map_err(|_| wrong())?;
    u64::try_from(time.unix_timestamp()).map(UnixTime).map_err(|_| wrong())
}
