//! Worlds for the tests of the watch: tokens, seasons, owners and a server's clock.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::device::Batch;
use crate::fleet::{Notice, Watch};
use crate::id::SerialNumber;
use crate::otp::{ClockModel, Evidence, Measurement, RatePrior, Totp};
use crate::random::Random;
use crate::time::UnixTime;
use crate::verifier::Reading;

/// A world: tokens of quartz, used in working hours (8 to 18 h), followed by their models.
#[derive(Clone)]
pub(super) struct World {
    /// Tokens of each batch.
    pub(super) batches: Vec<u16>,
    /// Chance of a use on a day.
    pub(super) use_a_day: f64,
    /// Temperature: mean and swing of the year, in °C.
    pub(super) place: (f64, f64),
    /// Days before the watch begins, in which the models learn.
    pub(super) learning: u32,
    pub(super) days: u32,
    pub(super) seed: u64,
    /// Seconds by which the server's clock is off, by days since the watch began.
    pub(super) server: fn(f64) -> f64,
    /// Seconds by which codes arrive later.
    pub(super) page: fn(f64) -> f64,
    /// Seconds by which the tokens of a batch have been set.
    pub(super) batch: fn(f64, usize) -> f64,
}

/// A notice, in days since the watch began.
pub(super) type Told = (f64, Notice);

struct Token {
    serial: SerialNumber,
    batch: usize,
    clock: f64,
    rate: f64,
    seen: f64,
    model: ClockModel,
}

impl Default for World {
    fn default() -> World {
        World {
            batches: vec![100; 10],
            use_a_day: 1.0,
            place: OFFICE,
            learning: 40,
            days: 1,
            seed: 1,
            server: |_| 0.0,
            page: |_| 0.0,
            batch: |_, _| 0.0,
        }
    }
}

impl World {
    pub(super) fn run(&self) -> Vec<Told> {
        let mut random = Random::new(self.seed);
        let mut tokens = self.tokens(&mut random);
        let (mut watch, mut told) = (Watch::default(), Vec::new());
        for day in 0..self.learning + self.days {
            let mut uses: Vec<(f64, usize)> = Vec::new();
            for token in 0..tokens.len() {
                if random.unit() < self.use_a_day {
                    uses.push((f64::from(day) + (8.0 + 10.0 * random.unit()) / 24.0, token));
                }
            }
            uses.sort_by(|one, other| one.0.total_cmp(&other.0));
            for (at, token) in uses {
                let now = at - f64::from(self.learning);
                let reading = self.sign_in(&mut tokens[token], at, &mut random);
                if let Some(reading) = reading.filter(|_| now >= 0.0) {
                    told.extend(watch.read(&reading).into_iter().map(|notice| (now, notice)));
                }
            }
        }
        told
    }

    fn tokens(&self, random: &mut Random) -> Vec<Token> {
        let numbers = self.batches.iter().enumerate();
        numbers
            .flat_map(|(batch, count)| (0..*count).map(move |number| (batch, number)))
            .map(|(batch, number)| Token {
                serial: format!("AC{batch:03}-{number:05}").parse().unwrap(),
                batch,
                clock: 10.0 * random.normal(),
                rate: 12.0 * random.normal(),
                seen: 0.0,
                model: ClockModel::new(RatePrior::HARDWARE),
            })
            .collect()
    }

    /// A sign-in at this day: the reading of an accepted code, or of a missed one that is found, as
    /// of the verifier's time.
    fn sign_in(&self, token: &mut Token, day: f64, random: &mut Random) -> Option<Reading> {
        let since = day - f64::from(self.learning);
        let (mean, swing) = self.place;
        let celsius = mean + swing * (TAU * day / 365.0).sin();
        let rate = token.rate - 0.035 * (celsius - 25.0).powi(2);
        token.clock += rate * 1e-6 * (day - token.seen) * DAY;
        token.seen = day;
        let delay = random.log_normal(7.0, 0.6) + (self.page)(since);
        let shown = day * DAY - delay + token.clock + (self.batch)(since, token.batch);
        let server = day * DAY + (self.server)(since);
        let middle = (shown / 30.0).floor() * 30.0 + 15.0;
        let now = START.plus(Duration::from_secs_f64(server.max(0.0)));
        // The whole second of the verifier's clock.
        let measured = Measurement {
            offset: middle - server.floor(),
            step_size: 30.0,
            evidence: Evidence::Code,
        };
        let window = Totp::default().window(now, &token.model.foretell(now))?;
        let step = (START.0 + Duration::from_secs_f64(middle.max(0.0)).as_secs()) / 30;
        let accepted = window.steps().any(|candidate| candidate == step);
        let compared = token.model.compared(measured, now);
        let was_known = token.model.is_measured();
        // The owner of a code that missed sends a pair.
        let evidence = if accepted { Evidence::Code } else { Evidence::Pair };
        token.model.learn(Measurement { evidence, ..measured }, now);
        let serial = token.serial.clone();
        (was_known && compared.off.abs() < 60.0 * 30.0).then(|| Reading {
            batch: Batch::of(&serial),
            serial,
            at: now,
            off: compared.off,
            doubt: compared.doubt,
        })
    }
}

const DAY: f64 = 86_400.0;

/// A midnight.
const START: UnixTime = UnixTime(1_795_478_400);

/// Mean and swing of the temperature in a year, in °C.
pub(super) const OFFICE: (f64, f64) = (22.0, 2.0);
pub(super) const OUTDOORS: (f64, f64) = (14.0, 11.0);
