//! A QR code in a terminal, right on light and on dark ones.

use std::io::IsTerminal;

use qrcode::EcLevel;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// How a QR code is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Qr {
    /// Black on white by the terminal's own colours; not at all where standard output is no terminal
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
    /// The drawing, ended by a new line; none where it is not wanted, or where the text does not fit into a QR code.
    pub(super) fn draw(self, text: &str) -> Option<String> {
        let colours = match self {
            Qr::Auto if !std::io::stdout().is_terminal() => return None,
            Qr::Off => return None,
            Qr::Auto => true,
            Qr::Light | Qr::Dark => false,
        };
        // Screens have no scratches: the lowest level of error correction makes the smallest drawing.
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let mut renderer = code.render::<Dense1x2>();
        if self == Qr::Dark {
            renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
        }
        let drawing = renderer.build();
        let line = |line: &str| if colours { format!("{BLACK_ON_WHITE}{line}{PLAIN}\n") } else { format!("{line}\n") };
        Some(drawing.lines().map(line).collect())
    }
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
        let light = Qr::Light.draw("otpauth://totp/a?secret=MFRGG").unwrap();
        let dark = Qr::Dark.draw("otpauth://totp/a?secret=MFRGG").unwrap();
        // An odd number of rows leaves half a line below the drawing, which is background in both.
        let above = |drawing: &str| drawing.lines().rev().skip(1).map(|line| format!("{line}\n")).collect::<String>();
        assert_eq!(negative(above(&light)), above(&dark));
        assert_eq!(Qr::Off.draw("x"), None);
    }
}
