//! Times as signatures write them: `20150830T123600Z`, and the day alone, `20150830`.

use std::fmt;
use std::str::FromStr;

use crate::aws::sigv4::BadPart;
use crate::time::UnixTime;

/// A day in UTC, written `20150830`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(u64);

impl Day {
    /// Days between two days, whichever is the later one.
    #[must_use]
    pub fn distance(self, other: Day) -> u64 {
        self.0.abs_diff(other.0)
    }
}

impl From<UnixTime> for Day {
    fn from(time: UnixTime) -> Day {
        Day(time.0 / DAY)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = compact(UnixTime(self.0.saturating_mul(DAY)));
        f.write_str(text.split_once('T').map_or(text.as_str(), |(day, _)| day))
    }
}

impl FromStr for Day {
    type Err = BadPart;

    fn from_str(text: &str) -> Result<Day, BadPart> {
        parse(&format!("{text}T000000Z"))
            .map(Day::from)
            .ok_or(BadPart("a day is written 20150830"))
    }
}

/// ISO 8601, basic format, in UTC.
pub(super) fn compact(time: UnixTime) -> String {
    time.to_string().replace(['-', ':'], "")
}

/// The time that [`compact`] writes so.
pub(super) fn parse(text: &str) -> Option<UnixTime> {
    let digits = |at: std::ops::Range<usize>| {
        text.get(at).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    let time: UnixTime = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()?;
    (compact(time) == text).then_some(time)
}

/// Seconds.
const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, seconds) in [
            ("20150830T123600Z", 1_440_938_160),
            ("19700101T000000Z", 0),
            ("20000229T235959Z", 951_868_799),
        ] {
            assert_eq!(parse(text), Some(UnixTime(seconds)));
            assert_eq!(compact(UnixTime(seconds)), text);
        }
        for wrong in [
            "",
            "20150830",
            "20150830T123600",
            "20150830T123600z",
            "20150830 123600Z",
            "2015-08-30T12:36:00Z",
            "20150230T123600Z",
            "20150830T246000Z",
            "20150830T123660Z",
            "+0150830T123600Z",
            "20150830T123600Z ",
            "2015083éT123600Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_is_that_of_utc() {
        let day: Day = "20150830".parse().unwrap();
        assert_eq!(day, Day::from(UnixTime(1_440_938_160)));
        assert_eq!(day.to_string(), "20150830");
        assert_ne!(day, Day::from(UnixTime(1_440_892_799)));
        assert_eq!(day.distance(Day::from(UnixTime(1_440_892_799))), 1);
        for wrong in ["", "2015083", "20150832", "2015-8-30", "20150830T"] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }
}
