//! Conditions in words, and which of them was not met.

use std::fmt;
use std::time::Duration;

use crate::policy::Policy;
use crate::policy::condition::Condition;
use crate::policy::facts::{Facts, Unusable};
use crate::session::MfaKind;

impl Policy {
    /// Why these facts are not enough.
    pub(crate) fn refusal(&self, facts: &Facts<'_>) -> String {
        match (facts.unusable, facts.present) {
            (Some(Unusable::Over), _) => "the context has expired".to_owned(),
            (Some(Unusable::NotYet), _) => "the context is not valid yet".to_owned(),
            (None, None) if !self.allow_absent => "no valid context was presented".to_owned(),
            (None, Some(false)) if !self.allow_without_mfa => {
                "MFA was not present when this context was made".to_owned()
            }
            _ => self.condition.shortfall(facts),
        }
    }
}

impl Condition {
    /// Why this condition, which does not hold, does not.
    fn shortfall(&self, facts: &Facts<'_>) -> String {
        let failed = |conditions: &[Condition]| -> Vec<String> {
            let failed = conditions.iter().filter(|condition| !condition.holds(facts));
            failed.map(|condition| condition.shortfall(facts)).collect()
        };
        match self {
            Condition::All(conditions) => failed(conditions).into_iter().next().unwrap_or_default(),
            Condition::Any(conditions) => failed(conditions).join(", and "),
            Condition::IfExists(condition) => condition.shortfall(facts),
            _ if self.truth(facts).is_none() => absent(self, facts),
            Condition::Not(condition) => format!("here it must not be that {condition}"),
            Condition::Known => "no valid context was presented".to_owned(),
            Condition::Present => "MFA was not present when this context was made".to_owned(),
            Condition::MaxAge(limit) => {
                let age = facts.age.unwrap_or_default();
                format!(
                    "MFA was proved {} s ago, and at most {} s are allowed",
                    age.as_secs(),
                    limit.as_secs()
                )
            }
            Condition::PhishingResistant => format!(
                "MFA was proved with {}, and only a security key resists phishing",
                kind(facts)
            ),
            Condition::HardwareBound => {
                "the device is not known to keep its key in hardware".to_owned()
            }
            Condition::UserVerified => {
                "the device did not verify who used it, by a PIN or a finger".to_owned()
            }
            Condition::Amr(_) => format!("it has to be that {self}"),
            Condition::Kinds(_) => {
                format!("MFA was proved with {}, and it has to be that {self}", kind(facts))
            }
            Condition::Serials(_) => {
                "MFA was proved with another device than those that are allowed here".to_owned()
            }
        }
    }

    /// The members of a context that conditions ask for and that are not there, each once.
    pub(crate) fn missing(&self, facts: &Facts<'_>) -> Vec<&'static str> {
        let mut missing = Vec::new();
        self.visit(&mut |condition| {
            if let Some(member) = condition.member().filter(|_| condition.truth(facts).is_none()) {
                missing.push(member);
            }
        });
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// The shortest age that is asked for. What stands under a `not` asks for the contrary.
    pub(crate) fn max_age(&self) -> Option<Duration> {
        match self {
            Condition::MaxAge(limit) => Some(*limit),
            Condition::All(conditions) | Condition::Any(conditions) => {
                conditions.iter().filter_map(Condition::max_age).min()
            }
            Condition::IfExists(condition) => condition.max_age(),
            _ => None,
        }
    }

    /// Everything in it, and itself last.
    pub(crate) fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Condition)) {
        match self {
            Condition::All(conditions) | Condition::Any(conditions) => {
                conditions.iter().for_each(|condition| condition.visit(see))
            }
            Condition::Not(condition) | Condition::IfExists(condition) => condition.visit(see),
            _ => {}
        }
        see(self);
    }

    /// The member of a context that it is about.
    fn member(&self) -> Option<&'static str> {
        match self {
            Condition::Present => Some("mfa_present"),
            Condition::MaxAge(_) => Some("mfa_time"),
            Condition::PhishingResistant | Condition::Kinds(_) => Some("kind"),
            Condition::HardwareBound | Condition::Amr(_) => Some("amr"),
            Condition::UserVerified => Some("user_verified"),
            Condition::Serials(_) => Some("serial"),
            Condition::Known
            | Condition::All(_)
            | Condition::Any(_)
            | Condition::Not(_)
            | Condition::IfExists(_) => None,
        }
    }
}

/// What it demands, to be read after "that".
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Known => f.write_str("there is a context"),
            Condition::Present => f.write_str("MFA was present"),
            Condition::MaxAge(limit) => {
                write!(f, "MFA was proved at most {} s ago", limit.as_secs())
            }
            Condition::PhishingResistant => f.write_str("the proof resists phishing"),
            Condition::HardwareBound => {
                f.write_str("the device is known to keep its key in hardware")
            }
            Condition::UserVerified => f.write_str("the device verified its user"),
            Condition::Amr(methods) => {
                let names: Vec<_> = methods.iter().map(|method| method.name()).collect();
                write!(f, "amr has {}", names.join(" and "))
            }
            Condition::Kinds(kinds) => {
                let names: Vec<_> = kinds.iter().map(|kind| kind.words()).collect();
                write!(f, "it was {}", names.join(" or "))
            }
            Condition::Serials(_) => f.write_str("the device is one of those listed"),
            Condition::All(conditions) => list(f, conditions, " and "),
            Condition::Any(conditions) => list(f, conditions, " or "),
            Condition::Not(condition) => write!(f, "it is not so that {condition}"),
            Condition::IfExists(condition) => write!(f, "{condition} (or nothing is said of it)"),
        }
    }
}

impl MfaKind {
    /// What people call it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            MfaKind::Totp => "a time-based code",
            MfaKind::Hotp => "a counter-based code",
            MfaKind::SecurityKey => "a security key",
            MfaKind::Recovery => "a recovery code",
            MfaKind::Bypass => "a bypass code",
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, conditions: &[Condition], joint: &str) -> fmt::Result {
    for (index, condition) in conditions.iter().enumerate() {
        f.write_str(if index > 0 { joint } else { "" })?;
        write!(f, "{condition}")?;
    }
    Ok(())
}

fn kind(facts: &Facts<'_>) -> &'static str {
    facts.kind.map_or("a device of unknown kind", MfaKind::words)
}

/// A condition that is neither true nor false.
fn absent(condition: &Condition, facts: &Facts<'_>) -> String {
    match facts.present {
        None => "no valid context was presented".to_owned(),
        Some(false) => "MFA was not present when this context was made".to_owned(),
        Some(true) => format!("the context does not say {}", condition.missing(facts).join(", ")),
    }
}
