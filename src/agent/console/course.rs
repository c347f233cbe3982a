//! The course of a device's clock: known until its last code, foretold after it, with what is
//! accepted and how sure the forecast is.

use std::time::Duration;

use crate::agent::console::drift::{Reading, capitalised, round};
use crate::agent::console::language::Language;
use crate::agent::console::svg::mark;
use crate::agent::console::when;
use crate::agent::console::words::escaped;
use crate::device::{Device, Factor, TotpState};
use crate::time::UnixTime;

/// The course of one clock. Offsets are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Course {
    reading: Reading,
    now: UnixTime,
    /// Time of the last code, and the offset that it showed.
    measured: (UnixTime, f64),
    /// Settings of the clock that were found, within the drawing.
    set_at: Vec<UnixTime>,
    /// Time, offset, and the distance within which it is nearly certain; ascending.
    points: Vec<(UnixTime, f64, f64)>,
    /// Distance from the expected offset at which a code is no longer accepted.
    reach: f64,
}

impl Course {
    /// The course of a device's clock; none for a device without one, and before its first code.
    pub(crate) fn of(device: &Device, now: UnixTime) -> Option<Course> {
        let reading = Reading::of(device, now)?;
        let Factor::Totp(totp) = &device.factor else { return None };
        let measured_at = totp.clock.measured_at()?;
        let settings = totp.clock.set_at().into_iter().flatten();
        let first = device.activated_at.unwrap_or(device.created_at);
        let begin = first.min(measured_at).max(now.minus(YEAR)).min(now.minus(LEAST));
        let end = reading.works_until.unwrap_or(now).min(now.plus(YEAR)).max(now.plus(LEAST));
        let length = end.since(begin).as_secs();
        let at = |index: u64| begin.plus(Duration::from_secs(length / POINTS * index));
        let points = (0..=POINTS).map(|index| point(totp, measured_at, at(index))).collect();
        Some(Course {
            now,
            measured: (measured_at, totp.clock.foretell(measured_at).offset),
            set_at: settings.filter(|set| *set > begin).collect(),
            points,
            reach: 3.0 * f64::from(totp.parameters.step_size.seconds()),
            reading,
        })
    }

    /// The drawing as SVG.
    pub(crate) fn svg(&self, language: Language) -> String {
        let name = escaped(&self.sentence(language));
        let mut svg = format!(r#"<svg viewBox="0 0 700 220" role="img" aria-label="{name}">"#);
        let ground = self.ground();
        let band = self.polygon(&ground, self.reach);
        mark!(svg, r#"<path class="win" d="{band}"/>"#);
        ground.draw(&mut svg, language);
        for set in &self.set_at {
            let x = ground.x(*set);
            mark!(svg, r#"<line class="jump" x1="{x:.0}" x2="{x:.0}" y1="14" y2="190"/>"#);
        }
        for doubt in [-1.0, 1.0] {
            mark!(svg, r#"<path class="doubt" d="{}"/>"#, self.line(&ground, doubt));
        }
        mark!(svg, r#"<path class="fit" d="{}"/>"#, self.line(&ground, 0.0));
        let (x, now) = (ground.x(self.now), escaped(language.words().chart.now_line));
        mark!(svg, r#"<line class="tick" x1="{x:.0}" x2="{x:.0}" y1="14" y2="190"/>"#);
        mark!(svg, r#"<text x="{x:.0}" y="10" text-anchor="middle">{now}</text>"#);
        let (x, y) = (ground.x(self.measured.0), ground.y(self.measured.1));
        mark!(svg, r#"<circle class="pt" cx="{x:.0}" cy="{y:.0}" r="4.5"/></svg>"#);
        svg
    }

    /// The content of the drawing in sentences.
    pub(crate) fn sentence(&self, language: Language) -> String {
        let words = &language.words().chart;
        let mut sentences = vec![self.reading.sentence(language)];
        sentences.extend(self.reading.outlook(language, self.now));
        if let Some(set) = self.set_at.first() {
            sentences.push(words.set_anew(when::day(language, *set)).to_string());
        }
        if self.reading.gain.is_none() {
            sentences.push(words.steady.to_owned());
        }
        sentences.join(" ")
    }

    /// The name of the region that the drawing scrolls in.
    pub(crate) fn region(language: Language, device: &str) -> String {
        capitalised(&language.words().chart.region(device).to_string())
    }

    fn line(&self, ground: &Ground, doubts: f64) -> String {
        let after = |at: &UnixTime| doubts == 0.0 || *at >= self.measured.0;
        let points = self.points.iter().filter(|(at, ..)| after(at));
        path(points.map(|(at, offset, doubt)| (*at, offset + doubts * doubt)), ground)
    }

    fn polygon(&self, ground: &Ground, reach: f64) -> String {
        let upper = self.points.iter().map(|(at, offset, _)| (*at, offset + reach));
        let lower = self.points.iter().rev().map(|(at, offset, _)| (*at, offset - reach));
        format!("{}z", path(upper.chain(lower), ground))
    }

    fn ground(&self) -> Ground {
        let ends = self.points.iter().flat_map(|(_, offset, doubt)| {
            let most = doubt.min(1.3 * self.reach).max(self.reach);
            [offset - most, offset + most]
        });
        let (low, high) =
            ends.fold((0.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
        let at = |point: Option<&(UnixTime, f64, f64)>| point.map_or(self.now, |point| point.0);
        Ground { begin: at(self.points.first()), end: at(self.points.last()), low, high }
    }
}

/// Place of times and offsets in the drawing.
struct Ground {
    begin: UnixTime,
    end: UnixTime,
    low: f64,
    high: f64,
}

impl Ground {
    /// Draws the lines of round offsets with their labels, and months or, of a short time, days.
    fn draw(&self, svg: &mut String, language: Language) {
        for (tick, y) in self.ticks() {
            let (class, label) = (if tick == 0 { "zero" } else { "grid" }, round(language, tick));
            mark!(svg, r#"<line class="{class}" x1="70" x2="690" y1="{y:.0}" y2="{y:.0}"/>"#);
            let below = y + 4.0;
            mark!(svg, r#"<text x="62" y="{below:.0}" text-anchor="end">{label}</text>"#);
        }
        let is_long = self.end.since(self.begin) > DAYS;
        for (at, x) in self.months() {
            let month = match is_long {
                true => when::month(language, at).to_owned(),
                false => when::month_day(language, at),
            };
            mark!(svg, r#"<text x="{x:.0}" y="214" text-anchor="middle">{month}</text>"#);
        }
    }

    fn x(&self, at: UnixTime) -> f64 {
        let part = at.since(self.begin).as_secs_f64() / self.end.since(self.begin).as_secs_f64();
        70.0 + 620.0 * part.clamp(0.0, 1.0)
    }

    fn y(&self, offset: f64) -> f64 {
        let part = (offset - self.low) / (self.high - self.low).max(1.0);
        190.0 - 170.0 * part.clamp(-0.02, 1.02)
    }

    /// Whole numbers of seconds with a line each, at most nine.
    fn ticks(&self) -> Vec<(i64, f64)> {
        let span = self.high - self.low;
        let size = TICKS.into_iter().find(|size| span / f64::from(*size) <= 6.0);
        let size = size.unwrap_or(86_400);
        let ticks = (-8..=8).map(|n: i32| n * size);
        let inside = ticks.filter(|tick| (self.low..=self.high).contains(&f64::from(*tick)));
        inside.map(|tick| (i64::from(tick), self.y(f64::from(tick)))).collect()
    }

    /// Five times along the drawing.
    fn months(&self) -> impl Iterator<Item = (UnixTime, f64)> {
        let length = self.end.since(self.begin).as_secs();
        (0..5).map(move |n| {
            let at = self.begin.plus(Duration::from_secs(length / 10 * (2 * n + 1)));
            (at, self.x(at))
        })
    }
}

fn point(totp: &TotpState, measured_at: UnixTime, at: UnixTime) -> (UnixTime, f64, f64) {
    if at >= measured_at {
        let foretold = totp.clock.foretell(at);
        return (at, foretold.offset, DEVIATIONS * foretold.offset_doubt);
    }
    // The model keeps no past: its rate leads back.
    let known = totp.clock.foretell(measured_at);
    let back = measured_at.since(at).as_secs_f64() * known.rate / 1e6;
    (at, known.offset - back, 0.0)
}

fn path(points: impl Iterator<Item = (UnixTime, f64)>, ground: &Ground) -> String {
    let mut path = String::new();
    for (at, offset) in points {
        let letter = if path.is_empty() { 'M' } else { 'L' };
        let (x, y) = (ground.x(at), ground.y(offset));
        mark!(path, "{letter}{x:.0} {y:.1}");
    }
    path
}

/// Points of a line, less one.
const POINTS: u64 = 32;

/// Standard deviations within which a clock is nearly certain.
const DEVIATIONS: f64 = 2.0;

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// A time of which days are told.
const DAYS: Duration = Duration::from_secs(150 * 86_400);

/// The least time that is drawn before and after now.
const LEAST: Duration = Duration::from_secs(30 * 86_400);

/// Distances of lines, in seconds.
const TICKS: [i32; 8] = [30, 60, 120, 300, 900, 3_600, 10_800, 43_200];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::device::DeviceState;
    use crate::otp::ClockModel;

    const NOW: UnixTime = UnixTime(1_795_000_000);

    fn token(offset: f64, days_ago: u64) -> Device {
        let at = UnixTime(NOW.0 - days_ago * 86_400);
        let clock = ClockModel::measured(offset, at);
        let factor = Factor::Totp(TotpState { clock, ..TotpState::default() });
        let account = "alice".parse().unwrap();
        let device = Device::new("T1".parse().unwrap(), account, None, factor, at);
        Device { state: DeviceState::Active, activated_at: Some(at), ..device }
    }

    #[test]
    fn every_mark_lies_inside_of_the_drawing() {
        for (offset, days) in [(0.0, 0), (41.0, 200), (-383.0, 3), (9_000.0, 900), (-86_000.0, 1)] {
            let svg = Course::of(&token(offset, days), NOW).unwrap().svg(Language::English);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            let numbers = svg.split(['M', 'L', 'z', '"', ' ']).filter_map(|it| it.parse().ok());
            let most = numbers.fold(0.0_f64, |most, number: f64| most.max(number.abs()));
            assert!(most <= 700.0, "{offset} s, {days} days: {most} in {svg}");
        }
    }

    #[test]
    fn the_name_is_the_sentence() {
        let course = Course::of(&token(41.0, 1), NOW).unwrap();
        assert!(course.sentence(Language::English).starts_with("Runs 41 s fast."));
        assert!(course.svg(Language::German).contains("aria-label=\"Geht 41 s vor."));
    }

    #[test]
    fn a_clock_that_was_never_read_has_no_course() {
        let device = Device { factor: Factor::Totp(TotpState::default()), ..token(0.0, 0) };
        assert_eq!(Course::of(&device, NOW), None);
    }
}
