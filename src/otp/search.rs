//! The searches: every candidate is computed and compared, whatever matched before it.

use std::ops::RangeInclusive;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::otp::{Code, Key};

/// The highest of the `candidates` at which `code` is right.
///
/// Time depends on how many candidates there are, not on which of them match. They come in
/// ascending order.
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

/// Where two codes stand one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// The first code is right at this factor and the second at the next one.
    At(u64),
    /// They are right in that order, but not above the floor: they, or later ones, were consumed.
    Consumed,
    /// No two neighbours show these two codes in this order.
    Nowhere,
}

/// Looks at every pair of neighbours that starts in `starts`, and takes the one nearest to `centre`
/// above `floor`.
///
/// Both codes must fit at one place: a chance match of one of them somewhere else decides nothing.
/// Two equal codes are never a pair, since one glance at a device would do for both. Time depends
/// on the range, on `centre` and on `floor`, and not on which codes match where.
pub(crate) fn nearest_pair(
    key: &Key,
    [first, second]: [&Code; 2],
    starts: RangeInclusive<u64>,
    centre: u64,
    floor: Option<u64>,
) -> Pair {
    let differ = !first.ct_eq(second);
    // The last pair up to the centre, and the first one after it; `at` means nothing until it was
    // found.
    let (mut below_found, mut below_at) = (Choice::from(0), 0);
    let (mut above_found, mut above_at) = (Choice::from(0), 0);
    let mut consumed = Choice::from(0);
    let mut first_was_right = Choice::from(0);
    let (from, to) = starts.into_inner();
    // One value for each factor serves both comparisons: as the first code here, as the second of
    // the pair before.
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
