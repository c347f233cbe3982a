//! The watch over a fleet: alarms when all tokens move at once.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fleet::cusum::{Cusum, Direction, LEAST, Shift};
use crate::fleet::window::{Mean, Measured, Window};
use crate::id::SerialNumber;
use crate::time::UnixTime;
use crate::verifier::Reading;

/// The state of the watch.
///
/// After an alarm the tokens' models learn the shift, so later readings show less and less of it,
/// and then a part of the opposite, since a model takes a part of a shift for a rate. None of this
/// is told again: see `Quiet`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Watch {
    ahead: Cusum,
    behind: Cusum,
    suspicion: Option<Suspicion>,
    quiet: Option<Quiet>,
    usual: Usual,
    #[serde(skip)]
    window: Window,
    /// Tokens read in the last hour: repeated tries of one person are one reading.
    #[serde(skip)]
    heard: HashMap<SerialNumber, UnixTime>,
}

/// An alarm that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspicion {
    /// The shift.
    pub shift: Shift,
    /// The time of the alarm.
    pub told_at: UnixTime,
}

/// The result of a reading, for those who look after the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notice {
    /// All tokens moved at once.
    Suspect(Suspicion),
    /// The suspicion is over.
    Over(Suspicion, Ending),
}

/// The end of a suspicion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All tokens moved back.
    WentBack,
    /// Readings have been as expected for a day: the clock was set right soon, or the tokens'
    /// models follow it.
    AsExpected,
}

/// The time after an alarm. Its direction is not told until readings have been as expected for a
/// day; for two weeks more, and in the other direction from the beginning, only shifts of half its
/// size are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Quiet {
    /// Half the size of the shift, in seconds.
    half: f64,
    ahead: bool,
    behind: bool,
    /// Late readings, the older the less.
    recent: Mean,
    /// The time from which readings are as expected.
    calm: Option<Calm>,
}

/// Distance from the expectation that all tokens share without a shift: models follow the seasons
/// with a lag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Usual {
    seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Calm {
    since: UnixTime,
    windows: u32,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            ahead: Cusum::new(Direction::Ahead),
            behind: Cusum::new(Direction::Behind),
            suspicion: None,
            quiet: None,
            usual: Usual::default(),
            window: Window::default(),
            heard: HashMap::new(),
        }
    }
}

impl Watch {
    /// Takes a reading. Readings are given in the order of their times.
    pub fn read(&mut self, reading: &Reading) -> Vec<Notice> {
        let mut notices = self.pass(reading.at);
        let heard = self.heard.get(&reading.serial);
        if heard.is_some_and(|heard| reading.at.since(*heard) < HOUR && *heard <= reading.at) {
            return notices;
        }
        if self.heard.len() >= MOST_HEARD {
            self.heard.retain(|_, heard| reading.at.since(*heard) < HOUR);
        }
        if self.heard.len() < MOST_HEARD {
            self.heard.insert(reading.serial.clone(), reading.at);
        }
        self.window.add(reading, self.usual.seconds);
        notices.extend(self.pass(reading.at));
        notices
    }

    /// Lets the time pass: a window may be over without another reading.
    pub fn pass(&mut self, now: UnixTime) -> Vec<Notice> {
        let finished = self.window.finished(now);
        finished.map(|window| self.measure(&window)).unwrap_or_default()
    }

    /// The alarm that is not over.
    pub fn suspicion(&self) -> Option<Suspicion> {
        self.suspicion
    }

    fn measure(&mut self, window: &Measured) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.usual.learn(window);
        if let Some(quiet) = &mut self.quiet {
            let calm = quiet.calm_for(window);
            if calm >= CALM {
                (quiet.ahead, quiet.behind) = (false, false);
                let over = self.suspicion.take();
                notices.extend(over.map(|over| Notice::Over(over, Ending::AsExpected)));
            }
            if calm >= FORGOTTEN {
                self.quiet = None;
            }
        }
        let least = |direction| self.quiet.as_ref().map_or(LEAST, |quiet| quiet.least(direction));
        let (ahead, behind) = (least(Direction::Ahead), least(Direction::Behind));
        let shifts = [(&mut self.ahead, ahead), (&mut self.behind, behind)];
        for shift in shifts.map(|(sum, least)| sum.add(window, least)).into_iter().flatten() {
            notices.push(self.alarm(shift, window.ended));
        }
        notices
    }

    fn alarm(&mut self, shift: Shift, now: UnixTime) -> Notice {
        let quiet = self.quiet.get_or_insert_with(Quiet::default);
        quiet.add(shift);
        match self.suspicion.take() {
            Some(over) => Notice::Over(over, Ending::WentBack),
            None => {
                let suspicion = Suspicion { shift, told_at: now };
                self.suspicion = Some(suspicion);
                Notice::Suspect(suspicion)
            }
        }
    }
}

impl Quiet {
    fn add(&mut self, shift: Shift) {
        match shift.direction {
            Direction::Ahead => self.ahead = true,
            Direction::Behind => self.behind = true,
        }
        self.half = self.half.max(shift.seconds / 2.0);
        self.recent = Mean::default();
        self.calm = None;
    }

    /// The least shift that is told in this direction.
    fn least(&self, direction: Direction) -> f64 {
        let mute = match direction {
            Direction::Ahead => self.ahead,
            Direction::Behind => self.behind,
        };
        if mute { f64::INFINITY } else { self.half.max(LEAST) }
    }

    /// Takes a window, and returns the time for which readings have been as expected.
    fn calm_for(&mut self, window: &Measured) -> Duration {
        self.recent = self.recent.times(FORGETTING).and(window.mean);
        let near = self.recent.value().abs() <= NEAR + self.recent.error(window.spread);
        let calm = self.calm.unwrap_or(Calm { since: window.began, windows: 0 });
        self.calm = near.then_some(Calm { windows: calm.windows.saturating_add(1), ..calm });
        let calm = self.calm.filter(|calm| calm.windows >= CALM_WINDOWS);
        calm.map_or(Duration::ZERO, |calm| window.ended.since(calm.since))
    }
}

impl Usual {
    fn learn(&mut self, window: &Measured) {
        let hours = window.ended.since(window.began).as_secs_f64() / 3_600.0;
        let gain = -(-hours / MEMORY).exp_m1();
        // A season does not move at once.
        let off = window.mean.value().clamp(-MOST_USUAL, MOST_USUAL);
        let usual = self.seconds + gain * off;
        self.seconds = usual.clamp(-MOST_USUAL, MOST_USUAL);
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

/// The most tokens of the last hour that are remembered.
const MOST_HEARD: usize = 16_384;

/// Hours with readings for which they count for what is usual: weeks, which are short against the
/// seasons, and long against a shift.
const MEMORY: f64 = 100.0;

/// The most that all tokens are off without a shift, in seconds.
const MOST_USUAL: f64 = 4.0;

/// The weight of a window in the next one, for telling if readings are as expected.
const FORGETTING: f64 = 0.9;

/// The distance from the expectation, in seconds, up to which readings are as expected.
const NEAR: f64 = 1.0;

/// The time, and the windows, for which readings are as expected when an alarm is over, and the
/// time after which it is forgotten.
const CALM: Duration = Duration::from_secs(86_400);
const FORGOTTEN: Duration = Duration::from_secs(15 * 86_400);
const CALM_WINDOWS: u32 = 8;
