//! A key is opened and asked whether it fits, for as long as what keeps it from answering may pass.

use std::sync::Arc;
use std::time::Duration;

use super::session::KeySession;
use super::{Ceremony, Fit};
use crate::usb::authenticator::Authenticator;
use crate::usb::bus::Bus;
use crate::usb::fault::Fault;
use crate::usb::link::{OnWait, Wait};

/// Opens the key and has the ceremony look at it. The key does not blink.
///
/// [`Fault::Busy`] and [`Fault::Slow`] at the end of the ceremony's time, and lasting faults.
pub(super) fn probe<C: Ceremony>(
    bus: &Arc<dyn Bus>,
    ceremony: &C,
    session: &mut KeySession,
) -> Result<(Authenticator, Fit<C::Found>), Fault> {
    let (key, deadline) = (session.key().clone(), session.deadline());
    let silent = deadline.within(SILENT.min(deadline.left() / 2));
    let mut breaches = 0;
    loop {
        let opened = Authenticator::open(bus, &key, deadline.clone(), session);
        let looked = opened.and_then(|mut authenticator| {
            let standing = ceremony.look(&mut authenticator, session)?;
            Ok((authenticator, standing))
        });
        let fault = match looked {
            Err(fault) => fault,
            found => return found,
        };
        match fault {
            Fault::Busy => session.on_wait(Wait::Busy),
            Fault::Silent if !silent.left().is_zero() => {}
            Fault::Odd(_) if breaches < MOST_BREACHES => breaches += 1,
            fault => return Err(fault),
        }
        deadline
            .pause(PAUSE)
            .map_err(|over| if over == Fault::Late { fault } else { over })?;
    }
}

/// The time for which a silent key is retried. A key that was just plugged in, or hangs in another
/// program's command, may need it; the result of all other keys waits for it.
const SILENT: Duration = Duration::from_secs(6);

/// The most retries with a key that violates the protocol.
const MOST_BREACHES: u32 = 3;

/// The pause before it is asked again.
const PAUSE: Duration = Duration::from_millis(60);
