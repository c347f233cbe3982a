//! Facts about a connection and about one request on it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::agent::access::caller::Caller;
use crate::agent::access::notes::Notes;
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
    /// The name of the request, in the log and in the answer.
    pub(crate) id: RequestId,
    pub(crate) notes: Arc<Notes>,
    caller: Arc<OnceLock<(CallerId, Arc<Place>)>>,
}

/// The name of a request: random, since a number would tell one caller of the others' requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(u64);

impl Connection {
    pub(crate) fn of(peer: Peer) -> Connection {
        Connection { peer, login: None, encrypted: false, only_verify: false }
    }
}

impl RequestId {
    fn new() -> RequestId {
        // Without randomness, requests share a name.
        RequestId(crate::store::random::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl RequestInfo {
    pub(crate) fn now() -> RequestInfo {
        RequestInfo {
            arrived: Instant::now(),
            id: RequestId::new(),
            notes: Arc::default(),
            caller: Arc::default(),
        }
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
