//! Quantiles of a sample.

/// Quantiles of a sample; zeros of an empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantiles {
    /// One value for each of [`LEVELS`].
    pub values: [f64; LEVELS.len()],
}

/// The levels of [`Quantiles`].
pub const LEVELS: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

impl Quantiles {
    /// The quantiles of these values; those that are no numbers are left out.
    pub(crate) fn of(mut sample: Vec<f32>) -> Quantiles {
        sample.retain(|value| value.is_finite());
        sample.sort_by(f32::total_cmp);
        let last = sample.len().saturating_sub(1);
        let at = |level: f64| {
            let place = f64::from(u32::try_from(last).unwrap_or(u32::MAX)) * level;
            let (below, part) = (place.floor(), place.fract());
            #[allow(clippy::as_conversions, reason = "a whole number from 0 to `last`")]
            let below = below as usize;
            let value = |index: usize| sample.get(index.min(last)).map_or(0.0, |v| f64::from(*v));
            value(below) + part * (value(below + 1) - value(below))
        };
        Quantiles { values: LEVELS.map(at) }
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.values[3]
    }

    /// The standard deviation of a normal sample with the same 5 % and 95 %.
    pub fn spread(&self) -> f64 {
        (self.values[5] - self.values[1]) / 3.29
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_interpolated() {
        let quantiles = Quantiles::of((0..=100_u8).rev().map(f32::from).collect());
        assert_eq!(quantiles.values, [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0]);
        assert_eq!(Quantiles::of(vec![1.0, 2.0]).median(), 1.5);
        assert_eq!(Quantiles::of(vec![7.0]).values, [7.0; 7]);
        assert_eq!(Quantiles::of(Vec::new()).values, [0.0; 7]);
        assert_eq!(Quantiles::of(vec![f32::NAN, 3.0, f32::INFINITY]).values, [3.0; 7]);
    }
}
