//! Rights of AWS's principals: what policies let a signer ask for.

use std::net::IpAddr;
use std::sync::Arc;

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::operations::aws_signers::{Identity, Session};
use crate::agent::state::State;
use crate::aws::document::{
    Asked, BadEntry, Context, Credentials, Decision, Facts, IdentityPolicy, KeyName, Matched, Mfa,
    Policies, Position, Source,
};
use crate::aws::{AccountNumber, Principal, UserName};
use crate::id::AccountId;
use crate::session::{AnyContext, SessionContext, SignedContext};
use crate::time::UnixTime;

/// The signer of a request to the agent itself.
pub(crate) struct Signer {
    pub(crate) caller: Caller,
    pub(crate) identity: Identity,
    pub(crate) request: Circumstances,
}

/// Facts of a request that conditions of policies ask for.
pub(crate) struct Circumstances {
    pub(crate) now: UnixTime,
    pub(crate) source_ip: Option<IpAddr>,
    pub(crate) secure_transport: Option<bool>,
    /// Keys of the service that received the request, as `s3:prefix`.
    pub(crate) own: Vec<(String, Vec<String>)>,
}

/// The rights of a principal.
pub(super) enum Rights {
    /// Root may ask for everything.
    Everything,
    /// A user may ask for what these policies allow.
    Policies(NamedPolicies),
}

/// Policies, each under its name.
pub(crate) type NamedPolicies = Vec<(String, Arc<IdentityPolicy>)>;

/// A decision about a request, with its reasons.
pub(crate) struct Verdict {
    pub(crate) effect: Effect,
    pub(crate) statements: Vec<DecidingStatement>,
    /// Context keys that the policies read and the request lacks.
    pub(crate) missing: Vec<String>,
}

/// The effect of policies on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
}

/// A statement that decided: its policy, its name, and the places of its ends.
pub(crate) struct DecidingStatement {
    pub(crate) policy: String,
    pub(crate) sid: Option<String>,
    pub(crate) start: Position,
    pub(crate) end: Position,
}

/// The caller that acts on what a user has, and the user's account: the signer itself with its own
/// authority, or an administrator of that one account where a policy allows it.
pub(super) async fn over_user(
    state: &State,
    signer: &Signer,
    action: &str,
    user: Option<&UserName>,
) -> Result<(Caller, AccountId), Failure> {
    let (number, principal) = (&state.plane.number, &signer.identity.principal);
    let named = match user {
        Some(user) => number.user(user),
        None => principal.arn(number),
    };
    authorize(state, signer, action, &named).await?;
    let own = principal.account();
    let account = match user {
        Some(user) => user.account().map_err(Denied::bad_input)?,
        None => own.clone(),
    };
    if account != *own {
        let seen = state.verifier.store().account(&account).await?;
        if seen.is_none_or(|seen| seen.account.removed_at.is_some()) {
            return Err(Denied::NotFound("user").into());
        }
    }
    Ok((over(state, signer, &account), account))
}

/// The caller that changes a device of this account, where a policy allowed it: the signer itself
/// with its own authority, or an administrator of that one account.
pub(super) fn over(state: &State, signer: &Signer, account: &AccountId) -> Caller {
    match account == signer.identity.principal.account() {
        true => signer.caller.clone(),
        false => state.callers.over(&signer.caller, account),
    }
}

/// Refuses a user what no policy allows, and every session without MFA. Root may ask for
/// everything.
pub(super) async fn authorize(
    state: &State,
    signer: &Signer,
    action: &str,
    resource: &str,
) -> Result<(), Failure> {
    if let Some(Session { context: AnyContext::WithoutMfa(_), .. }) = &signer.identity.session {
        return Err(Denied::Unauthenticated.into());
    }
    let principal = &signer.identity.principal;
    let rights = Rights::of(state, principal).await?;
    let denied = || {
        let arn = principal.arn(&state.plane.number);
        Denied::forbidden(format!(
            "User: {arn} is not authorized to perform: {action} on resource: {resource}"
        ))
    };
    let asked = Asked {
        action: action.parse().map_err(|_| denied())?,
        resource: resource.parse().map_err(|_| denied())?,
    };
    let context = signer.request.context(&state.plane.number, &signer.identity, None);
    let context = context.map_err(Denied::bad_input)?;
    match rights.decide(&asked, &context).effect {
        Effect::Allowed => Ok(()),
        Effect::ExplicitDeny | Effect::ImplicitDeny => Err(denied().into()),
    }
}

impl Signer {
    /// The proof for changes of the signer's own devices.
    pub(crate) fn proof(&self) -> Option<&SignedContext> {
        self.identity.session.as_ref().map(|session| &session.signed)
    }
}

impl Rights {
    /// The rights of a principal now.
    pub(super) async fn of(state: &State, principal: &Principal) -> Result<Rights, Failure> {
        let Principal::User { account, user_id, .. } = principal else {
            return Ok(Rights::Everything);
        };
        let everyone = state.plane.everyone.clone();
        let mut policies: Vec<_> =
            everyone.into_iter().map(|policy| (EVERYONE.to_owned(), policy)).collect();
        let own = state.plane.own_policies().parsed(account, user_id).await?;
        policies.extend(own.into_iter().map(|(name, policy)| (name.to_string(), Arc::new(policy))));
        Ok(Rights::Policies(policies))
    }

    /// Decides about a request.
    pub(super) fn decide(&self, asked: &Asked, context: &Context) -> Verdict {
        match self {
            Rights::Everything => {
                let (statements, missing) = (Vec::new(), Vec::new());
                Verdict { effect: Effect::Allowed, statements, missing }
            }
            Rights::Policies(named) => explained(named, |policies| {
                let (effect, grounds) = match policies.decide(asked, context) {
                    Decision::Allowed(grounds) => (Effect::Allowed, Some(grounds)),
                    Decision::ExplicitDeny(grounds) => (Effect::ExplicitDeny, Some(grounds)),
                    Decision::ImplicitDeny(_) => (Effect::ImplicitDeny, None),
                };
                let matched = grounds.map_or_else(Vec::new, |it| it.statements().to_vec());
                (effect, matched, policies.missing(context))
            }),
        }
    }
}

/// The effect of policies, the statements that decided, and the keys that the request lacks.
pub(super) type Answered<'p> = (Effect, Vec<Matched<'p>>, Vec<&'p KeyName>);

/// Asks policies, and names those whose statements decided.
pub(super) fn explained(
    named: &NamedPolicies,
    ask: impl for<'p> FnOnce(Policies<'p>) -> Answered<'p>,
) -> Verdict {
    let identity: Vec<&IdentityPolicy> = named.iter().map(|(_, policy)| &**policy).collect();
    let (effect, matched, missing) = ask(Policies { identity: &identity, session: None });
    Verdict {
        effect,
        statements: matched.iter().map(|matched| shown(named, matched)).collect(),
        missing: missing.into_iter().map(ToString::to_string).collect(),
    }
}

fn shown(named: &NamedPolicies, matched: &Matched<'_>) -> DecidingStatement {
    let policy = match matched.source {
        Source::Identity(index) => named.get(index).map(|(name, _)| name.clone()),
        Source::Session | Source::Trust => None,
    };
    DecidingStatement {
        policy: policy.unwrap_or_default(),
        sid: matched.sid.map(str::to_owned),
        start: matched.start,
        end: matched.end,
    }
}

impl Circumstances {
    /// The context in which policies decide about a request of this signer; `code` is the proof of
    /// a code that the request itself brought.
    ///
    /// # Errors
    /// [`BadEntry`] for a key of the service that is none, or is stated here alone.
    pub(super) fn context(
        &self,
        number: &AccountNumber,
        identity: &Identity,
        code: Option<&SessionContext>,
    ) -> Result<Context, BadEntry> {
        let code = code.map(|context| mfa(context, self.now));
        let credentials = match (&identity.session, code) {
            (None, None) => Credentials::LongTerm,
            (None, Some(mfa)) => Credentials::LongTermWithCode(mfa),
            (Some(Session { context, .. }), code) => Credentials::Temporary {
                issued_at: context.common().issued_at,
                mfa: match context {
                    _ if code.is_some() => code,
                    AnyContext::Mfa(context) => Some(mfa(context, self.now)),
                    AnyContext::WithoutMfa(_) => None,
                },
            },
        };
        let region = identity.signed.scope().region().to_owned();
        let context = self.context_of((number, &identity.principal), credentials, Some(region));
        self.own.iter().try_fold(context, |context, (name, values)| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            context.with(name, &values)
        })
    }

    /// The context of a request of this principal by these credentials.
    pub(super) fn context_of(
        &self,
        (number, principal): (&AccountNumber, &Principal),
        credentials: Credentials,
        region: Option<String>,
    ) -> Context {
        Context::of(&Facts {
            credentials,
            now: self.now,
            principal_arn: principal.arn(number),
            principal_type: principal.kind().to_owned(),
            user_id: principal.unique_id(number).to_owned(),
            username: principal.user_name().map(ToString::to_string),
            source_ip: self.source_ip,
            secure_transport: self.secure_transport,
            region,
        })
    }
}

fn mfa(context: &SessionContext, now: UnixTime) -> Mfa {
    Mfa {
        age: context.mfa_age(now),
        kind: context.kind().name().to_owned(),
        serial: context.serial().to_string(),
        amr: context.amr().iter().map(|method| method.name().to_owned()).collect(),
        phishing_resistant: context.phishing_resistant(),
        hardware_bound: context.hardware_bound(),
        user_verified: Some(context.user_verified()),
    }
}

/// The name of the policy that every user has.
const EVERYONE: &str = "everyone";
