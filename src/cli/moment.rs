//! Times as people type them: a day, a time, or how long ago.

use std::time::Duration;

use crate::time::{BadTime, Clock, SystemClock, UnixTime};
use crate::wire::Timestamp;

/// Reads `2026-11-22T09:30:00Z`, `2026-11-22` (its first second, UTC) or `90d`, `12h`, `30m`,
/// `45s` and `2w`: so long ago.
///
/// # Errors
/// The text is none of them.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let now = SystemClock.read().wall;
    read(text, now).map(Timestamp).ok_or_else(|| MOMENT.to_owned())
}

fn read(text: &str, now: UnixTime) -> Option<UnixTime> {
    let parsed = |text: &str| text.parse().map_err(|_: BadTime| ()).ok();
    parsed(text)
        .or_else(|| parsed(&format!("{text}T00:00:00Z")))
        .or_else(|| Some(UnixTime(now.0.checked_sub(age(text)?.as_secs())?)))
}

fn age(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let count = text.strip_suffix(unit).filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
    Some(Duration::from_secs(count?.parse::<u64>().ok()?.checked_mul(seconds)?))
}

const MOMENT: &str = "a day (2026-11-22), a time (2026-11-22T09:30:00Z) or how long ago (90d, 12h)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_a_time_or_an_age() {
        let now = UnixTime(1_800_000_000);
        let is =
            |text: &str, time: u64| assert_eq!(read(text, now), Some(UnixTime(time)), "{text}");
        is("2026-11-22", 1_795_305_600);
        is("2026-11-22T09:30:00Z", 1_795_339_800);
        is("90d", now.0 - 90 * 86_400);
        is("12h", now.0 - 12 * 3_600);
        is("2w", now.0 - 14 * 86_400);
        is("0s", now.0);
        for text in ["", "d", "90", "-1d", "+1d", "1 d", "1y", "2026-13-01", "99999999999999w", "é"]
        {
            assert_eq!(read(text, now), None, "{text}");
        }
    }
}
