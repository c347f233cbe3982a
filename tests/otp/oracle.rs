//! Expected values: codes made by totp-rs, and pseudo-random numbers, the same in every run.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::RangeInclusive;

use twostep::otp::{Algorithm, Code, Digits, Seed};

pub(crate) const ALGORITHMS: [Algorithm; 3] =
    [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

/// The codes of one seed by moving factor. Each is made once.
pub(crate) struct Oracle {
    codes: totp_rs::Totp,
    made: RefCell<HashMap<u64, String>>,
}

impl Oracle {
    pub(crate) fn new(seed: &Seed, algorithm: Algorithm, digits: Digits) -> Oracle {
        Oracle { codes: totp_rs(seed, algorithm, digits, 1), made: RefCell::default() }
    }

    pub(crate) fn text(&self, factor: u64) -> String {
        self.made
            .borrow_mut()
            .entry(factor)
            .or_insert_with(|| self.codes.generate(factor).to_string())
            .clone()
    }

    pub(crate) fn code(&self, factor: u64) -> Code {
        code(&self.text(factor))
    }

    /// The highest of the `candidates` that shows `text`: what a search must find, chance matches
    /// included.
    pub(crate) fn highest(
        &self,
        candidates: impl IntoIterator<Item = u64>,
        text: &str,
    ) -> Option<u64> {
        candidates.into_iter().filter(|factor| self.text(*factor) == text).max()
    }
}

pub(crate) fn totp_rs(
    seed: &Seed,
    algorithm: Algorithm,
    digits: Digits,
    step_size: u64,
) -> totp_rs::Totp {
    let algorithm = match algorithm {
        Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
        Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
        Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
    };
    totp_rs::Builder::new()
        .with_algorithm(algorithm)
        .with_digits(digits.count())
        .with_secret(seed.expose())
        .with_step_duration(step_size)
        .with_skew(0)
        .build_noncompliant()
}

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.any() % (range.end() - range.start() + 1)
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.any() % u64::try_from(length).unwrap()).unwrap()
    }

    pub(crate) fn seed(&mut self, length: u64) -> Seed {
        Seed::new((0..length).map(|_| self.any().to_be_bytes()[0]).collect()).unwrap()
    }

    pub(crate) fn seed_of(&mut self, lengths: RangeInclusive<u64>) -> Seed {
        let length = self.within(lengths);
        self.seed(length)
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.any() >> 63 == 1
    }

    pub(crate) fn algorithm(&mut self) -> Algorithm {
        ALGORITHMS[self.index(3)]
    }

    pub(crate) fn digits(&mut self) -> Digits {
        digits(u8::try_from(self.within(6..=8)).unwrap())
    }
}

pub(crate) fn digits(count: u8) -> Digits {
    Digits::try_from(count).unwrap()
}

pub(crate) fn code(text: &str) -> Code {
    text.parse().unwrap()
}

/// A number from the environment, for those who want a test to try harder.
pub(crate) fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}
