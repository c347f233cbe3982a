//! AWS's wire: IAM and STS by the Query protocol, for its SDKs and its command line.
//!
//! A request passes [`face`] (form, signature, action), a handler of its group, and an operation of
//! the agent. Rules stand in the operations; here is what AWS's clients see.

mod actions;
mod authenticate;
mod call;
mod devices;
mod face;
mod fault;
mod form;
mod page;
mod picture;
mod policies;
mod simulators;
mod sts;
mod users;
mod virtual_devices;
mod xml;

pub(super) use face::surrounded;
