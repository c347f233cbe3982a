//! Operations: the functions of the agent, without a wire format.
//!
//! Each takes the state, the caller and an input, and returns an outcome or a
//! [`Failure`](crate::agent::access::Failure). Role, scope, hidden accounts, authority, metrics and
//! the timing of refusals are decided here. Faces (the HTTP API, and others beside it) parse a
//! request, call an operation and answer.

pub(crate) mod access_keys;
pub(crate) mod accounts;
pub(crate) mod aws_devices;
pub(crate) mod aws_policies;
pub(crate) mod aws_rights;
pub(crate) mod aws_sessions;
pub(crate) mod aws_signers;
pub(crate) mod aws_simulations;
pub(crate) mod aws_users;
pub(crate) mod aws_verify;
mod background;
pub(crate) mod backup;
pub(crate) mod ceremonies;
pub(crate) mod console;
pub(crate) mod control;
pub(crate) mod devices;
pub(crate) mod exports;
pub(crate) mod file;
#[cfg(feature = "console")]
pub(crate) mod find;
pub(crate) mod fleet;
pub(crate) mod handover;
pub(crate) mod health;
#[cfg(feature = "console")]
pub(crate) mod history;
pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod policies;
#[cfg(feature = "console")]
pub(crate) mod proofs;
pub(crate) mod return_to;
pub(crate) mod reuse;
pub(crate) mod scan;
pub(crate) mod scope;
pub(crate) mod sessions;
#[cfg(test)]
mod tests;
mod timing;
