//! Seconds since 1970, and the clock they come from.
//!
//! Protocol code takes the time as an argument. Only the verifier and the session module hold a
//! [`Clock`].

mod kernel;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

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

/// RFC 3339 in UTC, in whole seconds, as it is written.
impl FromStr for UnixTime {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<UnixTime, BadTime> {
        let number =
            |range| text.get::<Range<usize>>(range).and_then(|digits| digits.parse::<u64>().ok());
        let parts = (
            number(0..4),
            number(5..7),
            number(8..10),
            number(11..13),
            number(14..16),
            number(17..19),
        );
        let (Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second)) = parts
        else {
            return Err(BadTime);
        };
        let (march_month, year) = if month > 2 {
            (month.wrapping_sub(3), year)
        } else {
            (month.saturating_add(9), year.saturating_sub(1))
        };
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100
            + (153 * march_month + 2) / 5
            + day;
        let days = (era * 146_097 + day_of_era).checked_sub(719_469).ok_or(BadTime)?;
        let time = UnixTime(days * 86_400 + hour * 3_600 + minute * 60 + second);
        // A day or an hour that does not exist comes out as another one.
        if time.to_string() == text { Ok(time) } else { Err(BadTime) }
    }
}

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time is written 2026-11-22T09:30:00Z")
    }
}

impl std::error::Error for BadTime {}

/// What a [`Clock`] shows: the wall time, and the time since boot that nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Wall time.
    pub wall: UnixTime,
    /// Time since boot, suspended time included (`CLOCK_BOOTTIME`).
    pub boot: Duration,
}

/// Where the time comes from. Programs use [`SystemClock`]; tests use `testing::FixedClock`.
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
        Reading { wall: UnixTime(wall.as_secs()), boot: since_boot(wall) }
    }

    fn synchronised(&self) -> Option<UnixTime> {
        kernel::synchronised()
    }
}

/// The last look at `/proc/uptime`, and what the other clocks showed then.
#[derive(Clone, Copy)]
struct Looked {
    at: Instant,
    wall: Duration,
    boot: Duration,
}

/// The time since boot. The file is read once a second, and whenever the wall clock and the
/// monotonic clock moved apart since: a suspended machine stops the latter.
fn since_boot(wall: Duration) -> Duration {
    static LAST: Mutex<Option<Looked>> = Mutex::new(None);
    let at = Instant::now();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(looked) = *last {
        let passed = at.saturating_duration_since(looked.at);
        let together = wall
            .checked_sub(looked.wall)
            .is_some_and(|shown| shown.abs_diff(passed) < APART);
        if together && passed < FRESH {
            return looked.boot.saturating_add(passed);
        }
    }
    let boot = boottime();
    *last = Some(Looked { at, wall, boot });
    boot
}

/// `/proc/uptime` is `CLOCK_BOOTTIME` without a foreign function. Elsewhere the time since the
/// first call has to do: it stands still while the machine is suspended, so that a resume looks
/// like a clock that jumped, which is refused.
fn boottime() -> Duration {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    let first = *FIRST;
    let uptime = std::fs::read_to_string("/proc/uptime").ok();
    let seconds = uptime.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(uptime)) => uptime,
        _ => first.elapsed(),
    }
}

/// How long a look at the file is good for.
const FRESH: Duration = Duration::from_secs(1);

/// More than reading two clocks one after the other may take.
const APART: Duration = Duration::from_millis(100);

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
        for wrong in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01 00:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Zé",
        ] {
            assert_eq!(wrong.parse::<UnixTime>(), Err(BadTime), "{wrong}");
        }
    }

    #[test]
    fn the_time_since_boot_goes_on_between_two_looks_at_it() {
        let wall = Duration::from_secs(1_000_000);
        let (first, began) = (since_boot(wall), Instant::now());
        std::thread::sleep(Duration::from_millis(30));
        let passed = began.elapsed();
        // The file has hundredths of a second; the clocks agree, or one of them was set.
        for wall in [wall + passed, wall + Duration::from_secs(7_200), wall] {
            let boot = since_boot(wall);
            assert!(
                boot >= first && boot.abs_diff(first + began.elapsed()) < Duration::from_millis(30),
                "{first:?} {boot:?}"
            );
        }
    }
}
