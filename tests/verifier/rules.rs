//! Rules that judge the codes of one token: the device as it is, and a plain textbook rule, with or
//! without a bug of another system.

use std::collections::BTreeMap;

use twostep::device::{Budget, Device, Factor, PairSearch, PairUse, TotpState, Verdict};
use twostep::id::CallerId;
use twostep::otp::{Code, Key, Seed, TimeStepSize, Totp, Window};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

/// Beginning of a step of 30 seconds and of one of 60.
pub(crate) const NOW: u64 = 1_800_000_000;

/// A rule that judges codes of one token.
pub(crate) trait Rule {
    /// True if the code is accepted.
    fn login(&mut self, code: &str, now: u64) -> bool;
    /// The verdict on two codes; none if they are not judged.
    fn resync(&mut self, codes: [&str; 2], now: u64) -> Option<bool>;
    /// Seconds that the token's clock is believed to be ahead.
    fn ahead(&self, now: u64) -> i64;
}

/// The device as it is.
pub(crate) struct Ours {
    pub(crate) device: Device,
    key: Key,
}

impl Ours {
    pub(crate) fn new(token: &Token) -> Ours {
        let parameters = Totp { step_size: token.size, ..Totp::default() };
        let factor = Factor::Totp(TotpState { parameters, ..TotpState::default() });
        let [serial, account] = ["GAHT12345678", "alice"];
        let (serial, account) = (serial.parse().unwrap(), account.parse().unwrap());
        let device = Device::new(serial, account, None, factor, UnixTime(NOW - 3_600));
        let key = device.key(&token.seed).unwrap();
        let mut ours = Ours { device, key };
        let pair = token.pair(NOW - 3_600);
        let pair = [pair[0].as_str(), pair[1].as_str()];
        assert_eq!(ours.judge(pair, PairUse::Activation, NOW - 3_600), Some(true));
        ours
    }

    fn judge(&mut self, codes: [&str; 2], wanted: PairUse, now: u64) -> Option<bool> {
        let codes: [Code; 2] = codes.map(|code| code.parse().unwrap());
        let (caller, now) = (CallerId::new("a service"), UnixTime(now));
        let search = PairSearch { wanted, window: Window::Owner, counter: None };
        self.device.admit_pair(search, Some(&caller), now).ok()?;
        let codes = (codes.each_ref(), search);
        let judged = self.device.accept_pair(&self.key, codes, Some(&caller), now);
        self.device = judged.device;
        Some(judged.verdict == Verdict::Accepted)
    }
}

impl Rule for Ours {
    fn login(&mut self, code: &str, now: u64) -> bool {
        let now = UnixTime(now);
        if self.device.admit(Budget::Shared, now).is_err() {
            return false;
        }
        let judged = self.device.accept(&self.key, &code.parse().unwrap(), Budget::Shared, now);
        self.device = judged.device;
        judged.verdict == Verdict::Accepted
    }

    fn resync(&mut self, codes: [&str; 2], now: u64) -> Option<bool> {
        self.judge(codes, PairUse::Resync, now)
    }

    fn ahead(&self, now: u64) -> i64 {
        self.device.drift(UnixTime(now)).unwrap().seconds
    }
}

/// A bug in the textbook rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// privacyIDEA, `count = res2 + 1`.
    NextCodeCountsAsUsed,
    /// privacyIDEA, `timeShift = res * step - now`.
    MeasuresTheBeginningOfTheStep,
    /// privacyIDEA, `range(counter - w, counter + w)`; Kanidm.
    WindowLacksItsEnd,
    /// privacyIDEA: each code of a pair by its own first match.
    CodesOfAPairMatchApart,
    /// privacyIDEA, `res1 >= count`.
    UsedCodeBeginsAPair,
    /// Trilium#11448, Keycloak#13867: the lowest match decides.
    FirstMatchDecides,
    /// privacyIDEA, `AutoResync` without a timeout.
    MissesAddUp,
    /// LinOTP#110.
    OneCodeIsAPair,
    /// LinOTP, `resyncDiffLimit`.
    PairsMaySkip,
    /// FreeIPA: the offset of the step after the second code.
    OffsetIsOneStepTooLarge,
    /// FreeIPA: a login teaches nothing.
    LoginsTeachNothing,
    /// google-authenticator-libpam: the resync looks at no watermark.
    ResyncTakesUsedCodes,
    /// google-authenticator-libpam: the resync sets no watermark.
    LastCodeOfAResyncWorksAgain,
    /// multiOTP#261: the watermark is a step of the server's clock.
    WatermarkIsOfOurClock,
    /// multiOTP: failed resyncs are not counted.
    PairsAreUnlimited,
    /// multiOTP#11, privacyIDEA#1408: a window of ten minutes.
    OldCodesWork,
    /// AWS: a stale pair is accepted, and the device stays out of sync.
    StalePairSucceeds,
    /// nango#7097: only the learned offset is looked at.
    OnlyTheLearnedOffset,
    /// NodeLite#46: a used code is forgotten after its lifetime.
    UsedCodesExpire,
}

/// A plain rule: one step either side of the learned offset and of the present, a watermark, pairs
/// within ten minutes.
pub(crate) struct Textbook {
    bug: Option<Bug>,
    codes: SimulatedToken,
    size: u64,
    /// Milliseconds that the token's clock is believed to be ahead.
    shift: i64,
    watermark: Option<u64>,
    used: BTreeMap<u64, u64>,
    missed: Option<u64>,
    wrong_pairs: u32,
}

impl Textbook {
    pub(crate) fn new(token: &Token, bug: Option<Bug>) -> Textbook {
        let totp = Totp { step_size: token.size, ..Totp::default() };
        Textbook {
            bug,
            codes: SimulatedToken::totp(&token.seed, totp),
            size: token.size.seconds().into(),
            shift: 0,
            watermark: None,
            used: BTreeMap::new(),
            missed: None,
            wrong_pairs: 0,
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn shows(&self, step: u64) -> String {
        self.codes.text_at(UnixTime(step * self.size))
    }

    fn centre(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.shift / 1_000) / self.size
    }

    fn is_used(&self, step: u64, now: u64) -> bool {
        match self.has(Bug::UsedCodesExpire) {
            true => self.used.get(&step).is_some_and(|until| *until >= now),
            false => self.watermark.is_some_and(|watermark| step <= watermark),
        }
    }

    fn measured(&self, step: u64, now: u64) -> i64 {
        let at = match self.bug {
            Some(Bug::MeasuresTheBeginningOfTheStep) => step * self.size,
            Some(Bug::OffsetIsOneStepTooLarge) => (step + 1) * self.size + self.size / 2,
            _ => step * self.size + self.size / 2,
        };
        1_000 * (i64::try_from(at).unwrap() - i64::try_from(now).unwrap())
    }

    fn consume(&mut self, step: u64, now: u64) {
        let consumed = match self.has(Bug::WatermarkIsOfOurClock) {
            true => now / self.size,
            false => step,
        };
        self.watermark = self.watermark.max(Some(consumed));
        if self.has(Bug::UsedCodesExpire) {
            let forgotten = now;
            self.used.retain(|_, until| *until >= forgotten);
        }
        self.used.insert(step, now + 3 * self.size);
    }
}

impl Rule for Textbook {
    fn login(&mut self, code: &str, now: u64) -> bool {
        self.used.retain(|_, until| *until >= now);
        let (centre, present) = (self.centre(now), now / self.size);
        let reach = if self.has(Bug::OldCodesWork) { 20 } else { 1 };
        let end = if self.has(Bug::WindowLacksItsEnd) { 0 } else { reach };
        let mut steps: Vec<u64> = (centre - reach..=centre + end).collect();
        if !self.has(Bug::OnlyTheLearnedOffset) {
            steps.extend(present - reach..=present + end);
        }
        steps.sort_unstable();
        let matches: Vec<u64> =
            steps.into_iter().filter(|step| self.shows(*step) == code).collect();
        let chosen = match self.has(Bug::FirstMatchDecides) {
            true => matches.first(),
            false => matches.last(),
        };
        let Some(step) = chosen.copied() else {
            if self.has(Bug::MissesAddUp) {
                let far = (present - 150..=present + 150).find(|step| self.shows(*step) == code);
                let follows = far.zip(self.missed).is_some_and(|(far, before)| far == before + 1);
                self.missed = far;
                return follows;
            }
            return false;
        };
        if self.is_used(step, now) {
            return false;
        }
        self.consume(step, now);
        if !self.has(Bug::LoginsTeachNothing) {
            self.shift += (self.measured(step, now) - self.shift) * 3 / 10;
        }
        true
    }

    fn resync(&mut self, [first, second]: [&str; 2], now: u64) -> Option<bool> {
        if self.wrong_pairs >= 5 && !self.has(Bug::PairsAreUnlimited) {
            return None;
        }
        let present = now / self.size;
        let reach = if self.has(Bug::ResyncTakesUsedCodes) { 1_500 } else { 20 };
        let starts = || present - reach - 1..present + reach;
        let place = |code: &str| starts().find(|step| self.shows(*step) == code);
        let found = match self.bug {
            Some(Bug::CodesOfAPairMatchApart) => place(first)
                .zip((present - reach..=present + reach).find(|step| self.shows(*step) == second))
                .filter(|(first, second)| first + 1 == *second)
                .map(|(_, second)| second),
            Some(Bug::PairsMaySkip) => place(first)
                .and_then(|start| (start + 1..=start + 3).find(|step| self.shows(*step) == second)),
            Some(Bug::OneCodeIsAPair) if first == second => place(first),
            _ if first == second => None,
            _ => starts()
                .find(|step| self.shows(*step) == first && self.shows(step + 1) == second)
                .map(|start| start + 1),
        };
        let stale = self.has(Bug::StalePairSucceeds);
        let fresh = |second: &u64| {
            let first = match self.has(Bug::UsedCodeBeginsAPair) {
                true => *second,
                false => second - 1,
            };
            self.has(Bug::ResyncTakesUsedCodes) || !self.is_used(first, now)
        };
        let Some(step) = found.filter(fresh) else {
            self.wrong_pairs += 1;
            return Some(false);
        };
        if !self.has(Bug::LastCodeOfAResyncWorksAgain) {
            let next = u64::from(self.has(Bug::NextCodeCountsAsUsed));
            self.consume(step + next, now);
        }
        if !stale {
            self.shift = self.measured(step, now);
        }
        self.wrong_pairs = 0;
        Some(true)
    }

    fn ahead(&self, _: u64) -> i64 {
        self.shift / 1_000
    }
}

/// A token with a clock of its own.
pub(crate) struct Token {
    pub(crate) seed: Seed,
    pub(crate) size: TimeStepSize,
    pub(crate) ahead: i64,
    /// Parts per million that its clock gains from [`NOW`] on.
    pub(crate) ppm: f64,
}

impl Token {
    pub(crate) fn new() -> Token {
        Token::numbered(1)
    }

    pub(crate) fn numbered(number: u64) -> Token {
        let seed = Seed::new(format!("{number:020}").into_bytes()).unwrap();
        Token { seed, size: TimeStepSize::DEFAULT, ahead: 0, ppm: 0.0 }
    }

    pub(crate) fn shows(&self, now: u64) -> String {
        let totp = Totp { step_size: self.size, ..Totp::default() };
        let token = SimulatedToken::totp(&self.seed, totp).off_by(self.ahead);
        token.running_fast(self.ppm, UnixTime(NOW)).text_at(UnixTime(now))
    }

    /// The code shown now, and the one before.
    pub(crate) fn pair(&self, now: u64) -> [String; 2] {
        [self.shows(now - u64::from(self.size.seconds())), self.shows(now)]
    }
}
