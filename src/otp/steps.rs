//! The steps at which a code is accepted at one moment.

/// The steps at which a code is accepted at one moment: the expected one, one to three either side,
/// and those around `T` if the device lags without running slow. At most nine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepWindow {
    /// The expected step; negative before T0.
    pub(crate) centre: i128,
    /// Number of steps either side of it.
    pub(crate) half_width: u8,
    /// `T`, where the device lags by more than a step and does not run slow: a lagging device
    /// cannot have shown those codes yet, so a match there means that its owner set the clock.
    pub(crate) present: Option<u64>,
}

impl StepWindow {
    /// Number of steps either side of the expected one.
    pub fn half_width(self) -> u8 {
        self.half_width
    }

    /// The steps, ascending, each once. Steps before T0 do not exist.
    pub fn steps(self) -> impl Iterator<Item = u64> {
        let last = self.last();
        let present = self.present.into_iter().flat_map(|step| {
            let step = i128::from(step);
            step - 1..=step + 1
        });
        (self.centre - i128::from(self.half_width)..=last)
            .chain(present.filter(move |step| *step > last))
            .filter_map(|step| u64::try_from(step).ok())
            .take(MOST)
    }

    /// The number of steps.
    pub fn candidates(self) -> u8 {
        self.steps().fold(0, |count, _| count + 1)
    }

    /// True if a step lies around `T` alone, and not around the expected one.
    pub(crate) fn is_only_present(self, step: u64) -> bool {
        i128::from(step) > self.last()
    }

    fn last(self) -> i128 {
        self.centre + i128::from(self.half_width)
    }
}

/// The most candidates of one code.
const MOST: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(centre: i128, half_width: u8, present: Option<u64>) -> Vec<u64> {
        StepWindow { centre, half_width, present }.steps().collect()
    }

    #[test]
    fn steps_ascend_each_once_at_most_nine() {
        assert_eq!(steps(100, 1, None), [99, 100, 101]);
        assert_eq!(steps(100, 3, None), [97, 98, 99, 100, 101, 102, 103]);
        assert_eq!(steps(98, 1, Some(100)), [97, 98, 99, 100, 101]);
        assert_eq!(steps(98, 3, Some(100)), [95, 96, 97, 98, 99, 100, 101]);
        assert_eq!(steps(80, 2, Some(100)), [78, 79, 80, 81, 82, 99, 100, 101]);
        assert_eq!(steps(80, 3, Some(100)), [77, 78, 79, 80, 81, 82, 83, 99, 100]);
    }

    #[test]
    fn no_step_is_before_t0_or_after_the_last() {
        assert_eq!(steps(0, 1, None), [0, 1]);
        assert_eq!(steps(-4, 3, Some(1)), [0, 1, 2]);
        assert_eq!(steps(i128::from(u64::MAX), 1, None), [u64::MAX - 1, u64::MAX]);
    }
}
