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

/// The readings since the sum was last zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    since: UnixTime,
    windows: u32,
    /// A window was saturated: what came before it, and a part of it, is from before the shift.
    saturated: bool,
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
        let run = self.run.take().unwrap_or_else(|| Run::begun(window)).and(window);
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
            all: Mean::default(),
            recent: Mean::default(),
            spread: 0.0,
            batches: BTreeMap::new(),
        }
    }

    fn and(mut self, window: &Measured) -> Run {
        self.windows = self.windows.saturating_add(1);
        if window.saturated && !self.saturated {
            return Run {
                saturated: true,
                since: if self.windows > 1 { self.since } else { window.began },
                windows: self.windows,
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
        let large = size - self.spread / self.all.count.sqrt() >= least;
        (large && self.is_shared(direction, size)).then(|| Shift {
            since: self.since,
            direction,
            seconds: (direction.sign() * self.recent.value()).max(least),
            doubt: self.recent.error(self.spread),
        })
    }

    /// True if at least four fifths of the batches moved as all tokens did: by half as much or
    /// more, and alike within what their readings tell.
    fn is_shared(&self, direction: Direction, size: f64) -> bool {
        let groups = self.groups(size);
        let mut shifts: Vec<f64> =
            groups.iter().map(|group| direction.sign() * group.value()).collect();
        shifts.sort_by(f64::total_cmp);
        let moved = shifts.iter().filter(|shift| **shift >= size / 2.0).count();
        let Some(usual) = shifts.get(shifts.len() / 2) else { return true };
        let mut strange: Vec<f64> = groups
            .iter()
            .map(|group| direction.sign() * group.value() - usual)
            .zip(groups.iter().map(|group| group.error(self.spread)))
            .map(|(apart, error)| (apart / error).powi(2))
            .collect();
        strange.sort_by(f64::total_cmp);
        strange.truncate(strange.len() - strange.len() / 5);
        let alike = strange.iter().all(|square| square.is_finite())
            && strange.iter().sum::<f64>() <= STRANGE * count(strange.len());
        let fewest = if moved == groups.len() { FEWEST } else { FEWEST_IF_SOME_DIFFER };
        alike && moved * 5 >= groups.len() * 4 && self.all.count >= fewest
    }

    /// The batches; those whose readings are too few to tell a shift of this size are taken
    /// together.
    fn groups(&self, size: f64) -> Vec<Mean> {
        let enough = (TELLING * self.spread / size).powi(2).clamp(LEAST_GROUP, LARGEST_GROUP);
        let (mut groups, mut small) = (Vec::new(), Mean::default());
        for batch in self.batches.values() {
            if batch.count >= enough {
                groups.push(*batch);
                continue;
            }
            small = small.and(*batch);
            if small.count >= enough {
                groups.push(std::mem::take(&mut small));
            }
        }
        groups
    }
}

fn count(of: usize) -> f64 {
    u32::try_from(of).map_or(f64::MAX, f64::from)
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

/// The fewest readings by which a shift is told, if all batches agree, and if some do not: those
/// that did not move may be among the missing ones.
const FEWEST: f64 = 12.0;
const FEWEST_IF_SOME_DIFFER: f64 = 24.0;

/// The weight of a window in the next one, for the size of a shift.
const FORGETTING: f64 = 0.6;

/// Windows after which a sum at its limit begins anew.
const LONGEST: u32 = 48;

/// The standard deviation of a group's mean is at most the shift divided by this.
const TELLING: f64 = 3.0;
const LEAST_GROUP: f64 = 1.0;
const LARGEST_GROUP: f64 = 150.0;

/// The mean square of the distances of batches from the usual shift, in standard deviations, from
/// which they did not move alike.
const STRANGE: f64 = 4.0;

/// The most batches that are followed by themselves.
const MOST_BATCHES: usize = 256;
