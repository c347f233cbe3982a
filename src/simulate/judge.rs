//! Rules by which codes are judged: the enforcement code itself, and two baselines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::otp::Window;
use crate::simulate::world::BadWorld;
use crate::time::UnixTime;

/// A rule by which the simulated tokens are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Rule {
    /// The rule in force: [`Device::accept`](crate::device::Device::accept) with its clock model.
    #[default]
    Model,
    /// The rule before the clock model: drift in whole steps, moved by one step at most once an
    /// hour, learned up to ±20 steps.
    Today,
    /// So many steps either way of the server's time, without learning.
    Fixed(u8),
}

/// One judged input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) answer: Answer,
    /// Number of candidates that were computed.
    pub(super) candidates: u64,
    /// Number of them around the expected step; the others are those around the server's time.
    pub(super) around: u64,
}

/// Result of presenting a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    /// Refused: no match, or a step that was consumed.
    Missed,
    /// Not judged before this time; `None` while the device is locked.
    Unjudged(Option<UnixTime>),
}

/// A code that is presented.
#[derive(Clone, Copy, Debug)]
pub(super) enum Presented {
    /// The code of this time step.
    Step(u64),
    /// A guess at the code.
    Guess(u32),
}

/// The expectation of a rule: by how much codes are ahead when they arrive, and its doubt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Seconds; the mean delay of the owner is part of it.
    pub(super) offset: f64,
    /// Standard deviation in seconds, where the rule knows one.
    pub(super) doubt: Option<f64>,
}

/// One device under a rule.
pub(super) trait Judge {
    /// Judges a code.
    fn code(&mut self, presented: Presented, now: UnixTime) -> Judgement;

    /// Judges the codes of a step and of the one before it. True if they are accepted.
    fn pair(&mut self, second: u64, window: Window, now: UnixTime) -> bool;

    /// The rule's expectation of a code that arrives at this time.
    fn expected(&self, now: UnixTime) -> Expected;

    /// Seconds of silence after which a first try is no longer expected to work, where the rule
    /// knows them.
    fn works_for(&self, now: UnixTime) -> Option<f64>;

    /// True while wrong codes have locked the device.
    fn is_locked(&self) -> bool;
}

impl FromStr for Rule {
    type Err = BadWorld;

    fn from_str(text: &str) -> Result<Rule, BadWorld> {
        let fixed = || {
            let steps = text.strip_prefix("fixed:")?.parse().ok()?;
            (steps <= MOST_FIXED).then_some(Rule::Fixed(steps))
        };
        match text {
            "model" => Ok(Rule::Model),
            "today" => Ok(Rule::Today),
            _ => fixed().ok_or(BadWorld("a rule is model, today or fixed:N (0 to 100 steps)")),
        }
    }
}

impl TryFrom<String> for Rule {
    type Error = BadWorld;

    fn try_from(text: String) -> Result<Rule, BadWorld> {
        text.parse()
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> String {
        rule.to_string()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Model => f.write_str("model"),
            Rule::Today => f.write_str("today"),
            Rule::Fixed(steps) => write!(f, "fixed:{steps}"),
        }
    }
}

/// Widest window of a fixed rule.
const MOST_FIXED: u8 = 100;
