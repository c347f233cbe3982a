//! Searches in constant time: every candidate is computed and compared, even after a match.

use std::ops::RangeInclusive;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::otp::{Code, Key};

/// The highest of the `candidates` at which `code` is right.
///
/// `candidates` ascend. Time depends on their number, not on which of them match.
pub(crate) fn highest(
    key: &Key,
    code: &Code,
    candidates: impl IntoIterator<Item = u64>,
) -> Option<u64> {
    let (mut found, mut at) = (Choice::from(0), 0);
    for factor in candidates {
        let matches = key.code(factor).ct_eq(code);
        at = u64::conditional_select(&at, &factor, matches);
        found |= matches;
    }
    bool::from(found).then_some(at)
}

/// Result of a pair search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// The first code matches at this factor, the second at the next one.
    At(u64),
    /// Both match in order, but at or below the floor: the pair, or a later code, was consumed.
    Consumed,
    /// No neighbouring factors match.
    Nowhere,
}

/// Searches the pairs of neighbours that start in `starts`, and returns the match above `floor`
/// that is nearest to `centre`.
///
/// Both codes must match at neighbouring factors; a chance match of one code elsewhere has no
/// effect. Equal codes are never a pair, since a single glance at the device would yield both. Time
/// depends on the range, `centre` and `floor`, not on the matches.
pub(crate) fn nearest_pair(
    key: &Key,
    [first, second]: [&Code; 2],
    starts: RangeInclusive<u64>,
    centre: u64,
    floor: Option<u64>,
) -> Pair {
    let differ = !first.ct_eq(second);
    // The last match up to the centre, and the first one after it. `…_at` is meaningless until
    // `…_found` is set.
    let (mut below_found, mut below_at) = (Choice::from(0), 0);
    let (mut above_found, mut above_at) = (Choice::from(0), 0);
    let mut consumed = Choice::from(0);
    let mut first_was_right = Choice::from(0);
    let (from, to) = starts.into_inner();
    // One value per factor serves both comparisons: first code of this pair, second code of the
    // previous one.
    for factor in from..=to.saturating_add(1) {
        let shown = key.code(factor);
        let start = factor.wrapping_sub(1);
        let pair = first_was_right & shown.ct_eq(second) & differ;
        if floor.is_some_and(|floor| start <= floor) {
            consumed |= pair;
        } else if start <= centre {
            below_at.conditional_assign(&start, pair);
            below_found |= pair;
        } else {
            above_at.conditional_assign(&start, pair & !above_found);
            above_found |= pair;
        }
        first_was_right = shown.ct_eq(first);
    }
    match (below_found.into(), above_found.into(), consumed.into()) {
        (true, true, _) if above_at - centre < centre - below_at => Pair::At(above_at),
        (true, _, _) => Pair::At(below_at),
        (false, true, _) => Pair::At(above_at),
        (false, false, true) => Pair::Consumed,
        (false, false, false) => Pair::Nowhere,
    }
}
