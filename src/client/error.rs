//! Failures of a request.

use std::fmt;

use crate::http::{Cause, Endpoint};
use crate::wire::Problem;

/// A failure, by the one who must act.
#[non_exhaustive]
#[derive(Debug)]
pub enum Error {
    /// The operator: nothing was asked, for no agent listens, or not to us.
    Unreachable {
        /// The endpoint that was tried.
        endpoint: Endpoint,
        /// The cause.
        cause: Cause,
    },
    /// The operator: the request was sent, and whether it was done is not known.
    Lost(String),
    /// The caller: the agent says no, and why.
    Problem(Box<Problem>),
    /// The operator: what answers on this socket is no agent, or one of another version.
    Malformed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unreachable { endpoint, cause } => match (cause, endpoint.socket().is_some()) {
                (Cause::NotThere, true) => {
                    write!(f, "no agent is running: there is no socket {endpoint}")
                }
                (Cause::NotListening, _) => {
                    write!(f, "no agent is running: no program listens on {endpoint}")
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
