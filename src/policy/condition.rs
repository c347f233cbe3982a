//! Conditions and their truth value: true, false, or absent.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::id::SerialNumber;
use crate::policy::attributes::Attributes;
use crate::session::{Amr, MfaKind};

/// One condition, or several joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Any context exists (the inverse of AWS `Null`). Never absent.
    Known,
    Present,
    /// Inclusive limit.
    MaxAge(Duration),
    PhishingResistant,
    HardwareBound,
    UserVerified,
    /// All of them.
    Amr(Vec<Amr>),
    /// One of them.
    Kinds(Vec<MfaKind>),
    /// One of them.
    Serials(BTreeSet<SerialNumber>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// Absent counts as true.
    IfExists(Box<Condition>),
}

/// Kleene's strong three-valued logic: `Some(true)`, `Some(false)`, and `None` for absent.
pub(crate) type Truth = Option<bool>;

impl Condition {
    /// True if the condition is definitely true.
    pub(crate) fn holds(&self, attributes: &Attributes<'_>) -> bool {
        self.truth(attributes) == Some(true)
    }

    pub(crate) fn truth(&self, attributes: &Attributes<'_>) -> Truth {
        match self {
            Condition::Known => Some(attributes.present.is_some()),
            Condition::Present => attributes.present,
            Condition::MaxAge(limit) => attributes.age.map(|age| age <= *limit),
            Condition::PhishingResistant => {
                attributes.kind.map(|kind| kind == MfaKind::SecurityKey)
            }
            Condition::HardwareBound => attributes.amr.map(|amr| amr.contains(&Amr::Hwk)),
            Condition::UserVerified => attributes.user_verified,
            Condition::Amr(methods) => {
                attributes.amr.map(|amr| methods.iter().all(|method| amr.contains(method)))
            }
            Condition::Kinds(kinds) => attributes.kind.map(|kind| kinds.contains(&kind)),
            Condition::Serials(serials) => attributes.serial.map(|serial| serials.contains(serial)),
            Condition::All(conditions) => joined(conditions, attributes, false),
            Condition::Any(conditions) => joined(conditions, attributes, true),
            Condition::Not(condition) => condition.truth(attributes).map(|truth| !truth),
            Condition::IfExists(condition) => condition.truth(attributes).or(Some(true)),
        }
    }
}

/// One condition with the `decisive` value decides; otherwise one absent condition makes the result
/// absent.
fn joined(conditions: &[Condition], attributes: &Attributes<'_>, decisive: bool) -> Truth {
    let mut truth = Some(!decisive);
    for condition in conditions {
        match condition.truth(attributes) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => truth = None,
        }
    }
    truth
}
