//! Tokens counted by how far their clocks are off.

/// Number of tokens in each bin of [`WIDTH`] seconds; the first and the last bin have all that is
/// farther off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The bins, those of clocks that are behind first.
    pub counts: [u64; BINS],
}

impl Histogram {
    /// The histogram of these offsets, in seconds.
    pub(crate) fn of(offsets: &[f32]) -> Histogram {
        let mut histogram = Histogram::default();
        for offset in offsets.iter().copied().map(f64::from).filter(|offset| offset.is_finite()) {
            let above = |edge: &i16| f64::from(*edge) <= offset;
            let index = Histogram::edges().take_while(above).count();
            histogram.counts[index] = histogram.counts[index].saturating_add(1);
        }
        histogram
    }

    /// The offsets between two bins, ascending.
    pub fn edges() -> impl Iterator<Item = i16> {
        (0..).map(|n| n * WIDTH - FARTHEST).take(BINS - 1)
    }

    /// Number of tokens.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Numbers of tokens that are behind by more than a bin, within one either side, and ahead.
    pub fn thirds(&self) -> [u64; 3] {
        let middle = BINS / 2;
        let sum = |counts: &[u64]| counts.iter().fold(0, |sum: u64, it| sum.saturating_add(*it));
        let (behind, rest) = self.counts.split_at(middle - 1);
        let (near, ahead) = rest.split_at(2);
        [sum(behind), sum(near), sum(ahead)]
    }
}

/// Number of bins.
pub const BINS: usize = 18;

/// Seconds of a bin: half a step of most tokens.
pub const WIDTH: i16 = 15;

/// Offset beyond which all are in one bin: four steps of most tokens, one more than a code may be
/// off.
const FARTHEST: i16 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_offset_falls_into_its_bin() {
        let edges: Vec<i16> = Histogram::edges().collect();
        assert_eq!((edges[0], edges[8], edges[16], edges.len()), (-120, 0, 120, BINS - 1));
        for (offset, bin) in
            [(-1e30, 0), (-120.1, 0), (-120.0, 1), (-0.1, 8), (0.0, 9), (119.9, 16), (120.0, 17)]
        {
            let histogram = Histogram::of(&[offset]);
            assert_eq!((histogram.counts[bin], histogram.total()), (1, 1), "{offset}");
        }
        assert_eq!(Histogram::of(&[f32::NAN, f32::INFINITY]), Histogram::default());
    }

    #[test]
    fn tokens_within_half_a_step_are_the_middle_third() {
        let offsets = [-200.0, -15.1, -15.0, 0.0, 14.9, 15.0, 300.0];
        assert_eq!(Histogram::of(&offsets).thirds(), [2, 3, 2]);
    }
}
