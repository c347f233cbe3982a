//! One key's part in a ceremony.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use super::session::{GoAhead, KeyEvent, KeySession, Readiness};
use super::verdict::Outcome;
use super::{Ceremony, Fit, probe};
use crate::usb::bus::Bus;
use crate::usb::deadline::Cancel;
use crate::usb::fault::Fault;
use crate::usb::key::Key;

/// An event of a ceremony, from a key's thread or from the bus.
pub(super) enum Event<T> {
    /// The thread of this key says something.
    OfKey(usize, KeyEvent),
    /// The thread of this key has ended; whether its key had blinked.
    Ended(usize, Result<T, Fault>, bool),
    /// The keys that are plugged in now.
    Keys(Vec<Key>),
}

/// A key's part in the ceremony, from its arrival to its end.
pub(super) struct Runner {
    pub(super) key: Key,
    pub(super) begun: Instant,
    pub(super) cancel: Cancel,
    pub(super) state: State,
    pub(super) present: bool,
    /// Another program was seen to use it.
    pub(super) busy: bool,
}

pub(super) enum State {
    /// The key is being probed.
    Looking,
    /// The key fits, and waits for the go-ahead.
    Fits(Sender<GoAhead>),
    /// The key may fit, and waits for the go-ahead.
    Perhaps(Sender<GoAhead>),
    /// The key has the go-ahead to blink.
    Going,
    /// The key takes no further part, for this reason.
    Ended(Outcome),
    /// The key was unplugged before it blinked.
    Gone,
}

/// Runs the ceremony on one key, in that key's thread.
pub(super) fn perform<C: Ceremony>(
    bus: &Arc<dyn Bus>,
    ceremony: &C,
    session: &mut KeySession,
) -> Result<C::Output, Fault> {
    let (mut authenticator, standing) = probe::probe(bus, ceremony, session)?;
    let (readiness, found) = match standing {
        Fit::Yes(found) => (Readiness::Fits, found),
        Fit::Perhaps(found) => (Readiness::Perhaps, found),
        Fit::No(why) => return Err(why.into()),
    };
    session.wait_for_go_ahead(readiness)?;
    ceremony.perform(&mut authenticator, found, session)
}
