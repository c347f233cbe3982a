//! Why the agent did not do something.

use std::fmt;

use serde_json::Value;

use crate::http::{Cause, Endpoint};

/// Why there is no answer to work with.
#[non_exhaustive]
#[derive(Debug)]
pub enum Error {
    /// The operator: nothing was asked, for nobody listens, or not to us.
    Unreachable {
        /// Where the agent should be.
        endpoint: Endpoint,
        /// Why not.
        cause: Cause,
    },
    /// The operator: the request was sent, and whether it was done is not known.
    Lost(String),
    /// Whoever asked: the agent says no, and why.
    Problem(Box<Problem>),
    /// The operator: what answers on this socket is no agent, or one of another version.
    Malformed(String),
}

/// What the agent says when it does not do something: `application/problem+json` (RFC 9457).
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem.
    pub code: String,
    /// What is wrong with this request.
    pub detail: String,
    /// Why a verification was refused, for callers who may know.
    pub reason: Option<String>,
    /// When it is worth trying again.
    pub retry_after_seconds: Option<u64>,
    /// The document as it came.
    pub document: Value,
}

impl Problem {
    /// The problem in a document; none if it does not have the members of one.
    pub(super) fn read(status: u16, document: Value) -> Option<Problem> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = text("code")?;
        let detail = text("detail").or_else(|| text("title"))?;
        let retry_after_seconds = document.get("retry_after_seconds").and_then(Value::as_u64);
        Some(Problem {
            status,
            code,
            detail,
            reason: text("reason"),
            retry_after_seconds,
            document,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unreachable { endpoint, cause } => match (cause, endpoint.socket().is_some()) {
                (Cause::NotThere, true) => {
                    write!(f, "no agent is running: there is no socket {endpoint}")
                }
                (Cause::NotListening, _) => {
                    write!(f, "no agent is running: nobody listens on {endpoint}")
                }
                (Cause::NotAllowed, true) => {
                    write!(f, "you may not use the agent's socket {endpoint}")
                }
                (Cause::TimedOut, _) => {
                    write!(f, "the agent does not take connections on {endpoint}")
                }
                (cause, _) => write!(f, "cannot connect to {endpoint}: {cause}"),
            },
            Error::Lost(how) => write!(f, "{how}; whether it was done is not known"),
            Error::Problem(problem) => problem.fmt(f),
            Error::Malformed(what) => {
                write!(f, "this is no agent that this program understands: {what}")
            }
        }
    }
}

impl std::error::Error for Error {}
