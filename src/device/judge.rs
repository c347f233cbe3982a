//! Judgement of codes: `admit`, then `accept` or `accept_recovery`; `admit_pair`, then
//! `accept_pair`.

use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};

use crate::device::{
    Budget, Device, DeviceState, Factor, HotpState, RecoveryDigest, Refusal, SecretOrigin,
    Throttle, TotpState,
};
use crate::id::CallerId;
use crate::otp::{
    ClockReading, Code, CodePair, Counter, Evidence, Key, PairFound, TimeStep, TotpMatch, Window,
};
use crate::time::UnixTime;

/// A judged input: the next state, and the verdict that holds once that state is committed.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The device after the judgement.
    pub device: Device,
    /// The verdict.
    pub verdict: Verdict,
    /// The reading of the device's clock that an accepted code gave; none for a device without a
    /// clock, and before anything was expected of it.
    pub reading: Option<ClockReading>,
}

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The code or pair is right, and is now consumed.
    Accepted,
    /// The input is refused.
    Refused(Refusal),
}

/// The use of a pair of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairUse {
    /// To make a pending or disabled device active.
    Activation,
    /// To find an active or locked device again.
    Resync,
    /// To open a session with an active or locked device, which finds it again.
    SignIn,
}

/// The use of a pair, and the window in which it is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairSearch {
    /// The use.
    pub wanted: PairUse,
    /// The window.
    pub window: Window,
    /// Counter of the first code, where the client knows it: of several pairs in the window the
    /// nearest to it is taken.
    pub counter: Option<Counter>,
}

impl Device {
    /// Admits a code, or an assertion, for judgement. Refusals here are not counted. Lock and waits
    /// are of guesses on the shared budget: a known client has its own, and neither codes of 80
    /// bits nor signatures are guessed.
    ///
    /// # Errors
    /// [`Refusal::Locked`], [`Refusal::NotActive`], [`Refusal::OutOfSync`] or
    /// [`Refusal::Throttled`].
    pub fn admit(&self, budget: Budget, now: UnixTime) -> Result<(), Refusal> {
        if matches!(self.state, DeviceState::Pending | DeviceState::Disabled) {
            return Err(Refusal::NotActive);
        }
        let waits = budget == Budget::Shared && self.can_be_guessed();
        if waits && self.state == DeviceState::Locked {
            return Err(Refusal::Locked);
        }
        if let Factor::Hotp(HotpState { pair_needed: true, .. }) = &self.factor {
            return Err(Refusal::OutOfSync);
        }
        match self.throttle.until().filter(|until| waits && *until > now) {
            Some(until) => Err(Refusal::Throttled { until }),
            None => Ok(()),
        }
    }

    /// True if its codes are short enough for guesses to be counted.
    pub fn can_be_guessed(&self) -> bool {
        matches!(self.factor, Factor::Totp(_) | Factor::Hotp(_))
    }

    /// Judges a one-time code.
    ///
    /// The highest match decides: above the consumed factors it is accepted, otherwise it is a
    /// replay.
    pub fn accept(&self, key: &Key, code: &Code, budget: Budget, now: UnixTime) -> Judged {
        let mut device = self.clone();
        let replayed = |next_code_at| Verdict::Refused(Refusal::Replayed { next_code_at });
        let mut reading = None;
        let verdict = match &mut device.factor {
            Factor::Totp(totp) => match totp.find(key, code, now) {
                Some(matched) if totp.spent().is_none_or(|spent| matched.step > spent) => {
                    reading = totp.consume(matched, Evidence::Code, now);
                    Verdict::Accepted
                }
                Some(matched) if totp.watermark.is_none_or(|consumed| matched.step > consumed) => {
                    Verdict::Refused(Refusal::OutOfSync)
                }
                Some(_) => replayed(totp.next_code_at(now)),
                None => Verdict::Refused(Refusal::NoMatch),
            },
            Factor::Hotp(hotp) => match hotp
                .next
                .and_then(|next| Some((next, hotp.parameters.find(key, code, next)?)))
            {
                Some((next, matched)) if matched >= next => {
                    hotp.next = matched.next();
                    Verdict::Accepted
                }
                Some(_) => replayed(None),
                None => Verdict::Refused(Refusal::NoMatch),
            },
            Factor::SecurityKey(_) | Factor::Recovery(_) => Verdict::Refused(Refusal::NoMatch),
        };
        Judged { reading, ..device.concluded(verdict, budget, now) }
    }

    /// Time when the device is dropped without activation: a day after its addition, for one
    /// whose secret was made here. A token that was given its secret waits for its owner.
    pub fn expires_at(&self) -> Option<UnixTime> {
        let abandoned =
            self.state == DeviceState::Pending && self.added.secret == SecretOrigin::Made;
        abandoned.then(|| self.created_at.plus(PENDING_FOR))
    }

    /// Time until which all displayed codes count as used, if it is later than after a login: the
    /// clock went back below the last code's time, or an old backup was restored.
    pub fn codes_used_until(&self, now: UnixTime) -> Option<UnixTime> {
        let Factor::Totp(totp) = &self.factor else { return None };
        // A code is accepted up to one step before its time, and displayed until the end of its
        // step.
        let usual =
            Duration::from_secs(u64::from(totp.parameters.step_size.seconds()).saturating_mul(2));
        totp.next_code_at(now)
            .filter(|until| self.is_in_use() && *until > now.plus(usual))
    }

    /// Judges a recovery code by its digest. Wrong ones are not counted: 80 bits are not guessed,
    /// and a count would let strangers lock the sheet.
    pub fn accept_recovery(&self, digest: &RecoveryDigest, now: UnixTime) -> Judged {
        let mut device = self.clone();
        let verdict = match &mut device.factor {
            Factor::Recovery(recovery) => {
                let same = |known: &RecoveryDigest| {
                    known.as_str().as_bytes().ct_eq(digest.as_str().as_bytes())
                };
                let any = |known: &[RecoveryDigest]| {
                    bool::from(
                        known.iter().fold(Choice::from(0), |found, known| found | same(known)),
                    )
                };
                let (fresh, spent) = (any(&recovery.unused), any(&recovery.used));
                if fresh {
                    recovery.unused.retain(|known| known != digest);
                    recovery.used.push(digest.clone());
                    Verdict::Accepted
                } else if spent {
                    Verdict::Refused(Refusal::Replayed { next_code_at: None })
                } else {
                    Verdict::Refused(Refusal::NoMatch)
                }
            }
            Factor::Totp(_) | Factor::Hotp(_) | Factor::SecurityKey(_) => {
                Verdict::Refused(Refusal::NoMatch)
            }
        };
        device.concluded(verdict, Budget::Own, now)
    }

    /// Admits a pair for this use. The allowance is of `spender`; `None` for a known client, which
    /// has its own.
    ///
    /// # Errors
    /// [`Refusal::NotActive`] in the wrong state, or for a kind that shows no codes;
    /// [`Refusal::OutOfSync`] for a counter that only an administrator finds again;
    /// [`Refusal::PairsSpent`].
    pub fn admit_pair(
        &self,
        search: PairSearch,
        spender: Option<&CallerId>,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let allowed = match search.wanted {
            PairUse::Activation => !self.is_in_use(),
            PairUse::Resync | PairUse::SignIn => self.is_in_use(),
        };
        // Expired devices may still have a row.
        let expired = self.expires_at().is_some_and(|at| now >= at);
        if !allowed
            || expired
            || matches!(self.factor, Factor::SecurityKey(_) | Factor::Recovery(_))
        {
            return Err(Refusal::NotActive);
        }
        // An old pair of a counter is as good as a new one to all who cannot see the token.
        let unknown = matches!(&self.factor, Factor::Hotp(hotp) if hotp.pair_needed);
        if unknown && !search.is_vouched_for() {
            return Err(Refusal::OutOfSync);
        }
        match spender.and_then(|caller| self.pairs.spent_until(caller, now)) {
            Some(until) => Err(Refusal::PairsSpent { until }),
            None => Ok(()),
        }
    }

    /// Judges two consecutive codes together, for activation and resync alike. A right pair
    /// activates the device, finds its clock or counter, and consumes both codes. A wrong one
    /// spends the allowance of `spender`, as in `admit_pair`.
    pub fn accept_pair(
        &self,
        key: &Key,
        (codes, search): ([&Code; 2], PairSearch),
        spender: Option<&CallerId>,
        now: UnixTime,
    ) -> Judged {
        let mut device = self.clone();
        let window = search.window;
        let mut reading = None;
        let verdict = match &mut device.factor {
            Factor::Totp(totp) => match totp.find_pair(key, codes, window, now) {
                PairFound::At(matched)
                    if !search.is_vouched_for() && !totp.is_past_doubt(matched.step) =>
                {
                    Verdict::Refused(Refusal::OutOfSync)
                }
                PairFound::At(matched) => {
                    totp.doubtful = None;
                    reading = totp.consume(matched, Evidence::Pair, now);
                    Verdict::Accepted
                }
                PairFound::Consumed => Verdict::Refused(Refusal::ClockWentBack),
                PairFound::Nowhere => Verdict::Refused(Refusal::NoMatch),
            },
            Factor::Hotp(hotp) => match hotp.find_pair(key, codes, search) {
                PairFound::At(second) => {
                    *hotp = HotpState { next: second.next(), pair_needed: false, ..*hotp };
                    Verdict::Accepted
                }
                PairFound::Consumed => Verdict::Refused(Refusal::Replayed { next_code_at: None }),
                PairFound::Nowhere => Verdict::Refused(Refusal::NoMatch),
            },
            Factor::SecurityKey(_) | Factor::Recovery(_) => Verdict::Refused(Refusal::NoMatch),
        };
        match verdict {
            Verdict::Accepted => {
                device.state = DeviceState::Active;
                device.activated_at = device.activated_at.or(Some(now));
                device.throttle = Throttle::default();
                device.last_used_at = Some(now);
            }
            // A replayed right pair is no guess, so it costs nothing.
            Verdict::Refused(Refusal::NoMatch) => {
                if let Some(caller) = spender {
                    device.pairs = device.pairs.after_pair(caller, now);
                }
            }
            Verdict::Refused(_) => {}
        }
        Judged { device, verdict, reading }
    }

    /// Updates the counts of failures: only a success of this device clears them, only a code
    /// without any match adds to them. A known client moves its own counts, and leaves those of
    /// strangers as they are: their guesses go on where they stood.
    pub(super) fn concluded(mut self, verdict: Verdict, budget: Budget, now: UnixTime) -> Judged {
        if verdict == Verdict::Accepted {
            self.last_used_at = Some(now);
        }
        match (verdict, budget) {
            (Verdict::Accepted, Budget::Shared) => self.throttle = Throttle::default(),
            (Verdict::Refused(Refusal::NoMatch), Budget::Shared) => {
                self.throttle = self.throttle.after_failure(now);
                if self.throttle.locks() {
                    self.state = DeviceState::Locked;
                }
            }
            (Verdict::Accepted | Verdict::Refused(_), _) => {}
        }
        Judged { device: self, verdict, reading: None }
    }
}

impl PairSearch {
    /// True if an administrator has asked for it who looks after the device: the caller of a
    /// sign-in passes on the codes of another person.
    fn is_vouched_for(self) -> bool {
        self.window == Window::Admin && self.wanted != PairUse::SignIn
    }
}

impl HotpState {
    fn find_pair(&self, key: &Key, codes: [&Code; 2], search: PairSearch) -> PairFound<Counter> {
        let Some(next) = self.next else { return PairFound::Nowhere };
        let pair = CodePair { codes, counter: search.counter };
        self.parameters.find_pair(key, pair, next, search.window)
    }
}

impl TotpState {
    fn find(&self, key: &Key, code: &Code, now: UnixTime) -> Option<TotpMatch> {
        self.parameters.find(key, code, now, &self.clock.foretell(now))
    }

    fn find_pair(
        &self,
        key: &Key,
        codes: [&Code; 2],
        window: Window,
        now: UnixTime,
    ) -> PairFound<TotpMatch> {
        let (clock, limits) = (self.clock.foretell(now), (self.watermark, window));
        self.parameters.find_pair_near(key, codes, (now, &clock), limits)
    }

    /// Raises the watermark to the step, and learns from it what the device's clock says.
    fn consume(
        &mut self,
        matched: TotpMatch,
        evidence: Evidence,
        now: UnixTime,
    ) -> Option<ClockReading> {
        self.watermark = self.watermark.max(Some(matched.step));
        self.clock.learn(self.parameters.measurement(matched.step, now, evidence), now)
    }

    /// True if no code of this step can have been accepted before the last restore, nor the one
    /// before it, which came with it in a pair.
    fn is_past_doubt(&self, second: TimeStep) -> bool {
        self.doubtful.is_none_or(|doubtful| second.0 > doubtful.0.saturating_add(1))
    }

    /// Time at which the device, by its drift, shows the first step that is good again.
    fn next_code_at(&self, now: UnixTime) -> Option<UnixTime> {
        let drift = self.parameters.drift(&self.clock.foretell(now)).steps;
        let step = i128::from(self.spent()?.0) + 1 - i128::from(drift);
        let at =
            step * i128::from(self.parameters.step_size.seconds()) + i128::from(self.parameters.t0);
        Some(UnixTime(u64::try_from(at).ok()?).max(now.plus(Duration::from_secs(1))))
    }
}

/// Longest time that a device stays pending.
pub const PENDING_FOR: Duration = Duration::from_secs(86_400);
