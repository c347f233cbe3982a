//! The searches: every candidate is computed and compared, whatever matched before it.

use std::ops::RangeInclusive;

use subtle::Choice;
use subtle::ConditionallySelectable;
use subtle::ConstantTimeEq;
use subtle::ConstantTimeGreater;
use subtle::ConstantTimeLess;

use crate::otp::Code;
use crate::otp::Key;

/// The highest of the `candidates` at which `code` is right.
///
/// Time depends on how many candidates there are, not on which of them match. They come in ascending order.
pub(crate) fn highest(key: &Key, code: &Code, candidates: impl IntoIterator<Item = u64>) -> Option<u64> {
    let (mut found, mut at) = (Choice::from(0), 0);
    for factor in candidates {
        let matches = key.matches(factor, code);
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

/// Looks at every pair of neighbours that starts in `starts`, and takes the one nearest to `centre` above `floor`.
///
/// Both codes must fit at one place: a chance match of one of them somewhere else decides nothing. Two equal codes
/// are never a pair, since one glance at a device would do for both.
pub(crate) fn nearest_pair(key: &Key, [first, second]: [&Code; 2], starts: RangeInclusive<u64>, centre: u64, floor: Option<u64>) -> Pair {
    let differ = !(first.value().ct_eq(&second.value()) & first.length().ct_eq(&second.length()));
    let (lowest, has_floor) = (floor.unwrap_or(0), Choice::from(u8::from(floor.is_some())));
    let (mut found, mut consumed) = (Choice::from(0), Choice::from(0));
    let (mut at, mut distance) = (0, u64::MAX);
    let (from, to) = starts.into_inner();
    let mut first_was_right = Choice::from(0);
    // One value for each factor serves both comparisons: as the first code here, as the second of the pair before.
    for factor in from..=to.saturating_add(1) {
        let (right_here, second_is_right) = key.matches_either(factor, first, second);
        let start = factor.wrapping_sub(1);
        let pair = first_was_right & second_is_right & differ;
        let above = !has_floor | start.ct_gt(&lowest);
        let away = start.abs_diff(centre);
        let better = pair & above & away.ct_lt(&distance);
        at = u64::conditional_select(&at, &start, better);
        distance = u64::conditional_select(&distance, &away, better);
        found |= better;
        consumed |= pair & !above;
        first_was_right = right_here;
    }
    match (found.into(), consumed.into()) {
        (true, _) => Pair::At(at),
        (false, true) => Pair::Consumed,
        (false, false) => Pair::Nowhere,
    }
}
