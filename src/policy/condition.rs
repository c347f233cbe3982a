//! Conditions, and what they come to: true, false, or absent.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::id::SerialNumber;
use crate::policy::facts::Facts;
use crate::session::{Amr, MfaKind};

/// One condition, or several joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// There is a context (the `Null` of AWS, turned round). The only one that is never absent.
    Known,
    Present,
    /// Exactly this age is still good enough.
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
    /// True where it is absent.
    IfExists(Box<Condition>),
}

/// Kleene's strong three-valued logic: `Some(true)`, `Some(false)`, and `None` for absent.
pub(crate) type Truth = Option<bool>;

impl Condition {
    /// It is definitely true.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        self.truth(facts) == Some(true)
    }

    pub(crate) fn truth(&self, facts: &Facts<'_>) -> Truth {
        match self {
            Condition::Known => Some(facts.present.is_some()),
            Condition::Present => facts.present,
            Condition::MaxAge(limit) => facts.age.map(|age| age <= *limit),
            Condition::PhishingResistant => facts.kind.map(|kind| kind == MfaKind::SecurityKey),
            Condition::HardwareBound => facts.amr.map(|amr| amr.contains(&Amr::Hwk)),
            Condition::UserVerified => facts.user_verified,
            Condition::Amr(methods) => {
                facts.amr.map(|amr| methods.iter().all(|method| amr.contains(method)))
            }
            Condition::Kinds(kinds) => facts.kind.map(|kind| kinds.contains(&kind)),
            Condition::Serials(serials) => facts.serial.map(|serial| serials.contains(serial)),
            Condition::All(conditions) => joined(conditions, facts, false),
            Condition::Any(conditions) => joined(conditions, facts, true),
            Condition::Not(condition) => condition.truth(facts).map(|truth| !truth),
            Condition::IfExists(condition) => condition.truth(facts).or(Some(true)),
        }
    }
}

/// One condition with the value `decisive` decides; else one that is absent makes the whole absent.
fn joined(conditions: &[Condition], facts: &Facts<'_>, decisive: bool) -> Truth {
    let mut truth = Some(!decisive);
    for condition in conditions {
        match condition.truth(facts) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => truth = None,
        }
    }
    truth
}
