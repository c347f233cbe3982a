//! How many pairs of codes may be judged in an hour.
//!
//! Single codes cannot spend it, so that whoever spends the budget of codes cannot keep an owner
//! from resynchronising.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::CallerId;
use crate::time::UnixTime;

/// The pairs judged for one device in the last hour, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairAllowance {
    spent: Vec<Spent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Spent {
    at: UnixTime,
    caller: CallerId,
}

impl PairAllowance {
    /// Until when this caller's pairs are refused unjudged; none if one may be judged now.
    pub fn spent_until(&self, caller: &CallerId, now: UnixTime) -> Option<UnixTime> {
        let recent = || self.spent.iter().filter(|spent| is_recent(spent, now));
        let of_caller = || recent().filter(|spent| spent.caller == *caller);
        // The oldest of the last `limit` must leave the hour before there is room again.
        let frees = |times: Vec<UnixTime>, limit: usize| {
            times.len().checked_sub(limit).map(|oldest| times[oldest].plus(HOUR))
        };
        let for_caller = frees(of_caller().map(|spent| spent.at).collect(), EACH_CALLER);
        let for_all = frees(recent().map(|spent| spent.at).collect(), ALL_CALLERS);
        for_caller.max(for_all)
    }

    /// One more pair judged.
    #[must_use]
    pub fn after_pair(&self, caller: &CallerId, now: UnixTime) -> PairAllowance {
        let mut spent: Vec<Spent> =
            self.spent.iter().filter(|spent| is_recent(spent, now)).cloned().collect();
        spent.push(Spent { at: now, caller: caller.clone() });
        PairAllowance { spent }
    }
}

/// A time ahead of ours counts as recent: a clock that goes back does not give pairs away.
fn is_recent(spent: &Spent, now: UnixTime) -> bool {
    spent.at.plus(HOUR) > now
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Pairs an hour for each device and caller.
const EACH_CALLER: usize = 5;

/// Pairs an hour for each device: the chance of a guesser who never stops stays at 1.1 in 100,000 a
/// year.
const ALL_CALLERS: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_an_hour_a_caller_and_thirty_in_all() {
        let now = UnixTime(100_000);
        let caller = |n: u32| CallerId::new(format!("uid:{n}"));
        let mut pairs = PairAllowance::default();
        for n in 0..30 {
            assert_eq!(pairs.spent_until(&caller(n / 5), now), None, "{n}");
            pairs = pairs.after_pair(&caller(n / 5), now.plus(Duration::from_secs(u64::from(n))));
        }
        assert_eq!(pairs.spent_until(&caller(0), now), Some(now.plus(HOUR)));
        assert_eq!(
            pairs.spent_until(&caller(5), now),
            Some(now.plus(Duration::from_secs(25)).plus(HOUR))
        );
        assert_eq!(
            pairs.spent_until(&caller(9), now),
            Some(now.plus(HOUR)),
            "the device's own allowance is spent"
        );
        assert_eq!(pairs.spent_until(&caller(9), now.plus(HOUR)), None);
    }
}
