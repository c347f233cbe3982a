//! Growing waits after wrong codes of a device, and finally a lock (RFC 4226 §7.3, NIST SP 800-63B
//! §3.2.2).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// Wrong codes of one device since its last right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// Number in a row.
    pub failures: u32,
    /// Time of the last one.
    pub last_failure: Option<UnixTime>,
}

impl Throttle {
    /// Counts a wrong code.
    #[must_use]
    pub fn after_failure(self, now: UnixTime) -> Throttle {
        Throttle { failures: self.failures.saturating_add(1), last_failure: Some(now) }
    }

    /// Time until which codes are refused unjudged: 30 s from the third failure in a row, doubling
    /// to an hour.
    pub fn until(self) -> Option<UnixTime> {
        let beyond = self.failures.checked_sub(FREE_FAILURES)?;
        let wait = 30u64.saturating_mul(2u64.saturating_pow(beyond)).min(3_600);
        Some(self.last_failure?.plus(Duration::from_secs(wait)))
    }

    /// True if from this failure on, codes are refused for an hour at a time: beyond typing errors.
    pub fn shows_attack(self) -> bool {
        self.failures == ATTACKING_FAILURES
    }

    /// True if this failure locks the device.
    pub fn locks(self) -> bool {
        self.failures >= LOCKING_FAILURES
    }
}

/// First failure in a row with a wait.
const FREE_FAILURES: u32 = 3;

/// First failure in a row with the longest wait.
const ATTACKING_FAILURES: u32 = 10;

/// Failures in a row that lock a device. With three steps to a window, a guesser has a chance of 6
/// in 100,000.
const LOCKING_FAILURES: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_third_failure_to_an_hour() {
        let at = UnixTime(1_000);
        let wait = |failures| {
            Throttle { failures, last_failure: Some(at) }
                .until()
                .map(|until| until.since(at).as_secs())
        };
        let waits: Vec<Option<u64>> = (0..=12).map(wait).collect();
        let expected = [0, 0, 0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]
            .map(|wait| Some(wait).filter(|wait| *wait > 0));
        assert_eq!(waits, expected);
        assert_eq!(wait(u32::MAX), Some(3_600));
        let attack = |failures: u32| Throttle { failures, last_failure: Some(at) }.shows_attack();
        assert_eq!(
            (1..=LOCKING_FAILURES)
                .filter(|failures| attack(*failures))
                .collect::<Vec<u32>>(),
            [10]
        );
    }
}
