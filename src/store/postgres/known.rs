//! The last states that were read of rows: a usual change needs them for the tags of the rows it
//! replaces.

use std::collections::HashMap;

/// The last state of each row, by its name. Bounded: of more than [`MOST`] rows, those that were
/// not asked for since go.
pub(super) struct Known<T> {
    young: HashMap<String, T>,
    old: HashMap<String, T>,
}

impl<T> Default for Known<T> {
    fn default() -> Known<T> {
        Known { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<T: Copy> Known<T> {
    pub(super) fn of(&self, name: &str) -> Option<T> {
        self.young.get(name).or_else(|| self.old.get(name)).copied()
    }

    pub(super) fn put(&mut self, name: &str, state: T) {
        if let Some(known) = self.young.get_mut(name) {
            *known = state;
            return;
        }
        if self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name.to_owned(), state);
    }
}

/// 2^15 rows, and as many that are older, in about 8 MiB.
const MOST: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_asked_for_stay_and_others_go() {
        let mut known = Known::default();
        known.put("first", 1);
        for number in 0..2 * MOST {
            known.put(&number.to_string(), number);
            known.put("last", number);
        }
        assert_eq!((known.of("first"), known.of("last")), (None, Some(2 * MOST - 1)));
    }
}
