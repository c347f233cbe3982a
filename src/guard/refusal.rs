//! Refusals: the challenge of RFC 6750 §3 with the parameters of RFC 9470 §3, and the same as a
//! gRPC status.

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
use crate::session::Invalid;

/// Why a request does not get through, as the answer to it. It travels among the extensions of the
/// response, for who keeps a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    because: Because,
    step_up: StepUp,
    realm: Realm,
    /// The content type of the answer, where gRPC was spoken.
    grpc: Option<&'static str>,
}

/// The reason of a refusal. Its text may be shown to whoever asked.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// No token was sent.
    NoToken,
    /// Two tokens were sent, or something that is neither a token nor none.
    Ambiguous,
    /// The token is not valid. Why is for logs; the text does not say it.
    Invalid(Invalid),
    /// Whether the context was revoked is not known now: another one would fare no better.
    Unavailable,
    /// The context is valid, and one without MFA.
    WithoutMfa,
    /// The context is valid and MFA is present, and the policy says no: in its words.
    Insufficient(String),
    /// The same, and no other way to be verified would help.
    Forbidden(String),
}

/// What is protected, in a name that is shown to people (RFC 9110 §11.5).
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
        because: Because,
        step_up: StepUp,
        realm: &Realm,
        headers: &HeaderMap,
    ) -> Refusal {
        Refusal { because, step_up, realm: realm.clone(), grpc: grpc(headers) }
    }

    /// Why.
    pub fn because(&self) -> &Because {
        &self.because
    }

    /// What would get through.
    pub fn step_up(&self) -> &StepUp {
        &self.step_up
    }

    /// The challenge, where another token would help. What would get through is said to everybody,
    /// so that nobody is asked for a second factor twice; an error only to whoever sent a token
    /// (RFC 6750 §3.1).
    fn challenge(&self, detail: &str) -> HeaderValue {
        let challenge = self.step_up.challenge(self.because.error().map(|error| (error, detail)));
        let realm = &self.realm.0;
        let text = match challenge.strip_prefix("Bearer ") {
            Some(parameters) => format!("Bearer realm=\"{realm}\", {parameters}"),
            None => format!("Bearer realm=\"{realm}\""),
        };
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer realm=\"mfa\""))
    }

    fn problem(&self, detail: &str) -> Vec<u8> {
        let (code, title) = self.because.names();
        let problem = Problem {
            kind: format!("urn:twostep:problem:{code}"),
            title,
            status: self.because.status().as_u16(),
            code,
            detail,
            max_age: self.step_up.max_age.map(|age| age.as_secs()),
            acr_values: &self.step_up.acr_values,
            retry_after_seconds: self.because.retry_after(),
        };
        serde_json::to_vec(&problem).unwrap_or_default()
    }
}

impl Because {
    fn status(&self) -> StatusCode {
        match self {
            Because::Ambiguous => StatusCode::BAD_REQUEST,
            Because::Forbidden(_) => StatusCode::FORBIDDEN,
            Because::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// RFC 6750 §3.1, RFC 9470 §3.
    fn error(&self) -> Option<&'static str> {
        match self {
            Because::NoToken | Because::Forbidden(_) | Because::Unavailable => None,
            Because::Ambiguous => Some("invalid_request"),
            Because::Invalid(_) => Some("invalid_token"),
            Because::WithoutMfa | Because::Insufficient(_) => {
                Some("insufficient_user_authentication")
            }
        }
    }

    /// PERMISSION_DENIED, UNAVAILABLE, UNAUTHENTICATED.
    fn grpc_status(&self) -> &'static str {
        match self {
            Because::Forbidden(_) => "7",
            Because::Unavailable => "14",
            _ => "16",
        }
    }

    /// In how many seconds it is worth trying again, with the same token.
    fn retry_after(&self) -> Option<u64> {
        matches!(self, Because::Unavailable).then_some(1)
    }

    fn names(&self) -> (&'static str, &'static str) {
        match self {
            Because::NoToken | Because::Invalid(_) => ("Unauthorized", "who are you?"),
            Because::Ambiguous => ("InvalidInput", "the request cannot be meant"),
            Because::WithoutMfa | Because::Insufficient(_) => {
                ("InsufficientUserAuthentication", "a second factor is asked for")
            }
            Because::Forbidden(_) => ("AccessDenied", "refused"),
            Because::Unavailable => ("ServiceUnavailable", "not available now"),
        }
    }
}

impl From<Invalid> for Because {
    fn from(invalid: Invalid) -> Because {
        if invalid == Invalid::RevocationsStale {
            Because::Unavailable
        } else {
            Because::Invalid(invalid)
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Because::NoToken => {
                "send a context in which MFA is present: Authorization: Bearer TOKEN"
            }
            Because::Ambiguous => "send one token, in one place",
            Because::Invalid(_) => "the context is not valid: open another session",
            Because::Unavailable => "whether this context was revoked is not known now: try again",
            Because::WithoutMfa => "MFA is not present: open a session with a second factor",
            Because::Insufficient(reason) | Because::Forbidden(reason) => reason,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.because.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let detail = self.because.to_string();
        let mut response = match self.grpc {
            None => {
                let mut response = Response::new(Body::from(self.problem(&detail)));
                *response.status_mut() = self.because.status();
                response
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
                response
            }
            // The form of an answer that is over before it began: everything is in its headers.
            Some(kind) => {
                let mut response = Response::new(Body::empty());
                let message = utf8_percent_encode(&detail, NOT_IN_GRPC_MESSAGES).to_string();
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                response
                    .headers_mut()
                    .insert("grpc-status", HeaderValue::from_static(self.because.grpc_status()));
                response.headers_mut().extend(
                    HeaderValue::try_from(message).ok().map(|message| (GRPC_MESSAGE, message)),
                );
                response
            }
        };
        match self.because {
            Because::Forbidden(_) => {}
            Because::Unavailable => {
                response.headers_mut().extend(
                    self.because
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

/// The type of answer that a gRPC request wants, by its own.
fn grpc(headers: &HeaderMap) -> Option<&'static str> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let kind = kind.split(['+', ';']).next()?.trim_end();
    ["application/grpc", "application/grpc-web", "application/grpc-web-text"]
        .into_iter()
        .find(|known| *known == kind)
}

const GRPC_MESSAGE: http::HeaderName = http::HeaderName::from_static("grpc-message");

/// gRPC over HTTP/2, "Responses".
const NOT_IN_GRPC_MESSAGES: &AsciiSet = &CONTROLS.add(b'%');
