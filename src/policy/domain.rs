//! Every kind of context there can be, as far as a condition can tell one from another.
//!
//! It is finite and small, so that questions about a policy ("can this ever hold?") are answered by
//! trying.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::SerialNumber;
use crate::policy::condition::Condition;
use crate::policy::facts::Facts;
use crate::session::{Amr, MfaKind};

/// The contexts with MFA that a condition can tell apart.
pub(crate) struct Domain<'a> {
    devices: Vec<Device>,
    /// One serial number for each set of lists that any is on, and one that is on none.
    serials: Vec<&'a str>,
    ages: BTreeSet<Duration>,
}

struct Device {
    kind: MfaKind,
    amr: Vec<Amr>,
    user_verified: bool,
}

impl<'a> Domain<'a> {
    pub(crate) fn of(condition: &'a Condition) -> Domain<'a> {
        let (mut lists, mut ages) = (Vec::new(), BTreeSet::from([Duration::ZERO, LONGEST_AGE]));
        collect(condition, &mut lists, &mut ages);
        Domain { devices: devices(), serials: told_apart(&lists), ages }
    }

    /// Whether some context that this device makes now makes `question` true.
    pub(crate) fn any_of(
        &self,
        kind: MfaKind,
        serial: &str,
        question: impl Fn(&Facts<'_>) -> bool,
    ) -> bool {
        let mut devices = self.devices.iter().filter(|device| device.kind == kind);
        devices.any(|device| question(&device.facts(serial, Duration::ZERO)))
    }

    /// Whether some context with MFA makes `question` true.
    pub(crate) fn any(&self, ages: Ages, question: impl Fn(&Facts<'_>) -> bool) -> bool {
        let ages = self.ages.iter().filter(|age| ages == Ages::All || age.is_zero());
        let mut cases = ages.flat_map(|age| self.devices.iter().map(move |device| (age, device)));
        cases.any(|(age, device)| {
            self.serials.iter().any(|serial| question(&device.facts(serial, *age)))
        })
    }
}

impl Device {
    fn facts<'a>(&'a self, serial: &'a str, age: Duration) -> Facts<'a> {
        Facts {
            unusable: None,
            present: Some(true),
            age: Some(age),
            kind: Some(self.kind),
            amr: Some(&self.amr),
            user_verified: Some(self.user_verified),
            serial: Some(serial),
        }
    }
}

/// Which contexts to try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ages {
    /// Those that were proved just now.
    Fresh,
    All,
}

fn collect<'a>(
    condition: &'a Condition,
    lists: &mut Vec<&'a BTreeSet<SerialNumber>>,
    ages: &mut BTreeSet<Duration>,
) {
    match condition {
        Condition::Serials(serials) => lists.push(serials),
        Condition::MaxAge(limit) => {
            let around = [*limit, limit.saturating_add(Duration::from_secs(1))];
            ages.extend(around.into_iter().filter(|age| *age <= LONGEST_AGE));
        }
        Condition::All(conditions) | Condition::Any(conditions) => {
            conditions.iter().for_each(|condition| collect(condition, lists, ages));
        }
        Condition::Not(condition) | Condition::IfExists(condition) => {
            collect(condition, lists, ages)
        }
        _ => {}
    }
}

/// A serial number of each set of lists; the empty one is on none, for no device has it.
fn told_apart<'a>(lists: &[&'a BTreeSet<SerialNumber>]) -> Vec<&'a str> {
    let mut found = BTreeMap::from([(vec![false; lists.len()], "")]);
    for serial in lists.iter().copied().flatten() {
        let on = lists.iter().map(|list| list.contains(serial)).collect();
        found.entry(on).or_insert(serial.as_str());
    }
    found.into_values().collect()
}

/// What the kinds of devices can prove: a code is a code, from known hardware or not; a key has its
/// key somewhere, was touched, and may have verified its user in a way that it tells.
fn devices() -> Vec<Device> {
    let mut devices = Vec::new();
    for (kind, amr) in [
        (MfaKind::Totp, &[Amr::Otp][..]),
        (MfaKind::Totp, &[Amr::Otp, Amr::Hwk]),
        (MfaKind::Hotp, &[Amr::Otp]),
        (MfaKind::Hotp, &[Amr::Otp, Amr::Hwk]),
        (MfaKind::Recovery, &[Amr::Otp]),
        (MfaKind::Bypass, &[Amr::Otp]),
    ] {
        devices.push(Device { kind, amr: amr.to_vec(), user_verified: false });
    }
    for held in
        [&[Amr::Pop][..], &[Amr::Swk], &[Amr::Hwk], &[Amr::Pop, Amr::Swk], &[Amr::Pop, Amr::Hwk]]
    {
        for known in [
            &[][..],
            &[Amr::Mfa],
            &[Amr::Mfa, Amr::Pin],
            &[Amr::Mfa, Amr::Fpt],
            &[Amr::Mfa, Amr::Pin, Amr::Fpt],
        ] {
            let amr = [held, &[Amr::User], known].concat();
            devices.push(Device {
                kind: MfaKind::SecurityKey,
                amr,
                user_verified: !known.is_empty(),
            });
        }
    }
    devices
}

/// No context lives longer than 129,600 s, and none is valid in the second in which it ends.
pub(crate) const LONGEST_AGE: Duration = Duration::from_secs(129_599);
