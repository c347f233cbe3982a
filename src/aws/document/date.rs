//! Dates as policies write them.

use crate::time::UnixTime;

/// Reads a day (midnight in UTC), a time of RFC 3339 with any offset, or seconds since 1970;
/// `None` for what is none of these.
///
/// Fractions of a second are cut off. Four digits alone are refused: a year or a second.
pub(super) fn parse(text: &str) -> Option<UnixTime> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        return (text.len() != 4).then(|| text.parse().ok().map(UnixTime)).flatten();
    }
    if text.len() == "2026-11-22".len() {
        return format!("{text}T00:00:00Z").parse().ok();
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_three_forms() {
        let midnight = Some(UnixTime(1_795_305_600));
        for text in ["2026-11-22", "2026-11-22T00:00:00Z", "2026-11-22T01:30:00.5+01:30"] {
            assert_eq!(parse(text), midnight, "{text}");
        }
        assert_eq!(parse("1795305600"), midnight);
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in
            ["", "2026", "2026-11", "2026-02-30", "2026-11-22T24:00:00Z", "tomorrow", "-1", "1.5"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
