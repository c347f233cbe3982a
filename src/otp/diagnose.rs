//! Parameters of a token whose two codes are not those of the stored parameters.
//!
//! Some millions of places are looked at, likely ones first. Two codes of six digits are right by
//! chance at one place in 10¹², so a wrong name is one in hundreds of thousands of wrong pairs.

use std::ops::RangeInclusive;

use crate::otp::reading::candidates;
use crate::otp::search::{Pair, nearest_pair};
use crate::otp::{
    Algorithm, Code, Counter, Digits, Hotp, Seed, SeedReading, TimeStep, TimeStepSize, Totp,
};
use crate::time::UnixTime;

/// Stored parameters of a token: the way in which its codes are expected to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// By time.
    Totp(Totp),
    /// By a counter, with the lowest one not consumed.
    Hotp(Hotp, Option<Counter>),
}

/// The way in which two codes were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The token's secret.
    pub reading: SeedReading,
    /// The token's parameters, and the place of the second code.
    pub made: Made,
}

/// Parameters and place of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// By time: the step of the second code.
    Totp(Totp, TimeStep),
    /// By a counter: that of the second code.
    Hotp(Hotp, Counter),
}

/// One combination of deviations from what is stored.
struct Hypothesis<'a> {
    explanation: SeedReading,
    seed: &'a Seed,
    algorithm: Algorithm,
    factor: Factor,
    weight: u32,
}

/// A moving factor that a token may have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Factor {
    Time { step_size: TimeStepSize, t0: u64 },
    Counter,
}

/// Explains two codes of the token with this seed by other parameters than the stored ones; none if
/// nothing fits. [`as_stored`] tries those.
///
/// The digits are those of the codes. The search ends at the first combination that fits.
pub fn explain(
    seed: &Seed,
    expected: Expected,
    codes: [&Code; 2],
    now: UnixTime,
) -> Option<Explanation> {
    let digits = digits_of(codes)?;
    let seeds = candidates(seed);
    let mut hypotheses: Vec<Hypothesis<'_>> = Vec::new();
    for known in &seeds {
        for (algorithm, unlike) in algorithms(expected) {
            for (factor, other) in factors(expected) {
                hypotheses.push(Hypothesis {
                    explanation: known.reading,
                    seed: &known.seed,
                    algorithm,
                    factor,
                    weight: known.weight + unlike + other,
                });
            }
        }
    }
    // The stored parameters were tried, unless the codes have other digits.
    let least = u32::from(digits == expected.parameters().digits);
    hypotheses.retain(|hypothesis| (least..=MOST).contains(&hypothesis.weight));
    // Stable: of equally likely ones, the order above.
    hypotheses.sort_by_key(|hypothesis| hypothesis.weight);
    hypotheses
        .iter()
        .find_map(|hypothesis| hypothesis.explain(expected, digits, codes, now))
}

/// Explains two codes by the stored secret and parameters, with this much time between the
/// token's clock and ours.
pub fn as_stored(
    seed: &Seed,
    expected: Expected,
    codes: [&Code; 2],
    (now, reach): (UnixTime, u64),
) -> Option<Explanation> {
    let digits = digits_of(codes).filter(|digits| *digits == expected.parameters().digits)?;
    let (algorithm, factor) = (expected.parameters().algorithm, expected.factor());
    let explanation = SeedReading::AsStored;
    let hypothesis = Hypothesis { explanation, seed, algorithm, factor, weight: 0 };
    hypothesis.look(expected, digits, codes, (now, reach))
}

impl Hypothesis<'_> {
    fn explain(
        &self,
        expected: Expected,
        digits: Digits,
        codes: [&Code; 2],
        now: UnixTime,
    ) -> Option<Explanation> {
        let reach = if self.weight <= LIKELY { WEEK } else { DAY };
        self.look(expected, digits, codes, (now, reach))
    }

    fn look(
        &self,
        expected: Expected,
        digits: Digits,
        codes: [&Code; 2],
        (now, reach): (UnixTime, u64),
    ) -> Option<Explanation> {
        let algorithm = self.algorithm;
        let key = crate::otp::Key::new(self.seed, algorithm, digits);
        let find = |starts: RangeInclusive<u64>, centre| match nearest_pair(
            &key, codes, starts, centre, None,
        ) {
            Pair::At(first) => first.checked_add(1),
            Pair::Consumed | Pair::Nowhere => None,
        };
        let made = match self.factor {
            Factor::Time { step_size, t0 } => {
                let totp = Totp { algorithm, digits, step_size, t0 };
                let step = totp.step_at(now)?.0;
                let reach = reach / u64::from(step_size.seconds());
                let starts = step.saturating_sub(reach + 1)..=step.saturating_add(reach);
                Made::Totp(totp, TimeStep(find(starts, step.saturating_sub(1))?))
            }
            Factor::Counter => {
                let next = expected.next();
                let reach = if self.weight <= LIKELY { COUNTERS } else { FEW_COUNTERS };
                // Of a counter that ran for long, the last part.
                let starts = next.saturating_sub(COUNTERS)..=next.saturating_add(reach);
                Made::Hotp(Hotp { algorithm, digits }, Counter(find(starts, next)?))
            }
        };
        Some(Explanation { reading: self.explanation, made })
    }
}

impl Made {
    /// The parameters that both kinds of tokens have.
    pub fn parameters(self) -> Hotp {
        match self {
            Made::Totp(Totp { algorithm, digits, .. }, _) => Hotp { algorithm, digits },
            Made::Hotp(hotp, _) => hotp,
        }
    }
}

impl Expected {
    /// The parameters that both kinds of tokens have.
    pub fn parameters(self) -> Hotp {
        match self {
            Expected::Totp(Totp { algorithm, digits, .. }) => Hotp { algorithm, digits },
            Expected::Hotp(hotp, _) => hotp,
        }
    }

    fn factor(self) -> Factor {
        match self {
            Expected::Totp(Totp { step_size, t0, .. }) => Factor::Time { step_size, t0 },
            Expected::Hotp(..) => Factor::Counter,
        }
    }

    fn next(self) -> u64 {
        match self {
            Expected::Hotp(_, Some(next)) => next.0,
            Expected::Hotp(_, None) => u64::MAX,
            Expected::Totp(_) => 0,
        }
    }
}

/// The algorithms, with what speaks against each.
fn algorithms(expected: Expected) -> [(Algorithm, u32); 3] {
    [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
        .map(|algorithm| (algorithm, u32::from(algorithm != expected.parameters().algorithm)))
}

/// The moving factors, with what speaks against each.
fn factors(expected: Expected) -> Vec<(Factor, u32)> {
    let stored = match expected {
        Expected::Totp(totp) => totp,
        Expected::Hotp(..) => Totp::default(),
    };
    let by_time = u32::from(matches!(expected, Expected::Hotp(..)));
    let mut factors = vec![(expected.factor(), 0)];
    let mut add = |factor, weight| {
        if factors.iter().all(|(known, _)| *known != factor) {
            factors.push((factor, weight));
        }
    };
    let sizes = [Some(stored.step_size), Some(TimeStepSize::DEFAULT), minute()];
    for t0 in [stored.t0, 0, YEAR_2000] {
        for step_size in sizes.into_iter().flatten() {
            let unlike = u32::from(t0 != stored.t0) + u32::from(step_size != stored.step_size);
            add(Factor::Time { step_size, t0 }, by_time + unlike);
        }
    }
    add(Factor::Counter, 1);
    factors
}

fn minute() -> Option<TimeStepSize> {
    TimeStepSize::try_from(60).ok()
}

/// The digits of both codes, if they have equally many.
fn digits_of([first, second]: [&Code; 2]) -> Option<Digits> {
    let digits = Digits::try_from(first.digits()).ok()?;
    (second.digits() == first.digits()).then_some(digits)
}

/// 2000-01-01T00:00:00Z: some tokens count their time steps from there.
pub const YEAR_2000: u64 = 946_684_800;

/// Greatest weight of a combination that is looked for.
const MOST: u32 = 4;

/// Greatest weight of a combination that is looked for within a week.
const LIKELY: u32 = 1;

/// Distance of the token's clock from ours, in seconds, up to which codes are looked for.
pub const WEEK: u64 = 7 * DAY;

/// The same for unlikely combinations.
pub const DAY: u64 = 86_400;

/// Counters up to which codes are looked for: ten presses on each working day of eight years.
const COUNTERS: u64 = 20_000;

/// The same for unlikely combinations.
const FEW_COUNTERS: u64 = 4_000;
