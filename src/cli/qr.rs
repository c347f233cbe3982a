//! A QR code in a terminal, right on light and on dark ones.

use std::io::IsTerminal;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use unicode_width::UnicodeWidthStr;

use crate::cli::page;

/// The drawing of a QR code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Qr {
    /// Black on white by the terminal's own colours; not at all where standard output is no
    /// terminal
    #[default]
    Auto,
    /// Without colours, for a terminal with a light background
    Light,
    /// Without colours, for a terminal with a dark background
    Dark,
    /// Not at all
    Off,
}

impl Qr {
    /// Draws the text, if all of it can be seen.
    pub(super) fn draw(self, text: &str) -> Drawing {
        let colours = match self {
            Qr::Auto if !std::io::stdout().is_terminal() => return Drawing::NotWanted,
            Qr::Off => return Drawing::NotWanted,
            Qr::Auto => true,
            Qr::Light | Qr::Dark => false,
        };
        // Screens have no scratches: the lowest level of error correction makes the smallest
        // drawing.
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
            return Drawing::Impossible("The URI is too long for a QR code".to_owned());
        };
        let mut renderer = code.render::<Dense1x2>();
        if self == Qr::Dark {
            renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
        }
        let drawing = renderer.build();
        if let Some(obstacle) = obstacle(&drawing) {
            return Drawing::Impossible(obstacle);
        }
        let line = |line: &str| {
            if colours { format!("{BLACK_ON_WHITE}{line}{PLAIN}\n") } else { format!("{line}\n") }
        };
        Drawing::Drawn(drawing.lines().map(line).collect())
    }
}

/// The reason for which a drawing cannot be seen as a whole on this terminal.
fn obstacle(drawing: &str) -> Option<String> {
    let (width, height) = (drawing.lines().map(str::width).max()?, drawing.lines().count());
    // Without a terminal, the reader of the text decides.
    if std::io::stdout().is_terminal() && !page::is_utf8() {
        return Some("The locale is not UTF-8, which a QR code is drawn with".to_owned());
    }
    let page = page::Page::of(&std::io::stdout());
    let too_small = |needed: usize, there: Option<usize>, what: &str| {
        there
            .filter(|there| *there < needed)
            .map(|there| format!("The QR code needs {needed} {what}, and the terminal has {there}"))
    };
    too_small(width, page.width(), "columns")
        .or_else(|| too_small(height + 1, page::height(), "lines"))
}

/// The outcome of drawing a QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Drawing {
    /// The lines, each ended by a new line.
    Drawn(String),
    /// Not asked for, or standard output is no terminal.
    NotWanted,
    /// Not drawn, for this reason: a clause without its full stop.
    Impossible(String),
}

/// The black and the white of the 256-colour palette, which no theme changes.
const BLACK_ON_WHITE: &str = "\u{1b}[38;5;16;48;5;231m";
const PLAIN: &str = "\u{1b}[0m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_and_dark_are_each_others_negative() {
        let negative = |drawing: String| -> String {
            let turned = |c| match c {
                ' ' => '█',
                '█' => ' ',
                '▀' => '▄',
                '▄' => '▀',
                other => other,
            };
            drawing.chars().map(turned).collect()
        };
        let drawn = |qr: Qr| match qr.draw("otpauth://totp/a?secret=MFRGG") {
            Drawing::Drawn(drawing) => drawing,
            other => panic!("{other:?}"),
        };
        let (light, dark) = (drawn(Qr::Light), drawn(Qr::Dark));
        // An odd number of rows leaves half a line below the drawing, which is background in both.
        let above = |drawing: &str| {
            drawing
                .lines()
                .rev()
                .skip(1)
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        };
        assert_eq!(negative(above(&light)), above(&dark));
        assert_eq!(Qr::Off.draw("x"), Drawing::NotWanted);
    }

    #[test]
    fn a_text_that_is_too_long_is_said_to_be() {
        assert!(matches!(Qr::Light.draw(&"x".repeat(2_953)), Drawing::Drawn(_)));
        let Drawing::Impossible(why) = Qr::Light.draw(&"x".repeat(2_954)) else { panic!() };
        assert!(why.contains("too long"), "{why}");
    }
}
