//! The sum by which a shift of all tokens is found: CUSUM, one for each direction (Page 1954).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::device::Batch;
use crate::fleet::window::{Mean, Measured};
use crate::time::UnixTime;

/// The direction in which all tokens moved, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Codes are later than expected: the server's clock fell behind.
    Ahead,
    /// Codes are earlier than expected: the server's clock ran ahead, or codes arrive later
    /// than before.
    Behind,
}

/// A shift of all tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The time from which it is seen.
    pub since: UnixTime,
    /// The direction.
    pub direction: Direction,
    /// The size in seconds, positive.
    pub seconds: f64,
    /// The standard deviation of the size.
    pub doubt: f64,
}

/// The sum of one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cusum {
    direction: Direction,
    sum: f64,
    run: Option<Run>,
}

/// The readings since the shift began, as far as they tell: a sum that lingers above zero before
/// a shift does not make it seem smaller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    since: UnixTime,
    windows: u32,
    /// A window was saturated: what came before it, and a part of it, is from before the shift.
    saturated: bool,
    /// The sum of what readings are off beyond half of the least shift. At zero or below they
    /// speak for no shift so far, and the run begins anew.
    #[serde(default)]
    beyond: f64,
    all: Mean,
    /// The readings, the older the less: the first ones may be from before the shift.
    recent: Mean,
    spread: f64,
    batches: BTreeMap<Batch, Mean>,
}

impl Cusum {
    pub(super) fn new(direction: Direction) -> Cusum {
        Cusum { direction, sum: 0.0, run: None }
    }

    pub(super) fn reset(&mut self) {
        *self = Cusum::new(self.direction);
    }

    /// Adds a window. Returns the shift if the sum has reached its limit with a shift of at least
    /// `least` seconds that enough batches share.
    ///
    /// A sum that stays at its limit without such a shift begins anew after a while, so that a
    /// small shift does not hide a later one.
    pub(super) fn add(&mut self, window: &Measured, least: f64) -> Option<Shift> {
        self.sum = (self.sum + self.direction.sign() * window.score - SLACK).min(ALARM);
        if self.sum <= 0.0 {
            self.reset();
            return None;
        }
        let run = self.run.take().unwrap_or_else(|| Run::begun(window));
        let run = run.and(window, self.direction);
        let told = if self.sum >= ALARM { run.told(self.direction, least) } else { None };
        if told.is_some() || run.windows >= LONGEST {
            self.reset();
        } else {
            self.run = Some(run);
        }
        told
    }
}

impl Run {
    fn begun(window: &Measured) -> Run {
        Run {
            since: window.began,
            windows: 0,
            saturated: false,
            beyond: 0.0,
            all: Mean::default(),
            recent: Mean::default(),
            spread: 0.0,
            batches: BTreeMap::new(),
        }
    }

    fn and(mut self, window: &Measured, direction: Direction) -> Run {
        if self.beyond <= 0.0 {
            self = Run { windows: self.windows, saturated: self.saturated, ..Run::begun(window) };
        }
        let Mean { count, total } = window.mean;
        self.beyond += direction.sign() * total - count * LEAST / 2.0;
        self.windows = self.windows.saturating_add(1);
        if window.saturated && !self.saturated {
            return Run {
                saturated: true,
                since: if self.windows > 1 { self.since } else { window.began },
                windows: self.windows,
                beyond: self.beyond,
                ..Run::begun(window)
            };
        }
        self.all = self.all.and(window.mean);
        self.recent = self.recent.times(FORGETTING).and(window.mean);
        self.spread = self.spread.max(window.spread);
        for (batch, mean) in &window.batches {
            if self.batches.len() < MOST_BATCHES || self.batches.contains_key(batch) {
                let known = self.batches.entry(batch.clone()).or_default();
                *known = known.and(*mean);
            }
        }
        self
    }

    /// The shift, if it is to be told.
    fn told(&self, direction: Direction, least: f64) -> Option<Shift> {
        let size = direction.sign() * self.all.value();
        let large = size - CERTAIN * self.spread / self.all.count.sqrt() >= least;
        (large && self.is_shared()).then(|| Shift {
            since: self.since,
            direction,
            seconds: (direction.sign() * self.recent.value()).max(least),
            doubt: self.recent.error(self.spread),
        })
    }

    /// True if the batches speak for a shift that at least four fifths of them share, rather than
    /// for one of fewer.
    fn is_shared(&self) -> bool {
        let all = self.batches.values().fold(Mean::default(), |all, batch| all.and(*batch));
        let best = |shares: &[f64]| {
            let likely = shares.iter().map(|share| self.likelihood(*share, all.value()));
            likely.fold(f64::NEG_INFINITY, f64::max)
        };
        let (every, most) = (best(&[1.0]), best(&MOST_OF_THEM));
        let fewest = if every >= most { FEWEST } else { FEWEST_IF_SOME_DIFFER };
        self.all.count >= fewest && every.max(most) >= best(&TOO_FEW_OF_THEM) + EVIDENCE
    }

    /// The logarithm of the likelihood of what the batches say if this share of them moved, all
    /// alike, and the others did not or in a way of their own; `mean` is that of all readings.
    fn likelihood(&self, share: f64, mean: f64) -> f64 {
        let near = |batch: &Mean, shift: f64| {
            (-0.5 * ((batch.value() - shift) / batch.error(self.spread)).powi(2)).exp()
        };
        let (moved, still) = (
            |batch: &Mean, shift| share * near(batch, shift),
            |batch: &Mean| (1.0 - share) * (near(batch, 0.0) + ELSEWHERE) + LEAST_LIKELY,
        );
        // The likeliest shift, by expectation and maximisation.
        let shift = (0..ROUNDS).fold(mean / share, |shift, _| {
            let part = |batch: &Mean| {
                let moved = moved(batch, shift);
                batch.times(moved / (moved + still(batch)))
            };
            let all = self.batches.values().map(part).fold(Mean::default(), Mean::and);
            if all.count > 0.0 { all.value() } else { shift }
        });
        self.batches
            .values()
            .map(|batch| (moved(batch, shift) + still(batch)).ln())
            .sum()
    }
}

impl Direction {
    /// The sign of readings in this direction.
    pub(super) fn sign(self) -> f64 {
        match self {
            Direction::Ahead => 1.0,
            Direction::Behind => -1.0,
        }
    }
}

/// The part of each score that a sum leaves out: shifts of half a standard deviation do not add up.
const SLACK: f64 = 0.5;

/// The sum at which a shift is told.
const ALARM: f64 = 10.0;

/// The least shift that is told, in seconds.
pub(super) const LEAST: f64 = 3.0;

/// Standard deviations by which a shift exceeds the least one when it is told.
const CERTAIN: f64 = 1.3;

/// The fewest readings by which a shift is told, if all batches agree, and if some do not: those
/// that did not move may be among the missing ones.
const FEWEST: f64 = 12.0;
const FEWEST_IF_SOME_DIFFER: f64 = 50.0;

/// Shares of the batches that make a shift one of all tokens, beside all of them, and shares that
/// do not.
const MOST_OF_THEM: [f64; 4] = [0.95, 0.9, 0.85, 0.8];
const TOO_FEW_OF_THEM: [f64; 7] = [0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];

/// The logarithm of the least ratio of likelihoods by which a shift is shared.
const EVIDENCE: f64 = 0.1;

/// Rounds in which the likeliest shift is found.
const ROUNDS: u8 = 4;

/// The likelihood of a batch that moved in a way of its own, and that of the impossible.
const ELSEWHERE: f64 = 0.05;
const LEAST_LIKELY: f64 = 1e-9;

/// The weight of a window in the next one, for the size of a shift.
const FORGETTING: f64 = 0.6;

/// Windows after which a sum at its limit begins anew.
const LONGEST: u32 = 48;

/// The most batches that are followed by themselves.
const MOST_BATCHES: usize = 256;
