//! The enforcement code itself, over real codes.

use crate::device::{
    Budget, Device, DeviceState, Factor, PairSearch, PairUse, Refusal, TotpState, Verdict,
};
use crate::id::CallerId;
use crate::otp::{Code, Key, Seed, Window, compressions};
use crate::simulate::judge::{Answer, Expected, Judge, Judgement, Presented};
use crate::simulate::policy::Policy;
use crate::simulate::random::Random;
use crate::time::UnixTime;

/// A device with the key of its token.
pub(super) struct Enforced {
    device: Device,
    key: Key,
    digits: u8,
    owner: CallerId,
}

impl Enforced {
    /// A pending device, added at `now`.
    pub(super) fn new(policy: &Policy, random: &mut Random, now: UnixTime) -> Enforced {
        let parameters = policy.parameters();
        let seed: Vec<u8> = (0..3).flat_map(|_| random.bits().to_be_bytes()).collect();
        let seed = Seed::new(seed).expect("24 bytes are always a seed");
        let device = Device::new(
            "SIMULATED".parse().expect("nine letters are always a serial number"),
            "simulated".parse().expect("nine letters are always the name of an account"),
            None,
            Factor::Totp(TotpState { parameters, ..TotpState::default() }),
            now,
        );
        let key = parameters.key(&seed);
        Enforced { device, key, digits: policy.digits.count(), owner: CallerId::new("owner") }
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
        let unjudged = |until| Judgement { answer: Answer::Unjudged(until), candidates: 0 };
        match self.device.admit(Budget::Shared, now) {
            Err(Refusal::Throttled { until }) => return unjudged(Some(until)),
            Err(_) => return unjudged(None),
            Ok(()) => {}
        }
        let code = match presented {
            Presented::Step(step) => self.key.code(step),
            Presented::Guess(guess) => Code::new(guess, self.digits),
        };
        let before = compressions();
        let judged = self.device.accept(&self.key, &code, Budget::Shared, now);
        let candidates = compressions().wrapping_sub(before) / COMPRESSIONS_EACH;
        self.device = judged.device;
        let answer = match judged.verdict {
            Verdict::Accepted => Answer::Accepted,
            Verdict::Refused(_) => Answer::Missed,
        };
        Judgement { answer, candidates }
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
        match &self.device.factor {
            Factor::Totp(totp) => {
                let foretold = totp.clock.foretell(now);
                Expected { offset: foretold.offset, doubt: Some(foretold.offset_doubt) }
            }
            _ => Expected { offset: 0.0, doubt: None },
        }
    }

    fn works_for(&self, _now: UnixTime) -> Option<f64> {
        None
    }

    fn is_locked(&self) -> bool {
        self.device.state == DeviceState::Locked
    }
}

/// HMAC ends with an inner and an outer block.
const COMPRESSIONS_EACH: u64 = 2;
