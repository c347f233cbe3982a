//! A window of readings, and what it says of all tokens together.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::device::Batch;
use crate::time::UnixTime;
use crate::verifier::Reading;

/// Readings of up to half an hour, one of each token.
///
/// A window ends early once a longer one would say no more: its mean is beyond what counts of it,
/// or so many readings are in it that what all tokens share hides their noise.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    began: Option<UnixTime>,
    readings: Vec<Off>,
}

#[derive(Clone, Debug)]
struct Off {
    batch: Batch,
    seconds: f64,
    doubt: f64,
}

/// A finished window.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) began: UnixTime,
    pub(super) ended: UnixTime,
    /// The mean of the readings, those far from the median clipped, over its standard deviation. A
    /// median alone would need half as many readings again.
    pub(super) score: f64,
    /// True if the mean is beyond what counts of it.
    pub(super) saturated: bool,
    /// The mean of the readings, outliers clipped.
    pub(super) mean: Mean,
    /// The same for each batch.
    pub(super) batches: BTreeMap<Batch, Mean>,
    /// The standard deviation of one reading, in seconds.
    pub(super) spread: f64,
}

/// A sum of readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Mean {
    pub(super) count: f64,
    pub(super) total: f64,
}

impl Window {
    /// Adds a reading of a token that has none in the window; `usual` is what all tokens are off
    /// without a shift.
    pub(super) fn add(&mut self, reading: &Reading, usual: f64) {
        self.began.get_or_insert(reading.at);
        let doubt = if reading.doubt.is_finite() { reading.doubt } else { LARGEST_DOUBT };
        self.readings.push(Off {
            batch: reading.batch.clone(),
            seconds: if reading.off.is_finite() { reading.off - usual } else { 0.0 },
            doubt: doubt.clamp(SMALLEST_DOUBT, LARGEST_DOUBT),
        });
    }

    /// The window, if it is finished at this time; the next one is empty.
    pub(super) fn finished(&mut self, now: UnixTime) -> Option<Measured> {
        let age = now.since(self.began?);
        let count = self.readings.len();
        let full = count >= MOST || (count >= MANY && age >= SHORTEST);
        let decided = || {
            (FEWEST..=MANY).contains(&count)
                && count.is_multiple_of(EACH_LOOK)
                && self.measured(now).is_some_and(|measured| measured.saturated)
        };
        if age >= LONGEST || full || decided() { self.take(now) } else { None }
    }

    /// The window as it is, finished or not; the next one is empty.
    fn take(&mut self, now: UnixTime) -> Option<Measured> {
        let measured = self.measured(now);
        *self = Window::default();
        measured
    }

    fn measured(&self, now: UnixTime) -> Option<Measured> {
        let began = self.began?;
        let count = f64::from(u32::try_from(self.readings.len()).ok()?);
        let mut sorted: Vec<f64> = self.readings.iter().map(|off| off.seconds).collect();
        sorted.sort_by(f64::total_cmp);
        let median = median(&sorted)?;
        let squares: f64 = self.readings.iter().map(|off| off.doubt * off.doubt).sum();
        let spread = (squares / count).sqrt();
        let (mut mean, mut batches) = (Mean::default(), BTreeMap::<Batch, Mean>::new());
        for off in &self.readings {
            let reach = OUTLIER * spread;
            let near = off.seconds.clamp(median - reach, median + reach);
            mean = mean.and(Mean { count: 1.0, total: near });
            // Around zero as well: a batch that did not move is not drawn to those that did.
            let reach = reach + median.abs();
            let total = off.seconds.clamp(-reach, reach);
            let batch = batches.entry(off.batch.clone()).or_default();
            *batch = batch.and(Mean { count: 1.0, total });
        }
        let error = mean.error(spread);
        let score = mean.value() / error;
        Some(Measured {
            began,
            ended: now.min(began.plus(LONGEST)).max(began),
            score: score.clamp(-CLIP, CLIP),
            saturated: score.abs() >= CLIP,
            mean,
            batches,
            spread,
        })
    }
}

impl Mean {
    pub(super) fn and(self, other: Mean) -> Mean {
        Mean { count: self.count + other.count, total: self.total + other.total }
    }

    pub(super) fn times(self, factor: f64) -> Mean {
        Mean { count: self.count * factor, total: self.total * factor }
    }

    /// The mean; 0 of nothing.
    pub(super) fn value(self) -> f64 {
        if self.count > 0.0 { self.total / self.count } else { 0.0 }
    }

    /// The standard deviation of the mean of readings with this spread.
    pub(super) fn error(self, spread: f64) -> f64 {
        if self.count > 0.0 { (spread / self.count.sqrt()).hypot(COMMON) } else { spread }
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(lower.midpoint(*upper))
}

/// The largest score of a window: one window never raises an alarm.
const CLIP: f64 = 6.0;

/// The standard deviation of what all tokens share without a fault, in seconds: the weather, and
/// the hours at which people are slower.
const COMMON: f64 = 0.5;

/// The distance from the median, in standard deviations of a reading, from which readings count no
/// more.
const OUTLIER: f64 = 2.5;

/// Bounds of the standard deviation of one reading, in seconds. The lower one is that of codes that
/// change every 30 seconds, typed by people, with a model that knows all.
const SMALLEST_DOUBT: f64 = 12.0;
const LARGEST_DOUBT: f64 = 600.0;

/// The length of a window.
const LONGEST: Duration = Duration::from_secs(1_800);

/// The length from which a window of [`MANY`] readings ends.
const SHORTEST: Duration = Duration::from_secs(900);

/// Readings whose noise is as small as what all tokens share.
const MANY: usize = 400;

/// Readings at which a window ends in any case.
const MOST: usize = 8_192;

/// Readings from which a window may end early, and the interval at which that is looked at.
const FEWEST: usize = 8;
const EACH_LOOK: usize = 4;
