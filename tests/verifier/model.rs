//! The rules for codes and pairs, written down once more and in another way: with
//! the codes of another implementation, without a search, and from the state before alone.

use std::time::Duration;

use twostep::device::{Device, DeviceState, Factor, HotpState, TotpState};
use twostep::id::CallerId;
use twostep::otp::{TimeStep, Window};
use twostep::store::Account;
use twostep::time::UnixTime;

/// The required verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Accepted at this factor, and the device has learned this.
    Accepted { factor: u64, drift: i64, drift_moved_at: Option<UnixTime> },
    /// Refused for this reason.
    Refused(&'static str),
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
    let here = step_at(totp, now);
    // One step around the drift; around the present too, if that is ahead of where the device
    // should be.
    let offsets = (totp.drift - 1..=totp.drift + 1)
        .chain((totp.drift < 0).then_some(-1..=1).into_iter().flatten());
    let mut right: Vec<i64> = offsets
        .filter(|offset| shows(here.saturating_add_signed(*offset)) == text)
        .collect();
    right.sort_unstable();
    let Some(offset) = right.last().copied() else { return Outcome::Refused("no_match") };
    let step = here.saturating_add_signed(offset);
    if totp.watermark.is_some_and(|watermark| step <= watermark.0) {
        return Outcome::Refused("replayed");
    }
    if totp.doubtful.is_some_and(|doubtful| step <= doubtful.0) {
        return Outcome::Refused("out_of_sync");
    }
    let an_hour_ago = totp
        .drift_moved_at
        .is_none_or(|moved| now.since(moved) >= Duration::from_secs(3_600));
    let set = (offset - totp.drift).abs() > 1;
    let learns = an_hour_ago && (offset.abs() <= 20 || offset.abs() < totp.drift.abs());
    let moves = offset != totp.drift && (set || learns);
    Outcome::Accepted {
        factor: step,
        drift: if moves { offset } else { totp.drift },
        drift_moved_at: if moves { Some(now) } else { totp.drift_moved_at },
    }
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
    if device.state == DeviceState::Pending
        && now.since(device.created_at) >= Duration::from_secs(86_400)
    {
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
            let here = step_at(totp, now);
            if !consecutive || second.abs_diff(here) > steps {
                return Outcome::Refused("no_match");
            }
            if totp.watermark.is_some_and(|watermark| first <= watermark.0) {
                return Outcome::Refused("clock_went_back");
            }
            if !vouched && totp.doubtful.is_some_and(|doubtful| first <= doubtful.0) {
                return Outcome::Refused("out_of_sync");
            }
            let offset = i64::try_from(i128::from(second) - i128::from(here)).unwrap();
            let moved = if offset == totp.drift { totp.drift_moved_at } else { Some(now) };
            Outcome::Accepted { factor: second, drift: offset, drift_moved_at: moved }
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

/// The required state of a device after a restore.
pub(crate) fn restored(device: &Device, now: UnixTime) -> (DeviceState, Factor) {
    match &device.factor {
        Factor::Totp(totp) => {
            let ahead = |lead: i64| {
                let lead = totp.drift.max(lead).unsigned_abs() + 1;
                Some(TimeStep(step_at(totp, now) + lead))
            };
            let watermark = totp.watermark.max(ahead(20));
            let doubtful = totp.doubtful.max(ahead(2_880));
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

/// Counters know no drift.
fn accepted(counter: u64) -> Outcome {
    Outcome::Accepted { factor: counter, drift: 0, drift_moved_at: None }
}

fn step_at(totp: &TotpState, now: UnixTime) -> u64 {
    now.0 / u64::from(totp.parameters.step_size.seconds())
}
