//! The true clock of a simulated token.

use std::f64::consts::TAU;

use crate::random::Random;
use crate::simulate::world::{Place, Rate, World};

/// A token's clock: a quartz crystal, and what happens to it. Times are seconds since the
/// activation; the maker set the clock before.
#[derive(Clone, Debug)]
pub(super) struct Crystal {
    /// Rate at 25 °C when new, as a fraction.
    rate: f64,
    /// Final change of the rate by age, as a fraction.
    ageing: f64,
    season: Season,
    /// Time in stock in seconds: its clock was right that long before the activation.
    stock: f64,
    /// Sum of all jumps so far, and the offset to which the last change of a battery set it.
    moved: f64,
}

/// Temperature over the year, as the rate feels it: −k (a + b cos φ)².
#[derive(Clone, Copy, Debug)]
struct Season {
    below: f64,
    swing: f64,
    /// Phase at the activation.
    phase: f64,
}

impl Crystal {
    pub(super) fn new(world: &World, random: &mut Random) -> Crystal {
        let ppm = match world.rate {
            Rate::Normal(deviation) => deviation * random.normal(),
            Rate::Uniform(low, high) => random.between(low, high) * random.sign(),
            Rate::Const(value) => value * random.sign(),
        };
        // Each owner's place is a little warmer or colder than others.
        let (mean, swing, ageing, stored) = match world.place {
            Place::Office => (22.0 + 1.5 * random.normal(), 3.0, 3.0, STOCK),
            Place::Outdoors => (14.0, 11.0, 3.0, STOCK),
            Place::Constant => (TURNOVER, 0.0, 0.0, TURNOVER),
        };
        let ageing = random.between(-ageing, ageing) * 1e-6;
        let season = Season { below: mean - TURNOVER, swing, phase: random.between(0.0, TAU) };
        let stock = random.between(world.stock.least, world.stock.most) * DAY;
        let mut crystal = Crystal { rate: ppm * 1e-6, ageing, season, stock, moved: 0.0 };
        let in_stock = crystal.rate - CURVATURE * (stored - TURNOVER).powi(2);
        // Makers set clocks to the second.
        crystal.moved = random.normal() + in_stock * stock - crystal.season.drifted(0.0);
        crystal
    }

    /// Time in stock before the activation, in seconds.
    pub(super) fn stock(&self) -> f64 {
        self.stock
    }

    /// Seconds by which the clock is ahead at a time after the activation.
    pub(super) fn offset(&self, at: f64) -> f64 {
        self.moved + self.drifted(at)
    }

    /// Moves the clock.
    pub(super) fn jump(&mut self, seconds: f64) {
        self.moved += seconds;
    }

    /// Sets the clock this many seconds ahead, at a time after the activation.
    pub(super) fn set(&mut self, ahead: f64, at: f64) {
        self.moved = ahead - self.drifted(at);
    }

    /// The integral of the rate, up to a constant.
    fn drifted(&self, at: f64) -> f64 {
        let age = at + self.stock;
        let aged = self.ageing * (age - AGEING * (1.0 - (-age / AGEING).exp()));
        self.rate * at + aged + self.season.drifted(at)
    }
}

impl Season {
    /// The integral of the temperature's part of the rate, up to a constant.
    fn drifted(self, at: f64) -> f64 {
        let (a, b, omega) = (self.below, self.swing, TAU / YEAR);
        let phase = omega * at + self.phase;
        let squares = (a * a + b * b / 2.0) * at
            + 2.0 * a * b * phase.sin() / omega
            + b * b * (2.0 * phase).sin() / (4.0 * omega);
        -CURVATURE * squares
    }
}

/// Seconds in a day.
pub(super) const DAY: f64 = 86_400.0;

/// Seconds in a year.
pub(super) const YEAR: f64 = 365.25 * DAY;

/// Temperature at which a watch crystal is fastest, in °C.
const TURNOVER: f64 = 25.0;

/// Temperature of a store room, in °C.
const STOCK: f64 = 18.0;

/// Loss of rate by the square of the distance from that temperature, per °C².
const CURVATURE: f64 = 0.035e-6;

/// Time in which ageing approaches its end by a factor e: 95 % of it happen in the first year.
const AGEING: f64 = YEAR / 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn crystal(place: Place) -> Crystal {
        Crystal::new(
            &World { place, rate: Rate::Const(0.0), ..World::default() },
            &mut Random::of(3, 4),
        )
    }

    /// Rate over a day, in ppm.
    fn rate(crystal: &Crystal, day: u32) -> f64 {
        let at = f64::from(day) * DAY;
        (crystal.offset(at + DAY) - crystal.offset(at)) / DAY * 1e6
    }

    #[test]
    fn the_seasons_outdoors_move_the_rate_by_17_ppm() {
        let mut outdoors = crystal(Place::Outdoors);
        outdoors.ageing = 0.0;
        let rates: Vec<f64> = (0..366).map(|day| rate(&outdoors, day)).collect();
        let (least, most) = (
            rates.iter().copied().fold(0.0, f64::min),
            rates.iter().copied().fold(-99.0, f64::max),
        );
        assert!((16.5..17.2).contains(&(most - least)), "{least} to {most}");
        let year = (outdoors.offset(YEAR) - outdoors.offset(0.0)) / YEAR * 1e6;
        assert!((year + 0.035 * (121.0 + 60.5)).abs() < 0.01, "{year}");
    }

    #[test]
    fn ageing_ends_after_the_first_year() {
        let office = Crystal { stock: 0.0, ageing: 3e-6, ..crystal(Place::Office) };
        let young = Crystal { ageing: 0.0, ..office.clone() };
        let aged = |day| rate(&office, day) - rate(&young, day);
        assert!((0.0..0.02).contains(&aged(0)));
        assert!((2.8..3.0).contains(&aged(365)));
    }

    #[test]
    fn a_clock_that_is_set_goes_on_at_its_rate() {
        let mut token = crystal(Place::Constant);
        token.rate = 1e-5;
        token.set(5.0, 100.0 * DAY);
        assert!((token.offset(100.0 * DAY) - 5.0).abs() < 1e-6);
        token.jump(-3.0);
        assert!((token.offset(200.0 * DAY) - 2.0 - 86.4).abs() < 1e-3);
    }
}
