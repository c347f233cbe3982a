//! Verification of AWS requests for the services that receive them: who signed, if MFA was present,
//! and what policies say.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::Role;
use crate::agent::operations::access_keys::must_be_on;
use crate::agent::operations::aws_rights::{Circumstances, Rights, Verdict};
use crate::agent::operations::aws_sessions::MfaGiven;
use crate::agent::operations::aws_signers::{Derived, Identity, NotSigned};
use crate::agent::operations::{aws_sessions, aws_signers};
use crate::agent::state::State;
use crate::aws::document::{Asked, Context};
use crate::aws::sigv4;
use crate::aws::sigv4::{AccessKeyId, Day, Rules, Scope, SessionToken};
use crate::session::{AnyContext, Lifetime};
use crate::time::UnixTime;

/// A request that a service received.
pub(crate) struct Received<'r> {
    pub(crate) rules: Rules,
    pub(crate) request: sigv4::Request<'r>,
    /// The serial number and the code of `x-amz-mfa`.
    pub(crate) mfa: Option<Zeroizing<String>>,
    /// Actions that the request comes to, each with its resource.
    pub(crate) asks: Vec<Asked>,
    pub(crate) source_ip: Option<IpAddr>,
    /// Context keys of the service.
    pub(crate) own: Vec<(String, Vec<String>)>,
}

/// A request whose signer is known.
pub(crate) struct VerifiedRequest {
    pub(crate) identity: Identity,
    /// The context of a code that came with the request.
    pub(crate) by_code: Option<AnyContext>,
    /// The context in which policies decided.
    pub(crate) stated: Context,
    /// The decisions, in the order of the asks.
    pub(crate) verdicts: Vec<Verdict>,
}

impl VerifiedRequest {
    /// The context of the session or of the code; none for a long-term key alone.
    pub(crate) fn context(&self) -> Option<&AnyContext> {
        let session = self.identity.session.as_ref().map(|session| &session.context);
        self.by_code.as_ref().or(session)
    }
}

/// Verifies a request. A code in it is accepted once, and charged as anywhere.
pub(crate) async fn verify(
    state: &State,
    caller: &Caller,
    received: Received<'_>,
    arrived: Instant,
) -> Result<VerifiedRequest, NotSigned> {
    caller.must_be(Role::Verifier)?;
    must_be_on(state)?;
    let rules = state.config.aws.in_regions(received.rules);
    let now = state.verifier.now().await?;
    let identity = aws_signers::identify(state, &rules, &received.request, now).await?;
    let principal = &identity.principal;
    if !caller.sees(principal.account()) {
        return Err(NotSigned::UnknownKey);
    }
    caller.notes.concerns(principal.account());
    let by_code = match received.mfa {
        None => None,
        Some(header) => {
            // The context stands for the code in this answer alone: its token is dropped.
            let lifetime = Some(Lifetime::try_from(Lifetime::SHORTEST)?);
            let mfa = MfaGiven::of_header(&header);
            let account = (principal.account(), lifetime);
            Some(aws_sessions::open(state, caller, account, mfa, arrived).await?.context)
        }
    };
    let (source_ip, own) = (received.source_ip, received.own);
    let request = Circumstances { now, source_ip, secure_transport: None, own };
    let code = by_code.as_ref().and_then(AnyContext::mfa);
    let stated = request.context(&state.plane.number, &identity, code);
    let stated = stated.map_err(Denied::bad_input)?;
    let rights = Rights::of(state, principal).await?;
    let mut verdicts = Vec::with_capacity(received.asks.len());
    for (at, asked) in received.asks.iter().enumerate() {
        verdicts.push(rights.decide(asked, &stated));
        if at % DECISIONS_OF_A_TURN == DECISIONS_OF_A_TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
    Ok(VerifiedRequest { identity, by_code, stated, verdicts })
}

/// A service's question for a signing key.
pub(crate) struct KeyQuestion<'q> {
    pub(crate) id: &'q AccessKeyId,
    pub(crate) token: Option<&'q SessionToken>,
    pub(crate) scope: Scope,
}

/// Derives the signing key of one day, region and service, so that the service verifies by itself;
/// and the time up to which it may, before it asks again.
pub(crate) async fn signing_key(
    state: &State,
    caller: &Caller,
    question: KeyQuestion<'_>,
) -> Result<(Derived, UnixTime), NotSigned> {
    caller.must_be(Role::Verifier)?;
    must_be_on(state)?;
    let KeyQuestion { id, token, scope } = question;
    if !caller.has_signing_keys_of(scope.service()) {
        let service = scope.service();
        return Err(Denied::forbidden(format!(
            "this API key was not made for signing keys of {service}: make one with --signing-keys"
        ))
        .into());
    }
    if !state.config.aws.has_region(scope.region()) {
        return Err(Denied::bad_input("region: it is none of aws.regions").into());
    }
    let now = state.verifier.now().await?;
    if scope.day().distance(Day::from(now)) > 1 {
        return Err(Denied::bad_input("date: yesterday, today or tomorrow in UTC").into());
    }
    let derived = aws_signers::derive(state, (id, token), &scope, now).await?;
    if !caller.sees(derived.principal.account()) {
        return Err(NotSigned::UnknownKey);
    }
    caller.notes.concerns(derived.principal.account());
    let session = derived.session.as_ref();
    let ends = session.map(|session| session.context.common().expires_at);
    let asks_again = now.plus(HELD);
    Ok((derived, ends.map_or(asks_again, |end| end.min(asks_again))))
}

impl From<Denied> for NotSigned {
    fn from(denied: Denied) -> NotSigned {
        NotSigned::Failed(denied.into())
    }
}

impl From<Failure> for NotSigned {
    fn from(failure: Failure) -> NotSigned {
        NotSigned::Failed(failure)
    }
}

/// The time for which a service holds a signing key: what ends an access key or a session is known
/// to it by then.
const HELD: Duration = Duration::from_secs(300);

/// Decisions between which other requests have their turn.
const DECISIONS_OF_A_TURN: usize = 32;
