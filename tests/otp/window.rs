//! The window of accepted codes against its definition, around each second and at each drift.

use std::ops::RangeInclusive;

use twostep::otp::{Counter, Hotp, Key, TimeStep, TimeStepSize, Totp, TotpMatch};
use twostep::time::UnixTime;

use super::oracle::{Oracle, Random, code, digits};
use super::vectors::ascii_seed;

#[test]
fn the_window_is_exact_at_each_second_and_each_drift() {
    for size in [30, 60] {
        let device = Device::new(size, 0);
        let start = 1_790_000_000 / u64::from(size) * u64::from(size);
        for now in start..start + 2 * u64::from(size) {
            for drift in -20..=20 {
                device.assert_window(now, drift);
            }
        }
    }
}

#[test]
fn the_window_is_exact_for_every_step_size_and_t0() {
    for (size, t0) in [
        (10, 0),
        (11, 1),
        (20, 59),
        (29, 0),
        (31, 1_000),
        (45, 7),
        (59, 0),
        (61, 1 << 31),
        (90, 12),
        (97, 0),
        (120, 30),
    ] {
        let device = Device::new(size, t0);
        let size = u64::from(size);
        let start = t0 + 5_000 * size;
        for second in [0, 1, size / 2, size - 1, size, size + 1, 2 * size - 1] {
            for drift in [-2_880, -21, -20, -11, -3, -2, -1, 0, 1, 2, 3, 11, 20, 21, 2_880] {
                device.assert_window(start + second, drift);
            }
        }
    }
}

#[test]
fn no_step_is_looked_at_before_the_first() {
    for t0 in [0, 1_000] {
        let device = Device::new(30, t0);
        for now in t0..t0 + 90 {
            for drift in -20..=20 {
                device.assert_window(now, drift);
            }
        }
        let now = t0.checked_sub(1).map(UnixTime);
        assert!(now.is_none_or(|now| {
            device.totp.find(&device.key, &device.oracle.code(0), now, 0).is_none()
        }));
    }
}

#[test]
fn the_window_is_exact_where_numbers_overflow() {
    let device = Device::new(30, 0);
    for edge in [1 << 31, 1 << 32, (1 << 31) * 30, (1 << 32) * 30, 1 << 63, u64::MAX - 60] {
        for now in edge - 60..=edge + 60 {
            for drift in [-20, -2, -1, 0, 1, 20] {
                device.assert_window(now, drift);
            }
        }
    }
    // No device drifts so far, and no search may panic over it.
    for drift in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
        for now in [0, u64::MAX] {
            let found =
                device
                    .totp
                    .find(&device.key, &device.oracle.code(now / 30), UnixTime(now), drift);
            assert_eq!(found.map(|found| found.step), (drift < 0).then_some(TimeStep(now / 30)));
        }
    }
}

#[test]
fn two_counters_behind_and_ten_from_the_next_are_tried() {
    let (seed, hotp) = (Random(3).seed(20), Hotp { digits: digits(8), ..Hotp::default() });
    let (key, oracle) = (hotp.key(&seed), Oracle::new(&seed, hotp.algorithm, hotp.digits));
    for edge in [0, 1_000, 1 << 31, 1 << 32, 1 << 63, u64::MAX] {
        for next in around(edge, 12) {
            for shown in around(next, 30) {
                let text = oracle.text(shown);
                let window = next.saturating_sub(2)..=next.saturating_add(9);
                let expected = oracle.highest(window, &text).map(Counter);
                assert_eq!(
                    hotp.find(&key, &oracle.code(shown), Counter(next)),
                    expected,
                    "{shown} from {next}"
                );
            }
        }
    }
}

/// Two steps of the secret of RFC 4226 Appendix D show the same code. Only the later one is above
/// every watermark that the code can have left.
#[test]
fn a_code_of_two_steps_is_accepted_at_the_later_step() {
    let (totp, hotp, earlier) = (Totp::default(), Hotp::default(), 59_061_240);
    let (key, twice) = (totp.key(&ascii_seed(20)), code("963181"));
    let found = |t| totp.find(&key, &twice, UnixTime(30 * t), 0).map(|found| found.step.0);
    assert_eq!(
        [earlier - 1, earlier, earlier + 1, earlier + 2].map(found),
        [earlier, earlier + 1, earlier + 1, earlier + 1].map(Some)
    );
    assert_eq!(hotp.find(&key, &twice, Counter(earlier)), Some(Counter(earlier + 1)));
}

/// A device with eight digits, and every code of it.
struct Device {
    totp: Totp,
    key: Key,
    oracle: Oracle,
}

impl Device {
    fn new(step_size: u16, t0: u64) -> Device {
        let totp = Totp {
            digits: digits(8),
            step_size: TimeStepSize::try_from(step_size).unwrap(),
            t0,
            ..Totp::default()
        };
        let seed = Random(u64::from(step_size)).seed(20);
        Device {
            totp,
            key: totp.key(&seed),
            oracle: Oracle::new(&seed, totp.algorithm, totp.digits),
        }
    }

    /// Shows the codes of all steps around `T` and around `T + drift`, and compares where each is
    /// found with the definition: `T + drift` ± 1, and `T` ± 1 too if the drift is negative; of
    /// several, the highest.
    fn assert_window(&self, now: u64, drift: i64) {
        let t = (now - self.totp.t0) / u64::from(self.totp.step_size.seconds());
        let centre = i128::from(t) + i128::from(drift);
        let tracked = existing(centre - 1..=centre + 1);
        let present =
            if drift < 0 { existing(i128::from(t) - 1..=i128::from(t) + 1) } else { Vec::new() };

        let mut shown: Vec<u64> = around(t, 60).chain(existing(centre - 5..=centre + 5)).collect();
        shown.sort_unstable();
        shown.dedup();
        for shown in shown {
            let text = self.oracle.text(shown);
            let expected = self.oracle.highest(tracked.iter().chain(&present).copied(), &text);
            let expected = expected.map(|step| TotpMatch {
                step: TimeStep(step),
                offset: i64::try_from(i128::from(step) - i128::from(t)).unwrap(),
                clock_was_set: !tracked.contains(&step),
            });
            let found = self.totp.find(&self.key, &self.oracle.code(shown), UnixTime(now), drift);
            assert_eq!(
                found, expected,
                "the code of step {shown} at {now}, T = {t}, drift {drift}"
            );
        }
    }
}

/// The steps of a range that are not negative.
fn existing(steps: RangeInclusive<i128>) -> Vec<u64> {
    steps.filter_map(|step| u64::try_from(step).ok()).collect()
}

fn around(centre: u64, reach: u64) -> RangeInclusive<u64> {
    centre.saturating_sub(reach)..=centre.saturating_add(reach)
}
