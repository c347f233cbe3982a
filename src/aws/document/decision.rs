//! Decisions: an explicit deny, else an allow of every policy that must allow, else an implicit
//! deny.

use crate::aws::document::context::Context;
use crate::aws::document::error::Position;
use crate::aws::document::keys::Keys;
use crate::aws::document::kind::{IdentityPolicy, SessionPolicy, TrustPolicy};
use crate::aws::document::principal::{Caller, Named};
use crate::aws::document::read::Body;
use crate::aws::document::statement::{Asked, Effect, Statement};

/// The policies of a principal.
///
/// ```
/// use twostep::aws::document::{
///     Asked, Context, Credentials, Decision, Facts, Holder, IdentityPolicy, Lacking, Policies,
/// };
/// use twostep::time::UnixTime;
///
/// let policy = IdentityPolicy::parse(
///     r#"{"Version": "2012-10-17", "Statement": {
///         "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::${aws:username}/*",
///         "Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "900"}}}}"#,
///     Holder::User,
/// )?;
/// let context = Context::of(&Facts {
///     credentials: Credentials::LongTerm,
///     now: UnixTime(1_800_000_000),
///     principal_arn: "arn:aws:iam::100000000000:user/ann".into(),
///     principal_type: "User".into(),
///     user_id: "AIDAAAAAAAAAAAAAAAAA".into(),
///     username: Some("ann".into()),
///     source_ip: None,
///     secure_transport: Some(true),
///     region: None,
/// });
/// let asked =
///     Asked { action: "s3:GetObject".parse()?, resource: "arn:aws:s3:::ann/report".parse()? };
/// let policies = Policies { identity: &[&policy], session: None };
/// // A long-term key has no age of MFA.
/// assert_eq!(policies.decide(&asked, &context), Decision::ImplicitDeny(Lacking::Identity));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Policies<'p> {
    /// Policies of the user or role, and those that every user has.
    pub identity: &'p [&'p IdentityPolicy],
    /// The policy of the session, which it cannot exceed.
    pub session: Option<&'p SessionPolicy>,
}

/// The answer to a request, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision<'p> {
    /// Statements allow it, and no statement denies it.
    Allowed(Grounds<'p>),
    /// Statements deny it.
    ExplicitDeny(Grounds<'p>),
    /// No statement of a policy that must allow it does so.
    ImplicitDeny(Lacking),
}

/// The statements that decided. Only an evaluation makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grounds<'p>(Vec<Matched<'p>>);

/// A policy that would have had to allow the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// The policies of the identity.
    Identity,
    /// The policy of the session.
    Session,
    /// The trust policy of the role.
    Trust,
}

/// One statement that decided, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Matched<'p> {
    /// The policy that it stands in.
    pub source: Source,
    /// Its name.
    pub sid: Option<&'p str>,
    /// The place of its first character.
    pub start: Position,
    /// The place of its last character.
    pub end: Position,
}

/// A policy among those that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// One of [`Policies::identity`], by its index.
    Identity(usize),
    /// The session policy.
    Session,
    /// The trust policy.
    Trust,
}

impl Decision<'_> {
    /// True if the request may proceed.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Decision::Allowed(_))
    }
}

impl<'p> Grounds<'p> {
    /// The statements, in the order of the policies.
    pub fn statements(&self) -> &[Matched<'p>] {
        &self.0
    }
}

impl<'p> Policies<'p> {
    /// Decides about a request of the principal.
    pub fn decide(&self, asked: &Asked, context: &Context) -> Decision<'p> {
        self.judge(asked, context.keys()).into()
    }

    pub(super) fn judge(&self, asked: &Asked, keys: &Keys) -> Verdict<'p> {
        let denying = self.matched(Effect::Deny, asked, keys);
        if !denying.is_empty() {
            return Verdict::Denied(denying);
        }
        let by_identity = self.of_identity(Effect::Allow, asked, keys);
        if by_identity.is_empty() {
            return Verdict::Lacking(Lacking::Identity);
        }
        match self.of_session(Effect::Allow, asked, keys) {
            None => Verdict::Allowed(by_identity),
            Some(by_session) if by_session.is_empty() => Verdict::Lacking(Lacking::Session),
            Some(by_session) => Verdict::Allowed([by_identity, by_session].concat()),
        }
    }

    fn matched(&self, effect: Effect, asked: &Asked, keys: &Keys) -> Vec<Matched<'p>> {
        let mut matched = self.of_identity(effect, asked, keys);
        matched.extend(self.of_session(effect, asked, keys).into_iter().flatten());
        matched
    }

    fn of_identity(&self, effect: Effect, asked: &Asked, keys: &Keys) -> Vec<Matched<'p>> {
        let bodies = self.identity.iter().enumerate();
        bodies
            .flat_map(|(index, policy)| {
                let source = Source::Identity(index);
                matched(policy.body(), source, move |statement| {
                    statement.effect == effect && statement.applies(asked, keys)
                })
            })
            .collect()
    }

    /// `None` without a session policy.
    fn of_session(&self, effect: Effect, asked: &Asked, keys: &Keys) -> Option<Vec<Matched<'p>>> {
        let body = self.session?.body();
        let applying =
            |statement: &Statement| statement.effect == effect && statement.applies(asked, keys);
        Some(matched(body, Source::Session, applying).collect())
    }
}

impl TrustPolicy {
    /// Decides whether a caller may assume the role.
    ///
    /// `asked` names the action of STS and the role. A statement that names the caller itself is
    /// enough; under one that names its account, or `*`, the caller's own policies must allow the
    /// action too. A session policy always limits, and any statement can deny.
    pub fn decide<'p>(
        &'p self,
        caller: &Caller,
        policies: Policies<'p>,
        asked: &Asked,
        context: &Context,
    ) -> Decision<'p> {
        let keys = context.keys();
        let naming = |effect: Effect, named: Named| {
            let applying = |statement: &Statement| {
                statement.effect == effect
                    && statement.names(caller).is_some_and(|by| by >= named)
                    && statement.applies(asked, keys)
            };
            matched(self.body(), Source::Trust, applying).collect::<Vec<_>>()
        };
        let mut denying = naming(Effect::Deny, Named::Account);
        denying.extend(policies.matched(Effect::Deny, asked, keys));
        if !denying.is_empty() {
            return Decision::ExplicitDeny(Grounds(denying));
        }
        let trusting = naming(Effect::Allow, Named::Account);
        if trusting.is_empty() {
            return Decision::ImplicitDeny(Lacking::Trust);
        }
        let own = if naming(Effect::Allow, Named::Caller).is_empty() {
            policies.judge(asked, keys)
        } else {
            match policies.of_session(Effect::Allow, asked, keys) {
                Some(allowing) if allowing.is_empty() => Verdict::Lacking(Lacking::Session),
                allowing => Verdict::Allowed(allowing.unwrap_or_default()),
            }
        };
        match own {
            Verdict::Allowed(own) => Decision::Allowed(Grounds([trusting, own].concat())),
            refused => refused.into(),
        }
    }
}

/// The result of an evaluation, for a request or for a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict<'p> {
    Allowed(Vec<Matched<'p>>),
    Denied(Vec<Matched<'p>>),
    Lacking(Lacking),
}

impl<'p> From<Verdict<'p>> for Decision<'p> {
    fn from(verdict: Verdict<'p>) -> Decision<'p> {
        match verdict {
            Verdict::Allowed(statements) => Decision::Allowed(Grounds(statements)),
            Verdict::Denied(statements) => Decision::ExplicitDeny(Grounds(statements)),
            Verdict::Lacking(lacking) => Decision::ImplicitDeny(lacking),
        }
    }
}

fn matched<'p>(
    body: &'p Body,
    source: Source,
    applies: impl Fn(&Statement) -> bool,
) -> impl Iterator<Item = Matched<'p>> {
    body.statements
        .iter()
        .filter(move |statement| applies(statement))
        .map(move |statement| {
            let (sid, start, end) = (statement.sid.as_deref(), statement.start, statement.end);
            Matched { source, sid, start, end }
        })
}
