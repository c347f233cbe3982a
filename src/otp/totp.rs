//! Time-based one-time passwords, RFC 6238.
//!
//! `T = floor((now − T0) / X)`. A device's clock drifts, so a code is looked for around the step
//! that its clock is expected to show. If the device lags, `T` itself is searched as well: a
//! lagging device cannot have shown those codes yet, so a match there means that its owner set the
//! clock. A clock that lags because it runs slow is a crystal that has no owner who sets it: it
//! needs a pair after that.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::otp::drift::{Evidence, Measurement, Sample};
use crate::otp::search::Pair;
use crate::otp::{
    Algorithm, BadParameter, ClockModel, Code, Digits, Drift, Foretold, Key, PairFound, Seed,
    StepWindow, Window, search,
};
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
    /// True if the match lies outside the steps around the expected one.
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

    /// The step that a clock is expected to show at `now`; `None` before `T0`.
    ///
    /// A clock is followed for at most [`Window::Admin`] from ours, so that the restore of a backup
    /// knows how far a device can have been.
    pub fn expected_step(&self, now: UnixTime, clock: &Foretold) -> Option<TimeStep> {
        let (step, _) = self.shown(now, clock.offset)?;
        Some(TimeStep(u64::try_from(step.max(0)).unwrap_or(u64::MAX)))
    }

    /// The steps at which a code is accepted at `now`: the expected one, and as many either side as
    /// the doubt of the clock and the delay of its owner ask for, one to three, and at least two
    /// after two weeks without a measurement, in which clocks jump unseen; and `T` with its
    /// neighbours where the device lags by more than a step and does not run slow. `None` before
    /// `T0`.
    pub fn window(&self, now: UnixTime, clock: &Foretold) -> Option<StepWindow> {
        let (centre, place) = self.shown(now, clock.offset)?;
        let size = f64::from(self.step_size.0);
        let doubt = DEVIATIONS * (clock.offset_doubt.powi(2) + DELAY_VARIANCE).sqrt();
        let holds = |steps: u8| {
            let reach = f64::from(steps) * size;
            place - doubt >= -reach && place + doubt < reach + size
        };
        let least = if clock.silent > QUIET { 2 } else { 1 };
        let half_width = (least..3).find(|steps| holds(*steps)).unwrap_or(3);
        let may_be_set = clock.offset < -size && !clock.runs_slow();
        let present = self.step_at(now).filter(|_| may_be_set);
        Some(StepWindow { centre, half_width, present: present.map(|step| step.0) })
    }

    /// The last moment at which a code is expected to be accepted at the first try, if none is
    /// before: the widest window still holds the doubt of the clock. None before the first
    /// measurement.
    pub fn expected_to_work_until(&self, clock: &ClockModel) -> Option<UnixTime> {
        clock.within_until(3.0 * f64::from(self.step_size.0), DEVIATIONS, DELAY_VARIANCE)
    }

    /// The highest step at which `code` is right, among those of the [window](Totp::window).
    pub fn find(
        &self,
        key: &Key,
        code: &Code,
        now: UnixTime,
        clock: &Foretold,
    ) -> Option<TotpMatch> {
        let (present, window) = (self.step_at(now)?, self.window(now, clock)?);
        let step = search::highest(key, code, window.steps())?;
        Some(TotpMatch {
            step: TimeStep(step),
            offset: step_difference(step, present.0),
            clock_was_set: window.is_only_present(step),
        })
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
        self.find_pair_near(key, codes, (now, &Foretold::default()), (watermark, window))
    }

    /// Finds two consecutive codes, both above the `watermark`: the second at most `window` away
    /// from `T`, or at most [`Window::Owner`] from the step that the clock is expected to show,
    /// which is looked at first. Nothing is found farther than [`Window::Admin`] from `T`.
    pub fn find_pair_near(
        &self,
        key: &Key,
        codes: [&Code; 2],
        (now, clock): (UnixTime, &Foretold),
        (watermark, window): (Option<TimeStep>, Window),
    ) -> PairFound<TotpMatch> {
        let present = self.step_at(now);
        let Some((now, expected)) = present.zip(self.expected_step(now, clock)) else {
            return PairFound::Nowhere;
        };
        let watermark = watermark.map(|step| step.0);
        let found = pair_ranges(now.0, expected.0, window).map(|range| {
            let (from, to) = range?;
            let starts = from.saturating_sub(1)..=to.saturating_sub(1);
            let centre = expected.0.saturating_sub(1);
            Some(search::nearest_pair(key, codes, starts, centre, watermark))
        });
        let at = found.iter().flatten().find_map(|pair| match pair {
            Pair::At(first) => Some(first.saturating_add(1)),
            Pair::Consumed | Pair::Nowhere => None,
        });
        match at {
            Some(second) => PairFound::At(TotpMatch {
                step: TimeStep(second),
                offset: step_difference(second, now.0),
                clock_was_set: true,
            }),
            None if found.contains(&Some(Pair::Consumed)) => PairFound::Consumed,
            None => PairFound::Nowhere,
        }
    }

    /// The highest step at which `code` is right, at most [`FAR_STEPS`] away from `expected`. Such
    /// a match is no proof: it shows that the clock of the device has moved.
    pub(crate) fn find_far(&self, key: &Key, code: &Code, expected: TimeStep) -> Option<TimeStep> {
        let (first, last) =
            (expected.0.saturating_sub(FAR_STEPS), expected.0.saturating_add(FAR_STEPS));
        search::highest(key, code, first..=last).map(TimeStep)
    }

    /// The offset of a clock in seconds, and in whole steps to the nearest: the distance from `T`
    /// at which a pair was found, right after it.
    pub fn drift(&self, clock: &Foretold) -> Drift {
        // A pair at the first second of a step lies on the edge, where the sum of the filters may
        // miss it by less than a millisecond.
        let steps = ((clock.offset - 1e-3) / f64::from(self.step_size.0) - 0.5).ceil();
        Drift { steps: whole(steps), seconds: whole(clock.offset.round()) }
    }

    /// The model of a clock that earlier versions kept as a drift in steps, with the time of its
    /// last move, and as samples.
    pub(crate) fn clock_of(
        &self,
        (drift, moved_at): (i64, Option<UnixTime>),
        samples: &[Sample],
    ) -> ClockModel {
        let size = i64::from(self.step_size.0);
        let drift = real(drift.saturating_mul(size));
        ClockModel::of_samples((drift, moved_at), samples, f64::from(self.step_size.0))
    }

    /// A code of this step, accepted now, as a measurement of the device's clock.
    pub(crate) fn measurement(
        &self,
        step: TimeStep,
        now: UnixTime,
        evidence: Evidence,
    ) -> Measurement {
        let size = i128::from(self.step_size.0);
        let twice =
            (2 * i128::from(step.0) + 1) * size + 2 * (i128::from(self.t0) - i128::from(now.0));
        let offset = real(i64::try_from(twice).unwrap_or(i64::MAX)) / 2.0;
        Measurement { offset, step_size: f64::from(self.step_size.0), evidence }
    }

    /// Seconds that a clock which shows this step at `now` is ahead of ours, to half a step;
    /// negative: behind.
    #[cfg(feature = "verifier")]
    pub(crate) fn ahead(&self, step: TimeStep, now: UnixTime) -> i64 {
        whole(self.measurement(step, now, Evidence::Pair).offset.floor())
    }

    /// The step that a clock with this offset shows at `now`, and the seconds since its beginning.
    /// The step may lie before `T0`.
    fn shown(&self, now: UnixTime, offset: f64) -> Option<(i128, f64)> {
        let size = u64::from(self.step_size.0);
        let farthest = Duration::from_secs(size.saturating_mul(Window::Admin.steps()));
        let ahead = Duration::try_from_secs_f64(offset.abs()).unwrap_or(farthest).min(farthest);
        let (whole, part) = (i128::from(ahead.as_secs()), f64::from(ahead.subsec_nanos()) / 1e9);
        let since = i128::from(now.0.checked_sub(self.t0)?);
        let (seconds, part) = match (offset < 0.0, part > 0.0) {
            (false, _) => (since + whole, part),
            (true, true) => (since - whole - 1, 1.0 - part),
            (true, false) => (since - whole, part),
        };
        let size = i128::from(size);
        let place = u16::try_from(seconds.rem_euclid(size)).unwrap_or(0);
        Some((seconds.div_euclid(size), f64::from(place) + part))
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

/// The first and the last step that the second code of a pair may be of: around the expected step,
/// and around `T` if that is another range.
fn pair_ranges(now: u64, expected: u64, window: Window) -> [Option<(u64, u64)>; 2] {
    let around = |step: u64, window: Window| {
        (step.saturating_sub(window.steps()), step.saturating_add(window.steps()))
    };
    let (present, farthest) = (around(now, window), around(now, Window::Admin));
    let near = around(expected, Window::Owner);
    let near = (near.0.max(farthest.0), near.1.min(farthest.1));
    let meet = near.0 <= present.1.saturating_add(1) && present.0 <= near.1.saturating_add(1);
    if meet {
        [Some((near.0.min(present.0), near.1.max(present.1))), None]
    } else {
        [Some(near), Some(present)]
    }
}

/// A whole number of seconds or steps, as near as there is.
fn real(number: i64) -> f64 {
    let size = Duration::from_secs(number.unsigned_abs()).as_secs_f64();
    if number < 0 { -size } else { size }
}

/// The whole part of a number of seconds or steps.
fn whole(number: f64) -> i64 {
    let size = Duration::try_from_secs_f64(number.abs()).unwrap_or(Duration::MAX).as_secs();
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    if number < 0.0 { -size } else { size }
}

fn step_difference(step: u64, now: u64) -> i64 {
    i64::try_from(i128::from(step) - i128::from(now)).unwrap_or(i64::MAX)
}

/// Distance at which a code that missed is still found: half an hour either way at 30 seconds a
/// step.
const FAR_STEPS: u64 = 60;

/// Standard deviations of the offset that a window holds.
pub(crate) const DEVIATIONS: f64 = 3.3;

/// Time without a measurement after which a clock may have jumped by a step or two unseen.
const QUIET: Duration = Duration::from_secs(14 * 86_400);

/// Variance of the owner's delay, in square seconds.
pub(crate) const DELAY_VARIANCE: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_begin_at_t0() {
        let totp = Totp { t0: 1_000, ..Totp::default() };
        assert_eq!(totp.step_at(UnixTime(999)), None);
        assert_eq!(totp.step_at(UnixTime(1_030)), Some(TimeStep(1)));
        let early = Foretold::exactly(-90.0);
        assert_eq!(totp.expected_step(UnixTime(1_030), &early), Some(TimeStep(0)));
        assert_eq!(totp.expected_step(UnixTime(999), &early), None);
    }

    #[test]
    fn a_drift_is_the_distance_of_the_pair_at_each_second() {
        let totp = Totp::default();
        for (steps, place) in (-5..=5).flat_map(|steps| (0..30).map(move |place| (steps, place))) {
            for error in [-1e-7, 0.0, 1e-7] {
                let offset = real(steps * 30 + 15 - place) + error;
                let drift = totp.drift(&Foretold::exactly(offset));
                assert_eq!(drift.steps, steps, "{place} seconds into a step, {error}");
            }
        }
    }

    #[test]
    fn the_expected_step_has_its_offset_in_seconds() {
        let totp = Totp::default();
        let shown = |now, offset| totp.shown(UnixTime(now), offset);
        assert_eq!(shown(3_000, 0.0), Some((100, 0.0)));
        assert_eq!(shown(3_000, 29.5), Some((100, 29.5)));
        assert_eq!(shown(3_000, -0.5), Some((99, 29.5)));
        assert_eq!(shown(3_010, -11.0), Some((99, 29.0)));
        assert_eq!(shown(3_000, f64::NAN).map(|shown| shown.0), Some(2_980));
        assert_eq!(shown(3_000, f64::NEG_INFINITY).map(|shown| shown.0), Some(-2_780));
    }

    #[test]
    fn a_window_is_as_wide_as_the_doubt_asks_for() {
        let totp = Totp::default();
        let half_width = |now, offset_doubt| {
            let clock = Foretold { offset_doubt, ..Foretold::default() };
            totp.window(UnixTime(now), &clock).unwrap().half_width()
        };
        // 3.3 · √(7.2² + 30) s are 30 s.
        assert_eq!([0, 10, 20, 29].map(|place| half_width(3_000 + place, 0.0)), [1; 4]);
        assert_eq!([0, 10, 20, 29].map(|place| half_width(3_000 + place, 10.0)), [2, 1, 1, 2]);
        assert_eq!([0, 10, 20, 29].map(|place| half_width(3_000 + place, 1_000.0)), [3; 4]);
    }
}
