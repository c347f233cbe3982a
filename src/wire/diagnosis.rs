//! Diagnoses of two codes that do not work.

use serde::{Deserialize, Serialize};

use crate::id::SerialNumber;
use crate::otp::Algorithm;
use crate::wire::names::open_names;

/// Diagnosis of two codes of a device. Nothing was accepted by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Diagnosis {
    /// The device.
    pub serial: SerialNumber,
    /// All that differs from what is stored, the most telling first; empty if nothing matches.
    pub causes: Vec<Cause>,
    /// The causes in words.
    pub says: String,
    /// The command that mends it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// One difference between a token and what is stored of it, with the value that is the token's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Cause {
    /// The kind.
    #[cfg_attr(feature = "agent", schema(value_type = String))]
    pub cause: CauseKind,
    /// `time_step`: the time-step size in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u16>,
    /// `algorithm`: the hash function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(value_type = Option<String>))]
    pub algorithm: Option<Algorithm>,
    /// `digits`: the number of digits of a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<u8>,
    /// `epoch`: the beginning of the first time step, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t0: Option<u64>,
    /// `clock`: seconds that its clock is ahead of the agent's; negative: behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_seconds: Option<i64>,
    /// `counter_ahead`, `counter_based`: the counter of the code that it shows next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// `clock`, `counter_ahead`: the pairs that find it: `admin` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<String>,
    /// `secret`: the form of the secret: `misread`, `line_break`, `reversed`, `reversed_words` or
    /// `reversed_pairs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// `secret`, misread: the encoding that it was read in: `ascii`, `hex`, `base32` or `base64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<String>,
    /// `secret`, misread: the encoding that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// `other_device`: the device whose codes they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNumber>,
}

open_names! {
    /// The kinds of causes.
    CauseKind {
        /// No difference: the pair is right, and an owner's pair finds the device.
        InReach = "in_reach",
        /// The pair, or a later code, was used already.
        Used = "used",
        /// The token's clock is off.
        Clock = "clock",
        /// The token's counter ran ahead.
        CounterAhead = "counter_ahead",
        /// The token is time-based.
        TimeBased = "time_based",
        /// The token is counter-based.
        CounterBased = "counter_based",
        /// Another time-step size.
        TimeStep = "time_step",
        /// Another hash function.
        Algorithm = "algorithm",
        /// Another number of digits.
        Digits = "digits",
        /// Another beginning of the first time step.
        Epoch = "epoch",
        /// Another form of the secret.
        Secret = "secret",
        /// The codes of another device.
        OtherDevice = "other_device",
    }
}

impl Cause {
    /// A cause of this kind, without values.
    pub fn new(cause: CauseKind) -> Cause {
        Cause {
            cause,
            period: None,
            algorithm: None,
            digits: None,
            t0: None,
            clock_seconds: None,
            counter: None,
            reach: None,
            reading: None,
            read_as: None,
            encoding: None,
            serial: None,
        }
    }
}
