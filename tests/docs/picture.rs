//! The picture of the demo in README.md.

use super::generated::assert_written_but;
use crate::cli::program::{TWOSTEP, command, fed};

#[test]
fn the_picture_of_the_demo_shows_the_demo() {
    let mut demo = command(TWOSTEP);
    demo.arg("demo").env("COLUMNS", "96");
    let told = fed(demo, "").out;
    let lines: Vec<&str> = told.lines().take_while(|line| !line.starts_with(" 5")).collect();
    assert!(lines.len() > 15, "{told}");
    // Codes and times are others in each run.
    let without_digits =
        |text: &str| text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_written_but("docs/src/demo.svg", &terminal(&lines), without_digits);
}

/// A terminal with `twostep demo` and these lines.
fn terminal(lines: &[&str]) -> String {
    let (left, top, high) = (16, 32, 19);
    let height = top + (lines.len() + 2) * high;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 850 {height}\" role=\"img\" \
         font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <title>twostep demo</title>\n\
         <rect width=\"850\" height=\"{height}\" rx=\"8\" fill=\"#10151c\"/>\n"
    );
    for (number, line) in ["$ twostep demo"].iter().chain(lines).enumerate() {
        let look = match line {
            line if line.starts_with('$') => "fill=\"#8fd18f\"",
            line if line.starts_with(' ') && !line.starts_with("   ") => {
                "fill=\"#ffffff\" font-weight=\"bold\""
            }
            line if line.trim_start().starts_with("=>") => "fill=\"#7fc1ff\"",
            _ => "fill=\"#c8d0d8\"",
        };
        let text = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let y = top + number * high;
        svg +=
            &format!("<text x=\"{left}\" y=\"{y}\" xml:space=\"preserve\" {look}>{text}</text>\n");
    }
    svg + "</svg>\n"
}
