//! Conditions in words, and the reason of a refusal.

use std::fmt;
use std::time::Duration;

use crate::policy::Policy;
use crate::policy::attributes::{Attributes, Unusable};
use crate::policy::condition::Condition;
use crate::session::MfaKind;

impl Policy {
    /// The reason why these attributes do not suffice.
    pub(crate) fn refusal(&self, attributes: &Attributes<'_>) -> String {
        match (attributes.unusable, attributes.present) {
            (Some(Unusable::Over), _) => "the context has expired".to_owned(),
            (Some(Unusable::NotYet), _) => "the context is not valid yet".to_owned(),
            (None, None) if !self.allow_absent => "no valid context was presented".to_owned(),
            (None, Some(false)) if !self.allow_without_mfa => {
                "MFA was not present when this context was made".to_owned()
            }
            _ => self.condition.shortfall(attributes),
        }
    }
}

impl Condition {
    /// The reason why this unmet condition is unmet.
    fn shortfall(&self, attributes: &Attributes<'_>) -> String {
        let failed = |conditions: &[Condition]| -> Vec<String> {
            let failed = conditions.iter().filter(|condition| !condition.holds(attributes));
            failed.map(|condition| condition.shortfall(attributes)).collect()
        };
        match self {
            Condition::All(conditions) => failed(conditions).into_iter().next().unwrap_or_default(),
            Condition::Any(conditions) => failed(conditions).join(", and "),
            Condition::IfExists(condition) => condition.shortfall(attributes),
            _ if self.truth(attributes).is_none() => absent(self, attributes),
            Condition::Not(condition) => format!("here it must not be that {condition}"),
            Condition::Known => "no valid context was presented".to_owned(),
            Condition::Present => "MFA was not present when this context was made".to_owned(),
            Condition::MaxAge(limit) => {
                let age = attributes.age.unwrap_or_default();
                format!(
                    "MFA was proved {} s ago, and at most {} s are allowed",
                    age.as_secs(),
                    limit.as_secs()
                )
            }
            Condition::PhishingResistant => format!(
                "MFA was proved with {}, and only a security key resists phishing",
                kind(attributes)
            ),
            Condition::HardwareBound => {
                "the device is not known to keep its key in hardware".to_owned()
            }
            Condition::UserVerified => {
                "the device did not verify who used it, by a PIN or a finger".to_owned()
            }
            Condition::Amr(_) => format!("it has to be that {self}"),
            Condition::Kinds(_) => {
                format!("MFA was proved with {}, and it has to be that {self}", kind(attributes))
            }
            Condition::Serials(_) => {
                "MFA was proved with another device than those that are allowed here".to_owned()
            }
        }
    }

    /// Attributes that conditions need and the context lacks, each once.
    pub(crate) fn missing(&self, attributes: &Attributes<'_>) -> Vec<&'static str> {
        let mut missing = Vec::new();
        self.visit(&mut |condition| {
            if let Some(member) =
                condition.member().filter(|_| condition.truth(attributes).is_none())
            {
                missing.push(member);
            }
        });
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// The lowest age limit. Limits under `not` are skipped: they demand the opposite.
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

    /// Visits the nested conditions, then the condition itself.
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

    /// The attribute that this condition reads.
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

/// A clause to be read after "that".
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
    /// Name in sentences.
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

fn kind(attributes: &Attributes<'_>) -> &'static str {
    attributes.kind.map_or("a device of unknown kind", MfaKind::words)
}

/// The reason for an absent condition.
fn absent(condition: &Condition, attributes: &Attributes<'_>) -> String {
    match attributes.present {
        None => "no valid context was presented".to_owned(),
        Some(false) => "MFA was not present when this context was made".to_owned(),
        Some(true) => {
            format!("the context does not say {}", condition.missing(attributes).join(", "))
        }
    }
}
