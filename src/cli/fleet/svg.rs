//! A drawing of the fleet: for each batch, how its rates and offsets are distributed.

use crate::wire::{FleetDrift, FleetGroup, Quantiles};
use crate::xml::escaped;

/// The drawing, as an SVG document.
pub(super) fn drawn(fleet: &FleetDrift) -> String {
    let shown = fleet.groups.get(..MOST).unwrap_or(&fleet.groups);
    let height = TOP + ROW * count(shown.len()) + 30.0;
    let (rates, offsets) = (
        Scale::of(shown.iter().map(|group| &group.rate_ppm), LABELS),
        Scale::of(shown.iter().map(|group| &group.offset_seconds), LABELS + WIDTH + GAP),
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\">{tokens} tokens, {at}</text>\n",
        width = LABELS + 2.0 * WIDTH + GAP + 20.0,
        tokens = fleet.tokens,
        at = fleet.at,
    );
    for alarm in &fleet.alarms {
        let message = escaped(&alarm.message);
        svg.push_str(&format!("<text x=\"10\" y=\"38\" fill=\"#b00020\">{message}</text>\n"));
    }
    svg.push_str(&rates.axis("Rate (ppm)", height));
    svg.push_str(&offsets.axis("Offset (s)", height));
    for (row, group) in shown.iter().enumerate() {
        let y = TOP + ROW * (count(row) + 0.5);
        svg.push_str(&label(group, y));
        svg.push_str(&rates.drawn(&group.rate_ppm, y));
        svg.push_str(&offsets.drawn(&group.offset_seconds, y));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Values on an axis.
struct Scale {
    left: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn of<'a>(quantiles: impl Iterator<Item = &'a Quantiles>, left: f64) -> Scale {
        let (low, high) = quantiles.fold((-1.0_f64, 1.0_f64), |(low, high), quantiles| {
            (low.min(quantiles.p01), high.max(quantiles.p99))
        });
        Scale { left, low, high }
    }

    fn x(&self, value: f64) -> f64 {
        self.left + WIDTH * (value - self.low) / (self.high - self.low)
    }

    /// The title, the zero and the ends.
    fn axis(&self, title: &str, height: f64) -> String {
        let (zero, bottom) = (self.x(0.0), height - 25.0);
        format!(
            "<text x=\"{left:.1}\" y=\"{y}\" font-weight=\"bold\">{title}</text>\n\
             <line x1=\"{zero:.1}\" y1=\"{TOP}\" x2=\"{zero:.1}\" y2=\"{bottom}\" \
             stroke=\"#999\" stroke-dasharray=\"3 3\"/>\n\
             <text x=\"{left:.1}\" y=\"{ends}\">{low:.0}</text>\n\
             <text x=\"{zero:.1}\" y=\"{ends}\" text-anchor=\"middle\">0</text>\n\
             <text x=\"{right:.1}\" y=\"{ends}\" text-anchor=\"end\">{high:.0}</text>\n",
            left = self.left,
            right = self.left + WIDTH,
            y = TOP - 8.0,
            ends = height - 10.0,
            low = self.low,
            high = self.high,
        )
    }

    /// A line from 1 to 99 %, a box from 25 to 75 %, and the median.
    fn drawn(&self, quantiles: &Quantiles, y: f64) -> String {
        let (low, high) = (self.x(quantiles.p25), self.x(quantiles.p75));
        format!(
            "<line x1=\"{:.1}\" y1=\"{y}\" x2=\"{:.1}\" y2=\"{y}\" stroke=\"#345\"/>\n\
             <rect x=\"{low:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" fill=\"#9bd\" \
             stroke=\"#345\"/>\n\
             <line x1=\"{median:.1}\" y1=\"{:.1}\" x2=\"{median:.1}\" y2=\"{:.1}\" \
             stroke=\"#123\" stroke-width=\"2\"/>\n",
            self.x(quantiles.p01),
            self.x(quantiles.p99),
            y - 5.0,
            high - low,
            y - 5.0,
            y + 5.0,
            median = self.x(quantiles.p50),
        )
    }
}

fn label(group: &FleetGroup, y: f64) -> String {
    let batch = escaped(&group.batch);
    format!(
        "<text x=\"10\" y=\"{:.1}\">{batch}* ({} s): {}</text>\n",
        y + 4.0,
        group.period,
        group.tokens
    )
}

fn count(of: usize) -> f64 {
    u32::try_from(of).map_or(0.0, f64::from)
}

/// The most batches that are drawn.
const MOST: usize = 200;

/// Measures of the drawing.
const TOP: f64 = 70.0;
const ROW: f64 = 20.0;
const LABELS: f64 = 260.0;
const WIDTH: f64 = 340.0;
const GAP: f64 = 40.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fleet::tests::fleet;

    #[test]
    fn each_batch_is_drawn_and_all_text_is_escaped() {
        let svg = drawn(&fleet());
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 1 + 2 * 2);
        assert!(svg.contains("&lt;&amp;&gt;* (30 s): 20"), "{svg}");
        for opened in ["text", "svg"] {
            let (begun, ended) = (format!("<{opened} "), format!("</{opened}>"));
            assert_eq!(svg.matches(&begun).count(), svg.matches(&ended).count(), "{opened}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn a_fleet_without_tokens_can_be_drawn() {
        let fleet = FleetDrift { groups: Vec::new(), ..fleet() };
        let svg = drawn(&fleet);
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"), "{svg}");
    }
}
