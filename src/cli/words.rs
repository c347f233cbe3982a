//! Times, durations and drift as people say them.

use std::fmt::Display;
use std::time::Duration;

use crate::cli::output::plain;
pub(super) use crate::cli::output::quoted;
pub(super) use crate::cli::page::{facts, table};
use crate::time::{Clock, SystemClock, UnixTime};
use crate::wire::{Device, Timestamp};

/// Text from the agent, made harmless for a terminal.
pub(super) fn text(value: impl Display) -> String {
    plain(&value.to_string())
}

/// Text from the agent, or a dash where there is none.
pub(super) fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}

/// A duration, in the largest unit that says enough.
pub(super) fn seconds(seconds: u64) -> String {
    match seconds {
        0..120 => count(seconds, "second"),
        120..7_200 => count(seconds / 60, "minute"),
        7_200..172_800 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

/// So many of something.
pub(super) fn count(count: impl Into<u64>, what: &str) -> String {
    match count.into() {
        1 => format!("1 {what}"),
        several => format!("{several} {what}s"),
    }
}

/// A time as people say it: `3 minutes ago`, `in 2 hours`.
pub(super) fn when(time: Option<Timestamp>) -> String {
    match time.map(|time| seconds_from_now(*time)) {
        None => "never".to_owned(),
        Some(0) => "now".to_owned(),
        Some(ahead @ 1..) => format!("in {}", seconds(ahead.unsigned_abs())),
        Some(ago) => format!("{} ago", seconds(ago.unsigned_abs())),
    }
}

/// A time in RFC 3339, with its distance from now.
pub(super) fn at(time: Option<Timestamp>) -> String {
    time.map_or_else(|| when(None), |time| format!("{time} ({})", when(Some(time))))
}

/// The seconds by which a time is ahead of this machine's clock.
pub(super) fn seconds_from_now(time: UnixTime) -> i64 {
    let now = SystemClock.read().wall;
    let ahead = |seconds: Duration| i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX);
    ahead(time.since(now)) - ahead(now.since(time))
}

/// The drift of a device, short: `+3 steps (90 s)`.
pub(super) fn short_drift(device: &Device) -> String {
    match (device.drift_steps, device.drift_seconds) {
        (None, _) => "-".to_owned(),
        (Some(0), _) => "none".to_owned(),
        (Some(steps), seconds) => {
            let unit = if steps.abs() == 1 { "step" } else { "steps" };
            let seconds = seconds.map_or_else(String::new, |seconds| format!(" ({seconds:+} s)"));
            format!("{steps:+} {unit}{seconds}")
        }
    }
}

/// The drift of a device in sentences: how far, how fast, and what to do.
pub(super) fn drift(device: &Device) -> Vec<String> {
    let (Some(steps), Some(off)) = (device.drift_steps, device.drift_seconds) else {
        return Vec::new();
    };
    let off_by = seconds(off.unsigned_abs());
    let mut lines = match steps {
        0 => vec!["none: its clock agrees with this machine's, to within a time step".to_owned()],
        1.. => vec![format!(
            "{}: the device's clock is about {off_by} ahead of the agent's",
            short_drift(device)
        )],
        _ => vec![format!(
            "{}: the device's clock is about {off_by} behind the agent's",
            short_drift(device)
        )],
    };
    lines.extend(device.drift_ppm.map(|rate| rate_of(rate, device.drift_ppm_doubt)));
    lines.extend(device.window_steps.zip(device.guess_odds).map(|(steps, odds)| {
        let steps = count(steps, "step");
        format!("a code is accepted up to {steps} either side; odds of a guess: {odds:.1e}")
    }));
    lines.extend(device.expected_to_work_until.map(|until| match seconds_from_now(*until) {
        1.. => format!("the next code is expected to work until {}", at(Some(until))),
        _ => "not used for long: its next code may be refused, and two codes find it".to_owned(),
    }));
    if steps != 0 {
        lines
            .push("its codes are expected there: nothing to do while they are accepted".to_owned());
        lines.push("is the agent's own clock right? twostep doctor".to_owned());
    }
    lines
}

/// The rate of a clock and its standard deviation, both in parts per million.
fn rate_of(rate: f64, doubt: Option<f64>) -> String {
    let a_week = rate.abs() * 0.6048;
    let way = if rate < 0.0 { "loses" } else { "gains" };
    let doubt = doubt.unwrap_or(0.0);
    let ppm = format!("{rate:+.1} ± {doubt:.1} ppm");
    match rate.abs() {
        size if size < doubt && doubt > 3.0 => format!("the rate of its clock is not known: {ppm}"),
        ..1.0 => format!("its clock keeps time; the difference does not grow ({ppm})"),
        _ => format!("its clock {way} {a_week:.1} seconds a week ({ppm})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceState, MfaKind};

    #[test]
    fn a_quoted_word_is_one_word_of_a_shell() {
        for (text, word) in [
            ("alice@example.com", "alice@example.com"),
            ("o'brien & sons", "'o'\\''brien & sons'"),
            ("$(x)", "'$(x)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }

    #[test]
    fn durations_have_one_unit() {
        for (length, words) in [
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_200, "2 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(seconds(length), words);
        }
    }

    #[test]
    fn drift_says_whose_clock_is_ahead() {
        let serial = "GAHT12345678".parse().unwrap();
        let mut device = Device::new(serial, MfaKind::Totp, DeviceState::Active);
        assert_eq!(drift(&device), Vec::<String>::new());
        device.drift_steps = Some(-3);
        device.drift_seconds = Some(-90);
        device.drift_ppm = Some(-12.4);
        assert_eq!(short_drift(&device), "-3 steps (-90 s)");
        let lines = drift(&device);
        assert!(lines[0].contains("behind the agent's"), "{lines:?}");
        assert!(lines[1].contains("loses 7.5 seconds a week"), "{lines:?}");
        device.drift_ppm_doubt = Some(15.0);
        assert!(drift(&device)[1].contains("not known: -12.4 ± 15.0 ppm"), "{lines:?}");
    }

    #[test]
    fn a_clock_is_shown_with_its_window_and_its_end() {
        let serial = "GAHT12345678".parse().unwrap();
        let mut device = Device::new(serial, MfaKind::Totp, DeviceState::Active);
        (device.drift_steps, device.drift_seconds) = (Some(0), Some(4));
        (device.window_steps, device.guess_odds) = (Some(2), Some(5e-6));
        device.expected_to_work_until = Some("2999-01-01T00:00:00Z".to_owned().try_into().unwrap());
        let said = drift(&device).join("\n");
        assert!(said.contains("up to 2 steps either side; odds of a guess: 5.0e-6"), "{said}");
        assert!(said.contains("expected to work until 2999-01-01T00:00:00Z (in "), "{said}");
        device.expected_to_work_until = Some("1999-01-01T00:00:00Z".to_owned().try_into().unwrap());
        assert!(drift(&device).join("\n").contains("two codes find it"));
    }
}
