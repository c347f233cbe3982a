//! Writing items.

use super::head::{BYTES, FALSE, LIST, MAP, NEGATIVE, SIMPLE, TEXT, TRUE, UNSIGNED};

/// Writes what `write` adds to a new writer.
pub(crate) fn written(write: impl FnOnce(&mut Writer) -> &mut Writer) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.into_bytes()
}

/// Writes items in sequence, in their shortest form. Callers write the keys of a map in canonical
/// order: by the length of their encoding, then by value.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn map(&mut self, pairs: usize) -> &mut Writer {
        self.length(MAP, pairs)
    }

    pub(crate) fn list(&mut self, entries: usize) -> &mut Writer {
        self.length(LIST, entries)
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Writer {
        self.length(TEXT, text.len()).raw(text.as_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Writer {
        self.length(BYTES, bytes.len()).raw(bytes)
    }

    pub(crate) fn number(&mut self, number: i64) -> &mut Writer {
        match u64::try_from(number) {
            Ok(number) => self.head(UNSIGNED, number),
            Err(_) => self.head(NEGATIVE, number.unsigned_abs() - 1),
        }
    }

    #[cfg_attr(not(feature = "usb"), allow(dead_code, reason = "commands to keys use it"))]
    pub(crate) fn bool(&mut self, bool: bool) -> &mut Writer {
        self.head(SIMPLE, u64::from(if bool { TRUE } else { FALSE }))
    }

    /// A COSE_Key of P-256 (RFC 9053 §7.1.1).
    pub(crate) fn p256_key(&mut self, algorithm: i64, x: &[u8], y: &[u8]) -> &mut Writer {
        self.map(5).number(1).number(2).number(3).number(algorithm);
        self.number(-1).number(1).number(-2).bytes(x).number(-3).bytes(y)
    }

    /// Appends items that are already encoded.
    pub(crate) fn raw(&mut self, written: &[u8]) -> &mut Writer {
        self.0.extend_from_slice(written);
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn length(&mut self, major: u8, length: usize) -> &mut Writer {
        self.head(major, u64::try_from(length).unwrap_or(u64::MAX))
    }

    fn head(&mut self, major: u8, argument: u64) -> &mut Writer {
        let bytes = argument.to_be_bytes();
        let (short, width) = match argument {
            0..24 => (bytes[7], 0),
            24..0x100 => (24, 1),
            0x100..0x1_0000 => (25, 2),
            0x1_0000..0x1_0000_0000 => (26, 4),
            _ => (27, 8),
        };
        self.raw(&[major << 5 | short]).raw(&bytes[8 - width..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_shortest_form() {
        for (number, bytes) in [
            (0, &[0x00][..]),
            (23, &[0x17]),
            (24, &[0x18, 24]),
            (256, &[0x19, 1, 0]),
            (65_536, &[0x1a, 0, 1, 0, 0]),
            (1 << 32, &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]),
            (-1, &[0x20]),
            (-257, &[0x39, 1, 0]),
        ] {
            assert_eq!(written(|writer| writer.number(number)), bytes, "{number}");
        }
    }
}
