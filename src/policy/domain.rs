//! The domain of contexts with MFA that conditions can tell apart.
//!
//! The domain is finite and small, so questions about a policy ("can it ever hold?") are answered
//! by enumeration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::SerialNumber;
use crate::policy::attributes::Attributes;
use crate::policy::condition::Condition;
use crate::session::{Amr, LONGEST_LIFETIME, MfaKind};

/// The contexts with MFA that one condition can tell apart.
pub(crate) struct Domain<'a> {
    devices: Vec<Device>,
    /// One serial number for each combination of lists, and one that is on no list.
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

    /// True if a fresh context of this device satisfies `question`.
    pub(crate) fn any_of(
        &self,
        kind: MfaKind,
        serial: &str,
        question: impl Fn(&Attributes<'_>) -> bool,
    ) -> bool {
        let mut devices = self.devices.iter().filter(|device| device.kind == kind);
        devices.any(|device| question(&device.attributes(serial, Duration::ZERO)))
    }

    /// True if some context with MFA satisfies `question`.
    pub(crate) fn any(&self, ages: Ages, question: impl Fn(&Attributes<'_>) -> bool) -> bool {
        let ages = self.ages.iter().filter(|age| ages == Ages::All || age.is_zero());
        let mut cases = ages.flat_map(|age| self.devices.iter().map(move |device| (age, device)));
        cases.any(|(age, device)| {
            self.serials.iter().any(|serial| question(&device.attributes(serial, *age)))
        })
    }
}

impl Device {
    fn attributes<'a>(&'a self, serial: &'a str, age: Duration) -> Attributes<'a> {
        Attributes {
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

/// Ages to enumerate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ages {
    /// Age zero only.
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

/// One serial number per combination of lists. The empty text stands for "on no list": no device
/// has it.
fn told_apart<'a>(lists: &[&'a BTreeSet<SerialNumber>]) -> Vec<&'a str> {
    let mut found = BTreeMap::from([(vec![false; lists.len()], "")]);
    for serial in lists.iter().copied().flatten() {
        let on = lists.iter().map(|list| list.contains(serial)).collect();
        found.entry(on).or_insert(serial.as_str());
    }
    found.into_values().collect()
}

/// Possible proofs of each kind of device. Codes: `otp`, with `hwk` for known hardware. Security
/// keys: the place of the key, `user` for the touch, and possibly user verification with its
/// method.
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

/// The greatest age of a valid context: it is invalid in the second in which it ends.
pub(crate) const LONGEST_AGE: Duration = LONGEST_LIFETIME.saturating_sub(Duration::from_secs(1));
