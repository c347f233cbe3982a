//! The clock of an agent that is a few seconds off, as clocks of several machines are.

use std::sync::Arc;

use twostep::time::{Clock, Reading, SystemClock, UnixTime};

/// The variable that says by how many seconds the clock of an agent is off.
pub(crate) const OFF: &str = "TWOSTEP_TEST_CLOCK";

/// Seconds by which the clock of one agent of several is ahead of the others', or behind. Five are
/// tolerated in the date of a context, and a context may be dated a second after a revocation.
pub(crate) const SECONDS: i64 = 4;

struct Off(i64);

impl Clock for Off {
    fn read(&self) -> Reading {
        let Reading { wall, boot } = SystemClock.read();
        Reading { wall: UnixTime(wall.0.saturating_add_signed(self.0)), boot }
    }
}

/// The clock that this process was told to have.
pub(crate) fn told() -> Arc<dyn Clock> {
    let off = std::env::var(OFF).ok().map_or(0, |seconds| seconds.parse().unwrap());
    Arc::new(Off(off))
}
