//! Parts of a table, by the places of its rows on the disk.

/// The beginnings and ends of a table's parts.
pub(super) struct Pages {
    next: i64,
    blocks: i64,
}

impl Pages {
    /// The parts of a table with so many blocks.
    pub(super) fn of(blocks: i64) -> Pages {
        Pages { next: 0, blocks }
    }
}

impl Iterator for Pages {
    type Item = (String, String);

    fn next(&mut self) -> Option<(String, String)> {
        let from = (self.next < self.blocks).then_some(self.next)?;
        // Rows that are added in the meantime may be in a later block, of the last part.
        self.next = from.saturating_add(PART);
        let to = if self.next < self.blocks { self.next } else { LAST };
        Some((format!("({from},0)"), format!("({to},0)")))
    }
}

/// Blocks of a part, of some thousand rows.
const PART: i64 = 250;

/// Above the number of any block.
const LAST: i64 = 4_294_967_294;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_the_whole_table() {
        assert_eq!(Pages::of(0).count(), 0);
        let parts: Vec<_> = Pages::of(PART + 1).collect();
        assert_eq!(parts[0], ("(0,0)".to_owned(), format!("({PART},0)")));
        assert_eq!(parts[1], (format!("({PART},0)"), format!("({LAST},0)")));
        assert_eq!(parts.len(), 2);
    }
}
