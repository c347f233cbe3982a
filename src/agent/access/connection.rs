//! Facts about a connection and about one request on it.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::agent::access::caller::Caller;
use crate::agent::access::peer::{Login, Peer};
use crate::agent::access::places::Place;
use crate::id::CallerId;

/// A connection, as far as the listener knows it; an extension of each of its requests.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    /// The user database's entry of a local peer; none over TCP.
    pub(crate) login: Option<Arc<Login>>,
    /// TLS protects the connection.
    pub(crate) encrypted: bool,
    /// Accepted on the socket for verifiers: every caller has the role `verifier`.
    pub(crate) only_verify: bool,
}

/// One request: its time of arrival, and its caller once identified; an extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    /// The moment at which the head had been read.
    pub(crate) arrived: Instant,
    caller: Arc<OnceLock<(CallerId, Arc<Place>)>>,
}

impl Connection {
    pub(crate) fn of(peer: Peer) -> Connection {
        Connection { peer, login: None, encrypted: false, only_verify: false }
    }
}

impl RequestInfo {
    pub(crate) fn now() -> RequestInfo {
        RequestInfo { arrived: Instant::now(), caller: Arc::default() }
    }

    /// Records the caller for the request's line in the log, and its place for the answer.
    pub(crate) fn identified(&self, caller: &Caller) {
        let _ = self.caller.set((caller.id.clone(), Arc::clone(&caller.place)));
    }

    /// The caller, if the request got as far as naming one.
    pub(crate) fn caller(&self) -> Option<&CallerId> {
        self.caller.get().map(|(caller, _)| caller)
    }

    /// The place that the request was worked on at.
    pub(crate) fn place(&self) -> Option<Arc<Place>> {
        self.caller.get().map(|(_, place)| Arc::clone(place))
    }
}
