//! Tags of rows: MACs over the values of a row, each with its type and its length.

use crate::store::MacKey;

/// A value as it is authenticated: its type, the number of its bytes, its bytes.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    /// A number or a truth value.
    Number(u8, [u8; 8]),
    /// Text, bytes, or nothing.
    Bytes(u8, &'a [u8]),
}

impl<'a> Cell<'a> {
    /// No value.
    pub(super) const NULL: Cell<'static> = Cell::Bytes(0, &[]);

    pub(super) fn integer(integer: i64) -> Cell<'a> {
        Cell::Number(1, integer.to_be_bytes())
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn real(real: f64) -> Cell<'a> {
        Cell::Number(2, real.to_bits().to_be_bytes())
    }

    pub(super) fn text(text: &'a [u8]) -> Cell<'a> {
        Cell::Bytes(3, text)
    }

    pub(super) fn blob(blob: &'a [u8]) -> Cell<'a> {
        Cell::Bytes(4, blob)
    }

    /// The head, with the type and the length, and then the bytes.
    pub(super) fn pieces(&self, mut take: impl FnMut(&[u8])) {
        let (kind, bytes) = self.content();
        let mut head = [kind; 1 + size_of::<u64>()];
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        head[1..].copy_from_slice(&length.to_be_bytes());
        take(&head);
        take(bytes);
    }

    /// The number of all bytes of its pieces.
    fn length(&self) -> usize {
        let head = 1 + size_of::<u64>();
        head + self.content().1.len()
    }

    fn content(&self) -> (u8, &[u8]) {
        match self {
            Cell::Number(kind, bytes) => (*kind, bytes),
            Cell::Bytes(kind, bytes) => (*kind, bytes),
        }
    }
}

/// The MAC of all cells: one part.
pub(super) fn tag_of<'a>(key: &MacKey, cells: impl Iterator<Item = Cell<'a>> + Clone) -> [u8; 32] {
    let mut mac = key.begin();
    mac.length(cells.clone().map(|cell| cell.length()).sum());
    cells.for_each(|cell| cell.pieces(|piece| mac.bytes(piece)));
    mac.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_values_of_other_types_and_cuts_apart() {
        let key = MacKey::new(&[7; 32]);
        let of = |cells: &[Cell<'_>]| tag_of(&key, cells.iter().copied());
        let ab = of(&[Cell::text(b"ab"), Cell::text(b"c")]);
        assert_eq!(ab, of(&[Cell::text(b"ab"), Cell::text(b"c")]));
        assert_ne!(ab, of(&[Cell::text(b"a"), Cell::text(b"bc")]));
        assert_ne!(ab, of(&[Cell::blob(b"ab"), Cell::text(b"c")]));
        assert_ne!(of(&[Cell::NULL]), of(&[Cell::text(b"")]));
        assert_ne!(of(&[Cell::integer(0)]), of(&[Cell::NULL]));
    }
}
