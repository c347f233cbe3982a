//! What came of it: allowed or not, why, and what would help.

use std::fmt;
use std::time::Duration;

use crate::id::SerialNumber;
use crate::policy::Policy;
use crate::policy::domain::{Ages, Domain};
use crate::policy::facts::Facts;
use crate::session::{Amr, MfaKind};

/// A policy's answer.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision {
    allowed: bool,
    reason: Reason,
    missing: Vec<&'static str>,
    step_up: StepUp,
    presented: Standing,
}

/// Why, in one sentence that a person understands. It names no account and no device.
#[derive(Clone, Debug)]
pub struct Reason(Why);

#[derive(Clone, Debug)]
enum Why {
    Mfa { age: Option<Duration>, kind: Option<MfaKind> },
    WithoutMfa,
    Absent,
    Refused(String),
}

/// How the person would have to be verified: what RFC 9470 §3 tells a client to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// At most this long ago (`max_age`).
    pub max_age: Option<Duration>,
    /// In one of these ways, the preferred first (`acr_values`): `mfa`; and of the OpenID Connect
    /// Extended Authentication Profile, `phr` (phishing-resistant) and `phrh` (the same, with the
    /// key in hardware). None if no verification would help.
    pub acr_values: Vec<String>,
}

/// What the decision was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Nothing,
    Unusable,
    Context,
}

impl Decision {
    pub(crate) fn allowed(facts: &Facts<'_>) -> Decision {
        let why = match facts.present {
            Some(true) => Why::Mfa { age: facts.age, kind: facts.kind },
            Some(false) => Why::WithoutMfa,
            None => Why::Absent,
        };
        Decision {
            allowed: true,
            reason: Reason(why),
            missing: Vec::new(),
            step_up: StepUp::default(),
            presented: Standing::of(facts),
        }
    }

    pub(crate) fn refused(policy: &Policy, facts: &Facts<'_>) -> Decision {
        Decision {
            allowed: false,
            reason: Reason(Why::Refused(policy.refusal(facts))),
            missing: policy.condition.missing(facts),
            step_up: policy.step_up(),
            presented: Standing::of(facts),
        }
    }

    /// It may go on.
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// What the context would have had to say for the conditions to be true or false, and does not:
    /// members of the agent's `Context`. Empty when allowed.
    pub fn missing(&self) -> &[&'static str] {
        &self.missing
    }

    /// How the person would have to be verified to be allowed. Empty when that is not needed.
    pub fn step_up(&self) -> StepUp {
        self.step_up.clone()
    }

    /// Some verification would help. Where none does, the answer is 403, not 401.
    pub fn step_up_helps(&self) -> bool {
        !self.step_up.acr_values.is_empty()
    }

    /// The value of `WWW-Authenticate` for the 401 that says so (RFC 9470 §3; RFC 6750 §3): without
    /// an error when no context was presented, `invalid_token` when it is out of time, else
    /// `insufficient_user_authentication`.
    pub fn challenge(&self) -> String {
        let error = match self.presented {
            Standing::Nothing => return self.step_up.challenge(None),
            Standing::Unusable => "invalid_token",
            Standing::Context => "insufficient_user_authentication",
        };
        self.step_up.challenge(Some((error, &self.reason.to_string())))
    }
}

impl StepUp {
    /// A Bearer challenge that asks for this, with an error code and a sentence about it.
    pub fn challenge(&self, error: Option<(&str, &str)>) -> String {
        let mut parameters = Vec::new();
        if let Some((code, description)) = error {
            parameters.push(format!("error=\"{code}\""));
            // What RFC 6750 §3 allows there, without the two characters that end or escape a
            // string.
            let plain =
                description.chars().filter(|c| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~'));
            parameters.push(format!("error_description=\"{}\"", plain.collect::<String>()));
        }
        if !self.acr_values.is_empty() {
            parameters.push(format!("acr_values=\"{}\"", self.acr_values.join(" ")));
        }
        parameters.extend(self.max_age.map(|age| format!("max_age=\"{}\"", age.as_secs())));
        if parameters.is_empty() {
            "Bearer".to_owned()
        } else {
            format!("Bearer {}", parameters.join(", "))
        }
    }
}

impl Policy {
    /// How somebody has to be verified for this.
    pub fn step_up(&self) -> StepUp {
        let domain = Domain::of(&self.condition);
        let helps = |resistant: bool, hardware: bool| {
            domain.any(Ages::Fresh, |facts| {
                let is = (
                    facts.kind == Some(MfaKind::SecurityKey),
                    facts.amr.is_some_and(|amr| amr.contains(&Amr::Hwk)),
                );
                let asked = is.0 == resistant && (!resistant || is.1 == hardware);
                asked && self.condition.holds(facts)
            })
        };
        // A stronger one is not listed where a weaker one will do, unless something between them
        // will not.
        let acr_values: &[&str] = match (helps(false, false), helps(true, false), helps(true, true))
        {
            (true, true, true) | (true, false, false) => &["mfa"],
            (false, true, _) => &["phr"],
            (false, false, true) => &["phrh"],
            (true, false, true) => &["phrh", "mfa"],
            (true, true, false) => &["phr", "mfa"],
            (false, false, false) => &[],
        };
        StepUp {
            max_age: self.condition.max_age(),
            acr_values: acr_values.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

impl Policy {
    /// Whether a verification with this device, now, could be enough. Where that holds of none of
    /// an account's devices, asking for one is in vain.
    pub fn can_be_met_with(&self, kind: MfaKind, serial: &SerialNumber) -> bool {
        Domain::of(&self.condition)
            .any_of(kind, serial.as_str(), |facts| self.condition.holds(facts))
    }
}

impl Standing {
    fn of(facts: &Facts<'_>) -> Standing {
        match (facts.unusable, facts.present) {
            (Some(_), _) => Standing::Unusable,
            (None, None) => Standing::Nothing,
            (None, Some(_)) => Standing::Context,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Mfa { age, kind } => {
                f.write_str("MFA was proved")?;
                kind.map_or(Ok(()), |kind| write!(f, " with {}", kind.words()))?;
                age.map_or(Ok(()), |age| write!(f, " {} s ago", age.as_secs()))
            }
            Why::WithoutMfa => f.write_str("the policy allows a context without MFA here"),
            Why::Absent => f.write_str("the policy allows everybody here, without any context"),
            Why::Refused(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Presented;
    use crate::policy::sample::{NOW, context, key_context, without_mfa};

    use super::*;

    #[test]
    fn a_refusal_says_why_and_what_would_help() {
        let policy = Policy::max_age(Duration::from_secs(900)).phishing_resistant();
        for (decision, challenge) in [
            (policy.decide(Presented::Absent, NOW), "Bearer acr_values=\"phr\", max_age=\"900\""),
            (
                policy.decide(&without_mfa(), NOW),
                "Bearer error=\"insufficient_user_authentication\", \
                 error_description=\"MFA was not present when this context was made\", acr_values=\"phr\", max_age=\"900\"",
            ),
            (
                policy.decide(&context(60), NOW),
                "Bearer error=\"insufficient_user_authentication\", \
                 error_description=\"MFA was proved with a time-based code, and only a security key resists phishing\", \
                 acr_values=\"phr\", max_age=\"900\"",
            ),
            (
                policy.decide(&key_context(901, true), NOW),
                "Bearer error=\"insufficient_user_authentication\", \
                 error_description=\"MFA was proved 901 s ago, and at most 900 s are allowed\", acr_values=\"phr\", max_age=\"900\"",
            ),
        ] {
            assert!(!decision.is_allowed() && decision.step_up_helps());
            assert_eq!(decision.challenge(), challenge);
        }
        let allowed = policy.decide(&key_context(900, false), NOW);
        assert!(allowed.is_allowed() && allowed.step_up() == StepUp::default());
        assert_eq!(allowed.reason().to_string(), "MFA was proved with a security key 900 s ago");
    }

    #[test]
    fn a_step_up_asks_for_the_weakest_that_will_do() {
        let present = Policy::mfa_present;
        for (policy, acr_values) in [
            (present(), &["mfa"][..]),
            (present().phishing_resistant(), &["phr"]),
            (present().kinds(&[MfaKind::SecurityKey]), &["phr"]),
            (present().amr(&[Amr::Pop]), &["phr"]),
            (present().phishing_resistant().hardware_bound(), &["phrh"]),
            (present().hardware_bound(), &["phrh", "mfa"]),
            (present().kinds(&[MfaKind::Totp]), &["mfa"]),
            (present().hardware_bound().not(), &["phr", "mfa"]),
            (present().phishing_resistant().or(Policy::max_age(Duration::from_secs(60))), &["mfa"]),
            (present().not(), &[]),
            (Policy::max_age(Duration::from_secs(5)).not(), &[]),
        ] {
            assert_eq!(policy.step_up().acr_values, acr_values, "{policy:?}");
        }
    }

    #[test]
    fn a_device_that_cannot_meet_it_is_known() {
        let serial = |text: &str| text.parse::<SerialNumber>().unwrap();
        let policy = Policy::max_age(Duration::from_secs(60)).phishing_resistant();
        assert!(policy.can_be_met_with(MfaKind::SecurityKey, &serial("KEY-12345678")));
        assert!(!policy.can_be_met_with(MfaKind::Totp, &serial("GAHT12345678")));
        let one = Policy::mfa_present().serials([serial("GAHT12345678")]);
        assert!(one.can_be_met_with(MfaKind::Totp, &serial("GAHT12345678")));
        assert!(!one.can_be_met_with(MfaKind::Totp, &serial("GAHT87654321")));
    }

    #[test]
    fn what_the_context_would_have_to_say_is_named() {
        let policy = Policy::max_age(Duration::from_secs(900)).user_verified().hardware_bound();
        assert_eq!(
            policy.decide(&without_mfa(), NOW).missing(),
            ["amr", "mfa_time", "user_verified"]
        );
        assert!(policy.decide(&key_context(0, true), NOW).missing().is_empty());
    }
}
