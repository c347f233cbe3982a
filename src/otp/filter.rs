//! A Kalman filter with two states: offset and rate of one clock, the rate a random walk.
//!
//! Units: seconds, parts per million, and 10⁶ seconds for spans of time, so that one part per
//! million makes one second in one unit of time.

/// An estimate of a clock at one moment. Every number is finite, and rounded to what is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Filter {
    /// Offset from our clock, in seconds.
    offset: f64,
    /// Rate, in parts per million.
    rate: f64,
    /// Standard deviation of the offset.
    offset_doubt: f64,
    /// Standard deviation of the rate.
    rate_doubt: f64,
    /// Correlation of the two errors.
    correlation: f64,
}

/// An estimate with its covariance, between two roundings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    pub(crate) offset: f64,
    pub(crate) rate: f64,
    /// Variance of the offset.
    pub(crate) offset_variance: f64,
    /// Variance of the rate.
    pub(crate) rate_variance: f64,
    covariance: f64,
}

impl Filter {
    /// An estimate of offset and rate whose errors are independent.
    pub(crate) fn new(offset: [f64; 2], rate: [f64; 2]) -> Filter {
        Filter::bounded([offset[0], rate[0], offset[1], rate[1], 0.0])
    }

    /// Offset, rate, their standard deviations and their correlation.
    pub(crate) fn numbers(self) -> [f64; 5] {
        [self.offset, self.rate, self.offset_doubt, self.rate_doubt, self.correlation]
    }

    /// The estimate of any five numbers: absurd ones are replaced by the nearest possible ones.
    pub(crate) fn bounded(numbers: [f64; 5]) -> Filter {
        let [offset, rate, offset_doubt, rate_doubt, correlation] = numbers;
        Filter {
            offset: rounded(offset, -FARTHEST..=FARTHEST, 0.0),
            rate: rounded(rate, -FASTEST..=FASTEST, 0.0),
            offset_doubt: rounded(offset_doubt, 0.001..=FARTHEST, FARTHEST),
            rate_doubt: rounded(rate_doubt, 0.001..=FASTEST, FASTEST),
            correlation: rounded(correlation, -0.999_99..=0.999_99, 0.0),
        }
    }

    /// The estimate after a time without measurements, in which the rate wandered by a random walk
    /// of this variance per unit of time.
    pub(crate) fn after(self, elapsed: f64, wander: f64) -> Estimate {
        let before = Estimate::from(self);
        let (cubed, squared) = (elapsed.powi(3), elapsed.powi(2));
        Estimate {
            offset: before.offset + before.rate * elapsed,
            rate: before.rate,
            offset_variance: before.offset_variance
                + 2.0 * elapsed * before.covariance
                + squared * before.rate_variance
                + wander * cubed / 3.0,
            rate_variance: before.rate_variance + wander * elapsed,
            covariance: before.covariance + elapsed * before.rate_variance + wander * squared / 2.0,
        }
    }
}

impl Estimate {
    /// The estimate after a measurement of the offset, and the logarithm of the likelihood that it
    /// had given to it.
    pub(crate) fn measured(self, offset: f64, variance: f64) -> (Estimate, f64) {
        let total = self.offset_variance + variance;
        let off = offset - self.offset;
        let after = Estimate {
            offset: self.offset + self.offset_variance / total * off,
            rate: self.rate + self.covariance / total * off,
            offset_variance: self.offset_variance * variance / total,
            rate_variance: self.rate_variance - self.covariance.powi(2) / total,
            covariance: self.covariance * variance / total,
        };
        (after, -0.5 * (total.ln() + off.powi(2) / total))
    }

    /// The estimate after the clock was set: the offset is as measured, the rate stays, with at
    /// least this doubt.
    pub(crate) fn set(self, offset: f64, variance: f64, least_rate_doubt: f64) -> Estimate {
        Estimate {
            offset,
            offset_variance: variance,
            rate_variance: self.rate_variance.max(least_rate_doubt.powi(2)),
            covariance: 0.0,
            ..self
        }
    }

    /// The estimate with an offset as measured, whatever was expected. The rate has learned from
    /// it, so the covariance is that of a measurement still.
    pub(crate) fn at(self, offset: f64, variance: f64) -> Estimate {
        Estimate { offset, offset_variance: variance, ..self }
    }

    /// The estimate with its offset moved into a range; the doubt covers the way.
    pub(crate) fn within(self, least: f64, most: f64) -> Estimate {
        let offset = self.offset.max(least).min(most);
        let moved = (offset - self.offset).powi(2);
        Estimate { offset, offset_variance: self.offset_variance + moved, ..self }
    }
}

impl From<Filter> for Estimate {
    fn from(filter: Filter) -> Estimate {
        Estimate {
            offset: filter.offset,
            rate: filter.rate,
            offset_variance: filter.offset_doubt.powi(2),
            rate_variance: filter.rate_doubt.powi(2),
            covariance: filter.correlation * filter.offset_doubt * filter.rate_doubt,
        }
    }
}

impl From<Estimate> for Filter {
    fn from(estimate: Estimate) -> Filter {
        let offset_doubt = estimate.offset_variance.max(0.0).sqrt();
        let rate_doubt = estimate.rate_variance.max(0.0).sqrt();
        let correlation = estimate.covariance / (offset_doubt * rate_doubt);
        Filter::bounded([estimate.offset, estimate.rate, offset_doubt, rate_doubt, correlation])
    }
}

/// A number in a range, with at most six decimals; `otherwise` for what is no number.
pub(crate) fn rounded(number: f64, range: std::ops::RangeInclusive<f64>, otherwise: f64) -> f64 {
    let number = if number.is_nan() { otherwise } else { number };
    (number.clamp(*range.start(), *range.end()) * 1e6).round() / 1e6
}

/// Farthest offset, in seconds: a window of 2,880 steps of 120 seconds ends long before.
const FARTHEST: f64 = 1e6;

/// Fastest and slowest rate, in parts per million.
pub(crate) const FASTEST: f64 = 100.0;
