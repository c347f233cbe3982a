//! Access keys of AWS's wire, for administrators.

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::config::Role;
use crate::agent::operations::scope;
use crate::agent::state::State;
use crate::aws::sigv4::AccessKeyId;
use crate::aws::{AccessKeyRecord, KeyOwner, MadeAccessKey, UserName};

/// The owner of a new key, as the caller names it.
pub(crate) enum OwnerName<'a> {
    Root,
    User(&'a str),
}

/// Makes a key. Its secret is returned this once.
pub(crate) async fn make(
    state: &State,
    caller: &Caller,
    owner: OwnerName<'_>,
) -> Result<MadeAccessKey, Failure> {
    ready(state, caller)?;
    let owner = match owner {
        OwnerName::Root if state.plane.root.is_none() => {
            return Err(Denied::bad_input("root has no account: set aws.root_account").into());
        }
        OwnerName::Root => KeyOwner::Root,
        OwnerName::User(name) => {
            let account = scope::existing_account(state, caller, Role::Admin, name)?;
            if UserName::of(&account).is_none() {
                return Err(Denied::bad_input(
                    "account: its name is no name of an AWS user: 1 to 64 letters, digits and \
                     +=,.@-_",
                )
                .into());
            }
            KeyOwner::User(account)
        }
    };
    make_for(state, caller, &owner).await
}

/// Makes a key of this owner.
pub(super) async fn make_for(
    state: &State,
    caller: &Caller,
    owner: &KeyOwner,
) -> Result<MadeAccessKey, Failure> {
    let made = state.plane.keys(&caller.id).make(owner).await?;
    Ok(made.map_err(|_| Denied::LimitExceeded("an owner has two access keys at most"))?)
}

/// Lists the keys that the caller sees.
pub(crate) async fn list(
    state: &State,
    caller: &Caller,
) -> Result<Vec<(KeyOwner, AccessKeyRecord)>, Failure> {
    ready(state, caller)?;
    caller.place.page().await;
    let keys = state.plane.keys(&caller.id).all().await?;
    Ok(keys.into_iter().filter(|(owner, _)| sees(caller, owner)).collect())
}

/// Lets a key sign, or no longer.
pub(crate) async fn set_active(
    state: &State,
    caller: &Caller,
    id: &str,
    active: bool,
) -> Result<(), Failure> {
    let (owner, id) = seen(state, caller, id).await?;
    Ok(state.plane.keys(&caller.id).set_active(&owner, &id, active).await?)
}

/// Deletes a key. Sessions that it opened end with it.
pub(crate) async fn delete(state: &State, caller: &Caller, id: &str) -> Result<(), Failure> {
    let (owner, id) = seen(state, caller, id).await?;
    delete_of(state, caller, &owner, &id).await
}

/// Deletes a key of this owner.
pub(super) async fn delete_of(
    state: &State,
    caller: &Caller,
    owner: &KeyOwner,
    id: &AccessKeyId,
) -> Result<(), Failure> {
    state.plane.keys(&caller.id).delete(owner, id).await?;
    state.plane.signing_keys.forget(id);
    Ok(())
}

/// A key that exists for the caller: its owner, and its id.
async fn seen(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<(KeyOwner, AccessKeyId), Failure> {
    let found = list(state, caller).await?.into_iter().find(|(_, key)| key.id.as_str() == id);
    let (owner, key) = found.ok_or(Denied::NotFound("access key"))?;
    Ok((owner, key.id))
}

fn sees(caller: &Caller, owner: &KeyOwner) -> bool {
    match owner {
        KeyOwner::Root => caller.sees_all(),
        KeyOwner::User(account) => caller.sees(account),
    }
}

/// Access keys are for administrators.
fn ready(state: &State, caller: &Caller) -> Result<(), Denied> {
    caller.must_be(Role::Admin)?;
    must_be_on(state)
}

/// Without AWS's wire there are no access keys, and no routes that concern them.
pub(super) fn must_be_on(state: &State) -> Result<(), Denied> {
    if state.config.aws.is_on() { Ok(()) } else { Err(Denied::NotFound("page")) }
}
