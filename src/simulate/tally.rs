//! Counts of a simulation. Whole numbers, so that their sum does not depend on its order.

use std::ops::AddAssign;

use serde::Serialize;

/// Counts over tokens and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Sign-ins: the first code of each.
    pub first_tries: u64,
    /// First codes that were accepted.
    pub accepted: u64,
    /// First codes that were refused unjudged, for guesses of an attacker before.
    pub kept_out: u64,
    /// Sign-ins that a further single code opened.
    pub second_codes: u64,
    /// Sign-ins that a pair of the owner's opened.
    pub owner_pairs: u64,
    /// Sign-ins that took an administrator's pair.
    pub admin_pairs: u64,
    /// Sign-ins that no pair opened.
    pub lost: u64,
    /// First tries after a jump of the clock by more than 25 s.
    pub after_jump: u64,
    /// Accepted first tries after such a jump.
    pub after_jump_accepted: u64,
    /// Candidates computed for first tries.
    pub candidates: u64,
    /// The part of them around the expected step, without those around the server's time.
    pub candidates_around: u64,
    /// Most candidates of one try.
    pub most_candidates: u64,
    /// Guesses of attackers that were judged.
    pub guesses: u64,
    /// Candidates computed for guesses.
    pub guess_candidates: u64,
    /// Guesses that were accepted.
    pub guesses_accepted: u64,
    /// Devices locked by guesses.
    pub lockouts: u64,
    /// First tries with an expectation and no jump before: measured intervals.
    pub intervals: u64,
    /// Intervals of 95 % that held.
    pub within_95: u64,
    /// Intervals of 99.99 % that held.
    pub within_9999: u64,
}

impl Tally {
    /// Share of first tries that were accepted, in percent.
    pub fn accepted_percent(&self) -> f64 {
        percent(self.accepted, self.first_tries)
    }

    /// The same, of the first tries that follow no jump by more than 25 s.
    pub fn accepted_without_jump_percent(&self) -> f64 {
        percent(
            self.accepted.saturating_sub(self.after_jump_accepted),
            self.first_tries.saturating_sub(self.after_jump),
        )
    }

    /// Share of the failed first tries that one pair of the owner's mended, in percent; 100 without
    /// failures.
    pub fn mended_by_owner_percent(&self) -> f64 {
        percent(
            self.owner_pairs + self.second_codes,
            self.owner_pairs + self.second_codes + self.admin_pairs + self.lost,
        )
    }

    /// Mean number of candidates of a first try.
    pub fn mean_candidates(&self) -> f64 {
        ratio(self.candidates, self.first_tries.saturating_sub(self.kept_out)).unwrap_or(0.0)
    }

    /// Mean number of those around the expected step.
    pub fn mean_candidates_around(&self) -> f64 {
        ratio(self.candidates_around, self.first_tries.saturating_sub(self.kept_out)).unwrap_or(0.0)
    }

    /// Share of the intervals of 95 % that held, in percent; `None` where the rule states none.
    pub fn coverage_95_percent(&self) -> Option<f64> {
        ratio(self.within_95, self.intervals).map(|share| share * 100.0)
    }

    /// Share of the intervals of 99.99 % that held, in percent; `None` where the rule states none.
    pub fn coverage_9999_percent(&self) -> Option<f64> {
        ratio(self.within_9999, self.intervals).map(|share| share * 100.0)
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        self.first_tries += other.first_tries;
        self.accepted += other.accepted;
        self.kept_out += other.kept_out;
        self.second_codes += other.second_codes;
        self.owner_pairs += other.owner_pairs;
        self.admin_pairs += other.admin_pairs;
        self.lost += other.lost;
        self.after_jump += other.after_jump;
        self.after_jump_accepted += other.after_jump_accepted;
        self.candidates += other.candidates;
        self.candidates_around += other.candidates_around;
        self.most_candidates = self.most_candidates.max(other.most_candidates);
        self.guesses += other.guesses;
        self.guess_candidates += other.guess_candidates;
        self.guesses_accepted += other.guesses_accepted;
        self.lockouts += other.lockouts;
        self.intervals += other.intervals;
        self.within_95 += other.within_95;
        self.within_9999 += other.within_9999;
    }
}

/// A share in percent; everything of nothing.
fn percent(part: u64, whole: u64) -> f64 {
    ratio(part, whole).unwrap_or(1.0) * 100.0
}

/// `None` of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

/// Counts are below 2⁵³, where floats are exact.
pub(super) fn float(count: u64) -> f64 {
    let [high, low] = [count >> 32, count & 0xffff_ffff];
    let half = |half| f64::from(u32::try_from(half).unwrap_or(u32::MAX));
    half(high) * 4_294_967_296.0 + half(low)
}
