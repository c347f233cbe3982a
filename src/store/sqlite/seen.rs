//! Versions of rows that were read or written by this process.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The latest version of each row by its place. Bounded: beyond [`MOST`] rows no further one is
/// remembered.
#[derive(Default)]
pub(super) struct Seen(HashMap<u64, u64, BuildHasherDefault<Hashed>>);

/// A place is a hash under a key already, and is not hashed again.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, place: u64) {
        self.0 = place;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Seen {
    /// Remembers a version; false if a later one was seen.
    pub(super) fn note(&mut self, place: u64, version: u64) -> bool {
        if let Some(known) = self.0.get_mut(&place) {
            let kept = version >= *known;
            *known = version.max(*known);
            return kept;
        }
        if self.0.len() < MOST {
            self.0.insert(place, version);
        }
        true
    }

    /// A row is gone: another one of its place begins anew.
    pub(super) fn forget(&mut self, place: u64) {
        self.0.remove(&place);
    }

    /// True if a row of this place was seen.
    pub(super) fn has(&self, place: u64) -> bool {
        self.0.contains_key(&place)
    }
}

/// 2^20 rows, in about 20 MiB.
const MOST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_never_falls_until_its_row_is_gone() {
        let mut seen = Seen::default();
        assert!(seen.note(1, 5) && seen.note(1, 5) && seen.note(1, 7));
        assert!(!seen.note(1, 6) && seen.note(1, 7) && seen.note(2, 0));
        seen.forget(1);
        assert!(!seen.has(1) && seen.has(2) && seen.note(1, 1));
    }
}
