//! Refusals: challenges of RFC 6750 §3 with the parameters of RFC 9470 §3, or a gRPC status.

use std::fmt;
use std::str::FromStr;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use crate::guard::BadName;
use crate::policy::StepUp;
use crate::session::{Invalid, Validator};

/// A refused request, as its HTTP or gRPC answer. Placed in the extensions of the response for
/// access logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: RefusalReason,
    step_up: StepUp,
    realm: Realm,
    /// Content type of the answer, if the request is gRPC.
    grpc: Option<&'static str>,
    /// The header for developers, where the guard is configured to send it.
    diagnosis: Option<Box<HeaderValue>>,
}

/// Reason of a refusal. Its text may be shown to the client.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// No token was sent.
    NoToken,
    /// Two tokens were sent, or a malformed header.
    Ambiguous,
    /// The token is invalid. The cause is for logs; the text omits it.
    Invalid(Invalid),
    /// The revocation status or the time is unknown for now; another context would not help.
    Unavailable,
    /// The context is valid, without MFA.
    WithoutMfa,
    /// The context has MFA, and the policy refuses it for this reason.
    Insufficient(String),
    /// The policy refuses the context for this reason, and no verification would help.
    Forbidden(String),
}

/// Name of the protected area, shown to people (RFC 9110 §11.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(String);

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    acr_values: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

impl Refusal {
    pub(super) fn new(
        reason: RefusalReason,
        step_up: StepUp,
        realm: &Realm,
        headers: &HeaderMap,
    ) -> Refusal {
        Refusal { reason, step_up, realm: realm.clone(), grpc: grpc(headers), diagnosis: None }
    }

    /// Tells in the answer why the context is not valid, and what `validator` expects.
    pub(super) fn diagnosed(self, validator: &Validator) -> Refusal {
        let RefusalReason::Invalid(invalid) = &self.reason else { return self };
        let expected = match invalid {
            Invalid::Issuer => Some(validator.issuer()),
            Invalid::Audience => Some(validator.audience()),
            _ => None,
        };
        let name = invalid.name();
        let diagnosis =
            expected.map_or_else(|| name.to_owned(), |text| format!("{name}; expected={text:?}"));
        let diagnosis = HeaderValue::try_from(diagnosis).unwrap_or(HeaderValue::from_static(name));
        Refusal { diagnosis: Some(Box::new(diagnosis)), ..self }
    }

    /// The reason.
    pub fn reason(&self) -> &RefusalReason {
        &self.reason
    }

    /// The verification that would be accepted.
    pub fn step_up(&self) -> &StepUp {
        &self.step_up
    }

    /// The challenge. States the acceptable verification even to clients without a token, which
    /// spares people a second prompt; states an error only to clients that sent a token (RFC 6750
    /// §3.1).
    fn challenge(&self, detail: &str) -> HeaderValue {
        let challenge = self.step_up.challenge(self.reason.error().map(|error| (error, detail)));
        let realm = &self.realm.0;
        let text = match challenge.strip_prefix("Bearer ") {
            Some(parameters) => format!("Bearer realm=\"{realm}\", {parameters}"),
            None => format!("Bearer realm=\"{realm}\""),
        };
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer realm=\"mfa\""))
    }

    fn problem(&self, detail: &str) -> Vec<u8> {
        let (code, title) = self.reason.names();
        let problem = Problem {
            kind: format!("urn:twostep:problem:{code}"),
            title,
            status: self.reason.status().as_u16(),
            code,
            detail,
            max_age: self.step_up.max_age.map(|age| age.as_secs()),
            acr_values: &self.step_up.acr_values,
            retry_after_seconds: self.reason.retry_after(),
        };
        serde_json::to_vec(&problem).unwrap_or_default()
    }
}

impl RefusalReason {
    fn status(&self) -> StatusCode {
        match self {
            RefusalReason::Ambiguous => StatusCode::BAD_REQUEST,
            RefusalReason::Forbidden(_) => StatusCode::FORBIDDEN,
            RefusalReason::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// Error codes of RFC 6750 §3.1 and RFC 9470 §3.
    fn error(&self) -> Option<&'static str> {
        match self {
            RefusalReason::NoToken | RefusalReason::Forbidden(_) | RefusalReason::Unavailable => {
                None
            }
            RefusalReason::Ambiguous => Some("invalid_request"),
            RefusalReason::Invalid(_) => Some("invalid_token"),
            RefusalReason::WithoutMfa | RefusalReason::Insufficient(_) => {
                Some("insufficient_user_authentication")
            }
        }
    }

    /// PERMISSION_DENIED, UNAVAILABLE, UNAUTHENTICATED.
    fn grpc_status(&self) -> &'static str {
        match self {
            RefusalReason::Forbidden(_) => "7",
            RefusalReason::Unavailable => "14",
            _ => "16",
        }
    }

    /// Seconds after which the same token is worth another attempt.
    fn retry_after(&self) -> Option<u64> {
        matches!(self, RefusalReason::Unavailable).then_some(1)
    }

    fn names(&self) -> (&'static str, &'static str) {
        match self {
            RefusalReason::NoToken | RefusalReason::Invalid(_) => {
                ("Unauthorized", "authentication required")
            }
            RefusalReason::Ambiguous => ("InvalidInput", "invalid request"),
            RefusalReason::WithoutMfa | RefusalReason::Insufficient(_) => {
                ("InsufficientUserAuthentication", "stronger authentication required")
            }
            RefusalReason::Forbidden(_) => ("AccessDenied", "access denied"),
            RefusalReason::Unavailable => ("ServiceUnavailable", "service unavailable"),
        }
    }
}

impl From<Invalid> for RefusalReason {
    fn from(invalid: Invalid) -> RefusalReason {
        match invalid {
            Invalid::RevocationsStale | Invalid::Clock => RefusalReason::Unavailable,
            invalid => RefusalReason::Invalid(invalid),
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusalReason::NoToken => {
                "send a context in which MFA is present: Authorization: Bearer TOKEN"
            }
            RefusalReason::Ambiguous => "send one token, in one place",
            RefusalReason::Invalid(_) => "the context is not valid: open another session",
            RefusalReason::Unavailable => {
                "whether this context is still valid is not known now: try again"
            }
            RefusalReason::WithoutMfa => "MFA is not present: open a session with a second factor",
            RefusalReason::Insufficient(reason) | RefusalReason::Forbidden(reason) => reason,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let detail = self.reason.to_string();
        let mut response = match self.grpc {
            None => {
                let mut response = Response::new(Body::from(self.problem(&detail)));
                *response.status_mut() = self.reason.status();
                response
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
                response
            }
            // gRPC "Trailers-Only": the whole answer is in the headers.
            Some(kind) => {
                let mut response = Response::new(Body::empty());
                let message = utf8_percent_encode(&detail, NOT_IN_GRPC_MESSAGES).to_string();
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                response
                    .headers_mut()
                    .insert("grpc-status", HeaderValue::from_static(self.reason.grpc_status()));
                response.headers_mut().extend(
                    HeaderValue::try_from(message).ok().map(|message| (GRPC_MESSAGE, message)),
                );
                response
            }
        };
        match self.reason {
            RefusalReason::Forbidden(_) => {}
            RefusalReason::Unavailable => {
                response.headers_mut().extend(
                    self.reason
                        .retry_after()
                        .map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds))),
                );
            }
            _ => {
                response.headers_mut().insert(WWW_AUTHENTICATE, self.challenge(&detail));
            }
        }
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
            .headers_mut()
            .extend(self.diagnosis.as_deref().map(|value| (DIAGNOSIS, value.clone())));
        response.extensions_mut().insert(self);
        response
    }
}

impl Default for Realm {
    fn default() -> Realm {
        Realm("mfa".to_owned())
    }
}

impl FromStr for Realm {
    type Err = BadName;

    fn from_str(name: &str) -> Result<Realm, BadName> {
        let plain = |byte| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
        if !name.is_empty() && name.bytes().all(plain) {
            Ok(Realm(name.to_owned()))
        } else {
            Err(BadName::Realm)
        }
    }
}

/// Content type of the gRPC answer, after the type of the request.
fn grpc(headers: &HeaderMap) -> Option<&'static str> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let kind = kind.split(['+', ';']).next()?.trim_end();
    ["application/grpc", "application/grpc-web", "application/grpc-web-text"]
        .into_iter()
        .find(|known| *known == kind)
}

const DIAGNOSIS: http::HeaderName = http::HeaderName::from_static("x-mfa-invalid");

const GRPC_MESSAGE: http::HeaderName = http::HeaderName::from_static("grpc-message");

/// Percent-encoding of gRPC over HTTP/2, "Responses".
const NOT_IN_GRPC_MESSAGES: &AsciiSet = &CONTROLS.add(b'%');
