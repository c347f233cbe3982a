//! What a place demands of a session context: conditions, joined, and the decision with its reason.
//!
//! Conditions are three-valued. What a context does not say is *absent*: neither false nor true,
//! and `not` leaves it absent (Kleene's strong logic). Only what is definitely true allows. A
//! request without a context, or with one that says that MFA was not there, is let through only by
//! a policy that says so by name.

#[cfg(feature = "cedar")]
pub mod cedar;
mod claimed;
mod condition;
mod decision;
mod domain;
mod explain;
mod facts;
mod lint;
mod load;
mod read;
mod simulate;

pub use decision::{Decision, Reason, StepUp};
pub use load::{Fault, PolicyError, PolicySet};
pub use simulate::Supposed;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::id::SerialNumber;
use crate::session::{Amr, AnyContext, ContextWithoutMfa, MfaKind, SessionContext};
use crate::time::UnixTime;

use self::condition::Condition;
use self::facts::Facts;

/// What a place demands of whoever comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    condition: Condition,
    allow_without_mfa: bool,
    allow_absent: bool,
}

/// What somebody came with.
#[derive(Clone, Copy, Debug)]
pub enum Presented<'a> {
    /// Nothing, or nothing that is valid.
    Absent,
    /// A context that says that MFA was not there.
    WithoutMfa(&'a ContextWithoutMfa),
    /// A context with MFA.
    Mfa(&'a SessionContext),
}

/// Conditions on a context. Those that begin with `Policy::` stand alone, the others are demanded
/// as well.
impl Policy {
    /// MFA was present.
    pub fn mfa_present() -> Policy {
        Policy::of(Condition::Present)
    }

    /// MFA was proved at most `limit` ago, in whole seconds; exactly `limit` ago is still good
    /// enough, as with `max_age` of RFC 9470 §4.
    pub fn max_age(limit: Duration) -> Policy {
        Policy::of(Condition::MaxAge(limit))
    }

    /// There is a context at all; it may say that MFA was not there. Where that is enough, the
    /// policy has to say so: [`Policy::allow_without_mfa`].
    pub fn mfa_known() -> Policy {
        Policy::of(Condition::Known)
    }

    /// The proof could not have been got by a page that only looks like the right one: a security
    /// key.
    #[must_use]
    pub fn phishing_resistant(self) -> Policy {
        self.demand(Condition::PhishingResistant)
    }

    /// The device is known to keep its key in hardware.
    #[must_use]
    pub fn hardware_bound(self) -> Policy {
        self.demand(Condition::HardwareBound)
    }

    /// The device knew that it was the right person: a PIN, a finger.
    #[must_use]
    pub fn user_verified(self) -> Policy {
        self.demand(Condition::UserVerified)
    }

    /// All of these methods were used.
    #[must_use]
    pub fn amr(self, methods: &[Amr]) -> Policy {
        self.demand(Condition::Amr(methods.to_vec()))
    }

    /// The device is of one of these kinds.
    #[must_use]
    pub fn kinds(self, kinds: &[MfaKind]) -> Policy {
        self.demand(Condition::Kinds(kinds.to_vec()))
    }

    /// The device is one of these.
    #[must_use]
    pub fn serials(self, serials: impl IntoIterator<Item = SerialNumber>) -> Policy {
        self.demand(Condition::Serials(serials.into_iter().collect::<BTreeSet<_>>()))
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Policy) -> Policy {
        self.join(other, Condition::All)
    }

    /// One of them holds.
    #[must_use]
    pub fn or(self, other: Policy) -> Policy {
        self.join(other, Condition::Any)
    }

    /// It does not hold. What is absent stays absent: `not` never lets a missing context through.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "it reads as the other joints do, and `!policy` would be overlooked"
    )]
    pub fn not(self) -> Policy {
        Policy { condition: Condition::Not(Box::new(self.condition)), ..self }
    }

    /// It holds, or the context does not say: the `…IfExists` of AWS. That lets a missing context
    /// through where the policy says by name that it may: [`Policy::allow_absent`].
    #[must_use]
    pub fn if_exists(self) -> Policy {
        Policy { condition: Condition::IfExists(Box::new(self.condition)), ..self }
    }

    /// A context without MFA may be enough, if the conditions hold for it. Of two joined policies,
    /// both have to say so.
    #[must_use]
    pub fn allow_without_mfa(self) -> Policy {
        Policy { allow_without_mfa: true, ..self }
    }

    /// No context at all may be enough, if the conditions hold for that. Of two joined policies,
    /// both have to say so.
    #[must_use]
    pub fn allow_absent(self) -> Policy {
        Policy { allow_absent: true, ..self }
    }

    /// Whether that is enough at `now`, and why.
    ///
    /// A context that is over at `now`, or dated in the future, counts as absent.
    pub fn decide<'a>(&self, context: impl Into<Presented<'a>>, now: UnixTime) -> Decision {
        self.judge(&Facts::of(context.into(), now))
    }

    /// What is demanded, in words: a clause to be read after "that".
    pub fn words(&self) -> String {
        self.condition.to_string()
    }

    /// The decision about what is known of a context, from wherever that is known.
    fn judge(&self, facts: &Facts<'_>) -> Decision {
        let named = match facts.present {
            Some(true) => true,
            Some(false) => self.allow_without_mfa,
            None => self.allow_absent,
        };
        if named && self.condition.holds(facts) {
            Decision::allowed(facts)
        } else {
            Decision::refused(self, facts)
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

    /// What five statements of AWS come to when `aws:MultiFactorAuthPresent` is absent, false and
    /// true (IAM User Guide, global condition keys). A `Deny` allows what it does not match.
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
            // Without a word about it, the same statement lets nobody through who has not proved
            // MFA.
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
    fn what_is_absent_stays_absent_under_not() {
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
