//! The enforcement code itself, over real codes.

use crate::device::{
    Budget, Device, DeviceState, Factor, PairSearch, PairUse, Refusal, TotpState, Verdict,
};
use crate::id::CallerId;
use crate::otp::{ClockModel, Code, Foretold, Key, RatePrior, Seed, Window, compressions};
use crate::random::Random;
use crate::simulate::judge::{Answer, Expected, Judge, Judgement, Presented};
use crate::simulate::policy::Policy;
use crate::time::UnixTime;

/// A device with the key of its token.
pub(super) struct Enforced {
    device: Device,
    key: Key,
    digits: u8,
    owner: CallerId,
}

impl Enforced {
    /// A pending device, added at `now`. Its clock was set on the day of `made`, if that is known.
    pub(super) fn new(
        policy: &Policy,
        random: &mut Random,
        now: UnixTime,
        made: Option<UnixTime>,
    ) -> Enforced {
        let parameters = policy.parameters();
        let seed: Vec<u8> = (0..3).flat_map(|_| random.bits().to_be_bytes()).collect();
        let clock = made.map_or_else(ClockModel::default, |made| {
            ClockModel::set_by_maker(RatePrior::HARDWARE, noon(made))
        });
        let seed = Seed::new(seed).expect("24 bytes are always a seed");
        let device = Device::new(
            "SIMULATED".parse().expect("nine letters are always a serial number"),
            "simulated".parse().expect("nine letters are always the name of an account"),
            None,
            Factor::Totp(TotpState { parameters, clock, ..TotpState::default() }),
            now,
        );
        let key = parameters.key(&seed);
        Enforced { device, key, digits: policy.digits.count(), owner: CallerId::new("owner") }
    }

    fn totp(&self) -> Option<&TotpState> {
        match &self.device.factor {
            Factor::Totp(totp) => Some(totp),
            _ => None,
        }
    }

    /// Number of steps around the expected one at which a code is accepted.
    fn around(&self, now: UnixTime) -> u64 {
        let window = self
            .totp()
            .and_then(|totp| totp.parameters.window(now, &totp.clock.foretell(now)));
        window.map_or(0, |window| u64::from(window.half_width()) * 2 + 1)
    }

    fn search(&self, window: Window) -> PairSearch {
        let wanted = match (self.device.is_in_use(), window) {
            (false, _) => PairUse::Activation,
            (true, Window::Owner) => PairUse::SignIn,
            (true, Window::Admin) => PairUse::Resync,
        };
        PairSearch { wanted, window, counter: None }
    }
}

impl Judge for Enforced {
    fn code(&mut self, presented: Presented, now: UnixTime) -> Judgement {
        let unjudged =
            |until| Judgement { answer: Answer::Unjudged(until), candidates: 0, around: 0 };
        match self.device.admit(Budget::Shared, now) {
            Err(Refusal::Throttled { until }) => return unjudged(Some(until)),
            Err(_) => return unjudged(None),
            Ok(()) => {}
        }
        let code = match presented {
            Presented::Step(step) => self.key.code(step),
            Presented::Guess(guess) => Code::new(guess, self.digits),
        };
        let around = self.around(now);
        let before = compressions();
        let judged = self.device.accept(&self.key, &code, Budget::Shared, now);
        let candidates = compressions().wrapping_sub(before) / COMPRESSIONS_EACH;
        self.device = judged.device;
        let answer = match judged.verdict {
            Verdict::Accepted => Answer::Accepted,
            Verdict::Refused(_) => Answer::Missed,
        };
        Judgement { answer, candidates, around }
    }

    fn pair(&mut self, second: u64, window: Window, now: UnixTime) -> bool {
        let search = self.search(window);
        if self.device.admit_pair(search, Some(&self.owner), now).is_err() {
            return false;
        }
        let codes = [self.key.code(second.saturating_sub(1)), self.key.code(second)];
        let [first, second] = &codes;
        let judged =
            self.device
                .accept_pair(&self.key, ([first, second], search), Some(&self.owner), now);
        self.device = judged.device;
        judged.verdict == Verdict::Accepted
    }

    fn expected(&self, now: UnixTime) -> Expected {
        let foretold = self.totp().map_or_else(Foretold::default, |totp| totp.clock.foretell(now));
        Expected { offset: foretold.offset, doubt: Some(foretold.offset_doubt) }
    }

    fn works_for(&self, now: UnixTime) -> Option<f64> {
        let totp = self.totp()?;
        let until = totp.parameters.expected_to_work_until(&totp.clock)?;
        Some(until.since(now).as_secs_f64())
    }

    fn is_locked(&self) -> bool {
        self.device.state == DeviceState::Locked
    }
}

/// Noon (UTC) of a day.
fn noon(time: UnixTime) -> UnixTime {
    UnixTime((time.0 / 86_400).saturating_mul(86_400).saturating_add(43_200))
}

/// HMAC ends with an inner and an outer block.
const COMPRESSIONS_EACH: u64 = 2;
