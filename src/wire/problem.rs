//! Refusals and failures: `application/problem+json` (RFC 9457).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::names::open_names;
use crate::wire::{ImportProblem, Reason};

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Names the kind of problem; always the same for one `code`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem, for programs.
    pub code: ProblemCode,
    /// The fault in this request, and what to do.
    pub detail: String,
    /// The reason of a refusal; only for callers who may know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>))]
    pub reason: Option<Reason>,
    /// Seconds after which a new attempt makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// Reasons not to import a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ImportProblem>,
}

open_names! {
    /// The kinds of problems. Where AWS IAM has a code for one, it is that code.
    ProblemCode {
        /// The request is malformed, or a value in it is impossible.
        InvalidInput = "InvalidInput",
        /// No valid API key was sent.
        Unauthorized = "Unauthorized",
        /// A session was refused, or the caller may not do this.
        AccessDenied = "AccessDenied",
        /// The codes, or a key's answer, do not prove the device.
        InvalidAuthenticationCode = "InvalidAuthenticationCode",
        /// No such thing exists for this caller.
        NoSuchEntity = "NoSuchEntity",
        /// The serial number, the seed or the credential is already enrolled.
        EntityAlreadyExists = "EntityAlreadyExists",
        /// The account has as many devices as it may have.
        LimitExceeded = "LimitExceeded",
        /// The call lost a race and can be tried again.
        ConcurrentModification = "ConcurrentModification",
        /// The device is in a state in which this cannot be done.
        EntityTemporarilyUnmodifiable = "EntityTemporarilyUnmodifiable",
        /// Too many requests, or too many pairs of codes.
        Throttled = "Throttled",
        /// The store, the sealing key or the clock cannot be relied on now.
        ServiceUnavailable = "ServiceUnavailable",
        /// The agent failed.
        ServiceFailure = "ServiceFailure",
    }
}

/// The detail: one clause for people.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
