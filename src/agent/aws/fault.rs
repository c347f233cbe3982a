//! Errors on AWS's wire: its codes, statuses and bodies.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::agent::access::{Denied, Failure, Refused};
use crate::agent::aws::xml::Xml;
use crate::agent::operations::aws_signers::NotSigned;
use crate::agent::problem::InDoubt;
use crate::aws::document::DocumentError;
use crate::aws::sigv4;
use crate::aws::sigv4::ServiceKind;
use crate::device::Refusal;
use crate::store;
use crate::verifier::Error;

/// An error answer.
#[derive(Debug)]
pub(super) struct Fault {
    code: &'static str,
    status: StatusCode,
    message: String,
    in_doubt: bool,
}

impl Fault {
    fn new(code: &'static str, status: StatusCode, message: impl Into<String>) -> Fault {
        Fault { code, status, message: message.into(), in_doubt: false }
    }

    /// A parameter is out of its pattern or range, missing, or unknown.
    pub(super) fn invalid(message: impl Into<String>) -> Fault {
        Fault::new("ValidationError", StatusCode::BAD_REQUEST, message)
    }

    /// A value that a simulation cannot assume.
    pub(super) fn invalid_input(message: impl Into<String>) -> Fault {
        Fault::new("InvalidInput", StatusCode::BAD_REQUEST, message)
    }

    /// The parameters cannot be read.
    pub(super) fn malformed(message: impl Into<String>) -> Fault {
        Fault::new("MalformedQueryString", StatusCode::NOT_FOUND, message)
    }

    pub(super) fn no_such_action(action: &str, version: &str) -> Fault {
        let message = format!("Could not find operation {action} for version {version}");
        Fault::new("InvalidAction", StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn no_action() -> Fault {
        Fault::new("MissingAction", StatusCode::BAD_REQUEST, "the request names no Action")
    }

    pub(super) fn no_route() -> Fault {
        Fault::new(
            "InvalidAction",
            StatusCode::NOT_FOUND,
            "there is one path here, /, for GET and POST",
        )
    }

    /// The key, or its session token, is not known, not in use, or revoked.
    pub(super) fn invalid_token() -> Fault {
        let message = "The security token included in the request is invalid.";
        Fault::new("InvalidClientTokenId", StatusCode::FORBIDDEN, message)
    }

    fn expired_token() -> Fault {
        let message = "The security token included in the request is expired";
        Fault::new("ExpiredToken", StatusCode::FORBIDDEN, message)
    }

    pub(super) fn access_denied(message: impl Into<String>) -> Fault {
        Fault::new("AccessDenied", StatusCode::FORBIDDEN, message)
    }

    /// Something is to be deleted that is in use.
    pub(super) fn delete_conflict(message: impl Into<String>) -> Fault {
        Fault::new("DeleteConflict", StatusCode::CONFLICT, message)
    }

    /// A request that was not decided; clients try again by themselves.
    pub(super) fn unavailable(message: impl Into<String>) -> Fault {
        Fault::new("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE, message)
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The answer, to the request of this id.
    pub(super) fn answer(self, namespace: &str, id: &str) -> Response {
        let blame = if self.status.is_server_error() { "Receiver" } else { "Sender" };
        let error = Xml::default()
            .text("Type", blame)
            .text("Code", self.code)
            .text("Message", &self.message);
        let body = Xml::default().group("Error", error).text("RequestId", id);
        let mut response = (self.status, body.document("ErrorResponse", namespace)).into_response();
        if self.in_doubt {
            response.extensions_mut().insert(InDoubt);
        }
        response
    }
}

impl From<sigv4::Refusal> for Fault {
    fn from(refusal: sigv4::Refusal) -> Fault {
        let code = refusal.code(ServiceKind::Other);
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::FORBIDDEN);
        Fault::new(code.as_str(), status, refusal.to_string())
    }
}

impl From<NotSigned> for Fault {
    fn from(fault: NotSigned) -> Fault {
        match fault {
            NotSigned::Signature(refusal) => refusal.into(),
            NotSigned::UnknownKey | NotSigned::BadToken => Fault::invalid_token(),
            NotSigned::Expired => Fault::expired_token(),
            NotSigned::Failed(failure) => failure.into(),
        }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        match failure {
            Failure::Denied(denied) => denied.into(),
            Failure::Verifier(error) => error.into(),
        }
    }
}

impl From<DocumentError> for Fault {
    fn from(error: DocumentError) -> Fault {
        let message = error.to_string();
        match error {
            DocumentError::TooLong { .. } => limit_exceeded(message),
            DocumentError::PackedTooLarge { .. } => {
                Fault::new("PackedPolicyTooLarge", StatusCode::BAD_REQUEST, message)
            }
            _ => Fault::new("MalformedPolicyDocument", StatusCode::BAD_REQUEST, message),
        }
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Fault {
        let message = denied.to_string();
        match denied {
            Denied::Unauthenticated => Fault::invalid_token(),
            Denied::Forbidden(_) => Fault::access_denied(message),
            Denied::NotFound(_) => no_such_entity(message),
            Denied::BadInput(_) => Fault::invalid(message),
            Denied::LimitExceeded(_) => limit_exceeded(message),
            Denied::TooFast(_) | Denied::DiagnosesSpent(_) => {
                Fault::new("Throttling", StatusCode::BAD_REQUEST, "Rate exceeded")
            }
            Denied::Pair(refused) => pair(refused),
            Denied::Session(_) => Fault::access_denied(MFA_FAILED),
            Denied::KeysUnusable | Denied::Unavailable(_) => Fault::unavailable(message),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let message = error.to_string();
        match error {
            Error::Refused(_) | Error::KeyRefused(_) => bad_pair(),
            Error::MfaRequired => Fault::access_denied(message),
            Error::BadInput(_) => Fault::invalid(message),
            Error::NotFound(_) => no_such_entity(message),
            Error::AlreadyExists(_) => {
                Fault::new("EntityAlreadyExists", StatusCode::CONFLICT, message)
            }
            Error::TooManyDevices(_) => limit_exceeded(message),
            Error::Contended => Fault::new("ConcurrentModification", StatusCode::CONFLICT, message),
            // A client repeats an answer of 5xx by itself, with the same code in it.
            Error::Store(store::Error::Unknown(_)) => {
                Fault { in_doubt: true, ..Fault::access_denied(MFA_FAILED) }
            }
            Error::Restored => Fault::unavailable(message),
            Error::Clock(_) | Error::Store(_) | Error::Key(_) => {
                tracing::error!(error = message, "a request of AWS's wire was not decided");
                Fault::unavailable("the agent's log says what it lacks")
            }
        }
    }
}

fn no_such_entity(message: String) -> Fault {
    Fault::new("NoSuchEntity", StatusCode::NOT_FOUND, message)
}

fn limit_exceeded(message: String) -> Fault {
    Fault::new("LimitExceeded", StatusCode::CONFLICT, message)
}

fn pair(refused: Refused) -> Fault {
    match refused.refusal {
        Refusal::PairsSpent { .. } => {
            limit_exceeded("too many pairs of codes were tried for this device: wait".to_owned())
        }
        Refusal::NotActive => Fault::new(
            "EntityTemporarilyUnmodifiable",
            StatusCode::CONFLICT,
            "the device is not in the state that this action needs",
        ),
        _ => bad_pair(),
    }
}

fn bad_pair() -> Fault {
    Fault::new(
        "InvalidAuthenticationCode",
        StatusCode::FORBIDDEN,
        "the two codes are not two consecutive codes of this device",
    )
}

/// AWS's own sentence, which clients compare; the blank at its end is part of it.
const MFA_FAILED: &str = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
