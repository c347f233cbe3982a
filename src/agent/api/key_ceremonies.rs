//! `POST /v1/local/key-ceremonies`: a security key that is plugged in here opens a session, with an
//! event for every step.
//!
//! The answer is one JSON object a line, and ends with `done`, `refused` or `failed`. Closing the
//! connection ends the ceremony.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::agent::access::{Caller, LocalPeer, RequestInfo};
use crate::agent::api::body::{Body, SecretBody};
use crate::agent::api::extract::Segment;
use crate::agent::api::key_events::EventSender;
use crate::agent::api::members::parse;
use crate::agent::api::{key_events, views};
use crate::agent::config::Service;
use crate::agent::local::{Answered, RunningCeremony};
use crate::agent::operations::ceremonies;
use crate::agent::operations::ceremonies::Begun;
use crate::agent::operations::sessions::Opened;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::usb;
use crate::usb::Pin;
use crate::wire::{BeginKeyCeremony, FailureCode, GivePin, KeyCeremonyEvent, OpenedSession};

/// Opens a session with a security key that is plugged in here. Only on the Unix sockets.
#[utoipa::path(
    post, path = "/v1/local/key-ceremonies", tag = "local", request_body = BeginKeyCeremony,
    responses(
        (
            status = 200, description = "what happens, a line each; closing the connection ends it",
            body = KeyCeremonyEvent, content_type = "application/x-ndjson",
        ),
        super::Invalid, super::Unauthorized, super::Denied, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn begin(
    State(state): State<Shared>,
    caller: Caller,
    peer: LocalPeer,
    Extension(info): Extension<RequestInfo>,
    Body(body): Body<BeginKeyCeremony>,
) -> Result<Response, Problem> {
    let _service: Service = parse(&body.service)?;
    let wait = match body.wait_seconds.unwrap_or(30) {
        seconds @ 1..=120 => Duration::from_secs(seconds),
        _ => return Err(Problem::bad_input("wait_seconds is 1 to 120")),
    };
    let request = ceremonies::Request {
        account: &body.account,
        audience: body.audience.as_deref(),
        wait,
        bind: body.bind_to_key.unwrap_or(false),
    };
    let (events, stream) = key_events::channel();
    match ceremonies::begin(&state, &caller, peer, request, info.arrived).await? {
        None => events.send(&usb::Error::Busy.into()),
        Some(begun) => {
            events.send(&KeyCeremonyEvent::Begun { ceremony_id: begun.id.clone() });
            tokio::spawn(follow(state, caller, begun, body.account, events));
        }
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, axum::body::Body::new(stream)).into_response())
}

/// Gives the PIN that a ceremony of the same user has asked for.
#[utoipa::path(
    post, path = "/v1/local/key-ceremonies/{id}/pin", tag = "local", params(("id" = String, Path)),
    request_body = GivePin,
    responses(
        (status = 204, description = "the key has it"),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn give_pin(
    State(state): State<Shared>,
    _: Caller,
    peer: LocalPeer,
    Segment(id): Segment,
    SecretBody(body): SecretBody<GivePin>,
) -> Result<StatusCode, Problem> {
    ceremonies::give_pin(&state, peer, &id, Pin::from(body.pin.into_inner()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends the events, and opens the session when the key has answered. Ends with the ceremony, its
/// peer or the agent. `name` is the account as it was asked for.
async fn follow(state: Shared, caller: Caller, begun: Begun, name: String, events: EventSender) {
    let Begun { running, open, .. } = begun;
    let work = async {
        let last = match forward(running, &events).await {
            Ok(answered) => match ceremonies::finish(&state, &caller, open, answered).await {
                Ok(opened) => done(&opened, &name),
                Err(failure) => not_opened(&state, failure.into()).await,
            },
            Err(error) => error.into(),
        };
        events.send(&last);
    };
    tokio::select! {
        () = work => {}
        () = events.closed() => {}
        _ = state.stop.wait() => events.send(&usb::Error::Cancelled.into()),
    }
}

/// Forwards events until the key has answered.
async fn forward(
    mut running: RunningCeremony,
    events: &EventSender,
) -> Result<Answered, usb::Error> {
    while let Some(event) = running.events.recv().await {
        events.send(&event.into());
    }
    // A thread that ended without an answer has panicked.
    (&mut running.end).await.unwrap_or(Err(usb::Error::Bus(
        "the ceremony failed; the agent's log says where".to_owned(),
    )))
}

fn done(opened: &Opened, name: &str) -> KeyCeremonyEvent {
    let OpenedSession { token, context } = views::opened(opened, Some(name));
    KeyCeremonyEvent::Done { token, context: Box::new(context) }
}

async fn not_opened(state: &Shared, problem: Problem) -> KeyCeremonyEvent {
    if problem.is_refusal() {
        return KeyCeremonyEvent::Refused { problem: Box::new(problem.into_document()) };
    }
    if problem.is_in_doubt() {
        state.end_in_doubt().await;
    }
    KeyCeremonyEvent::Failed {
        code: FailureCode::Unavailable,
        detail: problem.detail().to_owned(),
        key: None,
    }
}
