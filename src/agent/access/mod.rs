//! Access: the peer at the other end of a connection, and the caller that a request speaks for.
//!
//! Authentication and scope stand here, apart from any wire format: HTTP, a console or another
//! protocol calls [`Callers::identify`] and turns a [`Failure`] into its own answer.

mod caller;
mod callers;
mod connection;
mod denied;
mod notes;
mod peer;
mod places;

pub(crate) use caller::{Caller, Scope};
pub(crate) use callers::Callers;
pub(crate) use connection::{Connection, RequestInfo};
pub(crate) use denied::{Denied, Failure, Refused};
pub(crate) use peer::{Holder, LocalPeer, Logins, Peer};
pub(crate) use places::Lane;
