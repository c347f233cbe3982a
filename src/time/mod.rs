//! Seconds since 1970, and the clock they come from.
//!
//! Protocol code takes the time as an argument. Only the verifier and the session module hold a
//! [`Clock`].

mod kernel;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// `self` + `duration`, or the last second there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> UnixTime {
        UnixTime(self.0.saturating_add(duration.as_secs()))
    }

    /// `self` − `duration`, or 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> UnixTime {
        UnixTime(self.0.saturating_sub(duration.as_secs()))
    }

    /// Noon in UTC of a day that is written `2024-03-01`.
    ///
    /// # Errors
    /// [`BadDay`] for what is no day.
    pub fn noon(day: &str) -> Result<UnixTime, BadDay> {
        utc(&format!("{day}T12:00:00")).ok_or(BadDay)
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: UnixTime) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

/// RFC 3339 in UTC: `2026-11-22T09:30:00Z`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / 86_400, self.0 % 86_400);
        // Days to a civil date, counted in eras of 400 years that begin on 1 March of year 0.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// A text that is no date; the words say what one looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTime;

/// A text that is no day; the words say what one looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadDay;

impl fmt::Display for BadDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a day is written 2026-11-22")
    }
}

impl std::error::Error for BadDay {}

/// Reads RFC 3339 (§5.6) with any offset; fractions of seconds are cut off.
impl FromStr for UnixTime {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<UnixTime, BadTime> {
        let (local, rest) = text.split_at_checked("2026-11-22T09:30:00".len()).ok_or(BadTime)?;
        let zone = match rest.strip_prefix('.') {
            None => rest,
            Some(fraction) => {
                let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                if zone.len() == fraction.len() {
                    return Err(BadTime);
                }
                zone
            }
        };
        let offset = offset(zone).ok_or(BadTime)?;
        let time = utc(local).ok_or(BadTime)?;
        // An offset is less than a day, so it can be negated.
        time.0.checked_add_signed(-offset).map(UnixTime).ok_or(BadTime)
    }
}

/// The time of a date and a time of day in UTC.
fn utc(text: &str) -> Option<UnixTime> {
    let number = |range: Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let (march_month, year) = if month > 2 {
        (month.wrapping_sub(3), year)
    } else {
        (month.saturating_add(9), year.saturating_sub(1))
    };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * march_month + 2) / 5 + day;
    let days = (era * 146_097 + day_of_era).checked_sub(719_469)?;
    let time = UnixTime(days * 86_400 + hour * 3_600 + minute * 60 + second);
    // A day or an hour that does not exist is another one when it is written.
    (time.to_string().strip_suffix('Z') == Some(text)).then_some(time)
}

/// The offset of a time zone from UTC, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, zone) = zone.split_at_checked(1)?;
    let (hours, minutes) = zone.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    let number = |text: &str, most: i64| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| digits && *number <= most)
    };
    let seconds = number(hours, 23)? * 3_600 + number(minutes, 59)? * 60;
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time is written 2026-11-22T09:30:00Z")
    }
}

impl std::error::Error for BadTime {}

/// The readings of a [`Clock`]: the wall time, and the time since boot, which cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Wall time.
    pub wall: UnixTime,
    /// Time since boot, suspended time included (`CLOCK_BOOTTIME`).
    pub boot: Duration,
}

/// A source of time. Programs use [`SystemClock`]; tests use `testing::FixedClock`.
pub trait Clock: Send + Sync {
    /// The time, read once for each request.
    fn read(&self) -> Reading;

    /// The wall time, if the operating system says that it is synchronised with a source outside
    /// (NTP, PTP, GNSS); both as of one moment. The verifier asks when the wall time jumped. A
    /// clock that does not know says nothing, as the default does.
    fn synchronised(&self) -> Option<UnixTime> {
        None
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        // A clock set to before 1970 reads as 1970, which the clock guard refuses.
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Reading { wall: UnixTime(wall.as_secs()), boot: since_boot() }
    }

    fn synchronised(&self) -> Option<UnixTime> {
        kernel::synchronised()
    }
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// The time since the first call. On a system without `CLOCK_BOOTTIME` it excludes suspension, so
/// the clock guard takes a resume for a jump of the wall clock, and refuses.
#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    static FIRST: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    FIRST.elapsed()
}

/// The tolerated lead of another machine's clock.
pub const MAX_CLOCK_LEAD: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_rfc_3339() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_234_567_890, "2009-02-13T23:31:30Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (20_000_000_000, "2603-10-11T11:33:20Z"),
        ] {
            assert_eq!(UnixTime(seconds).to_string(), date);
            assert_eq!(date.parse(), Ok(UnixTime(seconds)));
        }
        for (text, seconds) in [
            ("2009-02-13T23:31:30.999Z", 1_234_567_890),
            ("2009-02-14T00:31:30+01:00", 1_234_567_890),
            ("2009-02-13T18:01:30.5-05:30", 1_234_567_890),
            ("2009-02-13T23:31:30z", 1_234_567_890),
            ("2009-02-13T23:31:30-00:00", 1_234_567_890),
        ] {
            assert_eq!(text.parse(), Ok(UnixTime(seconds)), "{text}");
        }
        for wrong in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+1:00",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00++1:00",
            "1970-01-01T00:00:00+00:01",
            "2026-01-01 00:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Zé",
        ] {
            assert_eq!(wrong.parse::<UnixTime>(), Err(BadTime), "{wrong}");
        }
    }

    #[test]
    fn a_day_begins_half_a_day_before_its_noon() {
        assert_eq!(UnixTime::noon("1970-01-02"), Ok(UnixTime(129_600)));
        for wrong in ["", "1970-1-2", "1970-02-30", "2024-03-01T", "2024-03-01 ", "2024/03/01"] {
            assert_eq!(UnixTime::noon(wrong), Err(BadDay), "{wrong}");
        }
    }

    #[test]
    fn the_boot_clock_keeps_pace_with_the_monotonic_clock() {
        let (first, began) = (since_boot(), std::time::Instant::now());
        std::thread::sleep(Duration::from_millis(30));
        let passed = since_boot().saturating_sub(first);
        assert!(passed >= Duration::from_millis(30), "{passed:?}");
        assert!(passed <= began.elapsed() + Duration::from_millis(5), "{passed:?}");
    }
}
