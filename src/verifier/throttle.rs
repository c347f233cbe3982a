//! The budget of wrong codes that all devices of an account share.

use std::time::Duration;

use crate::store::Account;
use crate::time::UnixTime;

/// The account after one more wrong code: the sixtieth within a day throttles its codes for an
/// hour.
pub(crate) fn after_failure(account: &Account, now: UnixTime) -> Account {
    let mut failures: Vec<UnixTime> = account
        .failures
        .iter()
        .copied()
        .filter(|failure| failure.plus(DAY) > now)
        .collect();
    failures.push(now);
    let surplus = failures.len().saturating_sub(FAILURES_A_DAY);
    failures.drain(..surplus);
    let throttled_until = if failures.len() == FAILURES_A_DAY {
        Some(now.plus(HOUR))
    } else {
        account.throttled_until
    };
    Account { failures, throttled_until, ..account.clone() }
}

/// Until when the account's codes are refused unjudged.
pub(crate) fn throttled_until(account: &Account, now: UnixTime) -> Option<UnixTime> {
    account.throttled_until.filter(|until| *until > now)
}

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// So many wrong codes of an account within a day.
const FAILURES_A_DAY: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixtieth_failure_within_a_day_throttles_for_an_hour() {
        let mut account = Account::new("alice".parse().unwrap(), UnixTime(0));
        let at = |n: u64| UnixTime(1_000_000 + n * 60);
        for n in 0..59 {
            account = after_failure(&account, at(n));
            assert_eq!(throttled_until(&account, at(n)), None, "{n}");
        }
        account = after_failure(&account, at(59));
        assert_eq!(throttled_until(&account, at(59)), Some(at(119)));
        assert_eq!(throttled_until(&account, at(119)), None);
        // A day later the old ones do not count any more.
        let next_day = after_failure(&account, at(60 + 24 * 60));
        assert_eq!(throttled_until(&next_day, at(60 + 24 * 60)), None);
        assert_eq!(next_day.failures.len(), 1);
    }
}
