//! Detection of suspend: a machine that sleeps cannot watch its keys.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Detects that the machine was suspended, from the difference of two clocks.
pub(super) struct SuspendDetector {
    asleep: Duration,
}

impl SuspendDetector {
    pub(super) fn now() -> SuspendDetector {
        SuspendDetector { asleep: asleep() }
    }

    /// `true` if the machine was suspended since the last call.
    pub(super) fn suspended(&mut self) -> bool {
        self.suspended_until(asleep())
    }

    fn suspended_until(&mut self, asleep: Duration) -> bool {
        let longer = asleep.saturating_sub(self.asleep) > NAP;
        self.asleep = asleep;
        longer
    }
}

/// Time that the machine has spent suspended since boot: CLOCK_MONOTONIC stands still meanwhile.
fn asleep() -> Duration {
    let read = |clock| clock_gettime(clock).map(Duration::from).unwrap_or_default();
    let awake = read(ClockId::CLOCK_MONOTONIC);
    read(ClockId::CLOCK_BOOTTIME).saturating_sub(awake)
}

/// Longer than the time between two clock readings.
const NAP: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspend_is_detected_once() {
        let seconds = Duration::from_secs;
        let mut detector = SuspendDetector { asleep: seconds(7) };
        assert!(!detector.suspended_until(seconds(7)));
        assert!(!detector.suspended_until(seconds(7) + Duration::from_millis(3)));
        assert!(detector.suspended_until(seconds(9)));
        assert!(!detector.suspended_until(seconds(9)));
        assert!(!SuspendDetector::now().suspended());
    }
}
