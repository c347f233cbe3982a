//! Rates of clocks before anything is measured.

/// The rate of a clock before anything is measured, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatePrior {
    /// The mean.
    pub rate: f64,
    /// The standard deviation.
    pub doubt: f64,
}

impl RatePrior {
    /// Crystals of hardware tokens.
    pub const HARDWARE: RatePrior = RatePrior { rate: 0.0, doubt: 15.0 };

    /// Clocks of phones and computers, which the network keeps right.
    pub const APP: RatePrior = RatePrior { rate: 0.0, doubt: 2.0 };

    /// Greatest doubt of a rate that counts as known: a third of [`RatePrior::HARDWARE`].
    pub const KNOWN: f64 = 5.0;

    /// Clocks of a kind of which these rates are known: their median, and their spread with what
    /// the rates of one kind differ by in any case. None of fewer than [`RatePrior::ENOUGH`].
    pub fn of_kind(mut rates: Vec<f64>) -> Option<RatePrior> {
        rates.retain(|rate| rate.is_finite());
        rates.sort_by(f64::total_cmp);
        let count = rates.len();
        let at = |place: usize| rates.get(place).copied();
        // Outliers, failing crystals among them, count as one token each.
        let (low, rate, high) = (at(count / 6)?, at(count / 2)?, at(count - count / 6 - 1)?);
        let spread = (high - low) / 2.0;
        let doubt = spread.hypot(WITHIN_A_KIND).clamp(LEAST, RatePrior::HARDWARE.doubt);
        (count >= RatePrior::ENOUGH).then_some(RatePrior { rate, doubt })
    }

    /// Number of clocks that tell the rate of their kind.
    pub const ENOUGH: usize = 20;
}

/// Standard deviation of the rate that is left once its kind is known, in parts per million.
const WITHIN_A_KIND: f64 = 3.0;

/// Least doubt, in parts per million.
const LEAST: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_clocks_tell_their_kind_though_some_fail() {
        let rates = |count: u8| (0..count).map(|n| 12.0 + f64::from(n % 5) - 2.0).collect();
        assert_eq!(RatePrior::of_kind(rates(19)), None);
        assert_eq!(RatePrior::of_kind(Vec::new()), None);
        let usual = RatePrior::of_kind(rates(20)).unwrap();
        assert!((usual.rate - 12.0).abs() <= 1.0 && (3.0..4.5).contains(&usual.doubt), "{usual:?}");
        let mut rates: Vec<f64> = rates(25);
        rates.extend([-100.0, 100.0, 100.0, f64::NAN, f64::INFINITY]);
        let with_failing = RatePrior::of_kind(rates).unwrap();
        assert!((with_failing.rate - 12.0).abs() <= 1.0 && with_failing.doubt < 4.5);
        let wide = (0..40).map(|n| f64::from(n) * 5.0 - 100.0).collect();
        assert_eq!(RatePrior::of_kind(wide).map(|prior| prior.doubt), Some(15.0));
    }
}
