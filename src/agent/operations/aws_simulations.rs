//! Simulations of policies: what requests would be answered, none of which is made.

use std::collections::BTreeSet;

use crate::agent::access::Failure;
use crate::agent::operations::aws_rights::{
    Circumstances, Effect, NamedPolicies, Rights, Signer, Verdict, authorize, explained, over_user,
};
use crate::agent::operations::aws_users;
use crate::agent::state::State;
use crate::aws::document::{
    ActionName, Asked, Credentials, HypotheticalContext, ResourceName, SimulatedOutcome,
};
use crate::aws::{Principal, UserName};

/// Assumed requests: each of these actions on each of these resources.
pub(crate) struct Assumed {
    pub(crate) actions: Vec<ActionName>,
    pub(crate) resources: Vec<ResourceName>,
    /// Context keys, in place of those that the principal has by itself.
    pub(crate) context: HypotheticalContext,
}

/// The answer that an assumed request would get.
pub(crate) struct Simulated {
    pub(crate) asked: Asked,
    pub(crate) verdict: Verdict,
}

/// Simulates requests under policies that the caller brings.
pub(crate) async fn custom(
    state: &State,
    signer: &Signer,
    policies: &NamedPolicies,
    assumed: &Assumed,
) -> Result<Vec<Simulated>, Failure> {
    authorize(state, signer, "iam:SimulateCustomPolicy", "*").await?;
    Ok(simulate(policies, assumed, &assumed.context).await)
}

/// Simulates requests of a user, under the policies of the user and those that the caller brings.
pub(crate) async fn of_user(
    state: &State,
    signer: &Signer,
    (user, more): (&UserName, NamedPolicies),
    assumed: &Assumed,
) -> Result<Vec<Simulated>, Failure> {
    let action = "iam:SimulatePrincipalPolicy";
    let (principal, mut policies) = policies_of(state, signer, action, user).await?;
    policies.extend(more);
    let now = state.verifier.now().await?;
    let assuming = Circumstances { now, source_ip: None, secure_transport: None, own: Vec::new() };
    let principal = (&state.plane.number, &principal);
    let context = assuming.context_of(principal, Credentials::LongTerm, None);
    Ok(simulate(&policies, assumed, &assumed.context.clone().on(context)).await)
}

/// The context keys that the policies of a user read, and those of policies that the caller brings.
pub(crate) async fn keys_of_user(
    state: &State,
    signer: &Signer,
    user: &UserName,
    more: NamedPolicies,
) -> Result<BTreeSet<String>, Failure> {
    let action = "iam:GetContextKeysForPrincipalPolicy";
    let (_, mut policies) = policies_of(state, signer, action, user).await?;
    policies.extend(more);
    Ok(keys_of(&policies))
}

/// The context keys that policies read, which the caller brings.
pub(crate) async fn keys_of_custom(
    state: &State,
    signer: &Signer,
    policies: &NamedPolicies,
) -> Result<BTreeSet<String>, Failure> {
    authorize(state, signer, "iam:GetContextKeysForCustomPolicy", "*").await?;
    Ok(keys_of(policies))
}

fn keys_of(policies: &NamedPolicies) -> BTreeSet<String> {
    let keys = policies.iter().flat_map(|(_, policy)| policy.context_keys());
    keys.map(ToString::to_string).collect()
}

/// A user, and the policies that decide about its requests.
async fn policies_of(
    state: &State,
    signer: &Signer,
    action: &str,
    user: &UserName,
) -> Result<(Principal, NamedPolicies), Failure> {
    let (_, account) = over_user(state, signer, action, Some(user)).await?;
    let user_id = aws_users::id_of(state, &account).await?;
    let principal = Principal::User { account, name: user.clone(), user_id };
    match Rights::of(state, &principal).await? {
        Rights::Policies(policies) => Ok((principal, policies)),
        Rights::Everything => Ok((principal, Vec::new())),
    }
}

async fn simulate(
    policies: &NamedPolicies,
    assumed: &Assumed,
    context: &HypotheticalContext,
) -> Vec<Simulated> {
    let mut answers = Vec::new();
    for action in &assumed.actions {
        for resource in &assumed.resources {
            let asked = Asked { action: action.clone(), resource: resource.clone() };
            let verdict = explained(policies, |policies| {
                let simulation = policies.simulate(&asked, context);
                let effect = match simulation.outcome {
                    SimulatedOutcome::Allowed => Effect::Allowed,
                    SimulatedOutcome::ExplicitDeny => Effect::ExplicitDeny,
                    SimulatedOutcome::ImplicitDeny(_) => Effect::ImplicitDeny,
                };
                (effect, simulation.matched, simulation.missing)
            });
            answers.push(Simulated { asked, verdict });
            // Others have their turn between decisions, each of which a policy may make slow.
            tokio::task::yield_now().await;
        }
    }
    answers
}
