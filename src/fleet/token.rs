//! One token of a fleet, and why it may need attention.

use std::time::Duration;

use crate::device::{Batch, DeviceState, SecretOrigin};
use crate::fleet::quantiles::Quantiles;
use crate::id::SerialNumber;
use crate::otp::{Algorithm, Digits, Totp};
use crate::store::FleetDevice;
use crate::time::UnixTime;

/// A time-based device in use, as a survey sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The serial number.
    pub serial: SerialNumber,
    /// The batch.
    pub batch: Batch,
    /// The model.
    pub model: Model,
    /// Time of its addition.
    pub added_at: UnixTime,
    /// Time of its last accepted code.
    pub last_used_at: Option<UnixTime>,
    /// Expected distance of its clock from ours, in seconds.
    pub offset: f64,
    /// Expected rate, in parts per million.
    pub rate: f64,
    /// Standard deviation of the rate, in parts per million.
    pub rate_doubt: f64,
    /// Half-width of its window, in steps.
    pub half_width: u8,
    /// Time until which a first try is expected to work.
    pub works_until: Option<UnixTime>,
    /// The last two settings of its clock, the newest first.
    pub set_at: [Option<UnixTime>; 2],
    /// Time since which only a wandering rate explains its readings.
    pub erratic_since: Option<UnixTime>,
}

/// A model of tokens, as far as the parameters of its codes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Model {
    /// True for a token whose secret was given, as those of hardware are; false for an app.
    pub hardware: bool,
    /// The hash function.
    pub algorithm: Algorithm,
    /// Number of digits.
    pub digits: Digits,
    /// Display time of a code, in seconds.
    pub period: u16,
}

/// A reason why a token needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attention {
    /// Failing crystal: the rate is beyond what crystals are sold with.
    Rate,
    /// Failing crystal: the clock was set, or jumped, twice in 90 days.
    Settings,
    /// Failing crystal: the rate has wandered for 30 days.
    Erratic,
    /// First codes are expected to fail soon: two codes will be needed.
    Pair,
    /// Rate far from that of its batch.
    Outlier,
    /// In use for as long as batteries last; the time in stock before its addition is not known.
    Battery,
    /// No code was accepted for long.
    Silent,
}

impl Token {
    /// A device as a survey sees it; none if it is not in use.
    pub fn of(device: &FleetDevice, now: UnixTime) -> Option<Token> {
        let FleetDevice { parameters, clock, .. } = device;
        let clock_now = clock.foretell(now);
        let window = parameters.window(now, &clock_now)?;
        matches!(device.state, DeviceState::Active | DeviceState::Locked).then(|| Token {
            serial: device.serial.clone(),
            batch: Batch::of(&device.serial),
            model: Model::of(parameters, device.added.secret == SecretOrigin::Given),
            added_at: device.created_at,
            last_used_at: device.last_used_at,
            offset: clock_now.offset,
            rate: clock_now.rate,
            rate_doubt: clock_now.rate_doubt,
            half_width: window.half_width(),
            works_until: parameters.expected_to_work_until(clock),
            set_at: clock.set_at(),
            erratic_since: clock.erratic_since(),
        })
    }

    /// The reasons, apart from those that its batch tells.
    pub fn attention(&self, now: UnixTime, within: Duration) -> Vec<Attention> {
        let mut reasons = Vec::new();
        let mut note = |reason, holds: bool| reasons.extend(holds.then_some(reason));
        note(Attention::Rate, self.rate.abs() - 3.0 * self.rate_doubt > FAILING_RATE);
        let recent = |set: Option<UnixTime>| set.is_some_and(|set| now.since(set) <= SETTINGS);
        note(Attention::Settings, self.set_at.into_iter().all(recent));
        let erratic = self.erratic_since.is_some_and(|since| now.since(since) >= ERRATIC);
        note(Attention::Erratic, erratic);
        let soon = self.works_until.is_some_and(|until| until <= now.plus(within));
        note(Attention::Pair, soon);
        let old = self.model.hardware && now.plus(within).since(self.added_at) >= BATTERY;
        note(Attention::Battery, old);
        note(Attention::Silent, now.since(self.heard_at()) >= SILENT);
        reasons
    }

    /// True if its rate is farther from that of its batch than the batch and its own doubt explain.
    pub(super) fn is_outlier(&self, batch: &Quantiles) -> bool {
        let usual = (FAR * batch.spread()).hypot(3.0 * self.rate_doubt);
        (self.rate - batch.median()).abs() > usual.max(LEAST_OUTLIER)
    }

    /// The order of tokens that need attention for one reason: higher comes first.
    pub(super) fn urgency(&self, reason: Attention, now: UnixTime) -> f64 {
        let age = |time: UnixTime| now.since(time).as_secs_f64();
        match reason {
            Attention::Rate | Attention::Outlier => self.rate.abs(),
            Attention::Settings => -self.set_at.into_iter().flatten().map(age).sum::<f64>(),
            Attention::Erratic => self.erratic_since.map_or(0.0, age),
            Attention::Pair => {
                let until = self.works_until.unwrap_or(now);
                age(until) - until.since(now).as_secs_f64()
            }
            Attention::Battery => age(self.added_at),
            Attention::Silent => age(self.heard_at()),
        }
    }

    fn heard_at(&self) -> UnixTime {
        self.last_used_at.unwrap_or(self.added_at)
    }
}

impl Model {
    /// The model of a device with these parameters.
    pub fn of(parameters: &Totp, hardware: bool) -> Model {
        let Totp { algorithm, digits, step_size, .. } = *parameters;
        Model { hardware, algorithm, digits, period: step_size.seconds() }
    }
}

impl Attention {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Attention::Rate => "failing_rate",
            Attention::Settings => "failing_settings",
            Attention::Erratic => "failing_erratic",
            Attention::Pair => "needs_pair",
            Attention::Outlier => "outlier",
            Attention::Battery => "battery",
            Attention::Silent => "silent",
        }
    }
}

/// The rate, in parts per million, beyond which a crystal fails: three times what they are sold
/// with.
const FAILING_RATE: f64 = 60.0;

const DAY: u64 = 86_400;

const SETTINGS: Duration = Duration::from_secs(90 * DAY);

const ERRATIC: Duration = Duration::from_secs(30 * DAY);

/// Time since its addition from which batteries of tokens end: three years, of three to five.
const BATTERY: Duration = Duration::from_secs(3 * 365 * DAY);

const SILENT: Duration = Duration::from_secs(90 * DAY);

/// The distance of an outlier from its batch, in standard deviations of the batch.
const FAR: f64 = 4.0;

/// The least distance of an outlier, in parts per million.
const LEAST_OUTLIER: f64 = 5.0;

#[cfg(test)]
pub(in crate::fleet) mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_528_800);

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * DAY)
    }

    /// A token that needs no attention.
    pub(in crate::fleet) fn token(serial: &str) -> Token {
        let serial: SerialNumber = serial.parse().unwrap();
        Token {
            batch: Batch::of(&serial),
            serial,
            model: Model::of(&Totp::default(), true),
            added_at: NOW.minus(days(400)),
            last_used_at: Some(NOW.minus(days(1))),
            offset: 3.0,
            rate: -4.0,
            rate_doubt: 1.0,
            half_width: 1,
            works_until: Some(NOW.plus(days(90))),
            set_at: [None; 2],
            erratic_since: None,
        }
    }

    #[test]
    fn a_token_needs_attention_for_each_reason_and_not_before() {
        let quiet = || token("AC26000014");
        let (ago, ahead) = (|n| Some(NOW.minus(days(n))), |n| Some(NOW.plus(days(n))));
        let app = Model { hardware: false, ..quiet().model };
        let cases = [
            (Token { rate: 66.0, rate_doubt: 1.9, ..quiet() }, Some(Attention::Rate)),
            (Token { rate: -66.0, rate_doubt: 1.9, ..quiet() }, Some(Attention::Rate)),
            (Token { rate: 66.0, rate_doubt: 2.1, ..quiet() }, None),
            (Token { set_at: [ago(1), ago(89)], ..quiet() }, Some(Attention::Settings)),
            (Token { set_at: [ago(1), ago(91)], ..quiet() }, None),
            (Token { set_at: [ago(1), None], ..quiet() }, None),
            (Token { erratic_since: ago(31), ..quiet() }, Some(Attention::Erratic)),
            (Token { erratic_since: ago(29), ..quiet() }, None),
            (Token { works_until: ahead(30), ..quiet() }, Some(Attention::Pair)),
            (Token { works_until: ahead(31), ..quiet() }, None),
            (Token { works_until: None, ..quiet() }, None),
            (Token { added_at: NOW.minus(days(1_095)), ..quiet() }, Some(Attention::Battery)),
            (Token { added_at: NOW.minus(days(1_095)), model: app, ..quiet() }, None),
            (Token { last_used_at: ago(90), ..quiet() }, Some(Attention::Silent)),
            (Token { last_used_at: None, ..quiet() }, Some(Attention::Silent)),
            (quiet(), None),
        ];
        for (token, reason) in cases {
            let reasons = token.attention(NOW, days(30));
            assert_eq!(reasons, Vec::from_iter(reason), "{token:?}");
        }
    }
}
