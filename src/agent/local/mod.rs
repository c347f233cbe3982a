//! Services for the programs of this machine: ceremonies with security keys that are plugged in,
//! sessions that end when their key is pulled, and sessions that can be reused for some minutes.

mod ceremony;
mod event;
mod exclusive;
mod identity;
mod leader;
mod person;
mod presence;
mod reuse;
mod slot;
mod suspend;

pub(crate) use ceremony::{Answered, RunningCeremony};
pub(crate) use event::CeremonyEvent;
pub(crate) use leader::Leader;
pub(crate) use presence::{NotBound, Presence};
pub(crate) use reuse::{ReusableSessions, ReuseScope};
pub(crate) use slot::{Busy, Ceremonies};

use std::sync::Arc;

use crate::agent::config::Config;
use crate::agent::stop::Stop;
use crate::usb::Bus;
use crate::verifier::Verifier;

/// The services, which all local programs share.
pub(crate) struct Local {
    pub(crate) ceremonies: Arc<Ceremonies>,
    pub(crate) reusable: ReusableSessions,
    pub(crate) presence: Presence,
}

impl Local {
    pub(crate) fn new(
        bus: Arc<dyn Bus>,
        config: &Config,
        verifier: &Verifier,
        stop: &Stop,
    ) -> Local {
        Local {
            ceremonies: Arc::new(Ceremonies::new(Arc::clone(&bus))),
            reusable: ReusableSessions::new(config.local.times_of_reuse()),
            presence: Presence::new(bus, config, verifier, stop),
        }
    }
}
