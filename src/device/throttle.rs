//! Longer waits after each wrong code of a device, and a lock in the end (RFC 4226 §7.3, NIST SP
//! 800-63B §3.2.2).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// The wrong codes of one device since its last right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// How many in a row.
    pub failures: u32,
    /// When the last of them was judged.
    pub last_failure: Option<UnixTime>,
}

impl Throttle {
    /// One more wrong code.
    #[must_use]
    pub fn after_failure(self, now: UnixTime) -> Throttle {
        Throttle { failures: self.failures.saturating_add(1), last_failure: Some(now) }
    }

    /// Until when codes are refused unjudged: from the third failure in a row on, 30 s doubling to
    /// an hour.
    pub fn until(self) -> Option<UnixTime> {
        let beyond = self.failures.checked_sub(FREE_FAILURES)?;
        let wait = 30u64.saturating_mul(2u64.saturating_pow(beyond)).min(3_600);
        Some(self.last_failure?.plus(Duration::from_secs(wait)))
    }

    /// Whether this failure is the one from which on codes are refused for an hour at a time:
    /// nobody mistypes so often.
    pub fn shows_attack(self) -> bool {
        self.failures == ATTACKING_FAILURES
    }

    /// Whether this failure locks the device.
    pub fn locks(self) -> bool {
        self.failures >= LOCKING_FAILURES
    }
}

/// The third failure in a row is the first that has to be waited for.
const FREE_FAILURES: u32 = 3;

/// With the tenth failure in a row the wait is at its longest.
const ATTACKING_FAILURES: u32 = 10;

/// So many failures in a row lock a device. With three steps to a window, that is a chance of 6 in
/// 100,000 for a guesser.
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
