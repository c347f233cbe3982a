//! Errors on the wire: `application/problem+json` (RFC 9457), with the codes of AWS IAM where it
//! has them.

use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::agent::caller::whole_seconds;
use crate::device::Refusal;
use crate::store;
use crate::store::KeyError;
use crate::time::UnixTime;
use crate::verifier::Error;

/// Why a request was not done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem; the same for the same `code`.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    kind: String,
    /// The kind of problem in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The kind of problem, for programs.
    code: Code,
    /// What is wrong with this request, and what to do.
    detail: String,
    /// Why a verification was refused; only for callers who may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// When it is worth trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    #[serde(skip)]
    in_doubt: bool,
}

/// The response answers for a commit whose result is unknown; an extension of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct InDoubt;

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
            // Whatever is not available now is worth another try, unless somebody knows better.
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

    /// The same for a proxy, whose own key stands in another header.
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

    /// Security keys cannot be asked here.
    pub(crate) fn unusable_keys() -> Problem {
        Problem::new(
            Code::ServiceUnavailable,
            "security keys cannot be used here: see the agent's origins, and how many threads it may have",
        )
    }

    /// A session that was refused: one body, whatever the reason.
    pub(crate) fn access_denied() -> Problem {
        Problem::new(Code::AccessDenied, "the session was refused")
    }

    /// Says why, to a caller who may know.
    pub(crate) fn explained(self, refusal: Refusal, now: UnixTime) -> Problem {
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

    /// Whether the request failed because nobody knows what the store made of it.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// A judged refusal, not a fault of the agent's.
    pub(super) fn is_refusal(&self) -> bool {
        self.code == Code::AccessDenied
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    fn because(self, reason: &'static str) -> Problem {
        Problem { reason: Some(reason), ..self }
    }
}

impl Code {
    fn status(self) -> (StatusCode, &'static str) {
        match self {
            Code::InvalidInput => (StatusCode::BAD_REQUEST, "the request cannot be meant"),
            Code::Unauthorized => (StatusCode::UNAUTHORIZED, "who are you?"),
            Code::AccessDenied => (StatusCode::FORBIDDEN, "refused"),
            Code::InvalidAuthenticationCode => {
                (StatusCode::FORBIDDEN, "this does not prove the device")
            }
            Code::NoSuchEntity => (StatusCode::NOT_FOUND, "not there"),
            Code::EntityAlreadyExists => (StatusCode::CONFLICT, "there already"),
            Code::LimitExceeded => (StatusCode::CONFLICT, "too many devices"),
            Code::ConcurrentModification => (StatusCode::CONFLICT, "changed meanwhile"),
            Code::EntityTemporarilyUnmodifiable => (StatusCode::CONFLICT, "not in this state"),
            Code::Throttled => (StatusCode::TOO_MANY_REQUESTS, "too fast"),
            Code::ServiceUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "not available now"),
            Code::ServiceFailure => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        }
    }
}

/// The errors of management calls. `POST /v1/sessions` has its own way with refusals.
impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::Refused(Refusal::PairsSpent { .. }) => Problem::new(
                Code::Throttled,
                "too many pairs of codes were tried for this device: wait",
            ),
            Error::Refused(Refusal::NotActive) => Problem::new(
                Code::EntityTemporarilyUnmodifiable,
                "the device is pending or disabled, or shows no codes: activate it first",
            ),
            Error::Refused(_) => Problem::new(
                Code::InvalidAuthenticationCode,
                "the two codes are not two consecutive codes of this device: wait for a new code, then give that one and the next",
            ),
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
                        "the store's disk is full: nothing was changed; make room on it, and the agent goes on by itself"
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
                        "a sealing key that secrets in the store need is missing: put its line back into the key file"
                    }
                    _ => "the sealing key does not fit the store",
                };
                Problem::new(Code::ServiceUnavailable, detail).because("key").retry_after(60)
            }
        }
    }
}

/// Wrapped by handlers, so that refusals are explained to those who may know.
pub(crate) fn explain(error: Error, explain: bool, now: UnixTime) -> Problem {
    match error {
        Error::Refused(refusal @ Refusal::PairsSpent { until }) => {
            let problem = Problem::from(Error::Refused(refusal))
                .retry_after(until.since(now).as_secs().max(1));
            if explain { problem.because(refusal.name()) } else { problem }
        }
        Error::Refused(refusal) if explain => {
            Problem::from(Error::Refused(refusal)).explained(refusal, now)
        }
        error => Problem::from(error),
    }
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
