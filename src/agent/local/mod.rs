//! What the agent does for the programs of its own machine: it runs ceremonies with the security keys that are plugged in here.

mod alone;
mod ceremony;
mod person;
mod service;

pub(crate) use ceremony::Busy;
pub(crate) use ceremony::Ceremonies;
pub(crate) use ceremony::Underway;
pub(crate) use person::Told;
pub(crate) use service::Service;

use std::sync::Arc;

use crate::usb::Bus;

/// What all local programs share.
pub(crate) struct Local {
    pub(crate) ceremonies: Arc<Ceremonies>,
}

impl Local {
    pub(crate) fn new(bus: Arc<dyn Bus>) -> Local {
        Local { ceremonies: Arc::new(Ceremonies::new(bus)) }
    }
}
