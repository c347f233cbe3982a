//! Random numbers of simulations: reproducible by seed on every machine. Never for secrets.

use std::f64::consts::TAU;

/// SplitMix64 (Steele, Lea and Flood 2014): one stream for each token, so that neither threads nor
/// other tokens change it.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of a seed.
    #[cfg(test)]
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The stream of one token of a simulation.
    pub(crate) fn of(seed: u64, token: u64) -> Random {
        let mut mixed = Random(seed);
        let seed = mixed.bits();
        let mut mixed = Random(seed ^ token.wrapping_mul(0xd1b5_4a32_d192_ed03));
        Random(mixed.bits())
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        // The product is below `bound` · 2³², so its upper half fits.
        let scaled = (self.bits() >> 32) * u64::from(bound);
        u32::try_from(scaled >> 32).unwrap_or(0)
    }

    /// Uniform in 0 ≤ x < 1.
    pub(crate) fn unit(&mut self) -> f64 {
        let bits = self.bits();
        let [high, low] = [bits >> 32, bits & 0xffff_ffff]
            .map(|half| f64::from(u32::try_from(half).unwrap_or(0)));
        (high + low.floor() / 4_294_967_296.0) / 4_294_967_296.0
    }

    /// Uniform between two bounds.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// −1 or 1.
    pub(crate) fn sign(&mut self) -> f64 {
        if self.bits() >> 63 == 0 { 1.0 } else { -1.0 }
    }

    /// Normal with mean 0 and standard deviation 1 (Box–Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }

    /// Log-normal, by its median and the standard deviation of its logarithm.
    pub(crate) fn log_normal(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.normal()).exp()
    }

    /// Time to the next event of a Poisson process with this mean time between events.
    pub(crate) fn waiting(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_moments_of_their_distribution() {
        let mut random = Random::of(1, 2);
        let numbers = 100_000u32;
        let mean_of = |mut draw: Box<dyn FnMut() -> f64 + '_>| {
            (0..numbers).map(|_| draw()).sum::<f64>() / f64::from(numbers)
        };
        assert!((mean_of(Box::new(|| random.unit())) - 0.5).abs() < 0.005);
        assert!(mean_of(Box::new(|| random.normal())).abs() < 0.02);
        assert!((mean_of(Box::new(|| random.normal().powi(2))) - 1.0).abs() < 0.03);
        assert!((mean_of(Box::new(|| random.waiting(3.0))) - 3.0).abs() < 0.05);
        let mean = 7.0 * 0.125f64.exp();
        assert!((mean_of(Box::new(|| random.log_normal(7.0, 0.5))) - mean).abs() < 0.1);
        assert!((mean_of(Box::new(|| f64::from(random.below(10)))) - 4.5).abs() < 0.05);
        assert!(mean_of(Box::new(|| random.sign())).abs() < 0.02);
    }

    #[test]
    fn streams_are_of_seed_and_token() {
        let first = |seed, token| Random::of(seed, token).bits();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(2, 1));
        assert_ne!(first(1, 2), first(1, 3));
    }
}
