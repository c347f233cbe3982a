//! The fleet of tokens: the distribution of their clocks, alarms, and tokens that need attention.

use serde::{Deserialize, Serialize};

use crate::id::SerialNumber;
use crate::wire::Timestamp;

/// A question about the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct AskFleet {
    /// List tokens that will need two codes, or a battery, within so many days: 1 to 3650, 30 if
    /// left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", param(minimum = 1, maximum = 3650))]
    pub within_days: Option<u32>,
}

/// The clocks of all time-based devices in use that the caller may see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct FleetDrift {
    /// The time of this survey.
    pub at: Timestamp,
    /// The days within which tokens that need attention are listed.
    pub within_days: u32,
    /// The number of tokens.
    pub tokens: u64,
    /// Alarms that are not over.
    pub alarms: Vec<FleetAlarm>,
    /// True if the operating system calls the server's clock synchronised (NTP).
    pub clock_synchronised: bool,
    /// Limits of what the fleet tells.
    pub note: String,
    /// Distances from the server's clock in seconds; positive for a token that is ahead.
    pub offset_seconds: Quantiles,
    /// Rates in parts per million; positive for a token that gains.
    pub rate_ppm: Quantiles,
    /// Half-widths of the windows in which codes are looked for, in time steps.
    pub window_steps: Quantiles,
    /// The tokens of each batch and model, the largest group first.
    pub groups: Vec<FleetGroup>,
    /// Tokens that need attention, by the reason.
    pub attention: Vec<FleetAttention>,
}

/// An alarm: all tokens moved at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct FleetAlarm {
    /// The kind of alarm.
    pub event: AlarmKind,
    /// The time from which the shift is seen.
    pub since: Timestamp,
    /// The time of the alarm.
    pub told_at: Timestamp,
    /// The size of the shift; positive if tokens are ahead of what they were.
    pub seconds: f64,
    /// The standard deviation of the size.
    pub seconds_doubt: f64,
    /// Possible causes, the likelier first.
    pub causes: Vec<AlarmCause>,
    /// The alarm in a sentence.
    pub message: String,
}

/// A kind of alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// The server's clock is suspect.
    ServerClockSuspect,
}

/// A cause of a shift of all tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlarmCause {
    /// The server's clock was set, or runs at another rate.
    ServerClock,
    /// Codes take longer, or less long, from the token to the server.
    SignInPage,
}

/// Quantiles of a distribution; zeros for no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct Quantiles {
    /// 1 % are below.
    pub p01: f64,
    /// 5 % are below.
    pub p05: f64,
    /// A quarter is below.
    pub p25: f64,
    /// The median.
    pub p50: f64,
    /// A quarter is above.
    pub p75: f64,
    /// 5 % are above.
    pub p95: f64,
    /// 1 % are above.
    pub p99: f64,
}

/// The tokens of one batch and model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct FleetGroup {
    /// The part that their serial numbers have in common; empty if it is not known.
    pub batch: String,
    /// True for tokens whose secrets were given, as those of hardware are; false for apps.
    pub hardware: bool,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// Digits of a code.
    pub digits: u8,
    /// Display time of a code, in seconds.
    pub period: u16,
    /// The number of tokens.
    pub tokens: u64,
    /// As for all tokens.
    pub offset_seconds: Quantiles,
    /// As for all tokens.
    pub rate_ppm: Quantiles,
}

/// Tokens that need attention for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct FleetAttention {
    /// The reason.
    pub reason: AttentionReason,
    /// The number of tokens.
    pub count: u64,
    /// The first hundred of them, the worst first.
    pub tokens: Vec<FleetToken>,
}

/// A reason why a token needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttentionReason {
    /// Failing crystal: the rate is beyond 60 ppm.
    FailingRate,
    /// Failing crystal: the clock was set, or jumped, twice in 90 days.
    FailingSettings,
    /// Failing crystal: the rate has wandered for 30 days.
    FailingErratic,
    /// First codes are expected to fail soon: two codes will be needed.
    NeedsPair,
    /// Rate far from that of its batch.
    Outlier,
    /// Added three years ago or more: coin cells of tokens last three to five from their making,
    /// which is not known here.
    Battery,
    /// No code was accepted for 90 days.
    Silent,
}

/// A token that needs attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct FleetToken {
    /// The serial number.
    pub serial: SerialNumber,
    /// The expected distance from the server's clock, in seconds.
    pub offset_seconds: f64,
    /// The expected rate, in parts per million.
    pub rate_ppm: f64,
    /// The standard deviation of the rate.
    pub rate_ppm_doubt: f64,
    /// The time until which a first code is expected to be accepted.
    pub expected_to_work_until: Option<Timestamp>,
    /// The time of the last accepted code.
    pub last_used_at: Option<Timestamp>,
    /// The time of its addition.
    pub added_at: Timestamp,
}

impl AttentionReason {
    /// The reason, as a heading for people.
    pub fn heading(self) -> &'static str {
        match self {
            AttentionReason::FailingRate => "Crystal fails: rate beyond 60 ppm",
            AttentionReason::FailingSettings => "Crystal fails: clock set twice in 90 days",
            AttentionReason::FailingErratic => "Crystal fails: rate has wandered for 30 days",
            AttentionReason::NeedsPair => "Two codes will be needed",
            AttentionReason::Outlier => "Rate far from its batch",
            AttentionReason::Battery => "Added three years ago: near the end of batteries",
            AttentionReason::Silent => "Silent for 90 days",
        }
    }
}
