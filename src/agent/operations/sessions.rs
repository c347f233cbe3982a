//! Sessions: open, introspect, revoke. All refusals to open one look, cost and take the same.

use std::time::Instant;

use crate::agent::access::{Caller, Denied, Failure, Refused};
use crate::agent::config::Role;
use crate::agent::operations::scope;
use crate::agent::operations::timing::{end_turn, leave_at_interval};
use crate::agent::state::State;
use crate::device::{DeviceState, Refusal};
use crate::id::{AccountId, OddCharacter, SerialNumber};
use crate::otp;
use crate::otp::{CodePair, Counter};
use crate::session::{AnyContext, Issuer, Lifetime, SignedContext};
use crate::time::UnixTime;
use crate::verifier::{CeremonyId, Error, Passcode, Revoked, Verified};
use crate::webauthn::AuthenticationResponse;

/// A session to open.
pub(crate) struct Opening<'a> {
    /// The name of the account; none if the security key names it.
    pub(crate) account: Option<&'a str>,
    pub(crate) audience: Option<&'a str>,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) proof: Proof,
}

/// The proof that opens a session.
pub(crate) enum Proof {
    /// A code, of the given device or of the only one.
    Passcode(Option<SerialNumber>, Passcode),
    /// Two consecutive codes of a device that is out of sync, and the counter of the first one
    /// where the client knows it.
    Pair(SerialNumber, [otp::Code; 2], Option<Counter>),
    /// The answer of a security key to a ceremony.
    Key(CeremonyId, Box<AuthenticationResponse>),
    /// No proof: the context will be one without MFA.
    None,
}

/// An open session.
pub(crate) struct Opened {
    pub(crate) signed: SignedContext,
    pub(crate) context: AnyContext,
    /// The time at which it was opened.
    pub(crate) now: UnixTime,
}

/// The target of a session, resolved.
pub(super) struct Target {
    pub(super) account: Option<AccountId>,
    pub(super) audience: String,
    pub(super) lifetime: Option<Lifetime>,
}

/// The result of a proof.
enum Proven<'a> {
    Mfa(Verified),
    /// Only the account, on the caller's word.
    Nothing(&'a AccountId),
}

/// Opens a session. A refusal is answered at the first interval after `arrived` that the work has
/// passed.
pub(crate) async fn open(
    state: &State,
    caller: &Caller,
    opening: Opening<'_>,
    arrived: Instant,
) -> Result<Opened, Failure> {
    let Opening { account, audience, lifetime, proof } = opening;
    let account = account.map(|name| scope::named(state, name)).transpose()?;
    let by_key = state.config.security_keys.usernameless && matches!(proof, Proof::Key(..));
    if account.is_none() && !by_key {
        return Err(no_account().into());
    }
    let audience = audience_of(state, audience)?;
    open_for(state, caller, Target { account, audience, lifetime }, proof, arrived).await
}

pub(super) async fn open_for(
    state: &State,
    caller: &Caller,
    target: Target,
    proof: Proof,
    arrived: Instant,
) -> Result<Opened, Failure> {
    let Target { account, audience, lifetime } = target;
    let issuer = state.issuer.clone().on_behalf_of(caller.id.clone());
    let issuer = lifetime.into_iter().fold(issuer, Issuer::lifetime);
    let lane = match &account {
        Some(account) => scope::lane(caller, account).await,
        None => None,
    };
    let (now, begun) = (state.verifier.clock().read().wall, Instant::now());
    let unnamed = matches!(proof, Proof::Passcode(None, Passcode::Otp(_)));
    let issued = match prove(state, caller, account.as_ref(), proof).await {
        Ok(Proven::Mfa(verified)) => issuer
            .issue_and_read(verified, &audience)
            .await
            .map(|(signed, context)| (signed, AnyContext::Mfa(context))),
        Ok(Proven::Nothing(account)) => issuer
            .issue_without_mfa(account, &audience)
            .await
            .map(|(signed, context)| (signed, AnyContext::WithoutMfa(context))),
        Err(Error::Refused(refusal)) => {
            scope::refused(state, caller, &refusal);
            tracing::debug!(reason = refusal.name(), "a session was refused");
            let explain = caller.hears_why(account.as_ref());
            let named = account.as_ref().filter(|_| explain && unnamed);
            let refusal = match (named, refusal) {
                (Some(account), Refusal::UnknownDevice) => which_device(state, account).await,
                (_, refusal) => refusal,
            };
            caller.place.release();
            end_turn(state, begun).await;
            drop(lane);
            leave_at_interval(state, arrived).await;
            let refused = Refused { refusal, explain, now };
            return Err(Denied::Session(Some(refused)).into());
        }
        Err(error) => Err(error),
    };
    let (signed, context) = issued.map_err(contended)?;
    state.metrics.issued(&context);
    Ok(Opened { signed, context, now })
}

/// The context of a token, if it is alive and its account exists for the caller.
pub(crate) async fn introspect(
    state: &State,
    caller: &Caller,
    token: &SignedContext,
    audience: Option<&str>,
) -> Result<Option<AnyContext>, Failure> {
    let audience = audience.unwrap_or(state.issuer.name());
    let context = state.introspector.introspect(token, audience).await?;
    Ok(context.filter(|context| caller.sees(&context.common().account)))
}

/// Revokes one context. Revoking a dead one changes nothing.
pub(crate) async fn revoke_one(
    state: &State,
    caller: &Caller,
    token: &SignedContext,
    audience: Option<&str>,
) -> Result<(), Failure> {
    caller.must_be(Role::Enroller)?;
    if let Some(context) = introspect(state, caller, token, audience).await? {
        let common = context.common();
        scope::verifier(state, caller)
            .revoke_session(&common.account, &common.session_id, common.expires_at)
            .await?;
    }
    Ok(())
}

/// Revokes an account's contexts, up to a time and of one device where these are given.
pub(crate) async fn revoke_all(
    state: &State,
    caller: &Caller,
    account: &str,
    issued_before: Option<UnixTime>,
    serial: Option<&SerialNumber>,
) -> Result<Revoked, Failure> {
    let account = scope::existing_account(state, caller, Role::Enroller, account)?;
    let _lane = scope::lane(caller, &account).await;
    let verifier = scope::verifier(state, caller);
    Ok(verifier.revoke_sessions(&account, issued_before, serial).await?)
}

/// The audience of a session: the given one, if the configuration allows it, or the issuer.
pub(super) fn audience_of(state: &State, wanted: Option<&str>) -> Result<String, Denied> {
    let Some(wanted) = wanted else { return Ok(state.issuer.name().to_owned()) };
    let odd = OddCharacter::first_unprintable_in(wanted);
    if !(1..=256).contains(&wanted.len()) || odd.is_some() {
        let found = odd.map_or_else(String::new, |odd| format!("; in this one there is {odd}"));
        return Err(Denied::bad_input(format!(
            "an audience is 1 to 256 bytes of printable text{found}"
        )));
    }
    if !state.config.allows_audience(wanted) {
        return Err(Denied::bad_input(format!(
            "the agent issues nothing for the audience {wanted}: add it to audiences in its \
             configuration"
        )));
    }
    Ok(wanted.to_owned())
}

/// The denial of a request that names no account and needs one.
pub(super) fn no_account() -> Denied {
    Denied::bad_input(NO_ACCOUNT)
}

async fn prove<'a>(
    state: &State,
    caller: &Caller,
    account: Option<&'a AccountId>,
    proof: Proof,
) -> Result<Proven<'a>, Error> {
    let verifier = scope::verifier(state, caller);
    let keys = scope::keys(state, caller);
    let Some(account) = account else {
        let Proof::Key(id, answer) = proof else {
            return Err(Error::BadInput(NO_ACCOUNT.to_owned()));
        };
        let sees = |account: &AccountId| caller.sees(account);
        return keys.finish_usernameless(&id, *answer, sees).await.map(Proven::Mfa);
    };
    let window = scope::window(caller);
    if !caller.sees(account) {
        let (serial, pair) = match &proof {
            Proof::Passcode(serial, _) => (serial.as_ref(), None),
            Proof::Pair(serial, ..) => (Some(serial), Some(window)),
            Proof::Key(..) | Proof::None => (None, None),
        };
        return Err(verifier.refuse_hidden(account, serial, pair).await?);
    }
    let verified = match proof {
        Proof::Passcode(serial, code) => verifier.verify_code(account, serial.as_ref(), code).await,
        Proof::Pair(serial, [first, second], counter) => {
            let codes = CodePair { codes: [&first, &second], counter };
            verifier.verify_pair(account, &serial, codes, window).await
        }
        Proof::Key(id, answer) => keys.finish_authentication(account, &id, *answer).await,
        Proof::None => return Ok(Proven::Nothing(account)),
    };
    verified.map(Proven::Mfa)
}

/// The reason why a code without a serial number is of no device, by the states of those that the
/// account has.
async fn which_device(state: &State, account: &AccountId) -> Refusal {
    let seen = state.verifier.store().account(account).await.ok().flatten();
    let devices = seen.iter().flat_map(|seen| &seen.devices).map(|enrolled| &enrolled.device);
    let states: Vec<DeviceState> = devices
        .filter(|device| device.can_be_guessed())
        .map(|device| device.state)
        .collect();
    match states.iter().filter(|state| **state == DeviceState::Active).count() {
        0 if states.contains(&DeviceState::Locked) => Refusal::Locked,
        0 if !states.is_empty() => Refusal::NotActive,
        0 | 1 => Refusal::UnknownDevice,
        _ => Refusal::SeveralDevices,
    }
}

/// Reports a lost race as the agent's momentary state: the caller did nothing wrong, and nothing
/// was spent.
fn contended(error: Error) -> Failure {
    match error {
        Error::Contended => Denied::Unavailable(
            "too many requests for this account at the same time: try again".to_owned(),
        )
        .into(),
        error => error.into(),
    }
}

const NO_ACCOUNT: &str = "name the account: only a sign-in by a security key can do without, where \
                          usernameless is set in the agent's configuration";
