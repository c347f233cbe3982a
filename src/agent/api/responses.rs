//! Refusals that routes share, for the OpenAPI document.

use utoipa::{IntoParams, IntoResponses};

use crate::wire::Problem;

/// The proof for changes of a protected account's devices.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document is made from it")]
pub(super) struct MfaContext {
    /// A context of the account for the agent's own audience, at most 900 seconds after the proof.
    /// An administrator needs none.
    #[param(rename = "X-MFA-Context")]
    mfa_context: Option<String>,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident, $status:literal, $description:literal;)*) => {$(
        $(#[$doc])*
        #[derive(IntoResponses)]
        #[response(
            status = $status, description = $description,
            content_type = "application/problem+json"
        )]
        #[expect(dead_code, reason = "the document is made from it")]
        pub(super) struct $name(Problem);
    )*};
}

refusals! {
    Invalid, 400, "InvalidInput: the request is malformed, or its body is longer than 64 KiB";
    Unauthorized, 401, "Unauthorized: no valid API key";
    Forbidden, 403, "AccessDenied: the role is too low, a fresh context is missing, or a web page \
        may have sent it; InvalidAuthenticationCode: these codes, or this key's answer, do not \
        prove the device";
    Denied, 403, "AccessDenied: the session was refused, for any reason";
    Missing, 404, "NoSuchEntity: there is no such thing for this caller";
    Conflict, 409, "EntityAlreadyExists, LimitExceeded, ConcurrentModification or \
        EntityTemporarilyUnmodifiable";
    Slow, 429, "Throttled: too many requests, or too many pairs of codes";
    Unavailable, 503, "ServiceUnavailable: the store or the clock cannot be trusted now, or the \
        answer took too long";
}
