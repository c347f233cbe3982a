//! The rules for codes and pairs, written down once more and in another way: with
//! the codes of another implementation, without a search, and from the state before alone.

use std::time::Duration;

use test_support::window;
use twostep::device::{Device, DeviceState, Factor, HotpState, Refusal, TotpState};
use twostep::id::CallerId;
use twostep::otp::{TimeStep, Window};
use twostep::store::Account;
use twostep::time::UnixTime;

/// The required verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Accepted at this factor, and the device has learned this.
    Accepted { factor: u64, learned: Learned },
    /// Refused for this reason.
    Refused(&'static str),
}

/// The least that the clock model learns from a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// No lesson: the last measurement is less than an hour old, or there is no clock.
    Nothing,
    /// The clock is followed, no farther than a step and 100 ppm of the time since the last
    /// measurement.
    Followed,
    /// The clock shows this step now.
    Set,
}

/// The texts that a device shows, by step or counter.
pub(crate) type Texts<'a> = &'a dyn Fn(u64) -> String;

pub(crate) fn code(
    account: &Account,
    device: &Device,
    shows: Texts<'_>,
    text: &str,
    now: UnixTime,
) -> Outcome {
    let wait = match device.throttle.failures {
        0..3 => None,
        failures @ 3..10 => Some(30 << (failures - 3)),
        _ => Some(3_600),
    };
    let throttled = wait.is_some_and(|wait| device.throttle.last_failure.unwrap().0 + wait > now.0);
    let refusal = match (&device.state, &device.factor) {
        _ if account.throttled_until.is_some_and(|until| until > now) => Some("throttled"),
        (DeviceState::Pending | DeviceState::Disabled, _) => Some("not_active"),
        (DeviceState::Locked, _) => Some("locked"),
        (DeviceState::Active, Factor::Hotp(hotp)) if hotp.pair_needed => Some("out_of_sync"),
        _ => throttled.then_some("throttled"),
    };
    if let Some(reason) = refusal {
        return Outcome::Refused(reason);
    }
    match &device.factor {
        Factor::Totp(totp) => time_code(totp, shows, text, now),
        Factor::Hotp(hotp) => {
            let next = hotp.next.unwrap().0;
            let right = (next.saturating_sub(2)..next + 10)
                .rev()
                .find(|counter| shows(*counter) == text);
            match right {
                Some(counter) if counter >= next => accepted(counter),
                Some(_) => Outcome::Refused("replayed"),
                None => Outcome::Refused("no_match"),
            }
        }
        other => panic!("{other:?}"),
    }
}

fn time_code(totp: &TotpState, shows: Texts<'_>, text: &str, now: UnixTime) -> Outcome {
    let accepted = window::accepted(&totp.parameters, &totp.clock.foretell(now), now);
    let right = accepted.into_iter().rev().find(|step| shows(*step) == text);
    let Some(step) = right else { return Outcome::Refused("no_match") };
    if totp.watermark.is_some_and(|watermark| step <= watermark.0) {
        return Outcome::Refused("replayed");
    }
    if totp.doubtful.is_some_and(|doubtful| step <= doubtful.0) {
        return Outcome::Refused("out_of_sync");
    }
    let learned = match totp.clock.measured_at() {
        None => Learned::Set,
        Some(at) if at <= now && now.since(at) < Duration::from_secs(3_600) => Learned::Nothing,
        Some(_) => Learned::Followed,
    };
    Outcome::Accepted { factor: step, learned }
}

/// Two codes, of which the first is of the step or counter `first` and the second of `second`.
pub(crate) fn pair(
    device: &Device,
    shows: Texts<'_>,
    [first, second]: [u64; 2],
    (window, vouched): (Window, bool),
    caller: &CallerId,
    now: UnixTime,
) -> Outcome {
    if device.expires_at().is_some_and(|at| now >= at) {
        return Outcome::Refused("not_active");
    }
    if matches!(&device.factor, Factor::Hotp(hotp) if hotp.pair_needed) && !vouched {
        return Outcome::Refused("out_of_sync");
    }
    if device.pairs.spent_until(caller, now).is_some() {
        return Outcome::Refused("throttled");
    }
    let (steps, counters) = if window == Window::Admin { (2_880, 1_000) } else { (20, 100) };
    let consecutive = second == first + 1 && shows(first) != shows(second);
    match &device.factor {
        Factor::Totp(totp) => {
            let (here, expected) = (step_at(totp, now), totp.expected_step(now).unwrap().0);
            let near = second.abs_diff(here) <= steps;
            let tracked = second.abs_diff(expected) <= 20 && second.abs_diff(here) <= 2_880;
            if !consecutive || !(near || tracked) {
                return Outcome::Refused("no_match");
            }
            if totp.watermark.is_some_and(|watermark| first <= watermark.0) {
                return Outcome::Refused("clock_went_back");
            }
            if !vouched && totp.doubtful.is_some_and(|doubtful| first <= doubtful.0) {
                return Outcome::Refused("out_of_sync");
            }
            Outcome::Accepted { factor: second, learned: Learned::Set }
        }
        Factor::Hotp(hotp) => {
            let next = hotp.next.unwrap().0;
            if !consecutive || !(next.saturating_sub(2)..next + counters).contains(&first) {
                Outcome::Refused("no_match")
            } else if first < next {
                Outcome::Refused("replayed")
            } else {
                accepted(second)
            }
        }
        other => panic!("{other:?}"),
    }
}

/// True if the refusal is told with its reason, or with the one that helps: two codes find a device
/// again that looks have found out of sync.
pub(crate) fn is_told(reason: &str, refusal: Refusal, looks: bool) -> bool {
    let helps = looks && matches!(reason, "no_match" | "throttled");
    refusal.name() == reason || (helps && refusal == Refusal::OutOfSync)
}

/// The required state of a device after a restore.
pub(crate) fn restored(device: &Device, now: UnixTime) -> (DeviceState, Factor) {
    match &device.factor {
        Factor::Totp(totp) => {
            let (here, expected) = (step_at(totp, now), totp.expected_step(now).unwrap().0);
            let watermark = totp.watermark.max(Some(TimeStep(here.max(expected) + 21)));
            let doubtful = totp.doubtful.max(Some(TimeStep(here + 2_884)));
            (device.state, Factor::Totp(TotpState { watermark, doubtful, ..totp.clone() }))
        }
        Factor::Hotp(hotp) => {
            let state = match device.state {
                DeviceState::Pending => DeviceState::Pending,
                _ => DeviceState::Disabled,
            };
            (state, Factor::Hotp(HotpState { pair_needed: true, ..hotp.clone() }))
        }
        other => panic!("{other:?}"),
    }
}

/// Counters have no clock.
fn accepted(counter: u64) -> Outcome {
    Outcome::Accepted { factor: counter, learned: Learned::Nothing }
}

fn step_at(totp: &TotpState, now: UnixTime) -> u64 {
    now.0 / u64::from(totp.parameters.step_size.seconds())
}
