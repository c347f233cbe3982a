//! Model of a device's clock, learned from its successes (RFC 6238 §6).
//!
//! A success measures the offset: middle of the matched step − time. Three filters follow it, which
//! differ in how fast a rate may wander, and are weighted by how well each foretold the codes. The
//! mean delay of the owner, between reading a code and its arrival, is part of the offset.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::otp::RatePrior;
use crate::otp::filter::{Estimate, FASTEST, Filter, rounded};
use crate::time::UnixTime;

/// Offset of a device's clock from ours; negative if the device lags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Whole time steps, to the nearest.
    pub steps: i64,
    /// Seconds.
    pub seconds: i64,
}

/// What is known of a device's clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct ClockModel {
    /// Time of the last measurement, or of the setting by its maker; none before the first.
    at: Option<UnixTime>,
    /// Not measured since its maker set it: a drawer has no seasons.
    in_stock: bool,
    /// As of `at`, in the order of [`WANDERS`].
    filters: [Filter; 3],
    /// Logarithms of the weights of the filters; the highest is 0.
    log_weights: [f64; 3],
    /// The last two times at which the clock was found set anew, the later one first.
    set_at: [Option<UnixTime>; 2],
    /// Time since when the third filter has had more than [`ERRATIC`] of the weight.
    erratic_since: Option<UnixTime>,
}

/// No number of a model is NaN.
impl Eq for ClockModel {}

/// The expected state of a clock at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Foretold {
    /// Offset from our clock in seconds, with the mean delay of the owner in it.
    pub offset: f64,
    /// Standard deviation of the offset.
    pub offset_doubt: f64,
    /// Rate in parts per million; positive: fast.
    pub rate: f64,
    /// Standard deviation of the rate.
    pub rate_doubt: f64,
    /// Time since the last measurement.
    pub silent: Duration,
}

/// An accepted code as a measurement of the device's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockReading {
    /// Seconds between what the code said and what was expected; positive if the device was ahead
    /// of that.
    pub off: f64,
    /// Standard deviation that `off` was expected to have.
    pub doubt: f64,
    /// True if the clock was evidently set: `off` exceeds four standard deviations.
    pub clock_was_set: bool,
}

/// One success as a measurement of the device's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measurement {
    /// Middle of the matched step − time, in seconds.
    pub(crate) offset: f64,
    /// Step size, in seconds.
    pub(crate) step_size: f64,
    /// The evidence.
    pub(crate) evidence: Evidence,
}

/// The proof that a device's clock shows a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// One code: may be a stranger's guess, or one of many that were read in advance.
    Code,
    /// Two consecutive codes, which set the clock.
    Pair,
}

/// One success as stores kept it before there was a model.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(crate) struct Sample {
    /// Time of the measurement, by our clock.
    pub(crate) at: UnixTime,
    /// Middle of the matched step − time, in seconds.
    pub(crate) offset: f64,
}

impl ClockModel {
    /// A clock of which only the rate is known.
    pub fn new(prior: RatePrior) -> ClockModel {
        ClockModel::begun(None, [0.0, UNMEASURED], prior)
    }

    /// A clock that its maker set at this time.
    pub fn set_by_maker(prior: RatePrior, at: UnixTime) -> ClockModel {
        let set = ClockModel::begun(Some(at), [-MEAN_DELAY, MAKERS_DOUBT], prior);
        ClockModel { in_stock: true, ..set }
    }

    /// A clock that was so many seconds ahead of ours at this time, by a code of 30 seconds.
    pub fn measured(offset: f64, at: UnixTime) -> ClockModel {
        let doubt = variance(30.0).sqrt();
        ClockModel::begun(Some(at), [offset, doubt], RatePrior::HARDWARE)
    }

    fn begun(at: Option<UnixTime>, offset: [f64; 2], prior: RatePrior) -> ClockModel {
        ClockModel {
            at,
            in_stock: false,
            filters: [Filter::new(offset, [prior.rate, prior.doubt]); 3],
            log_weights: LOG_WEIGHTS,
            set_at: [None; 2],
            erratic_since: None,
        }
    }

    /// The model that earlier versions would have had: of their drift in seconds with the time of
    /// its last move, and of their samples, oldest first.
    pub(crate) fn of_samples(
        (drift, moved_at): (f64, Option<UnixTime>),
        samples: &[Sample],
        step_size: f64,
    ) -> ClockModel {
        let mut model = ClockModel::default();
        let measured = |offset, evidence| Measurement { offset, step_size, evidence };
        for sample in samples {
            model.learn(measured(sample.offset, Evidence::Code), sample.at);
        }
        let at = model.at.max(moved_at);
        let known = at.map_or(0.0, |at| model.foretell(at).offset);
        let never_used = at.is_none() && drift == 0.0;
        if !never_used && (model.at.is_none() || (known - drift).abs() > 1.5 * step_size) {
            model.learn(measured(drift, Evidence::Pair), at.unwrap_or(UnixTime(0)));
        }
        model
    }

    /// The expected state of the clock.
    pub fn foretell(&self, now: UnixTime) -> Foretold {
        let after = self.after(self.at.map_or(0.0, |at| elapsed(now, at)));
        let weights = self.weights();
        let mean = |of: fn(&Estimate) -> [f64; 2]| {
            let parts = || weights.into_iter().zip(after.iter().map(of));
            let mean: f64 = parts().map(|(weight, [value, _])| weight * value).sum();
            let variance: f64 = parts()
                .map(|(weight, [value, variance])| weight * (variance + (value - mean).powi(2)))
                .sum();
            [mean, variance.max(0.0).sqrt()]
        };
        let [offset, offset_doubt] = mean(|one| [one.offset, one.offset_variance]);
        let [rate, rate_doubt] = mean(|one| [one.rate, one.rate_variance]);
        let silent = self.at.map_or(Duration::ZERO, |at| now.since(at));
        Foretold { offset, offset_doubt, rate, rate_doubt, silent }
    }

    /// Learns from a success, at most once an hour. Returns what it said of the clock; none for the
    /// first one, which has only its maker's word to be compared with.
    ///
    /// A code moves the offset by no more than a step and what [`FASTEST`] makes of the time since
    /// the last one. A pair sets the clock: its second code is the one expected at this moment.
    pub(crate) fn learn(&mut self, measured: Measurement, now: UnixTime) -> Option<ClockReading> {
        let variance = variance(measured.step_size);
        let Some(last) = self.at else {
            *self = self.first(measured.offset, variance, now);
            return None;
        };
        let reading = self.compared(measured, now);
        let rested = now < last || now.since(last) >= REST;
        if measured.evidence == Evidence::Code && !rested {
            return Some(reading);
        }
        let passed = elapsed(now, last);
        let (from, reach) = (self.foretell(last).offset, measured.step_size + FASTEST * passed);
        let (mut log_weights, after) = (self.log_weights, self.after(passed));
        for ((filter, log_weight), after) in
            self.filters.iter_mut().zip(&mut log_weights).zip(after)
        {
            let next = if reading.clock_was_set {
                after.set(measured.offset, variance, RATE_DOUBT_OF_A_SETTING)
            } else {
                let (next, likelihood) = after.measured(measured.offset, variance);
                *log_weight = *log_weight * FORGETTING + likelihood;
                next
            };
            let next = match measured.evidence {
                Evidence::Code => next.within(from - reach, from + reach),
                Evidence::Pair => next.at(measured.offset, variance),
            };
            *filter = next.into();
        }
        self.at = Some(now);
        self.weigh(log_weights);
        if reading.clock_was_set {
            self.set_at = [Some(now), self.set_at[0]];
        }
        let erratic = self.weights()[2] > ERRATIC;
        self.erratic_since = erratic.then(|| self.erratic_since.unwrap_or(now));
        (!std::mem::take(&mut self.in_stock)).then_some(reading)
    }

    /// A measurement, compared with what is expected.
    pub(crate) fn compared(&self, measured: Measurement, now: UnixTime) -> ClockReading {
        let expected = self.foretell(now);
        let off = measured.offset - expected.offset;
        let doubt = (expected.offset_doubt.powi(2) + variance(measured.step_size)).sqrt();
        let most = if self.in_stock { SET_SINCE_STOCK } else { SET };
        ClockReading { off, doubt, clock_was_set: off.abs() > most * doubt }
    }

    /// Time of the last measurement, or of the setting by its maker.
    pub fn measured_at(&self) -> Option<UnixTime> {
        self.at
    }

    /// True if a code has been accepted.
    pub fn is_measured(&self) -> bool {
        self.at.is_some() && !self.in_stock
    }

    /// The last two times at which the clock was found set anew, the later one first.
    pub fn set_at(&self) -> [Option<UnixTime>; 2] {
        self.set_at
    }

    /// Time since when the rate has wandered as only the third filter allows; none if it does not.
    pub fn erratic_since(&self) -> Option<UnixTime> {
        self.erratic_since
    }

    /// The last moment at which this many standard deviations of the offset are within `reach`
    /// seconds, `more` being the variance of what else a code is off by. None before the first
    /// measurement.
    pub(crate) fn within_until(&self, reach: f64, deviations: f64, more: f64) -> Option<UnixTime> {
        let at = self.at?;
        let holds = |seconds: u64| {
            let doubt = self.foretell(at.plus(Duration::from_secs(seconds))).offset_doubt;
            deviations * (doubt.powi(2) + more).sqrt() <= reach
        };
        let (mut good, mut bad) = (0, LONGEST);
        while bad - good > 3_600 {
            let middle = good + (bad - good) / 2;
            if holds(middle) { good = middle } else { bad = middle }
        }
        Some(at.plus(Duration::from_secs(good)))
    }

    fn first(&self, offset: f64, variance: f64, now: UnixTime) -> ClockModel {
        let filters = self
            .filters
            .map(|filter| Filter::from(Estimate::from(filter).set(offset, variance, 0.0)));
        ClockModel { at: Some(now), filters, ..*self }
    }

    fn after(&self, passed: f64) -> [Estimate; 3] {
        let [slow, middle, fast] = self.filters;
        let wanders = if self.in_stock { [WANDERS[0]; 3] } else { WANDERS };
        let [least, medium, most] = wanders.map(|wander| wander * wander / NINETY_DAYS);
        [slow.after(passed, least), middle.after(passed, medium), fast.after(passed, most)]
    }

    fn weights(&self) -> [f64; 3] {
        let weights = self.log_weights.map(f64::exp);
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    }

    fn weigh(&mut self, log_weights: [f64; 3]) {
        let highest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.log_weights =
            log_weights.map(|weight| rounded(weight - highest, LOWEST..=0.0, LOWEST));
    }
}

/// A hardware token whose clock has never been measured.
impl Default for ClockModel {
    fn default() -> ClockModel {
        ClockModel::new(RatePrior::HARDWARE)
    }
}

impl Foretold {
    /// A clock that is so many seconds ahead, for certain.
    pub fn exactly(offset: f64) -> Foretold {
        Foretold { offset, ..Foretold::default() }
    }

    /// True if the clock loses time by itself, so that its lag needs no setting to explain it.
    pub(crate) fn runs_slow(&self) -> bool {
        self.rate < -SLOW * self.rate_doubt
    }
}

/// A model in a store: numbers without names, to keep the row short.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<UnixTime>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_stock: bool,
    filters: [[f64; 5]; 3],
    log_weights: [f64; 3],
    #[serde(default, skip_serializing_if = "is_never")]
    set_at: [Option<UnixTime>; 2],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erratic_since: Option<UnixTime>,
}

/// Absurd numbers end in the nearest possible ones.
impl From<Stored> for ClockModel {
    fn from(stored: Stored) -> ClockModel {
        let Stored { at, in_stock, filters, log_weights, set_at, erratic_since } = stored;
        let filters = filters.map(Filter::bounded);
        let mut model = ClockModel { at, in_stock, filters, log_weights, set_at, erratic_since };
        model.weigh(log_weights);
        model
    }
}

impl From<ClockModel> for Stored {
    fn from(model: ClockModel) -> Stored {
        let ClockModel { at, in_stock, filters, log_weights, set_at, erratic_since } = model;
        let filters = filters.map(Filter::numbers);
        Stored { at, in_stock, filters, log_weights, set_at, erratic_since }
    }
}

fn is_never(set_at: &[Option<UnixTime>; 2]) -> bool {
    set_at.iter().all(Option::is_none)
}

/// Variance of one measurement: a code is shown for a step, and owners take their time.
fn variance(step_size: f64) -> f64 {
    step_size.powi(2) / 12.0 + 25.0
}

/// The time between, in units of 10⁶ seconds.
fn elapsed(now: UnixTime, earlier: UnixTime) -> f64 {
    now.since(earlier).as_secs_f64() / UNIT
}

/// Seconds in the unit of time of a [`Filter`].
const UNIT: f64 = 1e6;

/// Standard deviations of the filters' rates after ninety days of a random walk, in parts per
/// million: indoors, outdoors, a failing crystal.
const WANDERS: [f64; 3] = [0.7, 3.0, 12.0];

/// In units of 10⁶ seconds.
const NINETY_DAYS: f64 = 7.776;

/// Part of a weight that is left after the next success.
const FORGETTING: f64 = 0.97;

/// Logarithm of the lowest weight.
const LOWEST: f64 = -60.0;

/// Standard deviations beyond which a clock was set.
const SET: f64 = 4.0;

/// The same for the first code since a maker's setting: crystals are sold with up to four standard
/// deviations of [`RatePrior::HARDWARE`].
const SET_SINCE_STOCK: f64 = 6.0;

/// Logarithms of the weights of the filters before the first code: most clocks keep their rate.
const LOG_WEIGHTS: [f64; 3] = [0.0, -1.0, -3.0];

/// Least doubt of the rate after a setting, in parts per million.
const RATE_DOUBT_OF_A_SETTING: f64 = 3.0;

/// Weight of the third filter that only an erratic crystal earns.
const ERRATIC: f64 = 0.9;

/// Standard deviations of the rate beyond which a clock runs slow. Less than one: the doubt is also
/// of what the rate may become, and clocks that are kept right have a rate near 0.
const SLOW: f64 = 0.5;

/// Mean time between reading a code and its arrival, in seconds.
const MEAN_DELAY: f64 = 8.0;

/// Standard deviation of a maker's setting of the clock, in seconds.
const MAKERS_DOUBT: f64 = 5.0;

/// Standard deviation of an offset that nothing is known of: a clock that was set by hand or by
/// the network, in seconds.
const UNMEASURED: f64 = 10.0;

/// The least time between two updates.
const REST: Duration = Duration::from_secs(3_600);

/// The longest time that is looked ahead: ten years, in seconds.
const LONGEST: u64 = 3_652 * 86_400;
