//! The decision: allowed or refused, the reason, and the step-up that would help.

use std::fmt;
use std::time::Duration;

use crate::id::SerialNumber;
use crate::policy::Policy;
use crate::policy::attributes::Attributes;
use crate::policy::domain::{Ages, Domain};
use crate::session::{Amr, MfaKind};

/// A policy's answer.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision {
    allowed: bool,
    reason: Reason,
    missing: Vec<&'static str>,
    step_up: StepUp,
    presented: Input,
}

/// The reason in one plain sentence. Names no account and no device.
#[derive(Clone, Debug)]
pub struct Reason(Grounds);

#[derive(Clone, Debug)]
enum Grounds {
    Mfa { age: Option<Duration>, kind: Option<MfaKind> },
    WithoutMfa,
    Absent,
    Refused(String),
}

/// Verification that a client must ask for (RFC 9470 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// Greatest age of the verification (`max_age`).
    pub max_age: Option<Duration>,
    /// Acceptable methods, the preferred first (`acr_values`): `mfa`; and of the OpenID Connect
    /// Extended Authentication Profile, `phr` (phishing-resistant) and `phrh` (phishing-resistant,
    /// key in hardware). Empty if no verification would help.
    pub acr_values: Vec<String>,
}

/// The presented context, as far as the challenge depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Absent,
    OutOfTime,
    Context,
}

impl Decision {
    pub(crate) fn allowed(attributes: &Attributes<'_>) -> Decision {
        let why = match attributes.present {
            Some(true) => Grounds::Mfa { age: attributes.age, kind: attributes.kind },
            Some(false) => Grounds::WithoutMfa,
            None => Grounds::Absent,
        };
        Decision {
            allowed: true,
            reason: Reason(why),
            missing: Vec::new(),
            step_up: StepUp::default(),
            presented: Input::of(attributes),
        }
    }

    pub(crate) fn refused(policy: &Policy, attributes: &Attributes<'_>) -> Decision {
        Decision {
            allowed: false,
            reason: Reason(Grounds::Refused(policy.refusal(attributes))),
            missing: policy.condition.missing(attributes),
            step_up: policy.step_up(),
            presented: Input::of(attributes),
        }
    }

    /// True if the request may proceed.
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// The reason, as one sentence.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Attributes that the conditions need and the context lacks, by their names in the agent's
    /// `Context`. Empty when allowed.
    pub fn missing(&self) -> &[&'static str] {
        &self.missing
    }

    /// Verification that would lead to a permit. Empty when the request is allowed.
    pub fn step_up(&self) -> StepUp {
        self.step_up.clone()
    }

    /// True if some verification would help. If none would, the HTTP answer is 403 instead of 401.
    pub fn step_up_helps(&self) -> bool {
        !self.step_up.acr_values.is_empty()
    }

    /// Value of `WWW-Authenticate` for a 401 (RFC 9470 §3; RFC 6750 §3): without an error if no
    /// context was presented, `invalid_token` if it is out of time, else
    /// `insufficient_user_authentication`.
    pub fn challenge(&self) -> String {
        let error = match self.presented {
            Input::Absent => return self.step_up.challenge(None),
            Input::OutOfTime => "invalid_token",
            Input::Context => "insufficient_user_authentication",
        };
        self.step_up.challenge(Some((error, &self.reason.to_string())))
    }
}

impl StepUp {
    /// A Bearer challenge for this verification, with an error code and its description.
    pub fn challenge(&self, error: Option<(&str, &str)>) -> String {
        let mut parameters = Vec::new();
        if let Some((code, description)) = error {
            parameters.push(format!("error=\"{code}\""));
            // RFC 6750 §3 character set, without `"` and `\`.
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
    /// Verification that meets this policy.
    pub fn step_up(&self) -> StepUp {
        let domain = Domain::of(&self.condition);
        let helps = |resistant: bool, hardware: bool| {
            domain.any(Ages::Fresh, |attributes| {
                let is = (
                    attributes.kind == Some(MfaKind::SecurityKey),
                    attributes.amr.is_some_and(|amr| amr.contains(&Amr::Hwk)),
                );
                let asked = is.0 == resistant && (!resistant || is.1 == hardware);
                asked && self.condition.holds(attributes)
            })
        };
        // Lists the weakest method that meets the policy, and a stronger one only if a method
        // between the two does not.
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
    /// True if a fresh verification with this device could meet the policy. If no device of an
    /// account could, a step-up is futile.
    pub fn can_be_met_with(&self, kind: MfaKind, serial: &SerialNumber) -> bool {
        Domain::of(&self.condition)
            .any_of(kind, serial.as_str(), |attributes| self.condition.holds(attributes))
    }
}

impl Input {
    fn of(attributes: &Attributes<'_>) -> Input {
        match (attributes.unusable, attributes.present) {
            (Some(_), _) => Input::OutOfTime,
            (None, None) => Input::Absent,
            (None, Some(_)) => Input::Context,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Grounds::Mfa { age, kind } => {
                f.write_str("MFA was proved")?;
                kind.map_or(Ok(()), |kind| write!(f, " with {}", kind.words()))?;
                age.map_or(Ok(()), |age| write!(f, " {} s ago", age.as_secs()))
            }
            Grounds::WithoutMfa => f.write_str("the policy allows a context without MFA here"),
            Grounds::Absent => {
                f.write_str("the policy allows every request here, without any context")
            }
            Grounds::Refused(why) => f.write_str(why),
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
                 error_description=\"MFA was not present when this context was made\", \
                 acr_values=\"phr\", max_age=\"900\"",
            ),
            (
                policy.decide(&context(60), NOW),
                "Bearer error=\"insufficient_user_authentication\", \
                 error_description=\"MFA was proved with a time-based code, \
                 and only a security key resists phishing\", \
                 acr_values=\"phr\", max_age=\"900\"",
            ),
            (
                policy.decide(&key_context(901, true), NOW),
                "Bearer error=\"insufficient_user_authentication\", \
                 error_description=\"MFA was proved 901 s ago, and at most 900 s are allowed\", \
                 acr_values=\"phr\", max_age=\"900\"",
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
    fn attributes_that_the_context_lacks_are_named() {
        let policy = Policy::max_age(Duration::from_secs(900)).user_verified().hardware_bound();
        assert_eq!(
            policy.decide(&without_mfa(), NOW).missing(),
            ["amr", "mfa_time", "user_verified"]
        );
        assert!(policy.decide(&key_context(0, true), NOW).missing().is_empty());
    }
}
