//! Errors on the wire: `application/problem+json` (RFC 9457), with AWS IAM's codes where it has
//! them.

use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::agent::access::{Denied, Failure, Refused};
use crate::device::Refusal;
use crate::store::KeyError;
use crate::time::UnixTime;
use crate::verifier::Error;
use crate::wire::{ProblemCode, Reason};
use crate::{store, wire};

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    document: Box<wire::Problem>,
    in_doubt: bool,
}

/// Marks a response to a commit whose result is unknown; an extension of the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InDoubt;

/// The code of an answer that is a problem; an extension of the response.
#[derive(Clone, Debug)]
pub(crate) struct Told(pub(crate) ProblemCode);

impl Problem {
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Problem {
        let (status, title) = status(&code);
        // By default a service that is unavailable can be tried again at once.
        let retry = (code == ProblemCode::ServiceUnavailable).then_some(1);
        let document = wire::Problem {
            kind: format!("urn:twostep:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            reason: None,
            retry_after_seconds: retry,
            problems: Vec::new(),
        };
        Problem { document: Box::new(document), in_doubt: false }
    }

    pub(crate) fn bad_input(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemCode::InvalidInput, detail)
    }

    pub(crate) fn unauthorized() -> Problem {
        Problem::new(ProblemCode::Unauthorized, "send a valid API key: Authorization: Bearer KEY")
    }

    /// For a proxy, whose own key is in another header.
    pub(crate) fn about_the_proxy(self) -> Problem {
        match self.document.code {
            ProblemCode::Unauthorized => Problem::new(
                ProblemCode::Unauthorized,
                "the proxy has to send a valid API key: X-Twostep-Key: KEY",
            ),
            _ => self,
        }
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemCode::AccessDenied, detail)
    }

    pub(crate) fn not_found(what: &str) -> Problem {
        Problem::new(ProblemCode::NoSuchEntity, format!("there is no such {what}"))
    }

    pub(crate) fn too_fast(wait: Duration) -> Problem {
        Problem::new(ProblemCode::Throttled, "you send requests too fast: wait")
            .retry_after(whole_seconds(wait))
    }

    /// Adds the reason, for a caller who may know it.
    fn explained(self, refusal: Refusal, now: UnixTime) -> Problem {
        let retry = refusal.retry_at().map(|at| at.since(now).as_secs().max(1));
        let reason = match refusal {
            Refusal::PairsSpent { .. } => Reason::PairsSpent,
            refusal => Reason::from(refusal.name()),
        };
        retry.into_iter().fold(self.because(reason), Problem::retry_after)
    }

    /// The same problem under another status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Problem {
        self.document.status = status.as_u16();
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Problem {
        self.document.retry_after_seconds = Some(seconds);
        self
    }

    /// A file that is not imported, for these reasons.
    pub(crate) fn file_refused(problems: Vec<wire::ImportProblem>) -> Problem {
        let detail = match problems.len() {
            1 => "the file has a problem, and nothing of it is imported".to_owned(),
            count => format!("the file has {count} problems, and nothing of it is imported"),
        };
        let mut problem = Problem::bad_input(detail);
        problem.document.problems = problems;
        problem
    }

    /// The answer's body.
    pub(crate) fn into_document(self) -> wire::Problem {
        *self.document
    }

    /// The kind of problem.
    #[cfg(feature = "console")]
    pub(crate) fn code(&self) -> &ProblemCode {
        &self.document.code
    }

    /// `true` if the store did not say whether it kept a change.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// `true` for a judged refusal, as opposed to a fault of the agent.
    pub(crate) fn is_refusal(&self) -> bool {
        self.document.code == ProblemCode::AccessDenied
    }

    pub(crate) fn detail(&self) -> &str {
        &self.document.detail
    }

    fn because(mut self, reason: Reason) -> Problem {
        self.document.reason = Some(reason);
        self
    }
}

/// The status and the title of a kind of problem.
fn status(code: &ProblemCode) -> (StatusCode, &'static str) {
    match code {
        ProblemCode::InvalidInput => (StatusCode::BAD_REQUEST, "invalid request"),
        ProblemCode::Unauthorized => (StatusCode::UNAUTHORIZED, "authentication required"),
        ProblemCode::AccessDenied => (StatusCode::FORBIDDEN, "access denied"),
        ProblemCode::InvalidAuthenticationCode => {
            (StatusCode::FORBIDDEN, "invalid authentication code")
        }
        ProblemCode::NoSuchEntity => (StatusCode::NOT_FOUND, "no such entity"),
        ProblemCode::EntityAlreadyExists => (StatusCode::CONFLICT, "entity already exists"),
        ProblemCode::LimitExceeded => (StatusCode::CONFLICT, "limit exceeded"),
        ProblemCode::ConcurrentModification => (StatusCode::CONFLICT, "concurrent modification"),
        ProblemCode::EntityTemporarilyUnmodifiable => {
            (StatusCode::CONFLICT, "wrong state for this operation")
        }
        ProblemCode::Throttled => (StatusCode::TOO_MANY_REQUESTS, "too many requests"),
        ProblemCode::ServiceUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "service unavailable"),
        ProblemCode::ServiceFailure | ProblemCode::Other(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
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
            Denied::LimitExceeded(_) => Problem::new(ProblemCode::LimitExceeded, detail),
            Denied::TooFast(wait) => Problem::too_fast(wait),
            Denied::DiagnosesSpent(wait) => {
                Problem::new(ProblemCode::Throttled, detail).retry_after(whole_seconds(wait))
            }
            Denied::Pair(refused) => refused_pair(refused),
            Denied::Session(refused) => refused_session(refused),
            Denied::KeysUnusable | Denied::Unavailable(_) => {
                Problem::new(ProblemCode::ServiceUnavailable, detail)
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
            Error::Refused(_) | Error::KeyRefused(_) => {
                Problem::new(ProblemCode::InvalidAuthenticationCode, detail)
            }
            Error::MfaRequired => {
                Problem::new(ProblemCode::AccessDenied, detail).because(Reason::MfaRequired)
            }
            Error::Restored => Problem::new(ProblemCode::ServiceUnavailable, detail)
                .because(Reason::Restored)
                .retry_after(600),
            Error::BadInput(_) => Problem::bad_input(detail),
            Error::NotFound(_) => Problem::new(ProblemCode::NoSuchEntity, detail),
            Error::AlreadyExists(_) => Problem::new(ProblemCode::EntityAlreadyExists, detail),
            Error::TooManyDevices(_) => Problem::new(ProblemCode::LimitExceeded, detail),
            Error::Contended => Problem::new(ProblemCode::ConcurrentModification, detail),
            Error::Clock(_) => Problem::new(ProblemCode::ServiceUnavailable, detail)
                .because(Reason::Clock)
                .retry_after(60),
            Error::Store(error) => store_failed(&error),
            Error::Key(error) => key_failed(&error),
        }
    }
}

fn store_failed(error: &store::Error) -> Problem {
    tracing::error!(%error, "the store failed");
    let detail = match error {
        store::Error::Full(_) => {
            "the store's disk is full: nothing was changed; make room on it, and the agent goes \
             on by itself"
        }
        store::Error::WentBack(_) => {
            "the store has forgotten changes that it had acknowledged: nothing is decided until an \
             administrator has restored it (twostep store restore)"
        }
        _ => "the store does not answer",
    };
    let problem = Problem::new(ProblemCode::ServiceUnavailable, detail);
    let in_doubt = matches!(error, store::Error::Unknown(_));
    let problem = match error {
        store::Error::WentBack(_) => problem.because(Reason::StoreWentBack).retry_after(60),
        _ => problem.because(Reason::Store).retry_after(1),
    };
    Problem { in_doubt, ..problem }
}

fn key_failed(error: &KeyError) -> Problem {
    tracing::error!(%error, "the sealing key failed");
    let detail = match error {
        KeyError::Missing(_) => {
            "a sealing key that secrets in the store need is missing: put its line back into the \
             key file"
        }
        _ => "the sealing key does not fit the store",
    };
    let problem = Problem::new(ProblemCode::ServiceUnavailable, detail);
    problem.because(Reason::Key).retry_after(60)
}

/// A refused pair of codes.
fn refused_pair(refused: Refused) -> Problem {
    let Refused { refusal, explain, now } = refused;
    let problem = match refusal {
        Refusal::PairsSpent { until } => Problem::new(
            ProblemCode::Throttled,
            "too many pairs of codes were tried for this device: wait",
        )
        .retry_after(until.since(now).as_secs().max(1)),
        Refusal::NotActive => Problem::new(
            ProblemCode::EntityTemporarilyUnmodifiable,
            "the device is pending or disabled, or shows no codes: activate it first",
        ),
        _ => Problem::new(
            ProblemCode::InvalidAuthenticationCode,
            "the two codes are not two consecutive codes of this device: wait for a new code, \
             then give that one and the next",
        ),
    };
    if explain { problem.explained(refusal, now) } else { problem }
}

/// A refused session: one body for every reason, unless the caller may know it. The text helps
/// for any reason.
fn refused_session(refused: Option<Refused>) -> Problem {
    let problem = Problem::new(
        ProblemCode::AccessDenied,
        "the session was refused: try the next code of a device in use, then two consecutive \
         codes; an administrator sees the reason in the audit log",
    );
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
        let Problem { document, in_doubt } = self;
        let status =
            StatusCode::from_u16(document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&document)).into_response();
        if in_doubt {
            response.extensions_mut().insert(InDoubt);
        }
        response.extensions_mut().insert(Told(document.code.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let (Some(seconds), ProblemCode::Throttled | ProblemCode::ServiceUnavailable) =
            (document.retry_after_seconds, document.code)
        {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
