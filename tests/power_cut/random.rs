//! Numbers that look random and come again with the same seed.

/// xorshift64*
pub(crate) struct Random(u64);

impl Random {
    /// From `TWOSTEP_SEED`, or else from the number given.
    pub(crate) fn new(seed: u64) -> Random {
        let seed = std::env::var("TWOSTEP_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(seed);
        println!("TWOSTEP_SEED={seed}");
        Random(seed.max(1))
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(number).unwrap() % end
    }
}
