//! Clock drift of a device, learned from its successes (RFC 6238 §6).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::otp::{TotpMatch, Window};
use crate::time::UnixTime;

/// Offset of a device's clock from ours; negative if the device lags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Whole time steps: the amount by which searches are moved.
    pub steps: i64,
    /// Seconds.
    pub seconds: i64,
}

/// One success as a measurement of the device's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Time of the measurement, by our clock.
    pub at: UnixTime,
    /// Middle of the matched step minus our time, in seconds.
    pub offset: i64,
}

/// The drift after a success. Follows by one step at most once an hour, and never beyond ±20,
/// unless the device's clock was evidently set, by its owner or by a pair.
///
/// Returns the new drift, and true if it moved.
pub(crate) fn learn(
    drift: i64,
    matched: TotpMatch,
    moved_at: Option<UnixTime>,
    now: UnixTime,
) -> (i64, bool) {
    let rested = moved_at.is_none_or(|moved| now.since(moved) >= REST);
    let within_reach = matched.offset.abs() <= REACH || matched.offset.abs() < drift.abs();
    if matched.offset == drift {
        (drift, false)
    } else if matched.clock_was_set || (rested && within_reach) {
        (matched.offset, true)
    } else {
        (drift, false)
    }
}

/// Rate at which a clock gains (positive) or loses (negative), in parts per million: the
/// least-squares slope of the samples.
///
/// `None` until three samples span a day: before that, the half-step error of each sample exceeds
/// the drift.
pub fn rate(samples: &[Sample]) -> Option<f64> {
    let (first, last) = (samples.first()?, samples.last()?);
    if samples.len() < 3 || last.at.since(first.at) < Duration::from_secs(86_400) {
        return None;
    }
    let points = || {
        samples
            .iter()
            .map(|sample| (elapsed_seconds(sample.at, first.at), seconds(sample.offset)))
    };
    let count = f64::from(u32::try_from(samples.len()).ok()?);
    let (mean_x, mean_y) =
        points().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (above, below) = points().fold((0.0, 0.0), |(above, below), (x, y)| {
        (above + (x - mean_x) * (y - mean_y), below + (x - mean_x) * (x - mean_x))
    });
    (below > 0.0).then(|| above / below * 1e6)
}

fn elapsed_seconds(at: UnixTime, first: UnixTime) -> f64 {
    at.since(first).as_secs_f64()
}

/// Offsets are minutes at most; one beyond 32 bits is no measurement.
fn seconds(offset: i64) -> f64 {
    i32::try_from(offset).map_or(0.0, f64::from)
}

/// The least time between two moves of the drift.
const REST: Duration = Duration::from_secs(3_600);

/// The drift that single codes may lead to, in steps either way.
const REACH: i64 = Window::Owner.steps().cast_signed();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::TimeStep;

    const NOW: UnixTime = UnixTime(1_000_000);

    fn matched(offset: i64) -> TotpMatch {
        TotpMatch { step: TimeStep(33_333), offset, clock_was_set: false }
    }

    #[test]
    fn drift_follows_once_an_hour() {
        assert_eq!(learn(0, matched(1), None, NOW), (1, true));
        assert_eq!(
            learn(0, matched(1), Some(NOW.minus(Duration::from_secs(3_599))), NOW),
            (0, false)
        );
        assert_eq!(
            learn(0, matched(1), Some(NOW.minus(Duration::from_secs(3_600))), NOW),
            (1, true)
        );
    }

    #[test]
    fn learning_stops_at_20_steps_but_may_come_back() {
        assert_eq!(learn(20, matched(21), None, NOW), (20, false));
        assert_eq!(learn(-20, matched(-21), None, NOW), (-20, false));
        assert_eq!(learn(100, matched(101), None, NOW), (100, false));
        assert_eq!(learn(100, matched(99), None, NOW), (99, true));
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once() {
        let set = TotpMatch { clock_was_set: true, ..matched(0) };
        assert_eq!(learn(-9, set, Some(NOW), NOW), (0, true));
    }

    #[test]
    fn the_rate_is_the_slope_of_the_samples() {
        let sample = |day: u64| Sample {
            at: UnixTime(day * 86_400),
            offset: i64::try_from(day * 86_400 / 20_000).unwrap(),
        };
        let samples: Vec<Sample> = (0..16).map(|day| sample(day * 3)).collect();
        let ppm = rate(&samples).unwrap();
        assert!((ppm - 50.0).abs() < 1.0, "{ppm}");
        assert_eq!(rate(&samples[..2]), None);
    }
}
