//! Dates and times as each language writes them, in UTC, which every page says once.

use crate::agent::console::language::Language;
use crate::time::UnixTime;

/// Time of day: `14:32`.
pub(crate) fn clock(time: UnixTime) -> String {
    let text = time.to_string();
    let clock = text.split_once('T').and_then(|(_, clock)| clock.get(..5));
    clock.unwrap_or_default().to_owned()
}

/// A day: `3 May 2023`.
pub(crate) fn day(language: Language, time: UnixTime) -> String {
    let [year, month, day] = date(time);
    let words = &language.words().date;
    words.day(day, named(words.months, month), year).to_string()
}

/// The short name of a month.
pub(crate) fn month(language: Language, time: UnixTime) -> &'static str {
    let [_, month, _] = date(time);
    named(language.words().date.short_months, month)
}

/// A day without its year, short: `3 May`.
pub(crate) fn month_day(language: Language, time: UnixTime) -> String {
    let [_, _, day] = date(time);
    language.words().date.short_day(day, month(language, time)).to_string()
}

/// A past time as people say it: `today, 09:41`, `yesterday, 18:20`, and the day of older ones.
pub(crate) fn when(language: Language, now: UnixTime, time: UnixTime) -> String {
    recent(language, now, time).unwrap_or_else(|| day(language, time))
}

/// A time as lists tell it: as [`when`], with the time of day of older ones too.
pub(crate) fn moment(language: Language, now: UnixTime, time: UnixTime) -> String {
    recent(language, now, time).unwrap_or_else(|| day_and_clock(language, time))
}

/// A time to come: the time of day, and the day if it is not today.
pub(crate) fn until(language: Language, now: UnixTime, time: UnixTime) -> String {
    if time.0 / DAY == now.0 / DAY { clock(time) } else { day_and_clock(language, time) }
}

fn recent(language: Language, now: UnixTime, time: UnixTime) -> Option<String> {
    let words = &language.words().date;
    match (now.0 / DAY).checked_sub(time.0 / DAY)? {
        0 => Some(words.today(clock(time)).to_string()),
        1 => Some(words.yesterday(clock(time)).to_string()),
        _ => None,
    }
}

fn day_and_clock(language: Language, time: UnixTime) -> String {
    language.words().date.day_time(day(language, time), clock(time)).to_string()
}

/// Year, month and day.
fn date(time: UnixTime) -> [usize; 3] {
    let text = time.to_string();
    let date = text.split('T').next().unwrap_or_default();
    let mut parts = date.split('-').map(|part| part.parse().unwrap_or_default());
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn named(months: &'static str, month: usize) -> &'static str {
    months.split(' ').nth(month.saturating_sub(1)).unwrap_or_default()
}

const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixTime {
        text.parse().unwrap_or(UnixTime(0))
    }

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now = at("2026-11-29T14:32:10Z");
        for (time, english, german) in [
            ("2026-11-29T09:41:59Z", "today, 09:41", "heute, 09:41"),
            ("2026-11-28T18:20:00Z", "yesterday, 18:20", "gestern, 18:20"),
            ("2026-11-27T23:59:59Z", "27 November 2026", "27. November 2026"),
            ("2023-03-03T00:00:00Z", "3 March 2023", "3. März 2023"),
            ("2026-11-30T00:00:00Z", "30 November 2026", "30. November 2026"),
        ] {
            assert_eq!(when(Language::English, now, at(time)), english);
            assert_eq!(when(Language::German, now, at(time)), german);
        }
        let old = at("2026-10-03T07:05:00Z");
        assert_eq!(moment(Language::English, now, old), "3 October 2026, 07:05");
    }

    #[test]
    fn a_deadline_has_its_day_if_that_is_another_one() {
        let now = at("2026-11-29T23:50:00Z");
        assert_eq!(until(Language::English, now, at("2026-11-29T23:59:00Z")), "23:59");
        let tomorrow = until(Language::German, now, at("2026-11-30T00:05:00Z"));
        assert_eq!(tomorrow, "30. November 2026, 00:05");
    }

    #[test]
    fn every_month_has_its_names() {
        for language in Language::ALL {
            for months in [language.words().date.months, language.words().date.short_months] {
                assert_eq!(months.split(' ').count(), 12, "{months}");
            }
        }
        let first = at("2026-12-01T00:00:00Z");
        assert_eq!(month(Language::German, first), "Dez.");
        assert_eq!(month_day(Language::German, first), "1. Dez.");
        assert_eq!(month_day(Language::English, first), "1 Dec");
    }
}
