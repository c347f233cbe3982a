//! Hosts of the module, and a simulated agent.

pub(crate) mod fake;
pub(crate) mod host;
pub(crate) mod stage;
