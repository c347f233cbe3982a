//! A clock that stands still until the test moves it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::time::{Clock, Reading, UnixTime};

/// A clock that stands still. Clones share the time: one goes into the verifier, one stays with the
/// test.
#[derive(Clone, Debug)]
pub struct FixedClock(Arc<Mutex<Hands>>);

/// Finer than a [`Reading`], so that two half seconds add up to one.
#[derive(Debug)]
struct Hands {
    wall: Duration,
    boot: Duration,
    synchronised: bool,
}

impl FixedClock {
    /// A clock that shows `wall`, on a machine that booted this second. Not synchronised.
    pub fn at(wall: UnixTime) -> FixedClock {
        FixedClock(Arc::new(Mutex::new(Hands {
            wall: Duration::from_secs(wall.0),
            boot: Duration::ZERO,
            synchronised: false,
        })))
    }

    /// Sets the wall time alone, as an operator or NTP would.
    pub fn set_wall(&self, wall: UnixTime) {
        self.with(|hands| hands.wall = Duration::from_secs(wall.0));
    }

    /// Sets the synchronisation status that the operating system reports.
    pub fn set_synchronised(&self, synchronised: bool) {
        self.with(|hands| hands.synchronised = synchronised);
    }

    /// Advances wall time and time since boot together.
    pub fn advance(&self, by: Duration) {
        self.with(|hands| {
            hands.wall = hands.wall.saturating_add(by);
            hands.boot = hands.boot.saturating_add(by);
        });
    }

    /// Moves the wall time alone by this many seconds, backward if negative; at the earliest to
    /// 1970.
    pub fn jump(&self, seconds: i64) {
        let distance = Duration::from_secs(seconds.unsigned_abs());
        self.with(|hands| {
            hands.wall = if seconds < 0 {
                hands.wall.saturating_sub(distance)
            } else {
                hands.wall.saturating_add(distance)
            };
        });
    }

    /// Suspends the machine for this long. `CLOCK_BOOTTIME` counts suspension, so it equals the
    /// passing of time.
    pub fn suspend(&self, length: Duration) {
        self.advance(length);
    }

    fn with<T>(&self, change: impl FnOnce(&mut Hands) -> T) -> T {
        // A test that panicked while it held the lock left both hands consistent.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for FixedClock {
    fn read(&self) -> Reading {
        self.with(|hands| Reading { wall: UnixTime(hands.wall.as_secs()), boot: hands.boot })
    }

    fn synchronised(&self) -> Option<UnixTime> {
        self.with(|hands| hands.synchronised.then_some(UnixTime(hands.wall.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall: u64, boot: u64) -> Reading {
        Reading { wall: UnixTime(wall), boot: Duration::from_secs(boot) }
    }

    #[test]
    fn time_goes_by_on_both_hands_and_a_jump_moves_one() {
        let clock = FixedClock::at(UnixTime(1_000));
        let seen = clock.clone();
        assert_eq!(seen.read(), reading(1_000, 0));
        clock.advance(Duration::from_millis(500));
        clock.advance(Duration::from_millis(500));
        assert_eq!(seen.read(), reading(1_001, 1));
        clock.jump(-61);
        assert_eq!(seen.read(), reading(940, 1));
        clock.jump(60);
        assert_eq!(seen.read(), reading(1_000, 1));
        clock.suspend(Duration::from_secs(3_600));
        assert_eq!(seen.read(), reading(4_600, 3_601));
        clock.set_wall(UnixTime(5));
        assert_eq!(seen.read(), reading(5, 3_601));
    }

    #[test]
    fn a_jump_ends_at_1970_and_at_the_last_second() {
        let clock = FixedClock::at(UnixTime(10));
        clock.jump(i64::MIN);
        assert_eq!(clock.read().wall, UnixTime(0));
        clock.set_wall(UnixTime(u64::MAX));
        clock.jump(1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.read().wall, UnixTime(u64::MAX));
    }
}
