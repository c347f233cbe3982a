//! The outcome of a simulation as a picture: SVG without scripts or outside references.

use std::fmt::Write;

use crate::simulate::Outcome;
use crate::simulate::silence::Silence;
use crate::xml::escaped;

/// Draws how first tries fail by year of use, and how long a token may be silent.
pub fn svg(title: &str, outcome: &Outcome, silence: &[Silence]) -> String {
    let failures: Vec<(String, f64)> = outcome
        .years
        .iter()
        .enumerate()
        .map(|(year, tally)| {
            (format!("year {}", year + 1), (100.0 - tally.accepted_percent()) * 100.0)
        })
        .collect();
    let silences: Vec<(String, f64)> = silence
        .iter()
        .map(|silence| (silence.history.words().to_owned(), silence.days))
        .collect();
    let mut body = String::new();
    let below = panel(&mut body, 70.0, "First tries that fail, of 10,000", &failures);
    let height = panel(&mut body, below + 30.0, "Days a token may be silent", &silences);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"14\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"30\" font-size=\"16\">{}</text>\n{body}</svg>\n",
        escaped(title)
    )
}

/// Draws bars under a heading, and returns the height at which they end.
fn panel(body: &mut String, top: f64, heading: &str, bars: &[(String, f64)]) -> f64 {
    let most = bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut at = top;
    let mut line = |text: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(body, "{text}");
    };
    line(format!("<text x=\"20\" y=\"{at}\" font-weight=\"bold\">{}</text>", escaped(heading)));
    for (label, value) in bars {
        let length = (WIDTH - LABELS - VALUES) * value / most;
        line(format!("<text x=\"20\" y=\"{}\">{}</text>", at + 24.0, escaped(label)));
        line(format!(
            "<rect x=\"{LABELS}\" y=\"{}\" width=\"{length:.1}\" height=\"16\" fill=\"#3b6ea5\"/>",
            at + 11.0
        ));
        line(format!(
            "<text x=\"{:.1}\" y=\"{}\">{}</text>",
            LABELS + length + 6.0,
            at + 24.0,
            short(*value)
        ));
        at += 24.0;
    }
    at + 30.0
}

/// A number with three figures or so.
fn short(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

/// Width of the picture.
const WIDTH: f64 = 760.0;

/// Width of the labels of bars.
const LABELS: f64 = 260.0;

/// Width left for the values behind the bars.
const VALUES: f64 = 80.0;
