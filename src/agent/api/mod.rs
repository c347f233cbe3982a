//! The HTTP API: routes, their requests and answers, and the OpenAPI document.

mod access_keys;
mod accounts;
mod authz;
mod authz_return;
mod aws;
mod body;
mod console;
mod control;
mod description;
mod devices;
mod diagnosis;
mod extract;
mod fleet;
mod fresh;
mod health;
mod imports;
mod key_ceremonies;
mod key_events;
mod members;
mod provisioning;
mod responses;
mod router;
mod security_keys;
mod sessions;
mod views;

use responses::{
    Conflict, Denied, Forbidden, Invalid, MfaContext, Missing, Slow, Unauthorized, Unavailable,
};
pub(crate) use router::{router, to_verify};
