//! Errors on the wire: `application/problem+json` (RFC 9457), with AWS IAM's codes where it has
//! them.

use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::agent::access::{Denied, Failure, Refused};
use crate::device::Refusal;
use crate::store;
use crate::store::KeyError;
use crate::time::UnixTime;
use crate::verifier::Error;

/// An error answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem; always the same for one `code`.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    kind: String,
    /// The kind of problem in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The kind of problem, for programs.
    code: Code,
    /// The fault of this request, and the next step.
    detail: String,
    /// The reason of a refusal; only for callers who may know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Seconds after which a new attempt makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    #[serde(skip)]
    in_doubt: bool,
}

/// Marks a response to a commit whose result is unknown; an extension of the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InDoubt;

/// The kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[expect(clippy::enum_variant_names, reason = "these are the names of the contract")]
pub(crate) enum Code {
    InvalidInput,
    Unauthorized,
    AccessDenied,
    InvalidAuthenticationCode,
    NoSuchEntity,
    EntityAlreadyExists,
    LimitExceeded,
    ConcurrentModification,
    EntityTemporarilyUnmodifiable,
    Throttled,
    ServiceUnavailable,
    ServiceFailure,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Problem {
        let (status, title) = code.status();
        let kind = format!("urn:twostep:problem:{code:?}");
        Problem {
            kind,
            title,
            status: status.as_u16(),
            code,
            detail: detail.into(),
            reason: None,
            // By default a service that is unavailable can be tried again at once.
            retry_after_seconds: (code == Code::ServiceUnavailable).then_some(1),
            in_doubt: false,
        }
    }

    pub(crate) fn bad_input(detail: impl Into<String>) -> Problem {
        Problem::new(Code::InvalidInput, detail)
    }

    pub(crate) fn unauthorized() -> Problem {
        Problem::new(Code::Unauthorized, "send a valid API key: Authorization: Bearer KEY")
    }

    /// For a proxy, whose own key is in another header.
    pub(crate) fn about_the_proxy(self) -> Problem {
        match self.code {
            Code::Unauthorized => Problem {
                detail: "the proxy has to send a valid API key: X-Twostep-Key: KEY".to_owned(),
                ..self
            },
            _ => self,
        }
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(Code::AccessDenied, detail)
    }

    pub(crate) fn not_found(what: &str) -> Problem {
        Problem::new(Code::NoSuchEntity, format!("there is no such {what}"))
    }

    pub(crate) fn too_fast(wait: Duration) -> Problem {
        Problem::new(Code::Throttled, "you send requests too fast: wait")
            .retry_after(whole_seconds(wait))
    }

    /// Adds the reason, for a caller who may know it.
    fn explained(self, refusal: Refusal, now: UnixTime) -> Problem {
        let retry = refusal.retry_at().map(|at| at.since(now).as_secs().max(1));
        Problem {
            reason: Some(refusal.name()),
            retry_after_seconds: retry.or(self.retry_after_seconds),
            ..self
        }
    }

    /// The same problem under another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Problem {
        Problem { status: status.as_u16(), ..self }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Problem {
        Problem { retry_after_seconds: Some(seconds), ..self }
    }

    /// `true` if the store did not say whether it kept a change.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// `true` for a judged refusal, as opposed to a fault of the agent.
    pub(crate) fn is_refusal(&self) -> bool {
        self.code == Code::AccessDenied
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    fn because(self, reason: &'static str) -> Problem {
        Problem { reason: Some(reason), ..self }
    }
}

impl Code {
    fn status(self) -> (StatusCode, &'static str) {
        match self {
            Code::InvalidInput => (StatusCode::BAD_REQUEST, "invalid request"),
            Code::Unauthorized => (StatusCode::UNAUTHORIZED, "authentication required"),
            Code::AccessDenied => (StatusCode::FORBIDDEN, "access denied"),
            Code::InvalidAuthenticationCode => {
                (StatusCode::FORBIDDEN, "invalid authentication code")
            }
            Code::NoSuchEntity => (StatusCode::NOT_FOUND, "no such entity"),
            Code::EntityAlreadyExists => (StatusCode::CONFLICT, "entity already exists"),
            Code::LimitExceeded => (StatusCode::CONFLICT, "limit exceeded"),
            Code::ConcurrentModification => (StatusCode::CONFLICT, "concurrent modification"),
            Code::EntityTemporarilyUnmodifiable => {
                (StatusCode::CONFLICT, "wrong state for this operation")
            }
            Code::Throttled => (StatusCode::TOO_MANY_REQUESTS, "too many requests"),
            Code::ServiceUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "service unavailable"),
            Code::ServiceFailure => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        let detail = denied.to_string();
        match denied {
            Denied::Unauthenticated => Problem::unauthorized(),
            Denied::Forbidden(_) => Problem::forbidden(detail),
            Denied::NotFound(what) => Problem::not_found(what),
            Denied::BadInput(_) => Problem::bad_input(detail),
            Denied::TooFast(wait) => Problem::too_fast(wait),
            Denied::Pair(refused) => refused_pair(refused),
            Denied::Session(refused) => refused_session(refused),
            Denied::KeysUnusable | Denied::Unavailable(_) => {
                Problem::new(Code::ServiceUnavailable, detail)
            }
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match failure {
            Failure::Denied(denied) => denied.into(),
            Failure::Verifier(error) => error.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::Refused(_) => Problem::new(Code::InvalidAuthenticationCode, detail),
            Error::KeyRefused(_) => Problem::new(Code::InvalidAuthenticationCode, detail),
            Error::MfaRequired => Problem::new(Code::AccessDenied, detail).because("mfa_required"),
            Error::BadInput(_) => Problem::bad_input(detail),
            Error::NotFound(_) => Problem::new(Code::NoSuchEntity, detail),
            Error::AlreadyExists(_) => Problem::new(Code::EntityAlreadyExists, detail),
            Error::TooManyDevices(_) => Problem::new(Code::LimitExceeded, detail),
            Error::Contended => Problem::new(Code::ConcurrentModification, detail),
            Error::Clock(_) => {
                Problem::new(Code::ServiceUnavailable, detail).because("clock").retry_after(60)
            }
            Error::Store(error) => {
                tracing::error!(%error, "the store failed");
                let in_doubt = matches!(error, store::Error::Unknown(_));
                let detail = match error {
                    store::Error::Full(_) => {
                        "the store's disk is full: nothing was changed; make room on it, and \
                         the agent goes on by itself"
                    }
                    _ => "the store does not answer",
                };
                let problem =
                    Problem::new(Code::ServiceUnavailable, detail).because("store").retry_after(1);
                Problem { in_doubt, ..problem }
            }
            Error::Key(error) => {
                tracing::error!(%error, "the sealing key failed");
                let detail = match error {
                    KeyError::Missing(_) => {
                        "a sealing key that secrets in the store need is missing: put its line \
                         back into the key file"
                    }
                    _ => "the sealing key does not fit the store",
                };
                Problem::new(Code::ServiceUnavailable, detail).because("key").retry_after(60)
            }
        }
    }
}

/// A refused pair of codes.
fn refused_pair(refused: Refused) -> Problem {
    let Refused { refusal, explain, now } = refused;
    let problem = match refusal {
        Refusal::PairsSpent { until } => Problem::new(
            Code::Throttled,
            "too many pairs of codes were tried for this device: wait",
        )
        .retry_after(until.since(now).as_secs().max(1)),
        Refusal::NotActive => Problem::new(
            Code::EntityTemporarilyUnmodifiable,
            "the device is pending or disabled, or shows no codes: activate it first",
        ),
        _ => Problem::new(
            Code::InvalidAuthenticationCode,
            "the two codes are not two consecutive codes of this device: wait for a new code, \
             then give that one and the next",
        ),
    };
    if explain { problem.explained(refusal, now) } else { problem }
}

/// A refused session: one body for every reason, unless the caller may know it.
fn refused_session(refused: Option<Refused>) -> Problem {
    let problem = Problem::new(Code::AccessDenied, "the session was refused");
    match refused {
        Some(Refused { refusal, explain: true, now }) => problem.explained(refusal, now),
        _ => problem,
    }
}

/// The wait in whole seconds, at least one.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (retry, code, in_doubt) = (self.retry_after_seconds, self.code, self.in_doubt);
        let mut response = (status, Json(self)).into_response();
        if in_doubt {
            response.extensions_mut().insert(InDoubt);
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let (Some(seconds), Code::Throttled | Code::ServiceUnavailable) = (retry, code) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
