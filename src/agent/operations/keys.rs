//! Security keys: enrolment, and the beginning of a sign-in.

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::Role;
use crate::agent::operations::{scope, sessions};
use crate::agent::state::State;
use crate::device::Device;
use crate::id::DeviceName;
use crate::session::SignedContext;
use crate::verifier::{Begun, CeremonyId, Error, SecurityKeys};
use crate::webauthn::{CreationOptions, RegistrationResponse, RequestOptions};

/// Begins the enrolment of a security key.
pub(crate) async fn begin(
    state: &State,
    caller: &Caller,
    account: &str,
    name: Option<DeviceName>,
    proof: Option<&SignedContext>,
) -> Result<Begun<CreationOptions>, Failure> {
    let account = scope::account(state, caller, Role::Enroller, account)?;
    let _lane = scope::lane(caller, &account).await;
    let authority = scope::authority(state, caller, proof).await?;
    let keys = scope::keys(state, caller);
    Ok(keys.begin_registration(&account, name, &authority).await?)
}

/// Enrols the security key that answered. The ceremony ends with any outcome.
pub(crate) async fn finish(
    state: &State,
    caller: &Caller,
    id: &CeremonyId,
    answer: RegistrationResponse,
    proof: Option<&SignedContext>,
) -> Result<Device, Failure> {
    caller.must_be(Role::Enroller)?;
    let keys = scope::keys(state, caller);
    // The ceremony of a hidden account is reported as missing, and stays open.
    let account = keys.owner(id).await?;
    if !caller.sees(&account) {
        return Err(SecurityKeys::no_ceremony().into());
    }
    let _lane = scope::lane(caller, &account).await;
    let authority = scope::authority(state, caller, proof).await?;
    let finished = keys.finish_registration(id, answer, &authority).await;
    Ok(finished.inspect_err(|error| {
        if let Error::KeyRefused(_) = error {
            state.metrics.refused("key_refused");
        }
    })?)
}

/// Begins a sign-in with a security key. A hidden account, and one without keys, gets a ceremony
/// as well. Without an account the key names it.
pub(crate) async fn begin_authentication(
    state: &State,
    caller: &Caller,
    account: Option<&str>,
) -> Result<Begun<RequestOptions>, Failure> {
    let account = account.map(|name| scope::named(state, name)).transpose()?;
    let keys = scope::keys(state, caller);
    let _lane = match &account {
        Some(account) => scope::lane(caller, account).await,
        None => None,
    };
    Ok(match account {
        Some(account) if caller.sees(&account) => keys.begin_authentication(&account).await?,
        Some(account) => keys.begin_hidden_authentication(&account).await?,
        None if !state.config.security_keys.usernameless => {
            return Err(sessions::no_account().into());
        }
        None if caller.sees_only_its_own() => {
            return Err(Denied::forbidden(
                "you may sign in to the account of your own login name: say which that is in \
                 `account`",
            )
            .into());
        }
        None => keys.begin_usernameless().await?,
    })
}
