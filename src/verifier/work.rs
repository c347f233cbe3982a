//! Cost of judging, and equal cost for all refusals.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use subtle::ConstantTimeEq;

use crate::device::Verdict;
use crate::otp::{
    Algorithm, Code, Digits, Key, LOOK_AHEAD, LOOK_BEHIND, Seed, Window, compressions, pair_cost,
};

/// Hash work of one request so far.
#[derive(Debug, Default)]
pub(crate) struct Work {
    compressions: AtomicU64,
}

/// Dummy key for constant-cost refusals. Created eagerly: lazy creation would make the first
/// refusal measurably slower.
pub(crate) struct Decoy(Option<(Key, Code)>);

/// Counts of a verifier since its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Codes and pairs that were computed and compared.
    pub judged: u64,
    /// Accepted codes and pairs.
    pub accepted: u64,
    /// Inputs refused without being judged: throttled, locked, unknown.
    pub unjudged: u64,
    /// Blocks compressed by the searches, decoys included and looks not.
    pub compressions: u64,
    /// Codes that missed and were looked for after the answer.
    pub looks: u64,
    /// Codes among them that were found, so that their device is out of sync.
    pub out_of_sync: u64,
}

/// The counters behind [`Counts`].
#[derive(Default)]
pub(crate) struct Counters {
    judged: AtomicU64,
    accepted: AtomicU64,
    unjudged: AtomicU64,
    compressions: AtomicU64,
}

impl Work {
    /// Cost of the most expensive ordinary search for one code: a counter's, with its look-behind.
    pub(crate) const CODE: u64 = KEYING + EACH * (LOOK_AHEAD + LOOK_BEHIND);

    /// Cost of the most expensive search for a pair in this window.
    pub(crate) fn of_pair(window: Window) -> u64 {
        let (steps, counters) = (2 * window.steps() + 1, window.counters() + LOOK_BEHIND);
        KEYING + EACH * pair_cost(steps).max(pair_cost(counters))
    }

    /// Runs `judge` and counts what it hashes. It must not wait: the count is of this thread.
    pub(crate) fn spend<T>(&self, counters: &Counters, judge: impl FnOnce() -> T) -> T {
        let before = compressions();
        let judged = judge();
        let spent = compressions().wrapping_sub(before);
        self.compressions.fetch_add(spent, Relaxed);
        counters.compressions.fetch_add(spent, Relaxed);
        judged
    }

    /// Spends on the decoy what is missing to `target`.
    pub(crate) fn top_up(&self, target: u64, counters: &Counters, decoy: &Decoy) {
        let missing = target.saturating_sub(self.compressions.load(Relaxed)) / EACH;
        self.spend(counters, || decoy.hash(missing));
    }
}

impl Decoy {
    pub(crate) fn new() -> Decoy {
        let decoy = || {
            let seed = Seed::new(crate::store::random::<20>().ok()?.to_vec()).ok()?;
            Some((Key::new(&seed, Algorithm::Sha1, Digits::SIX), "000000".parse().ok()?))
        };
        Decoy(decoy())
    }

    fn hash(&self, macs: u64) {
        if let Some((key, code)) = &self.0 {
            for factor in 0..macs {
                std::hint::black_box(bool::from(key.code(factor).ct_eq(code)));
            }
        }
    }
}

impl Counters {
    /// Counts a verdict that was committed; none for a decision that judged no input.
    pub(crate) fn count(&self, verdict: Option<Verdict>) {
        let Some(verdict) = verdict else { return };
        self.judged.fetch_add(1, Relaxed);
        if verdict == Verdict::Accepted {
            self.accepted.fetch_add(1, Relaxed);
        }
    }

    /// Counts an input that was refused without being judged.
    pub(crate) fn unjudged(&self) {
        self.unjudged.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            judged: self.judged.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            unjudged: self.unjudged.load(Relaxed),
            compressions: self.compressions.load(Relaxed),
            ..Counts::default()
        }
    }
}

/// Compressions that make a key ready.
const KEYING: u64 = 2;

/// Compressions of one HMAC on cached midstates.
const EACH: u64 = 2;
