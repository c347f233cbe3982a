//! Allowances of an hour: the number of pairs judged, and of diagnoses made.
//!
//! Single codes do not spend it: an attacker who uses up the budget of codes cannot keep an owner
//! from resynchronising.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::CallerId;
use crate::time::UnixTime;

/// Pairs judged for one device in the last hour, with their callers.
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
    /// Time until which this caller's pairs are refused unjudged; `None` if one may be judged now.
    pub fn spent_until(&self, caller: &CallerId, now: UnixTime) -> Option<UnixTime> {
        let recent = || self.spent.iter().filter(|spent| is_recent(spent.at, now));
        let of_caller = || recent().filter(|spent| spent.caller == *caller);
        // Room again: the oldest of the last `limit` is an hour old.
        let frees = |times: Vec<UnixTime>, limit: usize| {
            times.len().checked_sub(limit).map(|oldest| times[oldest].plus(HOUR))
        };
        let for_caller = frees(of_caller().map(|spent| spent.at).collect(), EACH_CALLER);
        let for_all = frees(recent().map(|spent| spent.at).collect(), ALL_CALLERS);
        for_caller.max(for_all)
    }

    /// Counts a judged pair.
    #[must_use]
    pub fn after_pair(&self, caller: &CallerId, now: UnixTime) -> PairAllowance {
        let mut spent: Vec<Spent> =
            self.spent.iter().filter(|spent| is_recent(spent.at, now)).cloned().collect();
        spent.push(Spent { at: now, caller: caller.clone() });
        PairAllowance { spent }
    }
}

/// Diagnoses made for one device in the last hour. They spend no pairs, and pairs no diagnoses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiagnosisAllowance {
    made: Vec<UnixTime>,
}

impl DiagnosisAllowance {
    /// Time until which diagnoses are refused; `None` if one may be made now.
    pub fn spent_until(&self, now: UnixTime) -> Option<UnixTime> {
        let recent = self.recent(now);
        let oldest = recent.len().checked_sub(DIAGNOSES)?;
        recent.get(oldest).map(|oldest| oldest.plus(HOUR))
    }

    /// Counts a diagnosis.
    #[must_use]
    pub fn after_diagnosis(&self, now: UnixTime) -> DiagnosisAllowance {
        let mut made = self.recent(now);
        made.push(now);
        DiagnosisAllowance { made }
    }

    /// True if none was ever made.
    pub fn is_unspent(&self) -> bool {
        self.made.is_empty()
    }

    fn recent(&self, now: UnixTime) -> Vec<UnixTime> {
        self.made.iter().copied().filter(|made| is_recent(*made, now)).collect()
    }
}

/// A time ahead of ours counts as recent: a clock set back gives nothing away.
fn is_recent(spent: UnixTime, now: UnixTime) -> bool {
    spent.plus(HOUR) > now
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Pairs per hour for each device and caller.
const EACH_CALLER: usize = 5;

/// Pairs per hour for each device: constant guessing succeeds with a chance of 1.1 in 100,000 a
/// year.
const ALL_CALLERS: usize = 30;

/// Diagnoses per hour for each device.
const DIAGNOSES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_diagnoses_an_hour() {
        let now = UnixTime(100_000);
        let mut allowance = DiagnosisAllowance::default();
        assert!(allowance.is_unspent());
        for n in 0..10 {
            assert_eq!(allowance.spent_until(now), None, "{n}");
            allowance = allowance.after_diagnosis(now.plus(Duration::from_secs(n)));
        }
        assert_eq!(allowance.spent_until(now), Some(now.plus(HOUR)));
        let later = now.plus(HOUR);
        assert_eq!(allowance.spent_until(later), None);
        let allowance = allowance.after_diagnosis(later);
        let next = later.plus(Duration::from_secs(1));
        assert_eq!(allowance.spent_until(later), Some(next));
        // A clock that was set back gives nothing away.
        assert!(allowance.spent_until(UnixTime(1)).is_some());
    }

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
