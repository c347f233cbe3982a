//! Diagnosis of a pair of codes that a device's own parameters do not explain. Nothing is accepted
//! by it.

use crate::device::{Device, Factor, PairSearch, PairUse, Refusal, Verdict};
use crate::id::{AccountId, SerialNumber};
use crate::otp::{
    Algorithm, Code, Counter, DAY, Digits, Expected, Explanation, Made, Seed, SeedReading,
    TimeStep, TimeStepSize, Totp, WEEK, Window, as_stored, explain,
};
use crate::time::UnixTime;

/// Result of a diagnosis of two codes. Without any cause, nothing matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// All that differs from what is stored, the most telling first.
    pub causes: Vec<Cause>,
}

/// One difference between a token and what is stored of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No difference: the pair is right, and an owner's pair finds the device.
    InReach,
    /// The pair is right, but it or a later code was consumed.
    Used,
    /// The token's clock differs from ours by so much; negative: behind.
    Clock {
        /// The difference.
        seconds: i64,
        /// The pairs that find it.
        reach: Reach,
    },
    /// The token's counter ran ahead.
    CounterAhead {
        /// The counter of the code that it shows next.
        next: Counter,
        /// The pairs that find it.
        reach: Reach,
    },
    /// The token counts its steps by time, not its presses.
    TimeBased,
    /// The token counts its presses, not the time.
    CounterBased {
        /// The counter of the code that it shows next.
        next: Counter,
    },
    /// Another time-step size.
    TimeStep(TimeStepSize),
    /// Another hash function.
    Algorithm(Algorithm),
    /// Another number of digits.
    Digits(Digits),
    /// Another `T0`, in seconds since 1970.
    Epoch(u64),
    /// Another secret, which is the stored one in another form.
    Secret(SeedReading),
    /// The codes are those of a neighbour.
    OtherDevice {
        /// Serial number of the neighbour.
        serial: SerialNumber,
        /// Owner of the neighbour.
        account: AccountId,
    },
}

/// The pairs that find a token whose clock or counter ran away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The pairs of an administrator.
    Admin,
    /// No pairs: the token is too far away.
    None,
}

impl Device {
    /// Names the cause for which two codes do not work. `neighbours` are devices whose labels may
    /// have been mixed up with this one's.
    pub fn diagnose(
        &self,
        seed: &Seed,
        neighbours: &[(Device, Seed)],
        codes: [&Code; 2],
        now: UnixTime,
    ) -> Diagnosis {
        let Some(expected) = self.expected() else { return Diagnosis::default() };
        let own = || self.by_own_rule(seed, expected, codes, now);
        let others = || neighbours.iter().find_map(|other| by_neighbour(other, codes, now));
        let causes = own()
            .or_else(others)
            .map(|cause| vec![cause])
            .or_else(|| Some(differences(expected, &explain(seed, expected, codes, now)?, now)));
        Diagnosis { causes: causes.unwrap_or_default() }
    }

    fn expected(&self) -> Option<Expected> {
        match &self.factor {
            Factor::Totp(totp) => Some(Expected::Totp(totp.parameters)),
            Factor::Hotp(hotp) => Some(Expected::Hotp(hotp.parameters, hotp.next)),
            Factor::SecurityKey(_) | Factor::Recovery(_) => None,
        }
    }

    /// The cause, if the pair is right by the stored parameters.
    fn by_own_rule(
        &self,
        seed: &Seed,
        expected: Expected,
        codes: [&Code; 2],
        now: UnixTime,
    ) -> Option<Cause> {
        let finds = |window| self.finds(seed, codes, window, now);
        let reach = match finds(Window::Owner) {
            Found::Fresh => return Some(Cause::InReach),
            Found::Used => return Some(Cause::Used),
            Found::Not => match finds(Window::Admin) {
                Found::Fresh => Reach::Admin,
                Found::Used => return Some(Cause::Used),
                Found::Not => Reach::None,
            },
        };
        let made = as_stored(seed, expected, codes, (now, WEEK))?.made;
        Some(match (made, &self.factor) {
            (Made::Totp(_, step), Factor::Totp(totp))
                if totp.watermark.is_some_and(|consumed| step.0 <= consumed.0 + 1) =>
            {
                Cause::Used
            }
            (Made::Hotp(_, second), Factor::Hotp(hotp))
                if hotp.next.is_none_or(|next| second <= next) =>
            {
                Cause::Used
            }
            (Made::Totp(totp, step), _) => Cause::Clock { seconds: totp.ahead(step, now), reach },
            (Made::Hotp(_, second), _) => {
                Cause::CounterAhead { next: second.next().unwrap_or(second), reach }
            }
        })
    }

    /// The verdict of the rule itself on the pair.
    fn finds(&self, seed: &Seed, codes: [&Code; 2], window: Window, now: UnixTime) -> Found {
        let Some(key) = self.key(seed) else { return Found::Not };
        let search = PairSearch { wanted: PairUse::Resync, window, counter: None };
        match self.accept_pair(&key, (codes, search), None, now).verdict {
            Verdict::Accepted => Found::Fresh,
            Verdict::Refused(Refusal::ClockWentBack | Refusal::Replayed { .. }) => Found::Used,
            Verdict::Refused(_) => Found::Not,
        }
    }
}

/// Result of a search for a pair.
enum Found {
    Fresh,
    Used,
    Not,
}

fn by_neighbour(
    (device, seed): &(Device, Seed),
    codes: [&Code; 2],
    now: UnixTime,
) -> Option<Cause> {
    as_stored(seed, device.expected()?, codes, (now, DAY))?;
    let account = device.account.clone()?;
    Some(Cause::OtherDevice { serial: device.serial.clone(), account })
}

/// All that differs between what is stored and how the codes were made.
fn differences(expected: Expected, explanation: &Explanation, now: UnixTime) -> Vec<Cause> {
    let secret = Some(explanation.reading).filter(|reading| *reading != SeedReading::AsStored);
    let mut causes: Vec<Cause> = secret.into_iter().map(Cause::Secret).collect();
    let (stored, made) = (expected.parameters(), explanation.made.parameters());
    // A token of the other kind is compared with what such tokens have.
    let by_time = match (expected, explanation.made) {
        (Expected::Totp(stored), Made::Totp(made, step)) => Some((stored, made, step)),
        (Expected::Hotp(..), Made::Totp(made, step)) => {
            causes.push(Cause::TimeBased);
            Some((Totp::default(), made, step))
        }
        (Expected::Totp(_), Made::Hotp(_, second)) => {
            causes.push(Cause::CounterBased { next: second.next().unwrap_or(second) });
            None
        }
        (Expected::Hotp(_, next), Made::Hotp(_, second)) => {
            let ahead = next.is_some_and(|next| second.0 > next.0 + Window::Owner.counters());
            let found =
                Cause::CounterAhead { next: second.next().unwrap_or(second), reach: Reach::Admin };
            causes.extend(ahead.then_some(found));
            None
        }
    };
    if let Some((stored, made, _)) = by_time {
        let other_step = made.step_size != stored.step_size;
        causes.extend(other_step.then_some(Cause::TimeStep(made.step_size)));
        causes.extend((made.t0 != stored.t0).then_some(Cause::Epoch(made.t0)));
    }
    let other_algorithm = made.algorithm != stored.algorithm;
    causes.extend(other_algorithm.then_some(Cause::Algorithm(made.algorithm)));
    causes.extend((made.digits != stored.digits).then_some(Cause::Digits(made.digits)));
    causes.extend(by_time.and_then(|(_, made, step)| far_off(made, step, now)));
    causes
}

/// The distance of a clock that an owner's pair would not find.
fn far_off(made: Totp, step: TimeStep, now: UnixTime) -> Option<Cause> {
    let distance = step.0.abs_diff(made.step_at(now)?.0);
    let reach = match distance {
        _ if distance <= Window::Owner.steps() => return None,
        _ if distance <= Window::Admin.steps() => Reach::Admin,
        _ => Reach::None,
    };
    Some(Cause::Clock { seconds: made.ahead(step, now), reach })
}
