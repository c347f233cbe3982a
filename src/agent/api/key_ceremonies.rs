//! `POST /v1/local/key-ceremonies`: a security key that is plugged in here opens a session, and the
//! peer hears of every step.
//!
//! The answer is one JSON object a line, and ends with `done`, `refused` or `failed`. Whoever
//! closes the connection ends the ceremony.

use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::agent::access::{Caller, Denied, LocalPeer, RequestInfo};
use crate::agent::api::body::{Body, SecretBody};
use crate::agent::api::extract::Segment;
use crate::agent::api::key_events::{EventSender, FailureCode, KeyCeremonyEvent};
use crate::agent::api::members::{account, parse};
use crate::agent::api::sessions::{Proof, Wanted};
use crate::agent::api::{key_events, sessions};
use crate::agent::config::Service;
use crate::agent::local::{Answered, Busy, NotBound, RunningCeremony};
use crate::agent::problem::{Code, Problem};
use crate::agent::state::Shared;
use crate::agent::stop::Why;
use crate::session::AnyContext;
use crate::usb;
use crate::usb::{Key, Pin};
use crate::verifier::{BoundSession, CeremonyId, Error};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BeginKeyCeremony {
    #[schema(min_length = 1, max_length = 256)]
    account: String,
    /// The program that asks, as PAM calls it.
    #[schema(pattern = "^[A-Za-z0-9._+@-]{1,64}$")]
    service: String,
    /// For whom the context is; the issuer itself if left out.
    #[schema(min_length = 1, max_length = 256)]
    audience: Option<String>,
    /// How long to wait for a key and its touch, and for its PIN: 1 to 120; 30 if left out.
    #[schema(minimum = 1, maximum = 120)]
    wait_seconds: Option<u64>,
    /// The session lasts only as long as the key stays plugged in. Only where the configuration
    /// allows it.
    bind_to_key: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GivePin {
    /// The PIN of the key that asks for it.
    #[schema(value_type = String)]
    pin: Zeroizing<String>,
}

/// What is to become of a key's answer.
struct OpenRequest {
    /// By which name the account was asked for.
    name: String,
    wanted: Wanted,
    id: CeremonyId,
    /// The session ends when the key goes.
    bind: bool,
}

/// Opens a session with a security key that is plugged in here. Only on the Unix sockets.
#[utoipa::path(post, path = "/v1/local/key-ceremonies", tag = "local", request_body = BeginKeyCeremony, responses(
    (status = 200, description = "what happens, a line each; closing the connection ends it", body = KeyCeremonyEvent,
        content_type = "application/x-ndjson"),
    super::Invalid, super::Unauthorized, super::Denied, super::Slow, super::Unavailable,
))]
pub(super) async fn begin(
    State(state): State<Shared>,
    caller: Caller,
    LocalPeer { uid }: LocalPeer,
    Extension(info): Extension<RequestInfo>,
    Body(body): Body<BeginKeyCeremony>,
) -> Result<Response, Problem> {
    let account = account(&state, &body.account)?;
    let _service: Service = parse(&body.service)?;
    let audience = sessions::audience(&state, body.audience.as_deref())?;
    let wait = match body.wait_seconds.unwrap_or(30) {
        seconds @ 1..=120 => Duration::from_secs(seconds),
        _ => return Err(Problem::bad_input("wait_seconds is 1 to 120")),
    };
    let bind = body.bind_to_key.unwrap_or(false);
    if bind && !state.local.presence.is_enabled() {
        return Err(Problem::bad_input(
            "sessions are not bound to keys here: set presence.enabled in the agent's configuration",
        ));
    }
    // Nothing blinks for an account that does not exist for the caller.
    if !caller.sees(&account) {
        sessions::leave_at_interval(&state, info.arrived).await;
        return Err(Problem::access_denied());
    }
    let (lines, answer) = key_events::channel();
    match state.local.ceremonies.reserve(uid) {
        Ok(slot) => {
            let begun = state
                .keys
                .on_behalf_of(caller.id.clone())
                .begin_authentication(&account)
                .await?;
            lines.say(&KeyCeremonyEvent::Begun { ceremony_id: slot.id().to_owned() });
            let origin = state.config.own_origin().ok_or(Denied::KeysUnusable)?;
            let ceremony =
                slot.begin(begun.options, origin, wait).map_err(|_| Denied::KeysUnusable)?;
            let wanted = Wanted { account: Some(account), audience, lifetime: None };
            tokio::spawn(follow(
                state,
                caller,
                OpenRequest { wanted, name: body.account, id: begun.id, bind },
                ceremony,
                lines,
            ));
        }
        Err(Busy::Now) => lines.say(&usb::Error::Busy.into()),
        Err(Busy::TooSoon(wait)) => return Err(Denied::TooFast(wait).into()),
        Err(Busy::Random(error)) => return Err(Error::Key(error).into()),
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, axum::body::Body::new(answer)).into_response())
}

/// Gives the PIN that a ceremony asked for. Only to one's own.
#[utoipa::path(post, path = "/v1/local/key-ceremonies/{id}/pin", tag = "local", params(("id" = String, Path)), request_body = GivePin, responses(
    (status = 204, description = "the key has it"),
    super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow, super::Unavailable,
))]
pub(super) async fn give_pin(
    State(state): State<Shared>,
    _: Caller,
    LocalPeer { uid }: LocalPeer,
    Segment(id): Segment,
    SecretBody(body): SecretBody<GivePin>,
) -> Result<StatusCode, Problem> {
    match state.local.ceremonies.give_pin(uid, &id, Pin::from(body.pin)) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("ceremony of yours that waits for a PIN")),
    }
}

/// Tells what happens, and opens the session when the key has answered. Ends with the ceremony, its
/// peer or the agent.
async fn follow(
    state: Shared,
    caller: Caller,
    request: OpenRequest,
    ceremony: RunningCeremony,
    lines: EventSender,
) {
    let work = async {
        let last = match forward(ceremony, &lines).await {
            Ok(answered) => finish(&state, &caller, request, answered)
                .await
                .unwrap_or_else(|problem| not_opened(&state, problem)),
            Err(why) => why.into(),
        };
        lines.say(&last);
    };
    tokio::select! {
        () = work => {}
        () = lines.unheard() => {}
        _ = state.stop.wait() => lines.say(&usb::Error::Cancelled.into()),
    }
}

async fn forward(
    mut ceremony: RunningCeremony,
    lines: &EventSender,
) -> Result<Answered, usb::Error> {
    while let Some(event) = ceremony.events.recv().await {
        lines.say(&event.into());
    }
    // A thread that is gone without a word has panicked.
    (&mut ceremony.end).await.unwrap_or(Err(usb::Error::Bus(
        "the ceremony failed; the agent's log says where".to_owned(),
    )))
}

async fn finish(
    state: &Shared,
    caller: &Caller,
    request: OpenRequest,
    answered: Answered,
) -> Result<KeyCeremonyEvent, Problem> {
    let proof = Proof::Key(request.id, Box::new(answered.response));
    let opened = sessions::opened(state, caller, request.wanted, proof, Instant::now()).await?;
    if request.bind {
        bind(state, &opened.context, answered.key).await?;
    }
    let opened = opened.view(Some(&request.name));
    Ok(KeyCeremonyEvent::Done { token: opened.token, context: Box::new(opened.context) })
}

/// Nobody gets a session that could outlast its key.
async fn bind(state: &Shared, context: &AnyContext, key: Option<Key>) -> Result<(), Problem> {
    let unbound = |detail: String| Problem::new(Code::ServiceUnavailable, detail);
    let AnyContext::Mfa(context) = context else {
        return Err(unbound("no key has answered".to_owned()));
    };
    let common = context.common();
    let session = BoundSession {
        account: common.account.clone(),
        session_id: common.session_id.clone(),
        serial: context.serial().clone(),
        expires_at: common.expires_at,
    };
    state.local.presence.bind(key, session).await.map_err(|error| match error {
        NotBound::Verifier(error) => error.into(),
        error => unbound(error.to_string()),
    })
}

fn not_opened(state: &Shared, problem: Problem) -> KeyCeremonyEvent {
    if problem.is_refusal() {
        return KeyCeremonyEvent::Refused { problem: Box::new(problem) };
    }
    if problem.is_in_doubt() {
        state
            .stop
            .now(Why::Failed("the store did not say whether it kept a change".to_owned()));
    }
    KeyCeremonyEvent::Failed {
        code: FailureCode::Unavailable,
        detail: problem.detail().to_owned(),
        key: None,
    }
}
