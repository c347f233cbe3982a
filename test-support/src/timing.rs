//! Comparison of the times of two kinds of work, measured in turns.
//!
//! One verdict from all samples: they are cut into five blocks in the order of their measurement,
//! and the middle one of the blocks' t-values decides. Other work of the machine can favour one
//! side in two blocks and changes nothing; a difference of the code is there in all of them.

/// The bound for [`difference`]: chance exceeds it once in 90,000 comparisons of equal kinds, which
/// is where dudect's 4.5 for a single t-test is of use (Reparaz, Balasch and Verbauwhede 2017).
pub const BOUND: f64 = 4.5;

/// The difference of two kinds of work, in units of the deviation that chance gives it.
pub fn difference(one: &[f64], other: &[f64]) -> f64 {
    let blocks = |times: &[f64]| -> Vec<Vec<f64>> {
        let size = times.len().div_ceil(BLOCKS).max(1);
        times.chunks(size).map(<[f64]>::to_vec).collect()
    };
    let mut values: Vec<f64> = blocks(one)
        .iter()
        .zip(&blocks(other))
        .map(|(one, other)| welch(one, other))
        .collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2] / DEVIATION
}

/// Welch's t: the difference of the means in units of its own standard error.
pub fn welch(one: &[f64], other: &[f64]) -> f64 {
    let [(mean_one, error_one), (mean_other, error_other)] = [one, other].map(|sample| {
        let count = f64::from(u32::try_from(sample.len()).unwrap());
        let mean = sample.iter().sum::<f64>() / count;
        let variance = sample.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (mean_one - mean_other) / (error_one + error_other).sqrt()
}

const BLOCKS: usize = 5;

/// The standard deviation of the middle one of five values that are each normal with deviation 1.
const DEVIATION: f64 = 0.536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn welch_gives_a_worked_example() {
        // Means 3 and 5, variances 2.5 and 10: t = −2 / √(2.5/5 + 10/5).
        let t = welch(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0, 3.0, 5.0, 7.0, 9.0]);
        assert!((t + 2.0 / 2.5f64.sqrt()).abs() < 1e-12, "{t}");
    }

    #[test]
    fn two_disturbed_blocks_decide_nothing_and_a_difference_does() {
        let noise = |seed: u64| {
            let mut state = seed;
            (0..1_000).map(move |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(u32::MAX)
            })
        };
        let quiet: Vec<f64> = noise(1).collect();
        let disturbed: Vec<f64> = noise(2)
            .enumerate()
            .map(|(n, time)| if n < 400 { time + 9.0 } else { time })
            .collect();
        let slower: Vec<f64> = noise(3).map(|time| time + 0.1).collect();
        assert!(difference(&quiet, &disturbed).abs() < BOUND);
        assert!(difference(&quiet, &slower).abs() > BOUND);
    }
}
