//! QR codes as pictures of a page: black on white with their quiet zone, in the dark too.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

use crate::agent::console::words::escaped;

/// The QR code of a text, as HTML with this name; none for a text that no code holds. Drawn by one
/// line for each run of dark modules.
pub(super) fn picture(text: &str, name: &str) -> Option<String> {
    let levels = [EcLevel::M, EcLevel::L];
    let code = levels
        .into_iter()
        .find_map(|level| QrCode::with_error_correction_level(text, level).ok())?;
    let width = code.width();
    let mut path = String::new();
    for y in 0..width {
        let mut x = 0;
        while x < width {
            let run = (x..width).take_while(|x| code[(*x, y)] == Color::Dark).count();
            if run > 0 {
                let _ = write!(path, "M{} {}.5h{run}", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    let side = width + 2 * QUIET;
    let name = escaped(name);
    Some(format!(
        "<div class=\"qr\"><svg viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{name}\" \
         shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path d=\"{path}\" stroke=\"#000\"/></svg></div>"
    ))
}

/// The empty modules around a code (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;
