//! The window of accepted codes against its definition, around each second, at each offset of the
//! device's clock and each doubt of it.

use std::ops::RangeInclusive;
use std::time::Duration;

use test_support::window;
use twostep::otp::{Counter, Foretold, Hotp, Key, TimeStep, TimeStepSize, Totp, TotpMatch};
use twostep::time::UnixTime;

use super::oracle::{Oracle, Random, code, digits};
use super::vectors::ascii_seed;

#[test]
fn the_window_is_exact_at_each_second_and_each_offset() {
    for size in [30, 60] {
        let device = Device::new(size, 0);
        let start = 1_790_000_000 / u64::from(size) * u64::from(size);
        for now in start..start + 2 * u64::from(size) {
            for offset in (-620..=620).step_by(31) {
                device.assert_window(now, known(f64::from(offset) + 0.5, 0.3));
            }
        }
    }
}

#[test]
fn the_window_is_as_wide_as_the_doubt_at_each_second() {
    let device = Device::new(30, 0);
    let start = 1_790_000_010;
    let mut widths = [0; 4];
    for now in start..start + 30 {
        for doubt in 0..50 {
            for offset in [-301.0, -75.0, -29.5, 0.0, 14.25, 100.0] {
                let clock = known(offset, f64::from(doubt));
                device.assert_window(now, clock);
                let window = device.totp.window(UnixTime(now), &clock).unwrap();
                widths[usize::from(window.half_width())] += 1;
            }
        }
    }
    assert!(widths[0] == 0 && widths[1..].iter().all(|seen| *seen > 500), "{widths:?}");
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
            for offset in [-7_200.0, -601.0, -300.0, -45.5, 0.0, 1.0, 29.75, 300.0, 7_200.0] {
                for doubt in [0.5, 10.0, 100.0] {
                    device.assert_window(start + second, known(offset, doubt));
                }
            }
        }
    }
}

/// Clocks jump now and then, and nothing has been heard of a silent one.
#[test]
fn the_window_is_wider_after_two_weeks_without_a_code() {
    let device = Device::new(30, 0);
    for (days, seconds, least) in [(0, 0, 1), (14, 0, 1), (14, 1, 2), (400, 0, 2)] {
        let silent = Duration::from_secs(days * 86_400 + seconds);
        for (doubt, half_width) in [(0.1, least), (12.0, 2.max(least)), (60.0, 3)] {
            for offset in [-301.0, 0.0, 77.5] {
                let clock = Foretold { silent, ..known(offset, doubt) };
                for now in 1_790_000_010..1_790_000_040 {
                    device.assert_window(now, clock);
                }
                let found = (1_790_000_010..1_790_000_040)
                    .map(|now| device.totp.window(UnixTime(now), &clock).unwrap().half_width());
                assert_eq!(found.max(), Some(half_width), "{clock:?}");
            }
        }
    }
}

/// A slow crystal lags by itself; only a clock that lags for another reason may have been set.
#[test]
fn the_time_itself_is_searched_unless_the_clock_runs_slow() {
    let (device, now) = (Device::new(30, 0), 1_790_000_025);
    for (offset, rate, rate_doubt, present) in [
        (-150.0, 0.0, 0.0, true),
        (-150.0, 0.0, 15.0, true),
        (-150.0, -7.4, 15.0, true),
        (-150.0, -7.6, 15.0, false),
        (-150.0, -1.1, 2.0, false),
        (-150.0, -0.9, 2.0, true),
        (-150.0, 12.0, 0.5, true),
        (-29.0, 12.0, 0.5, false),
        (150.0, 0.0, 15.0, false),
    ] {
        let clock = Foretold { rate, rate_doubt, ..known(offset, 1.0) };
        device.assert_window(now, clock);
        let steps: Vec<u64> = device.totp.window(UnixTime(now), &clock).unwrap().steps().collect();
        let far = steps.len() > 3;
        assert_eq!(far, present, "{clock:?}: {steps:?}");
    }
}

#[test]
fn no_step_is_looked_at_before_the_first() {
    for t0 in [0, 1_000] {
        let device = Device::new(30, t0);
        for now in t0..t0 + 90 {
            for offset in [-600.0, -100.0, -31.0, -10.0, 0.0, 40.0] {
                device.assert_window(now, known(offset, 5.0));
            }
        }
        let now = t0.checked_sub(1).map(UnixTime);
        let exact = Foretold::default();
        assert!(now.is_none_or(|now| {
            device.totp.find(&device.key, &device.oracle.code(0), now, &exact).is_none()
        }));
    }
}

#[test]
fn the_window_is_exact_where_numbers_overflow() {
    let device = Device::new(30, 0);
    for edge in [1 << 31, 1 << 32, (1 << 31) * 30, (1 << 32) * 30, 1 << 63, u64::MAX - 60] {
        for now in edge - 60..=edge + 60 {
            for offset in [-600.0, -31.0, 0.0, 45.0, 600.0] {
                device.assert_window(now, known(offset, 1.0));
            }
        }
    }
}

/// No clock is followed farther than an administrator's window, and no number is absurd enough for
/// a panic.
#[test]
fn an_absurd_offset_ends_at_an_administrators_window() {
    let device = Device::new(30, 0);
    let now = UnixTime(3_000_000);
    for (absurd, step) in [
        (f64::INFINITY, 102_880),
        (1e300, 102_880),
        (86_430.0, 102_880),
        (-86_430.0, 97_120),
        (-1e300, 97_120),
        (f64::NEG_INFINITY, 97_120),
    ] {
        for doubt in [0.0, 1e300, f64::INFINITY, f64::NAN] {
            let window = device.totp.window(now, &known(absurd, doubt)).unwrap();
            assert!(window.steps().any(|looked_at| looked_at == step), "{absurd} {doubt}");
            assert!(window.steps().count() <= 9, "{absurd} {doubt}");
        }
        let found = device.totp.expected_step(now, &known(absurd, 0.0));
        assert_eq!(found, Some(TimeStep(step)));
        for now in [0, u64::MAX] {
            let window = device.totp.window(UnixTime(now), &known(absurd, 1.0)).unwrap();
            assert!(window.steps().count() <= 9);
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
    let exact = Foretold::default();
    let found = |t| totp.find(&key, &twice, UnixTime(30 * t), &exact).map(|found| found.step.0);
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

    /// Shows the codes of all steps around `T` and around the window, and compares where each is
    /// found with the definition; of several, the highest.
    fn assert_window(&self, now: u64, clock: Foretold) {
        let t = (now - self.totp.t0) / u64::from(self.totp.step_size.seconds());
        let now = UnixTime(now);
        let tracked = window::expected(&self.totp, &clock, now);
        let accepted = window::accepted(&self.totp, &clock, now);
        let looked_at: Vec<u64> = self.totp.window(now, &clock).unwrap().steps().collect();
        assert_eq!(looked_at, accepted, "at {now}, T = {t}, {clock:?}");

        let near = tracked[0] - 3..=tracked[tracked.len() - 1] + 3;
        let mut shown: Vec<u64> = around(t, 5).chain(existing(near)).collect();
        shown.sort_unstable();
        shown.dedup();
        for shown in shown {
            let text = self.oracle.text(shown);
            let expected = self.oracle.highest(accepted.iter().copied(), &text);
            let expected = expected.map(|step| TotpMatch {
                step: TimeStep(step),
                offset: i64::try_from(i128::from(step) - i128::from(t)).unwrap(),
                clock_was_set: !tracked.contains(&i128::from(step)),
            });
            let found = self.totp.find(&self.key, &self.oracle.code(shown), now, &clock);
            assert_eq!(found, expected, "the code of step {shown} at {now}, T = {t}, {clock:?}");
        }
    }
}

fn known(offset: f64, offset_doubt: f64) -> Foretold {
    Foretold { offset_doubt, ..Foretold::exactly(offset) }
}

/// The steps of a range that are not negative.
fn existing(steps: RangeInclusive<i128>) -> Vec<u64> {
    steps.filter_map(|step| u64::try_from(step).ok()).collect()
}

fn around(centre: u64, reach: u64) -> RangeInclusive<u64> {
    centre.saturating_sub(reach)..=centre.saturating_add(reach)
}
