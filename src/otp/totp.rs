//! Time-based one-time passwords, RFC 6238.
//!
//! `T = floor((now − T0) / X)`. A device's clock drifts, so the search is centred on `T` plus the
//! learned drift. If the device lagged, `T` itself is searched as well: a lagging device cannot
//! have shown those codes yet, so a match there means that its owner set the clock.

use serde::{Deserialize, Serialize};

use crate::otp::search::Pair;
use crate::otp::{Algorithm, BadParameter, Code, Digits, Key, PairFound, Seed, Window, search};
use crate::time::UnixTime;

/// The moving factor of TOTP, `T` of RFC 6238 §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeStep(pub u64);

/// The time-step size `X` of RFC 6238 §4.1, in seconds: 10 to 120, the longest lifetime of a code
/// in NIST SP 800-63B §3.1.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct TimeStepSize(u16);

/// Parameters of a time-based device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totp {
    /// The hash function.
    pub algorithm: Algorithm,
    /// Number of digits of a code.
    pub digits: Digits,
    /// `X`.
    pub step_size: TimeStepSize,
    /// `T0`, the epoch; 1970 for nearly every device.
    #[serde(default)]
    pub t0: u64,
}

/// A match of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotpMatch {
    /// The step.
    pub step: TimeStep,
    /// Distance from `T`, in steps; negative if the device lags.
    pub offset: i64,
    /// True if the match lies outside the search around the learned drift.
    pub clock_was_set: bool,
}

impl Totp {
    /// Prepares a seed for this device's parameters.
    pub fn key(&self, seed: &Seed) -> Key {
        Key::new(seed, self.algorithm, self.digits)
    }

    /// `T` at `now`; `None` before `T0`.
    pub fn step_at(&self, now: UnixTime) -> Option<TimeStep> {
        Some(TimeStep(now.0.checked_sub(self.t0)? / u64::from(self.step_size.0)))
    }

    /// The highest step at which `code` is right, among the steps that a device with this `drift`
    /// can show at `now`: one step either side of `T + drift`, and of `T` too if the drift is
    /// negative. Three to six candidates.
    pub fn find(&self, key: &Key, code: &Code, now: UnixTime, drift: i64) -> Option<TotpMatch> {
        let now = self.step_at(now)?;
        let step = search::highest(key, code, candidates(now, drift))?;
        let offset = step_difference(step, now.0);
        Some(TotpMatch { step: TimeStep(step), offset, clock_was_set: offset.abs_diff(drift) > 1 })
    }

    /// Finds two consecutive codes: the second at most `window` away from `T`, both above the
    /// `watermark`.
    pub fn find_pair(
        &self,
        key: &Key,
        codes: [&Code; 2],
        now: UnixTime,
        watermark: Option<TimeStep>,
        window: Window,
    ) -> PairFound<TotpMatch> {
        let Some(now) = self.step_at(now) else { return PairFound::Nowhere };
        let (before, after) = (window.steps().saturating_add(1), window.steps().saturating_sub(1));
        let starts = now.0.saturating_sub(before)..=now.0.saturating_add(after);
        match search::nearest_pair(
            key,
            codes,
            starts,
            now.0.saturating_sub(1),
            watermark.map(|step| step.0),
        ) {
            Pair::At(first) => {
                let second = first.saturating_add(1);
                let offset = step_difference(second, now.0);
                PairFound::At(TotpMatch { step: TimeStep(second), offset, clock_was_set: true })
            }
            Pair::Consumed => PairFound::Consumed,
            Pair::Nowhere => PairFound::Nowhere,
        }
    }

    /// The highest step at which `code` is right, at most [`FAR_STEPS`] away from `expected`. Such
    /// a match is no proof: it shows that the clock of the device has moved.
    pub(crate) fn find_far(&self, key: &Key, code: &Code, expected: TimeStep) -> Option<TimeStep> {
        let (first, last) =
            (expected.0.saturating_sub(FAR_STEPS), expected.0.saturating_add(FAR_STEPS));
        search::highest(key, code, first..=last).map(TimeStep)
    }

    /// Offset of the device's clock in seconds, assuming the middle of `step`: one measurement,
    /// exact to half a step.
    pub fn offset_from_mid_step(&self, step: TimeStep, now: UnixTime) -> i64 {
        let size = i128::from(self.step_size.0);
        let middle = i128::from(step.0) * size + size / 2 + i128::from(self.t0);
        i64::try_from(middle - i128::from(now.0)).unwrap_or(i64::MAX)
    }
}

impl TimeStepSize {
    /// 30 seconds (RFC 6238 §5.2).
    pub const DEFAULT: TimeStepSize = TimeStepSize(30);

    /// The size in seconds.
    pub fn seconds(self) -> u16 {
        self.0
    }
}

impl Default for TimeStepSize {
    fn default() -> TimeStepSize {
        TimeStepSize::DEFAULT
    }
}

impl TryFrom<u16> for TimeStepSize {
    type Error = BadParameter;

    fn try_from(seconds: u16) -> Result<TimeStepSize, BadParameter> {
        if (10..=120).contains(&seconds) {
            Ok(TimeStepSize(seconds))
        } else {
            Err(BadParameter("a time step has 10 to 120 seconds"))
        }
    }
}

impl From<TimeStepSize> for u16 {
    fn from(size: TimeStepSize) -> u16 {
        size.0
    }
}

/// The steps a code is looked for at, ascending, each once.
fn candidates(now: TimeStep, drift: i64) -> impl Iterator<Item = u64> {
    let around = |centre: i128| centre - 1..=centre + 1;
    let tracked = around(i128::from(now.0) + i128::from(drift));
    let tracked_last = *tracked.end();
    let present = around(i128::from(now.0)).filter(move |step| drift < 0 && *step > tracked_last);
    // Steps before T0 do not exist.
    tracked.chain(present).filter_map(|step| u64::try_from(step).ok())
}

fn step_difference(step: u64, now: u64) -> i64 {
    i64::try_from(i128::from(step) - i128::from(now)).unwrap_or(i64::MAX)
}

/// Distance at which a code that missed is still found: half an hour either way at 30 seconds a
/// step.
const FAR_STEPS: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lagging_device_is_looked_for_at_the_present_too() {
        let steps = |drift| candidates(TimeStep(100), drift).collect::<Vec<u64>>();
        assert_eq!(steps(0), [99, 100, 101]);
        assert_eq!(steps(3), [102, 103, 104]);
        assert_eq!(steps(-1), [98, 99, 100, 101]);
        assert_eq!(steps(-2), [97, 98, 99, 100, 101]);
        assert_eq!(steps(-3), [96, 97, 98, 99, 100, 101]);
        assert_eq!(steps(-20), [79, 80, 81, 99, 100, 101]);
    }

    #[test]
    fn steps_begin_at_t0_and_end_at_the_last() {
        assert_eq!(candidates(TimeStep(0), 0).collect::<Vec<u64>>(), [0, 1]);
        assert_eq!(candidates(TimeStep(1), -5).collect::<Vec<u64>>(), [0, 1, 2]);
        assert_eq!(
            candidates(TimeStep(u64::MAX), 0).collect::<Vec<u64>>(),
            [u64::MAX - 1, u64::MAX]
        );
        let totp = Totp { t0: 1_000, ..Totp::default() };
        assert_eq!(totp.step_at(UnixTime(999)), None);
        assert_eq!(totp.step_at(UnixTime(1_030)), Some(TimeStep(1)));
    }
}
