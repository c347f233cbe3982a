//! Users of IAM and their access keys.

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::operations::access_keys;
use crate::agent::operations::aws_rights::{Signer, over_user};
use crate::agent::state::State;
use crate::aws::sigv4::AccessKeyId;
use crate::aws::{AccessKeyRecord, KeyOwner, MadeAccessKey, Principal, UserName, user_id};
use crate::id::AccountId;
use crate::store::Account;
use crate::time::UnixTime;

/// A user, as IAM shows one.
pub(crate) struct User {
    pub(crate) name: UserName,
    /// `AIDA` and 16 characters.
    pub(crate) id: String,
    pub(crate) created_at: UnixTime,
}

/// Shows a user; without a name, the signer.
pub(crate) async fn user(
    state: &State,
    signer: &Signer,
    user: Option<&UserName>,
) -> Result<User, Failure> {
    let (_, account) = over_user(state, signer, "iam:GetUser", user).await?;
    let name = user.or_else(|| signer.identity.principal.user_name());
    let name = name.ok_or_else(|| Denied::bad_input("UserName: root is no user"))?;
    shown(state, name.clone(), &present(state, &account).await?).await
}

/// The unique id of the user that an account is.
pub(super) async fn id_of(state: &State, account: &AccountId) -> Result<String, Failure> {
    let sealer = state.verifier.sealer().await?;
    Ok(user_id(&sealer, &present(state, account).await?))
}

/// The account that is a user.
async fn present(state: &State, account: &AccountId) -> Result<Account, Failure> {
    let seen = state.verifier.store().account(account).await?;
    let seen = seen.map(|seen| seen.account).filter(|account| account.removed_at.is_none());
    Ok(seen.ok_or(Denied::NotFound("user"))?)
}

/// The user that an account is.
pub(crate) async fn shown(
    state: &State,
    name: UserName,
    account: &Account,
) -> Result<User, Failure> {
    let sealer = state.verifier.sealer().await?;
    Ok(User { name, id: user_id(&sealer, account), created_at: account.created_at })
}

/// Makes an access key of a user; without a name, of the signer.
pub(crate) async fn make_key(
    state: &State,
    signer: &Signer,
    user: Option<&UserName>,
) -> Result<MadeAccessKey, Failure> {
    let (caller, owner) = owner(state, signer, "iam:CreateAccessKey", user).await?;
    access_keys::make_for(state, &caller, &owner).await
}

/// Lists the access keys of a user, oldest first.
pub(crate) async fn keys(
    state: &State,
    signer: &Signer,
    user: Option<&UserName>,
) -> Result<Vec<AccessKeyRecord>, Failure> {
    let (caller, owner) = owner(state, signer, "iam:ListAccessKeys", user).await?;
    Ok(state.plane.keys(&caller.id).of(&owner).await?)
}

/// Lets a key of a user sign, or no longer.
pub(crate) async fn set_active(
    state: &State,
    signer: &Signer,
    (user, id): (Option<&UserName>, &AccessKeyId),
    active: bool,
) -> Result<(), Failure> {
    let (caller, owner) = owner(state, signer, "iam:UpdateAccessKey", user).await?;
    Ok(state.plane.keys(&caller.id).set_active(&owner, id, active).await?)
}

/// Deletes a key of a user. Sessions that it opened end with it.
pub(crate) async fn delete_key(
    state: &State,
    signer: &Signer,
    (user, id): (Option<&UserName>, &AccessKeyId),
) -> Result<(), Failure> {
    let (caller, owner) = owner(state, signer, "iam:DeleteAccessKey", user).await?;
    access_keys::delete_of(state, &caller, &owner, id).await
}

/// The owner of keys that a request names.
async fn owner(
    state: &State,
    signer: &Signer,
    action: &str,
    user: Option<&UserName>,
) -> Result<(Caller, KeyOwner), Failure> {
    let (caller, account) = over_user(state, signer, action, user).await?;
    let owner = match (&signer.identity.principal, user) {
        (Principal::Root { .. }, None) => KeyOwner::Root,
        _ => KeyOwner::User(account),
    };
    Ok((caller, owner))
}
