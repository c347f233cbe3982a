//! Policies of users, as IAM has them.

use crate::agent::access::Failure;
use crate::agent::operations::aws_rights::{Signer, over_user};
use crate::agent::state::State;
use crate::aws::document::DocumentError;
use crate::aws::{PolicyName, UserName};
use crate::verifier::Error;

/// Puts a policy of a user in place of the one of its name, or tells what is wrong with the text.
pub(crate) async fn put(
    state: &State,
    signer: &Signer,
    (user, name): (&UserName, &PolicyName),
    document: &str,
) -> Result<Result<(), DocumentError>, Failure> {
    let (caller, account) = over_user(state, signer, "iam:PutUserPolicy", Some(user)).await?;
    Ok(state.plane.policies(&caller.id).put(&account, name, document).await?)
}

/// Returns the text of a policy of a user, as it was put.
pub(crate) async fn get(
    state: &State,
    signer: &Signer,
    (user, name): (&UserName, &PolicyName),
) -> Result<String, Failure> {
    let (_, account) = over_user(state, signer, "iam:GetUserPolicy", Some(user)).await?;
    let mut policies = state.plane.own_policies().present(&account).await?;
    Ok(policies.remove(name).ok_or(Error::NotFound("policy"))?)
}

/// Lists the names of a user's policies, in order.
pub(crate) async fn list(
    state: &State,
    signer: &Signer,
    user: &UserName,
) -> Result<Vec<PolicyName>, Failure> {
    let (_, account) = over_user(state, signer, "iam:ListUserPolicies", Some(user)).await?;
    Ok(state.plane.own_policies().present(&account).await?.into_keys().collect())
}

/// Deletes a policy of a user.
pub(crate) async fn delete(
    state: &State,
    signer: &Signer,
    (user, name): (&UserName, &PolicyName),
) -> Result<(), Failure> {
    let (caller, account) = over_user(state, signer, "iam:DeleteUserPolicy", Some(user)).await?;
    Ok(state.plane.policies(&caller.id).delete(&account, name).await?)
}
