//! Sessions of AWS's principals: temporary credentials for a code.

use std::time::{Duration, Instant};

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::Role;
use crate::agent::operations::access_keys::must_be_on;
use crate::agent::operations::aws_rights::Signer;
use crate::agent::operations::sessions;
use crate::agent::operations::sessions::{Opened, Opening, Proof};
use crate::agent::operations::timing::leave_at_interval;
use crate::agent::state::State;
use crate::aws::{Credentials, Grant, KeyOwner, Principal, UserName};
use crate::id::AccountId;
use crate::otp;
use crate::session::{Lifetime, SignedContext};
use crate::verifier::{Error, Passcode};

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
    let identity = &signer.identity;
    if identity.session.is_some() {
        return Err(
            Denied::forbidden("Cannot call GetSessionToken with session credentials").into()
        );
    }
    let seconds = request.seconds.unwrap_or(state.config.sessions.default_seconds);
    let lifetime = Some(lifetime(&identity.principal, seconds)?);
    let account = identity.principal.account();
    let opened = open(state, &signer.caller, (account, lifetime), request.mfa, arrived).await?;
    let grant = Grant {
        owner: identity.principal.owner(),
        parent: Some(identity.key.clone()),
        expires_at: opened.context.common().expires_at,
        context: opened.signed,
    };
    let sealer = state.verifier.sealer().await?;
    Ok(Credentials::issue(&sealer, &grant).map_err(Error::from)?)
}

/// Returns temporary credentials of the user whose context this is: with the same MFA, of the same
/// age, and dead with it.
pub(crate) async fn credentials(
    state: &State,
    caller: &Caller,
    token: SignedContext,
    seconds: Option<u64>,
) -> Result<Credentials, Failure> {
    caller.must_be(Role::Verifier)?;
    must_be_on(state)?;
    let asked = seconds.map(Duration::from_secs);
    asked.map(Lifetime::try_from).transpose()?;
    let audience = &state.config.aws.audience;
    let context = state.introspector.introspect(&token, audience).await?;
    let context = context.filter(|context| caller.sees(&context.common().account));
    let context = context.filter(|context| context.mfa().is_some());
    let context = context.ok_or_else(|| {
        let why = format!("the token is no live context with MFA for the audience {audience}");
        Denied::forbidden(why)
    })?;
    let common = context.common();
    let account = common.account.clone();
    caller.notes.concerns(&account);
    if UserName::of(&account).is_none() {
        return Err(Denied::bad_input("the account's name is no name of an AWS user").into());
    }
    let now = state.verifier.now().await?;
    let asked = asked.map(|lifetime| now.plus(lifetime));
    let expires_at = asked.map_or(common.expires_at, |end| end.min(common.expires_at));
    let owner = KeyOwner::User(account);
    let grant = Grant { owner, parent: None, context: token, expires_at };
    let sealer = state.verifier.sealer().await?;
    Ok(Credentials::issue(&sealer, &grant).map_err(Error::from)?)
}

/// Opens a session of an account by the MFA that a request brought.
pub(super) async fn open(
    state: &State,
    caller: &Caller,
    (account, lifetime): (&AccountId, Option<Lifetime>),
    mfa: MfaGiven,
    arrived: Instant,
) -> Result<Opened, Failure> {
    let Some(proof) = mfa.proof() else {
        leave_at_interval(state, arrived).await;
        return Err(Denied::Session(None).into());
    };
    let opening = Opening { account: Some(account.as_str()), audience: None, lifetime, proof };
    sessions::open(state, caller, opening, arrived).await
}

impl MfaGiven {
    /// The MFA of the header `x-amz-mfa`: a serial number, a blank, a code.
    pub(super) fn of_header(value: &str) -> MfaGiven {
        let (serial, code) = value.trim().rsplit_once(' ').unwrap_or((value, ""));
        let code = Some(code.to_owned().into());
        MfaGiven { serial: Some(serial.trim_end().to_owned()), code }
    }

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

/// The lifetime of a session; one of root's lasts an hour at most, as AWS cuts it.
fn lifetime(principal: &Principal, seconds: u64) -> Result<Lifetime, Error> {
    let lifetime = Lifetime::try_from(Duration::from_secs(seconds))?;
    match principal {
        Principal::Root { .. } => Lifetime::try_from(Duration::from_secs(seconds.min(3_600))),
        Principal::User { .. } => Ok(lifetime),
    }
}
