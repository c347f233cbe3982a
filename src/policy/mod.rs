//! Policies: conditions on a session context, joined, and the decision with its reason.
//!
//! Conditions are three-valued (Kleene's strong logic). An attribute that the context lacks is
//! *absent*: neither true nor false, and `not` leaves it absent. Only a condition that is
//! definitely true allows. A request without a context, or with a context without MFA, passes only
//! under a policy that names the exception: [`Policy::allow_absent`],
//! [`Policy::allow_without_mfa`].

mod attributes;
#[cfg(feature = "cedar")]
pub mod cedar;
mod claimed;
mod condition;
mod decision;
mod domain;
mod explain;
mod lint;
mod load;
mod read;
mod set;
mod simulate;

pub use decision::{Decision, Reason, StepUp};
pub use set::{Fault, PolicyError, PolicySet};
pub use simulate::HypotheticalContext;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::id::SerialNumber;
use crate::session::{Amr, AnyContext, ContextWithoutMfa, MfaKind, SessionContext};
use crate::time::UnixTime;

use self::attributes::Attributes;
use self::condition::Condition;

/// A demand on session contexts: conditions, and the two exceptions it allows.
///
/// ```
/// use std::time::Duration;
/// use twostep::policy::{Policy, Presented};
/// use twostep::time::UnixTime;
///
/// // A security key, used in the last fifteen minutes.
/// let payments = Policy::max_age(Duration::from_secs(900)).phishing_resistant();
/// assert_eq!(payments.lint(), Vec::<String>::new());
///
/// let decision = payments.decide(Presented::Absent, UnixTime(1_800_000_000));
/// assert!(!decision.is_allowed());
/// assert_eq!(decision.reason().to_string(), "no valid context was presented");
/// assert_eq!(decision.challenge(), r#"Bearer acr_values="phr", max_age="900""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    condition: Condition,
    allow_without_mfa: bool,
    allow_absent: bool,
}

/// The context that a request presents.
#[derive(Clone, Copy, Debug)]
pub enum Presented<'a> {
    /// No context, or an invalid one.
    Absent,
    /// A context without MFA.
    WithoutMfa(&'a ContextWithoutMfa),
    /// A context with MFA.
    Mfa(&'a SessionContext),
}

/// Constructors (`Policy::…`) make one condition; methods add another, and both are demanded.
impl Policy {
    /// Demands a context with MFA.
    pub fn mfa_present() -> Policy {
        Policy::of(Condition::Present)
    }

    /// Demands that MFA was proved at most `limit` ago, in whole seconds and inclusive, as with
    /// `max_age` of RFC 9470 §4.
    pub fn max_age(limit: Duration) -> Policy {
        Policy::of(Condition::MaxAge(limit))
    }

    /// Demands any valid context, with MFA or without. A context without MFA passes only if the
    /// policy also says [`Policy::allow_without_mfa`].
    pub fn mfa_known() -> Policy {
        Policy::of(Condition::Known)
    }

    /// Demands a phishing-resistant proof: a security key.
    #[must_use]
    pub fn phishing_resistant(self) -> Policy {
        self.demand(Condition::PhishingResistant)
    }

    /// Demands a device that is known to keep its key in hardware (`hwk`).
    #[must_use]
    pub fn hardware_bound(self) -> Policy {
        self.demand(Condition::HardwareBound)
    }

    /// Demands user verification by the device: a PIN or a fingerprint.
    #[must_use]
    pub fn user_verified(self) -> Policy {
        self.demand(Condition::UserVerified)
    }

    /// Demands that all of these methods were used.
    #[must_use]
    pub fn amr(self, methods: &[Amr]) -> Policy {
        self.demand(Condition::Amr(methods.to_vec()))
    }

    /// Demands a device of one of these kinds.
    #[must_use]
    pub fn kinds(self, kinds: &[MfaKind]) -> Policy {
        self.demand(Condition::Kinds(kinds.to_vec()))
    }

    /// Demands one of these devices.
    #[must_use]
    pub fn serials(self, serials: impl IntoIterator<Item = SerialNumber>) -> Policy {
        self.demand(Condition::Serials(serials.into_iter().collect::<BTreeSet<_>>()))
    }

    /// Demands both policies.
    #[must_use]
    pub fn and(self, other: Policy) -> Policy {
        self.join(other, Condition::All)
    }

    /// Demands at least one of the two policies.
    #[must_use]
    pub fn or(self, other: Policy) -> Policy {
        self.join(other, Condition::Any)
    }

    /// Inverts the conditions. Absent stays absent: `not` never lets a missing context through.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "it reads as the other joints do, and `!policy` would be overlooked"
    )]
    pub fn not(self) -> Policy {
        Policy { condition: Condition::Not(Box::new(self.condition)), ..self }
    }

    /// Lets absent attributes pass: the `…IfExists` of AWS. A missing context passes only if the
    /// policy also says [`Policy::allow_absent`].
    #[must_use]
    pub fn if_exists(self) -> Policy {
        Policy { condition: Condition::IfExists(Box::new(self.condition)), ..self }
    }

    /// Accepts a context without MFA if the conditions hold for it. Joined policies accept one only
    /// if both say so.
    #[must_use]
    pub fn allow_without_mfa(self) -> Policy {
        Policy { allow_without_mfa: true, ..self }
    }

    /// Accepts a request without a context if the conditions hold for it. Joined policies accept
    /// one only if both say so.
    #[must_use]
    pub fn allow_absent(self) -> Policy {
        Policy { allow_absent: true, ..self }
    }

    /// Decides about a context at `now`, with the reason.
    ///
    /// An expired context, or one dated in the future, counts as absent.
    pub fn decide<'a>(&self, context: impl Into<Presented<'a>>, now: UnixTime) -> Decision {
        self.judge(&Attributes::of(context.into(), now))
    }

    /// The conditions in words: a clause to be read after "that".
    pub fn words(&self) -> String {
        self.condition.to_string()
    }

    /// Decides about the attributes of a context, real or hypothetical.
    fn judge(&self, attributes: &Attributes<'_>) -> Decision {
        let named = match attributes.present {
            Some(true) => true,
            Some(false) => self.allow_without_mfa,
            None => self.allow_absent,
        };
        if named && self.condition.holds(attributes) {
            Decision::allowed(attributes)
        } else {
            Decision::refused(self, attributes)
        }
    }

    fn of(condition: Condition) -> Policy {
        Policy { condition, allow_without_mfa: false, allow_absent: false }
    }

    fn demand(self, condition: Condition) -> Policy {
        Policy { condition: Condition::All(vec![self.condition, condition]), ..self }
    }

    fn join(self, other: Policy, joint: fn(Vec<Condition>) -> Condition) -> Policy {
        Policy {
            condition: joint(vec![self.condition, other.condition]),
            allow_without_mfa: self.allow_without_mfa && other.allow_without_mfa,
            allow_absent: self.allow_absent && other.allow_absent,
        }
    }
}

impl<'a> From<&'a SessionContext> for Presented<'a> {
    fn from(context: &'a SessionContext) -> Presented<'a> {
        Presented::Mfa(context)
    }
}

impl<'a> From<&'a ContextWithoutMfa> for Presented<'a> {
    fn from(context: &'a ContextWithoutMfa) -> Presented<'a> {
        Presented::WithoutMfa(context)
    }
}

impl<'a> From<&'a AnyContext> for Presented<'a> {
    fn from(context: &'a AnyContext) -> Presented<'a> {
        match context {
            AnyContext::Mfa(context) => Presented::Mfa(context),
            AnyContext::WithoutMfa(context) => Presented::WithoutMfa(context),
        }
    }
}

impl<'a, T> From<Option<&'a T>> for Presented<'a>
where
    &'a T: Into<Presented<'a>>,
{
    fn from(context: Option<&'a T>) -> Presented<'a> {
        context.map_or(Presented::Absent, Into::into)
    }
}

#[cfg(test)]
mod sample;

#[cfg(test)]
mod tests {
    use super::sample::{NOW, context, without_mfa};
    use super::*;

    /// Truth tables of five AWS statements for `aws:MultiFactorAuthPresent` absent, false and true
    /// (IAM User Guide, global condition keys). A `Deny` allows what it does not match.
    #[test]
    fn the_statements_of_aws_have_their_truth_tables() {
        let present = Policy::mfa_present;
        let deny = |matches: Policy| matches.not().if_exists();
        for (statement, policy, table) in [
            ("Deny + Bool false", deny(present().not()), [true, false, true]),
            ("Deny + BoolIfExists false", deny(present().not().if_exists()), [false, false, true]),
            ("Allow + BoolIfExists true", present().if_exists(), [true, false, true]),
            ("Allow + Bool true", present(), [false, false, true]),
            ("Allow + Null false", Policy::mfa_known(), [false, true, true]),
        ] {
            let named = policy.clone().allow_without_mfa().allow_absent();
            assert_eq!(decided(&named), table, "{statement}");
            // Without the two exceptions, the same statement allows only MFA.
            assert_eq!(decided(&policy), [false, false, table[2]], "{statement}");
        }
    }

    #[test]
    fn an_age_of_exactly_the_limit_is_allowed() {
        let policy = Policy::max_age(Duration::from_secs(900));
        for (age, allowed) in [(0, true), (899, true), (900, true), (901, false)] {
            assert_eq!(policy.decide(&context(age), NOW).is_allowed(), allowed, "{age}");
        }
    }

    #[test]
    fn absent_stays_absent_under_not() {
        for policy in [
            Policy::mfa_present().phishing_resistant().not(),
            Policy::max_age(Duration::from_secs(5)).not(),
            Policy::max_age(Duration::from_secs(5))
                .not()
                .or(Policy::max_age(Duration::from_secs(5))),
        ] {
            let policy = policy.allow_absent();
            assert!(!policy.decide(Presented::Absent, NOW).is_allowed(), "{policy:?}");
        }
    }

    #[test]
    fn a_context_that_is_out_of_time_counts_as_absent() {
        let context = context(60);
        let everybody = Policy::mfa_known().or(Policy::mfa_present());
        assert!(everybody.decide(&context, NOW).is_allowed());
        for (now, why) in [
            (context.common.expires_at, "the context has expired"),
            (
                context.common.issued_at.minus(Duration::from_secs(6)),
                "the context is not valid yet",
            ),
        ] {
            let decision = everybody.decide(&context, now);
            assert_eq!(
                (decision.is_allowed(), decision.reason().to_string().as_str()),
                (false, why)
            );
            assert!(decision.challenge().starts_with("Bearer error=\"invalid_token\""));
        }
    }

    #[test]
    fn joined_policies_both_have_to_consent() {
        let (open, strict) = (Policy::mfa_known().allow_without_mfa(), Policy::mfa_known());
        for joined in [open.clone().and(strict.clone()), open.clone().or(strict)] {
            assert!(!joined.decide(&without_mfa(), NOW).is_allowed());
        }
        assert!(open.clone().and(open).decide(&without_mfa(), NOW).is_allowed());
    }

    fn decided(policy: &Policy) -> [bool; 3] {
        let (absent, without, with) = (Presented::Absent, without_mfa(), context(60));
        [policy.decide(absent, NOW), policy.decide(&without, NOW), policy.decide(&with, NOW)]
            .map(|decision| decision.is_allowed())
    }
}
