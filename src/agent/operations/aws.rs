//! AWS's principals: what they may ask for, and temporary credentials.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::operations::sessions;
use crate::agent::operations::sessions::{Opening, Proof};
use crate::agent::operations::timing::leave_at_interval;
use crate::agent::state::State;
use crate::aws::document::{Asked, Context, Credentials as Kind, Facts, Mfa, Policies};
use crate::aws::sigv4::AccessKeyId;
use crate::aws::{Credentials, Grant, Principal, UserName};
use crate::id::AccountId;
use crate::otp;
use crate::session::{AnyContext, Lifetime, SessionContext, SignedContext};
use crate::time::UnixTime;
use crate::verifier::{Error, Passcode};

/// The signer of a request, verified.
pub(crate) struct Signer {
    pub(crate) caller: Caller,
    pub(crate) principal: Principal,
    /// The long-term key: the one that signed, or the one that opened the session.
    pub(crate) key: AccessKeyId,
    /// The session, if temporary credentials signed.
    pub(crate) session: Option<Session>,
    pub(crate) request: Circumstances,
}

/// An open session of temporary credentials.
pub(crate) struct Session {
    pub(crate) signed: SignedContext,
    pub(crate) context: AnyContext,
}

/// Facts of a request that conditions of policies ask for.
pub(crate) struct Circumstances {
    pub(crate) now: UnixTime,
    pub(crate) source_ip: Option<IpAddr>,
    pub(crate) encrypted: bool,
    pub(crate) region: String,
}

/// A request for a session token.
pub(crate) struct TokenRequest {
    pub(crate) seconds: Option<u64>,
    pub(crate) mfa: MfaGiven,
}

/// The MFA of a request, as it came: a code that cannot be one is refused like a wrong one.
pub(crate) struct MfaGiven {
    pub(crate) serial: Option<String>,
    pub(crate) code: Option<zeroize::Zeroizing<String>>,
}

/// Opens a session for a user or for root, and returns temporary credentials for it.
pub(crate) async fn session_token(
    state: &State,
    signer: &Signer,
    request: TokenRequest,
    arrived: Instant,
) -> Result<Credentials, Failure> {
    if signer.session.is_some() {
        return Err(
            Denied::forbidden("Cannot call GetSessionToken with session credentials").into()
        );
    }
    let seconds = request.seconds.unwrap_or(state.config.sessions.default_seconds);
    let lifetime = Some(lifetime(&signer.principal, seconds)?);
    let Some(proof) = request.mfa.proof() else {
        leave_at_interval(state, arrived).await;
        return Err(Denied::Session(None).into());
    };
    let account = signer.principal.account();
    let opening = Opening { account: Some(account.as_str()), audience: None, lifetime, proof };
    let opened = sessions::open(state, &signer.caller, opening, arrived).await?;
    let grant = Grant {
        owner: signer.principal.owner(),
        parent: signer.key.clone(),
        expires_at: opened.context.common().expires_at,
        context: opened.signed,
    };
    let sealer = state.verifier.sealer().await?;
    Ok(Credentials::issue(&sealer, &grant).map_err(Error::from)?)
}

/// The caller that acts on what a user has, and the user's account: the signer itself with its own
/// authority, or an administrator of that one account where a policy allows it.
pub(super) async fn over_user(
    state: &State,
    signer: &Signer,
    action: &str,
    user: Option<&UserName>,
) -> Result<(Caller, AccountId), Failure> {
    let number = &state.plane.number;
    let named = match user {
        Some(user) => number.user(user),
        None => signer.principal.arn(number),
    };
    authorize(state, signer, action, &named)?;
    let own = signer.principal.account();
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
    match account == signer.principal.account() {
        true => signer.caller.clone(),
        false => state.callers.over(&signer.caller, account),
    }
}

/// Refuses a user what no policy allows, and every session without MFA. Root may ask for
/// everything.
pub(super) fn authorize(
    state: &State,
    signer: &Signer,
    action: &str,
    resource: &str,
) -> Result<(), Denied> {
    if let Some(Session { context: AnyContext::WithoutMfa(_), .. }) = &signer.session {
        return Err(Denied::Unauthenticated);
    }
    let Principal::User { .. } = signer.principal else { return Ok(()) };
    let arn = signer.principal.arn(&state.plane.number);
    let denied = || {
        Denied::forbidden(format!(
            "User: {arn} is not authorized to perform: {action} on resource: {resource}"
        ))
    };
    let asked = Asked {
        action: action.parse().map_err(|_| denied())?,
        resource: resource.parse().map_err(|_| denied())?,
    };
    let policies: Vec<_> = state.plane.everyone.iter().collect();
    let policies = Policies { identity: &policies, session: None };
    let context = Context::of(&signer.facts(state));
    if policies.decide(&asked, &context).is_allowed() { Ok(()) } else { Err(denied()) }
}

impl Signer {
    /// The facts from which the context keys of policies follow.
    fn facts(&self, state: &State) -> Facts {
        let number = &state.plane.number;
        let credentials = match &self.session {
            None => Kind::LongTerm,
            Some(Session { context, .. }) => Kind::Temporary {
                issued_at: context.common().issued_at,
                mfa: match context {
                    AnyContext::Mfa(context) => Some(mfa(context, self.request.now)),
                    AnyContext::WithoutMfa(_) => None,
                },
            },
        };
        Facts {
            credentials,
            now: self.request.now,
            principal_arn: self.principal.arn(number),
            principal_type: self.principal.kind().to_owned(),
            user_id: self.principal.unique_id(number).to_owned(),
            username: self.principal.user_name().map(ToString::to_string),
            source_ip: self.request.source_ip,
            secure_transport: Some(self.request.encrypted),
            region: Some(self.request.region.clone()),
        }
    }

    /// The proof for changes of the signer's own devices.
    pub(crate) fn proof(&self) -> Option<&SignedContext> {
        self.session.as_ref().map(|session| &session.signed)
    }
}

impl MfaGiven {
    /// The proof; none for what cannot be a device and a code of it.
    fn proof(self) -> Option<Proof> {
        match (self.serial, self.code) {
            (None, None) => Some(Proof::None),
            (Some(serial), Some(code)) => {
                let code: otp::Code = code.parse().ok()?;
                Some(Proof::Passcode(Some(serial.parse().ok()?), Passcode::Otp(code)))
            }
            (Some(_), None) | (None, Some(_)) => None,
        }
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

/// The lifetime of a session; one of root's lasts an hour at most, as AWS cuts it.
fn lifetime(principal: &Principal, seconds: u64) -> Result<Lifetime, Error> {
    let lifetime = Lifetime::try_from(Duration::from_secs(seconds))?;
    match principal {
        Principal::Root { .. } => Lifetime::try_from(Duration::from_secs(seconds.min(3_600))),
        Principal::User { .. } => Ok(lifetime),
    }
}
