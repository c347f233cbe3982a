//! Searches in constant time: every candidate is computed and compared, even after a match.

use std::ops::RangeInclusive;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};

use crate::otp::lanes::LANES;
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
    codes: [&Code; 2],
    starts: RangeInclusive<u64>,
    centre: u64,
    floor: Option<u64>,
) -> Pair {
    match Sift::of(&starts) {
        Some(sift) => {
            let mut nearest = Nearest::new(*starts.end(), centre, floor);
            sift.search(key, codes, &mut nearest);
            nearest.pair()
        }
        None => nearest_in_order(key, codes, starts, (centre, floor)),
    }
}

/// The same for a short range, whose starts are all met in ascending order: branches on the public
/// `floor` and `centre` tell which match is nearest. A long range meets its suspects wherever they
/// are, so that such branches would tell where; see [`Nearest`].
fn nearest_in_order(
    key: &Key,
    codes: [&Code; 2],
    starts: RangeInclusive<u64>,
    (centre, floor): (u64, Option<u64>),
) -> Pair {
    // The last match up to the centre, and the first one after it. `…_at` is meaningless until
    // `…_found` is set.
    let (mut below_found, mut below_at) = (Choice::from(0), 0);
    let (mut above_found, mut above_at) = (Choice::from(0), 0);
    let mut consumed = Choice::from(0);
    scan(key, codes, starts, |start, pair| {
        if floor.is_some_and(|floor| start <= floor) {
            consumed |= pair;
        } else if start <= centre {
            below_at.conditional_assign(&start, pair);
            below_found |= pair;
        } else {
            above_at.conditional_assign(&start, pair & !above_found);
            above_found |= pair;
        }
    });
    let (below, above) = ((below_found, below_at), (above_found, above_at));
    chosen(below, above, consumed, centre)
}

/// The nearer of the matches on both sides of the centre.
fn chosen(
    (below, below_at): (Choice, u64),
    (above, above_at): (Choice, u64),
    consumed: Choice,
    centre: u64,
) -> Pair {
    match (below.into(), above.into(), consumed.into()) {
        (true, true, _) if above_at - centre < centre - below_at => Pair::At(above_at),
        (true, _, _) => Pair::At(below_at),
        (false, true, _) => Pair::At(above_at),
        (false, false, true) => Pair::Consumed,
        (false, false, false) => Pair::Nowhere,
    }
}

/// Number of HMACs that [`nearest_pair`] computes for so many starts.
#[cfg(feature = "verifier")]
pub(crate) fn pair_cost(starts: u64) -> u64 {
    match Sift::of(&(0..=starts.saturating_sub(1))) {
        Some(sift) => sift.groups() * WIDTH + SUSPECTS * (STARTS_OF_GROUP + 1),
        None => starts.saturating_add(1),
    }
}

/// Shows `see` each start, and whether it is that of a pair.
fn scan(
    key: &Key,
    [first, second]: [&Code; 2],
    starts: RangeInclusive<u64>,
    mut see: impl FnMut(u64, Choice),
) {
    let differ = !first.ct_eq(second);
    let mut first_was_right = Choice::from(0);
    let (from, to) = starts.into_inner();
    // One value per factor serves both comparisons: first code of this pair, second code of the
    // previous one.
    for factor in from..=to.saturating_add(1) {
        let shown = key.code(factor);
        let pair = first_was_right & shown.ct_eq(second) & differ;
        see(factor.wrapping_sub(1), pair);
        first_was_right = shown.ct_eq(first);
    }
}

/// Search of a long range at half its cost: of two consecutive factors, every second one is the
/// first or the second of each pair. Only where one of the codes is right there, which is one in
/// hundreds of thousands, the factors around it are scanned.
///
/// A fixed number of places is scanned in any case, so that time does not tell of matches. More
/// matches than places, for which chance takes a million years of such searches a second, lead to
/// a scan of the whole range.
struct Sift<'a> {
    starts: &'a RangeInclusive<u64>,
}

impl<'a> Sift<'a> {
    /// The sift of a range; `None` if it is short, or so high that factors beyond its end do not
    /// exist.
    fn of(starts: &'a RangeInclusive<u64>) -> Option<Sift<'a>> {
        let long = starts.end().saturating_sub(*starts.start()) >= SHORT;
        let factors_beyond = starts.end().checked_add(2 * STARTS_OF_GROUP).is_some();
        (long && factors_beyond).then_some(Sift { starts })
    }

    fn groups(&self) -> u64 {
        let marks = (self.starts.end() - self.starts.start()) / 2 + 1;
        marks.div_ceil(WIDTH)
    }

    fn search(&self, key: &Key, codes: [&Code; 2], nearest: &mut Nearest) {
        let from = *self.starts.start();
        let mut suspects = [from; SUSPECTS_IN_ALL];
        let mut found = 0_u64;
        for group in 0..self.groups() {
            let start = from + group * STARTS_OF_GROUP;
            let hit = key.any_right(codes, start + 1);
            for (place, suspect) in (0..).zip(&mut suspects) {
                suspect.conditional_assign(&start, hit & found.ct_eq(&place));
            }
            found += u64::from(hit.unwrap_u8());
        }
        if found > SUSPECTS {
            return scan(key, codes, self.starts.clone(), |start, pair| nearest.see(start, pair));
        }
        for start in suspects {
            let group = start..=start + (STARTS_OF_GROUP - 1);
            scan(key, codes, group, |start, pair| nearest.see(start, pair));
        }
    }
}

/// The nearest pair so far: it depends neither on the order in which pairs are shown nor on how
/// often.
struct Nearest {
    last: u64,
    centre: u64,
    floor: Option<u64>,
    /// The last match up to the centre, and the first one after it; a place is meaningless until
    /// its choice is set.
    below: (Choice, u64),
    above: (Choice, u64),
    consumed: Choice,
}

impl Nearest {
    fn new(last: u64, centre: u64, floor: Option<u64>) -> Nearest {
        let nowhere = (Choice::from(0), 0);
        Nearest { last, centre, floor, below: nowhere, above: nowhere, consumed: Choice::from(0) }
    }

    fn see(&mut self, start: u64, pair: Choice) {
        let pair = pair & !start.ct_gt(&self.last);
        let floored = Choice::from(u8::from(self.floor.is_some()));
        let consumed = floored & !start.ct_gt(&self.floor.unwrap_or_default());
        self.consumed |= pair & consumed;
        let (fresh, beyond) = (pair & !consumed, start.ct_gt(&self.centre));
        let (found, at) = &mut self.below;
        let nearer = fresh & !beyond & (!*found | start.ct_gt(at));
        at.conditional_assign(&start, nearer);
        *found |= nearer;
        let (found, at) = &mut self.above;
        let nearer = fresh & beyond & (!*found | at.ct_gt(&start));
        at.conditional_assign(&start, nearer);
        *found |= nearer;
    }

    fn pair(&self) -> Pair {
        chosen(self.below, self.above, self.consumed, self.centre)
    }
}

/// Starts below which a scan is as cheap.
const SHORT: u64 = 256;

/// Places that are scanned in each search of a long range.
const SUSPECTS: u64 = 4;

const SUSPECTS_IN_ALL: usize = 4;

/// Factors of a group.
const WIDTH: u64 = 8;

/// Starts of pairs of which a group has one of the codes.
const STARTS_OF_GROUP: u64 = 2 * WIDTH;

const _: () = assert!(LANES == 8 && SUSPECTS_IN_ALL == 4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::{Algorithm, Digits, Seed};

    fn key(algorithm: Algorithm, digits: Digits) -> Key {
        Key::new(&Seed::new(b"12345678901234567890".to_vec()).unwrap(), algorithm, digits)
    }

    /// The definition: each start is looked at by itself. `shown` are the codes from the first
    /// start on.
    fn plain(
        shown: &[Code],
        [first, second]: [&Code; 2],
        starts: RangeInclusive<u64>,
        centre: u64,
        floor: Option<u64>,
    ) -> Pair {
        let pairs: Vec<u64> = starts
            .zip(shown.windows(2))
            .filter(|(_, pair)| first != second && pair[0] == *first && pair[1] == *second)
            .map(|(start, _)| start)
            .collect();
        let fresh = pairs.iter().filter(|start| floor.is_none_or(|floor| **start > floor));
        match fresh.min_by_key(|start| (start.abs_diff(centre), **start)) {
            Some(nearest) => Pair::At(*nearest),
            None if pairs.is_empty() => Pair::Nowhere,
            None => Pair::Consumed,
        }
    }

    fn codes(key: &Key, factors: RangeInclusive<u64>) -> Vec<Code> {
        factors.map(|factor| key.code(factor)).collect()
    }

    #[test]
    fn a_long_search_finds_what_the_definition_finds() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            let key = key(algorithm, Digits::SIX);
            for (from, length) in [(0_u64, 300), (59_666_666, 415), (1 << 33, 263)] {
                let starts = from..=from + length - 1;
                let shown = codes(&key, from..=from + length);
                for place in (from.saturating_sub(3)..=from + length + 2).step_by(5) {
                    let pair = codes(&key, place..=place + 1);
                    let pair = [&pair[0], &pair[1]];
                    for floor in [None, Some(from + length / 3)] {
                        let (starts, centre) = (starts.clone(), from + length / 2);
                        assert_eq!(
                            nearest_pair(&key, pair, starts.clone(), centre, floor),
                            plain(&shown, pair, starts, centre, floor),
                            "{algorithm} {place} in {length} from {from}"
                        );
                    }
                }
            }
        }
    }

    /// Codes of one digit each place a suspect in every group.
    #[test]
    fn more_matches_than_places_lead_to_a_scan() {
        let key = key(Algorithm::Sha1, Digits::ONE);
        let shown = codes(&key, 5_000..=5_401);
        let mut both = 0;
        for first in 0..10 {
            for second in 0..10 {
                let pair = [Code::new(first, 1), Code::new(second, 1)];
                let pair = [&pair[0], &pair[1]];
                let (starts, centre) = (5_000..=5_400, 5_123);
                let found = nearest_pair(&key, pair, starts.clone(), centre, Some(5_050));
                assert_eq!(found, plain(&shown, pair, starts, centre, Some(5_050)));
                both += u32::from(matches!(found, Pair::At(_)));
            }
        }
        assert!(both > 80, "{both} of 90 pairs of digits were found");
    }

    #[test]
    fn the_end_of_all_factors_is_searched_too() {
        let key = key(Algorithm::Sha1, Digits::SIX);
        let from = u64::MAX - 1_000;
        for shown in [from, from + 1, u64::MAX - 17, u64::MAX - 1] {
            let pair = codes(&key, shown..=shown + 1);
            let found = nearest_pair(&key, [&pair[0], &pair[1]], from..=u64::MAX, from, None);
            assert_eq!(found, Pair::At(shown));
        }
    }
}
