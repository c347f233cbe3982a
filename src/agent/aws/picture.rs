//! QR codes as pictures in PNG.

use png::{BitDepth, ColorType, Encoder};
use qrcode::{Color, EcLevel, QrCode};

/// The QR code of a text, black on white with its quiet zone; none for a text that no code holds.
pub(super) fn qr_png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let side = (width + 2 * QUIET) * SCALE;
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| (at / SCALE).checked_sub(QUIET).filter(|at| *at < width);
        let module = inside(x).zip(inside(y));
        module.is_some_and(|module| code[module] == Color::Dark)
    };
    let shade = |x, y| if is_dark(x, y) { 0 } else { 255 };
    let shades: Vec<u8> = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .map(|(x, y)| shade(x, y))
        .collect();
    let mut file = Vec::new();
    let pixels = u32::try_from(side).ok()?;
    let mut encoder = Encoder::new(&mut file, pixels, pixels);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&shades).ok()?;
    writer.finish().ok()?;
    Some(file)
}

/// The empty modules around a code (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// Pixels of a module's side.
const SCALE: usize = 4;
