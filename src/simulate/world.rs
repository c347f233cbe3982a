//! The world of a simulation: clocks, places, habits and mishaps, with their names on the command
//! line.

use std::fmt;
use std::str::FromStr;

/// Surroundings of the tokens of a simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct World {
    /// Distribution of the rates at 25 °C.
    pub rate: Rate,
    /// Temperature over the year.
    pub place: Place,
    /// Time between the maker's setting of the clock and the activation.
    pub stock: Stock,
    /// Time between two sign-ins.
    pub usage: Usage,
    /// Time from reading a code to its judgement.
    pub delay: Delay,
    /// Jumps of a token's clock a year: 0.5 to 120 s either way, their logarithms uniform.
    pub jumps: f64,
    /// Times without use a year: 60 to 365 days each.
    pub idle: f64,
    /// Changes of the battery a year. Each sets the clock anew, up to 60 s off.
    pub batteries: f64,
    /// Attacks on a device a year: up to 20 guesses, each as soon as it is judged.
    pub attacks: f64,
    /// True if the day is known on which the maker set the clock.
    pub clock_set: bool,
}

/// Distribution of clock rates, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// Uniform between two absolute values, fast and slow alike.
    Uniform(f64, f64),
    /// One absolute value, fast and slow alike.
    Const(f64),
}

/// Surroundings that move the rate of a crystal: −0.035 ppm/°C² around 25 °C, and up to 3 ppm of
/// ageing, most of it in the first year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// 22 ± 3 °C over the year.
    Office,
    /// 14 ± 11 °C over the year: 17 ppm between the seasons.
    Outdoors,
    /// 25 °C for ever, and no ageing: a constant rate.
    Constant,
}

/// Days between two sign-ins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    days: f64,
}

/// Days in stock, uniform between two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stock {
    /// Fewest days.
    pub least: f64,
    /// Most days.
    pub most: f64,
}

/// Log-normal time from reading a code to its judgement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// Median in seconds.
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub spread: f64,
}

/// The text names no such surroundings; the words say what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadWorld(pub(super) &'static str);

impl Usage {
    /// Once a day.
    pub const DAILY: Usage = Usage { days: 1.0 };
    /// Once a week.
    pub const WEEKLY: Usage = Usage { days: 7.0 };
    /// Once in four weeks.
    pub const MONTHLY: Usage = Usage { days: 28.0 };
    /// Once in twelve weeks.
    pub const QUARTERLY: Usage = Usage { days: 84.0 };

    /// Mean time between two sign-ins, in days.
    pub fn days(self) -> f64 {
        self.days
    }
}

impl Delay {
    /// Mean in seconds.
    pub fn mean(self) -> f64 {
        self.median * (self.spread * self.spread / 2.0).exp()
    }
}

impl Default for World {
    /// An office with tokens used daily.
    fn default() -> World {
        World {
            rate: Rate::Normal(12.0),
            place: Place::Office,
            stock: Stock::default(),
            usage: Usage::DAILY,
            delay: Delay::default(),
            jumps: 0.0,
            idle: 0.0,
            batteries: 0.0,
            attacks: 0.0,
            clock_set: false,
        }
    }
}

impl Default for Stock {
    /// Half a year to two years.
    fn default() -> Stock {
        Stock { least: 180.0, most: 720.0 }
    }
}

impl Default for Delay {
    /// Half of all people within 7 s, all but 1 in 400 within 30 s.
    fn default() -> Delay {
        Delay { median: 7.0, spread: 0.5 }
    }
}

impl FromStr for Rate {
    type Err = BadWorld;

    fn from_str(text: &str) -> Result<Rate, BadWorld> {
        let wrong = BadWorld("a rate is normal:12, uniform:1-60 or const:5, of 0 to 1000 ppm");
        let ppm = |text: &str| number(text, 0.0, 1_000.0).ok_or(wrong);
        match text.split_once(':') {
            Some(("normal", deviation)) => Ok(Rate::Normal(ppm(deviation)?)),
            Some(("const", value)) => Ok(Rate::Const(ppm(value)?)),
            Some(("uniform", range)) => {
                let (low, high) = range.split_once('-').ok_or(wrong)?;
                let (low, high) = (ppm(low)?, ppm(high)?);
                (low <= high).then_some(Rate::Uniform(low, high)).ok_or(wrong)
            }
            _ => Err(wrong),
        }
    }
}

impl FromStr for Place {
    type Err = BadWorld;

    fn from_str(text: &str) -> Result<Place, BadWorld> {
        [Place::Office, Place::Outdoors, Place::Constant]
            .into_iter()
            .find(|place| place.to_string() == text)
            .ok_or(BadWorld("a place is office, outdoors or constant"))
    }
}

impl FromStr for Usage {
    type Err = BadWorld;

    fn from_str(text: &str) -> Result<Usage, BadWorld> {
        if let Some((_, usage)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*usage);
        }
        let days = text.strip_prefix("days:").and_then(|days| number(days, 0.25, 1_000.0));
        days.map(|days| Usage { days }).ok_or(BadWorld(
            "use is daily, weekly, monthly, quarterly, or days:N for every N days (0.25 to 1000)",
        ))
    }
}

impl FromStr for Stock {
    type Err = BadWorld;

    /// `365`, or `180-720`.
    fn from_str(text: &str) -> Result<Stock, BadWorld> {
        let wrong = BadWorld("a time in stock is DAYS or LEAST-MOST, of 0 to 3650 days");
        let days = |text: &str| number(text, 0.0, 3_650.0).ok_or(wrong);
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let (least, most) = (days(least)?, days(most)?);
        (least <= most).then_some(Stock { least, most }).ok_or(wrong)
    }
}

impl FromStr for Delay {
    type Err = BadWorld;

    /// `7`, or `7:0.5` with the standard deviation of the logarithm.
    fn from_str(text: &str) -> Result<Delay, BadWorld> {
        let wrong =
            BadWorld("a delay is its median in seconds (0 to 600), or MEDIAN:SPREAD (0 to 2)");
        let (median, spread) = match text.split_once(':') {
            Some((median, spread)) => (median, number(spread, 0.0, 2.0).ok_or(wrong)?),
            None => (text, Delay::default().spread),
        };
        Ok(Delay { median: number(median, 0.0, 600.0).ok_or(wrong)?, spread })
    }
}

/// A number within bounds; texts like `inf` and `nan` are none.
fn number(text: &str, least: f64, most: f64) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| (least..=most).contains(number))
}

const NAMED: [(&str, Usage); 4] = [
    ("daily", Usage::DAILY),
    ("weekly", Usage::WEEKLY),
    ("monthly", Usage::MONTHLY),
    ("quarterly", Usage::QUARTERLY),
];

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::Normal(deviation) => write!(f, "normal:{deviation}"),
            Rate::Uniform(low, high) => write!(f, "uniform:{low}-{high}"),
            Rate::Const(value) => write!(f, "const:{value}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Office => "office",
            Place::Outdoors => "outdoors",
            Place::Constant => "constant",
        })
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMED.iter().find(|(_, usage)| usage == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "days:{}", self.days),
        }
    }
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most {
            write!(f, "{}", self.least)
        } else {
            write!(f, "{}-{}", self.least, self.most)
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.median, self.spread)
    }
}

impl fmt::Display for BadWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadWorld {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surroundings_are_read_back_from_their_names() {
        for text in ["normal:12", "uniform:1-60", "const:5", "const:0.5"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["daily", "weekly", "monthly", "quarterly", "days:3", "days:0.5"] {
            assert_eq!(text.parse::<Usage>().unwrap().to_string(), text);
        }
        for text in ["office", "outdoors", "constant"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in ["0", "365", "180-720"] {
            assert_eq!(text.parse::<Stock>().unwrap().to_string(), text);
        }
        assert_eq!("7".parse::<Delay>().unwrap(), Delay::default());
        assert_eq!("9:1".parse::<Delay>().unwrap(), Delay { median: 9.0, spread: 1.0 });
    }

    #[test]
    fn numbers_beyond_their_bounds_are_refused() {
        for text in ["normal:-1", "normal:inf", "const:NaN", "uniform:60-1", "uniform:5", "12", ""]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["hourly", "days:0", "days:inf", "days:", ""] {
            assert!(text.parse::<Usage>().is_err(), "{text}");
        }
        for text in ["-1", "7:3", "7:", ":", "1e9"] {
            assert!(text.parse::<Delay>().is_err(), "{text}");
        }
        for text in ["-1", "9-1", "1-", "inf", "99999"] {
            assert!(text.parse::<Stock>().is_err(), "{text}");
        }
        assert!("Office".parse::<Place>().is_err());
    }
}
