//! Simulation of a fleet of tokens over years: the enforcement code itself, over clocks with rate,
//! seasons, ageing and jumps, owners with habits, and attackers.
//!
//! Reproducible by seed, on any number of threads: each token has its own random numbers, and
//! counts are whole numbers.

#![allow(clippy::expect_used, reason = "constants of a simulation are right or wrong for good")]

mod baseline;
mod chart;
mod crystal;
mod enforced;
mod judge;
mod life;
mod policy;
mod silence;
mod tally;
mod world;

pub use chart::svg;
pub use judge::Rule;
pub use policy::{CodesBeforePair, Policy};
pub use silence::{History, Silence};
pub use tally::Tally;
pub use world::{BadWorld, Delay, Place, Rate, Stock, Usage, World};

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::random::Random;
use crate::simulate::baseline::{Baseline, Learning};
use crate::simulate::crystal::YEAR;
use crate::simulate::enforced::Enforced;
use crate::simulate::judge::Judge;
use crate::simulate::life::{Habits, Life};
use crate::time::UnixTime;

/// A simulation to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulation {
    /// Surroundings of the tokens.
    pub world: World,
    /// Decisions about them.
    pub policy: Policy,
    /// Number of tokens.
    pub tokens: u32,
    /// Years of use of each.
    pub years: u32,
    /// Seed of all randomness.
    pub seed: u64,
}

/// Counts of a simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// All years together.
    pub total: Tally,
    /// By year of use, the first year first.
    pub years: Vec<Tally>,
}

impl Simulation {
    /// Runs all tokens, on all cores.
    pub fn run(&self) -> Outcome {
        self.run_on(cores())
    }

    /// Runs all tokens on so many threads. Their number changes nothing but the time it takes.
    pub fn run_on(&self, threads: usize) -> Outcome {
        let parts = self.on_threads(threads, |life| {
            life.until(f64::from(self.years) * YEAR);
            std::mem::take(&mut life.years)
        });
        let mut outcome = Outcome::default();
        for years in parts {
            if outcome.years.len() < years.len() {
                outcome.years.resize(years.len(), Tally::default());
            }
            for (sum, year) in outcome.years.iter_mut().zip(&years) {
                *sum += year;
                outcome.total += year;
            }
        }
        outcome
    }

    /// Lives each token, and collects what `lived` returns, by token.
    fn on_threads<T: Send>(
        &self,
        threads: usize,
        lived: impl Fn(&mut Life<'_>) -> T + Sync,
    ) -> Vec<T> {
        let next = AtomicU32::new(0);
        let work = || {
            let mut results = Vec::new();
            loop {
                let token = next.fetch_add(1, Ordering::Relaxed);
                if token >= self.tokens {
                    return results;
                }
                results.push((token, lived(&mut self.life(token))));
            }
        };
        let mut results: Vec<(u32, T)> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_default())
                .collect()
        });
        results.sort_by_key(|(token, _)| *token);
        results.into_iter().map(|(_, result)| result).collect()
    }

    fn life(&self, token: u32) -> Life<'_> {
        let digits = u32::from(self.policy.digits.count());
        let habits = Habits {
            period: f64::from(self.policy.period.seconds()),
            codes_before_pair: self.policy.codes_before_pair.into(),
            possible_codes: 10u32.pow(digits),
        };
        let random = Random::of(self.seed, u64::from(token));
        Life::begin(&self.world, habits, random, |random, now, made| self.judge(random, now, made))
    }

    fn judge(&self, random: &mut Random, now: UnixTime, made: UnixTime) -> Box<dyn Judge> {
        let totp = self.policy.parameters();
        match self.policy.rule {
            Rule::Model => {
                let made = self.world.clock_set.then_some(made);
                Box::new(Enforced::new(&self.policy, random, now, made))
            }
            Rule::Today => {
                Box::new(Baseline::new(totp, Learning::Steps { drift: 0, moved_at: None }))
            }
            Rule::Fixed(reach) => {
                Box::new(Baseline::new(totp, Learning::None { reach: i64::from(reach) }))
            }
        }
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
