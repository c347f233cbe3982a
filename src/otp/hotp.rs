//! Counter-based one-time passwords, RFC 4226.
//!
//! The device's counter runs ahead of ours whenever a code is shown and not used, so the next few
//! counters are tried (§7.4). Nothing here remembers a counter: the caller stores what was matched.

use serde::{Deserialize, Serialize};

use crate::otp::search::Pair;
use crate::otp::{Algorithm, Code, Digits, Key, PairFound, Seed, Window, search};

/// The moving factor of HOTP (RFC 4226 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counter(pub u64);

/// What a counter-based device was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hotp {
    /// The hash function; RFC 4226 knows SHA-1 alone.
    pub algorithm: Algorithm,
    /// How many digits it shows.
    pub digits: Digits,
}

impl Hotp {
    /// Prepares a seed for this device's parameters.
    pub fn key(&self, seed: &Seed) -> Key {
        Key::new(seed, self.algorithm, self.digits)
    }

    /// The highest counter at which `code` is right, from [`LOOK_BEHIND`] below `next` to the end
    /// of the look-ahead window (RFC 4226 §7.4): at `next` or above it is fresh, below it was
    /// consumed.
    pub fn find(&self, key: &Key, code: &Code, next: Counter) -> Option<Counter> {
        let last = next.0.saturating_add(LOOK_AHEAD - 1);
        search::highest(key, code, next.0.saturating_sub(LOOK_BEHIND)..=last).map(Counter)
    }

    /// The counter of the second of two consecutive codes, both at `next` or above; the counters
    /// that [`find`](Hotp::find) looks behind at are looked at here too.
    pub fn find_pair(
        &self,
        key: &Key,
        codes: [&Code; 2],
        next: Counter,
        window: Window,
    ) -> PairFound<Counter> {
        let starts =
            next.0.saturating_sub(LOOK_BEHIND)..=next.0.saturating_add(window.counters() - 1);
        match search::nearest_pair(key, codes, starts, next.0, next.0.checked_sub(1)) {
            Pair::At(first) => Counter(first).next().map_or(PairFound::Nowhere, PairFound::At),
            Pair::Consumed => PairFound::Consumed,
            Pair::Nowhere => PairFound::Nowhere,
        }
    }
}

impl Counter {
    /// The counter after this one; none after the last, for a counter must not wrap round.
    pub fn next(self) -> Option<Counter> {
        self.0.checked_add(1).map(Counter)
    }
}

impl Default for Digits {
    fn default() -> Digits {
        Digits::SIX
    }
}

/// The look-ahead window `s` of RFC 4226 §7.4: the counters a code is looked for at.
pub const LOOK_AHEAD: u64 = 10;

/// So many consumed counters are looked at too, so that a code typed twice is known for a replay
/// and not counted as a guess.
pub const LOOK_BEHIND: u64 = 2;
