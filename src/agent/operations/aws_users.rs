//! Users of IAM and their access keys.

use crate::agent::access::{Caller, Denied, Failure};
use crate::agent::operations::aws_devices::Deletion;
use crate::agent::operations::aws_rights::{Signer, authorize, over_user};
use crate::agent::operations::{access_keys, scope};
use crate::agent::state::State;
use crate::aws::sigv4::AccessKeyId;
use crate::aws::{AccessKeyRecord, KeyOwner, KeyUse, MadeAccessKey, Principal, UserName, user_id};
use crate::id::AccountId;
use crate::store::{Account, AccountEntry, AccountList};
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

/// Makes a user: an account without a device.
pub(crate) async fn create(
    state: &State,
    signer: &Signer,
    name: &UserName,
) -> Result<User, Failure> {
    let arn = state.plane.number.user(name);
    authorize(state, signer, "iam:CreateUser", &arn).await?;
    let account = name.account().map_err(Denied::bad_input)?;
    let account = scope::named(state, account.as_str())?;
    let added = scope::verifier(state, &signer.caller).add_account(&account).await?;
    shown(state, name.clone(), &added).await
}

/// Lists users by name, up to one more than a page has.
pub(crate) async fn list(
    state: &State,
    signer: &Signer,
    (after, most): (Option<&str>, usize),
) -> Result<Vec<User>, Failure> {
    authorize(state, signer, "iam:ListUsers", &state.plane.number.users()).await?;
    let mut after = after.map(AccountId::existing).transpose().map_err(Denied::bad_input)?;
    signer.caller.place.page().await;
    let mut users = Vec::new();
    loop {
        let list = AccountList { without_mfa: false, prefix: None, after, limit: READ_AT_ONCE };
        let entries = state.verifier.store().accounts(list).await?;
        for AccountEntry { account, .. } in &entries {
            if let (Some(name), None) = (UserName::of(&account.id), account.removed_at) {
                users.push(shown(state, name, account).await?);
            }
        }
        after = entries.last().map(|entry| entry.account.id.clone());
        if users.len() > most || after.is_none() {
            return Ok(users);
        }
    }
}

/// Deletes a user who has neither keys, policies nor devices.
pub(crate) async fn delete(
    state: &State,
    signer: &Signer,
    user: &UserName,
) -> Result<Deletion, Failure> {
    let (caller, account) = over_user(state, signer, "iam:DeleteUser", Some(user)).await?;
    let seen = state.verifier.store().account(&account).await?;
    let devices = seen.ok_or(Denied::NotFound("user"))?.devices;
    let keys = state.plane.own_keys().of(&KeyOwner::User(account.clone())).await?;
    let policies = state.plane.own_policies().present(&account).await?;
    if !(devices.is_empty() && keys.is_empty() && policies.is_empty()) {
        return Ok(Deletion::InUse);
    }
    let verifier = scope::verifier(state, &caller);
    verifier.remove_account(&account).await?;
    Ok(Deletion::Done)
}

/// The last use of a key, and the user who has it; root's key has none.
pub(crate) async fn last_use(
    state: &State,
    signer: &Signer,
    id: &AccessKeyId,
) -> Result<(Option<UserName>, Option<KeyUse>), Failure> {
    let action = "iam:GetAccessKeyLastUsed";
    let found = state.plane.own_keys().find(id).await?;
    let owner = found.as_ref().map(|found| &found.owner);
    let user = match owner {
        Some(KeyOwner::User(account)) => UserName::of(account),
        Some(KeyOwner::Root) | None => None,
    };
    let number = &state.plane.number;
    let resource = user.as_ref().map_or_else(|| number.root(), |user| number.user(user));
    authorize(state, signer, action, &resource).await?;
    let found = found.ok_or(Denied::NotFound("access key"))?;
    let noted = state.plane.last_uses.of(id);
    Ok((user, noted.or(found.record.last_use)))
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

/// Accounts of one reading of a list.
const READ_AT_ONCE: u32 = 500;
