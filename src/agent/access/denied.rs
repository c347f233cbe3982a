//! Denials and failures, in terms that no wire format shapes.

use std::time::Duration;

use crate::device::Refusal;
use crate::time::UnixTime;
use crate::{store, verifier};

/// A request that was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The caller, or its request, is denied.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The verifier refuses or fails.
    #[error(transparent)]
    Verifier(#[from] verifier::Error),
}

/// The reason for which a caller or its request is denied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// No valid credentials came with the request.
    #[error("send a valid API key")]
    Unauthenticated,
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// No such thing exists for this caller; the answer is the same for a hidden one.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The request is malformed or contradicts itself.
    #[error("{0}")]
    BadInput(String),
    /// There are as many as there may be.
    #[error("{0}")]
    LimitExceeded(&'static str),
    /// The caller's request rate is above its limit.
    #[error("you send requests too fast: wait")]
    TooFast(Duration),
    /// The device's diagnoses of this hour are used up. Carries the wait.
    #[error("a device has ten diagnoses an hour: wait")]
    DiagnosesSpent(Duration),
    /// A pair of codes was judged, or not judged, and refused.
    #[error("the pair was refused")]
    Pair(Refused),
    /// A session was refused. Every reason has the same answer, unless the caller may know it.
    #[error("the session was refused")]
    Session(Option<Refused>),
    /// Security keys are not usable on this machine.
    #[error(
        "security keys cannot be used here: see the agent's origins, and how many threads it may \
         have"
    )]
    KeysUnusable,
    /// The agent cannot do this now, for the reason given.
    #[error("{0}")]
    Unavailable(String),
}

/// A judged refusal, and how much of it this caller may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    /// The caller may know the reason.
    pub(crate) explain: bool,
    /// The time of the decision: waits are told relative to it.
    pub(crate) now: UnixTime,
}

impl Denied {
    pub(crate) fn bad_input(why: impl ToString) -> Denied {
        Denied::BadInput(why.to_string())
    }

    pub(crate) fn forbidden(why: impl Into<String>) -> Denied {
        Denied::Forbidden(why.into())
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Failure {
        Failure::Verifier(error.into())
    }
}
