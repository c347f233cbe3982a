//! What the agent does for the programs of its own machine: it runs ceremonies with the security
//! keys that are plugged in here, sees whether they stay, and remembers for some minutes who proved
//! themselves where.

mod alone;
mod ceremony;
mod fresh;
mod leader;
mod person;
mod presence;
mod sight;

pub(crate) use ceremony::{Answered, Busy, Ceremonies, Underway};
pub(crate) use fresh::{Fresh, Place};
pub(crate) use leader::Leader;
pub(crate) use person::Told;
pub(crate) use presence::{NotBound, Presence};

use std::sync::Arc;

use crate::agent::Parts;

/// What all local programs share.
pub(crate) struct Local {
    pub(crate) ceremonies: Arc<Ceremonies>,
    pub(crate) fresh: Fresh,
    pub(crate) presence: Presence,
}

impl Local {
    pub(crate) fn new(parts: &Parts) -> Local {
        Local {
            ceremonies: Arc::new(Ceremonies::new(Arc::clone(&parts.bus))),
            fresh: Fresh::new(parts.config.local.times_of_reuse()),
            presence: Presence::new(parts),
        }
    }
}
