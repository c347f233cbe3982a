//! Silence of a token until more than 1 first try in 10,000 misses ±3 steps.

use serde::Serialize;

use crate::simulate::crystal::{DAY, YEAR};
use crate::simulate::life::Life;
use crate::simulate::world::{Stock, Usage, World};
use crate::simulate::{Simulation, cores};

/// Knowledge of a token before it falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// The activation alone.
    Activation,
    /// 16 days of daily use.
    SixteenDays,
    /// 90 days of daily use.
    NinetyDays,
    /// A year of weekly use.
    YearOfWeeks,
    /// The activation, and the day on which the maker set its clock.
    ClockSet,
}

/// Times of silence after a history, in days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Silence {
    /// The history.
    pub history: History,
    /// Days until more than 1 first try in 10,000 misses ±3 steps; at most 730.
    pub days: f64,
    /// Days for which the rule itself expects first tries to work: the median over the tokens.
    /// `None` where it expects nothing.
    pub expected_days: Option<f64>,
}

impl Simulation {
    /// Finds the times of silence of this world, for each history.
    pub fn silence(&self) -> Vec<Silence> {
        History::ALL.into_iter().map(|history| self.silence_after(history)).collect()
    }

    fn silence_after(&self, history: History) -> Silence {
        let world = World {
            stock: Stock { least: 365.0, most: 365.0 },
            usage: if history == History::YearOfWeeks { Usage::WEEKLY } else { Usage::DAILY },
            clock_set: history == History::ClockSet,
            jumps: 0.0,
            idle: 0.0,
            batteries: 0.0,
            attacks: 0.0,
            ..self.world
        };
        let tokens = self.tokens.saturating_mul(MORE_TOKENS);
        let simulation = Simulation { world, tokens, ..*self };
        let end = history.days() * DAY;
        let lived = simulation.on_threads(cores(), |life| {
            life.until(end);
            let misses = DAYS.map(|days| self.chance_of_a_miss(life, end + days * DAY));
            (misses, life.works_for(end))
        });
        let days = DAYS.into_iter().enumerate().find(|(at, _)| {
            let chances = lived.iter().map(|(misses, _)| misses[*at]).sum::<f64>();
            chances > 1e-4 * f64::from(tokens)
        });
        let mut expected: Vec<f64> = lived.iter().filter_map(|(_, works)| *works).collect();
        expected.sort_by(f64::total_cmp);
        let median = expected.get(expected.len() / 2).map(|seconds| seconds / DAY);
        Silence { history, days: days.map_or(LONGEST, |(_, days)| days), expected_days: median }
    }

    /// Chance that a first try at this time misses ±3 steps, over the place in the step and the
    /// owner's delay.
    fn chance_of_a_miss(&self, life: &Life<'_>, at: f64) -> f64 {
        let period = f64::from(self.policy.period.seconds());
        let (delay, error) = (self.world.delay, life.error(at));
        let chances = NORMAL_QUANTILES.map(|quantile| {
            let off = (error - delay.median * (delay.spread * quantile).exp()) / period;
            // The step is `off` ahead, rounded up or down by the place in the step.
            (off - 3.0).clamp(0.0, 1.0) + (-off - 3.0).clamp(0.0, 1.0)
        });
        chances.iter().sum::<f64>() / 9.0
    }
}

impl History {
    /// All histories, the shortest silence first.
    pub const ALL: [History; 5] = [
        History::Activation,
        History::SixteenDays,
        History::NinetyDays,
        History::YearOfWeeks,
        History::ClockSet,
    ];

    /// The history in words.
    pub fn words(self) -> &'static str {
        match self {
            History::Activation => "nothing known",
            History::SixteenDays => "16 days of daily use",
            History::NinetyDays => "90 days of daily use",
            History::YearOfWeeks => "a year of weekly use",
            History::ClockSet => "the day known when its clock was set",
        }
    }

    /// Days from the activation to the silence.
    fn days(self) -> f64 {
        match self {
            History::Activation | History::ClockSet => 0.0,
            History::SixteenDays => 16.5,
            History::NinetyDays => 90.5,
            History::YearOfWeeks => YEAR / DAY,
        }
    }
}

/// Days of silence that are tried: 5 % apart.
const DAYS: [f64; 88] = days();

const fn days() -> [f64; 88] {
    let (mut days, mut at, mut day) = ([0.0; 88], 0, 10.0);
    while at < days.len() {
        days[at] = day;
        day *= 1.05;
        at += 1;
    }
    days
}

/// Tokens for each one of the simulation: one miss in 10,000 takes many, and a short life is cheap.
const MORE_TOKENS: u32 = 4;

/// Longest silence that is tried, in days.
const LONGEST: f64 = 730.0;

/// Middles of nine equal parts of the normal distribution.
const NORMAL_QUANTILES: [f64; 9] =
    [-1.593, -0.967, -0.589, -0.282, 0.0, 0.282, 0.589, 0.967, 1.593];
