//! The clocks of a fleet, counted and drawn.

use crate::agent::console::drift::{round, signed};
use crate::agent::console::language::Language;
use crate::agent::console::svg::mark;
use crate::agent::console::words::escaped;
use crate::fleet::{BINS, Histogram, Survey, WIDTH};

/// The histogram of a survey as SVG, with its sentence as its name.
pub(crate) fn histogram(language: Language, survey: &Survey) -> String {
    let name = escaped(&sentence(language, survey));
    let mut svg = format!(r#"<svg viewBox="0 0 700 230" role="img" aria-label="{name}">"#);
    mark!(svg, r#"<line class="axis" x1="10" x2="690" y1="190" y2="190"/>"#);
    let counts = survey.histogram.counts;
    let most = counts.into_iter().max().unwrap_or(0);
    for (index, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        // One token of many still shows.
        let height = (150.0 * share(count, most)).max(2.0);
        let (x, y) = (edge(index) + 1.5, 190.0 - height);
        let far = if index == 0 || index == BINS - 1 { " out" } else { "" };
        mark!(svg, r#"<rect class="bar{far}" x="{x:.1}" y="{y:.1}" width="{:.1}" "#, BAR - 3.0);
        mark!(svg, r#"height="{height:.1}" rx="2"/>"#);
        let (x, y, count) = (x + BAR / 2.0, y - 6.0, language.number(count));
        mark!(svg, r#"<text x="{x:.0}" y="{y:.0}" text-anchor="middle">{count}</text>"#);
    }
    for (index, offset) in Histogram::edges().enumerate().filter(|(_, edge)| edge % 60 == 0) {
        let (x, label) = (edge(index + 1), round(language, offset.into()));
        mark!(svg, r#"<text x="{x:.0}" y="210" text-anchor="middle">{label}</text>"#);
    }
    let middle = edge(BINS / 2);
    mark!(svg, r#"<line class="zero" x1="{middle:.0}" x2="{middle:.0}" y1="24" y2="196"/></svg>"#);
    svg
}

/// The content of the drawing in words.
pub(crate) fn sentence(language: Language, survey: &Survey) -> String {
    let words = &language.words().fleet;
    let total = survey.histogram.total();
    if total == 0 {
        return words.empty.to_owned();
    }
    let [_, low, .., high, _] = survey.offset.values;
    let [low, high] = [low, high].map(|end| signed(language, whole(end)));
    let [behind, near, ahead] =
        survey.histogram.thirds().map(|count| per_cent(language, count, total));
    let near = words.on_time(near).to_string();
    let (behind, ahead) = (words.behind(behind).to_string(), words.ahead(ahead).to_string());
    format!("{} {near}, {behind}, {ahead}.", words.histogram(low, high))
}

/// A share in per cent, as the language writes it.
pub(crate) fn per_cent(language: Language, part: u64, total: u64) -> String {
    let tenths = u128::from(part).saturating_mul(1_000) / u128::from(total.max(1));
    let tenths = u32::try_from(tenths).map_or(100.0, |tenths| f64::from(tenths) / 10.0);
    match language {
        Language::English => format!("{}%", language.decimal(tenths)),
        Language::German => format!("{} %", language.decimal(tenths)),
    }
}

/// A number of seconds, to the nearest whole one.
pub(crate) fn whole(seconds: f64) -> i64 {
    #[allow(clippy::as_conversions, reason = "a float becomes the nearest integer there is")]
    let whole = seconds.round() as i64;
    whole
}

fn share(count: u64, most: u64) -> f64 {
    let thousandths = u128::from(count).saturating_mul(1_000) / u128::from(most.max(1));
    u32::try_from(thousandths).map_or(1.0, |thousandths| f64::from(thousandths) / 1_000.0)
}

/// Left edge of a bar.
fn edge(index: usize) -> f64 {
    10.0 + BAR * u32::try_from(index).map_or(0.0, f64::from)
}

/// Width of a bar and the gap after it.
const BAR: f64 = 37.5;

/// The bins on either side of zero are told as "on time", which is half a step of 30 seconds.
const _: () = assert!(WIDTH == 15);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fleet::Quantiles;
    use crate::time::UnixTime;

    fn survey(counts: [u64; BINS], offset: [f64; 7]) -> Survey {
        Survey {
            at: UnixTime(1_795_000_000),
            tokens: counts.iter().sum(),
            offset: Quantiles { values: offset },
            histogram: Histogram { counts },
            rate: Quantiles::default(),
            half_width: Quantiles::default(),
            groups: Vec::new(),
            attention: BTreeMap::new(),
        }
    }

    #[test]
    fn the_sentence_says_what_the_bars_show() {
        let mut counts = [0; BINS];
        (counts[0], counts[8], counts[9], counts[11]) = (1, 500, 480, 19);
        let survey = survey(counts, [-60.0, -14.4, -5.0, 0.0, 5.0, 13.6, 41.0]);
        let english = "How far the clocks of the tokens are off: most are between −14 s and \
                       +14 s. 98% are on time, 0.1% run slow, 1.9% run fast.";
        assert_eq!(sentence(Language::English, &survey), english);
        let svg = histogram(Language::German, &survey);
        assert!(svg.contains("98 % gehen richtig, 0,1 % gehen nach"), "{svg}");
        assert_eq!(svg.matches("class=\"bar").count(), 4);
        assert_eq!(svg.matches("bar out").count(), 1);
    }

    #[test]
    fn a_fleet_of_no_tokens_is_drawn() {
        let empty = survey([0; BINS], [0.0; 7]);
        assert_eq!(sentence(Language::English, &empty), "No token with a clock is in use.");
        assert!(!histogram(Language::English, &empty).contains("NaN"));
    }

    #[test]
    fn shares_are_exact_for_any_count() {
        assert_eq!(per_cent(Language::English, 0, 0), "0%");
        assert_eq!(per_cent(Language::German, u64::MAX, u64::MAX), "100 %");
        assert_eq!(per_cent(Language::English, 1, 3), "33.3%");
    }
}
