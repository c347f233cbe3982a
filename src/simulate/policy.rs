//! Decisions about devices that can be varied, as a file of TOML.

use serde::{Deserialize, Serialize};

use crate::otp::{Algorithm, Digits, TimeStepSize, Totp};
use crate::simulate::judge::Rule;

/// Decisions about devices and their use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The rule by which codes are judged.
    pub rule: Rule,
    /// Display time of a code, in seconds.
    pub period: TimeStepSize,
    /// Digits of a code.
    pub digits: Digits,
    /// Hash function of the codes.
    pub algorithm: Algorithm,
    /// Codes that an owner types before a pair is asked for.
    pub codes_before_pair: CodesBeforePair,
}

/// Number of codes that an owner types, one after the other, before two are asked for: 1 to 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct CodesBeforePair(u8);

impl Policy {
    /// Parameters of its devices.
    pub(super) fn parameters(&self) -> Totp {
        Totp { algorithm: self.algorithm, digits: self.digits, step_size: self.period, t0: 0 }
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            rule: Rule::default(),
            period: TimeStepSize::DEFAULT,
            digits: Digits::SIX,
            algorithm: Algorithm::Sha1,
            codes_before_pair: CodesBeforePair(1),
        }
    }
}

impl TryFrom<u8> for CodesBeforePair {
    type Error = &'static str;

    fn try_from(count: u8) -> Result<CodesBeforePair, &'static str> {
        if (1..=10).contains(&count) {
            Ok(CodesBeforePair(count))
        } else {
            Err("an owner types 1 to 10 codes before a pair")
        }
    }
}

impl From<CodesBeforePair> for u8 {
    fn from(count: CodesBeforePair) -> u8 {
        count.0
    }
}
