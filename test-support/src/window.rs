//! The window of accepted codes as it is defined, without a search.

use twostep::otp::{Foretold, Totp};
use twostep::time::UnixTime;

/// The steps around the one that the clock is expected to show: as few as hold the place in the
/// step and 3.3 standard deviations, at most three either side, and at least two after two weeks
/// without a measurement.
pub fn expected(totp: &Totp, clock: &Foretold, now: UnixTime) -> Vec<i128> {
    let size = i128::from(totp.step_size.seconds());
    let place = now.0 - totp.t0;
    // Milliseconds are too coarse: one sequence in some thousands comes as close to the edge of a
    // step.
    let nano = |seconds: f64| -> i128 { format!("{:.0}", seconds * 1e9).parse().unwrap() };
    let second = 1_000_000_000;
    let shown = |off: f64| (i128::from(place) * second + nano(off)).div_euclid(second * size);
    // A clock is followed no farther than two codes find a device.
    let farthest = f64::from(totp.step_size.seconds()) * 2_880.0;
    let offset = clock.offset.clamp(-farthest, farthest);
    let centre = shown(offset);
    let sure = 3.3 * (clock.offset_doubt * clock.offset_doubt + 30.0).sqrt();
    let [first, last] = [offset - sure, offset + sure].map(shown);
    let least = if clock.silent.as_secs() > 14 * 86_400 { 2 } else { 1 };
    let width = (centre - first).max(last - centre).clamp(least, 3);
    (centre - width..=centre + width).collect()
}

/// The steps at which a code is accepted, ascending, at most nine: the expected ones, and one step
/// around the time for a device that lags by more than a step and does not run slow.
pub fn accepted(totp: &Totp, clock: &Foretold, now: UnixTime) -> Vec<u64> {
    let size = u64::from(totp.step_size.seconds());
    let present = i128::from((now.0 - totp.t0) / size);
    let runs_slow = clock.rate + 0.5 * clock.rate_doubt < 0.0;
    let lags = clock.offset < -f64::from(totp.step_size.seconds()) && !runs_slow;
    let mut steps = expected(totp, clock, now);
    steps.extend((present - 1..=present + 1).filter(|_| lags));
    steps.sort_unstable();
    steps.dedup();
    steps.truncate(9);
    steps.into_iter().filter_map(|step| u64::try_from(step).ok()).collect()
}
