//! The clock of a validator, compared with the time since boot: a clock that was set back would
//! make expired contexts valid, and stale lists fresh.
//!
//! A clock that was wrong when the validator was made is believed, and so is one that the operating
//! system calls synchronised. A clock that was set ahead ends contexts early, and revives none.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

use crate::session::Invalid;
use crate::time::{Clock, Reading, UnixTime};

/// A clock, and its distance from the time since boot when it was last right.
#[derive(Clone)]
pub(super) struct SteadyClock {
    clock: Arc<dyn Clock>,
    distance: Arc<AtomicI64>,
}

impl SteadyClock {
    pub(super) fn new(clock: Arc<dyn Clock>) -> SteadyClock {
        let distance = Arc::new(AtomicI64::new(distance(clock.read())));
        SteadyClock { clock, distance }
    }

    /// The time; [`Invalid::Clock`] if the clock was set back.
    pub(super) fn now(&self) -> Result<UnixTime, Invalid> {
        let reading = self.clock.read();
        let expected = self.distance.load(Relaxed);
        if distance(reading).saturating_add(BACKWARD) >= expected {
            return Ok(reading.wall);
        }
        let wall = self.clock.synchronised().ok_or(Invalid::Clock)?;
        self.distance.store(distance(Reading { wall, ..reading }), Relaxed);
        Ok(wall)
    }
}

/// Seconds from boot back to 1970, by this reading.
fn distance(Reading { wall, boot }: Reading) -> i64 {
    let seconds = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    seconds(wall.0).saturating_sub(seconds(boot.as_secs()))
}

/// Tolerated step back, in seconds: that of the verifier, and a second by which the two readings
/// are rounded.
const BACKWARD: i64 = 61;
