//! Reasons of refusals, and their names.

use std::str::FromStr;

use crate::time::UnixTime;
use crate::webauthn::Criterion;

/// Reason of a refusal. Kept in the audit log, and told to trusted callers; people learn only
/// "refused".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A well-formed code without a match, the only failure that counts; or an assertion that
    /// proves nothing.
    NoMatch,
    /// A right code at or below one that was accepted before; or a finished ceremony.
    Replayed {
        /// Time of the next acceptable code; `None` for counters, where the next press shows one.
        next_code_at: Option<UnixTime>,
    },
    /// Too many failures: not judged.
    Throttled {
        /// Time when codes are judged again.
        until: UnixTime,
    },
    /// Too many pairs within the hour: not judged.
    PairsSpent {
        /// Time when pairs are judged again.
        until: UnixTime,
    },
    /// Twenty failures in a row: not judged.
    Locked,
    /// Two codes are needed: the clock or counter of the device has moved away, or codes up to an
    /// unknown one were consumed before a restore, which takes an administrator's pair.
    OutOfSync,
    /// Pending, disabled, or of a kind that does not take this input: not judged.
    NotActive,
    /// The account has no such device: not judged.
    UnknownDevice,
    /// The account has several devices that show codes, and the code named none: not judged. Only
    /// told; the audit log has [`UnknownDevice`](Refusal::UnknownDevice).
    SeveralDevices,
    /// A right pair of steps below the highest consumed: the device's clock went back.
    ClockWentBack,
    /// A security key of another account.
    KeyNotRegistered,
    /// The security key's answer fails at a step of WebAuthn L3 §7.2.
    Unproved(Criterion),
    /// The security key's sign count did not grow: the key may have been copied (WebAuthn L3 §7.2
    /// step 22).
    SignCount,
    /// A finished or unknown ceremony: not judged.
    NoCeremony,
}

/// A [`Refusal`] without its times, or a refusal to enrol a security key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// See [`Refusal::NoMatch`].
    NoMatch,
    /// See [`Refusal::Replayed`].
    Replayed,
    /// See [`Refusal::Throttled`] and [`Refusal::PairsSpent`].
    Throttled,
    /// See [`Refusal::Locked`].
    Locked,
    /// See [`Refusal::OutOfSync`].
    OutOfSync,
    /// See [`Refusal::NotActive`].
    NotActive,
    /// See [`Refusal::UnknownDevice`].
    UnknownDevice,
    /// See [`Refusal::SeveralDevices`].
    SeveralDevices,
    /// See [`Refusal::ClockWentBack`].
    ClockWentBack,
    /// See [`Refusal::KeyNotRegistered`].
    KeyNotRegistered,
    /// See [`Refusal::NoCeremony`].
    NoCeremony,
    /// Enrolment of a security key without the context that its account demands.
    MfaRequired,
    /// Enrolment of a security key beyond the account's limit.
    TooManyDevices,
    /// See [`Refusal::Unproved`] and [`Refusal::SignCount`].
    Unproved(Criterion),
}

impl Refusal {
    /// The reason without its times.
    pub fn kind(self) -> RefusalKind {
        match self {
            Refusal::NoMatch => RefusalKind::NoMatch,
            Refusal::Replayed { .. } => RefusalKind::Replayed,
            Refusal::Throttled { .. } | Refusal::PairsSpent { .. } => RefusalKind::Throttled,
            Refusal::Locked => RefusalKind::Locked,
            Refusal::OutOfSync => RefusalKind::OutOfSync,
            Refusal::NotActive => RefusalKind::NotActive,
            Refusal::UnknownDevice => RefusalKind::UnknownDevice,
            Refusal::SeveralDevices => RefusalKind::SeveralDevices,
            Refusal::ClockWentBack => RefusalKind::ClockWentBack,
            Refusal::KeyNotRegistered => RefusalKind::KeyNotRegistered,
            Refusal::Unproved(criterion) => RefusalKind::Unproved(criterion),
            Refusal::SignCount => RefusalKind::Unproved(Criterion::SignCount),
            Refusal::NoCeremony => RefusalKind::NoCeremony,
        }
    }

    /// The reason's name in audit rows, metrics and explanations.
    pub fn name(self) -> &'static str {
        self.kind().name()
    }

    /// Time of the next judged attempt, if known.
    pub fn retry_at(self) -> Option<UnixTime> {
        match self {
            Refusal::Replayed { next_code_at } => next_code_at,
            Refusal::Throttled { until } | Refusal::PairsSpent { until } => Some(until),
            _ => None,
        }
    }
}

impl RefusalKind {
    /// The reason's name in audit rows, metrics and explanations.
    pub fn name(self) -> &'static str {
        match self {
            RefusalKind::NoMatch => "no_match",
            RefusalKind::Replayed => "replayed",
            RefusalKind::Throttled => "throttled",
            RefusalKind::Locked => "locked",
            RefusalKind::OutOfSync => "out_of_sync",
            RefusalKind::NotActive => "not_active",
            RefusalKind::UnknownDevice => "unknown_device",
            RefusalKind::SeveralDevices => "several_devices",
            RefusalKind::ClockWentBack => "clock_went_back",
            RefusalKind::KeyNotRegistered => "key_not_registered",
            RefusalKind::NoCeremony => "no_ceremony",
            RefusalKind::MfaRequired => "mfa_required",
            RefusalKind::TooManyDevices => "too_many_devices",
            RefusalKind::Unproved(criterion) => criterion.name(),
        }
    }

    /// All reasons.
    pub fn all() -> impl Iterator<Item = RefusalKind> {
        PLAIN
            .into_iter()
            .chain(Criterion::ALL.iter().copied().map(RefusalKind::Unproved))
    }
}

impl FromStr for RefusalKind {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<RefusalKind, &'static str> {
        RefusalKind::all()
            .find(|kind| kind.name() == name)
            .ok_or("unknown reason of a refusal")
    }
}

/// The reasons that carry nothing.
const PLAIN: [RefusalKind; 13] = [
    RefusalKind::NoMatch,
    RefusalKind::Replayed,
    RefusalKind::Throttled,
    RefusalKind::Locked,
    RefusalKind::OutOfSync,
    RefusalKind::NotActive,
    RefusalKind::UnknownDevice,
    RefusalKind::SeveralDevices,
    RefusalKind::ClockWentBack,
    RefusalKind::KeyNotRegistered,
    RefusalKind::NoCeremony,
    RefusalKind::MfaRequired,
    RefusalKind::TooManyDevices,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_is_known_by_its_own_name() {
        let names: BTreeSet<&str> = RefusalKind::all().map(RefusalKind::name).collect();
        assert_eq!(names.len(), RefusalKind::all().count());
        for kind in RefusalKind::all() {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("pairs_spent".parse::<RefusalKind>().is_err());
    }
}
