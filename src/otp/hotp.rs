//! Counter-based one-time passwords, RFC 4226.
//!
//! The device's counter runs ahead of ours whenever a displayed code is not used, so the next few
//! counters are tried (§7.4). Searches keep no counter: the caller stores the match.

use serde::{Deserialize, Serialize};

use crate::otp::search::Pair;
use crate::otp::{Algorithm, Code, Digits, Key, PairFound, Seed, Window, search};

/// The moving factor of HOTP (RFC 4226 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counter(pub u64);

/// Parameters of a counter-based device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hotp {
    /// Hash function; RFC 4226 knows SHA-1 alone.
    pub algorithm: Algorithm,
    /// Number of digits of a code.
    pub digits: Digits,
}

/// Two consecutive codes, in the order in which the device showed them.
#[derive(Clone, Copy, Debug)]
pub struct CodePair<'a> {
    /// The codes.
    pub codes: [&'a Code; 2],
    /// Counter of the first code, from a client that can read it from the device (RFC 4226 Appendix
    /// E.4). The limit `s` of its distance is the end of the [`Window`].
    pub counter: Option<Counter>,
}

impl Hotp {
    /// Prepares a seed for this device's parameters.
    pub fn key(&self, seed: &Seed) -> Key {
        Key::new(seed, self.algorithm, self.digits)
    }

    /// The highest counter at which `code` is right, from [`LOOK_BEHIND`] below `next` to the end
    /// of the look-ahead window (RFC 4226 §7.4). A match at `next` or above is fresh; one below was
    /// consumed.
    pub fn find(&self, key: &Key, code: &Code, next: Counter) -> Option<Counter> {
        let last = next.0.saturating_add(LOOK_AHEAD - 1);
        search::highest(key, code, next.0.saturating_sub(LOOK_BEHIND)..=last).map(Counter)
    }

    /// The highest counter at which `code` is right, among those where an owner's pair may begin.
    /// Such a match is no proof: it shows that the button was pressed without us.
    pub(crate) fn find_far(&self, key: &Key, code: &Code, next: Counter) -> Option<Counter> {
        let last = next.0.saturating_add(Window::Owner.counters() - 1);
        search::highest(key, code, next.0..=last).map(Counter)
    }

    /// The counter of the second of two consecutive codes, both at `next` or above. Consumed pairs
    /// are recognised in the range that [`find`](Hotp::find) looks behind at.
    ///
    /// Of several such pairs the one nearest to the named counter is taken, else to `next`. A
    /// counter that is consumed, or beyond the window, names nothing: pairs from far ahead, noted
    /// by a finder of the device, must not stay good for years.
    pub fn find_pair<'a>(
        &self,
        key: &Key,
        pair: impl Into<CodePair<'a>>,
        next: Counter,
        window: Window,
    ) -> PairFound<Counter> {
        let CodePair { codes, counter } = pair.into();
        let last = next.0.saturating_add(window.counters() - 1);
        let starts = next.0.saturating_sub(LOOK_BEHIND)..=last;
        let named = counter.filter(|counter| (next.0..=last).contains(&counter.0));
        let centre = named.unwrap_or(next).0;
        match search::nearest_pair(key, codes, starts, centre, next.0.checked_sub(1)) {
            Pair::At(first) => Counter(first).next().map_or(PairFound::Nowhere, PairFound::At),
            Pair::Consumed => PairFound::Consumed,
            Pair::Nowhere => PairFound::Nowhere,
        }
    }
}

impl<'a> From<[&'a Code; 2]> for CodePair<'a> {
    fn from(codes: [&'a Code; 2]) -> CodePair<'a> {
        CodePair { codes, counter: None }
    }
}

impl Counter {
    /// The next counter; `None` after the last, since a counter must not wrap round.
    pub fn next(self) -> Option<Counter> {
        self.0.checked_add(1).map(Counter)
    }
}

impl Default for Digits {
    fn default() -> Digits {
        Digits::SIX
    }
}

/// The look-ahead window `s` of RFC 4226 §7.4: the number of counters tried for a code.
pub const LOOK_AHEAD: u64 = 10;

/// Number of consumed counters tried as well, so that a code typed twice counts as a replay and not
/// as a guess.
pub const LOOK_BEHIND: u64 = 2;
