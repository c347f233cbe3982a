//! The clock of a device against ours, in words.

use std::time::Duration;

use crate::agent::console::language::Language;
use crate::device::{Device, Factor};
use crate::time::UnixTime;

/// Reading of a device's clock at one moment. Offsets are in seconds, positive if it is ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Distance from our clock.
    pub(crate) offset: i64,
    /// Display time of a code.
    pub(crate) step: i64,
    /// Distance from `offset` up to which a code is accepted.
    pub(crate) reach: i64,
    /// Seconds gained in a week; none if that is not known well enough to be told.
    pub(crate) gain: Option<f64>,
    /// Time until which its first codes are expected to work, if none is accepted before.
    pub(crate) works_until: Option<UnixTime>,
}

impl Reading {
    /// The clock of a device; none for a device without one, and before its first code.
    pub(crate) fn of(device: &Device, now: UnixTime) -> Option<Reading> {
        let Factor::Totp(totp) = &device.factor else { return None };
        if !totp.clock.is_measured() {
            return None;
        }
        let foretold = totp.clock.foretell(now);
        let step = i64::from(totp.parameters.step_size.seconds());
        let steps = totp.parameters.window(now, &foretold)?.half_width();
        let gain = foretold.rate * WEEK.as_secs_f64() / 1e6;
        let is_known = foretold.rate.abs() > foretold.rate_doubt && gain.abs() >= LEAST_GAIN;
        Some(Reading {
            offset: device.drift(now)?.seconds,
            step,
            // A code is shown for a step: half of one on either side is the mean over its phases.
            reach: i64::from(steps) * step + step / 2,
            gain: is_known.then_some(gain),
            works_until: totp.parameters.expected_to_work_until(&totp.clock),
        })
    }

    /// True within half a step of our clock.
    pub(crate) fn is_on_time(&self) -> bool {
        self.offset.saturating_abs().saturating_mul(2) <= self.step
    }

    /// The offset in words: `on time`, `runs 41 s fast`.
    pub(crate) fn in_words(&self, language: Language) -> String {
        let words = &language.words().state;
        let amount = amount(language, self.offset);
        match self.offset {
            _ if self.is_on_time() => words.on_time.to_owned(),
            0.. => words.fast(amount).to_string(),
            _ => words.slow(amount).to_string(),
        }
    }

    /// Offset and rate as a sentence: `Runs 41 s fast, gains about 2 s a week.`
    pub(crate) fn sentence(&self, language: Language) -> String {
        let words = &language.words().state;
        let seconds = |gain: f64| language.decimal(gain.abs());
        let rate = self.gain.map(|gain| match gain {
            0.0.. => words.gains(seconds(gain)).to_string(),
            _ => words.loses(seconds(gain)).to_string(),
        });
        let mut text = capitalised(&self.in_words(language));
        if let Some(rate) = rate {
            text.push_str(", ");
            text.push_str(&rate);
        }
        text.push('.');
        text
    }

    /// The time after which its codes may be refused, as a sentence; none if that is far away or
    /// not known.
    pub(crate) fn outlook(&self, language: Language, now: UnixTime) -> Option<String> {
        let left = self.works_until?;
        let weeks = left.since(now).as_secs() / WEEK.as_secs();
        let words = language.words();
        let text = match weeks {
            _ if left <= now => words.fleet.needs_pair.to_owned(),
            0 | 1 => capitalised(words.state.leaves_one),
            2..MOST_WEEKS => capitalised(&words.state.leaves(language.number(weeks)).to_string()),
            _ => return None,
        };
        Some(format!("{text}."))
    }

    /// The offsets at which a code is accepted, as a sentence.
    pub(crate) fn accepted(&self, language: Language) -> String {
        let [from, to] = self.band();
        language
            .words()
            .state
            .accepted(signed(language, from), signed(language, to))
            .to_string()
    }

    /// The least and the greatest offset at which a code is accepted.
    pub(crate) fn band(&self) -> [i64; 2] {
        [self.offset.saturating_sub(self.reach), self.offset.saturating_add(self.reach)]
    }
}

/// A length of time: `41 s`, from two minutes `3 min 12 s`, from two hours `5 h 7 min`.
pub(crate) fn amount(language: Language, seconds: i64) -> String {
    let words = &language.words().state;
    let seconds = seconds.unsigned_abs();
    match seconds {
        0..120 => words.seconds(seconds).to_string(),
        120..7_200 => words.minutes(seconds / 60, seconds % 60).to_string(),
        _ => {
            let minutes = seconds.saturating_add(30) / 60;
            words.hours(language.number(minutes / 60), minutes % 60).to_string()
        }
    }
}

/// An offset with its sign: `+41 s`, `−15 s`.
pub(crate) fn signed(language: Language, seconds: i64) -> String {
    let sign = match seconds {
        0 => "",
        1.. => "+",
        _ => "−",
    };
    format!("{sign}{}", amount(language, seconds))
}

/// A round offset for a scale, in one unit: `−60 s`, `+3 min`, `+12 h`.
pub(crate) fn round(language: Language, seconds: i64) -> String {
    let sign = match seconds {
        0 => "",
        1.. => "+",
        _ => "−",
    };
    let (number, unit) = match seconds.unsigned_abs() {
        number if number >= 7_200 && number.is_multiple_of(3_600) => (number / 3_600, "h"),
        number if number >= 120 && number.is_multiple_of(60) => (number / 60, "min"),
        number => (number, "s"),
    };
    format!("{sign}{} {unit}", language.number(number))
}

/// A text with a capital letter at its beginning.
pub(crate) fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Gain a week that is worth telling, in seconds.
const LEAST_GAIN: f64 = 0.5;

/// Weeks beyond which the end of a window is not told: the estimate is worth little, and a token
/// is used before.
const MOST_WEEKS: u64 = 53;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::console::language::Language::{English, German};

    fn reading(offset: i64) -> Reading {
        Reading { offset, step: 30, reach: 45, gain: None, works_until: None }
    }

    #[test]
    fn drift_is_told_with_its_sign() {
        for (offset, english, german) in [
            (0, "on time", "geht richtig"),
            (15, "on time", "geht richtig"),
            (-15, "on time", "geht richtig"),
            (16, "runs 16 s fast", "geht 16 s vor"),
            (-16, "runs 16 s slow", "geht 16 s nach"),
            (119, "runs 119 s fast", "geht 119 s vor"),
            (120, "runs 2 min 0 s fast", "geht 2 min 0 s vor"),
            (-383, "runs 6 min 23 s slow", "geht 6 min 23 s nach"),
            (7_199, "runs 119 min 59 s fast", "geht 119 min 59 s vor"),
            (7_200, "runs 2 h 0 min fast", "geht 2 h 0 min vor"),
            (7_231, "runs 2 h 1 min fast", "geht 2 h 1 min vor"),
            (-86_399, "runs 24 h 0 min slow", "geht 24 h 0 min nach"),
        ] {
            assert_eq!(reading(offset).in_words(English), english);
            assert_eq!(reading(offset).in_words(German), german);
        }
        assert!(!reading(i64::MIN).is_on_time());
    }

    /// Hours are told with minutes alone, as nothing but a wide search finds such a token.
    #[test]
    fn an_amount_is_exact_and_to_half_a_minute_in_hours() {
        for seconds in (0..200_000).step_by(7) {
            let text = amount(English, seconds);
            let told: i64 = text
                .split(' ')
                .collect::<Vec<_>>()
                .chunks(2)
                .map(|pair| match pair {
                    [number, "s"] => number.parse::<i64>().unwrap_or(i64::MAX),
                    [number, "min"] => number.parse::<i64>().unwrap_or(0) * 60,
                    [number, "h"] => number.parse::<i64>().unwrap_or(0) * 3_600,
                    _ => i64::MIN,
                })
                .sum();
            let off = (told - seconds).abs();
            assert!(off <= if seconds < 7_200 { 0 } else { 30 }, "{seconds}: {text}");
        }
    }

    #[test]
    fn offsets_have_a_sign_and_a_sentence() {
        assert_eq!([0, 41, -15].map(|it| signed(English, it)), ["0 s", "+41 s", "−15 s"]);
        let rounded = [0, -60, 180, 43_200, -3_600].map(|it| round(German, it));
        assert_eq!(rounded, ["0 s", "−60 s", "+3 min", "+12 h", "−60 min"]);
        let known = Reading { gain: Some(2.04), ..reading(41) };
        assert_eq!(known.sentence(English), "Runs 41 s fast, gains about 2 s a week.");
        let slow = Reading { gain: Some(-1.46), ..reading(-41) };
        let german = "Geht 41 s nach, verliert etwa 1,5 s in der Woche.";
        assert_eq!(slow.sentence(German), german);
        assert_eq!(reading(30).accepted(English), "Accepted: from −15 s to +75 s.");
    }

    #[test]
    fn the_end_of_a_window_is_told_in_weeks() {
        let now = UnixTime(1_800_000_000);
        let weeks = |weeks: u64| Reading {
            works_until: Some(UnixTime(now.0 + weeks * 604_800 + 5)),
            ..reading(0)
        };
        let outlook = |reading: Reading| reading.outlook(English, now);
        let told = "Leaves its window in about 17 weeks if nobody uses it.";
        assert_eq!(outlook(weeks(17)).as_deref(), Some(told));
        let told = "Leaves its window in about a week if nobody uses it.";
        assert_eq!(outlook(weeks(1)).as_deref(), Some(told));
        assert_eq!(outlook(weeks(53)), None);
        assert_eq!(outlook(reading(0)), None);
        let over = Reading { works_until: Some(now), ..reading(0) };
        assert!(outlook(over).is_some_and(|told| told.starts_with("Its next code")));
    }
}
