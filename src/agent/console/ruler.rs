//! The ruler: our clock is the line in its middle, the device's is the dot, the band is what is
//! accepted.
//!
//! Places are in per cent of the width, so that the drawing stretches while letters and strokes do
//! not. Every mark has its look from the style sheet: a page has no style of its own.

use crate::agent::console::drift::{Reading, round, signed};
use crate::agent::console::language::Language;
use crate::agent::console::svg::mark;
use crate::agent::console::words::escaped;

/// A scale: its end in seconds, the distance of its ticks, and the place of its labels.
#[derive(Clone, Copy)]
struct Scale {
    end: i64,
    tick: i64,
    label: i64,
}

/// The ruler as SVG, of a clock and of the offset before the last change, if that is to be shown.
pub(crate) fn ruler(language: Language, clock: &Reading, before: Option<i64>) -> String {
    let farthest = clock.offset.saturating_abs().max(before.unwrap_or(0).saturating_abs());
    let last = SCALES[SCALES.len() - 1];
    // A dot near the end has no room for its band.
    let scale = SCALES.into_iter().find(|scale| farthest <= scale.end / 10 * 9).unwrap_or(last);
    let name = format!("{} {}", clock.sentence(language), clock.accepted(language));
    let mut svg = format!(r#"<svg height="66" role="img" aria-label="{}">"#, escaped(&name));
    scale.draw(&mut svg, language, clock.band());
    let dot = scale.place(clock.offset);
    if let Some(before) = before {
        let x = scale.place(before);
        mark!(svg, r#"<line class="move" x1="{x:.1}%" x2="{dot:.1}%" y1="38" y2="38"/>"#);
        mark!(svg, r#"<circle class="ghost" cx="{x:.1}%" cy="38" r="8"/>"#);
    }
    mark!(svg, r#"<circle class="dot" cx="{dot:.1}%" cy="38" r="8"/>"#);
    lettered(&mut svg, r#" class="strong""#, (dot, 20), &signed(language, clock.offset));
    svg.push_str("</svg>");
    svg
}

impl Scale {
    /// Place of an offset in per cent; offsets beyond the end lie at the end.
    fn place(self, offset: i64) -> f64 {
        let offset = i32::try_from(offset.clamp(-self.end, self.end)).unwrap_or_default();
        let end = i32::try_from(self.end).unwrap_or(i32::MAX);
        50.0 + 47.0 * f64::from(offset) / f64::from(end)
    }

    /// Draws the band, the axis with its ticks and labels, and our clock.
    fn draw(self, svg: &mut String, language: Language, band: [i64; 2]) {
        let [from, to] = band.map(|edge| self.place(edge));
        let width = to - from;
        mark!(svg, r#"<rect class="band" x="{from:.1}%" width="{width:.1}%" y="27" "#);
        mark!(svg, r#"height="22" rx="6"/>"#);
        mark!(svg, r#"<line class="axis" x1="3%" x2="97%" y1="38" y2="38"/>"#);
        for tick in (1..=self.end / self.tick).flat_map(|n| [-n * self.tick, n * self.tick]) {
            let x = self.place(tick);
            mark!(svg, r#"<line class="tick" x1="{x:.1}%" x2="{x:.1}%" y1="34" y2="42"/>"#);
        }
        mark!(svg, r#"<line class="us" x1="50%" x2="50%" y1="25" y2="51"/>"#);
        for label in [-self.label, self.label] {
            lettered(svg, "", (self.place(label), 65), &round(language, label));
        }
        lettered(svg, "", (50.0, 65), language.words().devices.our_clock);
    }
}

/// Adds a text at a place, kept inside of the drawing near its ends.
fn lettered(svg: &mut String, class: &str, (place, y): (f64, u8), text: &str) {
    let anchor = match place {
        ..15.0 => "start",
        85.0.. => "end",
        _ => "middle",
    };
    let text = escaped(text);
    mark!(svg, r#"<text{class} x="{place:.1}%" y="{y}" text-anchor="{anchor}">{text}</text>"#);
}

const SCALES: [Scale; 4] = [
    Scale { end: 90, tick: 30, label: 60 },
    Scale { end: 300, tick: 60, label: 180 },
    Scale { end: 3_600, tick: 900, label: 1_800 },
    Scale { end: 86_400, tick: 21_600, label: 43_200 },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::console::language::Language::{English, German};

    fn reading(offset: i64) -> Reading {
        Reading { offset, step: 30, reach: 45, gain: None, works_until: None }
    }

    #[test]
    fn the_dot_lies_where_the_clock_is() {
        for (offset, place, label) in [
            (0, "50.0%", "+60 s"),
            (41, "71.4%", "+60 s"),
            (-41, "28.6%", "−60 s"),
            (81, "92.3%", "+60 s"),
            (82, "62.8%", "+3 min"),
            (383, "55.0%", "+30 min"),
            (7_200, "53.9%", "+12 h"),
            (200_000, "97.0%", "+12 h"),
            (i64::MIN, "3.0%", "−12 h"),
        ] {
            let svg = ruler(English, &reading(offset), None);
            let dot = format!("<circle class=\"dot\" cx=\"{place}\"");
            assert!(svg.contains(&dot) && svg.contains(label), "{offset}: {svg}");
        }
    }

    #[test]
    fn the_name_says_what_the_drawing_shows() {
        let svg = ruler(German, &reading(41), None);
        let name = "aria-label=\"Geht 41 s vor. Angenommen wird: von −4 s bis +86 s.\"";
        assert!(svg.contains(name), "{svg}");
        assert!(!svg.contains("style"), "{svg}");
    }

    #[test]
    fn before_and_after_share_a_scale() {
        let svg = ruler(English, &reading(2), Some(204));
        assert!(svg.contains("class=\"ghost\" cx=\"82.0%\""), "{svg}");
        assert!(svg.contains("class=\"dot\" cx=\"50.3%\""), "{svg}");
        assert!(!ruler(English, &reading(2), None).contains("ghost"));
    }
}
